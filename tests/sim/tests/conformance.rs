//! The simulated host keeps H24 to H29 and what they rest on: the guest of the conformance kit attacks it, as it attacks every other host. Compiled with the feature `wasm` only.
#![cfg(feature = "wasm")]

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use avatar_proto::p2p_command::Command;
use avatar_proto::p2p_event::Event;
use avatar_proto::{
    AbiStatus, Message, P2pAdvertise, P2pCommand, P2pConnection, P2pDial, P2pFind, P2pInbound, P2pListen, P2pLocal,
    P2pNextEvents, P2pOpenStream, P2pPublish, P2pResult, P2pSubscribe,
};
use avatar_sim::avatar::Avatar;
use avatar_sim::boundary::{Answered, Port};
use avatar_sim::disk::Disk;
use avatar_sim::network::link::Link;
use avatar_sim::network::{Network, NodeId, Role};
use avatar_sim::peers::plain::{DEAF, ECHO, GUEST, Plain, SHOUT, pattern};
use avatar_sim::peers::{self, Hands};
use avatar_sim::random::{Dice, Stream};
use avatar_sim::unit::{Backend, Module};

/// Everything happens within so many simulated microseconds.
const PATIENCE_US: u64 = 60_000_000;

/// The guest of the kit.
fn guest() -> Backend {
    thread_local! {
        static GUEST: OnceCell<Module> = const { OnceCell::new() };
    }
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/out/conformance.wasm");
    let path = std::env::var_os("CONFORMANCE_WASM").map_or_else(|| PathBuf::from(built), PathBuf::from);
    GUEST.with(|guest| {
        let guest = guest.get_or_init(|| Module::load(&path).expect("node tests/conformance/build.mjs has built it"));
        Backend::Wasm(guest.clone())
    })
}

/// The guest in its host, which is node 0, and peers around it.
struct Host {
    network: Rc<RefCell<Network>>,
    avatar: Avatar,
    peers: BTreeMap<NodeId, Plain>,
    now_us: u64,
    answers: Vec<Answered>,
    next_turn_us: Option<u64>,
    peers_wake_us: BTreeMap<NodeId, u64>,
    last_req: i64,
    is_trapped: bool,
}

impl Host {
    fn new(seed: u64) -> Self {
        let mut network = Network::new(
            seed,
            Link {
                latency_us: 5_000,
                jitter_us: 2_000,
                loss_per_mille: 5,
                bytes_per_second: 20_000_000,
            },
        );
        network.add(Role::Private);
        let network = Rc::new(RefCell::new(network));
        let port = Port {
            network: Rc::clone(&network),
            node: 0,
        };
        let disk = Disk::new(Dice::new(seed, Stream::Disk(0)), None);
        let avatar = Avatar::new(0, seed, disk, Rc::default(), Some(port));
        let mut host = Self {
            network,
            avatar,
            peers: BTreeMap::new(),
            now_us: 0,
            answers: Vec::new(),
            next_turn_us: None,
            peers_wake_us: BTreeMap::new(),
            last_req: 0,
            is_trapped: false,
        };
        host.start();
        host
    }

    fn start(&mut self) {
        self.avatar.start(&guest(), self.now_us).expect("the guest starts");
        self.next_turn_us = Some(self.now_us);
    }

    /// The instance is gone; the host and its connections stay.
    fn crash(&mut self) {
        self.avatar.crash();
        self.answers.clear();
        self.start();
    }

    /// A peer that listens at its own address.
    fn peer(&mut self) -> NodeId {
        let node = self.network.borrow_mut().add(Role::Public);
        self.network.borrow_mut().begin_life(node);
        self.peers.insert(node, Plain::default());
        self.peers_wake_us.insert(node, self.now_us);
        self.run(|host| !host.network.borrow().addresses(node).is_empty());
        node
    }

    fn relay(&mut self) -> NodeId {
        self.network.borrow_mut().add(Role::Relay)
    }

    fn with<T>(&mut self, node: NodeId, act: impl FnOnce(&mut Plain, &mut Hands<'_>) -> T) -> T {
        let peer = self.peers.get_mut(&node).expect("a peer");
        let mut network = self.network.borrow_mut();
        network.now_us = self.now_us;
        peers::with(&mut network, node, peer, act)
    }

    /// One moment after another, until it is so.
    fn run(&mut self, mut is_so: impl FnMut(&mut Self) -> bool) {
        let end_us = self.now_us + PATIENCE_US;
        while !is_so(self) {
            assert!(self.step(end_us), "not within {} s", PATIENCE_US / 1_000_000);
        }
    }

    fn wait(&mut self, us: u64) {
        let until_us = self.now_us + us;
        while self.step(until_us) {}
        self.now_us = until_us;
    }

    fn step(&mut self, end_us: u64) -> bool {
        let network_us = self.network.borrow().next_us();
        let others_us = self.peers_wake_us.values().copied().min();
        let first = [network_us, self.next_turn_us, others_us].into_iter().flatten().min();
        let Some(at_us) = first.filter(|at_us| *at_us <= end_us) else {
            return false;
        };
        self.now_us = self.now_us.max(at_us);
        if network_us == Some(at_us) {
            self.network.borrow_mut().step(at_us);
        } else if self.next_turn_us == Some(at_us) {
            self.turn();
        }
        self.tell();
        true
    }

    fn turn(&mut self) {
        self.next_turn_us = None;
        self.network.borrow_mut().now_us = self.now_us;
        match self.avatar.turn(self.now_us) {
            Ok((next, _)) => {
                self.next_turn_us = u64::try_from(next).ok().map(|next_us| self.now_us + next_us);
            }
            Err(_) => self.is_trapped = true,
        }
        let outbox = self.avatar.take();
        self.answers.extend(outbox.answers);
        for op in outbox.cancelled {
            self.network.borrow_mut().cancel(0, op);
        }
    }

    fn tell(&mut self) {
        let mut ready = self.network.borrow_mut().take_ready();
        let is_due = |(node, at_us): (&NodeId, &u64)| (*at_us <= self.now_us).then_some(*node);
        ready.extend(self.peers_wake_us.iter().filter_map(is_due));
        for node in ready {
            if let Some(peer) = self.peers.get_mut(&node) {
                let mut network = self.network.borrow_mut();
                network.now_us = self.now_us;
                self.peers_wake_us.remove(&node);
                if let Some(pause_us) = peers::wake(&mut network, node, peer) {
                    self.peers_wake_us.insert(node, self.now_us + pause_us);
                }
            } else if node == 0 && !self.is_trapped {
                while let Some(told) = { self.network.borrow_mut().next_told(0) } {
                    self.avatar.tell(self.now_us, &told).expect("the guest takes it");
                }
                self.next_turn_us = Some(self.now_us);
            }
        }
    }

    /// Sends a request of the kit: its number.
    fn begin(&mut self, request: &[u8]) -> i64 {
        self.last_req = self.avatar.request(self.now_us, request).expect("it is taken");
        self.next_turn_us = Some(self.now_us);
        self.last_req
    }

    /// The bodies of the answers to a request, once the last one is `pass`.
    fn passes(&mut self, req: i64) -> Vec<Vec<u8>> {
        self.run(|host| host.answers.iter().any(|answer| answer.req == req && answer.is_last));
        let (of, others) = std::mem::take(&mut self.answers)
            .into_iter()
            .partition(|answer: &Answered| answer.req == req);
        self.answers = others;
        let mut bodies: Vec<Vec<u8>> = (of as Vec<Answered>).into_iter().map(|answer| answer.body).collect();
        let verdict = bodies.pop().expect("the last answer");
        assert_eq!(String::from_utf8_lossy(&verdict), "pass");
        bodies
    }

    fn pass(&mut self, request: &str) -> Vec<Vec<u8>> {
        let req = self.begin(request.as_bytes());
        self.passes(req)
    }

    fn begin_command(&mut self, by: &str, command: impl Into<Option<Command>>) -> i64 {
        let command = P2pCommand {
            command: command.into(),
        };
        let request = [by.as_bytes(), b" ", command.encode_to_vec().as_slice()].concat();
        self.begin(&request)
    }

    fn ended(&mut self, req: i64) -> Result<P2pResult, i32> {
        let part = self.passes(req).remove(0);
        let (status, head) = part.split_first_chunk().expect("a status");
        match i32::from_le_bytes(*status) {
            0 => Ok(P2pResult::decode(head).expect("a result")),
            status => Err(status),
        }
    }

    fn command(&mut self, command: impl Into<Option<Command>>) -> Result<P2pResult, i32> {
        let req = self.begin_command("p2p-command", command);
        self.ended(req)
    }

    fn done(&mut self, command: Command) -> P2pResult {
        self.command(command).expect("it is done")
    }

    fn id(&self, node: NodeId) -> Vec<u8> {
        self.network.borrow().peer(node).as_bytes().to_vec()
    }

    fn addresses(&self, node: NodeId) -> Vec<String> {
        self.network.borrow().addresses(node).to_vec()
    }

    fn connect(&mut self, node: NodeId) {
        let (peer, addresses) = (self.id(node), self.addresses(node));
        let result = self.done(dial(peer.clone(), addresses));
        assert_eq!(result.peers[0].peer, peer);
    }

    fn number(&mut self) -> i32 {
        let text = self.pass("p2p-number").remove(0);
        String::from_utf8_lossy(&text).parse().expect("a number")
    }

    fn open(&mut self, node: NodeId, protocol: &str) -> i32 {
        let stream = self.number();
        let result = self.done(open(self.id(node), &[protocol], stream));
        assert_eq!(result.protocol, protocol);
        stream
    }

    fn inbound(&mut self) -> (i32, P2pInbound) {
        let part = self.pass("p2p-inbound").remove(0);
        let (number, head) = part.split_first_chunk().expect("a number");
        (
            i32::from_le_bytes(*number),
            P2pInbound::decode(head).expect("a P2pInbound"),
        )
    }

    fn events(&mut self) -> Vec<Event> {
        let result = self.done(Command::NextEvents(P2pNextEvents {}));
        result.events.into_iter().filter_map(|event| event.event).collect()
    }

    fn local(&mut self) -> P2pLocal {
        match self.events().remove(0) {
            Event::Local(local) => local,
            other => panic!("the first event of an instance is {other:?}"),
        }
    }

    /// The next such event; those before it are passed over.
    fn event<T>(&mut self, is: impl Fn(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.events().into_iter().find_map(&is) {
                return found;
            }
        }
    }

    /// Whether the host refuses a stream of the peer.
    fn refuses(&mut self, node: NodeId, protocol: &str) -> bool {
        let op = self.with(node, |peer, hands| peer.send(hands, 0, protocol, Vec::new()));
        let op = op.expect("the command is taken");
        self.run(|host| host.peers[&node].outcomes.contains_key(&op));
        self.peers[&node].outcomes[&op] != 0
    }
}

fn dial(peer: Vec<u8>, addresses: Vec<String>) -> Command {
    Command::Dial(P2pDial {
        peer,
        addresses,
        anew: false,
    })
}

fn open(peer: Vec<u8>, protocols: &[&str], stream: i32) -> Command {
    Command::OpenStream(P2pOpenStream {
        peer,
        protocols: protocols.iter().map(|name| (*name).to_owned()).collect(),
        stream: stream as u32,
    })
}

fn listen(addresses: &[String]) -> Command {
    Command::Listen(P2pListen {
        addresses: addresses.to_vec(),
        stop: false,
    })
}

fn opened(event: Event) -> Option<P2pConnection> {
    match event {
        Event::Opened(connection) => Some(connection),
        _ => None,
    }
}

fn closed(event: Event) -> Option<P2pConnection> {
    match event {
        Event::Closed(connection) => Some(connection),
        _ => None,
    }
}

const INVALID: i32 = AbiStatus::Invalid.code();
const NOT_FOUND: i32 = AbiStatus::NotFound.code();
const UNSUPPORTED: i32 = AbiStatus::Unsupported.code();

#[test]
fn h24_commands_outside_the_limits_of_p2p_proto_are_invalid() {
    let mut host = Host::new(1);
    let node = host.peer();
    let peer = host.id(node);
    let long = |len: usize| "x".repeat(len);
    let somewhere = || "/ip4/127.0.0.1/tcp/1/ws".to_owned();
    let invalid: Vec<Option<Command>> = vec![
        None,
        Some(open(peer.clone(), &["/a"], 2)),
        Some(open(peer.clone(), &["/a"], 0)),
        Some(open(peer.clone(), &["/a"], i32::MIN + 1)),
        Some(open(peer.clone(), &[], 9_001)),
        Some(open(peer.clone(), &["/a"; 9], 9_001)),
        Some(open(Vec::new(), &["/a"], 9_001)),
        Some(Command::Disconnect(vec![0; 65])),
        Some(dial(vec![0; 10], vec![somewhere()])),
        Some(dial(Vec::new(), Vec::new())),
        Some(dial(Vec::new(), vec![somewhere(); 65])),
        Some(listen(&[format!("/{}", long(1_024))])),
        Some(listen(&[])),
        Some(Command::Subscribe(P2pSubscribe::default())),
        Some(Command::Subscribe(P2pSubscribe {
            topic: long(257),
            unsubscribe: false,
        })),
        Some(Command::Publish(P2pPublish {
            topic: long(1),
            data: vec![0; 64_513],
        })),
        Some(Command::Find(P2pFind::default())),
        Some(Command::Advertise(P2pAdvertise {
            key: vec![0; 65],
            ..P2pAdvertise::default()
        })),
        Some(Command::Find(P2pFind {
            key: vec![0],
            limit: 65,
            at: Vec::new(),
        })),
        Some(Command::AcceptProtocol(String::new())),
    ];
    for command in invalid {
        assert_eq!(host.command(command.clone()), Err(INVALID), "{command:?}");
    }
    host.connect(node);
    let stream = host.open(node, ECHO);
    assert_eq!(
        host.command(open(peer, &[ECHO], stream)),
        Err(INVALID),
        "a number in use"
    );
}

#[test]
fn h14_a_command_that_waits_can_be_cancelled_and_completes_once() {
    let mut host = Host::new(1);
    host.local();
    let req = host.begin_command("p2p-cancelled", Command::NextEvents(P2pNextEvents {}));
    host.passes(req);
}

#[test]
fn h25_a_dial_that_names_a_peer_is_not_done_with_another_and_one_that_names_nobody_says_who_answered() {
    let mut host = Host::new(1);
    let (node, other) = (host.peer(), host.peer());
    let bare: Vec<String> = host
        .addresses(node)
        .iter()
        .map(|address| address.split("/p2p/").next().unwrap_or_default().to_owned())
        .collect();
    let elsewhere = dial(host.id(other), bare.clone());
    assert!(host.command(elsewhere).is_err());
    let answered = host.done(dial(Vec::new(), bare));
    assert_eq!(answered.peers[0].peer, host.id(node));
    let own = host.local().peer;
    host.run(|host| {
        host.peers[&node]
            .connections
            .values()
            .any(|connection| connection.peer == own)
    });
}

#[test]
fn h26_a_stream_that_was_not_opened_has_no_events() {
    let mut host = Host::new(1);
    let node = host.peer();
    let (peer, stream) = (host.id(node), host.number());
    assert_eq!(host.command(open(peer.clone(), &[ECHO], stream)), Err(NOT_FOUND));
    host.pass(&format!("p2p-untouched {stream}"));
    host.connect(node);
    assert_eq!(
        host.command(open(peer.clone(), &["/nobody/1"], stream)),
        Err(UNSUPPORTED)
    );
    host.pass(&format!("p2p-untouched {stream}"));
    let agreed = host.done(open(peer, &["/nobody/1", ECHO], stream));
    assert_eq!(agreed.protocol, ECHO);
    host.pass(&format!("p2p-echo {stream} 1000"));
}

#[test]
fn h26_streams_of_peers_come_for_accepted_protocols_alone() {
    let mut host = Host::new(1);
    let node = host.peer();
    host.connect(node);
    assert!(host.refuses(node, GUEST));
    host.done(Command::AcceptProtocol(GUEST.to_owned()));
    let sent: Vec<u8> = (0..300_000).map(pattern).collect();
    host.with(node, |peer, hands| peer.send(hands, 0, GUEST, sent.clone()));
    let (stream, inbound) = host.inbound();
    assert_eq!((inbound.protocol.as_str(), inbound.peer), (GUEST, host.id(node)));
    host.pass(&format!("p2p-serve {stream}"));
    host.run(|host| {
        host.peers[&node]
            .ended
            .iter()
            .any(|ended| ended.protocol == GUEST && !ended.back.is_empty())
    });
    let ended = host.peers[&node].ended.last().expect("it has ended");
    assert!(!ended.was_reset && ended.back == sent);
    host.done(Command::RefuseProtocol(GUEST.to_owned()));
    assert!(host.refuses(node, GUEST));
}

#[test]
fn h18_h27_four_million_bytes_come_back_whole_and_in_order_and_fin_after_them() {
    let mut host = Host::new(1);
    let node = host.peer();
    host.connect(node);
    let stream = host.open(node, ECHO);
    host.pass(&format!("p2p-echo {stream} 4000000"));
}

#[test]
fn h27_a_write_beyond_the_credit_is_again_and_a_peer_who_does_not_read_holds_up_the_writer() {
    let mut host = Host::new(1);
    let node = host.peer();
    host.connect(node);
    let stream = host.open(node, DEAF);
    host.pass(&format!("p2p-flood {stream} 200000"));
    assert_eq!(host.network.borrow().buffered(0), 0, "a reset forgets what waits");
}

#[test]
fn h18_h19_a_peer_who_sends_without_end_gets_no_more_through_than_was_granted() {
    let mut host = Host::new(1);
    let node = host.peer();
    host.connect(node);
    let stream = host.open(node, SHOUT);
    host.pass(&format!("p2p-trickle {stream} 10000"));
    host.run(|host| host.peers[&node].ended.iter().any(|ended| ended.protocol == SHOUT));
    assert!(host.network.borrow().buffered(node) < 1_000_000);
}

#[test]
fn h28_events_begin_with_the_host_itself_and_one_asks_for_them_at_a_time() {
    let mut host = Host::new(1);
    let node = host.peer();
    assert_eq!(host.local().peer, host.id(0));
    let waiting = host.begin_command("p2p-command", Command::NextEvents(P2pNextEvents {}));
    let second = host.command(Command::NextEvents(P2pNextEvents {}));
    assert_eq!(second, Err(AbiStatus::BadState.code()));
    host.connect(node);
    let events = host.ended(waiting).expect("something has happened").events;
    let first = events
        .into_iter()
        .find_map(|event| opened(event.event?))
        .expect("a connection");
    assert_eq!(first.peer, host.id(node));
    assert!(first.dialled && !first.relayed && !first.address.is_empty());
    host.done(Command::Disconnect(host.id(node)));
    assert_eq!(host.event(closed).connection, first.connection);
}

#[test]
fn h28_h29_a_trap_resets_the_streams_and_the_next_instance_is_told_of_the_connections_that_stay() {
    let mut host = Host::new(1);
    let node = host.peer();
    let own = host.local().peer;
    host.connect(node);
    host.done(Command::AcceptProtocol(GUEST.to_owned()));
    host.open(node, DEAF);
    host.begin(b"trap");
    host.run(|host| std::mem::take(&mut host.is_trapped));
    host.crash();
    host.run(|host| host.peers[&node].ended.iter().any(|ended| ended.protocol == DEAF));
    assert!(host.peers[&node].ended.iter().any(|ended| ended.was_reset));
    let mut events = host.events();
    assert!(matches!(events.remove(0), Event::Local(local) if local.peer == own));
    let peer = host.id(node);
    assert!(
        events
            .into_iter()
            .filter_map(opened)
            .any(|connection| connection.peer == peer)
    );
    assert!(
        host.refuses(node, GUEST),
        "the protocol is not accepted by this instance"
    );
    let stream = host.open(node, ECHO);
    host.pass(&format!("p2p-echo {stream} 100000"));
}

#[test]
fn peers_behind_a_relay_are_reached_over_it_and_go_on_directly_after_it_is_gone_where_webrtc_gets_through() {
    for (suffix, is_direct) in [("", false), ("/webrtc", true)] {
        let mut host = Host::new(1);
        let (relay, node) = (host.relay(), host.peer());
        let slot = format!("{}/p2p-circuit", host.network.borrow().address(relay));
        host.with(node, |_, hands| {
            hands.command(Command::Listen(P2pListen {
                addresses: vec![slot.clone(), "/webrtc".to_owned()],
                stop: false,
            }))
        });
        host.run(|host| host.addresses(node).len() == 3);
        let address = host
            .addresses(node)
            .into_iter()
            .find(|address| address.contains(&format!("/p2p-circuit{suffix}/p2p")));
        let peer = host.id(node);
        host.done(dial(peer.clone(), address.into_iter().collect()));
        let way = host.event(opened);
        assert_eq!((way.peer, way.relayed), (peer.clone(), !is_direct));
        let stream = host.open(node, ECHO);
        host.pass(&format!("p2p-echo {stream} 50000"));
        host.network.borrow_mut().stop(relay, true);
        if is_direct {
            let stream = host.open(node, ECHO);
            host.pass(&format!("p2p-echo {stream} 50000"));
        } else {
            assert_eq!(host.event(closed).peer, peer);
        }
    }
}

#[test]
fn who_advertises_a_key_at_a_rendezvous_point_is_found_until_its_time_is_over() {
    let mut host = Host::new(1);
    let (relay, node) = (host.relay(), host.peer());
    let at = host.network.borrow().address(relay);
    let key = vec![7; 32];
    assert_eq!(
        host.command(Command::Find(P2pFind {
            key: key.clone(),
            ..P2pFind::default()
        })),
        Err(NOT_FOUND)
    );
    let op = host.with(node, |_, hands| {
        hands.command(Command::Dial(P2pDial {
            addresses: vec![at.clone()],
            ..P2pDial::default()
        }))
    });
    host.run(|host| op.is_some_and(|op| host.peers[&node].outcomes.contains_key(&op)));
    let op = host.with(node, |_, hands| {
        hands.command(Command::Advertise(P2pAdvertise {
            key: vec![7; 32],
            ttl_s: 20,
            ..P2pAdvertise::default()
        }))
    });
    host.run(|host| op.is_some_and(|op| host.peers[&node].outcomes.get(&op) == Some(&0)));
    host.done(dial(Vec::new(), vec![at]));
    let find = Command::Find(P2pFind {
        key,
        ..P2pFind::default()
    });
    let found = host.done(find.clone()).peers;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].peer, &found[0].addresses),
        (&host.id(node), &host.addresses(node))
    );
    host.wait(21_000_000);
    assert!(host.done(find).peers.is_empty());
}

#[test]
fn gossip_passes_by_way_of_a_relay_to_those_who_want_it_and_names_its_author() {
    let mut host = Host::new(1);
    let (relay, node) = (host.relay(), host.peer());
    let at = host.network.borrow().address(relay);
    let topic = "topic".to_owned();
    let publish = Command::Publish(P2pPublish {
        topic: topic.clone(),
        data: b"from the guest".to_vec(),
    });
    assert_eq!(host.command(publish.clone()), Err(NOT_FOUND));
    host.done(dial(Vec::new(), vec![at.clone()]));
    let subscribe = Command::Subscribe(P2pSubscribe {
        topic: topic.clone(),
        unsubscribe: false,
    });
    host.done(subscribe.clone());
    host.with(node, |_, hands| {
        hands.command(subscribe);
        hands.command(Command::Dial(P2pDial {
            addresses: vec![at.clone()],
            ..P2pDial::default()
        }))
    });
    // That the other is subscribed comes to be known a moment after the connection.
    while host.command(publish.clone()).is_err() || host.peers[&node].messages.is_empty() {
        host.wait(10_000);
    }
    assert_eq!(host.peers[&node].messages[0], b"from the guest");
    host.with(node, |_, hands| {
        hands.command(Command::Publish(P2pPublish {
            topic,
            data: b"from the peer".to_vec(),
        }))
    });
    let message = host.event(|event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    });
    assert_eq!(
        (message.data.as_slice(), message.source),
        (&b"from the peer"[..], host.id(node))
    );
}
