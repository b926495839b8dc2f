//! Addresses of browsers.
use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};

/// The circuit that leads to the peer of `<relay>/p2p-circuit/webrtc/p2p/<peer>`, and the peer. `None` for other addresses.
pub(super) fn dialled(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let mut circuit = address.clone();
    let Some(Protocol::P2p(peer)) = circuit.pop() else {
        return None;
    };
    let Some(Protocol::WebRTC) = circuit.pop() else {
        return None;
    };
    (circuit.iter().last() == Some(Protocol::P2pCircuit)).then(|| (circuit.with(Protocol::P2p(peer)), peer))
}

/// Where a browser that listens at `circuit` (`<relay>/p2p-circuit`, with or without its own name) is reached over WebRTC. `None` for other addresses.
pub(super) fn listened(circuit: &Multiaddr, local: PeerId) -> Option<Multiaddr> {
    let circuit: Multiaddr = match circuit.iter().last()? {
        Protocol::P2p(peer) if peer == local => circuit.iter().take(circuit.iter().count() - 1).collect(),
        _ => circuit.clone(),
    };
    (circuit.iter().last() == Some(Protocol::P2pCircuit))
        .then(|| circuit.with(Protocol::WebRTC).with(Protocol::P2p(local)))
}

/// Whether a connection at this address is one over WebRTC between browsers.
pub(super) fn is_webrtc(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::WebRTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webrtc_address_names_a_circuit_and_a_peer() {
        let (relay, peer) = (PeerId::random(), PeerId::random());
        let circuit = format!("/ip4/127.0.0.1/tcp/9/ws/p2p/{relay}/p2p-circuit");
        let address = format!("{circuit}/webrtc/p2p/{peer}").parse().unwrap();
        assert_eq!(
            dialled(&address),
            Some((format!("{circuit}/p2p/{peer}").parse().unwrap(), peer))
        );
        for own in [circuit.clone(), format!("{circuit}/p2p/{peer}")] {
            assert_eq!(listened(&own.parse().unwrap(), peer), Some(address.clone()));
        }
    }

    #[test]
    fn addresses_of_other_transports_are_left_alone() {
        let (relay, peer) = (PeerId::random(), PeerId::random());
        for address in [
            format!("/ip4/127.0.0.1/tcp/9/ws/p2p/{relay}/p2p-circuit/p2p/{peer}"),
            format!("/ip4/127.0.0.1/tcp/9/ws/p2p/{relay}/p2p-circuit/webrtc"),
            format!("/webrtc/p2p/{peer}"),
            format!("/p2p/{peer}"),
        ] {
            assert_eq!(dialled(&address.parse().unwrap()), None, "{address}");
        }
        assert_eq!(listened(&"/ip4/127.0.0.1/tcp/9/ws".parse().unwrap(), peer), None);
    }
}
