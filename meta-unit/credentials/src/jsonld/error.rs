//! What can be wrong with linked data.

/// Why a document could not be understood as linked data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonLdError {
    /// A context that is not among the embedded ones. Nothing is ever fetched: what a document means must not depend on a server.
    #[error("the context {0} is not known, and is not fetched")]
    UnknownContext(String),
    /// Another context is known by this URL already.
    #[error("another context is known as {0} already")]
    ContextKnown(String),
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
pub(super) fn invalid(code: &'static str, subject: impl AsRef<str>) -> JsonLdError {
    JsonLdError::Invalid {
        code,
        subject: short(subject.as_ref()),
    }
}

/// Something would be left out.
pub(super) fn dropped(what: &'static str, subject: &str) -> JsonLdError {
    JsonLdError::Dropped {
        what,
        subject: short(subject),
    }
}

/// As much of a text as a message has room for.
fn short(text: &str) -> String {
    const MAX_CHARS: usize = 120;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
