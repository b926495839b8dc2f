//! What goes wrong.

use std::io;
use std::path::PathBuf;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is none that [`Certificates`](crate::Certificates) wrote. It is not replaced.
    #[error("{}: not a file of certificates", .0.display())]
    Damaged(PathBuf),
    /// None can be made.
    #[error("cannot make a certificate: {0}")]
    Make(String),
}

/// Why a connection or a listener fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The connection, or the session on it.
    #[error(transparent)]
    Connection(#[from] wtransport::error::ConnectionError),
    /// A stream that the other end does not let us open.
    #[error(transparent)]
    Stream(#[from] wtransport::error::StreamOpeningError),
    /// The handshake that proves the peer's key.
    #[error(transparent)]
    Noise(#[from] libp2p_noise::Error),
    /// The request is not one of libp2p.
    #[error("a session for another path than libp2p's")]
    Path,
    /// The handshake took too long.
    #[error("no handshake in time")]
    Timeout,
}
