//! The half that a swarm dials with. The work is done in the handlers of the connections that carry the signalling.
use std::{
    collections::VecDeque,
    future::{Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
    future::{BoxFuture, Either},
};
use futures_timer::Delay;
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};

use super::address;
use crate::{Connection, Error};

/// Where the connection that was asked for goes, or why there is none.
pub(super) type Reply = oneshot::Sender<Result<Connection, Error>>;

/// A peer to connect to.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) circuit: Multiaddr,
    pub(super) peer: PeerId,
    pub(super) reply: Reply,
}

/// What the behaviour reports.
#[derive(Debug)]
pub(super) enum Report {
    /// A remote has connected.
    Incoming(PeerId, Connection),
    /// We are reached here from now on.
    Address(Multiaddr),
    /// We are reached here no more.
    Expired(Multiaddr),
}

/// The behaviour's ends of what joins it to its transport.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    /// Whether the swarm takes connections.
    pub(super) is_listening: Arc<AtomicBool>,
}

/// The transport of `/webrtc`.
#[derive(Debug)]
pub struct Transport {
    requests: mpsc::UnboundedSender<Request>,
    reports: mpsc::UnboundedReceiver<Report>,
    is_listening: Arc<AtomicBool>,
    timeout: Duration,
    listener: Option<ListenerId>,
    addresses: Vec<Multiaddr>,
    events: VecDeque<TransportEvent<<Self as libp2p_core::Transport>::ListenerUpgrade, Error>>,
    waker: Option<Waker>,
}

pub(super) fn pair(timeout: Duration) -> (Transport, Ends) {
    let (requests, requested) = mpsc::unbounded();
    let (reports, reported) = mpsc::unbounded();
    let is_listening = Arc::new(AtomicBool::new(false));
    let transport = Transport {
        requests,
        reports: reported,
        is_listening: is_listening.clone(),
        timeout,
        listener: None,
        addresses: Vec::new(),
        events: VecDeque::new(),
        waker: None,
    };
    (
        transport,
        Ends {
            requests: requested,
            reports,
            is_listening,
        },
    )
}

impl libp2p_core::Transport for Transport {
    type Output = (PeerId, Connection);
    type Error = Error;
    type ListenerUpgrade = Ready<Result<Self::Output, Error>>;
    type Dial = BoxFuture<'static, Result<Self::Output, Error>>;

    /// Takes `/webrtc`, once.
    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Error>> {
        if self.listener.is_some() || !address.iter().eq([Protocol::WebRTC]) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.listener = Some(id);
        self.is_listening.store(true, Ordering::Relaxed);
        self.events
            .extend(self.addresses.iter().map(|address| TransportEvent::NewAddress {
                listener_id: id,
                listen_addr: address.clone(),
            }));
        self.wake();
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let is_ours = self.listener == Some(id);
        if is_ours {
            self.listener = None;
            self.is_listening.store(false, Ordering::Relaxed);
            self.events.push_back(TransportEvent::ListenerClosed {
                listener_id: id,
                reason: Ok(()),
            });
            self.wake();
        }
        is_ours
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<Error>> {
        let Some((circuit, peer)) = address::dialled(&address).filter(|_| options.role.is_dialer()) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.unbounded_send(Request { circuit, peer, reply });
        let timeout = self.timeout;
        Ok(async move {
            let gone = || Error::Signalling("the behaviour of this transport is not in the swarm".to_owned());
            sent.map_err(|_| gone())?;
            match futures::future::select(answer, Delay::new(timeout)).await {
                Either::Left((answer, _)) => Ok((
                    peer,
                    answer.map_err(|_| Error::Signalling("the connection that carried it was closed".to_owned()))??,
                )),
                Either::Right(_) => Err(Error::TimedOut),
            }
        }
        .boxed())
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Error>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(event);
            }
            match self.reports.poll_next_unpin(cx) {
                Poll::Ready(Some(report)) => self.reported(report),
                Poll::Ready(None) | Poll::Pending => {
                    self.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Transport {
    fn reported(&mut self, report: Report) {
        match report {
            Report::Incoming(peer, connection) => self.incoming(peer, connection),
            Report::Address(address) => {
                if !self.addresses.contains(&address) {
                    self.addresses.push(address.clone());
                    self.events
                        .extend(self.listener.map(|listener_id| TransportEvent::NewAddress {
                            listener_id,
                            listen_addr: address,
                        }));
                }
            }
            Report::Expired(address) => {
                self.addresses.retain(|known| *known != address);
                self.events
                    .extend(self.listener.map(|listener_id| TransportEvent::AddressExpired {
                        listener_id,
                        listen_addr: address,
                    }));
            }
        }
    }

    fn incoming(&mut self, peer: PeerId, connection: Connection) {
        let Some(listener_id) = self.listener else { return };
        let webrtc = Multiaddr::from(Protocol::WebRTC);
        self.events.push_back(TransportEvent::Incoming {
            listener_id,
            upgrade: ready(Ok((peer, connection))),
            local_addr: webrtc.clone(),
            send_back_addr: webrtc.with(Protocol::P2p(peer)),
        });
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
