//! The half that finds, or asks for, the connection that carries the signalling.
use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll},
};

use either::Either;
use futures::StreamExt as _;
use libp2p_core::{Endpoint, transport::PortUse};
use libp2p_identity::PeerId;
use libp2p_swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, DialFailure, ExpiredListenAddr, FromSwarm, NetworkBehaviour,
    NewListenAddr, NotifyHandler, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    behaviour::{ConnectionClosed, ConnectionEstablished},
    dial_opts::{self, DialOpts},
    dummy,
};
use multiaddr::Multiaddr;

use super::{
    address,
    handler::{Carried, Connect, Handler, Shared},
    transport::{Ends, Reply, Report, Request},
};
use crate::{Config, Error, PeerConnections};

/// What a swarm is told. Connections themselves come as those of any transport.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A remote wanted to connect over WebRTC, and it did not work.
    InboundFailed {
        /// Who.
        peer: PeerId,
        /// Why.
        error: Error,
    },
}

/// The behaviour of `/webrtc`.
#[derive(Debug)]
pub struct Behaviour {
    local: PeerId,
    shared: Shared,
    ends: Ends,
    /// Connections that can carry signalling.
    carriers: HashMap<PeerId, Vec<ConnectionId>>,
    /// Who waits for a connection that can.
    waiting: HashMap<PeerId, Vec<Reply>>,
    /// Circuits that we dial for those who wait.
    dialling: HashMap<ConnectionId, PeerId>,
    /// Those circuits, once they stand, and whether they have done their work.
    own_circuits: HashMap<ConnectionId, bool>,
    /// Connections over WebRTC.
    direct: HashMap<ConnectionId, PeerId>,
    actions: VecDeque<ToSwarm<Event, THandlerInEvent<Self>>>,
}

impl Behaviour {
    pub(super) fn new(local: PeerId, connections: PeerConnections, config: Config, ends: Ends) -> Self {
        let shared = Shared {
            connections,
            config,
            is_listening: ends.is_listening.clone(),
            offers: Default::default(),
        };
        Self {
            local,
            shared,
            ends,
            carriers: HashMap::new(),
            waiting: HashMap::new(),
            dialling: HashMap::new(),
            own_circuits: HashMap::new(),
            direct: HashMap::new(),
            actions: VecDeque::new(),
        }
    }

    fn handler(&self, address: &Multiaddr) -> THandler<Self> {
        // Who is connected over WebRTC needs no second connection of that kind.
        if address::is_webrtc(address) {
            Either::Right(dummy::ConnectionHandler)
        } else {
            Either::Left(Handler::new(self.shared.clone()))
        }
    }

    fn requested(&mut self, Request { circuit, peer, reply }: Request) {
        if let Some(&carrier) = self.carriers.get(&peer).and_then(|carriers| carriers.last()) {
            self.connect(peer, carrier, reply);
            return;
        }
        let waiting = self.waiting.entry(peer).or_default();
        waiting.retain(|reply| !reply.is_canceled());
        waiting.push(reply);
        // The dial that waits for us is one to the same peer, so that the usual condition would hold this one back.
        let options = DialOpts::peer_id(peer)
            .addresses(vec![circuit])
            .condition(dial_opts::PeerCondition::Always)
            .build();
        self.dialling.insert(options.connection_id(), peer);
        self.actions.push_back(ToSwarm::Dial { opts: options });
    }

    fn connect(&mut self, peer: PeerId, carrier: ConnectionId, reply: Reply) {
        self.actions.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(carrier),
            event: Either::Left(Connect(reply)),
        });
    }

    fn established(&mut self, peer: PeerId, connection: ConnectionId, address: &Multiaddr) {
        if self.dialling.remove(&connection).is_some() {
            self.own_circuits.insert(connection, false);
        }
        if address::is_webrtc(address) {
            self.direct.insert(connection, peer);
            self.close_spent_circuits(peer);
            return;
        }
        self.carriers.entry(peer).or_default().push(connection);
        for reply in self.waiting.remove(&peer).into_iter().flatten() {
            self.connect(peer, connection, reply);
        }
    }

    /// The signalling over a connection is done.
    fn answered(&mut self, peer: PeerId, carrier: ConnectionId) {
        if let Some(is_spent) = self.own_circuits.get_mut(&carrier) {
            *is_spent = true;
            self.close_spent_circuits(peer);
        }
    }

    /// A circuit that was dialled for the signalling alone is closed after it: streams would go through the relay else, which commonly carries little, and not for long.
    fn close_spent_circuits(&mut self, peer: PeerId) {
        if !self.is_over_webrtc(&peer) {
            return;
        }
        for &carrier in self.carriers.get(&peer).into_iter().flatten() {
            if self.own_circuits.get(&carrier) == Some(&true) {
                self.own_circuits.remove(&carrier);
                let connection = CloseConnection::One(carrier);
                self.actions.push_back(ToSwarm::CloseConnection {
                    peer_id: peer,
                    connection,
                });
            }
        }
    }

    fn is_over_webrtc(&self, peer: &PeerId) -> bool {
        self.direct.values().any(|other| other == peer)
    }

    fn closed(&mut self, peer: PeerId, connection: ConnectionId) {
        self.own_circuits.remove(&connection);
        self.direct.remove(&connection);
        if let Some(carriers) = self.carriers.get_mut(&peer) {
            carriers.retain(|known| *known != connection);
            if carriers.is_empty() {
                self.carriers.remove(&peer);
            }
        }
    }

    fn dial_failed(&mut self, connection: ConnectionId, error: &str) {
        let Some(peer) = self.dialling.remove(&connection) else {
            return;
        };
        if self.dialling.values().any(|other| *other == peer) {
            return;
        }
        for reply in self.waiting.remove(&peer).into_iter().flatten() {
            // Who asked may have lost interest.
            let _ = reply.send(Err(Error::Signalling(format!("no connection carries it: {error}"))));
        }
    }

    fn report(&self, report: Report) {
        // Without a transport there is no swarm that could miss it.
        let _ = self.ends.reports.unbounded_send(report);
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Either<Handler, dummy::ConnectionHandler>;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(local))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(address))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            }) => {
                let address = match endpoint {
                    libp2p_core::ConnectedPoint::Dialer { address, .. } => address,
                    libp2p_core::ConnectedPoint::Listener { local_addr, .. } => local_addr,
                };
                self.established(peer_id, connection_id, address);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id, connection_id, ..
            }) => self.closed(peer_id, connection_id),
            FromSwarm::DialFailure(DialFailure {
                connection_id, error, ..
            }) => self.dial_failed(connection_id, &error.to_string()),
            FromSwarm::NewListenAddr(NewListenAddr { addr, .. }) => {
                if address::is_webrtc(addr) {
                    self.actions.push_back(ToSwarm::ExternalAddrConfirmed(addr.clone()));
                } else if let Some(address) = address::listened(addr, self.local) {
                    self.report(Report::Address(address));
                }
            }
            FromSwarm::ExpiredListenAddr(ExpiredListenAddr { addr, .. }) => {
                if address::is_webrtc(addr) {
                    self.actions.push_back(ToSwarm::ExternalAddrExpired(addr.clone()));
                } else if let Some(address) = address::listened(addr, self.local) {
                    self.report(Report::Expired(address));
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, carrier: ConnectionId, event: THandlerOutEvent<Self>) {
        let Either::Left(carried) = event;
        match carried {
            Carried::Offer(Ok(connection)) => self.report(Report::Incoming(peer, connection)),
            Carried::Offer(Err(error)) => self
                .actions
                .push_back(ToSwarm::GenerateEvent(Event::InboundFailed { peer, error })),
            Carried::Answer => self.answered(peer, carrier),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Poll::Ready(action);
            }
            match self.ends.requests.poll_next_unpin(cx) {
                Poll::Ready(Some(request)) => self.requested(request),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}
