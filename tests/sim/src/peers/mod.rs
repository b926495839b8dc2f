//! Peers that are no Meta Units: written here, for scenarios and tests.

use std::collections::BTreeMap;

use avatar_proto::p2p_command::Command;
use avatar_proto::{
    Message, P2pCommand, P2pDial, P2pInbound, P2pListen, P2pNextEvents, P2pOpenStream, P2pResult, p2p_event,
};

use crate::disk::Completion;
use crate::network::address::PeerId;
use crate::network::{Network, NodeId, Told, kind};

pub mod hostile;
pub mod plain;

/// What happens to a peer.
#[derive(Debug)]
pub enum Heard {
    /// A command has ended: with its result, or a status.
    Ended(u64, Result<P2pResult, i32>),
    /// A stream that it opened is open.
    Opened(i32),
    /// Somebody has opened a stream.
    Inbound(i32, P2pInbound),
    /// Bytes.
    Data(i32, Vec<u8>),
    /// No more bytes.
    Fin(i32),
    /// Dead.
    Reset(i32),
    /// There is credit again.
    Writable(i32),
    /// Something that is in `next_events`.
    Event(p2p_event::Event),
}

/// Behaves like somebody.
pub trait Peer {
    /// Something has happened.
    fn hear(&mut self, hands: &mut Hands<'_>, heard: Heard);

    /// Its time has come: at the beginning, and whenever it said so. In how many microseconds it comes again.
    fn act(&mut self, hands: &mut Hands<'_>) -> Option<u64>;

    /// What it has at hand from one moment to the next.
    fn pocket(&mut self) -> &mut Pocket;

    /// Streams with others that it has had.
    fn streams(&self) -> u64;
}

/// What a peer has at hand from one moment to the next.
#[derive(Debug, Default)]
pub struct Pocket {
    last_op: u64,
    last_stream: i32,
    /// The command that asks for events.
    asked: Option<u64>,
    /// What may be written to each stream.
    credit: BTreeMap<i32, usize>,
    /// When its own time comes, in microseconds of the world.
    next_us: u64,
}

/// What a peer can do.
pub struct Hands<'a> {
    /// The network.
    pub network: &'a mut Network,
    /// The peer's own node.
    pub node: NodeId,
    pocket: &'a mut Pocket,
}

impl Hands<'_> {
    /// Asks its host for something: the number of the operation, if it was taken.
    pub fn command(&mut self, command: Command) -> Option<u64> {
        self.pocket.last_op += 1;
        let op = self.pocket.last_op;
        let command = Some(command);
        let taken = self.network.command(self.node, op, P2pCommand { command });
        taken.is_ok().then_some(op)
    }

    /// Dials a node at all of its addresses.
    pub fn dial(&mut self, node: NodeId) -> Option<u64> {
        let addresses = match self.network.addresses(node) {
            [] => vec![self.network.address(node)],
            addresses => addresses.to_vec(),
        };
        let peer = self.network.peer(node).as_bytes().to_vec();
        self.command(Command::Dial(P2pDial {
            peer,
            addresses,
            anew: false,
        }))
    }

    /// Listens at its own address, or at a relay's.
    pub fn listen(&mut self, address: String) -> Option<u64> {
        self.command(Command::Listen(P2pListen {
            addresses: vec![address],
            stop: false,
        }))
    }

    /// Opens a stream: its number.
    pub fn open(&mut self, peer: &PeerId, protocol: &str) -> Option<i32> {
        // Odd, as the numbers of guests are.
        let stream = self.pocket.last_stream * 2 + 1;
        self.pocket.last_stream += 1;
        let open = P2pOpenStream {
            peer: peer.as_bytes().to_vec(),
            protocols: vec![protocol.to_owned()],
            stream: stream as u32,
        };
        self.command(Command::OpenStream(open)).map(|_| stream)
    }

    /// Writes as many of these bytes as there is credit for: how many.
    pub fn write(&mut self, stream: i32, bytes: &[u8]) -> usize {
        let credit = self.pocket.credit.get(&stream).copied().unwrap_or(0);
        let part = &bytes[..bytes.len().min(credit)];
        let taken = self.network.write(self.node, stream, &[part]).unwrap_or(0);
        if let Some(credit) = self.pocket.credit.get_mut(&stream) {
            *credit -= taken;
        }
        taken
    }

    /// Takes so many more bytes.
    pub fn grant(&mut self, stream: i32, bytes: i32) {
        // A stream that is over needs none.
        let _ = self.network.grant(self.node, stream, bytes);
    }

    /// Ends a stream in one of the ways of ABI.md §7.
    pub fn close(&mut self, stream: i32, how: i32) {
        // It may be over already.
        let _ = self.network.close(self.node, stream, how);
    }

    /// The number of the operation that was begun last.
    pub fn last_op(&self) -> u64 {
        self.pocket.last_op
    }

    fn ask_for_events(&mut self) {
        if self.pocket.asked.is_none() {
            self.pocket.asked = self.command(Command::NextEvents(P2pNextEvents {}));
        }
    }
}

/// Lets a peer do something that it does not do of its own accord.
pub fn with<P: Peer, T>(
    network: &mut Network,
    node: NodeId,
    peer: &mut P,
    act: impl FnOnce(&mut P, &mut Hands<'_>) -> T,
) -> T {
    let mut pocket = std::mem::take(peer.pocket());
    let mut hands = Hands {
        network,
        node,
        pocket: &mut pocket,
    };
    let result = act(peer, &mut hands);
    *peer.pocket() = pocket;
    result
}

/// Tells a peer what there is to tell, and lets it act if its time has come: in how many microseconds it wants to be woken.
pub fn wake(network: &mut Network, node: NodeId, peer: &mut dyn Peer) -> Option<u64> {
    let mut pocket = std::mem::take(peer.pocket());
    let (now_us, mut pause_us) = (network.now_us, None);
    let mut hands = Hands {
        network,
        node,
        pocket: &mut pocket,
    };
    hands.ask_for_events();
    while let Some(told) = hands.network.next_told(node) {
        for heard in hear(hands.pocket, told) {
            peer.hear(&mut hands, heard);
        }
        hands.ask_for_events();
    }
    if hands.pocket.next_us <= now_us {
        pause_us = peer.act(&mut hands);
        hands.pocket.next_us = pause_us.map_or(u64::MAX, |pause_us| now_us + pause_us);
    }
    *peer.pocket() = pocket;
    pause_us
}

fn hear(pocket: &mut Pocket, told: Told) -> Vec<Heard> {
    let (stream, kind, arg, data) = match told {
        Told::Complete(completion) => return ended(pocket, completion),
        Told::Stream {
            stream,
            kind,
            arg,
            data,
        } => (stream, kind, arg, data),
    };
    let more = usize::try_from(arg).unwrap_or(0);
    if matches!(kind, kind::OPENED | kind::INBOUND | kind::WRITABLE) {
        *pocket.credit.entry(stream).or_default() += more;
    }
    let heard = match kind {
        kind::OPENED => Some(Heard::Opened(stream)),
        kind::DATA => Some(Heard::Data(stream, data)),
        kind::FIN => Some(Heard::Fin(stream)),
        kind::RESET => {
            pocket.credit.remove(&stream);
            Some(Heard::Reset(stream))
        }
        kind::WRITABLE => Some(Heard::Writable(stream)),
        _ => P2pInbound::decode(data.as_slice())
            .ok()
            .map(|inbound| Heard::Inbound(stream, inbound)),
    };
    heard.into_iter().collect()
}

fn ended(pocket: &mut Pocket, completion: Completion) -> Vec<Heard> {
    let Completion { op, status, head, .. } = completion;
    let result = match status {
        0 => P2pResult::decode(head.as_slice()).map_err(|_| 0),
        status => Err(status),
    };
    if pocket.asked != Some(op) {
        return vec![Heard::Ended(op, result)];
    }
    pocket.asked = None;
    let events = result.map(|result| result.events).unwrap_or_default();
    events
        .into_iter()
        .filter_map(|event| event.event)
        .map(Heard::Event)
        .collect()
}
