//! One listening socket: its addresses, and who arrives.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::transport::{ListenerId, TransportEvent};
use libp2p_identity::{Keypair, PeerId};
use listening_hosts::Hosts;
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
    port: u16,
    hosts: Hosts,
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
        Ok(Self {
            id,
            context: peer::Context {
                keypair,
                certificate,
                fingerprint,
                mux: UDPMuxDefault::new(UDPMuxParams::new(socket)),
            },
            arrivals,
            port: bound.port(),
            hosts: Hosts::of(bound.ip())?,
        })
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let told = |host| told(host, self.port, &self.context);
            if let Poll::Ready(event) = self.hosts.poll(cx, self.id, told) {
                return Poll::Ready(event);
            }
            let Poll::Ready(Some(arrival)) = self.arrivals.poll_recv(cx) else {
                return Poll::Pending;
            };
            let Some(host) = self.hosts.iter().next() else {
                continue;
            };
            let from = arrival.from;
            return Poll::Ready(TransportEvent::Incoming {
                listener_id: self.id,
                local_addr: told(host),
                send_back_addr: address(from.ip(), from.port()),
                upgrade: accept(self.context.clone(), arrival).boxed(),
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

/// Where it can be reached, with what its certificate is known by.
fn told(host: IpAddr, port: u16, context: &peer::Context) -> Multiaddr {
    address(host, port).with(Protocol::Certhash(context.fingerprint.to_multihash()))
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
