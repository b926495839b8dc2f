//! libp2p's transport: the listeners.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p_identity::{Keypair, PeerId};

use crate::certificate::Certificate;
use crate::connection::Connection;
use crate::error::Error;
use crate::listener::{Listener, Upgrade};

/// Listens for WebRTC Direct on addresses like `/ip4/0.0.0.0/udp/4002/webrtc-direct`; the addresses that it tells end in `/certhash/…`. It does not dial.
pub struct Transport {
    keypair: Keypair,
    certificate: Certificate,
    listeners: Vec<Listener>,
    closed: Vec<ListenerId>,
}

impl Transport {
    /// A transport that proves `keypair` to who connects.
    ///
    /// DTLS asks for the process's rustls provider: when none is installed, ring is.
    pub fn new(keypair: Keypair, certificate: Certificate) -> Self {
        // Not ours when the process has chosen one already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            keypair,
            certificate,
            listeners: Vec::new(),
            closed: Vec::new(),
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
        let listener = Listener::open(id, socket, self.keypair.clone(), self.certificate.clone())
            .map_err(TransportError::Other)?;
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
        if let Some(listener_id) = self.closed.pop() {
            return Poll::Ready(TransportEvent::ListenerClosed {
                listener_id,
                reason: Ok(()),
            });
        }
        for listener in &mut self.listeners {
            if let Poll::Ready(event) = listener.poll(cx) {
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
    let (Protocol::Udp(port), Protocol::WebRTCDirect) = (parts.next()?, parts.next()?) else {
        return None;
    };
    parts.next().is_none().then_some(SocketAddr::new(host, port))
}
