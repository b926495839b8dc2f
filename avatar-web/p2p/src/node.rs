//! A swarm as the contract sees it: commands in, completions, events and streams out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use avatar_proto::p2p_command::Command;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_STREAMS, Message, OpErrorCode, P2pAdvertise, P2pCommand, P2pDial, P2pFind, P2pGossip,
    P2pInbound, P2pListen, P2pLocal, P2pOpenStream, P2pPeer, P2pPublish, P2pResult, P2pSubscribe,
};
use futures::Stream as _;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, ListenerId};
use libp2p::gossipsub::{self, IdentTopic, PublishError};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{Config, ConnectionError, ConnectionId, NetworkBehaviour, SwarmEvent, dummy};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, identify, kad, relay};

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::connections::Connections;
use crate::discovery::Discovery;
use crate::events::EventQueue;
use crate::links::{Links, STREAM_WINDOW_BYTES, StreamEvent};
use crate::operations::{Failure, Operation, Operations, addresses_of, completion, peer_of};
use crate::streams::{self, OpenError};

/// Connections that nobody asked for and nobody uses are closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most streams that peers may have opened.
const MAX_STREAMS_FOR_INBOUND: usize = 1_024;

/// The most streams of one connection, where the peer opens a further one.
const MAX_STREAMS_OF_CONNECTION: usize = 128;

/// The most topics of one instance.
const MAX_TOPICS: usize = 256;

/// So many events of the swarm, then the host does something else: peers who are busy must not keep it from that.
const EVENTS_A_TURN: usize = 256;

/// What the host carries out, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// `yuan_complete`.
    Completed {
        /// The operation.
        op: u64,
        /// 0 or a negative AbiStatus.
        code: i32,
        /// A P2pResult, or an OpError.
        head: Vec<u8>,
    },
    /// OPENED.
    Opened {
        /// The guest's number.
        stream: u32,
        /// The first write credit.
        credit: u32,
    },
    /// INBOUND.
    Inbound {
        /// The host's number.
        stream: u32,
        /// The first write credit.
        credit: u32,
        /// A P2pInbound.
        head: Vec<u8>,
    },
    /// Anything else of a stream.
    Stream {
        /// Its number.
        stream: u32,
        /// What happened.
        event: StreamEvent,
    },
}

/// A swarm for one host, over any number of instances of its guest. `T` is the behaviour that its transports need beside the relay client's.
pub struct Node<T: NetworkBehaviour = dummy::Behaviour> {
    swarm: Swarm<Behaviour<T>>,
    connections: Connections,
    links: Links,
    operations: Operations,
    discovery: Discovery,
    events: Option<EventQueue>,
    local: P2pLocal,
    listeners: HashMap<Multiaddr, ListenerId>,
    rendezvous_points: HashSet<PeerId>,
    topics: HashSet<String>,
    outputs: VecDeque<Output>,
    /// The number of the last stream that was asked for, by whichever instance.
    last_request: u64,
    waker: Option<Waker>,
}

/// What a node is made of.
pub struct Parts<T> {
    /// All transports as one, the relay client's among them.
    pub transport: Boxed<(PeerId, StreamMuxerBox)>,
    /// The other half of the relay client's transport.
    pub relay: relay::client::Behaviour,
    /// The other half of the others, where they need one.
    pub behaviour: T,
    /// By whom connections are polled.
    pub config: Config,
}

impl<T: NetworkBehaviour> Node<T> {
    /// A swarm with this key. `agent` is what peers are told of the host.
    ///
    /// # Errors
    /// A configuration that libp2p refuses.
    pub fn new(keypair: &Keypair, parts: Parts<T>, agent: &str) -> Result<Self, String> {
        let Parts {
            transport,
            relay,
            behaviour,
            config,
        } = parts;
        let behaviour = Behaviour::new(keypair, behaviour, relay, agent)?;
        let peer = keypair.public().to_peer_id();
        let config = config.with_idle_connection_timeout(IDLE_TIMEOUT);
        Ok(Self {
            swarm: Swarm::new(transport, behaviour, peer, config),
            connections: Connections::default(),
            links: Links::default(),
            operations: Operations::default(),
            discovery: Discovery::default(),
            events: None,
            local: P2pLocal {
                peer: peer.to_bytes(),
                addresses: Vec::new(),
            },
            listeners: HashMap::new(),
            rendezvous_points: HashSet::new(),
            topics: HashSet::new(),
            outputs: VecDeque::new(),
            last_request: 0,
            waker: None,
        })
    }

    /// A new instance takes over: all that was the last one's ends (ABI.md H29).
    pub fn attach(&mut self) {
        self.detach();
        let mut events = EventQueue::default();
        events.local(self.local.clone());
        for connection in self.connections.iter() {
            events.opened(connection.describe(""));
        }
        self.events = Some(events);
    }

    /// The instance is gone: its streams are reset, nothing of it waits any more.
    pub fn detach(&mut self) {
        self.events = None;
        self.operations.clear();
        self.links.reset_all();
        self.outputs.clear();
        let behaviour = self.swarm.behaviour_mut();
        behaviour.streams.refuse_all();
        self.discovery.reset(behaviour);
        for topic in self.topics.drain() {
            behaviour.gossipsub.unsubscribe(&IdentTopic::new(topic));
        }
        self.wake();
    }

    /// Whether the guest uses this number for a stream, or opens one under it.
    pub fn has_stream(&self, stream: u32) -> bool {
        self.links.has(stream) || self.operations.opens(stream)
    }

    /// A command that has passed `P2pCommand::check`. Its completion follows as an output.
    ///
    /// # Errors
    /// INVALID for a stream's number that is in use, LIMIT for more streams than there may be: then nothing follows.
    pub fn command(&mut self, op: u64, command: P2pCommand) -> Result<(), AbiStatus> {
        let result = match command.command.ok_or(AbiStatus::Invalid)? {
            Command::OpenStream(open) => {
                if self.has_stream(open.stream) {
                    return Err(AbiStatus::Invalid);
                }
                if self.links.len() >= DEFAULT_MAX_STREAMS as usize {
                    return Err(AbiStatus::Limit);
                }
                self.open_stream(op, open)
            }
            Command::Listen(listen) => self.listen(op, listen),
            Command::Dial(dial) => self.dial(op, dial),
            Command::Publish(publish) => self.publish(publish),
            Command::Subscribe(subscribe) => self.subscribe(subscribe),
            Command::Advertise(advertise) => self.advertise(op, advertise),
            Command::Find(find) => self.find(op, find),
            Command::AcceptProtocol(name) => self.accept(name),
            Command::RefuseProtocol(name) => protocol_of(name).map(|protocol| {
                self.swarm.behaviour_mut().streams.refuse(&protocol);
                done()
            }),
            Command::Disconnect(peer) => peer_of(&peer).map(|peer| {
                // An error says that there was no connection.
                let _ = self.swarm.disconnect_peer_id(peer);
                done()
            }),
            Command::NextEvents(_) => self.next_events(op),
        };
        match result {
            Ok(Some(result)) => self.complete(op, Ok(result)),
            Ok(None) => {}
            Err(failure) => self.complete(op, Err(failure)),
        }
        self.deliver_events();
        self.wake();
        Ok(())
    }

    /// `avatar_cancel`.
    ///
    /// # Errors
    /// NOT_FOUND: it is not under way, or its completion is on its way.
    pub fn cancel(&mut self, op: u64) -> Result<(), AbiStatus> {
        self.operations.remove(op).ok_or(AbiStatus::NotFound)?;
        self.discovery.forget(op);
        self.complete(op, Err(Failure::cancelled()));
        self.wake();
        Ok(())
    }

    /// Whether so many bytes would be taken now.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn check_write(&self, stream: u32, len: usize) -> Result<(), AbiStatus> {
        self.links.check_write(stream, len)
    }

    /// `avatar_stream_write`: takes all of it.
    ///
    /// # Errors
    /// AGAIN beyond the credit, CLOSED after the guest has finished, NOT_FOUND.
    pub fn write(&mut self, stream: u32, bytes: Vec<u8>) -> Result<u32, AbiStatus> {
        let taken = self.links.write(stream, bytes)?;
        let id = self.links.connection_of(stream);
        if let Some(connection) = id.and_then(|id| self.connections.get_mut(id)) {
            connection.bytes_out += u64::from(taken);
        }
        Ok(taken)
    }

    /// `avatar_stream_grant`.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub fn grant(&mut self, stream: u32, bytes: u32) -> Result<(), AbiStatus> {
        self.links.grant(stream, bytes)
    }

    /// `avatar_stream_close`.
    ///
    /// # Errors
    /// NOT_FOUND, INVALID.
    pub fn close(&mut self, stream: u32, how: i32) -> Result<(), AbiStatus> {
        self.links.close(stream, how)
    }

    /// The next thing to carry out. Wakes whoever polled it last when there is more.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Output> {
        for _ in 0..EVENTS_A_TURN {
            if let Some(output) = self.outputs.pop_front() {
                return Poll::Ready(output);
            }
            self.move_streams(context);
            if !self.outputs.is_empty() {
                continue;
            }
            match Pin::new(&mut self.swarm).poll_next(context) {
                Poll::Ready(Some(event)) => {
                    self.on_swarm(event);
                    self.deliver_events();
                }
                // A swarm never ends.
                Poll::Ready(None) | Poll::Pending => {
                    self.waker = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn complete(&mut self, op: u64, result: Result<P2pResult, Failure>) {
        let (code, head) = completion(result);
        self.outputs.push_back(Output::Completed { op, code, head });
    }

    fn deliver_events(&mut self) {
        let Some(op) = self.operations.next_events() else {
            return;
        };
        let events = self.events.as_mut().map(EventQueue::take).unwrap_or_default();
        if events.is_empty() {
            return;
        }
        self.operations.remove(op);
        let result = P2pResult {
            events,
            ..P2pResult::default()
        };
        self.complete(op, Ok(result));
    }

    fn move_streams(&mut self, context: &mut Context<'_>) {
        let tell = told(&mut self.outputs, &mut self.connections);
        self.links.poll(context, tell);
    }

    // ---- commands: `None` = the completion comes later

    fn listen(&mut self, op: u64, listen: P2pListen) -> Answer {
        let addresses = addresses_of(&listen.addresses)?;
        if listen.stop {
            for address in addresses {
                if let Some(listener) = self.listeners.remove(&address) {
                    self.swarm.remove_listener(listener);
                }
            }
            return done_at_once();
        }
        // One that is listened on already needs no second listener, and the others of the command are waited for all the same.
        let (known, others): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|address| self.listeners.contains_key(address));
        if others.is_empty() && !self.local.addresses.is_empty() {
            return Ok(Some(peers(vec![self.itself()])));
        }
        let (mut listeners, mut failures) = (Vec::new(), Vec::new());
        if others.is_empty() {
            listeners.extend(known.iter().filter_map(|address| self.listeners.get(address)));
        }
        for address in others {
            match self.swarm.listen_on(address.clone()) {
                Ok(listener) => {
                    self.listeners.insert(address, listener);
                    listeners.push(listener);
                }
                Err(error) => failures.push(format!("{address}: {error}")),
            }
        }
        if listeners.is_empty() {
            return Err(Failure::network(failures.join("; ")));
        }
        self.operations.add(op, Operation::Listen { listeners, failures });
        Ok(None)
    }

    fn dial(&mut self, op: u64, dial: P2pDial) -> Answer {
        let addresses = addresses_of(&dial.addresses)?;
        let peer = match dial.peer.as_slice() {
            [] => None,
            bytes => Some(peer_of(bytes)?),
        };
        let known = peer
            .filter(|_| !dial.anew)
            .and_then(|peer| self.connections.best(&peer));
        if let Some((_, connection)) = known {
            return Ok(Some(peers(vec![P2pPeer {
                peer: connection.peer.to_bytes(),
                addresses: vec![connection.describe("").address],
            }])));
        }
        let options = match peer {
            None => (addresses.into_iter())
                .map(|address| DialOpts::unknown_peer_id().address(address).build())
                .collect(),
            Some(peer) => {
                let options = DialOpts::peer_id(peer).condition(PeerCondition::Always);
                match addresses.is_empty() {
                    true => vec![options.build()],
                    false => vec![options.addresses(addresses).build()],
                }
            }
        };
        let (mut attempts, mut failures) = (Vec::new(), Vec::new());
        for options in options {
            let id = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => attempts.push(id),
                Err(error) => failures.push(Failure::from(&error)),
            }
        }
        if attempts.is_empty() {
            return Err(Failure::of_all(failures));
        }
        self.operations.add(op, Operation::Dial { attempts, failures });
        Ok(None)
    }

    fn open_stream(&mut self, op: u64, open: P2pOpenStream) -> Answer {
        let peer = peer_of(&open.peer)?;
        let protocols = open.protocols.into_iter().map(protocol_of).collect::<Result<_, _>>()?;
        let Some((connection, _)) = self.connections.best(&peer) else {
            return Err(Failure::not_found("there is no connection to this peer"));
        };
        self.last_request += 1;
        let (stream, request) = (open.stream, self.last_request);
        let waiting = Operation::Open {
            stream,
            connection,
            request,
        };
        self.operations.add(op, waiting);
        let streams = &mut self.swarm.behaviour_mut().streams;
        streams.open(peer, connection, request, protocols);
        Ok(None)
    }

    fn publish(&mut self, publish: P2pPublish) -> Answer {
        let topic = IdentTopic::new(publish.topic);
        match self.swarm.behaviour_mut().gossipsub.publish(topic, publish.data) {
            Ok(_) | Err(PublishError::Duplicate) => done_at_once(),
            Err(PublishError::NoPeersSubscribedToTopic) => {
                Err(Failure::not_found("no peer is subscribed to the topic"))
            }
            Err(PublishError::MessageTooLarge) => Err(Failure::limit("the message is too long")),
            Err(PublishError::AllQueuesFull(_)) => {
                let words = "the peers' queues are full";
                Err(Failure::new(AbiStatus::Again, OpErrorCode::Network, words))
            }
            Err(error) => Err(Failure::network(error.to_string())),
        }
    }

    fn subscribe(&mut self, subscribe: P2pSubscribe) -> Answer {
        let topic = IdentTopic::new(&subscribe.topic);
        let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;
        if subscribe.unsubscribe {
            gossipsub.unsubscribe(&topic);
            self.topics.remove(&subscribe.topic);
            return done_at_once();
        }
        if self.topics.len() >= MAX_TOPICS && !self.topics.contains(&subscribe.topic) {
            return Err(Failure::limit("too many topics"));
        }
        gossipsub
            .subscribe(&topic)
            .map_err(|error| Failure::network(error.to_string()))?;
        self.topics.insert(subscribe.topic);
        done_at_once()
    }

    fn accept(&mut self, name: String) -> Answer {
        match self.swarm.behaviour_mut().streams.accept(protocol_of(name)?) {
            true => done_at_once(),
            false => Err(Failure::limit("too many protocols")),
        }
    }

    fn advertise(&mut self, op: u64, advertise: P2pAdvertise) -> Answer {
        let (points, dht) = self.places(&advertise.at)?;
        let behaviour = self.swarm.behaviour_mut();
        if advertise.stop {
            self.discovery.stop(behaviour, &advertise.key);
            return done_at_once();
        }
        let (key, ttl_s) = (&advertise.key, advertise.ttl_s);
        match self.discovery.advertise(behaviour, op, key, ttl_s, &points, dht) {
            Some((_, result)) => result.map(Some),
            None => {
                self.operations.add(op, Operation::Discovery);
                Ok(None)
            }
        }
    }

    fn find(&mut self, op: u64, find: P2pFind) -> Answer {
        let (points, dht) = self.places(&find.at)?;
        let behaviour = self.swarm.behaviour_mut();
        match self.discovery.find(behaviour, op, &find.key, find.limit, &points, dht) {
            Some((_, result)) => result.map(Some),
            None => {
                self.operations.add(op, Operation::Discovery);
                Ok(None)
            }
        }
    }

    /// The rendezvous points to ask, and whether the DHT is asked too.
    fn places(&self, at: &[u8]) -> Result<(Vec<PeerId>, bool), Failure> {
        match at {
            [] => Ok((self.rendezvous_points.iter().copied().collect(), true)),
            at => Ok((vec![peer_of(at)?], false)),
        }
    }

    fn next_events(&mut self, op: u64) -> Answer {
        if self.operations.next_events().is_some() {
            let words = "another next_events waits already";
            return Err(Failure::new(AbiStatus::BadState, OpErrorCode::Other, words));
        }
        self.operations.add(op, Operation::NextEvents);
        Ok(None)
    }

    fn itself(&self) -> P2pPeer {
        P2pPeer {
            peer: self.local.peer.clone(),
            addresses: self.local.addresses.clone(),
        }
    }

    // ---- what the swarm says

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent<T>>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let described = self.connections.add(connection_id, peer_id, endpoint).describe("");
                if let Some(op) = self.operations.dialling(connection_id) {
                    self.operations.remove(op);
                    self.swarm.behaviour_mut().streams.keep(peer_id, connection_id);
                    let (peer, addresses) = (described.peer.clone(), vec![described.address.clone()]);
                    self.complete(op, Ok(peers(vec![P2pPeer { peer, addresses }])));
                }
                if let Some(events) = &mut self.events {
                    events.opened(described);
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                num_established,
                cause,
                ..
            } => self.connection_closed(peer_id, connection_id, num_established, cause),
            SwarmEvent::OutgoingConnectionError {
                connection_id, error, ..
            } => {
                if let Some(op) = self.operations.dialling(connection_id)
                    && let Some(failure) = self.operations.attempt_failed(op, connection_id, Failure::from(&error))
                {
                    self.complete(op, Err(failure));
                }
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.addresses_changed();
                if let Some(op) = self.operations.listening(listener_id) {
                    self.operations.remove(op);
                    let (peer, addresses) = (self.local.peer.clone(), vec![self.with_own_peer(address).to_string()]);
                    self.complete(op, Ok(peers(vec![P2pPeer { peer, addresses }])));
                }
            }
            SwarmEvent::ListenerClosed {
                listener_id, reason, ..
            } => {
                self.listeners.retain(|_, listener| *listener != listener_id);
                self.addresses_changed();
                let reason = reason
                    .err()
                    .map_or_else(|| "closed".to_owned(), |error| error.to_string());
                if let Some(op) = self.operations.listening(listener_id)
                    && let Some(failure) = self.operations.listener_failed(op, listener_id, reason)
                {
                    self.complete(op, Err(failure));
                }
            }
            SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::ExternalAddrConfirmed { .. }
            | SwarmEvent::ExternalAddrExpired { .. } => self.addresses_changed(),
            _ => {}
        }
    }

    fn connection_closed(&mut self, peer: PeerId, id: ConnectionId, remaining: u32, cause: Option<ConnectionError>) {
        if remaining == 0 {
            self.rendezvous_points.remove(&peer);
        }
        for op in self.operations.opening_on(id) {
            self.operations.remove(op);
            self.complete(op, Err(Failure::network("the connection closed")));
        }
        let tell = told(&mut self.outputs, &mut self.connections);
        self.links.connection_closed(id, tell);
        let reason = match cause {
            None => "closed by this host".to_owned(),
            Some(ConnectionError::KeepAliveTimeout) => "nobody used it".to_owned(),
            Some(ConnectionError::IO(error)) => error.to_string(),
        };
        if let Some(connection) = self.connections.remove(id)
            && let Some(events) = &mut self.events
        {
            events.closed(connection.describe(&reason));
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent<T>) {
        let local = *self.swarm.local_peer_id();
        match event {
            BehaviourEvent::Streams(event) => self.on_stream(event),
            BehaviourEvent::Ping(event) => {
                if let Ok(round_trip) = event.result
                    && let Some(connection) = self.connections.measured(event.connection, round_trip)
                    && let Some(events) = &mut self.events
                {
                    events.measured(connection.describe(""));
                }
            }
            BehaviourEvent::Gossipsub(gossipsub::Event::Message { message, .. }) => {
                if let Some(events) = &mut self.events
                    && let Some(source) = message.source
                {
                    events.gossip(P2pGossip {
                        topic: message.topic.into_string(),
                        source: source.to_bytes(),
                        data: message.data,
                    });
                }
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => self.identified(peer_id, info),
            BehaviourEvent::Rendezvous(event) => {
                for (op, result) in self.discovery.on_rendezvous(self.swarm.behaviour_mut(), &local, event) {
                    self.discovered(op, result);
                }
            }
            BehaviourEvent::Dht(event) => {
                if let Some((op, result)) = self.discovery.on_dht(&local, event) {
                    self.discovered(op, result);
                }
            }
            _ => {}
        }
    }

    fn discovered(&mut self, op: u64, result: Result<P2pResult, Failure>) {
        if self.operations.remove(op).is_some() {
            self.complete(op, result);
        }
    }

    fn identified(&mut self, peer: PeerId, info: identify::Info) {
        let rendezvous = StreamProtocol::new("/rendezvous/1.0.0");
        if info.protocols.contains(&rendezvous) {
            self.rendezvous_points.insert(peer);
        }
        if info.protocols.contains(&kad::PROTOCOL_NAME) {
            const MAX_ADDRESSES: usize = 16;
            for address in info.listen_addrs.into_iter().take(MAX_ADDRESSES) {
                self.swarm.behaviour_mut().dht.add_address(&peer, address);
            }
        }
    }

    fn on_stream(&mut self, event: streams::Event) {
        match event {
            streams::Event::Opened {
                request,
                stream,
                protocol,
            } => {
                let waiting = self.operations.opening(request);
                let taken = waiting.and_then(|op| Some((op, self.operations.remove(op)?)));
                let Some((
                    op,
                    Operation::Open {
                        stream: number,
                        connection,
                        ..
                    },
                )) = taken
                else {
                    // Cancelled, or of the last instance: dropped, it is reset.
                    return;
                };
                self.links.add(number, connection, stream);
                let result = P2pResult {
                    protocol: protocol.to_string(),
                    ..P2pResult::default()
                };
                self.complete(op, Ok(result));
                self.outputs.push_back(Output::Opened {
                    stream: number,
                    credit: STREAM_WINDOW_BYTES,
                });
            }
            streams::Event::Failed { request, error } => {
                if let Some(op) = self.operations.opening(request) {
                    self.operations.remove(op);
                    let failure = match error {
                        OpenError::Unsupported => {
                            let words = "the peer takes none of the protocols";
                            Failure::new(AbiStatus::Unsupported, OpErrorCode::Unsupported, words)
                        }
                        OpenError::Timeout => Failure::timeout("no agreement on a protocol in time"),
                        OpenError::Io(error) => Failure::network(error.to_string()),
                    };
                    self.complete(op, Err(failure));
                }
            }
            streams::Event::Inbound {
                peer,
                connection: id,
                stream,
                protocol,
            } => {
                let welcome = self.events.is_some()
                    && self.swarm.behaviour().streams.accepts(&protocol)
                    && self.links.len() < MAX_STREAMS_FOR_INBOUND
                    && self.links.len_of(id) < MAX_STREAMS_OF_CONNECTION;
                let Some(connection) = self.connections.get(id).filter(|_| welcome) else {
                    // Dropped, it is reset.
                    return;
                };
                let head = P2pInbound {
                    peer: peer.to_bytes(),
                    protocol: protocol.to_string(),
                    connection: connection.number,
                };
                let number = self.links.free_number();
                self.links.add(number, id, stream);
                self.outputs.push_back(Output::Inbound {
                    stream: number,
                    credit: STREAM_WINDOW_BYTES,
                    head: head.encode_to_vec(),
                });
            }
        }
    }

    fn addresses_changed(&mut self) {
        let mut addresses: Vec<String> = (self.swarm.external_addresses().chain(self.swarm.listeners()))
            .map(|address| self.with_own_peer(address.clone()).to_string())
            .collect();
        addresses.sort();
        addresses.dedup();
        if addresses == self.local.addresses {
            return;
        }
        self.local.addresses = addresses;
        if let Some(events) = &mut self.events {
            events.local(self.local.clone());
        }
    }

    /// An address at which others reach this host and nobody else.
    fn with_own_peer(&self, address: Multiaddr) -> Multiaddr {
        let own = Protocol::P2p(*self.swarm.local_peer_id());
        match address.iter().last() {
            Some(last) if last == own => address,
            _ => address.with(own),
        }
    }
}

/// Takes what happens to streams, and counts their bytes.
fn told(outputs: &mut VecDeque<Output>, connections: &mut Connections) -> impl FnMut(u32, ConnectionId, StreamEvent) {
    |stream, connection, event| {
        if let (StreamEvent::Data(bytes), Some(connection)) = (&event, connections.get_mut(connection)) {
            connection.bytes_in += bytes.len() as u64;
        }
        outputs.push_back(Output::Stream { stream, event });
    }
}

/// What a command answers: its result, or nothing yet.
type Answer = Result<Option<P2pResult>, Failure>;

fn done() -> Option<P2pResult> {
    Some(P2pResult::default())
}

fn done_at_once() -> Answer {
    Ok(done())
}

fn peers(peers: Vec<P2pPeer>) -> P2pResult {
    P2pResult {
        peers,
        ..P2pResult::default()
    }
}

fn protocol_of(name: String) -> Result<StreamProtocol, Failure> {
    StreamProtocol::try_from_owned(name).map_err(|_| Failure::invalid("a protocol begins with a slash"))
}
