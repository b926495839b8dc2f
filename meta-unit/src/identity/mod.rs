//! Who owns the documents: an Ed25519 key whose did:key is the owner's name.
//!
//! Where the key is kept stands behind [`Custody`]. [`SoftCustody`], the one there is now, keeps it in the node's own storage.

mod did_key;
mod soft;

use avatar_proto::{AppError, ErrorCode};

use crate::platform::{LocalBoxFuture, PlatformError};

pub use did_key::did_key;
pub use soft::SoftCustody;

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// Keeps the identity's key, and uses it. Nobody else sees it: it may be outside the core, which is why signing is a future and can fail.
pub trait Custody: 'static {
    /// The owner: a did:key.
    fn did(&self) -> &str;

    /// Signs a message with the identity's key.
    fn sign(&self, message: &[u8]) -> LocalBoxFuture<Result<Signature, IdentityError>>;
}

/// Why there is no identity, or no signature.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Storage failed.
    #[error("the identity cannot be stored or read: {0}")]
    Storage(#[from] PlatformError),
    /// The record of the key is damaged. It must not be replaced: the documents belong to the key that it held.
    #[error("the record of the identity is damaged")]
    Corrupt,
}

impl IdentityError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        match self {
            Self::Storage(error) => error.to_app_error(),
            Self::Corrupt => AppError {
                code: ErrorCode::Corrupt.into(),
                message: self.to_string(),
                retryable: false,
            },
        }
    }
}
