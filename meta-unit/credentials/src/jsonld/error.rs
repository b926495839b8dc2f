//! What can be wrong with linked data.

/// Why a document could not be understood as linked data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonLdError {
    /// A context that is not among the embedded ones. Nothing is ever fetched: what a document means must not depend on a server.
    #[error("the context {0} is not known, and is not fetched")]
    UnknownContext(String),
    /// An error of JSON-LD 1.1; the code is the one of JSON-LD-API §9.6.
    #[error("{code}: {subject}")]
    Invalid {
        /// The error code.
        code: &'static str,
        /// The term or value that it is about.
        subject: String,
    },
    /// Something that JSON-LD leaves out silently: it would not be covered by the signature.
    #[error("{what} would be left out and so not be signed: {subject}")]
    Dropped {
        /// What it is.
        what: &'static str,
        /// Its name or value.
        subject: String,
    },
    /// More work than any credential takes.
    #[error("the document has too many {0}")]
    TooMany(&'static str),
}

/// An error of JSON-LD 1.1.
pub(super) fn invalid(code: &'static str, subject: impl Into<String>) -> JsonLdError {
    JsonLdError::Invalid {
        code,
        subject: subject.into(),
    }
}
