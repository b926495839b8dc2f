//! What the caller lends: answers from the network, and a key's signature. Both may be outside, so both are futures.

use std::future::Future;
use std::pin::Pin;

/// A future of this thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Brings documents from the network.
///
/// What is asked for is https and was [checked](crate::did::check_url): no address and no name that is known to be private. The implementer must
/// refuse names that *resolve* to such addresses, follow no redirects, send no credentials, and give up after a while.
pub trait Fetch {
    /// The body of a GET that was answered with success. More than `max_bytes` is a [`FetchError::TooLarge`], and need not be read.
    fn get<'a>(&'a self, url: &'a str, max_bytes: usize) -> LocalBoxFuture<'a, Result<Vec<u8>, FetchError>>;
}

/// Why a document did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There is no way to fetch: offline, or not allowed here at all.
    #[error("there is no network")]
    Unavailable,
    /// The caller's rules do not allow this address.
    #[error("the address is not allowed")]
    NotAllowed,
    /// The answer has more bytes than allowed.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// More documents than are fetched for one verification.
    #[error("more than {0} documents would have to be fetched")]
    TooMany(usize),
    /// It took too long.
    #[error("no answer came in time")]
    Timeout,
    /// The server answered with something else, or not at all.
    #[error("the server gave no answer: {0}")]
    Failed(String),
}

/// Fetches nothing.
pub struct Offline;

impl Fetch for Offline {
    fn get<'a>(&'a self, _: &'a str, _: usize) -> LocalBoxFuture<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::Unavailable)))
    }
}

/// Signs with a key that this crate never sees.
pub trait Signer {
    /// The URL of the verification method whose key signs, as `did:key:z6Mk…#z6Mk…`.
    fn verification_method(&self) -> &str;

    /// The Ed25519 signature of the message (RFC 8032, pure EdDSA).
    fn sign<'a>(&'a self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<[u8; 64], SignError>>;
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key cannot be used now: it is locked.
    #[error("the key is locked")]
    Locked,
    /// The key's keeper failed.
    #[error("the key could not sign: {0}")]
    Failed(String),
}
