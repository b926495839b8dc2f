//! The first packet of a connection: a STUN Binding request (RFC 8489), whose USERNAME says all that a session description would.

/// The fixed part of a message, bytes.
const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0, 1];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 6;

/// The prefixes by which the versions of the specification are told apart.
const VERSION_1: &str = "libp2p+webrtc+v1/";
const VERSION_2: &str = "libp2p+webrtc+v2/";

/// What both ends call themselves for one connection (RFC 8839).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Our ufrag, chosen by the peer; our password is the same.
    pub local: String,
    /// The peer's ufrag.
    pub remote: String,
    /// The peer's password.
    pub password: String,
}

/// Those of a Binding request that is meant for a libp2p listener; `None` for any other packet.
pub fn credentials(packet: &[u8]) -> Option<Credentials> {
    let (local, remote) = username(packet)?.split_once(':')?;
    if !is_ice(local, 4) || !is_ice(remote, 4) {
        return None;
    }
    let password = match local.strip_prefix(VERSION_2) {
        // It rides in our ufrag, since browsers do not let pages choose theirs.
        Some(password) => is_ice(password, 22).then_some(password)?,
        None => local.starts_with(VERSION_1).then_some(remote)?,
    };
    Some(Credentials {
        local: local.to_owned(),
        remote: remote.to_owned(),
        password: password.to_owned(),
    })
}

fn username(packet: &[u8]) -> Option<&str> {
    let header = packet.get(..HEADER)?;
    if header[..2] != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    let mut attributes = &packet[HEADER..];
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if kind == USERNAME {
            return std::str::from_utf8(value).ok();
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// `ice-char`s of RFC 8839 and no others: they go into a session description.
fn is_ice(text: &str, shortest: usize) -> bool {
    (shortest..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
        let mut packet = [&BINDING_REQUEST[..], &[0, 0], &MAGIC_COOKIE, &[7; 12]].concat();
        // An attribute that we do not know, with padding, comes first.
        packet.extend([0xc0, 0x57, 0, 1, 9, 0, 0, 0, 0, 6]);
        packet.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        packet.extend(username.as_bytes());
        packet
    }

    #[test]
    fn version_1_has_one_name_for_everything() {
        let name = "libp2p+webrtc+v1/abcdefghijkl";
        let found = credentials(&request(&format!("{name}:{name}"))).unwrap();
        assert_eq!([found.local.as_str(), &found.remote, &found.password], [name; 3]);
    }

    #[test]
    fn version_2_carries_the_peers_password() {
        let password = "abcdefghijklmnopqrstuv";
        let found = credentials(&request(&format!("libp2p+webrtc+v2/{password}:peer"))).unwrap();
        assert_eq!((found.remote.as_str(), found.password.as_str()), ("peer", password));
    }

    #[test]
    fn other_packets_are_none_of_ours() {
        let name = "libp2p+webrtc+v1/abcdefghijkl";
        let long = "a".repeat(300);
        for username in [
            "",
            "abcd",
            "abcd:efgh",
            &format!("{name}:x"),
            &format!("{name}:abcd\r\na=evil"),
            &format!("{name}:{long}"),
            "libp2p+webrtc+v2/short:peer",
            "libp2p+webrtc+v3/abcdefghijklmnopqrstuv:peer",
        ] {
            assert_eq!(credentials(&request(username)), None, "{username}");
        }
        let good = request(&format!("{name}:{name}"));
        for length in 0..good.len() {
            assert_eq!(credentials(&good[..length]), None, "{length}");
        }
        for at in [0, 1, 4, 7] {
            let mut bad = good.clone();
            bad[at] ^= 0x80;
            assert_eq!(credentials(&bad), None, "{at}");
        }
    }
}
