//! Which addresses and headers the Meta Unit may use (ABI.md H17). No engine in here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the embedder allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// http to loopback addresses.
    pub loopback_http: bool,
}

/// The parts of an absolute URL that count, as the engine's own parser normalises them.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// "https:".
    pub protocol: &'a str,
    /// Without port; IPv6 in brackets.
    pub hostname: &'a str,
    /// Empty when there is none.
    pub username: &'a str,
    /// Empty when there is none.
    pub password: &'a str,
}

/// Why a request is refused, in words.
pub type Denied = &'static str;

impl Rules {
    /// Whether the address may be asked.
    pub fn check(self, address: Address<'_>) -> Result<(), Denied> {
        if !address.username.is_empty() || !address.password.is_empty() {
            return Err("a URL with credentials");
        }
        let loopback = is_loopback(address.hostname);
        match address.protocol {
            _ if loopback && !self.loopback_http => Err("a loopback address"),
            "https:" if loopback || !is_private(address.hostname) => Ok(()),
            "https:" => Err("a private address"),
            "http:" if loopback => Ok(()),
            _ => Err("not https"),
        }
    }
}

fn ip(hostname: &str) -> Option<IpAddr> {
    let bare = hostname
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hostname);
    bare.parse().ok()
}

fn is_loopback(hostname: &str) -> bool {
    match ip(hostname) {
        Some(IpAddr::V4(v4)) => v4.is_loopback(),
        Some(IpAddr::V6(v6)) => v6.is_loopback() || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()),
        None => {
            let name = hostname.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

fn is_private(hostname: &str) -> bool {
    match ip(hostname) {
        Some(IpAddr::V4(v4)) => is_private_v4(v4),
        Some(IpAddr::V6(v6)) => is_private_v6(v6),
        None => {
            let name = hostname.trim_end_matches('.');
            // Names that only a local network resolves (RFC 6762, RFC 8375, and ICANN's reservation of .internal).
            !name.contains('.')
                || name.ends_with(".local")
                || name.ends_with(".internal")
                || name.ends_with(".home.arpa")
        }
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarking = a == 198 && (18..20).contains(&b);
    a == 0
        || a >= 224
        || shared
        || benchmarking
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_loopback()
        || v4.is_documentation()
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    if let Some(v4) = v6.to_ipv4_mapped() {
        return is_private_v4(v4);
    }
    // Only 2000::/3 is global unicast; documentation is carved out of it.
    let [first, second, ..] = v6.segments();
    first & 0xe000 != 0x2000 || (first == 0x2001 && second == 0x0db8)
}

/// Methods that a request may have.
pub fn method_allowed(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")
}

/// Whether a request's header may be set: nothing that carries ambient authority or changes the connection. Browsers refuse most of these themselves; Node does not.
pub fn header_allowed(name: &str) -> bool {
    const REFUSED: [&str; 14] = [
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let lower = name.to_ascii_lowercase();
    !lower.is_empty()
        && !REFUSED.contains(&lower.as_str())
        && !lower.starts_with("proxy-")
        && !lower.starts_with("sec-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: Rules, protocol: &str, hostname: &str) -> Result<(), Denied> {
        rules.check(Address {
            protocol,
            hostname,
            username: "",
            password: "",
        })
    }

    #[test]
    fn h17_https_only() {
        let rules = Rules::default();
        assert_eq!(check(rules, "https:", "example.com"), Ok(()));
        for protocol in ["http:", "ftp:", "file:", "data:", "blob:", "ws:", ""] {
            assert_eq!(check(rules, protocol, "example.com"), Err("not https"), "{protocol}");
        }
    }

    #[test]
    fn h17_loopback_only_where_allowed() {
        for hostname in [
            "localhost",
            "a.localhost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            assert!(check(Rules::default(), "https:", hostname).is_err(), "{hostname}");
            let allowed = Rules { loopback_http: true };
            assert_eq!(check(allowed, "http:", hostname), Ok(()), "{hostname}");
            assert_eq!(check(allowed, "https:", hostname), Ok(()), "{hostname}");
            assert!(check(allowed, "file:", hostname).is_err());
        }
    }

    #[test]
    fn h17_no_private_addresses() {
        for hostname in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "[fe80::1]",
            "[fd00::1]",
            "[::]",
            "[::ffff:a00:1]",
            "[2001:db8::1]",
            "router",
            "printer.local",
            "metadata.google.internal",
        ] {
            assert_eq!(
                check(Rules::default(), "https:", hostname),
                Err("a private address"),
                "{hostname}"
            );
        }
        for hostname in [
            "1.1.1.1",
            "[2606:4700::1111]",
            "172.15.0.1",
            "100.128.0.1",
            "example.com.",
        ] {
            assert_eq!(check(Rules::default(), "https:", hostname), Ok(()), "{hostname}");
        }
    }

    #[test]
    fn h17_no_credentials() {
        let address = Address {
            protocol: "https:",
            hostname: "example.com",
            username: "me",
            password: "",
        };
        assert_eq!(Rules::default().check(address), Err("a URL with credentials"));
        for name in ["Cookie", "HOST", "Proxy-Authorization", "Sec-Fetch-Site", ""] {
            assert!(!header_allowed(name), "{name}");
        }
        assert!(header_allowed("Accept") && header_allowed("content-type"));
        assert!(method_allowed("GET") && !method_allowed("TRACE") && !method_allowed("get"));
    }
}
