//! The protocols that a relay speaks, each with its bounds.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use libp2p::gossipsub::{AllowAllSubscriptionFilter, IdentityTransform, MaxCountSubscriptionFilter};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{
    PeerId, StreamProtocol, connection_limits, gossipsub, identify, kad, memory_connection_limits, ping, relay,
    rendezvous,
};

use crate::config::Limits;
use crate::error::Error;

/// The Kademlia network of Avatars: not the public one, whose records would be strangers'.
pub const KADEMLIA_PROTOCOL: StreamProtocol = StreamProtocol::new("/avatar/kad/1.0.0");

/// One frame of gossip at most, bytes: messages and, in the same frame, what peers tell of others that they have. At a longer one libp2p hears no more of that peer.
const MAX_GOSSIP: usize = 512 * 1024;

/// Gossip messages that wait for one slow peer.
const GOSSIP_QUEUE: usize = 128;

/// Topics of one peer.
const TOPICS_PER_PEER: usize = 128;

/// One Kademlia record's value at most, bytes.
const MAX_RECORD: usize = 4 * 1024;

/// The shortest and the longest time that a rendezvous registration lasts, seconds. Each renewal is remembered until the time of the one before it is over, so it is not long.
const REGISTRATION_SECONDS: (u64, u64) = (60, 2 * 60 * 60);

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    // First: who is refused reaches no other.
    connections: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    pub ping: ping::Behaviour,
    pub identify: identify::Behaviour,
    pub relay: relay::Behaviour,
    rendezvous: rendezvous::server::Behaviour,
    pub kademlia: kad::Behaviour<MemoryStore>,
    pub gossip: Gossip,
}

/// Gossipsub with a bound on what one peer may subscribe to.
pub type Gossip = gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<AllowAllSubscriptionFilter>>;

impl Behaviour {
    pub fn new(keypair: &Keypair, limits: &Limits) -> Result<Self, Error> {
        let peer = keypair.public().to_peer_id();
        Ok(Self {
            connections: connection_limits::Behaviour::new(
                connection_limits::ConnectionLimits::default()
                    .with_max_pending_incoming(Some(limits.handshakes))
                    .with_max_established_incoming(Some(limits.connections))
                    .with_max_established_per_peer(Some(limits.connections_per_peer))
                    // A relay is dialled. It dials nobody: so nobody can make it knock at a third party's door.
                    .with_max_pending_outgoing(Some(0))
                    .with_max_established_outgoing(Some(0)),
            ),
            memory: memory_connection_limits::Behaviour::with_max_bytes(limits.memory_bytes),
            ping: ping::Behaviour::default(),
            identify: identify::Behaviour::new(
                identify::Config::new("avatar/1.0.0".to_owned(), keypair.public())
                    .with_agent_version(concat!("avatar-relay/", env!("CARGO_PKG_VERSION")).to_owned())
                    .with_push_listen_addr_updates(true)
                    .with_cache_size(0)
                    .with_hide_listen_addrs(true),
            ),
            relay: relay::Behaviour::new(peer, circuits(limits)?),
            rendezvous: rendezvous::server::Behaviour::new(
                rendezvous::server::Config::default()
                    .with_min_ttl(REGISTRATION_SECONDS.0)
                    .with_max_ttl(REGISTRATION_SECONDS.1)
                    .with_max_registration_total(limits.registrations)
                    .with_max_stored_cookies(1_024),
            ),
            kademlia: kademlia(peer, limits),
            gossip: gossip(keypair)?,
        })
    }
}

fn circuits(limits: &Limits) -> Result<relay::Config, Error> {
    if u32::try_from(limits.circuit_time.as_secs()).is_err() {
        return Err(Error::Limit("a circuit lasts at most 4294967295 seconds"));
    }
    let per_minute = NonZeroU32::new(limits.requests_per_minute)
        .ok_or(Error::Limit("nobody may ask for a circuit: requests per minute is 0"))?;
    let config = relay::Config {
        max_reservations: limits.reservations,
        // The crate lets one more through than it is told.
        max_reservations_per_peer: below(limits.reservations_per_peer)?,
        reservation_duration: limits.reservation_time,
        reservation_rate_limiters: Vec::new(),
        max_circuits: limits.circuits,
        max_circuits_per_peer: below(limits.circuits_per_peer)?,
        max_circuit_duration: limits.circuit_time,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    };
    let minute = Duration::from_secs(60);
    Ok(config
        .reservation_rate_per_ip(per_minute, minute)
        .circuit_src_per_ip(per_minute, minute))
}

fn below(limit: usize) -> Result<usize, Error> {
    limit
        .checked_sub(1)
        .ok_or(Error::Limit("a peer needs at least one reservation and one circuit"))
}

fn kademlia(peer: PeerId, limits: &Limits) -> kad::Behaviour<MemoryStore> {
    let store = MemoryStore::with_config(
        peer,
        MemoryStoreConfig {
            max_records: limits.records,
            max_value_bytes: MAX_RECORD,
            max_providers_per_key: kad::K_VALUE.get(),
            max_provided_keys: limits.records,
        },
    );
    let mut config = kad::Config::new(KADEMLIA_PROTOCOL);
    config
        .set_replication_factor(NonZeroUsize::MIN.saturating_add(3))
        // It answers; it asks nobody, and hands nothing on by itself.
        .set_periodic_bootstrap_interval(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    let mut kademlia = kad::Behaviour::with_config(peer, store, config);
    kademlia.set_mode(Some(kad::Mode::Server));
    kademlia
}

fn gossip(keypair: &Keypair) -> Result<Gossip, Error> {
    let config = gossipsub::ConfigBuilder::default()
        .max_transmit_size(MAX_GOSSIP)
        .connection_handler_queue_len(GOSSIP_QUEUE)
        .build()
        .map_err(|_| Error::Limit("gossipsub refuses its settings"))?;
    gossipsub::Behaviour::new_with_subscription_filter(
        gossipsub::MessageAuthenticity::Signed(keypair.clone()),
        config,
        MaxCountSubscriptionFilter {
            filter: AllowAllSubscriptionFilter {},
            max_subscribed_topics: TOPICS_PER_PEER,
            max_subscriptions_per_request: TOPICS_PER_PEER,
        },
    )
    .map_err(|_| Error::Limit("gossipsub refuses its settings"))
}
