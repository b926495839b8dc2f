//! The transports of a browser, put together. This is the place where a further one is added: before the relay's if it speaks of circuits too, because that claims
//! nearly every address with `/p2p-circuit`.
//!
//! WebRTC needs a window. A worker has none: it reaches one through a port (`webrtc/shim`), or does without.

mod websocket;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::identity::Keypair;
use libp2p::swarm::Config;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, Transport, relay, webtransport_websys};
use libp2p_webrtc_browser::{PeerConnections, browser, direct};

use crate::circuits::Circuits;
use crate::node::Parts;
use crate::secured::{CONNECT_TIMEOUT, Connections, either, secure};

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
    let circuits = secure(Circuits(circuits), keypair)?;
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
