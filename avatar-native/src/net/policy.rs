//! Which addresses, methods and headers the Meta Unit may use (ABI.md H17).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What the user of the host allows.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// http and https to this machine.
    pub loopback: bool,
    /// Certificates (DER) that are trusted besides those of the system.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Why a request is refused, in words.
pub type Denied = &'static str;

impl Rules {
    /// Whether the URL may be asked, as far as it shows; names are looked at again when they are resolved ([`Rules::check_address`]).
    pub fn check(&self, url: &Url) -> Result<(), Denied> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with credentials");
        }
        let host = url.host().ok_or("a URL without a host")?;
        let loopback = match &host {
            Host::Domain(name) => is_loopback_name(name),
            Host::Ipv4(v4) => is_loopback(IpAddr::V4(*v4)),
            Host::Ipv6(v6) => is_loopback(IpAddr::V6(*v6)),
        };
        match url.scheme() {
            "https" | "http" if loopback && self.loopback => return Ok(()),
            "https" => {}
            _ => return Err("not https"),
        }
        match host {
            Host::Domain(name) if is_local_name(name) => Err("a name of this machine or its network"),
            Host::Domain(_) => Ok(()),
            Host::Ipv4(v4) => self.check_address(IpAddr::V4(v4)),
            Host::Ipv6(v6) => self.check_address(IpAddr::V6(v6)),
        }
    }

    /// Whether an address may be connected to.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Denied> {
        match address {
            _ if is_loopback(address) => match self.loopback {
                true => Ok(()),
                false => Err("a loopback address"),
            },
            IpAddr::V4(v4) if !is_private_v4(v4) => Ok(()),
            IpAddr::V6(v6) if !is_private_v6(v6) => Ok(()),
            _ => Err("a private address"),
        }
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Names that only a local network resolves (RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of .internal).
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.')
        || [".localhost", ".local", ".internal", ".home.arpa"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// What the IANA registry of special-purpose IPv4 addresses does not give to the whole internet.
fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    a == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        // Multicast, reserved, broadcast.
        || a >= 224
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    if let Some(v4) = v6.to_ipv4_mapped() {
        return is_private_v4(v4);
    }
    let [first, second, third, ..] = v6.segments();
    match (first, second) {
        // 6to4 and NAT64 lead to the IPv4 address inside.
        (0x2002, _) => is_private_v4(Ipv4Addr::from(u32::from(second) << 16 | u32::from(third))),
        (0x64, 0xff9b) => is_private_v4(v4_at_the_end(v6)),
        // Documentation, Teredo, ORCHID.
        (0x2001, 0x0db8 | 0x0000) | (0x2001, 0x0010..=0x002f) => true,
        // 2000::/3 is what is global.
        _ => first & 0xe000 != 0x2000,
    }
}

fn v4_at_the_end(v6: Ipv6Addr) -> Ipv4Addr {
    let [.., high, low] = v6.segments();
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

/// Methods that a request may have.
pub fn method_allowed(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")
}

/// Headers that say who asks, or that are the connection's own.
const REFUSED_HEADERS: [&str; 14] = [
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

/// Whether a request's header may be set.
pub fn header_allowed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.is_empty()
        && !REFUSED_HEADERS.contains(&name.as_str())
        && !name.starts_with("proxy-")
        && !name.starts_with("sec-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loopback: bool, url: &str) -> Result<(), Denied> {
        let rules = Rules {
            loopback,
            extra_roots: Vec::new(),
        };
        rules.check(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn h17_https_only() {
        assert_eq!(check(false, "https://example.com/x"), Ok(()));
        for url in ["http://example.com/", "ftp://example.com/", "ws://example.com/"] {
            assert_eq!(check(true, url), Err("not https"), "{url}");
        }
        assert!(check(true, "file:///etc/passwd").is_err());
        assert!(check(true, "data:text/plain,x").is_err());
    }

    #[test]
    fn h17_loopback_only_where_the_user_allowed_it() {
        for host in [
            "localhost",
            "a.localhost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:8080/");
                assert!(check(false, &url).is_err(), "{url}");
                assert_eq!(check(true, &url), Ok(()), "{url}");
            }
            assert!(check(true, &format!("ftp://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn h17_no_private_addresses_and_no_names_of_a_local_network() {
        for host in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "192.0.2.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "0xa.0.0.1",
            "012.0.0.1",
            "[fe80::1]",
            "[fd00::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[2001:db8::1]",
            "[2002:a00:1::]",
            "[64:ff9b::a00:1]",
            "[2001:0:1::1]",
            "router",
            "printer.local",
            "metadata.google.internal",
            "nas.home.arpa",
            "x.internal.",
        ] {
            assert!(check(true, &format!("https://{host}/")).is_err(), "{host}");
        }
        for host in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "[2606:4700::1111]",
            "[64:ff9b::101:101]",
            "example.com.",
        ] {
            assert_eq!(check(false, &format!("https://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn h17_no_credentials() {
        assert_eq!(check(false, "https://me@example.com/"), Err("a URL with credentials"));
        assert_eq!(check(false, "https://:p@example.com/"), Err("a URL with credentials"));
        for name in ["Cookie", "HOST", "Proxy-Authorization", "Sec-Fetch-Site", ""] {
            assert!(!header_allowed(name), "{name}");
        }
        assert!(header_allowed("Accept") && header_allowed("content-type"));
        assert!(method_allowed("GET") && !method_allowed("TRACE") && !method_allowed("get"));
    }
}
