//! A libp2p relay that browsers reach.
//!
//! It listens on TCP, QUIC, WebSocket, WebRTC and WebTransport, and helps peers who cannot be dialled: [circuit relay v2], [rendezvous], a [Kademlia] server and a [gossipsub] router. What it
//! carries is encrypted between the peers; it dials nobody, keeps nothing but its own keys, and everything that a peer can make it hold is bounded ([`Limits`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), avatar_relay::Error> {
//! let relay = avatar_relay::Relay::start(avatar_relay::Config::new("relay")).await?;
//! println!("{} at {:?}", relay.peer_id(), relay.addresses());
//! relay.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! [circuit relay v2]: https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
//! [rendezvous]: https://github.com/libp2p/specs/blob/master/rendezvous/README.md
//! [Kademlia]: https://github.com/libp2p/specs/blob/master/kad-dht/README.md
//! [gossipsub]: https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/README.md

mod behaviour;
mod config;
mod error;
mod http;
mod identity;
mod metrics;
mod relay;
mod topics;
mod transport;
pub mod transport_key;

pub use behaviour::KADEMLIA_PROTOCOL;
pub use config::{Config, Limits};
pub use error::Error;
pub use libp2p::{Multiaddr, PeerId};
pub use libp2p_webtransport_listener::CertificateError;
pub use relay::Relay;
