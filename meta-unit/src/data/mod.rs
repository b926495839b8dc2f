//! How everything is stored: the keys of the records, their envelope, and the version of it all.

pub mod content;
pub mod keys;
pub mod records;
pub mod schema;
