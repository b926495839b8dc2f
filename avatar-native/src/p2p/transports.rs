//! The transports of this platform: TCP, WebSocket and QUIC, by address or by name, and circuits over relays. Two who have met over a relay then try to reach each other directly (DCUtR).

use avatar_p2p::{CONNECT_TIMEOUT, Circuits, Connections, Parts, either, secure};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::dns::{ResolverConfig, ResolverOpts};
use libp2p::identity::Keypair;
use libp2p::swarm::Config;
use libp2p::{Transport, dcutr, quic, relay, tcp, websocket};
use libp2p_dns::tokio::Transport as Named;

/// What one QUIC stream may have in flight, bytes; a connection four times that.
const QUIC_STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// QUIC streams that a peer may have open on one connection: those that the guest may have of it, and libp2p's own.
const QUIC_STREAMS: u32 = 256;

/// What a node of this platform is made of. Its connections are polled by the runtime that the node is polled in.
///
/// # Errors
/// A key that Noise cannot use.
pub fn parts(keypair: &Keypair) -> Result<Parts<dcutr::Behaviour>, String> {
    let peer = keypair.public().to_peer_id();
    let (circuits, relay) = relay::client::new(peer);
    let circuits = secure(Circuits(circuits), keypair)?;
    let web_sockets = secure(websocket::Config::new(named(|| Ok(sockets()))?), keypair)?;
    let by_address = || Ok(either(quic(keypair), secure(sockets(), keypair)?));
    // Last: whatever is not taken before is taken here, and looked at when its name is known.
    let rest = TransportTimeout::new(named(by_address)?, CONNECT_TIMEOUT).boxed();
    Ok(Parts {
        transport: either(either(circuits, web_sockets), rest),
        relay,
        behaviour: dcutr::Behaviour::new(peer),
        config: Config::with_tokio_executor(),
    })
}

fn sockets() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

fn quic(keypair: &Keypair) -> Connections {
    let mut config = quic::Config::new(keypair);
    config.max_concurrent_stream_limit = QUIC_STREAMS;
    config.max_stream_data = QUIC_STREAM_WINDOW_BYTES;
    config.max_connection_data = 4 * QUIC_STREAM_WINDOW_BYTES;
    quic::tokio::Transport::new(config)
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed()
}

/// Looks names up as this machine is set up to do. Where it is not, addresses with names cannot be dialled, and others can.
fn named<T>(transport: impl Fn() -> Result<T, String>) -> Result<Named<T>, String> {
    Named::system(transport()?).or_else(|error| {
        tracing::warn!("names cannot be looked up: {error}");
        let nobody = ResolverConfig::from_name_servers(Vec::new());
        Ok(Named::custom(transport()?, nobody, ResolverOpts::default()))
    })
}
