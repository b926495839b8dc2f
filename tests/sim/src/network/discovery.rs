//! How peers hear of each other: rendezvous points, which know who advertises a key; and gossip, which passes from node to node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use avatar_proto::{MAX_FOUND_PEERS, P2pAdvertise, P2pFind, P2pGossip, P2pPeer};

use super::address::PeerId;
use super::commands::{Answer, peer_of};
use super::failure::Failure;
use super::frame::{Found, Frame, Gossip};
use super::life::Operation;
use super::line::LineId;
use super::{Network, NodeId, Role, peers};

/// What a rendezvous point gives to those who ask for no other time.
const USUAL_TTL_US: u64 = 7_200_000_000;

/// Messages of gossip that a node remembers.
const MAX_HEARD: usize = 4_096;

/// What a rendezvous point knows: under a key, who, where, and until when.
#[derive(Debug, Default)]
pub struct Registrations(BTreeMap<Vec<u8>, BTreeMap<NodeId, Registration>>);

#[derive(Debug)]
struct Registration {
    until_us: u64,
    addresses: Vec<String>,
}

impl Registrations {
    /// Forgets one.
    pub fn remove(&mut self, key: &[u8], node: NodeId) {
        if let Some(under) = self.0.get_mut(key) {
            under.remove(&node);
        }
    }
}

/// What a node has heard of gossip: each message passes once.
#[derive(Debug, Default)]
pub struct Heard {
    messages: BTreeSet<(PeerId, u64)>,
    order: VecDeque<(PeerId, u64)>,
}

impl Heard {
    fn is_new(&mut self, gossip: &Gossip) -> bool {
        let name = (gossip.source.clone(), gossip.number);
        if !self.messages.insert(name.clone()) {
            return false;
        }
        self.order.push_back(name);
        if self.order.len() > MAX_HEARD
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
        true
    }
}

/// Advertising or finding that is under way.
#[derive(Debug)]
pub struct Search {
    places: usize,
    /// Of advertising: somebody knows it. Finding is done whoever knows what.
    is_known: bool,
    found: BTreeMap<PeerId, Vec<String>>,
    limit: usize,
}

impl Network {
    /// The rendezvous points that a command is for, each with a connection to it.
    fn points(&self, node: NodeId, at: &[u8]) -> Result<Vec<(LineId, usize)>, Failure> {
        let is_point = |id: &LineId, end: usize| self.nodes[self.lines[id].ends[1 - end].node].role == Role::Relay;
        if at.is_empty() {
            // One connection to each.
            let mut points = BTreeMap::new();
            for (id, end) in self.open_lines(node) {
                if is_point(&id, end) {
                    points.insert(self.lines[&id].ends[1 - end].node, (id, end));
                }
            }
            return Ok(points.into_values().collect());
        }
        let peer = peer_of(at)?;
        match self.best_line(node, &peer) {
            Some((id, end)) if is_point(&id, end) => Ok(vec![(id, end)]),
            Some(_) => Err(Failure::network("the peer is no rendezvous point")),
            None => Err(Failure::network("the rendezvous point is not connected")),
        }
    }

    fn search(&mut self, node: NodeId, op: u64, points: &[(LineId, usize)], limit: usize) -> Vec<u64> {
        let asks: Vec<u64> = points.iter().map(|_| self.number()).collect();
        if let Some(life) = &mut self.nodes[node].life {
            let search = Search {
                places: points.len(),
                is_known: false,
                found: BTreeMap::new(),
                limit,
            };
            life.ops.insert(op, Operation::Search(search));
            for (ask, (line, _)) in asks.iter().zip(points) {
                life.asks.insert(*ask, (*line, op));
            }
        }
        asks
    }

    pub(super) fn advertise(&mut self, node: NodeId, op: u64, advertise: P2pAdvertise) -> Answer {
        let P2pAdvertise { key, ttl_s, at, stop } = advertise;
        if stop {
            let life = self.nodes[node].life.as_mut();
            let all = life
                .map(|life| std::mem::take(&mut life.advertised))
                .unwrap_or_default();
            let (ended, kept) = all.into_iter().partition(|(_, advertised)| *advertised == key);
            if let Some(life) = &mut self.nodes[node].life {
                life.advertised = kept;
            }
            let ended: BTreeSet<(NodeId, Vec<u8>)> = ended;
            for (point, key) in ended {
                if let Some((line, end)) = self.line_between(node, point) {
                    self.send(line, end, Frame::Unregister { key });
                }
            }
            return Ok(Some(peers([])));
        }
        let points = self.points(node, &at)?;
        let addresses = self.nodes[node].local.addresses.clone();
        if points.is_empty() || addresses.is_empty() {
            return Err(Failure::not_found(
                "no rendezvous point is connected, or there is nothing to tell it",
            ));
        }
        let asks = self.search(node, op, &points, 0);
        for ((line, end), ask) in points.into_iter().zip(asks) {
            let point = self.lines[&line].ends[1 - end].node;
            if let Some(life) = &mut self.nodes[node].life {
                life.advertised.insert((point, key.clone()));
            }
            let register = Frame::Register {
                ask,
                key: key.clone(),
                ttl_us: match ttl_s {
                    0 => USUAL_TTL_US,
                    seconds => u64::from(seconds) * 1_000_000,
                },
                addresses: addresses.clone(),
            };
            self.send(line, end, register);
        }
        Ok(None)
    }

    pub(super) fn find(&mut self, node: NodeId, op: u64, find: P2pFind) -> Answer {
        let points = self.points(node, &find.at)?;
        if points.is_empty() {
            return Err(Failure::not_found("no rendezvous point is connected"));
        }
        let limit = match find.limit {
            0 => MAX_FOUND_PEERS,
            limit => limit,
        } as usize;
        let asks = self.search(node, op, &points, limit);
        for ((line, end), ask) in points.into_iter().zip(asks) {
            let key = find.key.clone();
            self.send(line, end, Frame::Discover { ask, key, limit });
        }
        Ok(None)
    }

    /// A rendezvous point is told.
    pub(super) fn take_register(
        &mut self,
        id: LineId,
        at: usize,
        ask: u64,
        key: Vec<u8>,
        ttl_us: u64,
        addresses: Vec<String>,
    ) {
        let until_us = self.now_us + ttl_us;
        let ends = &self.lines[&id].ends;
        let (point, client) = (ends[at].node, ends[1 - at].node);
        let under = self.nodes[point].registrations.0.entry(key).or_default();
        under.insert(client, Registration { until_us, addresses });
        self.send(id, at, Frame::Registered { ask });
    }

    /// A rendezvous point is asked.
    pub(super) fn take_discover(&mut self, id: LineId, at: usize, ask: u64, key: &[u8], limit: usize) {
        let now_us = self.now_us;
        let ends = &self.lines[&id].ends;
        let (point, client) = (ends[at].node, ends[1 - at].node);
        let registrations = &mut self.nodes[point].registrations.0;
        let mut known = Vec::new();
        if let Some(under) = registrations.get_mut(key) {
            under.retain(|_, registration| registration.until_us > now_us);
            let others = under.iter().filter(|(node, _)| **node != client);
            known.extend(others.map(|(node, registration)| (*node, registration.addresses.clone())));
        }
        // Any of them, where there are more than are wanted.
        while known.len() > limit {
            let at = self.dice.index(known.len());
            known.swap_remove(at);
        }
        let found = known.into_iter().map(|(node, addresses)| Found {
            peer: self.nodes[node].peer.clone(),
            addresses,
        });
        let found = found.collect();
        self.send(id, at, Frame::Discovered { ask, found });
    }

    /// A rendezvous point knows.
    pub(super) fn registered(&mut self, node: NodeId, ask: u64) {
        self.place_done(node, ask, |search| search.is_known = true);
    }

    /// A rendezvous point has answered.
    pub(super) fn discovered(&mut self, node: NodeId, ask: u64, found: Vec<Found>) {
        for Found { peer, addresses } in &found {
            self.nodes[node].book.insert(peer.clone(), addresses.clone());
        }
        self.place_done(node, ask, |search| {
            for Found { peer, addresses } in found {
                if search.found.len() < search.limit || search.found.contains_key(&peer) {
                    let known = search.found.entry(peer).or_default();
                    known.extend(addresses);
                    known.sort();
                    known.dedup();
                }
            }
        });
    }

    /// Nobody answers over this connection any more.
    pub(super) fn forget_asks(&mut self, node: NodeId, line: LineId) {
        let life = self.nodes[node].life.as_ref();
        let asks = life
            .into_iter()
            .flat_map(|life| &life.asks)
            .filter(|(_, (of, _))| *of == line);
        for ask in asks.map(|(ask, _)| *ask).collect::<Vec<_>>() {
            self.place_done(node, ask, |_| {});
        }
    }

    fn place_done(&mut self, node: NodeId, ask: u64, add: impl FnOnce(&mut Search)) {
        let Some(life) = &mut self.nodes[node].life else { return };
        let Some((_, op)) = life.asks.remove(&ask) else { return };
        let Some(Operation::Search(search)) = life.ops.get_mut(&op) else {
            return;
        };
        add(search);
        search.places -= 1;
        if search.places > 0 {
            return;
        }
        let is_done = search.is_known || search.limit > 0;
        let found = std::mem::take(&mut search.found)
            .into_iter()
            .map(|(peer, addresses)| P2pPeer {
                peer: peer.as_bytes().to_vec(),
                addresses,
            });
        let found = peers(found);
        self.complete(
            node,
            op,
            match is_done {
                true => Ok(found),
                false => Err(Failure::network("no rendezvous point took it")),
            },
        );
    }

    // ---- gossip

    /// What a node wants messages of: a relay whatever anybody wants who is connected to it.
    pub(super) fn topics_of(&self, node: NodeId) -> BTreeSet<String> {
        if self.nodes[node].role == Role::Relay {
            let lines = self.open_lines(node).into_iter();
            return lines
                .flat_map(|(id, at)| self.lines[&id].ends[at].wanted.clone())
                .collect();
        }
        let life = self.nodes[node].life.as_ref();
        life.map(|life| life.topics.clone()).unwrap_or_default()
    }

    /// Tells everybody who is connected.
    pub(super) fn announce_topic(&mut self, node: NodeId, topic: &str, wanted: bool) {
        for (id, at) in self.open_lines(node) {
            let topic = topic.to_owned();
            self.send(id, at, Frame::Topic { topic, wanted });
        }
    }

    /// The other end wants messages of a topic, or no longer.
    pub(super) fn take_topic(&mut self, id: LineId, at: usize, topic: &str, wanted: bool) {
        let Some(line) = self.lines.get(&id) else { return };
        let node = line.ends[at].node;
        let is_relay = self.nodes[node].role == Role::Relay;
        let before = is_relay && self.topics_of(node).contains(topic);
        if let Some(line) = self.lines.get_mut(&id) {
            let known = &mut line.ends[at].wanted;
            match wanted {
                true => drop(known.insert(topic.to_owned())),
                false => drop(known.remove(topic)),
            }
        }
        let after = is_relay && self.topics_of(node).contains(topic);
        if before != after {
            self.announce_topic(node, topic, after);
        }
    }

    /// Sends a message of a topic on its way. False if nobody who is connected wants it.
    pub(super) fn write_gossip(&mut self, node: NodeId, topic: String, data: Vec<u8>) -> bool {
        let gossip = Rc::new(Gossip {
            topic,
            source: self.nodes[node].peer.clone(),
            number: self.number(),
            data,
        });
        self.nodes[node].heard.is_new(&gossip);
        self.pass_gossip(node, None, &gossip) > 0
    }

    /// A message of a topic has come.
    pub(super) fn take_gossip(&mut self, node: NodeId, from: Option<NodeId>, gossip: Rc<Gossip>) {
        if !self.nodes[node].heard.is_new(&gossip) || gossip.source == self.nodes[node].peer {
            return;
        }
        if let Some(life) = &mut self.nodes[node].life
            && life.topics.contains(&gossip.topic)
        {
            life.events.gossip(P2pGossip {
                topic: gossip.topic.clone(),
                source: gossip.source.as_bytes().to_vec(),
                data: gossip.data.clone(),
            });
        }
        self.deliver_events(node);
        if self.topics_of(node).contains(&gossip.topic) {
            self.pass_gossip(node, from, &gossip);
        }
    }

    fn pass_gossip(&mut self, node: NodeId, from: Option<NodeId>, gossip: &Rc<Gossip>) -> usize {
        let mut passed = BTreeSet::new();
        for (id, at) in self.open_lines(node) {
            let line = &self.lines[&id];
            let other = line.ends[1 - at].node;
            let is_wanted = line.ends[at].wanted.contains(&gossip.topic);
            let is_news = Some(other) != from && self.nodes[other].peer != gossip.source;
            if is_wanted && is_news && passed.insert(other) {
                self.send(id, at, Frame::Gossip(Rc::clone(gossip)));
            }
        }
        passed.len()
    }
}
