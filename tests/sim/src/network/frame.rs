//! What crosses a connection: each frame is encrypted from end to end, so a relay in between knows its length alone.

use std::rc::Rc;

use super::address::PeerId;

/// What each frame weighs beside its bytes: the headers of a multiplexer and of Noise.
pub const OVERHEAD_BYTES: usize = 30;

/// A message of a topic, as it passes from node to node.
#[derive(Debug, PartialEq, Eq)]
pub struct Gossip {
    /// Its topic.
    pub topic: String,
    /// Who wrote it, and which of their messages it is.
    pub source: PeerId,
    /// Counts the messages of the source.
    pub number: u64,
    /// What it says.
    pub data: Vec<u8>,
}

/// A peer whom a rendezvous point knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who it is.
    pub peer: PeerId,
    /// Where it can be dialled.
    pub addresses: Vec<String>,
}

/// See the module's documentation. `stream` is the number that both hosts have for a stream, `ask` the number of a question.
#[derive(Clone, Debug)]
pub enum Frame {
    /// The dialler is there.
    Hello,
    /// The one who was dialled takes the connection.
    Welcome,
    /// The one who was dialled, or a relay in between, does not.
    Refused(&'static str),
    /// The connection is over.
    Bye(&'static str),
    /// Is anybody there? With the moment at which it was asked.
    Ping(u64),
    /// Yes.
    Pong(u64),
    /// A new stream, under the first of these protocols that is taken.
    Open { stream: u64, protocols: Vec<String> },
    /// It is open.
    Agreed { stream: u64, protocol: String },
    /// None of its protocols is taken.
    Disagreed { stream: u64 },
    /// Bytes.
    Data { stream: u64, bytes: Vec<u8> },
    /// No more bytes.
    Fin { stream: u64 },
    /// It is dead.
    Reset { stream: u64 },
    /// So many more bytes are taken.
    Window { stream: u64, bytes: usize },
    /// A relay shall let others reach the sender.
    Reserve,
    /// It does.
    Reserved,
    /// The sender wants messages of a topic, or no longer.
    Topic { topic: String, wanted: bool },
    /// A message of a topic.
    Gossip(Rc<Gossip>),
    /// A rendezvous point shall know the sender under a key.
    Register {
        ask: u64,
        key: Vec<u8>,
        ttl_us: u64,
        addresses: Vec<String>,
    },
    /// It does.
    Registered { ask: u64 },
    /// It shall forget.
    Unregister { key: Vec<u8> },
    /// Whom does a rendezvous point know under a key?
    Discover { ask: u64, key: Vec<u8>, limit: usize },
    /// These.
    Discovered { ask: u64, found: Vec<Found> },
}

impl Frame {
    /// What it takes on the wire, in bytes.
    pub fn wire_bytes(&self) -> usize {
        let text = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        OVERHEAD_BYTES
            + match self {
                // The handshake of Noise, and what both tell each other of themselves.
                Self::Hello | Self::Welcome => 600,
                Self::Reserve | Self::Reserved => 200,
                Self::Open { protocols, .. } => 20 + text(protocols),
                Self::Agreed { protocol, .. } => 20 + protocol.len(),
                Self::Disagreed { .. } => 24,
                Self::Data { bytes, .. } => bytes.len(),
                Self::Ping(_) | Self::Pong(_) => 32,
                Self::Topic { topic, .. } => 8 + topic.len(),
                Self::Gossip(gossip) => 150 + gossip.topic.len() + gossip.data.len(),
                Self::Register { key, addresses, .. } => 200 + key.len() + text(addresses),
                Self::Unregister { key } | Self::Discover { key, .. } => 20 + key.len(),
                Self::Discovered { found, .. } => found.iter().map(|found| 150 + text(&found.addresses)).sum(),
                Self::Refused(_)
                | Self::Bye(_)
                | Self::Fin { .. }
                | Self::Reset { .. }
                | Self::Window { .. }
                | Self::Registered { .. } => 0,
            }
    }

    /// What whoever is at the other end can read of it, beside what libp2p itself says.
    pub fn content(&self) -> &[u8] {
        match self {
            Self::Data { bytes, .. } => bytes,
            Self::Gossip(gossip) => &gossip.data,
            Self::Register { key, .. } | Self::Unregister { key } | Self::Discover { key, .. } => key,
            _ => &[],
        }
    }

    /// The stream that it belongs to.
    pub fn stream(&self) -> Option<u64> {
        match self {
            Self::Open { stream, .. }
            | Self::Agreed { stream, .. }
            | Self::Disagreed { stream }
            | Self::Data { stream, .. }
            | Self::Fin { stream }
            | Self::Reset { stream }
            | Self::Window { stream, .. } => Some(*stream),
            _ => None,
        }
    }
}
