//! libp2p's transport: the listeners, and the clock by which certificates change.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_identity::{Keypair, PeerId};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::certificates::Certificates;
use crate::connection::Connection;
use crate::error::Error;
use crate::listener::{Listener, Upgrade};

/// Listens for WebTransport on addresses like `/ip4/0.0.0.0/udp/4003/quic-v1/webtransport`; the addresses that it tells end in two `/certhash/…`. It does not dial.
pub struct Transport {
    keypair: Keypair,
    certificates: Certificates,
    listeners: Vec<Listener>,
    closed: Vec<ListenerId>,
    /// Made when it is polled first, on a runtime.
    clock: Option<Interval>,
}

impl Transport {
    /// A transport that proves `keypair` to who connects.
    pub fn new(keypair: Keypair, certificates: Certificates) -> Self {
        Self {
            keypair,
            certificates,
            listeners: Vec::new(),
            closed: Vec::new(),
            clock: None,
        }
    }

    /// Shows the next certificate when it is time. A certificate that cannot be made or kept is tried again at the next tick.
    fn poll_clock(&mut self, cx: &mut Context<'_>) {
        let every = self.certificates.interval();
        let clock = self.clock.get_or_insert_with(|| {
            let mut clock = interval(every);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            clock
        });
        while clock.poll_tick(cx).is_ready() {
            match self.certificates.rotate_now() {
                Ok(false) => {}
                Ok(true) => {
                    for listener in &mut self.listeners {
                        if let Err(error) = listener.renew(&self.certificates) {
                            tracing::error!(%error, "a listener keeps its old certificate");
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "no new certificate"),
            }
        }
    }
}

impl libp2p_core::Transport for Transport {
    type Output = (PeerId, Connection);
    type Error = Error;
    type ListenerUpgrade = Upgrade;
    type Dial = Upgrade;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Error>> {
        let Some(socket) = listen_address(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let listener = Listener::open(id, socket, &self.certificates).map_err(TransportError::Other)?;
        self.listeners.push(listener);
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let before = self.listeners.len();
        self.listeners.retain(|listener| listener.id != id);
        let removed = self.listeners.len() < before;
        if removed {
            self.closed.push(id);
        }
        removed
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Upgrade, TransportError<Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Upgrade, Error>> {
        let this = &mut *self;
        this.poll_clock(cx);
        if let Some(listener_id) = this.closed.pop() {
            return Poll::Ready(TransportEvent::ListenerClosed {
                listener_id,
                reason: Ok(()),
            });
        }
        for listener in &mut this.listeners {
            if let Poll::Ready(event) = listener.poll(cx, &this.keypair, &this.certificates) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("listeners", &self.listeners.len())
            .finish_non_exhaustive()
    }
}

fn listen_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::from(ip),
        Protocol::Ip6(ip) => IpAddr::from(ip),
        _ => return None,
    };
    let (Protocol::Udp(port), Protocol::QuicV1, Protocol::WebTransport) = (parts.next()?, parts.next()?, parts.next()?)
    else {
        return None;
    };
    parts.next().is_none().then_some(SocketAddr::new(host, port))
}
