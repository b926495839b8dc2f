//! One listening socket: its addresses, and who arrives.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::transport::{ListenerId, TransportEvent};
use libp2p_identity::{Keypair, PeerId};
use tokio::sync::mpsc;
use webrtc::ice::udp_mux::{UDPMux, UDPMuxDefault, UDPMuxParams};

use crate::certificate::Certificate;
use crate::connection::Connection;
use crate::error::Error;
use crate::peer::{self, accept};
use crate::socket::{Arrival, Socket};

pub type Upgrade = BoxFuture<'static, Result<(PeerId, Connection), Error>>;
pub type Event = TransportEvent<Upgrade, Error>;

pub struct Listener {
    pub id: ListenerId,
    context: peer::Context,
    arrivals: mpsc::Receiver<Arrival>,
    /// With a wildcard address: the interfaces come and go.
    interfaces: Option<IfWatcher>,
    port: u16,
    is_ipv4: bool,
    hosts: Vec<IpAddr>,
    events: VecDeque<Event>,
}

impl Listener {
    pub fn open(
        id: ListenerId,
        address: SocketAddr,
        keypair: Keypair,
        certificate: Certificate,
    ) -> Result<Self, Error> {
        let fingerprint = certificate.fingerprint()?;
        let (socket, arrivals) = Socket::bind(address)?;
        let bound = socket.address()?;
        let mut listener = Self {
            id,
            context: peer::Context {
                keypair,
                certificate,
                fingerprint,
                mux: UDPMuxDefault::new(UDPMuxParams::new(socket)),
            },
            arrivals,
            interfaces: None,
            port: bound.port(),
            is_ipv4: address.is_ipv4(),
            hosts: Vec::new(),
            events: VecDeque::new(),
        };
        match bound.ip().is_unspecified() {
            true => listener.interfaces = Some(IfWatcher::new()?),
            false => listener.add_host(bound.ip()),
        }
        Ok(listener)
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(event);
            }
            if let Some(Poll::Ready(change)) = self.interfaces.as_mut().map(|watcher| watcher.poll_next_unpin(cx)) {
                match change {
                    Some(Ok(IfEvent::Up(net))) => self.add_host(net.addr()),
                    Some(Ok(IfEvent::Down(net))) => self.remove_host(net.addr()),
                    Some(Err(error)) => self.events.push_back(TransportEvent::ListenerError {
                        listener_id: self.id,
                        error: error.into(),
                    }),
                    None => self.interfaces = None,
                }
                continue;
            }
            let Poll::Ready(Some(arrival)) = self.arrivals.poll_recv(cx) else {
                return Poll::Pending;
            };
            let Some(host) = self.hosts.first() else {
                continue;
            };
            let from = arrival.from;
            return Poll::Ready(TransportEvent::Incoming {
                listener_id: self.id,
                local_addr: self.told(*host),
                send_back_addr: address(from.ip(), from.port()),
                upgrade: accept(self.context.clone(), arrival).boxed(),
            });
        }
    }

    fn told(&self, host: IpAddr) -> Multiaddr {
        address(host, self.port).with(Protocol::Certhash(self.context.fingerprint.to_multihash()))
    }

    fn add_host(&mut self, host: IpAddr) {
        if host.is_ipv4() == self.is_ipv4 && !self.hosts.contains(&host) {
            self.hosts.push(host);
            self.events.push_back(TransportEvent::NewAddress {
                listener_id: self.id,
                listen_addr: self.told(host),
            });
        }
    }

    fn remove_host(&mut self, host: IpAddr) {
        if let Some(at) = self.hosts.iter().position(|known| *known == host) {
            self.hosts.remove(at);
            self.events.push_back(TransportEvent::AddressExpired {
                listener_id: self.id,
                listen_addr: self.told(host),
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mux: Arc<dyn UDPMux + Send + Sync> = self.context.mux.clone();
        // The task that reads holds the socket until it is told.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { mux.close().await });
        }
    }
}

fn address(host: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(host)
        .with(Protocol::Udp(port))
        .with(Protocol::WebRTCDirect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_the_certificate_is_in_the_address() {
        let address = address([127, 0, 0, 1].into(), 7).with(Protocol::Certhash(
            crate::fingerprint::Fingerprint::UNKNOWN.to_multihash(),
        ));
        assert!(
            address
                .to_string()
                .starts_with("/ip4/127.0.0.1/udp/7/webrtc-direct/certhash/uEiD_____")
        );
    }
}
