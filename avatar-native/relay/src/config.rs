//! What a person can set.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// How a relay runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its keys are; made at the first start.
    pub folder: PathBuf,
    /// Where it listens. Port 0 is a free one.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others reach it: whole ones, or a host alone (`/ip4/…`, `/ip6/…`, `/dns/…`), which stands for every listening address with that host. Empty: the
    /// listening addresses themselves.
    pub external: Vec<Multiaddr>,
    /// Where `/addresses`, `/metrics` and `/health` are served.
    pub http: SocketAddr,
    /// What peers may use.
    pub limits: Limits,
}

impl Config {
    /// Every transport on all interfaces, at the usual ports: TCP and QUIC 4001, WebSocket (TCP) and WebRTC (UDP) 4002, WebTransport 4003, HTTP on loopback 4004.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            listen: transports(Ipv4Addr::UNSPECIFIED, [4001, 4002, 4003]),
            external: Vec::new(),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 4004)),
            limits: Limits::default(),
        }
    }

    /// Every transport on this machine alone, at free ports.
    pub fn loopback(folder: impl Into<PathBuf>) -> Self {
        Self {
            listen: transports(Ipv4Addr::LOCALHOST, [0, 0, 0]),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..Self::new(folder)
        }
    }
}

fn transports(host: Ipv4Addr, [native, browser, webtransport]: [u16; 3]) -> Vec<Multiaddr> {
    let at = |protocols: &[Protocol<'static>]| {
        let mut address = Multiaddr::from(host);
        protocols.iter().for_each(|protocol| address.push(protocol.clone()));
        address
    };
    vec![
        at(&[Protocol::Tcp(native)]),
        at(&[Protocol::Udp(native), Protocol::QuicV1]),
        at(&[Protocol::Tcp(browser), Protocol::Ws("/".into())]),
        at(&[Protocol::Udp(browser), Protocol::WebRTCDirect]),
        at(&[Protocol::Udp(webtransport), Protocol::QuicV1, Protocol::WebTransport]),
    ]
}

/// What peers may use. Beyond a limit a peer is refused with the protocol's own status, and others are served as before.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all.
    pub connections: u32,
    /// Connections of one peer.
    pub connections_per_peer: u32,
    /// Connections whose handshake is not done.
    pub handshakes: u32,
    /// The process's memory, bytes: above it nobody else comes in.
    pub memory_bytes: usize,
    /// Peers who may be reached over this relay.
    pub reservations: usize,
    /// Reservations of one peer (one for each of its connections).
    pub reservations_per_peer: usize,
    /// How long a reservation lasts; peers renew it before.
    pub reservation_time: Duration,
    /// Circuits in all.
    pub circuits: usize,
    /// Circuits that one peer takes part in.
    pub circuits_per_peer: usize,
    /// What one circuit may carry, both directions together, bytes; 0 = no limit.
    pub circuit_bytes: u64,
    /// How long a circuit may last. At most `u32::MAX` seconds.
    pub circuit_time: Duration,
    /// Reservations and circuits that one IP address may ask for in a minute, each.
    pub requests_per_minute: u32,
    /// Rendezvous registrations in all; 32 of them may be of one peer.
    pub registrations: usize,
    /// Kademlia records in all, and as many provided keys.
    pub records: usize,
    /// Gossip topics that are carried at once.
    pub topics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_048,
            connections_per_peer: 8,
            handshakes: 256,
            memory_bytes: 1 << 30,
            reservations: 1_024,
            reservations_per_peer: 4,
            reservation_time: Duration::from_secs(60 * 60),
            circuits: 512,
            circuits_per_peer: 16,
            circuit_bytes: 256 << 20,
            circuit_time: Duration::from_secs(60 * 60),
            requests_per_minute: 600,
            registrations: 2_000,
            records: 4_096,
            topics: 4_096,
        }
    }
}
