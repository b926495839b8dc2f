//! What JavaScript calls.
use std::collections::HashMap;

use futures::{
    FutureExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
    select,
};
use js_sys::Reflect;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    multiaddr::Protocol,
    ping,
    swarm::{SwarmEvent, dial_opts::DialOpts},
};
use libp2p_stream::Control;
use libp2p_webrtc_browser::{Config, DirectVersion, PeerConnections};
use wasm_bindgen::prelude::*;
use web_sys::MessagePort;

use crate::{
    streams,
    swarm::{Behaviour, BehaviourEvent, build},
};

type Answer<T> = oneshot::Sender<Result<T, String>>;

/// What the loop is asked for.
enum Command {
    Dial(Multiaddr, Answer<PeerId>),
    /// Listen at this relay; the answer is our address over WebRTC.
    Listen(Multiaddr, Answer<Multiaddr>),
    /// The round trip of the next ping over WebRTC, in milliseconds.
    Ping(PeerId, Answer<f64>),
    /// Why the last connection with a peer ended.
    Closed(PeerId, Answer<String>),
    /// Waits until circuits are closed.
    AwaitDirect(PeerId, Answer<()>),
    /// Leaves the connections over WebRTC alone.
    CloseCircuits(PeerId, Answer<()>),
    Paths(PeerId, oneshot::Sender<Vec<String>>),
}

/// A libp2p node.
#[wasm_bindgen]
pub struct TestPeer {
    local: PeerId,
    commands: mpsc::UnboundedSender<Command>,
    control: Control,
}

#[wasm_bindgen]
impl TestPeer {
    /// `{ port?: MessagePort, version?: "v1" | "v2", streamBuffer?: number }`
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Self {
        let get = |name: &str| Reflect::get(&options, &name.into()).unwrap_or_default();
        let connections = get("port")
            .dyn_into::<MessagePort>()
            .map_or_else(|_| PeerConnections::window(), PeerConnections::port);
        let mut config = Config::default();
        match get("version").as_string().as_deref() {
            Some("v1") => config.direct_version = DirectVersion::V1,
            Some("v2") => config.direct_version = DirectVersion::V2,
            _ => {}
        }
        if let Some(bytes) = get("streamBuffer").as_f64() {
            config.max_stream_buffer = bytes as usize;
        }
        let swarm = build(connections, config);
        let local = *swarm.local_peer_id();
        let control = swarm.behaviour().stream.new_control();
        for protocol in [streams::ECHO, streams::SINK, streams::DEAF] {
            serve(control.clone(), protocol);
        }
        let (commands, received) = mpsc::unbounded();
        wasm_bindgen_futures::spawn_local(run(swarm, received));
        Self {
            local,
            commands,
            control,
        }
    }

    /// Who this node is.
    #[wasm_bindgen(getter, js_name = peerId)]
    pub fn peer_id(&self) -> String {
        self.local.to_string()
    }

    /// The peer that answered.
    pub async fn dial(&self, address: String) -> Result<String, JsError> {
        let address = parse(&address)?;
        self.ask(|answer| Command::Dial(address, answer))
            .await
            .map(|peer| peer.to_string())
    }

    /// Our address over WebRTC, once the relay at this one has accepted us.
    #[wasm_bindgen(js_name = listenAt)]
    pub async fn listen_at(&self, relay: String) -> Result<String, JsError> {
        let address = parse::<Multiaddr>(&relay)?.with(Protocol::P2pCircuit);
        self.ask(|answer| Command::Listen(address, answer))
            .await
            .map(|address| address.to_string())
    }

    /// The round trip to a peer, in milliseconds.
    pub async fn ping(&self, peer: String) -> Result<f64, JsError> {
        let peer = parse(&peer)?;
        self.ask(|answer| Command::Ping(peer, answer)).await
    }

    /// Why the last connection with a peer ended, once it has.
    pub async fn closed(&self, peer: String) -> Result<String, JsError> {
        let peer = parse(&peer)?;
        self.ask(|answer| Command::Closed(peer, answer)).await
    }

    /// The addresses of the connections with a peer.
    pub async fn paths(&self, peer: String) -> Result<Vec<String>, JsError> {
        let peer = parse(&peer)?;
        let (sender, receiver) = oneshot::channel();
        let _ = self.commands.unbounded_send(Command::Paths(peer, sender));
        Ok(receiver.await?)
    }

    /// Resolves when nothing but connections over WebRTC is left with a peer.
    pub async fn direct(&self, peer: String) -> Result<(), JsError> {
        let peer = parse(&peer)?;
        self.ask(|answer| Command::AwaitDirect(peer, answer)).await
    }

    /// Sends bytes and compares what comes back.
    pub async fn echo(&self, peer: String, bytes: f64) -> Result<(), JsError> {
        Ok(streams::echo(self.open(&peer, streams::ECHO).await?, bytes as u64).await?)
    }

    /// Sends bytes. How many have arrived.
    pub async fn sink(&self, peer: String, bytes: f64) -> Result<f64, JsError> {
        Ok(streams::sink(self.open(&peer, streams::SINK).await?, bytes as u64).await? as f64)
    }

    /// Bytes of WebAssembly memory.
    pub fn held(&self) -> f64 {
        let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
        f64::from(memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length())
    }

    /// Sends to who never reads. The error that ends it.
    pub async fn shout(&self, peer: String, bytes: f64) -> Result<String, JsError> {
        let stream = self.open(&peer, streams::DEAF).await?;
        Ok(streams::sink(stream, bytes as u64).await.map_or_else(
            |error| format!("{:?}", error.kind()),
            |_| "everything was sent".to_owned(),
        ))
    }

    /// A stream over WebRTC: `libp2p_stream` takes any connection, so the circuits are closed first.
    async fn open(&self, peer: &str, protocol: libp2p::StreamProtocol) -> Result<libp2p::Stream, JsError> {
        let peer = parse(peer)?;
        self.ask(|answer| Command::CloseCircuits(peer, answer)).await?;
        Ok(self.control.clone().open_stream(peer, protocol).await?)
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, JsError> {
        let (sender, receiver) = oneshot::channel();
        let _ = self.commands.unbounded_send(command(sender));
        receiver.await?.map_err(|message| JsError::new(&message))
    }
}

fn parse<T: std::str::FromStr<Err: std::error::Error>>(text: &str) -> Result<T, JsError> {
    Ok(T::from_str(text)?)
}

fn serve(mut control: Control, protocol: libp2p::StreamProtocol) {
    let mut incoming = control.accept(protocol.clone()).expect("it is accepted once");
    wasm_bindgen_futures::spawn_local(async move {
        while let Some((_, stream)) = incoming.next().await {
            // The other side of the test sees what went wrong.
            wasm_bindgen_futures::spawn_local(streams::serve(protocol.clone(), stream).map(drop));
        }
    });
}

/// What is waited for.
#[derive(Default)]
struct Waiting {
    dials: HashMap<libp2p::swarm::ConnectionId, Answer<PeerId>>,
    listens: Vec<Answer<Multiaddr>>,
    pings: Vec<(PeerId, Answer<f64>)>,
    closes: Vec<(PeerId, Answer<String>)>,
    circuits: Vec<(Vec<libp2p::swarm::ConnectionId>, Answer<()>)>,
    paths: HashMap<PeerId, Vec<(libp2p::swarm::ConnectionId, String)>>,
}

impl Waiting {
    /// Answers when the circuits with a peer, which are returned, are closed.
    fn for_circuits(&mut self, peer: PeerId, answer: Answer<()>) -> Vec<libp2p::swarm::ConnectionId> {
        let paths = self.paths.get(&peer).into_iter().flatten();
        let circuits: Vec<_> = paths
            .filter(|(_, path)| !path.contains("/webrtc"))
            .map(|(connection, _)| *connection)
            .collect();
        if circuits.is_empty() {
            let _ = answer.send(Ok(()));
        } else {
            self.circuits.push((circuits.clone(), answer));
        }
        circuits
    }
}

async fn run(mut swarm: Swarm<Behaviour>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut waiting = Waiting::default();
    loop {
        select! {
            command = commands.next() => match command {
                Some(command) => obey(&mut swarm, &mut waiting, command),
                None => return,
            },
            event = swarm.select_next_some() => happened(&mut waiting, event),
        }
    }
}

fn obey(swarm: &mut Swarm<Behaviour>, waiting: &mut Waiting, command: Command) {
    match command {
        Command::Dial(address, answer) => {
            let options = DialOpts::unknown_peer_id().address(address).build();
            let connection = options.connection_id();
            match swarm.dial(options) {
                Ok(()) => drop(waiting.dials.insert(connection, answer)),
                Err(error) => drop(answer.send(Err(error.to_string()))),
            }
        }
        Command::Listen(relay, answer) => {
            let listening = swarm
                .listen_on(Protocol::WebRTC.into())
                .and_then(|_| swarm.listen_on(relay));
            match listening {
                Ok(_) => waiting.listens.push(answer),
                Err(error) => drop(answer.send(Err(error.to_string()))),
            }
        }
        Command::Ping(peer, answer) => {
            if waiting
                .paths
                .get(&peer)
                .into_iter()
                .flatten()
                .any(|(_, path)| path.contains("/webrtc"))
            {
                waiting.pings.push((peer, answer));
            } else {
                let _ = answer.send(Err("no connection over WebRTC".to_owned()));
            }
        }
        Command::Closed(peer, answer) => waiting.closes.push((peer, answer)),
        Command::AwaitDirect(peer, answer) => drop(waiting.for_circuits(peer, answer)),
        Command::CloseCircuits(peer, answer) => {
            for connection in waiting.for_circuits(peer, answer) {
                swarm.close_connection(connection);
            }
        }
        Command::Paths(peer, answer) => drop(
            answer.send(
                waiting
                    .paths
                    .get(&peer)
                    .into_iter()
                    .flatten()
                    .map(|(_, path)| path.clone())
                    .collect(),
            ),
        ),
    }
}

fn happened(waiting: &mut Waiting, event: SwarmEvent<BehaviourEvent>) {
    match event {
        SwarmEvent::ConnectionEstablished {
            peer_id,
            connection_id,
            endpoint,
            ..
        } => {
            waiting
                .paths
                .entry(peer_id)
                .or_default()
                .push((connection_id, endpoint.get_remote_address().to_string()));
            if let Some(answer) = waiting.dials.remove(&connection_id) {
                let _ = answer.send(Ok(peer_id));
            }
        }
        SwarmEvent::ConnectionClosed {
            peer_id,
            connection_id,
            num_established,
            cause,
            ..
        } => {
            waiting
                .paths
                .entry(peer_id)
                .or_default()
                .retain(|(known, _)| *known != connection_id);
            for (circuits, _) in &mut waiting.circuits {
                circuits.retain(|known| *known != connection_id);
            }
            for (_, answer) in waiting.circuits.extract_if(.., |(circuits, _)| circuits.is_empty()) {
                let _ = answer.send(Ok(()));
            }
            if num_established == 0 {
                for (_, answer) in waiting.closes.extract_if(.., |(peer, _)| *peer == peer_id) {
                    let _ = answer.send(Ok(cause.as_ref().map_or_else(String::new, ToString::to_string)));
                }
            }
        }
        SwarmEvent::OutgoingConnectionError {
            connection_id, error, ..
        } => {
            if let Some(answer) = waiting.dials.remove(&connection_id) {
                let _ = answer.send(Err(format!("{error:?}")));
            }
        }
        SwarmEvent::NewListenAddr { address, .. } if address.iter().any(|part| part == Protocol::WebRTC) => {
            for answer in waiting.listens.drain(..) {
                let _ = answer.send(Ok(address.clone()));
            }
        }
        SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
            for answer in waiting.listens.drain(..) {
                let _ = answer.send(Err(error.to_string()));
            }
        }
        SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
            peer,
            connection,
            result: Ok(time),
        })) => {
            let is_webrtc = waiting.paths.get(&peer).is_some_and(|paths| {
                paths
                    .iter()
                    .any(|(known, path)| *known == connection && path.contains("/webrtc"))
            });
            if !is_webrtc {
                return;
            }
            for (_, answer) in waiting.pings.extract_if(.., |(asked, _)| *asked == peer) {
                let _ = answer.send(Ok(time.as_secs_f64() * 1000.0));
            }
        }
        _ => {}
    }
}
