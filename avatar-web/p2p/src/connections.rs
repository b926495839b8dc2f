//! The connections that are open, and which of several to a peer is the best.

use std::collections::HashMap;
use std::time::Duration;

use avatar_proto::P2pConnection;
use libp2p::PeerId;
use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;

/// The open connections.
#[derive(Default)]
pub struct Connections {
    open: HashMap<ConnectionId, Connection>,
    next_number: u64,
}

/// One of them.
pub struct Connection {
    /// Who proved its key on it.
    pub peer: PeerId,
    /// The host's number for it.
    pub number: u64,
    endpoint: ConnectedPoint,
    round_trip: Option<Duration>,
    /// Bytes of the guest's streams.
    pub bytes_in: u64,
    /// Bytes of the guest's streams.
    pub bytes_out: u64,
}

impl Connection {
    /// As the contract says it.
    pub fn describe(&self, reason: &str) -> P2pConnection {
        P2pConnection {
            connection: self.number,
            peer: self.peer.to_bytes(),
            address: self.endpoint.get_remote_address().to_string(),
            relayed: self.is_relayed(),
            dialled: self.endpoint.is_dialer(),
            round_trip_us: self
                .round_trip
                .map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reason: reason.to_owned(),
        }
    }

    /// Where a relay has only carried the signalling (`/webrtc`), its circuit is in the address and not in the way.
    fn is_relayed(&self) -> bool {
        let direct = (self.endpoint.get_remote_address().iter()).any(|part| matches!(part, Protocol::WebRTC));
        self.endpoint.is_relayed() && !direct
    }

    /// Direct before relayed, then the shorter way, then the newer.
    fn rank(&self) -> (bool, Duration, std::cmp::Reverse<u64>) {
        let round_trip = self.round_trip.unwrap_or(Duration::MAX);
        (self.is_relayed(), round_trip, std::cmp::Reverse(self.number))
    }
}

impl Connections {
    /// A connection was made.
    pub fn add(&mut self, id: ConnectionId, peer: PeerId, endpoint: ConnectedPoint) -> &Connection {
        self.next_number += 1;
        let number = self.next_number;
        let connection = Connection {
            peer,
            number,
            endpoint,
            round_trip: None,
            bytes_in: 0,
            bytes_out: 0,
        };
        self.open.entry(id).insert_entry(connection).into_mut()
    }

    /// A connection is gone.
    pub fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.open.remove(&id)
    }

    /// Of this id.
    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.open.get(&id)
    }

    /// Of this id.
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.open.get_mut(&id)
    }

    /// There is a new round trip.
    pub fn measured(&mut self, id: ConnectionId, round_trip: Duration) -> Option<&Connection> {
        let connection = self.open.get_mut(&id)?;
        connection.round_trip = Some(round_trip);
        Some(connection)
    }

    /// The best connection to a peer.
    pub fn best(&self, peer: &PeerId) -> Option<(ConnectionId, &Connection)> {
        let of_peer = self.open.iter().filter(|(_, connection)| connection.peer == *peer);
        let (id, connection) = of_peer.min_by_key(|(_, connection)| connection.rank())?;
        Some((*id, connection))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.open.values()
    }
}
