//! What commands print.

use std::fmt::Display;
use std::io::Write;

use avatar_native::HostError;
use avatar_native::trace::ReplayError;
use avatar_proto::AppError;
use serde_json::{Value, json};

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    code: String,
    message: String,
}

impl Failure {
    pub fn new(code: &str, message: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
        }
    }

    /// On the error stream; for machines as `{"error": {"code", "message"}}`.
    pub fn print(&self, as_json: bool) {
        let line = match as_json {
            true => json!({ "error": { "code": self.code, "message": self.message } }).to_string(),
            false => format!("avatar: {}", self.message),
        };
        // Nobody is left to be told when the error stream is closed.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::new(error.code.name(), error.message)
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        HostError::from(error).into()
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let code = match &error {
            ReplayError::Differs { .. } => "REPLAY_DIFFERS",
            ReplayError::OtherModule { .. } => "REPLAY_OTHER_MODULE",
            ReplayError::Trace(_) => "NO_TRACE",
            ReplayError::Host(error) => error.code.name(),
        };
        Self::new(code, error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new("IO", error)
    }
}

/// Prints an answer: the value, or the lines that people read.
pub fn print(as_json: bool, value: &Value, lines: impl FnOnce() -> String) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let text = if as_json { value.to_string() } else { lines() };
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
