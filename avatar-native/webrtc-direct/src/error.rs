//! What goes wrong.

use std::io;

/// Why a connection or a listener fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// ICE, DTLS, SCTP or the data channels.
    #[error(transparent)]
    WebRtc(#[from] webrtc::Error),
    /// The handshake that proves the peer's key.
    #[error(transparent)]
    Noise(#[from] libp2p_noise::Error),
    /// The certificate cannot be made or read.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The handshake took too long.
    #[error("no handshake in time")]
    Timeout,
    /// The peer is not there any more.
    #[error("the connection is lost")]
    Lost,
}
