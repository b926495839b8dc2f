//! Why an operation fails, and how it is told.

use avatar_proto::{AbiStatus, Message, OpError, OpErrorCode, P2pResult};

use crate::disk::Completion;

/// For a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    status: AbiStatus,
    code: OpErrorCode,
    message: String,
}

impl Failure {
    fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message }
    }

    /// The values of a command cannot be used.
    pub fn invalid(message: &str) -> Self {
        Self::new(AbiStatus::Invalid, OpErrorCode::Invalid, message)
    }

    /// What it names is not there.
    pub fn not_found(message: &str) -> Self {
        Self::new(AbiStatus::NotFound, OpErrorCode::NotFound, message)
    }

    /// The network, or the other end.
    pub fn network(message: &str) -> Self {
        Self::new(AbiStatus::Io, OpErrorCode::Network, message)
    }

    /// Not in time.
    pub fn timeout(message: &str) -> Self {
        Self::new(AbiStatus::Io, OpErrorCode::Timeout, message)
    }

    /// Somebody else is there.
    pub fn denied(message: &str) -> Self {
        Self::new(AbiStatus::Denied, OpErrorCode::Denied, message)
    }

    /// The other end does not do that.
    pub fn unsupported(message: &str) -> Self {
        Self::new(AbiStatus::Unsupported, OpErrorCode::Unsupported, message)
    }

    /// Too much at once.
    pub fn limit(message: &str) -> Self {
        Self::new(AbiStatus::Limit, OpErrorCode::TooLarge, message)
    }

    /// It does not fit what is under way.
    pub fn bad_state(message: &str) -> Self {
        Self::new(AbiStatus::BadState, OpErrorCode::Other, message)
    }

    /// Nobody waits any more.
    pub fn cancelled() -> Self {
        Self::new(AbiStatus::Cancelled, OpErrorCode::Cancelled, "cancelled")
    }

    /// That somebody else answered (H25) weighs more than that somebody did not.
    pub fn of_all(failures: &[Self]) -> Self {
        let words: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        let words = words.join("; ");
        match failures.iter().find(|failure| failure.status == AbiStatus::Denied) {
            Some(denied) => Self::new(denied.status, denied.code, words),
            None => Self::network(&words),
        }
    }
}

/// How an operation ends.
pub fn completion(op: u64, result: Result<P2pResult, Failure>) -> Completion {
    let (status, head) = match result {
        Ok(result) => (0, result.encode_to_vec()),
        Err(Failure { status, code, message }) => {
            let code = code.into();
            (status.code(), OpError { code, message }.encode_to_vec())
        }
    };
    Completion {
        op,
        status,
        head,
        body: Vec::new(),
    }
}
