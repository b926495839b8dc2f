//! What has to be known of multiaddrs in their text form (<https://github.com/multiformats/multiaddr>), and of peer ids.

use avatar_credentials::multibase;

/// The longest address that is taken from outside, bytes.
pub const MAX_BYTES: usize = avatar_proto::MAX_ADDRESS_BYTES;

/// The peer id that an address of a relay ends with.
pub fn relay_peer(address: &str) -> Option<&str> {
    let (_, peer) = address.rsplit_once("/p2p/")?;
    (!peer.is_empty() && !peer.contains('/')).then_some(peer)
}

/// Where others reach a host that has a place at this relay; `peer`: the relay's peer id.
pub fn circuit(relay: &str, peer: &str) -> String {
    match relay_peer(relay) {
        Some(_) => format!("{relay}/p2p-circuit"),
        None => format!("{relay}/p2p/{peer}/p2p-circuit"),
    }
}

/// The address by which two browsers come to speak directly, for one by way of a relay (`/webrtc`, <https://github.com/libp2p/specs/blob/master/webrtc/webrtc.md>).
pub fn webrtc(circuit: &str) -> Option<String> {
    let (relay, behind) = circuit.split_once("/p2p-circuit")?;
    (!behind.starts_with("/webrtc")).then(|| format!("{relay}/p2p-circuit/webrtc{behind}"))
}

/// The relay that a circuit goes over, if it is one.
pub fn relay_of_circuit(address: &str) -> Option<&str> {
    relay_peer(address.split_once("/p2p-circuit")?.0)
}

/// Whether a circuit is only the beginning of the way.
pub fn leads_on(address: &str) -> bool {
    let behind = address.split_once("/p2p-circuit").map_or("", |(_, behind)| behind);
    behind.split('/').any(|part| part == "webrtc")
}

/// Where an address leads, for people: the host's name or number.
pub fn place(address: &str) -> &str {
    address.split('/').nth(2).unwrap_or(address)
}

/// The address of a relay that is shown to another device: one that every browser can dial, and the shortest of those.
pub fn to_show(addresses: &[String]) -> Option<&String> {
    addresses
        .iter()
        .min_by_key(|address| (transport(address) != "websocket", address.len()))
}

/// A peer id as text.
pub fn peer_text(peer: &[u8]) -> String {
    multibase::base58(peer).split_off(1)
}

/// A peer id from its text in base58.
pub fn peer_bytes(text: &str) -> Option<Vec<u8>> {
    let peer = multibase::decode_base58(&format!("z{text}"))?;
    (1..=avatar_proto::MAX_PEER_ID_BYTES)
        .contains(&peer.len())
        .then_some(peer)
}

/// What carries a connection with this address.
pub fn transport(address: &str) -> &'static str {
    let has = |protocol: &str| address.split('/').any(|part| part == protocol);
    // Of a circuit, the way to the relay.
    if has("webrtc") || has("webrtc-direct") {
        "webrtc"
    } else if has("webtransport") {
        "webtransport"
    } else if has("ws") || has("wss") {
        "websocket"
    } else if has("quic-v1") || has("quic") {
        "quic"
    } else if has("tcp") {
        "tcp"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_of_a_relay_is_what_its_address_ends_with() {
        assert_eq!(relay_peer("/ip4/192.0.2.1/tcp/1/ws/p2p/12D3KooW"), Some("12D3KooW"));
        for none in ["/ip4/192.0.2.1/tcp/1/ws", "/p2p/", "/p2p/a/p2p-circuit", ""] {
            assert_eq!(relay_peer(none), None, "{none}");
        }
    }

    #[test]
    fn a_place_at_a_relay_is_named_with_the_relays_peer() {
        let circuit_of = |relay| circuit(relay, "R");
        assert_eq!(circuit_of("/dns/r/tcp/1/ws"), "/dns/r/tcp/1/ws/p2p/R/p2p-circuit");
        assert_eq!(circuit_of("/dns/r/tcp/1/ws/p2p/R"), "/dns/r/tcp/1/ws/p2p/R/p2p-circuit");
    }

    #[test]
    fn the_direct_way_stands_behind_the_circuit() {
        assert_eq!(
            webrtc("/dns/r/p2p/R/p2p-circuit/p2p/B").as_deref(),
            Some("/dns/r/p2p/R/p2p-circuit/webrtc/p2p/B")
        );
        assert_eq!(webrtc("/dns/r/p2p/R/p2p-circuit/webrtc/p2p/B"), None);
        assert_eq!(webrtc("/dns/r/tcp/1"), None);
    }

    #[test]
    fn a_peer_id_is_told_in_base58_without_a_prefix() {
        // The multihash of an Ed25519 key: <https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md>.
        let peer = [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &[7; 32]].concat();
        assert!(peer_text(&peer).starts_with("12D3KooW"), "{}", peer_text(&peer));
        assert_eq!(peer_bytes(&peer_text(&peer)), Some(peer));
        assert_eq!(peer_bytes("0OIl"), None);
    }

    #[test]
    fn a_circuit_is_known_by_its_relay_and_by_where_it_ends() {
        let circuit = "/dns/r/tcp/1/p2p/R/p2p-circuit/p2p/B";
        assert_eq!((relay_of_circuit(circuit), leads_on(circuit)), (Some("R"), false));
        let direct = "/dns/r/tcp/1/p2p/R/p2p-circuit/webrtc/p2p/B";
        assert_eq!((relay_of_circuit(direct), leads_on(direct)), (Some("R"), true));
        assert_eq!(relay_of_circuit("/ip4/192.0.2.1/udp/1/quic-v1/p2p/B"), None);
        assert!(!leads_on("/ip4/192.0.2.1/udp/1/webrtc-direct/p2p/B"));
    }

    #[test]
    fn what_is_shown_is_short_and_can_be_dialled_by_every_browser() {
        let addresses = [
            "/ip4/1.2.3.4/tcp/1/p2p/R",
            "/dns4/relay.example/tcp/443/tls/ws/p2p/R",
            "/dns/r/tcp/1/ws/p2p/R",
        ];
        assert_eq!(
            to_show(&addresses.map(str::to_owned)).map(String::as_str),
            Some(addresses[2])
        );
        assert_eq!(to_show(&[]), None);
    }

    #[test]
    fn people_are_told_a_place_by_its_host() {
        assert_eq!(place("/dns4/relay.example/tcp/443/wss/p2p/R"), "relay.example");
        assert_eq!(place("nonsense"), "nonsense");
    }

    #[test]
    fn the_transport_is_told_by_its_name() {
        for (address, name) in [
            (
                "/ip4/1.2.3.4/udp/1/quic-v1/webtransport/certhash/u/p2p/R",
                "webtransport",
            ),
            ("/ip4/1.2.3.4/udp/1/quic-v1/p2p/R", "quic"),
            ("/dns/r/tcp/1/tls/ws/p2p/R/p2p-circuit/p2p/B", "websocket"),
            ("/dns/r/tcp/1/ws/p2p/R/p2p-circuit/webrtc/p2p/B", "webrtc"),
            ("/ip4/1.2.3.4/tcp/1", "tcp"),
            ("", "other"),
        ] {
            assert_eq!(transport(address), name);
        }
    }
}
