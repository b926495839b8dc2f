//! Connections: two ends, the links between them, and what is on its way.

use std::collections::{BTreeMap, BTreeSet};

use avatar_proto::{AbiStatus, P2pConnection};

use super::failure::Failure;
use super::frame::Frame;
use super::life::Operation;
use super::listen::Listener;
use super::stream::StreamEnd;
use super::{Due, Network, NodeId, Role, kind};

/// The number of a connection in the whole network.
pub type LineId = u64;

/// How long a dial may take.
const DIAL_TIMEOUT_US: u64 = 10_000_000;

/// How long an end hears nothing before it gives a connection up, at least and at most.
const SILENCE_US: (u64, u64) = (10_000_000, 30_000_000);

/// How often an end measures its connection.
const PING_US: u64 = 15_000_000;

/// Why a connection is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For this operation.
    Dial(u64),
    /// To listen at that relay.
    Reserve(NodeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no connection yet.
    Waiting,
    Open,
    Closed,
}

/// A frame on its way.
#[derive(Debug)]
pub struct Travelling {
    /// The end that gets it.
    pub to: usize,
    /// Counts the frames of a connection: held ones go on in their order.
    number: u64,
    /// The frame.
    pub frame: Frame,
}

/// One end of a connection.
#[derive(Debug)]
pub struct End {
    /// Whose it is.
    pub node: NodeId,
    /// Whether it can be used.
    pub state: State,
    /// The host's number for it.
    pub number: u64,
    /// The other end's address, as it is told.
    pub address: String,
    /// 0 = not measured.
    pub round_trip_us: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// Its streams.
    pub streams: BTreeMap<u64, StreamEnd>,
    /// What the other end wants messages of.
    pub wanted: BTreeSet<String>,
}

impl End {
    fn new(node: NodeId, address: String) -> Self {
        Self {
            node,
            state: State::Waiting,
            number: 0,
            address,
            round_trip_us: 0,
            bytes_in: 0,
            bytes_out: 0,
            streams: BTreeMap::new(),
            wanted: BTreeSet::new(),
        }
    }

    /// Bytes of streams that wait in this host.
    pub fn buffered(&self) -> usize {
        self.streams.values().map(StreamEnd::buffered).sum()
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Line {
    /// The dialler, and whom it dialled.
    pub ends: [End; 2],
    /// The relay by way of which it goes at present.
    pub via: Option<NodeId>,
    /// The relay is only there until both have found each other.
    pub is_signalled: bool,
    /// Why it was dialled.
    pub purpose: Purpose,
    /// Nothing crosses at present, since this stall.
    stalled: Option<u64>,
    /// Nothing will ever cross any more.
    is_dead: bool,
    held: Vec<Travelling>,
    last_arrival_us: [u64; 2],
    sent: u64,
}

impl Line {
    /// Whether a relay carries all that is said.
    pub fn is_relayed(&self) -> bool {
        self.via.is_some() && !self.is_signalled
    }

    fn has_end(&self, node: NodeId) -> bool {
        self.ends.iter().any(|end| end.node == node)
    }
}

impl Network {
    /// Dials a node, and says hello. `via` is a relay; with `is_signalled` it is only needed in the beginning.
    pub(super) fn dial_line(
        &mut self,
        [from, to]: [NodeId; 2],
        (via, is_signalled): (Option<NodeId>, bool),
        purpose: Purpose,
        address: String,
    ) -> LineId {
        let id = self.number();
        let back = match via {
            Some(relay) if !is_signalled => {
                let (relay, from) = (self.address(relay), &self.nodes[from].peer);
                format!("{relay}/p2p-circuit/p2p/{from}")
            }
            _ => self.address(from),
        };
        let line = Line {
            ends: [End::new(from, address), End::new(to, back)],
            via,
            is_signalled,
            purpose,
            stalled: None,
            is_dead: false,
            held: Vec::new(),
            last_arrival_us: [self.now_us; 2],
            sent: 0,
        };
        self.lines.insert(id, line);
        self.plan(DIAL_TIMEOUT_US, Due::Expire(id, 0, None));
        self.look_at(id);
        self.send(id, 0, Frame::Hello);
        id
    }

    /// The node at one end has the connection from now on.
    pub(super) fn open_end(&mut self, id: LineId, at: usize) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (node, other) = (line.ends[at].node, line.ends[1 - at].node);
        self.nodes[node].last_connection += 1;
        (line.ends[at].state, line.ends[at].number) = (State::Open, self.nodes[node].last_connection);
        let described = self.describe(id, at, "");
        let (peer, addresses) = (
            self.nodes[other].peer.clone(),
            self.nodes[other].local.addresses.clone(),
        );
        self.nodes[node].book.insert(peer, addresses);
        if let Some(life) = &mut self.nodes[node].life {
            life.events.opened(described);
        }
        self.deliver_events(node);
        for topic in self.topics_of(node) {
            self.send(id, at, Frame::Topic { topic, wanted: true });
        }
        let first_us = self.dice.between(100_000, 1_000_000);
        self.plan(first_us, Due::Ping(id, at));
    }

    /// As the contract says it.
    pub(super) fn describe(&self, id: LineId, at: usize, reason: &str) -> P2pConnection {
        let line = &self.lines[&id];
        let end = &line.ends[at];
        P2pConnection {
            connection: end.number,
            peer: self.nodes[line.ends[1 - at].node].peer.as_bytes().to_vec(),
            address: end.address.clone(),
            relayed: line.is_relayed(),
            dialled: at == 0,
            round_trip_us: end.round_trip_us,
            bytes_in: end.bytes_in,
            bytes_out: end.bytes_out,
            reason: reason.to_owned(),
        }
    }

    /// The open connections of a node, and which end of each is its.
    pub(super) fn open_lines(&self, node: NodeId) -> Vec<(LineId, usize)> {
        let mut open = Vec::new();
        for (id, line) in &self.lines {
            let at = line
                .ends
                .iter()
                .position(|end| end.node == node && end.state == State::Open);
            open.extend(at.map(|at| (*id, at)));
        }
        open
    }

    /// A connection between two nodes that the first can use.
    pub(super) fn line_between(&self, node: NodeId, other: NodeId) -> Option<(LineId, usize)> {
        let lines = self.open_lines(node).into_iter();
        lines.rev().find(|(id, at)| self.lines[id].ends[1 - at].node == other)
    }

    /// Sends a frame from one end to the other.
    pub(super) fn send(&mut self, id: LineId, from: usize, frame: Frame) {
        let Some(line) = self.lines.get_mut(&id).filter(|line| !line.is_dead) else {
            return;
        };
        if let Frame::Data { bytes, .. } = &frame {
            line.ends[from].bytes_out += bytes.len() as u64;
        }
        line.sent += 1;
        let travelling = Travelling {
            to: 1 - from,
            number: line.sent,
            frame,
        };
        match line.stalled {
            Some(_) => line.held.push(travelling),
            None => self.transmit(id, travelling),
        }
    }

    fn transmit(&mut self, id: LineId, travelling: Travelling) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let (from, to) = (line.ends[1 - travelling.to].node, line.ends[travelling.to].node);
        let bytes = travelling.frame.wire_bytes();
        let mut at_us = self.now_us;
        for (from, to) in legs(from, to, line.via) {
            at_us = self.links.arrival_us(from, to, at_us, bytes);
            self.wire.crossed(from, to, bytes);
        }
        let last_us = &mut line.last_arrival_us[travelling.to];
        *last_us = at_us.max(*last_us);
        let in_us = *last_us - self.now_us;
        self.plan(in_us, Due::Arrive(id, travelling));
    }

    /// A frame is where it was sent to, unless the way is cut meanwhile.
    pub(super) fn arrive(&mut self, id: LineId, travelling: Travelling) {
        let Some(line) = self.lines.get_mut(&id).filter(|line| !line.is_dead) else {
            return;
        };
        if line.stalled.is_some() {
            line.held.push(travelling);
            return;
        }
        let (from, to) = (line.ends[1 - travelling.to].node, line.ends[travelling.to].node);
        if let Frame::Data { bytes, .. } = &travelling.frame {
            line.ends[travelling.to].bytes_in += bytes.len() as u64;
        }
        self.wire.read(from, to, id, &travelling.frame);
        self.take_frame(id, travelling.to, travelling.frame);
    }

    /// Groups of nodes do not reach each other from now on, or do so again.
    pub fn partition(&mut self, groups: BTreeMap<NodeId, u32>) {
        self.links.partition(groups);
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            self.look_at(id);
        }
    }

    /// Stalls a connection whose way is cut, and lets one go on whose way is there again.
    fn look_at(&mut self, id: LineId) {
        let Some(line) = self.lines.get(&id).filter(|line| !line.is_dead) else {
            return;
        };
        let mut legs = legs(line.ends[0].node, line.ends[1].node, line.via).into_iter();
        let is_open = legs.all(|(from, to)| self.links.is_open(from, to));
        let was_stalled = line.stalled.is_some();
        if !is_open && !was_stalled {
            let stall = self.number();
            for at in 0..2 {
                let patience_us = self.dice.between(SILENCE_US.0, SILENCE_US.1);
                self.plan(patience_us, Due::Expire(id, at, Some(stall)));
            }
            if let Some(line) = self.lines.get_mut(&id) {
                line.stalled = Some(stall);
            }
        } else if is_open && was_stalled {
            let mut held = match self.lines.get_mut(&id) {
                Some(line) => {
                    line.stalled = None;
                    std::mem::take(&mut line.held)
                }
                None => return,
            };
            held.sort_by_key(|travelling| travelling.number);
            for travelling in held {
                self.transmit(id, travelling);
            }
        }
    }

    /// An end has waited long enough, if it still waits for the same.
    pub(super) fn expire(&mut self, id: LineId, at: usize, stall: Option<u64>) {
        let Some(line) = self.lines.get(&id) else { return };
        let is_over = match stall {
            Some(stall) => line.stalled == Some(stall),
            None => line.ends[at].state == State::Waiting,
        };
        if is_over {
            self.close_end(id, at, "nothing was heard for too long", true);
        }
    }

    /// An end measures its connection, now and again later.
    pub(super) fn ping(&mut self, id: LineId, at: usize) {
        let Some(line) = self.lines.get(&id).filter(|line| line.ends[at].state == State::Open) else {
            return;
        };
        if line.stalled.is_none() {
            self.send(id, at, Frame::Ping(self.now_us));
        }
        self.plan(PING_US, Due::Ping(id, at));
    }

    /// Connections that are open between two nodes, or to be opened.
    pub fn lines_between(&self, one: NodeId, other: NodeId) -> usize {
        let lines = self.lines.values();
        lines.filter(|line| line.has_end(one) && line.has_end(other)).count()
    }

    /// Breaks one connection of all, in the midst of whatever is said on it. False if there is none.
    pub fn cut_any(&mut self) -> bool {
        let open: Vec<LineId> = (self.lines.iter())
            .filter(|(_, line)| !line.is_dead && line.ends.iter().all(|end| end.state == State::Open))
            .map(|(id, _)| *id)
            .collect();
        if open.is_empty() {
            return false;
        }
        let id = *self.dice.pick(&open);
        self.lose(id, "the connection was cut", |network| network.dice.below(100_000));
        true
    }

    /// Nothing crosses a connection any more; each end hears of it after its own time.
    fn lose(&mut self, id: LineId, reason: &'static str, mut in_us: impl FnMut(&mut Self) -> u64) {
        let Some(line) = self.lines.get_mut(&id).filter(|line| !line.is_dead) else {
            return;
        };
        line.is_dead = true;
        line.held.clear();
        for at in 0..2 {
            let in_us = in_us(self);
            self.plan(in_us, Due::Lost(id, at, reason));
        }
    }

    /// A process dies: its ends are gone, and what it carried.
    pub(super) fn break_lines(&mut self, node: NodeId, is_noticed: bool) {
        let of: Vec<LineId> = (self.lines.iter())
            .filter(|(_, line)| line.has_end(node) || line.via == Some(node))
            .map(|(id, _)| *id)
            .collect();
        for id in of {
            self.lose(id, "the other end is gone", |network| match is_noticed {
                true => network.dice.below(200_000),
                false => network.dice.between(SILENCE_US.0 / 2, SILENCE_US.1),
            });
            let Some(line) = self.lines.get_mut(&id) else { continue };
            if let Some(end) = line.ends.iter_mut().find(|end| end.node == node) {
                end.state = State::Closed;
                end.streams.clear();
            }
        }
    }

    /// An end is over. With `says_so`, the other end hears it.
    pub(super) fn close_end(&mut self, id: LineId, at: usize, reason: &'static str, says_so: bool) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let before = std::mem::replace(&mut line.ends[at].state, State::Closed);
        let (node, other) = (line.ends[at].node, line.ends[1 - at].node);
        if before != State::Closed {
            let purpose = line.purpose.clone();
            self.reset_streams(id, at);
            if says_so {
                self.send(id, at, Frame::Bye(reason));
            }
            if before == State::Open {
                let described = self.describe(id, at, reason);
                if let Some(life) = &mut self.nodes[node].life {
                    life.events.closed(described);
                }
                self.line_gone(id, node, other);
            } else if at == 0 {
                self.attempt_failed(node, id, &purpose, Failure::network(reason));
            }
            self.deliver_events(node);
        }
        let is_over = |line: &Line| {
            let [dialler, dialled] = &line.ends;
            let is_closed = |end: &End| end.state == State::Closed;
            is_closed(dialler) && (is_closed(dialled) || (line.is_dead && dialled.state == State::Waiting))
        };
        if self.lines.get(&id).is_some_and(is_over) {
            self.lines.remove(&id);
        }
    }

    /// What hung on a connection that an end has lost.
    fn line_gone(&mut self, id: LineId, node: NodeId, other: NodeId) {
        self.forget_asks(node, id);
        if self.line_between(node, other).is_some() {
            return;
        }
        for (relay, client) in [(node, other), (other, node)] {
            if self.nodes[relay].role != Role::Relay {
                continue;
            }
            // Circuits hang on the connection to the relay, and it tells the other end.
            let circuits: Vec<LineId> = (self.lines.iter())
                .filter(|(_, line)| line.via == Some(relay) && line.has_end(client))
                .map(|(id, _)| *id)
                .collect();
            for circuit in circuits {
                self.lose(circuit, "the relay is gone", |network| network.dice.below(100_000));
            }
            if relay == node {
                self.nodes[relay].reservations.remove(&client);
            } else if self.nodes[client].listening.remove(&Listener::Circuit(relay)) {
                self.nodes[client].reserved.remove(&relay);
                self.addresses_changed(client);
                self.listener_failed(client, Listener::Circuit(relay), Failure::network("the relay is gone"));
            }
        }
    }

    /// The streams of an end are dead.
    fn reset_streams(&mut self, id: LineId, at: usize) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let node = line.ends[at].node;
        for (stream, mut end) in std::mem::take(&mut line.ends[at].streams) {
            let Some(number) = end.number else { continue };
            match end.opening {
                Some(op) => self.complete(node, op, Err(Failure::network("the connection closed"))),
                None => {
                    let (pieces, _) = end.incoming();
                    for piece in pieces {
                        self.tell_stream(node, number, kind::DATA, 0, piece);
                    }
                    self.tell_stream(node, number, kind::RESET, AbiStatus::Io as i64, Vec::new());
                }
            }
            self.forget_number(node, number, stream);
        }
    }

    /// A number is free again.
    pub(super) fn forget_number(&mut self, node: NodeId, number: i32, stream: u64) {
        if let Some(life) = &mut self.nodes[node].life
            && life.streams.get(&number).is_some_and(|(_, of)| *of == stream)
        {
            life.streams.remove(&number);
        }
    }

    /// A connection was not made.
    pub(super) fn attempt_failed(&mut self, node: NodeId, attempt: LineId, purpose: &Purpose, failure: Failure) {
        match purpose {
            Purpose::Reserve(relay) => self.listener_failed(node, Listener::Circuit(*relay), failure),
            Purpose::Dial(op) => {
                let life = self.nodes[node].life.as_mut();
                let operation = life.and_then(|life| life.ops.get_mut(op));
                let Some(Operation::Dial { attempts, failures }) = operation else {
                    return;
                };
                if attempts.remove(&attempt) {
                    failures.push(failure);
                }
                if attempts.is_empty() {
                    let failure = Failure::of_all(failures);
                    self.complete(node, *op, Err(failure));
                }
            }
        }
    }
}

/// The links that a frame crosses.
fn legs(from: NodeId, to: NodeId, via: Option<NodeId>) -> Vec<(NodeId, NodeId)> {
    match via {
        Some(relay) => vec![(from, relay), (relay, to)],
        None => vec![(from, to)],
    }
}
