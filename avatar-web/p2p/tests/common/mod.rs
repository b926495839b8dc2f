//! Nodes over TCP on loopback, in one task: real swarms, real sockets.
#![allow(missing_docs)]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use avatar_p2p::{Node, Output, Parts, StreamEvent};
use avatar_proto::p2p_command::Command;
use avatar_proto::{
    Message, OpError, P2pCommand, P2pDial, P2pEvent, P2pInbound, P2pListen, P2pNextEvents, P2pOpenStream, P2pResult,
    p2p_event,
};
use futures::Stream as _;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::{Config, NetworkBehaviour, SwarmEvent, dummy};
use libp2p::{PeerId, Swarm, Transport, identify, noise, ping, relay, rendezvous, yamux};
use libp2p_tcp as tcp;

/// A test that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Peer {
    pub node: Node,
    pub id: PeerId,
    pub outputs: VecDeque<Output>,
    next_op: u64,
}

/// A relay and rendezvous point, as others run it.
#[derive(NetworkBehaviour)]
pub struct Server {
    relay: relay::Behaviour,
    rendezvous: rendezvous::server::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

#[derive(Default)]
pub struct World {
    pub peers: Vec<Peer>,
    server: Option<Swarm<Server>>,
}

impl World {
    /// So many nodes, each listening on loopback, with an instance attached. Returns their addresses.
    pub async fn with(count: usize) -> (Self, Vec<String>) {
        let mut world = Self::default();
        let mut addresses = Vec::new();
        for at in 0..count {
            world.add();
            let listening = world.command(at, listen("/ip4/127.0.0.1/tcp/0")).await.unwrap();
            addresses.push(listening.peers[0].addresses[0].clone());
        }
        (world, addresses)
    }

    /// A node that can dial over TCP and relays.
    pub fn add(&mut self) -> usize {
        let keypair = Keypair::generate_ed25519();
        let id = keypair.public().to_peer_id();
        let (circuits, relay) = relay::client::new(id);
        let noise = noise::Config::new(&keypair).unwrap();
        let circuits = circuits
            .upgrade(Version::V1Lazy)
            .authenticate(noise.clone())
            .multiplex(yamux::Config::default())
            .boxed();
        let sockets = tcp::tokio::Transport::new(tcp::Config::default())
            .upgrade(Version::V1Lazy)
            .authenticate(noise)
            .multiplex(yamux::Config::default())
            .boxed();
        let transport = circuits
            .or_transport(sockets)
            .map(|connection, _| connection.into_inner())
            .boxed();
        let parts = Parts {
            transport,
            relay,
            behaviour: dummy::Behaviour,
            config: Config::with_tokio_executor(),
        };
        let mut node = Node::new(&keypair, parts, "test").unwrap();
        node.attach();
        self.peers.push(Peer {
            node,
            id,
            outputs: VecDeque::new(),
            next_op: 0,
        });
        self.peers.len() - 1
    }

    /// Starts the server, and returns its address.
    pub async fn serve(&mut self) -> String {
        let keypair = Keypair::generate_ed25519();
        let id = keypair.public().to_peer_id();
        let transport = tcp::tokio::Transport::new(tcp::Config::default())
            .upgrade(Version::V1Lazy)
            .authenticate(noise::Config::new(&keypair).unwrap())
            .multiplex(yamux::Config::default())
            .boxed();
        let behaviour = Server {
            relay: relay::Behaviour::new(id, relay::Config::default()),
            rendezvous: rendezvous::server::Behaviour::new(rendezvous::server::Config::default()),
            identify: identify::Behaviour::new(identify::Config::new("/test/1".to_owned(), keypair.public())),
            ping: ping::Behaviour::default(),
        };
        let mut server = Swarm::new(transport, behaviour, id, Config::with_tokio_executor());
        server.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let address = loop {
            let event = poll_fn(|context| Pin::new(&mut server).poll_next(context)).await;
            if let Some(SwarmEvent::NewListenAddr { address, .. }) = event {
                break address;
            }
        };
        server.add_external_address(address.clone());
        self.server = Some(server);
        format!("{address}/p2p/{id}")
    }

    /// Waits until somebody says something.
    async fn turn(&mut self) {
        let turn = poll_fn(|context| {
            let mut any = false;
            for peer in &mut self.peers {
                while let Poll::Ready(output) = peer.node.poll(context) {
                    peer.outputs.push_back(output);
                    any = true;
                }
            }
            if let Some(server) = &mut self.server {
                while Pin::new(&mut *server).poll_next(context).is_ready() {}
            }
            if any { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout(PATIENCE, turn).await.expect("nothing happens");
    }

    /// Lets everything go on until this much time has passed with nothing said.
    pub async fn quiet(&mut self, time: Duration) {
        while tokio::time::timeout(time, self.turn()).await.is_ok() {}
    }

    /// Waits for an output of this peer, which is taken out.
    pub async fn output<T>(&mut self, at: usize, mut is: impl FnMut(&Output) -> Option<T>) -> T {
        loop {
            let outputs = &mut self.peers[at].outputs;
            let found = outputs
                .iter()
                .enumerate()
                .find_map(|(at, output)| Some((at, is(output)?)));
            if let Some((position, found)) = found {
                outputs.remove(position);
                return found;
            }
            self.turn().await;
        }
    }

    /// Gives a command, and waits for nothing.
    pub fn begin(&mut self, at: usize, command: Command) -> u64 {
        let peer = &mut self.peers[at];
        peer.next_op += 1;
        let command = P2pCommand { command: Some(command) };
        command.check().unwrap();
        peer.node.command(peer.next_op, command).unwrap();
        peer.next_op
    }

    /// The next instance of this peer, which counts its operations from the beginning.
    pub fn restart(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        peer.next_op = 0;
        peer.outputs.clear();
        peer.node.attach();
    }

    /// Lets everything go on for so many turns of the runtime, whether anybody says something or not.
    pub async fn turns(&mut self, count: usize) {
        for _ in 0..count {
            let _ = tokio::time::timeout(Duration::ZERO, self.turn()).await;
        }
    }

    /// Waits for a completion.
    pub async fn end(&mut self, at: usize, wanted: u64) -> Result<P2pResult, (i32, OpError)> {
        self.output(at, |output| match output {
            Output::Completed { op, code, head } if *op == wanted => Some(match code {
                0 => Ok(P2pResult::decode(head.as_slice()).unwrap()),
                code => Err((*code, OpError::decode(head.as_slice()).unwrap())),
            }),
            _ => None,
        })
        .await
    }

    /// A command from its start to its completion.
    pub async fn command(&mut self, at: usize, command: Command) -> Result<P2pResult, (i32, OpError)> {
        let op = self.begin(at, command);
        self.end(at, op).await
    }

    /// The next event of this kind; those before it are passed over.
    pub async fn event<T>(&mut self, at: usize, mut is: impl FnMut(p2p_event::Event) -> Option<T>) -> T {
        loop {
            for event in self.events(at).await {
                if let Some(found) = event.event.and_then(&mut is) {
                    return found;
                }
            }
        }
    }

    /// The next batch of events.
    pub async fn events(&mut self, at: usize) -> Vec<P2pEvent> {
        self.command(at, Command::NextEvents(P2pNextEvents {}))
            .await
            .unwrap()
            .events
    }

    /// A stream from one to another, under number 1 of the former: the number of the latter.
    pub async fn stream(&mut self, from: usize, to: usize, protocol: &str) -> u32 {
        self.command(to, Command::AcceptProtocol(protocol.to_owned()))
            .await
            .unwrap();
        let opened = self
            .command(from, open(&self.peers[to].id, &[protocol], 1))
            .await
            .unwrap();
        assert_eq!(opened.protocol, protocol);
        self.output(from, |output| {
            matches!(output, Output::Opened { stream: 1, .. }).then_some(())
        })
        .await;
        let (number, head) = self.inbound(to).await;
        assert_eq!(
            (head.peer, head.protocol.as_str()),
            (self.peers[from].id.to_bytes(), protocol)
        );
        number
    }

    /// The next stream that a peer opens to this one.
    pub async fn inbound(&mut self, at: usize) -> (u32, P2pInbound) {
        self.output(at, |output| match output {
            Output::Inbound { stream, head, .. } => Some((*stream, P2pInbound::decode(head.as_slice()).unwrap())),
            _ => None,
        })
        .await
    }

    /// The next event of a stream.
    pub async fn stream_event(&mut self, at: usize, number: u32) -> StreamEvent {
        self.output(at, |output| match output {
            Output::Stream { stream, event } if *stream == number => Some(match event {
                StreamEvent::Data(bytes) => StreamEvent::Data(bytes.clone()),
                StreamEvent::Fin => StreamEvent::Fin,
                StreamEvent::Reset(status) => StreamEvent::Reset(*status),
                StreamEvent::Writable(credit) => StreamEvent::Writable(*credit),
            }),
            _ => None,
        })
        .await
    }

    /// Reads a stream to its end, granting as it goes: the bytes, and how it ended.
    pub async fn read_to_end(&mut self, at: usize, stream: u32) -> (Vec<u8>, StreamEvent) {
        let mut bytes = Vec::new();
        // The peer may have ended it already.
        let _ = self.peers[at].node.grant(stream, 100_000);
        loop {
            match self.stream_event(at, stream).await {
                StreamEvent::Data(piece) => {
                    let _ = self.peers[at].node.grant(stream, piece.len() as u32);
                    bytes.extend(piece);
                }
                StreamEvent::Writable(_) => {}
                end => return (bytes, end),
            }
        }
    }

    /// Connects one to another.
    pub async fn connect(&mut self, from: usize, to: usize, address: &str) {
        let peer = self.peers[to].id.to_bytes();
        let dialled = self.command(from, dial(&peer, address)).await.unwrap();
        assert_eq!(dialled.peers[0].peer, peer);
    }
}

pub fn listen(address: &str) -> Command {
    Command::Listen(P2pListen {
        addresses: vec![address.to_owned()],
        stop: false,
    })
}

pub fn dial(peer: &[u8], address: &str) -> Command {
    Command::Dial(P2pDial {
        peer: peer.to_vec(),
        addresses: vec![address.to_owned()],
        anew: false,
    })
}

pub fn open(peer: &PeerId, protocols: &[&str], stream: u32) -> Command {
    Command::OpenStream(P2pOpenStream {
        peer: peer.to_bytes(),
        protocols: protocols.iter().map(|&name| name.to_owned()).collect(),
        stream,
    })
}

/// The peer that an address names at its end.
pub fn peer_of(address: &str) -> Vec<u8> {
    let id = address.rsplit('/').next().unwrap().parse::<PeerId>();
    id.unwrap().to_bytes()
}
