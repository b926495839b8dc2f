//! The secrets of an Avatar, and nothing else: what is written here is given its time and its randomness, and neither reads nor writes anything outside.
//!
//! - [`age`]: encrypted backup files.
//! - [`device_log`]: who speaks for an account: its signed log of devices and identity keys.
//! - [`keys`]: the data key, under which everything at rest is sealed, and its subkeys.
//! - [`seal`]: sealed records.
//! - [`words`]: the 24 recovery words, and what is derived from them.
//! - [`wrap`]: the data key wrapped under the platform's key, words, a passphrase, a passkey; and the [`wrap::Keyring`] that holds these wrappings.
//!
//! Secrets are wiped when they are dropped; no type that holds one has `Debug`, and no error names one.

mod kdf;
mod wire;

pub mod age;
pub mod device_log;
pub mod keys;
pub mod seal;
pub mod words;
pub mod wrap;

pub use keys::DataKey;

/// Fills a buffer with random bytes, of a generator fit for keys. It must not be less than that: nonces and keys come from here.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;
