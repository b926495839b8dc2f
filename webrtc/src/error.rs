//! What can go wrong, in one type for both transports and their connections.
use libp2p_identity::PeerId;
use wasm_bindgen::{JsCast as _, JsValue};

/// Why a connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The browser refused a call; `name` is the DOMException's (`InvalidModificationError`, `OperationError` …).
    #[error("the browser refused to {call}: {name}: {message}")]
    Browser {
        /// What was asked of it.
        call: &'static str,
        /// The exception's name.
        name: String,
        /// The exception's message.
        message: String,
    },
    /// The connection's state became `failed` or `closed`, or stayed `disconnected` for too long.
    #[error("the connection ended: {0}")]
    Ended(&'static str),
    /// The window that owns the connections closed its end of the port, or never answered it.
    #[error("the window that owns the connections is gone")]
    WindowGone,
    /// Nothing was connected within [`Config::connect_timeout`](crate::Config::connect_timeout).
    #[error("the connection was not established in time")]
    TimedOut,
    /// A session description of our own browser lacks what it must have.
    #[error("the browser's session description has no {0}")]
    BadDescription(&'static str),
    /// The remote could not prove its identity.
    #[error("the Noise handshake failed: {0}")]
    Noise(#[from] libp2p_noise::Error),
    /// Another peer answered than the one that was dialled.
    #[error("expected {expected}, and {found} answered")]
    WrongPeer {
        /// Who was dialled.
        expected: Box<PeerId>,
        /// Who answered.
        found: Box<PeerId>,
    },
    /// The peers could not tell each other how to connect.
    #[error("signalling failed: {0}")]
    Signalling(String),
}

impl Error {
    /// From what a call of the browser threw, or what its promise was rejected with.
    pub(crate) fn browser(call: &'static str, thrown: &JsValue) -> Self {
        let text = |key: &str| {
            js_sys::Reflect::get(thrown, &key.into())
                .ok()
                .and_then(|value| value.as_string())
        };
        if thrown.is_instance_of::<js_sys::Object>() {
            Self::Browser {
                call,
                name: text("name").unwrap_or_default(),
                message: text("message").unwrap_or_default(),
            }
        } else {
            Self::Browser {
                call,
                name: "Error".to_owned(),
                message: thrown.as_string().unwrap_or_default(),
            }
        }
    }
}
