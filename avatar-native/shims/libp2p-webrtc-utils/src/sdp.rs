//! Session descriptions: both are made at each end, and none goes over the wire.

use std::net::SocketAddr;

use rand::RngExt as _;
use rand::distr::Alphanumeric;

use crate::Fingerprint;

/// What a listener at `address` would answer to the dialler who has chosen `ufrag` (RFC 8841, with an ICE-lite candidate).
pub fn answer(address: SocketAddr, server: Fingerprint, ufrag: &str) -> String {
    const LINES: [&str; 17] = [
        "v=0",
        "o=- 0 0 IN {ip_version} {target_ip}",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "m=application {target_port} UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN {ip_version} {target_ip}",
        "a=mid:0",
        "a=ice-options:ice2",
        "a=ice-ufrag:{ufrag}",
        "a=ice-pwd:{pwd}",
        "a=fingerprint:{fingerprint_algorithm} {fingerprint_value}",
        "a=setup:passive",
        "a=sctp-port:5000",
        "a=max-message-size:16384",
        "a=candidate:1 1 UDP 1 {target_ip} {target_port} typ host",
        "a=end-of-candidates",
    ];
    render_description(&(LINES.join("\n") + "\n"), address, server, ufrag)
}

/// `description` with what stands in braces filled in; the password is the user's name.
pub fn render_description(description: &str, address: SocketAddr, fingerprint: Fingerprint, ufrag: &str) -> String {
    description
        .replace("{ip_version}", if address.is_ipv4() { "IP4" } else { "IP6" })
        .replace("{target_ip}", &address.ip().to_string())
        .replace("{target_port}", &address.port().to_string())
        .replace("{fingerprint_algorithm}", &fingerprint.algorithm())
        .replace("{fingerprint_value}", &fingerprint.to_sdp_format())
        .replace("{pwd}", ufrag)
        .replace("{ufrag}", ufrag)
}

/// A new name for one connection, with the prefix of version 1.
pub fn random_ufrag() -> String {
    let name = rand::rng().sample_iter(&Alphanumeric).take(64).map(char::from);
    "libp2p+webrtc+v1/".chars().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_everything_filled_in() {
        let text = answer("[::1]:9".parse().unwrap(), Fingerprint::raw([0xab; 32]), "name");
        assert!(!text.contains('{') && !text.contains('}'), "{text}");
        for line in [
            "c=IN IP6 ::1",
            "m=application 9 UDP",
            "a=ice-pwd:name",
            "a=fingerprint:sha-256 AB:AB:",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn a_ufrag_is_long_and_new_each_time() {
        assert_eq!(random_ufrag().len(), 17 + 64);
        assert_ne!(random_ufrag(), random_ufrag());
    }
}
