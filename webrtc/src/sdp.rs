//! Session descriptions of webrtc-direct: what the browser offers, and the answer that nobody sent.
//!
//! Specification: <https://github.com/libp2p/specs/blob/master/webrtc/webrtc-direct.md>.
use std::net::SocketAddr;

use crate::fingerprint::Fingerprint;

/// Before the random part of the credentials of version 1, which both sides share.
pub(crate) const V1_PREFIX: &str = "libp2p+webrtc+v1/";

/// Before the browser's own ICE password in the server's user name of version 2.
pub(crate) const V2_PREFIX: &str = "libp2p+webrtc+v2/";

/// The offer with both ICE credentials replaced by `credential` (version 1: "munging").
pub(crate) fn munge(offer: &str, credential: &str) -> String {
    offer
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name @ ("a=ice-ufrag" | "a=ice-pwd"), _)) => format!("{name}:{credential}\r\n"),
            _ => format!("{line}\r\n"),
        })
        .collect()
}

/// The ICE password of a description, if it is one of 22 to 256 `ice-char`s (RFC 8839, section 5.4).
pub(crate) fn ice_password(sdp: &str) -> Option<&str> {
    let password = sdp.lines().find_map(|line| line.strip_prefix("a=ice-pwd:"))?;
    let is_valid = (22..=256).contains(&password.len())
        && password
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    is_valid.then_some(password)
}

/// The answer that the server at `address` would give. `credential` is its ICE user name and its password.
pub(crate) fn answer(address: SocketAddr, fingerprint: Fingerprint, credential: &str) -> String {
    let version = if address.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (address.ip(), address.port());
    [
        "v=0".to_owned(),
        format!("o=- 0 0 IN {version} {ip}"),
        "s=-".to_owned(),
        "t=0 0".to_owned(),
        "a=ice-lite".to_owned(),
        format!("m=application {port} UDP/DTLS/SCTP webrtc-datachannel"),
        format!("c=IN {version} {ip}"),
        "a=mid:0".to_owned(),
        "a=ice-options:ice2".to_owned(),
        format!("a=ice-ufrag:{credential}"),
        format!("a=ice-pwd:{credential}"),
        format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:passive".to_owned(),
        "a=sctp-port:5000".to_owned(),
        "a=max-message-size:16384".to_owned(),
        format!("a=candidate:1 1 UDP 1 {ip} {port} typ host"),
        "a=end-of-candidates".to_owned(),
    ]
    .map(|line| line + "\r\n")
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=mid:0\r\n";

    #[test]
    fn munging_changes_the_credentials_and_nothing_else() {
        assert_eq!(
            munge(OFFER, "x/y"),
            "v=0\r\na=ice-ufrag:x/y\r\na=ice-pwd:x/y\r\na=mid:0\r\n"
        );
    }

    #[test]
    fn only_a_password_that_ice_allows_is_read() {
        assert_eq!(ice_password(OFFER), Some("0123456789012345678901"));
        assert_eq!(ice_password("a=ice-pwd:short"), None);
        assert_eq!(ice_password("a=ice-pwd:0123456789 123456789012345"), None);
        assert_eq!(ice_password("v=0"), None);
    }

    #[test]
    fn an_answer_names_the_version_of_ip() {
        let fingerprint = Fingerprint::from_sdp(&format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":"))).unwrap();
        assert!(answer("[::1]:5".parse().unwrap(), fingerprint, "c").contains("c=IN IP6 ::1\r\n"));
        assert!(
            answer("1.2.3.4:5".parse().unwrap(), fingerprint, "c")
                .contains("a=candidate:1 1 UDP 1 1.2.3.4 5 typ host\r\n")
        );
    }
}
