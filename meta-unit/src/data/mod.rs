//! Documents.

pub mod keys;
pub mod records;
