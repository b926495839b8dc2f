//! The signalling on one connection.
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{Either, LocalBoxFuture, select},
    stream::FuturesUnordered,
};
use futures_timer::Delay;
use libp2p_core::upgrade::ReadyUpgrade;
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, StreamProtocol, SubstreamProtocol,
    handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
};
use send_wrapper::SendWrapper;

use super::{signalling, transport::Reply};
use crate::{Config, Connection, Error, PeerConnections};

/// Offers of one remote that are worked on at once. A second may come before the first has failed.
const MAX_OFFERS: usize = 2;

/// Offers of all remotes that are worked on at once: each makes an RTCPeerConnection, of which browsers have some hundreds.
const MAX_OFFERS_TOGETHER: usize = 32;

/// What all handlers of a behaviour share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) connections: PeerConnections,
    pub(super) config: Config,
    pub(super) is_listening: Arc<AtomicBool>,
    /// Offers that are worked on.
    pub(super) offers: Arc<AtomicUsize>,
}

/// Connect over WebRTC to the remote of this connection.
#[derive(Debug)]
pub struct Connect(pub(super) Reply);

/// What a connection has carried.
#[derive(Debug)]
pub enum Carried {
    /// What became of a remote's offer.
    Offer(Result<Connection, Error>),
    /// Our offer has been answered, and both sides are connected or have given up.
    Answer,
}

pub struct Handler {
    shared: Shared,
    wanted: VecDeque<Reply>,
    work: SendWrapper<FuturesUnordered<LocalBoxFuture<'static, Carried>>>,
    offers: usize,
    waker: Option<Waker>,
}

impl Handler {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            wanted: VecDeque::new(),
            work: SendWrapper::new(FuturesUnordered::new()),
            offers: 0,
            waker: None,
        }
    }

    /// A remote offers.
    fn offered(&mut self, stream: libp2p_swarm::Stream) {
        let is_refused = !self.shared.is_listening.load(Ordering::Relaxed)
            || self.offers >= MAX_OFFERS
            || self.shared.offers.load(Ordering::Relaxed) >= MAX_OFFERS_TOGETHER;
        if is_refused {
            tracing::debug!("an offer was refused");
            return;
        }
        self.offers += 1;
        let counted = Counted::new(&self.shared.offers);
        let Shared {
            connections, config, ..
        } = self.shared.clone();
        self.work.push(
            async move {
                let _counted = counted;
                let answer = signalling::answer(stream, connections, &config).boxed_local();
                Carried::Offer(match select(answer, Delay::new(config.connect_timeout)).await {
                    Either::Left((result, _)) => result,
                    Either::Right(_) => Err(Error::TimedOut),
                })
            }
            .boxed_local(),
        );
    }

    /// The stream for our own offer is there. Whoever waits has its own limit of time.
    fn offer(&mut self, stream: libp2p_swarm::Stream, mut reply: Reply) {
        let Shared {
            connections, config, ..
        } = self.shared.clone();
        self.work.push(
            async move {
                let offer = signalling::offer(stream, connections, &config).boxed_local();
                let (connection, farewell) = match select(offer, reply.cancellation()).await {
                    Either::Left((Ok((connection, farewell)), _)) => (Ok(connection), Some(farewell)),
                    Either::Left((Err(error), _)) => (Err(error), None),
                    Either::Right(_) => return Carried::Answer,
                };
                // Who asked may have lost interest in this moment; the connection is closed then.
                let _ = reply.send(connection);
                if let Some(farewell) = farewell {
                    farewell.wait().await;
                }
                Carried::Answer
            }
            .boxed_local(),
        );
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Connect;
    type ToBehaviour = Carried;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Reply;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(signalling::PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        !self.wanted.is_empty() || !self.work.is_empty()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Reply, Carried>> {
        if let Some(reply) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(signalling::PROTOCOL), reply);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if let Poll::Ready(Some(carried)) = self.work.poll_next_unpin(cx) {
            if matches!(carried, Carried::Offer(_)) {
                self.offers -= 1;
            }
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(carried));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, Connect(reply): Connect) {
        self.wanted.push_back(reply);
        self.wake();
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Reply>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.offered(stream)
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: reply,
            }) => self.offer(stream, reply),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
                // Who asked may have lost interest.
                let _ = reply.send(Err(Error::Signalling(error.to_string())));
            }
            _ => return,
        }
        self.wake();
    }
}

/// Counts an offer while it is worked on.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
