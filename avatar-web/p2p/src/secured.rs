//! What the transports of every platform have in common: Noise and yamux over plain bytes, and one transport made of several.

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport, noise, yamux};

/// How long a connection may take to be made, with its handshakes.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// By this number yamux bounds the windows of streams: those of one connection together are at most 1 GiB, of which each possible stream has 256 KiB for sure, so that 768 KiB are left
/// to grow by, and no window is larger than 1 MiB. It must not be: js-libp2p sends a window in one frame, and yamux ends a connection at a frame of more than 1 MiB. How many
/// streams there are is bounded elsewhere, by the swarm while they are negotiated and by [`crate::Node`] afterwards.
const YAMUX_STREAMS: usize = 4_093;

/// A transport whose connections know their peer and carry streams.
pub type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// The first that knows the address has it.
pub fn either(first: Connections, second: Connections) -> Connections {
    first
        .or_transport(second)
        .map(|connection, _| connection.into_inner())
        .boxed()
}

/// Noise and yamux over a transport of plain bytes.
///
/// # Errors
/// A key that Noise cannot use.
pub fn secure<T>(transport: T, keypair: &Keypair) -> Result<Connections, String>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let noise = noise::Config::new(keypair).map_err(|error| error.to_string())?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(YAMUX_STREAMS);
    let secured = transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(CONNECT_TIMEOUT);
    Ok(secured.boxed())
}
