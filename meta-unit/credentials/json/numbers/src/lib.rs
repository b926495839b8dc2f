//! Doubles as decimal text.
//!
//! A crate of its own, since Cargo sets the level of optimization for a crate: documents to be signed hold few numbers, and what is around them is compiled for speed.

mod read;
mod write;

pub use read::read_number;
pub use write::write_number;
