//! Why a relay does not start.

use std::io;
use std::path::PathBuf;

use libp2p::Multiaddr;
use libp2p_webtransport_listener::CertificateError;

use crate::transport_key::KeyError;

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the relay's folder cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of the relay's folder does not hold what it should. It is never replaced: peers know the relay by it.
    #[error("{}: not a key that this program wrote", .0.display())]
    DamagedKey(PathBuf),
    /// The certificates of the WebTransport listener.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate of the WebRTC listener.
    #[error(transparent)]
    WebRtc(#[from] libp2p_webrtc_direct_listener::Error),
    /// No transport listens there, or the address is taken.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// What was asked for.
        address: Multiaddr,
        /// Why not.
        reason: String,
    },
    /// The HTTP port cannot be opened.
    #[error("cannot serve HTTP: {0}")]
    Http(#[source] io::Error),
    /// A limit that makes no sense.
    #[error("{0}")]
    Limit(&'static str),
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::File { path, source } => Self::File { path, source },
            KeyError::Damaged(path) => Self::DamagedKey(path),
        }
    }
}
