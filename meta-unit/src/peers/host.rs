//! The host's libp2p, as the host tells of it: who it is, its connections, and the relays that the person's devices meet at.
//!
//! It knows nothing that is secret and goes on while the node is locked: the host tells events once, to whoever asks first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::p2p_event::Event as Told;
use avatar_proto::{OpErrorCode, P2pConnection, P2pEvent, P2pLocal, P2pNextEvents};

use super::address;
use crate::platform::{Level, Platform};
use crate::runtime::Signal;

/// Relays that are configured, at most.
const MAX_RELAYS: usize = 16;

/// Connections that are known of, at most: a host that tells more is not believed.
const MAX_CONNECTIONS: usize = 4_096;

/// After the host failed to tell, it is asked again so much later.
const RETRY_US: u64 = 5_000_000;

/// See the module's documentation.
pub struct Host {
    platform: Rc<dyn Platform>,
    support: Cell<Support>,
    local: RefCell<P2pLocal>,
    connections: RefCell<BTreeMap<u64, P2pConnection>>,
    relays: RefCell<Vec<Relay>>,
    /// Raised when a connection comes or goes, or the relays are others.
    changed: Rc<Signal>,
    /// Raised when figures are new.
    measured: Rc<Signal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    /// Nobody has asked.
    Unknown,
    Asked,
    None,
}

/// A relay by all its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// Its peer id as text; empty where no address says it.
    pub peer_id: String,
    /// Multiaddrs.
    pub addresses: Vec<String>,
}

impl Host {
    /// A host that is not asked anything yet.
    pub fn new(platform: &Rc<dyn Platform>) -> Rc<Self> {
        Rc::new(Self {
            platform: Rc::clone(platform),
            support: Cell::new(Support::Unknown),
            local: RefCell::default(),
            connections: RefCell::default(),
            relays: RefCell::default(),
            changed: Rc::default(),
            measured: Rc::default(),
        })
    }

    /// Begins to listen to what the host tells; the first call makes the host load its libp2p.
    pub fn start(self: &Rc<Self>) {
        if self.support.get() != Support::Unknown {
            return;
        }
        self.support.set(Support::Asked);
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            loop {
                match this.platform.p2p(P2p::NextEvents(P2pNextEvents {})).await {
                    Ok(result) => result.events.into_iter().for_each(|event| this.take(event)),
                    Err(error) if error.code == OpErrorCode::Unsupported => {
                        this.support.set(Support::None);
                        return this.changed.raise();
                    }
                    Err(error) => {
                        this.platform
                            .log(Level::Warn, &format!("the host tells nothing of its network: {error}"));
                        this.platform.sleep(RETRY_US).await;
                    }
                }
            }
        }));
    }

    fn take(&self, event: P2pEvent) {
        let mut connections = self.connections.borrow_mut();
        match event.event {
            Some(Told::Local(local)) => {
                self.local.replace(local);
            }
            Some(Told::Opened(connection)) if connections.len() < MAX_CONNECTIONS => {
                connections.insert(connection.connection, connection);
            }
            Some(Told::Closed(connection)) => {
                connections.remove(&connection.connection);
            }
            Some(Told::Measured(connection)) => {
                if let Some(known) = connections.get_mut(&connection.connection) {
                    *known = connection;
                    self.measured.raise();
                }
                return;
            }
            Some(Told::Opened(_) | Told::Message(_) | Told::Lost(_)) | None => return,
        }
        self.changed.raise();
    }

    /// False once the host has said that it has no libp2p.
    pub fn is_supported(&self) -> bool {
        self.support.get() != Support::None
    }

    /// Raised when a connection comes or goes, the host's addresses change, or the relays are others.
    pub fn changed(&self) -> &Rc<Signal> {
        &self.changed
    }

    /// Raised when figures of a connection are new.
    pub fn measured(&self) -> &Rc<Signal> {
        &self.measured
    }

    /// The host itself; without a peer before it has told.
    pub fn local(&self) -> P2pLocal {
        self.local.borrow().clone()
    }

    /// All connections.
    pub fn connections(&self) -> Vec<P2pConnection> {
        self.connections.borrow().values().cloned().collect()
    }

    /// The connection by which a new stream to this peer goes, as hosts choose: direct before relayed, then the quicker, then the newer.
    pub fn best_connection(&self, peer: &[u8]) -> Option<P2pConnection> {
        let connections = self.connections.borrow();
        let to_peer = connections.values().filter(|connection| connection.peer == peer);
        to_peer
            .min_by_key(|connection| {
                let round_trip = match connection.round_trip_us {
                    0 => u64::MAX,
                    known => known,
                };
                (connection.relayed, round_trip, std::cmp::Reverse(connection.connection))
            })
            .cloned()
    }

    /// The relays, by peer.
    pub fn relays(&self) -> Vec<Relay> {
        self.relays.borrow().clone()
    }

    /// From here on, these are the relays.
    pub fn configure(&self, addresses: &[String]) {
        let mut relays: Vec<Relay> = Vec::new();
        for address in addresses.iter().take(MAX_RELAYS) {
            let peer_id = address::relay_peer(address).unwrap_or_default();
            match relays
                .iter_mut()
                .find(|relay| !peer_id.is_empty() && relay.peer_id == peer_id)
            {
                Some(relay) => relay.addresses.push(address.clone()),
                None => relays.push(Relay {
                    peer_id: peer_id.to_owned(),
                    addresses: vec![address.clone()],
                }),
            }
        }
        if *self.relays.borrow() != relays {
            self.relays.replace(relays);
            self.changed.raise();
        }
    }

    /// Relays that somebody else has named, beside those that there are.
    pub fn add_relays(&self, addresses: &[String]) {
        let mut all: Vec<String> = self.relays().into_iter().flat_map(|relay| relay.addresses).collect();
        for address in addresses {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        self.configure(&all);
    }
}
