//! The swarm, as a program that uses the crate builds it.
use std::time::Duration;

use futures::future::Either;
use libp2p::{
    PeerId, Swarm, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identify, noise, ping, relay,
    swarm::{Config as SwarmConfig, NetworkBehaviour},
    websocket_websys, yamux,
};
use libp2p_webrtc_browser::{Config, PeerConnections, browser, direct};

/// All that the tests use.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub relay: relay::client::Behaviour,
    pub stream: libp2p_stream::Behaviour,
    pub webrtc: browser::Behaviour,
}

/// A swarm with a new identity.
pub fn build(connections: PeerConnections, config: Config) -> Swarm<Behaviour> {
    let keys = libp2p::identity::Keypair::generate_ed25519();
    let local = keys.public().to_peer_id();
    let (relay_transport, relay) = relay::client::new(local);
    let (webrtc_transport, webrtc) = browser::new(local, connections.clone(), config.clone());

    let relayed = relay_transport
        .or_transport(websocket_websys::Transport::default())
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(&keys).expect("an Ed25519 key signs"))
        .multiplex(yamux::Config::default())
        .boxed();
    let direct = direct::Transport::new(&keys, connections, config)
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed();
    let between_browsers = webrtc_transport
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed();
    // The relay's transport claims whatever has a circuit in it: this one comes first.
    let transport = either(either(between_browsers, direct), relayed);

    let behaviour = Behaviour {
        identify: identify::Behaviour::new(identify::Config::new("/webrtc-test/1.0.0".to_owned(), keys.public())),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_millis(500))),
        relay,
        stream: libp2p_stream::Behaviour::new(),
        webrtc,
    };
    Swarm::new(
        transport,
        behaviour,
        local,
        SwarmConfig::with_wasm_executor().with_idle_connection_timeout(Duration::from_secs(60)),
    )
}

type Muxed = Boxed<(PeerId, StreamMuxerBox)>;

fn either(first: Muxed, second: Muxed) -> Muxed {
    first
        .or_transport(second)
        .map(|either, _| match either {
            Either::Left(output) | Either::Right(output) => output,
        })
        .boxed()
}
