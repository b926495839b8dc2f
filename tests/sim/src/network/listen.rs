//! Where a host can be reached, and how it gets there.

use std::collections::BTreeSet;

use avatar_proto::{P2pListen, P2pPeer};

use super::address::{Address, Way, direct};
use super::commands::Answer;
use super::failure::Failure;
use super::frame::Frame;
use super::life::Operation;
use super::line::{LineId, Purpose};
use super::{Network, NodeId, Role, peers};

/// A place where a host listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// Its own address.
    Direct,
    /// A relay's slot.
    Circuit(NodeId),
    /// WebRTC, which finds each other over a relay's slot.
    Webrtc,
}

impl Network {
    fn listener(&self, node: NodeId, text: &str) -> Result<Listener, Failure> {
        if text == "/webrtc" {
            return Ok(Listener::Webrtc);
        }
        let cannot = || Failure::network("this host cannot listen there");
        match Address::parse(text).map_err(|_| cannot())?.way {
            Way::Direct(at) if at == node && self.nodes[node].role == Role::Public => Ok(Listener::Direct),
            Way::Circuit(relay) if relay < self.nodes.len() && relay != node => Ok(Listener::Circuit(relay)),
            _ => Err(cannot()),
        }
    }

    /// Listens, or does so no longer.
    pub(super) fn listen(&mut self, node: NodeId, op: u64, listen: &P2pListen) -> Answer {
        if !listen.addresses.iter().any(|address| address.starts_with('/')) {
            return Err(Failure::invalid("none of the addresses is a multiaddr"));
        }
        let (mut listeners, mut failures) = (BTreeSet::new(), Vec::new());
        for address in &listen.addresses {
            match self.listener(node, address) {
                Ok(listener) => drop(listeners.insert(listener)),
                Err(failure) => failures.push(failure),
            }
        }
        if listen.stop {
            for listener in listeners {
                self.nodes[node].listening.remove(&listener);
                if let Listener::Circuit(relay) = listener {
                    self.nodes[node].reserved.remove(&relay);
                    self.nodes[relay].reservations.remove(&node);
                }
            }
            self.addresses_changed(node);
            return Ok(Some(peers([])));
        }
        if listeners.is_empty() {
            return Err(Failure::of_all(&failures));
        }
        if let Some(life) = &mut self.nodes[node].life {
            let listeners = listeners.clone();
            life.ops.insert(op, Operation::Listen { listeners, failures });
        }
        for listener in listeners {
            let is_new = self.nodes[node].listening.insert(listener);
            if let Listener::Circuit(relay) = listener
                && is_new
            {
                self.listen_at(node, relay);
            }
        }
        self.addresses_changed(node);
        self.listened(node);
        Ok(None)
    }

    /// Asks a relay for a slot, once there is a connection to it.
    fn listen_at(&mut self, node: NodeId, relay: NodeId) {
        if self.line_between(node, relay).is_some() {
            return self.reserve_at(node, relay);
        }
        let address = self.address(relay);
        if let Err(failure) = self.dial_address(node, &address, None, Purpose::Reserve(relay)) {
            self.listener_failed(node, Listener::Circuit(relay), failure);
        }
    }

    /// Asks a relay for a slot.
    pub(super) fn reserve_at(&mut self, node: NodeId, relay: NodeId) {
        if self.nodes[relay].role != Role::Relay {
            let failure = Failure::network("the peer is no relay");
            return self.listener_failed(node, Listener::Circuit(relay), failure);
        }
        if let Some((line, at)) = self.line_between(node, relay) {
            self.send(line, at, Frame::Reserve);
        }
    }

    /// A relay is asked for a slot.
    pub(super) fn take_reserve(&mut self, id: LineId, at: usize, client: NodeId, relay: NodeId) {
        if self.nodes[relay].role == Role::Relay {
            self.nodes[relay].reservations.insert(client);
            self.send(id, at, Frame::Reserved);
        }
    }

    /// A relay has given a slot.
    pub(super) fn reserved(&mut self, node: NodeId, relay: NodeId) {
        if self.nodes[node].listening.contains(&Listener::Circuit(relay)) {
            self.nodes[node].reserved.insert(relay);
            self.addresses_changed(node);
            self.listened(node);
        }
    }

    /// A place is none to listen at, or no longer.
    pub(super) fn listener_failed(&mut self, node: NodeId, listener: Listener, failure: Failure) {
        self.nodes[node].listening.remove(&listener);
        let Some(life) = &mut self.nodes[node].life else { return };
        let mut failed = Vec::new();
        for (op, operation) in &mut life.ops {
            if let Operation::Listen { listeners, failures } = operation
                && listeners.remove(&listener)
            {
                failures.push(failure.clone());
                if listeners.is_empty() {
                    failed.push((*op, Failure::of_all(failures)));
                }
            }
        }
        for (op, failure) in failed {
            self.complete(node, op, Err(failure));
        }
    }

    /// Ends the operations that wait for a place at which the host is reached now.
    fn listened(&mut self, node: NodeId) {
        let Some(life) = &self.nodes[node].life else { return };
        let waiting = life.ops.iter().filter_map(|(op, operation)| match operation {
            Operation::Listen { listeners, .. } => Some((*op, listeners.clone())),
            _ => None,
        });
        for (op, listeners) in waiting.collect::<Vec<_>>() {
            let addresses: Vec<String> = listeners
                .iter()
                .flat_map(|listener| self.addresses_of(node, *listener))
                .collect();
            if !addresses.is_empty() {
                let peer = self.nodes[node].peer.as_bytes().to_vec();
                self.complete(node, op, Ok(peers([P2pPeer { peer, addresses }])));
            }
        }
    }

    fn addresses_of(&self, node: NodeId, listener: Listener) -> Vec<String> {
        let host = &self.nodes[node];
        let slot = |relay: NodeId, kind: &str| format!("{}/p2p-circuit{kind}/p2p/{}", self.address(relay), host.peer);
        match listener {
            Listener::Direct => vec![format!("{}/p2p/{}", direct(node), host.peer)],
            Listener::Circuit(relay) if host.reserved.contains(&relay) => vec![slot(relay, "")],
            Listener::Circuit(_) => Vec::new(),
            Listener::Webrtc => host.reserved.iter().map(|relay| slot(*relay, "/webrtc")).collect(),
        }
    }

    /// Where the host can be reached may be elsewhere now: the instance is told.
    pub(super) fn addresses_changed(&mut self, node: NodeId) {
        let addresses: Vec<String> = (self.nodes[node].listening.iter())
            .flat_map(|listener| self.addresses_of(node, *listener))
            .collect();
        let host = &mut self.nodes[node];
        if host.local.addresses == addresses {
            return;
        }
        host.local.addresses = addresses;
        if let Some(life) = &mut host.life {
            life.events.local(host.local.clone());
        }
        self.deliver_events(node);
    }
}
