//! JSON as the signed formats need it: parsed under limits, duplicate names refused, numbers as IEEE doubles, and one canonical way to write it.
//!
//! The order of members is kept, so that a document is written again as it came.

mod jcs;
mod number;
mod parse;
mod read_number;
mod value;

pub use jcs::{canonical, canonical_without};
pub use parse::{JsonError, Limits, parse};
pub use value::{Object, Value};

pub(crate) use number::write_number;
