//! Names and addresses in the simulated network: peer ids as libp2p has them, and multiaddrs of a network whose hosts are `10.x.y.z`.

use std::fmt;

use super::NodeId;

/// The multihash of a peer id: of an Ed25519 key, or any other that libp2p knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Vec<u8>);

/// An Ed25519 key as libp2p writes it, hashed by the function that changes nothing: all before the key's own bytes.
const ED25519: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl PeerId {
    /// That of an Ed25519 key.
    pub fn of_key(key: &[u8; 32]) -> Self {
        Self([&ED25519[..], key].concat())
    }

    /// A peer id from its bytes: a multihash that holds a key of at most 42 bytes, or a key's SHA-256.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (code, rest) = bytes.split_first()?;
        let (len, digest) = rest.split_first()?;
        let fits = usize::from(*len) == digest.len();
        let is_known = (*code == 0x00 && (1..=42).contains(len)) || (*code == 0x12 && *len == 32);
        (fits && is_known).then(|| Self(bytes.to_vec()))
    }

    /// The multihash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&bs58::encode(&self.0).into_string())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Where a node can be dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// At its own address.
    Direct(NodeId),
    /// Over a relay, which carries all that is said.
    Circuit(NodeId),
    /// Directly, after a relay has carried what WebRTC needs to know.
    Signalled(NodeId),
}

/// An address, and who shall be there if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// How to get there.
    pub way: Way,
    /// The last `/p2p` of it.
    pub peer: Option<PeerId>,
}

/// Why a text is no address here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// It is no multiaddr.
    Malformed,
    /// It is of a kind that this network does not have.
    Unknown,
}

/// The address of a node without its peer id.
pub fn direct(node: NodeId) -> String {
    let [_, a, b, c] = (node as u32).to_be_bytes();
    format!("/ip4/10.{a}.{b}.{c}/udp/1/quic-v1")
}

fn node_at(host: &str) -> Option<NodeId> {
    let ip: std::net::Ipv4Addr = host.parse().ok()?;
    let [ten, a, b, c] = ip.octets();
    (ten == 10).then(|| u32::from_be_bytes([0, a, b, c]) as NodeId)
}

impl Address {
    /// Reads a multiaddr.
    ///
    /// # Errors
    /// It is none, or not of this network.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let mut parts = text
            .strip_prefix('/')
            .ok_or(NoAddress::Malformed)?
            .split('/')
            .peekable();
        let mut is = |wanted: &str| parts.next_if_eq(&wanted).is_some();
        if !is("ip4") {
            return Err(NoAddress::Unknown);
        }
        let node = parts.next().and_then(node_at).ok_or(NoAddress::Unknown)?;
        if !["udp", "1", "quic-v1"]
            .iter()
            .all(|wanted| parts.next() == Some(wanted))
        {
            return Err(NoAddress::Unknown);
        }
        let peer = |parts: &mut std::iter::Peekable<std::str::Split<'_, char>>| match parts.next_if_eq(&"p2p") {
            None => Ok(None),
            Some(_) => {
                let bytes = parts.next().and_then(|text| bs58::decode(text).into_vec().ok());
                let peer = bytes.and_then(|bytes| PeerId::parse(&bytes));
                peer.map(Some).ok_or(NoAddress::Malformed)
            }
        };
        let mut named = peer(&mut parts)?;
        let mut way = Way::Direct(node);
        if parts.next_if_eq(&"p2p-circuit").is_some() {
            way = match parts.next_if_eq(&"webrtc") {
                Some(_) => Way::Signalled(node),
                None => Way::Circuit(node),
            };
            named = peer(&mut parts)?;
        }
        match parts.next() {
            None => Ok(Self { way, peer: named }),
            Some(_) => Err(NoAddress::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_reads_as_those_of_libp2p() {
        let peer = PeerId::of_key(&[7; 32]);
        assert!(peer.to_string().starts_with("12D3KooW"), "{peer}");
        assert_eq!(PeerId::parse(peer.as_bytes()), Some(peer.clone()));
        for wrong in [&[][..], &[0; 10], &peer.as_bytes()[..37], &[0x12; 34]] {
            assert_eq!(PeerId::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn addresses_lead_to_nodes_directly_over_relays_and_by_webrtc() {
        let (relay, peer) = (PeerId::of_key(&[1; 32]), PeerId::of_key(&[2; 32]));
        let at = direct(70_000);
        assert_eq!(at, "/ip4/10.1.17.112/udp/1/quic-v1");
        let read = |text: String| Address::parse(&text).expect("an address");
        for (text, way, named) in [
            (at.clone(), Way::Direct(70_000), None),
            (format!("{at}/p2p/{relay}"), Way::Direct(70_000), Some(&relay)),
            (format!("{at}/p2p/{relay}/p2p-circuit"), Way::Circuit(70_000), None),
            (
                format!("{at}/p2p-circuit/p2p/{peer}"),
                Way::Circuit(70_000),
                Some(&peer),
            ),
            (
                format!("{at}/p2p/{relay}/p2p-circuit/webrtc/p2p/{peer}"),
                Way::Signalled(70_000),
                Some(&peer),
            ),
        ] {
            let address = read(text);
            assert_eq!((address.way, address.peer.as_ref()), (way, named));
        }
    }

    #[test]
    fn what_is_no_address_of_this_network_is_told_from_what_is_none_at_all() {
        assert_eq!(Address::parse("x"), Err(NoAddress::Malformed));
        assert_eq!(
            Address::parse(&format!("{}/p2p/0", direct(1))),
            Err(NoAddress::Malformed)
        );
        for unknown in ["/webrtc", "/ip4/127.0.0.1/tcp/1/ws", "/ip4/10.0.0.1/tcp/1", "/memory/1"] {
            assert_eq!(Address::parse(unknown), Err(NoAddress::Unknown), "{unknown}");
        }
    }
}
