//! What an instance asks of its host.

use std::collections::BTreeSet;

use avatar_proto::p2p_command::Command;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_STREAMS, P2pCommand, P2pDial, P2pOpenStream, P2pPeer, P2pPublish, P2pResult, P2pSubscribe,
};

use super::address::{Address, NoAddress, PeerId, Way};
use super::failure::Failure;
use super::frame::Frame;
use super::life::Operation;
use super::line::{LineId, Purpose};
use super::stream::StreamEnd;
use super::{Due, Network, NodeId, Role, Told, how, kind, peers};

/// The most topics, and the most protocols, of one instance.
const MAX_NAMES: usize = 64;

/// How long agreeing on a protocol may take.
const AGREE_TIMEOUT_US: u64 = 10_000_000;

/// What a command gives: its result, or nothing yet.
pub type Answer = Result<Option<P2pResult>, Failure>;

fn done() -> Answer {
    Ok(Some(P2pResult::default()))
}

/// A peer id from the contract's bytes.
pub fn peer_of(bytes: &[u8]) -> Result<PeerId, Failure> {
    PeerId::parse(bytes).ok_or_else(|| Failure::invalid("not a peer id"))
}

fn protocol_of(name: String) -> Result<String, Failure> {
    match name.starts_with('/') {
        true => Ok(name),
        false => Err(Failure::invalid("a protocol begins with a slash")),
    }
}

impl Network {
    /// `avatar_p2p`, of a command that `P2pCommand::check` lets through. Its completion follows.
    ///
    /// # Errors
    /// INVALID for a stream's number that is in use, LIMIT for more streams than there may be, CLOSED without an instance: then nothing follows.
    pub fn command(&mut self, node: NodeId, op: u64, command: P2pCommand) -> Result<(), AbiStatus> {
        let command = command.command.ok_or(AbiStatus::Invalid)?;
        let life = self.nodes[node].life.as_mut().ok_or(AbiStatus::Closed)?;
        if let Command::OpenStream(open) = &command {
            if life.streams.contains_key(&(open.stream as i32)) {
                return Err(AbiStatus::Invalid);
            }
            if life.streams.len() >= DEFAULT_MAX_STREAMS as usize {
                return Err(AbiStatus::Limit);
            }
        }
        let answer = match command {
            Command::OpenStream(open) => self.open_stream(node, op, open),
            Command::Listen(listen) => self.listen(node, op, &listen),
            Command::Dial(dial) => self.dial(node, op, dial),
            Command::Publish(publish) => self.publish(node, publish),
            Command::Subscribe(subscribe) => self.subscribe(node, subscribe),
            Command::Advertise(advertise) => self.advertise(node, op, advertise),
            Command::Find(find) => self.find(node, op, find),
            Command::AcceptProtocol(name) => self.accept(node, name),
            Command::RefuseProtocol(name) => {
                if let Some(life) = &mut self.nodes[node].life {
                    life.accepted.remove(&name);
                }
                done()
            }
            Command::Disconnect(peer) => self.disconnect(node, &peer),
            Command::NextEvents(_) => self.next_events(node, op),
        };
        match answer {
            Ok(None) => {}
            Ok(Some(result)) => self.answer(node, op, Ok(result)),
            Err(failure) => self.answer(node, op, Err(failure)),
        }
        self.deliver_events(node);
        Ok(())
    }

    fn answer(&mut self, node: NodeId, op: u64, result: Result<P2pResult, Failure>) {
        self.tell(node, Told::Complete(super::failure::completion(op, result)));
    }

    fn wait(&mut self, node: NodeId, op: u64, operation: Operation) -> Answer {
        if let Some(life) = &mut self.nodes[node].life {
            life.ops.insert(op, operation);
        }
        Ok(None)
    }

    /// `avatar_cancel`. Nothing happens if its completion is on its way.
    pub fn cancel(&mut self, node: NodeId, op: u64) {
        let life = self.nodes[node].life.as_ref();
        match life.and_then(|life| life.ops.get(&op)) {
            Some(Operation::Dial { attempts, .. }) => {
                for attempt in attempts.clone() {
                    self.drop_attempt(attempt);
                }
            }
            Some(Operation::Open { line, stream }) => {
                let (line, stream) = (*line, *stream);
                let Some(at) = self.end_of(line, node) else { return };
                self.fail_opening(line, at, stream, Failure::cancelled());
                self.send(line, at, Frame::Reset { stream });
            }
            _ => {}
        }
        self.complete(node, op, Err(Failure::cancelled()));
    }

    fn end_of(&self, line: LineId, node: NodeId) -> Option<usize> {
        self.lines.get(&line)?.ends.iter().position(|end| end.node == node)
    }

    fn next_events(&mut self, node: NodeId, op: u64) -> Answer {
        let life = self.nodes[node].life.as_ref();
        let is_waiting = |life: &super::Life| life.ops.values().any(|other| matches!(other, Operation::NextEvents));
        if life.is_some_and(is_waiting) {
            return Err(Failure::bad_state("another next_events waits already"));
        }
        self.wait(node, op, Operation::NextEvents)
    }

    fn accept(&mut self, node: NodeId, name: String) -> Answer {
        let name = protocol_of(name)?;
        if let Some(life) = &mut self.nodes[node].life {
            if life.accepted.len() >= MAX_NAMES && !life.accepted.contains(&name) {
                return Err(Failure::limit("too many protocols"));
            }
            life.accepted.insert(name);
        }
        done()
    }

    fn disconnect(&mut self, node: NodeId, peer: &[u8]) -> Answer {
        let peer = peer_of(peer)?;
        while let Some((line, at)) = self.best_line(node, &peer) {
            self.close_end(line, at, "closed by this host", true);
        }
        done()
    }

    // ---- dialling

    fn dial(&mut self, node: NodeId, op: u64, dial: P2pDial) -> Answer {
        let named = match dial.peer.as_slice() {
            [] => None,
            bytes => Some(peer_of(bytes)?),
        };
        if let Some((line, at)) = named
            .as_ref()
            .filter(|_| !dial.anew)
            .and_then(|peer| self.best_line(node, peer))
        {
            let described = self.describe(line, at, "");
            let known = P2pPeer {
                peer: described.peer,
                addresses: vec![described.address],
            };
            return Ok(Some(peers([known])));
        }
        let known = || named.as_ref().and_then(|peer| self.nodes[node].book.get(peer).cloned());
        let addresses = match dial.addresses.is_empty() {
            true => known().unwrap_or_default(),
            false => dial.addresses,
        };
        if addresses.is_empty() {
            return Err(Failure::not_found("no address of this peer is known"));
        }
        if !addresses.iter().any(|address| address.starts_with('/')) {
            return Err(Failure::invalid("none of the addresses is a multiaddr"));
        }
        let (mut attempts, mut failures) = (BTreeSet::new(), Vec::new());
        for address in addresses {
            match self.dial_address(node, &address, named.as_ref(), Purpose::Dial(op)) {
                Ok(attempt) => drop(attempts.insert(attempt)),
                Err(failure) => failures.push(failure),
            }
        }
        match attempts.is_empty() {
            true => Err(Failure::of_all(&failures)),
            false => self.wait(node, op, Operation::Dial { attempts, failures }),
        }
    }

    /// Begins to dial an address: the number of the attempt.
    pub(super) fn dial_address(
        &mut self,
        node: NodeId,
        text: &str,
        named: Option<&PeerId>,
        purpose: Purpose,
    ) -> Result<LineId, Failure> {
        let Address { way, peer } = Address::parse(text).map_err(|error| match error {
            NoAddress::Malformed => Failure::network("not a multiaddr"),
            NoAddress::Unknown => Failure::network("this host has no transport for it"),
        })?;
        let wanted = named.or(peer.as_ref()).cloned();
        let (target, via) = match way {
            Way::Direct(at) => (Some(at).filter(|at| *at < self.nodes.len()), (None, false)),
            Way::Circuit(relay) | Way::Signalled(relay) => {
                let wanted = wanted
                    .as_ref()
                    .ok_or_else(|| Failure::network("whom shall the relay call?"))?;
                let is_signalled = matches!(way, Way::Signalled(_));
                let is_relay = self
                    .nodes
                    .get(relay)
                    .is_some_and(|at| at.role == Role::Relay && at.is_up);
                // A relay that is not connected yet would be dialled first: that takes its time, and is not simulated apart.
                (self.node_of(wanted).filter(|_| is_relay), (Some(relay), is_signalled))
            }
        };
        if target == Some(node) || wanted.as_ref() == Some(&self.nodes[node].peer) {
            return Err(Failure::denied("the address is of this host itself"));
        }
        let Some(target) = target.filter(|target| self.nodes[*target].is_up) else {
            let attempt = self.number();
            let in_us = self.dice.between(10_000, 10_000_000);
            self.plan(in_us, Due::Unreachable(node, attempt, purpose));
            return Ok(attempt);
        };
        if wanted.as_ref().is_some_and(|wanted| *wanted != self.nodes[target].peer) {
            return Err(Failure::denied("somebody else is at this address"));
        }
        Ok(self.dial_line([node, target], via, purpose, text.to_owned()))
    }

    // ---- streams

    fn open_stream(&mut self, node: NodeId, op: u64, open: P2pOpenStream) -> Answer {
        let peer = peer_of(&open.peer)?;
        let protocols = open.protocols.into_iter().map(protocol_of).collect::<Result<_, _>>()?;
        let Some((line, at)) = self.best_line(node, &peer) else {
            return Err(Failure::not_found("there is no connection to this peer"));
        };
        let (stream, number) = (self.number(), open.stream as i32);
        if let Some(line) = self.lines.get_mut(&line) {
            line.ends[at].streams.insert(stream, StreamEnd::new(number, Some(op)));
        }
        if let Some(life) = &mut self.nodes[node].life {
            life.streams.insert(number, (line, stream));
        }
        self.send(line, at, Frame::Open { stream, protocols });
        self.plan(AGREE_TIMEOUT_US, Due::Disagree(line, at, stream));
        self.wait(node, op, Operation::Open { line, stream })
    }

    /// The connection of a stream that is open, the end, and the stream's number in the network.
    fn open(&self, node: NodeId, number: i32) -> Result<(LineId, usize, u64), AbiStatus> {
        let life = self.nodes[node].life.as_ref().ok_or(AbiStatus::NotFound)?;
        let (line, stream) = *life.streams.get(&number).ok_or(AbiStatus::NotFound)?;
        let at = self.end_of(line, node).ok_or(AbiStatus::NotFound)?;
        let end = self.lines[&line].ends[at]
            .streams
            .get(&stream)
            .ok_or(AbiStatus::NotFound)?;
        match end.opening {
            Some(_) => Err(AbiStatus::NotFound),
            None => Ok((line, at, stream)),
        }
    }

    /// `avatar_stream_write`.
    ///
    /// # Errors
    /// NOT_FOUND, AGAIN beyond the credit, CLOSED after the instance has finished.
    pub fn write(&mut self, node: NodeId, number: i32, parts: &[&[u8]]) -> Result<usize, AbiStatus> {
        let (line, at, stream) = self.open(node, number)?;
        let end = self.stream(line, at, stream).ok_or(AbiStatus::NotFound)?;
        let taken = end.write(parts)?;
        self.pump(line, at, stream);
        Ok(taken)
    }

    /// `avatar_stream_grant`.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID for fewer bytes than none.
    pub fn grant(&mut self, node: NodeId, number: i32, bytes: i32) -> Result<(), AbiStatus> {
        let (line, at, stream) = self.open(node, number)?;
        let bytes = usize::try_from(bytes).map_err(|_| AbiStatus::Invalid)?;
        let end = self.stream(line, at, stream).ok_or(AbiStatus::NotFound)?;
        end.grant(bytes);
        self.pump(line, at, stream);
        Ok(())
    }

    /// `avatar_stream_close`.
    ///
    /// # Errors
    /// NOT_FOUND, INVALID.
    pub fn close(&mut self, node: NodeId, number: i32, closes: i32) -> Result<(), AbiStatus> {
        let (line, at, stream) = self.open(node, number)?;
        let end = self.stream(line, at, stream).ok_or(AbiStatus::NotFound)?;
        match closes {
            how::FINISH_WRITING => end.finish(),
            how::STOP_READING => {
                end.stop_reading();
                self.untell(node, |told| matches!(told, kind::DATA | kind::FIN), number);
            }
            how::RESET => {
                if let Some(line) = self.lines.get_mut(&line) {
                    line.ends[at].streams.remove(&stream);
                }
                self.untell(node, |_| true, number);
                self.forget_number(node, number, stream);
                self.send(line, at, Frame::Reset { stream });
                return Ok(());
            }
            _ => return Err(AbiStatus::Invalid),
        }
        self.pump(line, at, stream);
        self.release(node, number);
        Ok(())
    }

    /// Takes back what an instance has not been told of a stream yet.
    fn untell(&mut self, node: NodeId, is: impl Fn(i32) -> bool, number: i32) {
        self.nodes[node]
            .inbox
            .retain(|told| !matches!(told, Told::Stream { stream, kind, .. } if *stream == number && is(*kind)));
    }

    // ---- gossip

    fn publish(&mut self, node: NodeId, publish: P2pPublish) -> Answer {
        match self.write_gossip(node, publish.topic, publish.data) {
            true => done(),
            false => Err(Failure::not_found("no peer is subscribed to the topic")),
        }
    }

    fn subscribe(&mut self, node: NodeId, subscribe: P2pSubscribe) -> Answer {
        let P2pSubscribe { topic, unsubscribe } = subscribe;
        let Some(life) = &mut self.nodes[node].life else {
            return done();
        };
        let changes = match unsubscribe {
            true => life.topics.remove(&topic),
            false if life.topics.len() >= MAX_NAMES && !life.topics.contains(&topic) => {
                return Err(Failure::limit("too many topics"));
            }
            false => life.topics.insert(topic.clone()),
        };
        if changes {
            self.announce_topic(node, &topic, !unsubscribe);
        }
        done()
    }
}
