//! What comes over connections.

use avatar_proto::{AbiStatus, Message, P2pInbound, P2pPeer, P2pResult};

use super::failure::Failure;
use super::frame::Frame;
use super::life::Operation;
use super::line::{LineId, Purpose, State};
use super::listen::Listener;
use super::stream::{CREDIT_BYTES, Out, StreamEnd};
use super::{Network, NodeId, Role, kind, peers};

/// The most streams of one connection, where the peer opens a further one.
const MAX_STREAMS_OF_LINE: usize = 128;

/// The most streams of an instance, where a peer opens a further one.
const MAX_STREAMS: usize = 1_024;

impl Network {
    /// A frame is for this end.
    pub(super) fn take_frame(&mut self, id: LineId, at: usize, frame: Frame) {
        let Some(line) = self.lines.get(&id) else { return };
        let state = line.ends[at].state;
        let (node, other) = (line.ends[at].node, line.ends[1 - at].node);
        match frame {
            Frame::Hello => self.take_hello(id),
            Frame::Welcome if state == State::Waiting => self.take_welcome(id),
            // A relay may refuse a circuit that its other end has opened just now.
            Frame::Refused(reason) if at == 0 => self.close_end(id, at, reason, false),
            Frame::Bye(reason) => self.close_end(id, at, reason, false),
            _ if state != State::Open => {}
            Frame::Ping(sent_us) => self.send(id, at, Frame::Pong(sent_us)),
            Frame::Pong(sent_us) => self.measured(id, at, sent_us),
            Frame::Open { stream, protocols } => self.take_open(id, at, stream, &protocols),
            Frame::Agreed { stream, protocol } => self.agreed(id, at, stream, protocol),
            Frame::Disagreed { stream } => {
                let failure = Failure::unsupported("the peer takes none of the protocols");
                self.fail_opening(id, at, stream, failure);
            }
            Frame::Data { stream, bytes } => self.take_data(id, at, stream, &bytes),
            Frame::Fin { stream } => {
                if let Some(end) = self.stream(id, at, stream) {
                    end.arrive_end();
                    self.pump(id, at, stream);
                }
            }
            Frame::Reset { stream } => self.take_reset(id, at, stream),
            Frame::Window { stream, bytes } => {
                if let Some(end) = self.stream(id, at, stream) {
                    end.widen(bytes);
                    self.pump(id, at, stream);
                }
            }
            Frame::Reserve => self.take_reserve(id, at, other, node),
            Frame::Reserved => self.reserved(node, other),
            Frame::Topic { topic, wanted } => self.take_topic(id, at, &topic, wanted),
            Frame::Gossip(gossip) => self.take_gossip(node, Some(other), gossip),
            Frame::Register {
                ask,
                key,
                ttl_us,
                addresses,
            } => self.take_register(id, at, ask, key, ttl_us, addresses),
            Frame::Registered { ask } => self.registered(node, ask),
            Frame::Unregister { key } => self.nodes[node].registrations.remove(&key, other),
            Frame::Discover { ask, key, limit } => self.take_discover(id, at, ask, &key, limit),
            Frame::Discovered { ask, found } => self.discovered(node, ask, found),
            Frame::Welcome | Frame::Refused(_) => {}
        }
    }

    /// Whether the one who is dialled can be reached in this way.
    fn refuses(&self, id: LineId) -> Option<&'static str> {
        let line = &self.lines[&id];
        let [dialler, dialled] = &line.ends;
        let node = &self.nodes[dialled.node];
        let Some(relay) = line.via else {
            let listens = node.listening.contains(&Listener::Direct);
            return (!listens).then_some("nobody listens at this address");
        };
        if !self.nodes[relay].reservations.contains(&dialled.node) {
            return Some("the relay does not know the peer");
        }
        if !line.is_signalled {
            return None;
        }
        let is_shut = |node: NodeId| self.nodes[node].role == Role::Shut;
        if !node.listening.contains(&Listener::Webrtc) {
            return Some("the peer does not take WebRTC");
        }
        (is_shut(dialler.node) && is_shut(dialled.node)).then_some("no way through both NATs")
    }

    fn take_hello(&mut self, id: LineId) {
        if self.lines[&id].ends[1].state != State::Waiting {
            return;
        }
        let refusal = self.refuses(id);
        if let Some(reason) = refusal {
            self.send(id, 1, Frame::Refused(reason));
            return self.close_end(id, 1, reason, false);
        }
        self.send(id, 1, Frame::Welcome);
        self.open_end(id, 1);
    }

    fn take_welcome(&mut self, id: LineId) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.is_signalled {
            line.via = None;
        }
        let (node, other, purpose) = (line.ends[0].node, line.ends[1].node, line.purpose.clone());
        match purpose {
            Purpose::Reserve(_) => {
                self.open_end(id, 0);
                self.reserve_at(node, other);
            }
            Purpose::Dial(op) => self.dialled(id, node, op),
        }
    }

    /// A dialler is answered: that ends the operation, if nothing has ended it before.
    fn dialled(&mut self, id: LineId, node: NodeId, op: u64) {
        let life = self.nodes[node].life.as_ref();
        let operation = life.and_then(|life| life.ops.get(&op));
        let Some(Operation::Dial { attempts, .. }) = operation
            .filter(|operation| matches!(operation, Operation::Dial { attempts, .. } if attempts.contains(&id)))
        else {
            return self.drop_attempt(id);
        };
        let others: Vec<LineId> = attempts.iter().copied().filter(|attempt| *attempt != id).collect();
        for attempt in others {
            self.drop_attempt(attempt);
        }
        self.open_end(id, 0);
        let described = self.describe(id, 0, "");
        let answered = P2pPeer {
            peer: described.peer,
            addresses: vec![described.address],
        };
        self.complete(node, op, Ok(peers([answered])));
    }

    /// Nobody waits for a connection any more.
    pub(super) fn drop_attempt(&mut self, id: LineId) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.ends[0].state != State::Waiting {
            return;
        }
        line.ends[0].state = State::Closed;
        self.send(id, 0, Frame::Bye("another connection was faster"));
        self.close_end(id, 0, "another connection was faster", false);
    }

    fn measured(&mut self, id: LineId, at: usize, sent_us: u64) {
        let now_us = self.now_us;
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.ends[at].round_trip_us = (now_us - sent_us).max(1);
        let node = line.ends[at].node;
        let described = self.describe(id, at, "");
        if let Some(life) = &mut self.nodes[node].life {
            life.events.measured(described);
        }
        self.deliver_events(node);
    }

    // ---- streams

    /// An end's part of a stream.
    pub(super) fn stream(&mut self, id: LineId, at: usize, stream: u64) -> Option<&mut StreamEnd> {
        self.lines.get_mut(&id)?.ends[at].streams.get_mut(&stream)
    }

    fn take_open(&mut self, id: LineId, at: usize, stream: u64, protocols: &[String]) {
        let line = &self.lines[&id];
        let (node, other) = (line.ends[at].node, line.ends[1 - at].node);
        let (of_line, connection) = (line.ends[at].streams.len(), line.ends[at].number);
        let peer = self.nodes[other].peer.as_bytes().to_vec();
        let host = &mut self.nodes[node];
        let Some(life) = &mut host.life else {
            return self.send(id, at, Frame::Disagreed { stream });
        };
        let Some(protocol) = protocols.iter().find(|name| life.accepted.contains(*name)).cloned() else {
            return self.send(id, at, Frame::Disagreed { stream });
        };
        let is_welcome = of_line < MAX_STREAMS_OF_LINE && life.streams.len() < MAX_STREAMS;
        let inbound = P2pInbound {
            peer,
            protocol: protocol.clone(),
            connection,
        };
        if is_welcome {
            host.last_inbound += 2;
            let number = host.last_inbound;
            life.streams.insert(number, (id, stream));
            if let Some(line) = self.lines.get_mut(&id) {
                line.ends[at].streams.insert(stream, StreamEnd::new(number, None));
            }
            self.tell_stream(
                node,
                number,
                kind::INBOUND,
                CREDIT_BYTES as i64,
                inbound.encode_to_vec(),
            );
        }
        self.send(id, at, Frame::Agreed { stream, protocol });
        if !is_welcome {
            self.send(id, at, Frame::Reset { stream });
        }
    }

    fn agreed(&mut self, id: LineId, at: usize, stream: u64, protocol: String) {
        let Some(line) = self.lines.get(&id) else { return };
        let node = line.ends[at].node;
        let Some(end) = self.stream(id, at, stream) else { return };
        let (Some(op), Some(number)) = (end.opening.take(), end.number) else {
            return;
        };
        let result = P2pResult {
            protocol,
            ..P2pResult::default()
        };
        self.complete(node, op, Ok(result));
        self.tell_stream(node, number, kind::OPENED, CREDIT_BYTES as i64, Vec::new());
    }

    /// A stream is not opened.
    pub(super) fn fail_opening(&mut self, id: LineId, at: usize, stream: u64, failure: Failure) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let node = line.ends[at].node;
        let Some(op) = line.ends[at].streams.get(&stream).and_then(|end| end.opening) else {
            return;
        };
        if let Some(number) = line.ends[at].streams.remove(&stream).and_then(|end| end.number) {
            self.forget_number(node, number, stream);
        }
        self.complete(node, op, Err(failure));
    }

    fn take_data(&mut self, id: LineId, at: usize, stream: u64, bytes: &[u8]) {
        let Some(end) = self.stream(id, at, stream) else { return };
        if end.arrive(bytes) {
            self.pump(id, at, stream);
        } else {
            self.close_end(id, at, "more bytes than the window", true);
        }
    }

    fn take_reset(&mut self, id: LineId, at: usize, stream: u64) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let node = line.ends[at].node;
        let Some(end) = line.ends[at].streams.remove(&stream) else {
            return;
        };
        let Some(number) = end.number else { return };
        if let Some(op) = end.opening {
            self.complete(node, op, Err(Failure::network("the stream was reset")));
        } else if !end.is_finished() {
            // yamux of Rust reads a reset like an end, once the own side has finished.
            match end.has_sent_all() && self.dice.chance(500) {
                true => self.tell_stream(node, number, kind::FIN, 0, Vec::new()),
                false => self.tell_stream(node, number, kind::RESET, AbiStatus::Io as i64, Vec::new()),
            }
        }
        self.forget_number(node, number, stream);
    }

    /// Moves what can be moved: to the other host, to the instance, and credit and windows back.
    pub(super) fn pump(&mut self, id: LineId, at: usize, stream: u64) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let node = line.ends[at].node;
        let Some(end) = line.ends[at].streams.get_mut(&stream) else {
            return;
        };
        let (number, outgoing) = (end.number, end.outgoing());
        let credit = end.credit_back();
        let (pieces, ends) = end.incoming();
        let window = end.window_back();
        if end.is_over() && number.is_none() {
            line.ends[at].streams.remove(&stream);
        }
        for out in outgoing {
            let frame = match out {
                Out::Data(bytes) => Frame::Data { stream, bytes },
                Out::Fin => Frame::Fin { stream },
            };
            self.send(id, at, frame);
        }
        if window > 0 {
            self.send(id, at, Frame::Window { stream, bytes: window });
        }
        let Some(number) = number else { return };
        if credit > 0 {
            self.tell_stream(node, number, kind::WRITABLE, credit as i64, Vec::new());
        }
        for piece in pieces {
            self.tell_stream(node, number, kind::DATA, 0, piece);
        }
        if ends {
            self.tell_stream(node, number, kind::FIN, 0, Vec::new());
        }
    }

    /// An instance is told of further credit.
    pub(super) fn give_credit(&mut self, node: NodeId, number: i32, bytes: usize) {
        let life = self.nodes[node].life.as_ref();
        let Some((id, stream)) = life.and_then(|life| life.streams.get(&number).copied()) else {
            return;
        };
        if let Some(line) = self.lines.get_mut(&id)
            && let Some(at) = line.ends.iter().position(|end| end.node == node)
            && let Some(end) = line.ends[at].streams.get_mut(&stream)
        {
            end.give(bytes);
        }
    }

    /// A stream's number is free once both ways are over and the instance has been told.
    pub(super) fn release(&mut self, node: NodeId, number: i32) {
        let host = &self.nodes[node];
        let Some((id, stream)) = host.life.as_ref().and_then(|life| life.streams.get(&number).copied()) else {
            return;
        };
        if host.inbox.iter().any(|told| told.is_of(number)) {
            return;
        }
        let Some(line) = self.lines.get_mut(&id) else { return };
        let Some(at) = line.ends.iter().position(|end| end.node == node) else {
            return;
        };
        let Some(end) = line.ends[at].streams.get_mut(&stream) else {
            return;
        };
        if !end.is_finished() {
            return;
        }
        end.number = None;
        if end.is_over() {
            line.ends[at].streams.remove(&stream);
        }
        self.forget_number(node, number, stream);
    }
}
