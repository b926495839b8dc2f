//! JSON as the signed formats need it: parsed under limits, duplicate names refused, numbers as IEEE doubles, and one canonical way to write it (RFC 8785).
//!
//! A crate of its own, since Cargo sets the level of optimization for a crate: every credential is read and written several times on its way.
//!
//! The order of members is kept, so that a document is written again as it came.

mod jcs;
mod order;
mod parse;
mod value;

pub use jcs::{canonical, canonical_without};
pub use order::order;
pub use parse::{JsonError, Limits, parse};
pub use value::{Object, Value};
