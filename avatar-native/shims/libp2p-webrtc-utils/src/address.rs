//! Addresses of peers who listen for WebRTC.

use std::net::{IpAddr, SocketAddr};

use libp2p_core::Multiaddr;
use libp2p_core::multiaddr::Protocol;

use crate::Fingerprint;

/// `/ip…/udp/…/webrtc-direct/certhash/…`, with or without a peer id, taken apart; `None` when it is something else.
pub fn parse_webrtc_dial_addr(address: &Multiaddr) -> Option<(SocketAddr, Fingerprint)> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::from(ip),
        Protocol::Ip6(ip) => IpAddr::from(ip),
        _ => return None,
    };
    let (Protocol::Udp(port), Protocol::WebRTCDirect, Protocol::Certhash(hash)) =
        (parts.next()?, parts.next()?, parts.next()?)
    else {
        return None;
    };
    if !matches!((parts.next(), parts.next()), (None | Some(Protocol::P2p(_)), None)) {
        return None;
    }
    Some((SocketAddr::new(ip, port), Fingerprint::try_from_multihash(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_with_and_without_a_peer_id() {
        let fingerprint = Fingerprint::raw([7; 32]);
        let mut address: Multiaddr = "/ip6/::1/udp/12/webrtc-direct".parse().unwrap();
        assert_eq!(parse_webrtc_dial_addr(&address), None);
        address.push(Protocol::Certhash(fingerprint.to_multihash()));
        let expected = Some(("[::1]:12".parse().unwrap(), fingerprint));
        assert_eq!(parse_webrtc_dial_addr(&address), expected);
        let peer = libp2p_identity::PeerId::random();
        address.push(Protocol::P2p(peer));
        assert_eq!(parse_webrtc_dial_addr(&address), expected);
        address.push(Protocol::P2pCircuit);
        assert_eq!(parse_webrtc_dial_addr(&address), None);
    }
}
