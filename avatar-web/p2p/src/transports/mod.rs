//! The transports of a browser, put together. This is the place where a further one is added: before the relay's if it speaks of circuits too, because that claims
//! every address with `/p2p-circuit`.
//!
//! WebRTC needs a window. A worker has none: it reaches one through a port (`webrtc/shim`), or does without.

mod websocket;

use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::Config;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, Transport, noise, relay, webtransport_websys, yamux};
use libp2p_webrtc_browser::{PeerConnections, browser, direct};

use crate::node::Parts;

/// How long a connection may take to be made, with its handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// By this number yamux bounds the windows of streams: those of one connection together are at most 1 GiB, of which each possible stream has 256 KiB for sure, so that 768 KiB are left
/// to grow by, and no window is larger than 1 MiB. It must not be: js-libp2p sends a window in one frame, and yamux ends a connection at a frame of more than 1 MiB. How many
/// streams there are is bounded elsewhere, by the swarm while they are negotiated and by [`crate::Node`] afterwards.
const YAMUX_STREAMS: usize = 4_093;

/// What a node in a browser is made of. `connections` makes the connections of WebRTC, where there is a window.
///
/// # Errors
/// A key that Noise cannot use.
pub fn parts(
    keypair: &Keypair,
    connections: Option<PeerConnections>,
) -> Result<Parts<Toggle<browser::Behaviour>>, String> {
    let peer = keypair.public().to_peer_id();
    let (circuits, relay) = relay::client::new(peer);
    let circuits = secure(circuits, keypair)?;
    let web_sockets = secure(websocket::Transport, keypair)?;
    let web_transport = webtransport_websys::Transport::new(webtransport_websys::Config::new(keypair)).boxed();
    let web_transport = TransportTimeout::new(web_transport, CONNECT_TIMEOUT).boxed();
    let mut transport = either(either(circuits, web_sockets), web_transport);
    let mut behaviour = None;
    if let Some(connections) = connections {
        let config = libp2p_webrtc_browser::Config::default();
        let (between_browsers, signalling) = browser::new(peer, connections.clone(), config.clone());
        let direct = direct::Transport::new(keypair, connections, config);
        transport = either(either(muxed(between_browsers), muxed(direct)), transport);
        behaviour = Some(signalling);
    }
    Ok(Parts {
        transport,
        relay,
        behaviour: behaviour.into(),
        config: Config::with_wasm_executor(),
    })
}

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// The first that knows the address has it.
fn either(first: Connections, second: Connections) -> Connections {
    first
        .or_transport(second)
        .map(|connection, _| connection.into_inner())
        .boxed()
}

fn muxed<T>(transport: T) -> Connections
where
    T: Transport<Output = (PeerId, libp2p_webrtc_browser::Connection)> + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    transport
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed()
}

/// Noise and yamux over a transport of plain bytes.
fn secure<T>(transport: T, keypair: &Keypair) -> Result<Connections, String>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
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
