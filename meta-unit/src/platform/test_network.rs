//! A network between test platforms: connections, streams with credit, and a place to be found. Everything arrives, in order, when [`TestNetwork::deliver`] is called.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::{Rc, Weak};

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::p2p_event::Event as Told;
use avatar_proto::{
    AbiStatus, Message, OpError, OpErrorCode, P2pConnection, P2pDial, P2pEvent, P2pInbound, P2pLocal, P2pPeer,
    P2pResult, stream_close, stream_event,
};
use futures_channel::oneshot;

use super::PlatformError;
use super::streams::{StreamCalls, Streams};

/// What a writer may have on its way.
const CREDIT: usize = 64 * 1024;

type Done = oneshot::Sender<Result<P2pResult, PlatformError>>;

/// See the module's documentation.
#[derive(Default)]
pub struct TestNetwork {
    nodes: RefCell<BTreeMap<u8, Rc<Node>>>,
    found: RefCell<HashMap<Vec<u8>, BTreeSet<u8>>>,
    connections: RefCell<BTreeMap<u64, Connection>>,
    numbers: Cell<u64>,
    /// Pairs that cannot reach each other.
    cut: RefCell<BTreeSet<(u8, u8)>>,
    /// Bytes that crossed.
    bytes: Cell<u64>,
}

struct Connection {
    dialler: u8,
    listener: u8,
    address: String,
}

/// One host's end of the network.
pub struct Node {
    number: u8,
    network: Weak<TestNetwork>,
    streams: RefCell<Option<Rc<Streams>>>,
    protocols: RefCell<BTreeSet<String>>,
    events: RefCell<VecDeque<P2pEvent>>,
    waits: RefCell<Option<Done>>,
    /// Its streams, and where they lead.
    ways: RefCell<BTreeMap<i32, Way>>,
    news: RefCell<VecDeque<News>>,
}

/// One direction of a stream: to the node that reads, and the number that the stream has there.
struct Way {
    to: u8,
    number: i32,
    connection: u64,
    on_the_way: VecDeque<u8>,
    finished: bool,
    fin_told: bool,
    /// What the reader has granted.
    granted: usize,
}

/// What a node is to be told.
struct News {
    stream: i32,
    kind: i32,
    arg: i64,
    data: Vec<u8>,
}

impl TestNetwork {
    /// The end of this host, by its number. One that was there before is gone with all its connections.
    pub fn join(self: &Rc<Self>, number: u8) -> Rc<Node> {
        self.leave(number);
        let node = Rc::new(Node {
            number,
            network: Rc::downgrade(self),
            streams: RefCell::default(),
            protocols: RefCell::default(),
            events: RefCell::default(),
            waits: RefCell::default(),
            ways: RefCell::default(),
            news: RefCell::default(),
        });
        node.streams
            .replace(Some(Streams::new(Rc::clone(&node) as Rc<dyn StreamCalls>)));
        node.tell(Told::Local(P2pLocal {
            peer: vec![number],
            addresses: vec![address(number)],
        }));
        self.nodes.borrow_mut().insert(number, Rc::clone(&node));
        node
    }

    /// A host is gone.
    pub fn leave(&self, number: u8) {
        self.disconnect(|connection| connection.dialler == number || connection.listener == number);
        self.found.borrow_mut().values_mut().for_each(|found| {
            found.remove(&number);
        });
        if let Some(node) = self.nodes.borrow_mut().remove(&number) {
            node.streams.take();
        }
    }

    /// Whether two can reach each other; those that cannot any more are disconnected.
    pub fn set_cut(&self, one: u8, other: u8, cut: bool) {
        let pair = (one.min(other), one.max(other));
        if cut {
            self.cut.borrow_mut().insert(pair);
            self.disconnect(|connection| {
                (
                    connection.dialler.min(connection.listener),
                    connection.dialler.max(connection.listener),
                ) == pair
            });
        } else {
            self.cut.borrow_mut().remove(&pair);
        }
    }

    /// Bytes that crossed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    fn disconnect(&self, which: impl Fn(&Connection) -> bool) {
        let gone: Vec<_> = self
            .connections
            .borrow_mut()
            .extract_if(.., |_, connection| which(connection))
            .collect();
        for (number, connection) in gone {
            for (own, other) in [
                (connection.dialler, connection.listener),
                (connection.listener, connection.dialler),
            ] {
                let Some(node) = self.node(own) else { continue };
                let streams: Vec<i32> = node
                    .ways
                    .borrow_mut()
                    .extract_if(.., |_, way| way.connection == number)
                    .map(|(stream, _)| stream)
                    .collect();
                for stream in streams {
                    node.news.borrow_mut().push_back(News {
                        stream,
                        kind: stream_event::RESET,
                        arg: AbiStatus::Io as i64,
                        data: Vec::new(),
                    });
                }
                node.tell(Told::Closed(described(number, &connection, other)));
            }
        }
    }

    fn node(&self, number: u8) -> Option<Rc<Node>> {
        self.nodes.borrow().get(&number).cloned()
    }

    /// Hands over what has come for a host; whether there was something.
    pub fn deliver(&self, number: u8) -> bool {
        let Some(node) = self.node(number) else { return false };
        let mut delivered = node.deliver_events();
        for sender in self.nodes.borrow().values() {
            for (own, way) in sender.ways.borrow_mut().iter_mut().filter(|(_, way)| way.to == number) {
                let len = way.granted.min(way.on_the_way.len());
                if len > 0 {
                    self.bytes.set(self.bytes.get() + len as u64);
                    way.granted -= len;
                    let data = way.on_the_way.drain(..len).collect();
                    node.push(way.number, stream_event::DATA, 0, data);
                    sender.push(*own, stream_event::WRITABLE, len as i64, Vec::new());
                }
                if way.finished && way.on_the_way.is_empty() && !way.fin_told {
                    way.fin_told = true;
                    node.push(way.number, stream_event::FIN, 0, Vec::new());
                }
            }
        }
        while let Some(News {
            stream,
            kind,
            arg,
            data,
        }) = { node.news.borrow_mut().pop_front() }
        {
            delivered = true;
            let streams = node.streams.borrow().clone();
            if let Some(streams) = streams {
                // What came for a stream that the host has just closed has nowhere to go.
                let _ = streams.event(stream, kind, arg, &data);
            }
        }
        if let Some(streams) = node.streams.borrow().as_ref() {
            streams.tell_resets();
        }
        delivered
    }
}

impl Node {
    /// Its streams.
    pub fn streams(&self) -> Rc<Streams> {
        let streams = self.streams.borrow();
        Rc::clone(streams.as_ref().expect("a host that is there has streams"))
    }

    /// `avatar_p2p`.
    pub fn execute(&self, command: P2p, done: Done) {
        let Some(network) = self.network.upgrade() else { return };
        let result = match command {
            P2p::NextEvents(_) => {
                self.waits.replace(Some(done));
                return;
            }
            P2p::Listen(_) => Ok(P2pResult {
                peers: vec![self.peer()],
                ..P2pResult::default()
            }),
            P2p::AcceptProtocol(protocol) => {
                self.protocols.borrow_mut().insert(protocol);
                Ok(P2pResult::default())
            }
            P2p::RefuseProtocol(protocol) => {
                self.protocols.borrow_mut().remove(&protocol);
                Ok(P2pResult::default())
            }
            P2p::Advertise(advertise) => {
                let mut found = network.found.borrow_mut();
                let found = found.entry(advertise.key).or_default();
                if advertise.stop {
                    found.remove(&self.number);
                } else {
                    found.insert(self.number);
                }
                Ok(P2pResult::default())
            }
            P2p::Find(find) => {
                let found = network.found.borrow().get(&find.key).cloned().unwrap_or_default();
                let others = found.into_iter().filter(|number| *number != self.number);
                Ok(P2pResult {
                    peers: others.filter_map(|number| Some(network.node(number)?.peer())).collect(),
                    ..P2pResult::default()
                })
            }
            P2p::Dial(dial) => self.dial(&network, &dial),
            P2p::Disconnect(peer) => {
                let other = peer.first().copied().unwrap_or(0);
                let pair = [(self.number, other), (other, self.number)];
                network.disconnect(|connection| pair.contains(&(connection.dialler, connection.listener)));
                Ok(P2pResult::default())
            }
            P2p::OpenStream(_) | P2p::Publish(_) | P2p::Subscribe(_) => {
                Err(failed(AbiStatus::Unsupported, OpErrorCode::Unsupported))
            }
        };
        // Whoever asked may be gone.
        drop(done.send(result));
    }

    fn dial(&self, network: &Rc<TestNetwork>, dial: &P2pDial) -> Result<P2pResult, PlatformError> {
        let unreachable = || failed(AbiStatus::Io, OpErrorCode::Network);
        let target = match (dial.peer.first(), dial.addresses.first()) {
            (Some(peer), _) => *peer,
            (None, Some(address)) => address
                .rsplit('/')
                .next()
                .and_then(|n| n.parse().ok())
                .ok_or_else(unreachable)?,
            (None, None) => return Err(unreachable()),
        };
        let other = network.node(target).ok_or_else(unreachable)?;
        let pair = (self.number.min(target), self.number.max(target));
        if network.cut.borrow().contains(&pair) || target == self.number {
            return Err(unreachable());
        }
        let is_connected = network.connections.borrow().values().any(|connection| {
            (
                connection.dialler.min(connection.listener),
                connection.dialler.max(connection.listener),
            ) == pair
        });
        if !is_connected || dial.anew {
            let number = network.numbers.get() + 1;
            network.numbers.set(number);
            let connection = Connection {
                dialler: self.number,
                listener: target,
                address: dial.addresses.first().cloned().unwrap_or_else(|| address(target)),
            };
            self.tell(Told::Opened(P2pConnection {
                dialled: true,
                ..described(number, &connection, target)
            }));
            other.tell(Told::Opened(described(number, &connection, self.number)));
            network.connections.borrow_mut().insert(number, connection);
        }
        Ok(P2pResult {
            peers: vec![other.peer()],
            ..P2pResult::default()
        })
    }

    /// `open_stream`, under a number that [`Streams::begin`] knows.
    ///
    /// # Errors
    /// There is no connection, or the peer takes none of the protocols.
    pub fn open_stream(&self, number: u32, peer: &[u8], protocols: &[String]) -> Result<String, PlatformError> {
        let network = self
            .network
            .upgrade()
            .ok_or_else(|| failed(AbiStatus::Closed, OpErrorCode::Other))?;
        let to = peer.first().copied().unwrap_or(0);
        let pair = [(self.number, to), (to, self.number)];
        let connections = network.connections.borrow();
        let connection = connections
            .iter()
            .rev()
            .find(|(_, connection)| pair.contains(&(connection.dialler, connection.listener)));
        let (Some((connection, _)), Some(other)) = (connection, network.node(to)) else {
            return Err(failed(AbiStatus::NotFound, OpErrorCode::NotFound));
        };
        let accepted = other.protocols.borrow();
        let protocol = protocols.iter().find(|protocol| accepted.contains(*protocol));
        let protocol = protocol.ok_or_else(|| failed(AbiStatus::Unsupported, OpErrorCode::Unsupported))?;
        let there = 2 * (network.numbers.get() as i32 + 1);
        network.numbers.set(network.numbers.get() + 1);
        let way = |to, number| Way {
            to,
            number,
            connection: *connection,
            on_the_way: VecDeque::new(),
            finished: false,
            fin_told: false,
            granted: 0,
        };
        self.ways.borrow_mut().insert(number as i32, way(to, there));
        other.ways.borrow_mut().insert(there, way(self.number, number as i32));
        let inbound = P2pInbound {
            peer: vec![self.number],
            protocol: protocol.clone(),
            connection: *connection,
        };
        other.push(there, stream_event::INBOUND, CREDIT as i64, inbound.encode_to_vec());
        self.push(number as i32, stream_event::OPENED, CREDIT as i64, Vec::new());
        Ok(protocol.clone())
    }

    fn peer(&self) -> P2pPeer {
        P2pPeer {
            peer: vec![self.number],
            addresses: vec![address(self.number)],
        }
    }

    fn tell(&self, event: Told) {
        self.events.borrow_mut().push_back(P2pEvent { event: Some(event) });
    }

    fn push(&self, stream: i32, kind: i32, arg: i64, data: Vec<u8>) {
        self.news.borrow_mut().push_back(News {
            stream,
            kind,
            arg,
            data,
        });
    }

    fn deliver_events(&self) -> bool {
        if self.events.borrow().is_empty() {
            return false;
        }
        let Some(done) = self.waits.take() else { return false };
        let result = P2pResult {
            events: self.events.take().into(),
            ..P2pResult::default()
        };
        drop(done.send(Ok(result)));
        true
    }

    /// The way that leads here on the other side of a stream.
    fn with_way_here(&self, stream: i32, act: impl FnOnce(&mut Way)) {
        let Some(network) = self.network.upgrade() else { return };
        let ways = self.ways.borrow();
        let Some(way) = ways.get(&stream) else { return };
        let (to, number) = (way.to, way.number);
        drop(ways);
        if let Some(other) = network.node(to)
            && let Some(way) = other.ways.borrow_mut().get_mut(&number)
        {
            act(way);
        }
    }
}

impl StreamCalls for Node {
    fn write(&self, stream: i32, bytes: &[u8]) -> i32 {
        let mut ways = self.ways.borrow_mut();
        let Some(way) = ways.get_mut(&stream) else {
            return AbiStatus::NotFound.code();
        };
        assert!(
            way.on_the_way.len() + bytes.len() <= CREDIT,
            "a write beyond its credit"
        );
        way.on_the_way.extend(bytes);
        bytes.len() as i32
    }

    fn grant(&self, stream: i32, bytes: i32) -> i32 {
        self.with_way_here(stream, |way| way.granted += bytes as usize);
        0
    }

    fn close(&self, stream: i32, how: i32) -> i32 {
        if how == stream_close::FINISH_WRITING {
            if let Some(way) = self.ways.borrow_mut().get_mut(&stream) {
                way.finished = true;
            }
            return 0;
        }
        let Some(way) = self.ways.borrow_mut().remove(&stream) else {
            return AbiStatus::NotFound.code();
        };
        if let Some(other) = self.network.upgrade().and_then(|network| network.node(way.to))
            && other.ways.borrow_mut().remove(&way.number).is_some()
        {
            other.push(way.number, stream_event::RESET, AbiStatus::Io as i64, Vec::new());
        }
        0
    }
}

fn address(number: u8) -> String {
    format!("/test/{number}")
}

fn described(number: u64, connection: &Connection, other: u8) -> P2pConnection {
    P2pConnection {
        connection: number,
        peer: vec![other],
        address: connection.address.clone(),
        relayed: connection.address.contains("/p2p-circuit"),
        dialled: false,
        round_trip_us: 1000,
        ..P2pConnection::default()
    }
}

fn failed(status: AbiStatus, code: OpErrorCode) -> PlatformError {
    let error = OpError {
        code: code.into(),
        message: "the test's network says no".to_owned(),
    };
    PlatformError::failed(status, error)
}
