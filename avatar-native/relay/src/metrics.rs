//! What is counted, for Prometheus. No label tells a peer, an address or a topic.

use libp2p::metrics::{Metrics as Protocols, Recorder, Registry};
use libp2p::swarm::SwarmEvent;
use prometheus_client::metrics::gauge::Gauge;

use crate::behaviour::BehaviourEvent;

/// The figures of one relay.
pub struct Metrics {
    protocols: Protocols,
    /// Peers who are connected.
    pub peers: Gauge,
    /// Peers who may be reached over the relay.
    pub reservations: Gauge,
    /// Circuits that are open.
    pub circuits: Gauge,
}

impl Metrics {
    pub fn new(registry: &mut Registry) -> Self {
        let protocols = Protocols::new(registry);
        let own = registry.sub_registry_with_prefix("avatar_relay");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            own.register(name, help, gauge.clone());
            gauge
        };
        Self {
            peers: gauge("peers", "Peers who are connected"),
            reservations: gauge("reservations", "Peers who may be reached over the relay"),
            circuits: gauge("circuits", "Circuits that are open"),
            protocols,
        }
    }

    pub fn record(&self, event: &SwarmEvent<BehaviourEvent>) {
        self.protocols.record(event);
        if let SwarmEvent::Behaviour(event) = event {
            match event {
                BehaviourEvent::Ping(event) => self.protocols.record(event),
                BehaviourEvent::Kademlia(event) => self.protocols.record(event),
                BehaviourEvent::Relay(event) => self.protocols.record(event),
                _ => {}
            }
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
