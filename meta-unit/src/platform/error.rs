//! Why the world did not do what was asked.

use avatar_proto::{AbiStatus, AppError, ErrorCode, OpError, OpErrorCode};

/// An operation that the host refused, or took and could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:?} ({status:?}): {message}")]
pub struct PlatformError {
    /// The layer below: what the call, or its completion, returned.
    pub status: AbiStatus,
    /// What went wrong in the outside world.
    pub code: OpErrorCode,
    /// For logs and developers.
    pub message: String,
}

impl PlatformError {
    /// The host did not accept the operation.
    pub fn refused(status: AbiStatus) -> Self {
        let code = match status {
            AbiStatus::Unsupported => OpErrorCode::Unsupported,
            AbiStatus::Denied => OpErrorCode::Denied,
            AbiStatus::Cancelled => OpErrorCode::Cancelled,
            AbiStatus::Limit => OpErrorCode::TooLarge,
            _ => OpErrorCode::Other,
        };
        Self {
            status,
            code,
            message: format!("the host did not take the operation: {status:?}"),
        }
    }

    /// The host accepted the operation, and it failed.
    pub fn failed(status: AbiStatus, error: OpError) -> Self {
        Self {
            status,
            code: error.code(),
            message: error.message,
        }
    }

    /// The host's answer breaks the contract.
    pub fn broken_answer(message: &str) -> Self {
        Self {
            status: AbiStatus::Corrupt,
            code: OpErrorCode::Other,
            message: message.to_owned(),
        }
    }

    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let (code, retryable) = match self.code {
            OpErrorCode::QuotaExceeded => (ErrorCode::QuotaExceeded, true),
            OpErrorCode::StorageBlocked => (ErrorCode::StorageBlocked, true),
            OpErrorCode::StorageLost => (ErrorCode::StorageLost, true),
            OpErrorCode::Cancelled => (ErrorCode::Cancelled, true),
            OpErrorCode::Denied => (ErrorCode::Denied, false),
            OpErrorCode::Unsupported => (ErrorCode::Unsupported, false),
            OpErrorCode::TooLarge => (ErrorCode::Limit, false),
            OpErrorCode::NotFound => (ErrorCode::NotFound, false),
            OpErrorCode::Corrupt => (ErrorCode::Corrupt, false),
            OpErrorCode::Invalid => (ErrorCode::InvalidArgument, false),
            OpErrorCode::Unspecified | OpErrorCode::Timeout | OpErrorCode::Network | OpErrorCode::Other => {
                (ErrorCode::StorageIo, true)
            }
        };
        AppError {
            code: code.into(),
            message: self.message.clone(),
            retryable,
        }
    }
}
