//! What the swarm speaks: the protocols of libp2p that an Avatar uses, each within bounds.

use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{ConfigBuilder, MessageAuthenticity, ValidationMode};
use libp2p::identity::{Keypair, PublicKey};
use libp2p::kad::store::MemoryStore;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{gossipsub, identify, kad, ping, relay, rendezvous};

use crate::streams;

/// The longest frame of gossip: messages and, in the same frame, what peers tell of others that they have. At a longer one libp2p hears no more of that peer, so that there has to be
/// room beside the longest message: js-libp2p tells of up to 5,000, with 40 bytes each.
const MAX_GOSSIP_FRAME_BYTES: usize = 512 * 1024;

/// Connections at once.
const MAX_CONNECTIONS: u32 = 256;

/// Connections at once with one peer: each path that is tried may win.
const MAX_CONNECTIONS_PER_PEER: u32 = 8;

/// Connections that are being made, each way.
const MAX_PENDING: u32 = 64;

/// How long the DHT may take for an answer.
const DHT_TIMEOUT: Duration = Duration::from_secs(15);

/// The behaviours together; `T` is what the transports need of one.
#[derive(NetworkBehaviour)]
pub struct Behaviour<T: NetworkBehaviour> {
    pub transports: T,
    pub limits: connection_limits::Behaviour,
    pub relay: relay::client::Behaviour,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub gossipsub: gossipsub::Behaviour,
    pub dht: kad::Behaviour<MemoryStore>,
    pub rendezvous: rendezvous::client::Behaviour,
    pub streams: streams::Behaviour,
}

impl<T: NetworkBehaviour> Behaviour<T> {
    /// For this key. `agent` is what identify says of the host.
    pub fn new(keypair: &Keypair, transports: T, relay: relay::client::Behaviour, agent: &str) -> Result<Self, String> {
        let peer = keypair.public().to_peer_id();
        let limits = ConnectionLimits::default()
            .with_max_established(Some(MAX_CONNECTIONS))
            .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER))
            .with_max_pending_incoming(Some(MAX_PENDING))
            .with_max_pending_outgoing(Some(MAX_PENDING));
        Ok(Self {
            transports,
            limits: connection_limits::Behaviour::new(limits),
            relay,
            identify: identify(keypair.public(), agent),
            ping: ping::Behaviour::default(),
            gossipsub: gossipsub(keypair)?,
            dht: {
                let mut config = kad::Config::new(kad::PROTOCOL_NAME);
                config.set_query_timeout(DHT_TIMEOUT);
                // What this host wants to be known it says itself, again in time.
                config
                    .set_provider_publication_interval(None)
                    .set_publication_interval(None);
                let mut dht = kad::Behaviour::with_config(peer, MemoryStore::new(peer), config);
                dht.set_mode(Some(kad::Mode::Client));
                dht
            },
            rendezvous: rendezvous::client::Behaviour::new(keypair.clone()),
            streams: streams::Behaviour::default(),
        })
    }
}

fn identify(key: PublicKey, agent: &str) -> identify::Behaviour {
    let config = identify::Config::new("/avatar/1.0.0".to_owned(), key)
        .with_agent_version(agent.to_owned())
        .with_push_listen_addr_updates(true);
    identify::Behaviour::new(config)
}

fn gossipsub(keypair: &Keypair) -> Result<gossipsub::Behaviour, String> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .max_transmit_size(MAX_GOSSIP_FRAME_BYTES)
        .build()
        .map_err(|error| error.to_string())?;
    gossipsub::Behaviour::new(MessageAuthenticity::Signed(keypair.clone()), config).map_err(str::to_owned)
}
