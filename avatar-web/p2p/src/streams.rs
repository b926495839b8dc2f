//! Raw streams of libp2p: opened on one connection under the first protocol of several that the peer takes, and taken for the protocols that the guest accepts.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Ready, ready};
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol, THandlerInEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

/// How long agreeing on a protocol may take.
const AGREE_TIMEOUT: Duration = Duration::from_secs(10);

/// The protocols that streams are taken for.
#[derive(Clone, Default)]
pub struct Accepted(Arc<RwLock<Vec<StreamProtocol>>>);

impl Accepted {
    fn list(&self) -> Vec<StreamProtocol> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What became of a stream that was to be opened, or a stream that a peer opened.
#[derive(Debug)]
pub enum Event {
    /// It is open.
    Opened {
        request: u64,
        stream: Stream,
        protocol: StreamProtocol,
    },
    /// It is not.
    Failed { request: u64, error: OpenError },
    /// A peer opened one.
    Inbound {
        peer: PeerId,
        connection: ConnectionId,
        stream: Stream,
        protocol: StreamProtocol,
    },
}

/// Why a stream was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The peer takes none of the protocols.
    Unsupported,
    /// No agreement in time.
    Timeout,
    /// The connection failed meanwhile.
    Io(io::Error),
}

/// The behaviour of raw streams.
#[derive(Default)]
pub struct Behaviour {
    accepted: Accepted,
    actions: VecDeque<ToSwarm<Event, Ask>>,
    waker: Option<Waker>,
}

impl Behaviour {
    /// Takes streams of this protocol. `false` when there are too many protocols.
    pub fn accept(&mut self, protocol: StreamProtocol) -> bool {
        const MAX_ACCEPTED: usize = 64;
        let mut accepted = self.accepted.0.write().unwrap_or_else(PoisonError::into_inner);
        if accepted.contains(&protocol) {
            return true;
        }
        if accepted.len() >= MAX_ACCEPTED {
            return false;
        }
        accepted.push(protocol);
        true
    }

    /// Takes streams of this protocol no longer.
    pub fn refuse(&mut self, protocol: &StreamProtocol) {
        let mut accepted = self.accepted.0.write().unwrap_or_else(PoisonError::into_inner);
        accepted.retain(|other| other != protocol);
    }

    /// Takes no streams at all.
    pub fn refuse_all(&mut self) {
        self.accepted.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether streams of this protocol are taken now.
    pub fn accepts(&self, protocol: &StreamProtocol) -> bool {
        self.accepted
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(protocol)
    }

    /// Opens a stream. An event follows, unless the connection closes first.
    pub fn open(&mut self, peer: PeerId, connection: ConnectionId, request: u64, protocols: Vec<StreamProtocol>) {
        self.tell(peer, connection, Ask::Open { request, protocols });
    }

    /// Keeps the connection, also while no stream is open.
    pub fn keep(&mut self, peer: PeerId, connection: ConnectionId) {
        self.tell(peer, connection, Ask::Keep);
    }

    fn tell(&mut self, peer_id: PeerId, connection: ConnectionId, event: Ask) {
        self.actions.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(connection),
            event,
        });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(self.accepted.clone()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(self.accepted.clone()))
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, told: Told) {
        let event = match told {
            Told::Opened(request, stream, protocol) => Event::Opened {
                request,
                stream,
                protocol,
            },
            Told::Failed(request, error) => Event::Failed { request, error },
            Told::Inbound(stream, protocol) => Event::Inbound {
                peer,
                connection,
                stream,
                protocol,
            },
        };
        self.actions.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        match self.actions.pop_front() {
            Some(action) => Poll::Ready(action),
            None => {
                self.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// What the behaviour wants of a connection.
#[derive(Debug)]
pub enum Ask {
    /// Open a stream.
    Open {
        request: u64,
        protocols: Vec<StreamProtocol>,
    },
    /// Stay, also while no stream is open.
    Keep,
}

/// What a connection tells the behaviour.
#[derive(Debug)]
pub enum Told {
    /// A stream is open.
    Opened(u64, Stream, StreamProtocol),
    /// A stream was not opened.
    Failed(u64, OpenError),
    /// The peer opened one.
    Inbound(Stream, StreamProtocol),
}

/// One connection's part.
pub struct Handler {
    accepted: Accepted,
    keep: bool,
    asked: VecDeque<(u64, Vec<StreamProtocol>)>,
    told: VecDeque<Told>,
}

impl Handler {
    fn new(accepted: Accepted) -> Self {
        Self {
            accepted,
            keep: false,
            asked: VecDeque::new(),
            told: VecDeque::new(),
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Ask;
    type ToBehaviour = Told;
    type InboundProtocol = Protocols;
    type OutboundProtocol = Protocols;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = u64;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols> {
        SubstreamProtocol::new(Protocols(self.accepted.list()), ()).with_timeout(AGREE_TIMEOUT)
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep
    }

    fn on_behaviour_event(&mut self, ask: Ask) {
        match ask {
            Ask::Open { request, protocols } => self.asked.push_back((request, protocols)),
            Ask::Keep => self.keep = true,
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Protocols, u64, Told>> {
        if let Some(told) = self.told.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
        }
        match self.asked.pop_front() {
            Some((request, protocols)) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(Protocols(protocols), request).with_timeout(AGREE_TIMEOUT),
            }),
            None => Poll::Pending,
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Protocols, Protocols, (), u64>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.told.push_back(Told::Inbound(protocol.0, protocol.1));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                self.told.push_back(Told::Opened(info, protocol.0, protocol.1));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let error = match error {
                    StreamUpgradeError::Timeout => OpenError::Timeout,
                    StreamUpgradeError::NegotiationFailed => OpenError::Unsupported,
                    StreamUpgradeError::Io(error) => OpenError::Io(error),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.told.push_back(Told::Failed(info, error));
            }
            _ => {}
        }
    }
}

/// Gives the stream as it is, and which protocol was agreed.
pub struct Protocols(Vec<StreamProtocol>);

impl UpgradeInfo for Protocols {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Protocols {
    type Output = (Stream, StreamProtocol);
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Protocols {
    type Output = (Stream, StreamProtocol);
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}
