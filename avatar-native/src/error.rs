//! Why a host does not start or cannot go on.

use avatar_proto::{AppError, ErrorCode};

/// The reasons that are final for a host, or for its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostErrorCode {
    /// One that the contract has a code for.
    App(ErrorCode),
    /// The file is no Meta Unit, or one of another ABI (H6).
    WrongModule,
    /// Instances die faster than it is worth starting new ones (H8).
    CrashLoop,
    /// Another host works on the folder.
    FolderInUse,
    /// What was recorded is not what happens now, or the file is no trace.
    Trace,
}

impl HostErrorCode {
    /// The stable name, for machines. For a code of the contract: its name there without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::App(code) => {
                let name = code.as_str_name();
                name.strip_prefix("ERROR_CODE_").unwrap_or(name)
            }
            Self::WrongModule => "WRONG_MODULE",
            Self::CrashLoop => "CRASH_LOOP",
            Self::FolderInUse => "FOLDER_IN_USE",
            Self::Trace => "TRACE",
        }
    }
}

/// A [`HostErrorCode`] with words for people who run a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct HostError {
    /// What it is.
    pub code: HostErrorCode,
    /// What happened; nothing secret.
    pub message: String,
}

impl HostError {
    /// An error of this code.
    pub fn new(code: HostErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// An error that the contract has a code for.
    pub fn app(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(HostErrorCode::App(code), message)
    }

    /// An error of the file system at `what`.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::app(ErrorCode::StorageIo, format!("{what}: {error}"))
    }

    /// The error as the contract says it, for clients of this host.
    pub fn to_app_error(&self) -> AppError {
        let code = match self.code {
            HostErrorCode::App(code) => code,
            HostErrorCode::WrongModule | HostErrorCode::Trace => ErrorCode::Unsupported,
            HostErrorCode::CrashLoop => ErrorCode::Crashed,
            HostErrorCode::FolderInUse => ErrorCode::StorageBlocked,
        };
        app_error(code, self.to_string(), code == ErrorCode::Closed)
    }
}

impl From<AppError> for HostError {
    fn from(error: AppError) -> Self {
        Self::app(error.code(), error.message)
    }
}

/// An application error of the host's own making.
pub fn app_error(code: ErrorCode, message: impl Into<String>, retryable: bool) -> AppError {
    AppError {
        code: code.into(),
        message: message.into(),
        retryable,
    }
}
