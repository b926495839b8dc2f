//! The relay itself: its swarm, and the handle by which it is held.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::metrics::{BandwidthTransport, Registry};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Transport, gossipsub, identify, ping, relay};
use libp2p_webtransport_listener::Certificates;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::behaviour::{Behaviour, BehaviourEvent, KADEMLIA_PROTOCOL};
use crate::config::Config;
use crate::error::Error;
use crate::http::Http;
use crate::metrics::Metrics;
use crate::topics::{Change, Topics};
use crate::{identity, transport};

/// A connection that carries nothing is closed after this.
const IDLE: Duration = Duration::from_secs(60);

/// How long opening a socket may take.
const OPENING: Duration = Duration::from_secs(10);

/// Addresses of one peer that the routing table holds, and the longest one, bytes.
const ADDRESSES_PER_PEER: usize = 8;
const MAX_ADDRESS: usize = 256;

/// A relay that runs, until it is closed or dropped.
#[derive(Debug)]
pub struct Relay {
    peer_id: PeerId,
    addresses: watch::Receiver<Vec<Multiaddr>>,
    http: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts a relay on the running tokio runtime. When this returns, every address can be dialled.
    pub async fn start(config: Config) -> Result<Self, Error> {
        identity::make_folder(&config.folder)?;
        let keypair = identity::keypair(&config.folder)?;
        let webrtc = identity::webrtc_certificate(&config.folder)?;
        let webtransport = Certificates::open(config.folder.join("webtransport.certificates"))?;
        let peer_id = keypair.public().to_peer_id();

        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let transport =
            transport::build(&keypair, webrtc, webtransport).map_err(|_| Error::DamagedKey(config.folder.clone()))?;
        let transport = BandwidthTransport::new(transport, &mut registry)
            .map(|(peer, muxer), _| (peer, libp2p::core::muxing::StreamMuxerBox::new(muxer)))
            .boxed();
        let swarm_config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
        let swarm = Swarm::new(
            transport,
            Behaviour::new(&keypair, &config.limits)?,
            peer_id,
            swarm_config,
        );

        let (announce, addresses) = watch::channel(Vec::new());
        let mut node = Node {
            swarm,
            topics: Topics::new(config.limits.topics),
            external: config.external,
            listening: Vec::new(),
            reserved: HashSet::new(),
            announce,
            metrics,
        };
        node.listen(config.listen).await?;
        let http = Http::bind(config.http, peer_id, addresses.clone(), registry, &node.metrics)
            .await
            .map_err(Error::Http)?;
        let http_address = http.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            tokio::select! {
                // Dropping the handle stops it too.
                _ = stopped => {}
                () = node.run() => {}
                () = http.serve() => {}
            }
        });
        Ok(Self {
            peer_id,
            addresses,
            http: http_address,
            stop,
            task,
        })
    }

    /// Who it is: the same after a restart.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Where it can be dialled now, each with its peer id.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.addresses.borrow().clone()
    }

    /// Tells each time that the addresses have changed.
    pub fn watch_addresses(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.addresses.clone()
    }

    /// Where `/addresses`, `/metrics` and `/health` are served.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Closes every connection and socket.
    pub async fn close(self) {
        // An error says that it has stopped already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Node {
    swarm: Swarm<Behaviour>,
    topics: Topics,
    external: Vec<Multiaddr>,
    listening: Vec<Multiaddr>,
    /// Who may be reached over the relay. The crate tells the end of a reservation at the end of every connection, with or without one.
    reserved: HashSet<PeerId>,
    announce: watch::Sender<Vec<Multiaddr>>,
    metrics: Metrics,
}

impl Node {
    /// Listens on all of them, and returns when each has told an address.
    async fn listen(&mut self, addresses: Vec<Multiaddr>) -> Result<(), Error> {
        let mut waiting: HashMap<ListenerId, Multiaddr> = HashMap::new();
        for address in addresses {
            let failed = |reason: String| Error::Listen {
                address: address.clone(),
                reason,
            };
            let id = self
                .swarm
                .listen_on(address.clone())
                .map_err(|error| failed(error.to_string()))?;
            waiting.insert(id, address);
        }
        let deadline = tokio::time::sleep(OPENING);
        tokio::pin!(deadline);
        while let Some(address) = waiting.values().next().cloned() {
            let event = tokio::select! {
                event = self.swarm.select_next_some() => event,
                () = &mut deadline => return Err(Error::Listen { address, reason: "no address after 10 seconds".to_owned() }),
            };
            match &event {
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    waiting.remove(listener_id);
                }
                SwarmEvent::ListenerClosed {
                    listener_id, reason, ..
                } => {
                    if let Some(address) = waiting.remove(listener_id) {
                        let reason = reason
                            .as_ref()
                            .err()
                            .map_or_else(|| "closed".to_owned(), ToString::to_string);
                        return Err(Error::Listen { address, reason });
                    }
                }
                _ => {}
            }
            self.handle(event);
        }
        Ok(())
    }

    async fn run(&mut self) {
        loop {
            let event = self.swarm.select_next_some().await;
            self.handle(event);
        }
    }

    fn handle(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.metrics.record(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.handle_behaviour(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                self.listening.push(address);
                self.announce();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.forget_addresses(&[address]),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "a listener is closed");
                self.forget_addresses(&addresses);
            }
            SwarmEvent::ConnectionEstablished { num_established, .. } if num_established.get() == 1 => {
                self.metrics.peers.inc();
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.metrics.peers.dec();
                self.reserved.remove(&peer_id);
                self.count_reserved();
                for change in self.topics.forget(&peer_id) {
                    self.apply(change);
                }
            }
            _ => {}
        }
    }

    fn handle_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(ping::Event {
                connection,
                result: Err(ping::Failure::Timeout | ping::Failure::Other { .. }),
                ..
            }) => {
                // Not every transport notices by itself that the other end has died.
                self.swarm.close_connection(connection);
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => self.learn(peer_id, info),
            BehaviourEvent::Relay(event) => self.count(&event),
            BehaviourEvent::Gossip(gossipsub::Event::Subscribed { peer_id, topic }) => {
                if let Some(change) = self.topics.add(peer_id, topic) {
                    self.apply(change);
                }
            }
            BehaviourEvent::Gossip(gossipsub::Event::Unsubscribed { peer_id, topic }) => {
                if let Some(change) = self.topics.remove(&peer_id, topic) {
                    self.apply(change);
                }
            }
            _ => {}
        }
    }

    /// A peer that serves Kademlia goes into the routing table with the addresses that it tells now, and no older ones.
    fn learn(&mut self, peer: PeerId, info: identify::Info) {
        if !info.protocols.contains(&KADEMLIA_PROTOCOL) {
            return;
        }
        let kademlia = &mut self.swarm.behaviour_mut().kademlia;
        kademlia.remove_peer(&peer);
        let short = |address: &Multiaddr| address.len() <= MAX_ADDRESS;
        for address in info.listen_addrs.into_iter().filter(short).take(ADDRESSES_PER_PEER) {
            kademlia.add_address(&peer, address);
        }
    }

    fn count(&mut self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { src_peer_id, .. } => {
                self.reserved.insert(*src_peer_id);
                self.count_reserved();
            }
            relay::Event::ReservationTimedOut { src_peer_id } => {
                self.reserved.remove(src_peer_id);
                self.count_reserved();
            }
            relay::Event::CircuitReqAccepted { .. } => {
                self.metrics.circuits.inc();
            }
            relay::Event::CircuitClosed { error, .. } => {
                tracing::debug!(?error, "a circuit is closed");
                self.metrics.circuits.dec();
            }
            _ => {}
        }
    }

    fn count_reserved(&self) {
        self.metrics
            .reservations
            .set(i64::try_from(self.reserved.len()).unwrap_or(i64::MAX));
    }

    fn apply(&mut self, change: Change) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        match change {
            Change::Subscribe(topic) => {
                if let Err(error) = gossip.subscribe(&topic) {
                    tracing::debug!(%error, "a topic is not carried");
                }
            }
            Change::Unsubscribe(topic) => {
                gossip.unsubscribe(&topic);
            }
        }
    }

    fn forget_addresses(&mut self, gone: &[Multiaddr]) {
        self.listening.retain(|address| !gone.contains(address));
        self.announce();
    }

    /// Tells peers and callers where the relay can be dialled.
    fn announce(&mut self) {
        let now = announced(&self.listening, &self.external);
        let before: Vec<Multiaddr> = self.swarm.external_addresses().cloned().collect();
        for address in before.iter().filter(|address| !now.contains(address)) {
            self.swarm.remove_external_address(address);
        }
        for address in now.iter().filter(|address| !before.contains(address)) {
            self.swarm.add_external_address(address.clone());
        }
        let peer = *self.swarm.local_peer_id();
        let with_peer = |address: Multiaddr| address.with_p2p(peer).unwrap_or_else(|address| address);
        self.announce.send_replace(now.into_iter().map(with_peer).collect());
    }
}

/// The addresses to tell: those of `external`; where it names a host alone, each listening address with that host.
fn announced(listening: &[Multiaddr], external: &[Multiaddr]) -> Vec<Multiaddr> {
    if external.is_empty() {
        return listening.to_vec();
    }
    let mut all: Vec<Multiaddr> = Vec::new();
    for address in external {
        let told: Vec<Multiaddr> = match is_host(address) {
            true => listening
                .iter()
                .map(|own| address.iter().chain(own.iter().skip(1)).collect())
                .collect(),
            false => vec![address.clone()],
        };
        for address in told {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    all
}

fn is_host(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let host = matches!(
        parts.next(),
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
    );
    host && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn an_external_host_stands_for_every_listening_address() {
        let listening = addresses(&[
            "/ip4/127.0.0.1/tcp/1/ws",
            "/ip4/10.0.0.7/tcp/1/ws",
            "/ip4/10.0.0.7/udp/2/quic-v1",
        ]);
        let external = addresses(&["/dns4/relay.example", "/dns4/relay.example/tcp/443/wss"]);
        let expected = addresses(&[
            "/dns4/relay.example/tcp/1/ws",
            "/dns4/relay.example/udp/2/quic-v1",
            "/dns4/relay.example/tcp/443/wss",
        ]);
        assert_eq!(announced(&listening, &external), expected);
        assert_eq!(announced(&listening, &[]), listening);
    }
}
