//! Circuits over relays, and nothing that only begins as one.

use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::relay::client;
use libp2p::{Multiaddr, Transport};

/// The relay client's transport takes every address with `/p2p-circuit`, whatever stands behind it: a host without WebRTC would take a relayed connection for a direct one.
pub struct Circuits(pub client::Transport);

fn leads_on(address: &Multiaddr) -> bool {
    let mut behind = address.iter().skip_while(|part| *part != Protocol::P2pCircuit);
    behind.any(|part| part == Protocol::WebRTC)
}

impl Transport for Circuits {
    type Output = <client::Transport as Transport>::Output;
    type Error = <client::Transport as Transport>::Error;
    type ListenerUpgrade = <client::Transport as Transport>::ListenerUpgrade;
    type Dial = <client::Transport as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        if leads_on(&address) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.0.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        if leads_on(&address) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.0.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use libp2p::PeerId;
    use libp2p::core::Endpoint;
    use libp2p::core::transport::PortUse;

    use super::*;

    #[test]
    fn a_direct_way_is_not_taken_for_a_circuit() {
        let (transport, _behaviour) = libp2p::relay::client::new(PeerId::random());
        let mut circuits = Circuits(transport);
        let options = DialOpts {
            role: Endpoint::Dialer,
            port_use: PortUse::Reuse,
        };
        let (relay, peer) = (PeerId::random(), PeerId::random());
        let circuit = format!("/ip4/127.0.0.1/tcp/1/ws/p2p/{relay}/p2p-circuit");
        let address = |text: String| text.parse::<Multiaddr>().expect("an address");
        assert!(circuits.dial(address(format!("{circuit}/p2p/{peer}")), options).is_ok());
        let refused = circuits.dial(address(format!("{circuit}/webrtc/p2p/{peer}")), options);
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(_))));
        let refused = circuits.listen_on(ListenerId::next(), address(format!("{circuit}/webrtc")));
        assert!(matches!(refused, Err(TransportError::MultiaddrNotSupported(_))));
    }
}
