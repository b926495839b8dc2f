//! A network of hosts in one process: what stands behind `avatar_p2p` and the streams of every unit, of relays, and of peers that are no units.
//!
//! Everything takes its time and may fail: links have latency, jitter, loss and bandwidth; groups of nodes are cut off from each other for a while; connections break in the middle
//! of a stream; hosts and relays die. What an instance sees is what H24 to H29 of ABI.md let it see. All chance comes from one dice, so a seed is one network.
//!
//! - [`link`]: how long bytes take. [`line`](self): connections over links. [`stream`]: streams over connections, with credit both ways.
//! - `commands.rs`: what instances ask. `arrivals.rs`: what comes over connections. `discovery.rs`: rendezvous and gossip.
//! - [`wire`]: who has read what.

pub mod address;
mod arrivals;
mod commands;
mod discovery;
mod events;
mod failure;
mod frame;
mod life;
mod line;
pub mod link;
mod listen;
pub mod stream;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use avatar_proto::{P2pLocal, P2pPeer, P2pResult};
pub use avatar_proto::{stream_close as how, stream_event as kind};

use crate::disk::Completion;
use crate::random::{Dice, Stream};
use address::PeerId;
use discovery::{Heard, Registrations};
use failure::Failure;
use life::{Life, Operation};
use line::{Line, LineId, Purpose};
use link::{Link, Links};
use listen::Listener;
use wire::Wire;

/// The number of a node: units first, then whoever else there is.
pub type NodeId = usize;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server: whoever has its address reaches it.
    Public,
    /// Behind a NAT that lets WebRTC through, as browsers mostly are.
    Private,
    /// Behind a NAT that lets nothing through but what it dials.
    Shut,
    /// A relay: it can be dialled, carries circuits and gossip, and is a rendezvous point.
    Relay,
}

/// What a host tells its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// `yuan_complete`.
    Complete(Completion),
    /// `yuan_stream_event`.
    Stream {
        /// Its number.
        stream: i32,
        /// One of [`kind`].
        kind: i32,
        /// Credit, or a status.
        arg: i64,
        /// Bytes, or a P2pInbound.
        data: Vec<u8>,
    },
}

impl Told {
    fn is_of(&self, number: i32) -> bool {
        matches!(self, Self::Stream { stream, .. } if *stream == number)
    }
}

struct Node {
    peer: PeerId,
    role: Role,
    is_up: bool,
    /// The instance, while there is one.
    life: Option<Life>,
    /// What it is told next, in this order.
    inbox: VecDeque<Told>,
    listening: BTreeSet<Listener>,
    /// Relays that let others reach this node.
    reserved: BTreeSet<NodeId>,
    /// Nodes that others reach over this one.
    reservations: BTreeSet<NodeId>,
    registrations: Registrations,
    /// Where others were, when they last said so.
    book: BTreeMap<PeerId, Vec<String>>,
    local: P2pLocal,
    heard: Heard,
    last_connection: u64,
    last_inbound: i32,
}

enum Due {
    /// A frame is at the other end.
    Arrive(LineId, line::Travelling),
    /// This end hears that the connection is lost.
    Lost(LineId, usize, &'static str),
    /// This end has waited long enough: since this stall, or for an answer to its hello.
    Expire(LineId, usize, Option<u64>),
    /// This end measures its connection.
    Ping(LineId, usize),
    /// Nobody is where this node dialled.
    Unreachable(NodeId, LineId, Purpose),
    /// Nobody has agreed on the protocol of this stream.
    Disagree(LineId, usize, u64),
}

/// See the module's documentation.
pub struct Network {
    /// The moment, in microseconds of the world.
    pub now_us: u64,
    /// Who has read what.
    pub wire: Wire,
    links: Links,
    dice: Dice,
    nodes: Vec<Node>,
    lines: BTreeMap<LineId, Line>,
    /// By the moment, then in the order in which it was planned.
    due: BTreeMap<(u64, u64), Due>,
    /// Counts whatever needs a number.
    last: u64,
    /// Nodes that are to be told something.
    ready: BTreeSet<NodeId>,
}

impl Network {
    /// Nobody yet. Every link is like this, until [`links`](Self::links) says otherwise.
    pub fn new(seed: u64, usual: Link) -> Self {
        Self {
            now_us: 0,
            wire: Wire::default(),
            links: Links::new(Dice::new(seed, Stream::Links), usual),
            dice: Dice::new(seed, Stream::Network),
            nodes: Vec::new(),
            lines: BTreeMap::new(),
            due: BTreeMap::new(),
            last: 0,
            ready: BTreeSet::new(),
        }
    }

    /// One more node, whose process runs. Its key follows from the seed.
    pub fn add(&mut self, role: Role) -> NodeId {
        let node = self.nodes.len();
        let peer = PeerId::of_key(&self.dice.bytes());
        let local = P2pLocal {
            peer: peer.as_bytes().to_vec(),
            addresses: Vec::new(),
        };
        self.nodes.push(Node {
            peer,
            role,
            is_up: true,
            life: None,
            inbox: VecDeque::new(),
            listening: BTreeSet::new(),
            reserved: BTreeSet::new(),
            reservations: BTreeSet::new(),
            registrations: Registrations::default(),
            book: BTreeMap::new(),
            local,
            heard: Heard::default(),
            last_connection: 0,
            last_inbound: 0,
        });
        if role == Role::Relay {
            self.nodes[node].listening.insert(Listener::Direct);
        }
        node
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The peer id of a node.
    pub fn peer(&self, node: NodeId) -> &PeerId {
        &self.nodes[node].peer
    }

    /// The node's own address, with its peer id.
    pub fn address(&self, node: NodeId) -> String {
        format!("{}/p2p/{}", address::direct(node), self.nodes[node].peer)
    }

    /// Where others can reach a node at present.
    pub fn addresses(&self, node: NodeId) -> &[String] {
        &self.nodes[node].local.addresses
    }

    /// The node that has this peer id.
    pub fn node_of(&self, peer: &PeerId) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.peer == *peer)
    }

    /// How links behave.
    pub fn links(&mut self) -> &mut Links {
        &mut self.links
    }

    /// The moment of the next thing that happens in the network.
    pub fn next_us(&self) -> Option<u64> {
        self.due.keys().next().map(|(at_us, _)| *at_us)
    }

    /// It happens, if it is not after this moment.
    pub fn step(&mut self, until_us: u64) -> bool {
        let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= until_us) else {
            return false;
        };
        self.now_us = self.now_us.max(first.key().0);
        match first.remove() {
            Due::Arrive(line, travelling) => self.arrive(line, travelling),
            Due::Lost(line, end, reason) => self.close_end(line, end, reason, false),
            Due::Expire(line, end, stall) => self.expire(line, end, stall),
            Due::Ping(line, end) => self.ping(line, end),
            Due::Unreachable(node, attempt, purpose) => {
                self.attempt_failed(
                    node,
                    attempt,
                    &purpose,
                    Failure::network("nobody answers at this address"),
                );
            }
            Due::Disagree(line, end, stream) => {
                let failure = Failure::timeout("no agreement on a protocol in time");
                self.fail_opening(line, end, stream, failure);
            }
        }
        true
    }

    /// Nodes that are to be told something, since the last call.
    pub fn take_ready(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.ready)
    }

    /// What a node is told next.
    pub fn next_told(&mut self, node: NodeId) -> Option<Told> {
        let told = self.nodes[node].inbox.pop_front()?;
        if let Told::Stream { stream, kind, arg, .. } = &told {
            if *kind == kind::WRITABLE {
                self.give_credit(node, *stream, *arg as usize);
            }
            self.release(node, *stream);
        }
        Some(told)
    }

    /// Whether a node is still to be told something.
    pub fn has_told(&self, node: NodeId) -> bool {
        !self.nodes[node].inbox.is_empty()
    }

    /// A node's process dies. Others are told at once, or have to find out.
    pub fn stop(&mut self, node: NodeId, is_noticed: bool) {
        self.break_lines(node, is_noticed);
        let dead = &mut self.nodes[node];
        dead.is_up = false;
        dead.life = None;
        dead.inbox.clear();
        dead.listening.clear();
        dead.reserved.clear();
        dead.reservations.clear();
        dead.registrations = Registrations::default();
        dead.heard = Heard::default();
        dead.local.addresses.clear();
    }

    /// It runs again, with the same key and nothing else.
    pub fn restart(&mut self, node: NodeId) {
        self.nodes[node].is_up = true;
        if self.nodes[node].role == Role::Relay {
            self.nodes[node].listening.insert(Listener::Direct);
        }
    }

    /// Whether a node's process runs.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.nodes[node].is_up
    }

    /// What a host holds of streams for its instance and for others, in bytes.
    pub fn buffered(&self, node: NodeId) -> usize {
        let inbox = self.nodes[node].inbox.iter().map(|told| match told {
            Told::Stream { data, .. } => data.len(),
            Told::Complete(completion) => completion.head.len(),
        });
        let streams = self
            .lines
            .values()
            .flat_map(|line| &line.ends)
            .filter(|end| end.node == node);
        inbox.sum::<usize>() + streams.map(line::End::buffered).sum::<usize>()
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn plan(&mut self, in_us: u64, due: Due) {
        let number = self.number();
        self.due.insert((self.now_us + in_us, number), due);
    }

    fn tell(&mut self, node: NodeId, told: Told) {
        self.nodes[node].inbox.push_back(told);
        self.ready.insert(node);
    }

    fn tell_stream(&mut self, node: NodeId, stream: i32, kind: i32, arg: i64, data: Vec<u8>) {
        self.tell(
            node,
            Told::Stream {
                stream,
                kind,
                arg,
                data,
            },
        );
    }

    /// Ends an operation, if it is under way.
    fn complete(&mut self, node: NodeId, op: u64, result: Result<P2pResult, Failure>) {
        let life = self.nodes[node].life.as_mut();
        if life.is_some_and(|life| life.ops.remove(&op).is_some()) {
            self.tell(node, Told::Complete(failure::completion(op, result)));
        }
    }

    /// Gives the instance what has happened, if it has asked.
    fn deliver_events(&mut self, node: NodeId) {
        let Some(life) = &mut self.nodes[node].life else { return };
        let asked = life
            .ops
            .iter()
            .find(|(_, operation)| matches!(operation, Operation::NextEvents));
        let Some(op) = asked.map(|(op, _)| *op) else { return };
        let events = life.events.take();
        if !events.is_empty() {
            let result = P2pResult {
                events,
                ..P2pResult::default()
            };
            self.complete(node, op, Ok(result));
        }
    }
}

/// A result that names peers.
fn peers(peers: impl IntoIterator<Item = P2pPeer>) -> P2pResult {
    P2pResult {
        peers: peers.into_iter().collect(),
        ..P2pResult::default()
    }
}
