//! Advertising and finding: at rendezvous points and in the DHT, under opaque keys.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;

use avatar_proto::{MAX_FOUND_PEERS, P2pPeer, P2pResult};
use libp2p::kad::{self, GetProvidersOk, QueryId, QueryResult, RecordKey};
use libp2p::rendezvous::{self, Namespace, Registration};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, PeerId};

use crate::behaviour::Behaviour;
use crate::operations::Failure;

/// What one operation waits for, and what it has.
struct Pending {
    places: usize,
    known: bool,
    found: HashMap<PeerId, Vec<Multiaddr>>,
    limit: usize,
    refusals: Vec<String>,
    finds: bool,
}

/// Advertising and finding that is under way.
#[derive(Default)]
pub struct Discovery {
    pending: HashMap<u64, Pending>,
    queries: HashMap<QueryId, u64>,
    registrations: HashMap<(PeerId, Namespace), Vec<u64>>,
    /// For each rendezvous point: its answers do not say what they answer, so it is asked one thing at a time.
    /// Without who asked where that was an instance that is gone.
    discoveries: HashMap<PeerId, VecDeque<(Option<u64>, Namespace)>>,
    advertised: HashSet<(Option<PeerId>, Vec<u8>)>,
}

/// An operation that ended.
pub type Ended = (u64, Result<P2pResult, Failure>);

impl Discovery {
    /// This operation is not waited for any more.
    pub fn forget(&mut self, op: u64) {
        self.pending.remove(&op);
    }

    /// Advertises the key at these rendezvous points and, if `dht`, there. Ends at once if that reaches nobody.
    pub fn advertise(
        &mut self,
        behaviour: &mut Behaviour<impl NetworkBehaviour>,
        op: u64,
        key: &[u8],
        ttl_s: u32,
        points: &[PeerId],
        dht: bool,
    ) -> Option<Ended> {
        let mut pending = Pending::new(false, 0);
        for point in points {
            let namespace = namespace_of(key);
            let ttl = (ttl_s > 0).then_some(ttl_s.into());
            match behaviour.rendezvous.register(namespace.clone(), *point, ttl) {
                Ok(()) => {
                    pending.places += 1;
                    self.registrations.entry((*point, namespace)).or_default().push(op);
                    self.advertised.insert((Some(*point), key.to_vec()));
                }
                Err(error) => pending.refusals.push(error.to_string()),
            }
        }
        if dht && has_dht(behaviour) {
            match behaviour.dht.start_providing(RecordKey::new(&key)) {
                Ok(query) => {
                    pending.places += 1;
                    self.queries.insert(query, op);
                    self.advertised.insert((None, key.to_vec()));
                }
                Err(error) => pending.refusals.push(error.to_string()),
            }
        }
        self.begin(op, pending)
    }

    /// Does not advertise it any more.
    pub fn stop(&mut self, behaviour: &mut Behaviour<impl NetworkBehaviour>, key: &[u8]) {
        let (ended, rest) = std::mem::take(&mut self.advertised)
            .into_iter()
            .partition(|(_, advertised)| advertised == key);
        self.advertised = rest;
        for (point, key) in ended {
            withdraw(behaviour, point, &key);
        }
    }

    /// The instance is gone: nothing waits, and nothing is advertised any more.
    pub fn reset(&mut self, behaviour: &mut Behaviour<impl NetworkBehaviour>) {
        for (point, key) in self.advertised.drain() {
            withdraw(behaviour, point, &key);
        }
        self.pending.clear();
        // What is under way goes on; its answers are nobody's, for the next instance counts its operations from the beginning.
        self.queries.clear();
        self.registrations.clear();
        for (asked_by, _) in self.discoveries.values_mut().flatten() {
            *asked_by = None;
        }
    }

    /// Asks these rendezvous points and, if `dht`, the DHT. Ends at once if there is nobody to ask.
    pub fn find(
        &mut self,
        behaviour: &mut Behaviour<impl NetworkBehaviour>,
        op: u64,
        key: &[u8],
        limit: u32,
        points: &[PeerId],
        dht: bool,
    ) -> Option<Ended> {
        let limit = if limit == 0 { MAX_FOUND_PEERS } else { limit };
        let mut pending = Pending::new(true, limit as usize);
        for point in points {
            pending.places += 1;
            let asked = self.discoveries.entry(*point).or_default();
            asked.push_back((Some(op), namespace_of(key)));
            if asked.len() == 1 {
                ask(behaviour, *point, asked);
            }
        }
        if dht && has_dht(behaviour) {
            pending.places += 1;
            self.queries
                .insert(behaviour.dht.get_providers(RecordKey::new(&key)), op);
        }
        self.begin(op, pending)
    }

    fn begin(&mut self, op: u64, pending: Pending) -> Option<Ended> {
        if pending.places == 0 {
            let words = match pending.refusals.is_empty() {
                true => "no rendezvous point is connected, and no DHT is known".to_owned(),
                false => pending.refusals.join("; "),
            };
            return Some((op, Err(Failure::not_found(words))));
        }
        self.pending.insert(op, pending);
        None
    }

    /// A rendezvous point has said something.
    pub fn on_rendezvous(
        &mut self,
        behaviour: &mut Behaviour<impl NetworkBehaviour>,
        local: &PeerId,
        event: rendezvous::client::Event,
    ) -> Vec<Ended> {
        use rendezvous::client::Event;
        match event {
            Event::Registered {
                rendezvous_node,
                namespace,
                ..
            } => self.registered(rendezvous_node, namespace, None),
            Event::RegisterFailed {
                rendezvous_node,
                namespace,
                error,
            } => self.registered(
                rendezvous_node,
                namespace,
                Some(format!("{rendezvous_node}: {error:?}")),
            ),
            Event::Discovered {
                rendezvous_node,
                registrations,
                ..
            } => {
                let answered = self.answered(behaviour, rendezvous_node);
                self.discovered(answered, local, registrations)
            }
            Event::DiscoverFailed { rendezvous_node, .. } => {
                let answered = self.answered(behaviour, rendezvous_node);
                self.discovered(answered, local, Vec::new())
            }
            Event::Expired { .. } => Vec::new(),
        }
    }

    fn registered(&mut self, point: PeerId, namespace: Namespace, refusal: Option<String>) -> Vec<Ended> {
        // A registration that libp2p renews by itself has nobody who waits.
        let Some(waiting) = self.registrations.remove(&(point, namespace)) else {
            return Vec::new();
        };
        let mut ended = Vec::new();
        for op in waiting {
            if let Some(pending) = self.pending.get_mut(&op) {
                pending.known |= refusal.is_none();
                pending.refusals.extend(refusal.clone());
            }
            ended.extend(self.place_done(op));
        }
        ended
    }

    fn answered(&mut self, behaviour: &mut Behaviour<impl NetworkBehaviour>, point: PeerId) -> Option<u64> {
        let asked = self.discoveries.get_mut(&point)?;
        let (op, _) = asked.pop_front()?;
        if asked.is_empty() {
            self.discoveries.remove(&point);
        } else {
            ask(behaviour, point, asked);
        }
        op
    }

    fn discovered(&mut self, op: Option<u64>, local: &PeerId, registrations: Vec<Registration>) -> Vec<Ended> {
        let Some(op) = op else { return Vec::new() };
        if let Some(pending) = self.pending.get_mut(&op) {
            for Registration { record, .. } in registrations {
                if record.peer_id() != *local {
                    pending.found(record.peer_id(), record.addresses().to_vec());
                }
            }
        }
        self.place_done(op).into_iter().collect()
    }

    /// The DHT has said something.
    pub fn on_dht(&mut self, local: &PeerId, event: kad::Event) -> Option<Ended> {
        let kad::Event::OutboundQueryProgressed { id, result, step, .. } = event else {
            return None;
        };
        let op = *self.queries.get(&id)?;
        let pending = self.pending.get_mut(&op);
        match (result, pending) {
            (QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })), Some(pending)) => {
                for peer in providers.into_iter().filter(|peer| peer != local) {
                    pending.found(peer, Vec::new());
                }
            }
            (QueryResult::StartProviding(result), Some(pending)) => match result {
                Ok(_) => pending.known = true,
                Err(error) => pending.refusals.push(error.to_string()),
            },
            _ => {}
        }
        if !step.last {
            return None;
        }
        self.queries.remove(&id);
        self.place_done(op)
    }

    fn place_done(&mut self, op: u64) -> Option<Ended> {
        let pending = self.pending.get_mut(&op)?;
        pending.places = pending.places.saturating_sub(1);
        if pending.places > 0 {
            return None;
        }
        let pending = self.pending.remove(&op)?;
        if !pending.finds && !pending.known {
            return Some((op, Err(Failure::network(pending.refusals.join("; ")))));
        }
        let peers = (pending.found.into_iter())
            .map(|(peer, addresses)| P2pPeer {
                peer: peer.to_bytes(),
                addresses: addresses.iter().map(Multiaddr::to_string).collect(),
            })
            .collect();
        let result = P2pResult {
            peers,
            ..P2pResult::default()
        };
        Some((op, Ok(result)))
    }
}

impl Pending {
    fn new(finds: bool, limit: usize) -> Self {
        Self {
            places: 0,
            known: false,
            found: HashMap::new(),
            limit,
            refusals: Vec::new(),
            finds,
        }
    }

    fn found(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        const MAX_ADDRESSES: usize = 16;
        if self.found.len() >= self.limit && !self.found.contains_key(&peer) {
            return;
        }
        let known = self.found.entry(peer).or_default();
        for address in addresses {
            if known.len() < MAX_ADDRESSES && !known.contains(&address) {
                known.push(address);
            }
        }
    }
}

fn ask(behaviour: &mut Behaviour<impl NetworkBehaviour>, point: PeerId, asked: &VecDeque<(Option<u64>, Namespace)>) {
    if let Some((_, namespace)) = asked.front() {
        let limit = Some(u64::from(MAX_FOUND_PEERS));
        behaviour
            .rendezvous
            .discover(Some(namespace.clone()), None, limit, point);
    }
}

fn withdraw(behaviour: &mut Behaviour<impl NetworkBehaviour>, point: Option<PeerId>, key: &[u8]) {
    match point {
        Some(point) => behaviour.rendezvous.unregister(namespace_of(key), point),
        None => behaviour.dht.stop_providing(&RecordKey::new(&key)),
    }
}

fn has_dht(behaviour: &mut Behaviour<impl NetworkBehaviour>) -> bool {
    behaviour.dht.kbuckets().any(|bucket| !bucket.is_empty())
}

/// A key of at most 64 bytes as a namespace, which is text of at most 255 bytes.
fn namespace_of(key: &[u8]) -> Namespace {
    let mut text = "avatar:".to_owned();
    for byte in key {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Namespace::new(text).unwrap_or_else(|_| Namespace::from_static("avatar"))
}
