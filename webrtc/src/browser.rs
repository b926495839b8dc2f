//! `/webrtc`: browsers connected with each other. A connection that exists already, commonly through a relay, carries the signalling.
//!
//! Specification: <https://github.com/libp2p/specs/blob/master/webrtc/webrtc.md>.
//!
//! [`new`] gives a [`Transport`] and a [`Behaviour`], which belong together as the two of `libp2p_relay::client` do. In the swarm's transport this one comes **before** the relay's,
//! which would claim the addresses too. `/webrtc` is what a swarm listens on; its addresses are those of the relays that it listens at.
use libp2p_identity::PeerId;

use crate::{Config, PeerConnections};

mod address;
mod behaviour;
mod handler;
mod signalling;
mod transport;

pub use behaviour::{Behaviour, Event};
pub use transport::Transport;

/// A transport and its behaviour. `local` is our own peer.
pub fn new(local: PeerId, connections: PeerConnections, config: Config) -> (Transport, Behaviour) {
    let (transport, ends) = transport::pair(config.connect_timeout);
    (transport, Behaviour::new(local, connections, config, ends))
}
