//! The secrets of an Avatar, and nothing else: what is written here is given its time and its randomness, and neither reads nor writes anything outside.
//!
//! - [`keys`]: the data key, under which everything at rest is sealed, and its subkeys.
//! - [`seal`]: sealed records.
//!
//! Secrets are wiped when they are dropped; no type that holds one has `Debug`, and no error names one.

mod kdf;

pub mod keys;
pub mod seal;

pub use keys::DataKey;

/// Fills a buffer with random bytes, of a generator fit for keys. It must not be less than that: nonces and keys come from here.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;
