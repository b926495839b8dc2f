//! Backups: everything of a node that is not this device's own, in one age file.
//!
//! - [`mod@format`]: what is inside. [`mod@create`]: writing one. [`reading`]: reading one, to its end, before anything of it counts.
//!
//! The index is not in it (it is made again), and neither is what opens this node's data: the words and this device's key do that anew where it is restored.

mod create;
mod format;
mod reading;

use avatar_proto::{AppError, ErrorCode};
use avatar_vault::age::AgeError;

use crate::node::app_error;
use crate::platform::PlatformError;

pub use create::create;
pub use format::Contents;
pub use reading::Readings;

/// Why a backup is not made or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] PlatformError),
    /// It is no age file, or damaged, or cut off, or another secret opens it.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// What is inside is not what a node writes.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// A later build wrote it.
    #[error("the backup is of a later version")]
    TooNew,
    /// It is larger than a node can take at once.
    #[error("the backup is too large")]
    TooLarge,
    /// No reading has this number, or its secret is none.
    #[error("{0}")]
    Invalid(&'static str),
}

impl BackupError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let code = match self {
            Self::Storage(error) => return error.to_app_error(),
            Self::Age(AgeError::NoMatch) => ErrorCode::WrongSecret,
            Self::Age(AgeError::Recipients) => ErrorCode::InvalidArgument,
            Self::Age(AgeError::Cost | AgeError::Memory | AgeError::HeaderTooLong) | Self::TooLarge => ErrorCode::Limit,
            Self::Age(_) | Self::Damaged(_) => ErrorCode::Corrupt,
            Self::TooNew => ErrorCode::SchemaTooNew,
            Self::Invalid(_) => ErrorCode::InvalidArgument,
        };
        app_error(code, &self.to_string())
    }
}
