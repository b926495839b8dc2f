//! Backup files in the age format, version 1 (age-encryption.org/v1, C2SP), so that they can also be opened without Avatar, by any program that knows the format.
//!
//! A file is encrypted for X25519 keys or with a passphrase (scrypt), and written and read as its bytes come: [`Writer`] and [`Reader`] keep one chunk of 64 KiB.
//! Files are binary; the format's ASCII armor is left to those who want it.

mod header;
mod keys;
mod passphrase;
mod reader;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

pub use keys::{Identity, Recipient};
pub use passphrase::{DEFAULT_LOG_N, MAX_LOG_N};
pub use reader::{Identities, Reader, decrypt};
pub use writer::{MAX_RECIPIENTS, Recipients, Writer, encrypt};

use crate::kdf;

/// The longest header that is read, in bytes. One recipient needs about 100.
pub const MAX_HEADER_BYTES: usize = 32 * 1_024;

/// The key of one file.
type FileKey = Zeroizing<[u8; 16]>;

/// Why a file cannot be written, or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// It does not begin as an age file of version 1 does.
    #[error("this is not an age file of version 1")]
    NotAge,
    /// Its header breaks the format.
    #[error("the file's header is damaged")]
    Header,
    /// Its header is longer than [`MAX_HEADER_BYTES`].
    #[error("the file's header is too long")]
    HeaderTooLong,
    /// Its passphrase costs more than 2^[`MAX_LOG_N`], or what is to be written would.
    #[error("the passphrase's cost is out of bounds")]
    Cost,
    /// There is not enough memory for the passphrase's cost.
    #[error("there is not enough memory to stretch the passphrase")]
    Memory,
    /// None of the keys opens it, or the passphrase does not.
    #[error("this key or passphrase does not open the file")]
    NoMatch,
    /// A key opens it, but its header is not the one that was written.
    #[error("the file's header was changed")]
    HeaderChanged,
    /// Its content is not what was written.
    #[error("the file's content is damaged")]
    Content,
    /// It ends too early.
    #[error("the file is cut off")]
    Truncated,
    /// There is nobody to encrypt for, or more than [`MAX_RECIPIENTS`], or one whose key is no key; or the passphrase is empty.
    #[error("there is no recipient, or one that cannot be encrypted for")]
    Recipients,
    /// A text is no key in age's form.
    #[error("this is not an age key")]
    Key,
}

/// The key of the header's own tag.
fn header_key(file_key: &FileKey) -> Zeroizing<[u8; 32]> {
    kdf::derive(file_key.as_slice(), &[], b"header")
}

/// The key of the content.
fn content_key(file_key: &FileKey, nonce: &[u8; stream::NONCE_BYTES]) -> Zeroizing<[u8; 32]> {
    kdf::derive(file_key.as_slice(), nonce, b"payload")
}
