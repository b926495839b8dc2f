//! Which addresses the Meta Unit may ask (ABI.md H17): https to the public internet, and http to this machine where the host's user allowed it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the user of the host allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// http and https to loopback addresses.
    pub loopback: bool,
}

/// The parts of an absolute URL that count, as a parser of the URL standard gives them: numbers in all their notations are addresses then, and names in lower case.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// `https`, without the colon.
    pub scheme: &'a str,
    /// Without port; IPv6 in brackets. Empty when there is none.
    pub hostname: &'a str,
    /// Whether the URL names a user or a password.
    pub has_credentials: bool,
}

/// Why a request is refused, in words.
pub type Denied = &'static str;

impl Rules {
    /// Whether the URL may be asked, as far as it shows. Who resolves names looks at their addresses too: [`check_address`](Self::check_address).
    pub fn check(self, address: Address<'_>) -> Result<(), Denied> {
        if address.has_credentials {
            return Err("a URL with credentials");
        }
        if address.hostname.is_empty() {
            return Err("a URL without a host");
        }
        let name = address.hostname.trim_end_matches('.');
        let ip = ip(address.hostname);
        let is_loopback = match ip {
            Some(ip) => is_loopback(ip),
            None => name == "localhost" || name.ends_with(".localhost"),
        };
        match address.scheme {
            "https" | "http" if is_loopback && self.loopback => Ok(()),
            "https" if is_loopback => Err("a loopback address"),
            "https" => match ip {
                Some(ip) => self.check_address(ip),
                None if is_local(name) => Err("a name of a local network"),
                None => Ok(()),
            },
            _ => Err("not https"),
        }
    }

    /// Whether an address may be connected to.
    pub fn check_address(self, address: IpAddr) -> Result<(), Denied> {
        match address {
            _ if is_loopback(address) => match self.loopback {
                true => Ok(()),
                false => Err("a loopback address"),
            },
            IpAddr::V4(v4) if is_public_v4(v4) => Ok(()),
            IpAddr::V6(v6) if is_public_v6(v6) => Ok(()),
            _ => Err("a private address"),
        }
    }
}

fn ip(hostname: &str) -> Option<IpAddr> {
    let bare = hostname.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(hostname).parse().ok()
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Names that only a local network resolves (RFC 6762, RFC 8375, and ICANN's reservation of .internal), and those of one label.
fn is_local(name: &str) -> bool {
    !name.contains('.')
        || [".local", ".internal", ".home.arpa"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// All but what the IANA registry of special-purpose IPv4 addresses does not give to the whole internet.
fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_special = match (a, b, c) {
        // This network; multicast, reserved, broadcast.
        (0 | 224.., ..) => true,
        // Shared by carriers, protocol assignments, the relays of 6to4, benchmarking.
        (100, 64..128, _) | (192, 0, 0) | (192, 88, 99) | (198, 18..20, _) => true,
        _ => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation(),
    };
    !is_special
}

/// What the IANA registry of special-purpose IPv6 addresses gives to the whole internet; an IPv4 address inside decides.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        // IPv4-mapped, NAT64 (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo, ORCHID, benchmarking), and documentation.
        [0x2001, 0..0x200 | 0x0db8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // 2000::/3 is what is global.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [&str; 2] = ["http", "https"];

    fn check(loopback: bool, scheme: &str, hostname: &str) -> Result<(), Denied> {
        Rules { loopback }.check(Address {
            scheme,
            hostname,
            has_credentials: false,
        })
    }

    #[test]
    fn h17_https_only() {
        assert_eq!(check(false, "https", "example.com"), Ok(()));
        for scheme in ["http", "ftp", "file", "data", "blob", "ws", "wss", "https:", ""] {
            for loopback in [false, true] {
                assert_eq!(check(loopback, scheme, "example.com"), Err("not https"), "{scheme}");
            }
        }
    }

    #[test]
    fn h17_loopback_only_where_the_user_allowed_it() {
        for hostname in [
            "localhost",
            "a.localhost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            for scheme in SCHEMES {
                assert!(check(false, scheme, hostname).is_err(), "{scheme}://{hostname}");
                assert_eq!(check(true, scheme, hostname), Ok(()), "{scheme}://{hostname}");
            }
            for scheme in ["file", "ftp", "ws"] {
                assert!(check(true, scheme, hostname).is_err(), "{scheme}://{hostname}");
            }
        }
    }

    #[test]
    fn h17_no_private_addresses_and_no_names_of_a_local_network() {
        for hostname in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::7f00:1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a00:1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::101:101]",
            "[100::1]",
            "[2001::1]",
            "[2001:0:101:101::1]",
            "[2001:2::1]",
            "[2001:10::1]",
            "[2001:20::1]",
            "[2001:db8::1]",
            "[2002:a00:1::]",
            "[2002:7f00:1::1]",
            "[2002:c0a8:101::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[fc00::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "router",
            "router.",
            "printer.local",
            "metadata.google.internal",
            "nas.home.arpa",
            "x.internal.",
            "",
        ] {
            for loopback in [false, true] {
                assert!(check(loopback, "https", hostname).is_err(), "{hostname}");
            }
        }
        for hostname in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "[2001:200::1]",
            "[2002:101:101::1]",
            "[2606:4700::1111]",
            "[::ffff:1.1.1.1]",
            "[64:ff9b::101:101]",
            "example.com",
            "example.com.",
            "local.example",
        ] {
            assert_eq!(check(false, "https", hostname), Ok(()), "{hostname}");
        }
    }

    #[test]
    fn h17_no_credentials() {
        let address = Address {
            scheme: "https",
            hostname: "example.com",
            has_credentials: true,
        };
        assert_eq!(Rules::default().check(address), Err("a URL with credentials"));
    }

    #[test]
    fn what_a_name_leads_to_is_held_to_the_same_rules() {
        let [public, private, loopback] =
            ["1.1.1.1", "::ffff:10.0.0.1", "::1"].map(|ip| ip.parse().expect("an address"));
        for (allowed, rules) in [(false, Rules::default()), (true, Rules { loopback: true })] {
            assert_eq!(rules.check_address(public), Ok(()));
            assert!(rules.check_address(private).is_err());
            assert_eq!(rules.check_address(loopback).is_ok(), allowed);
        }
    }
}
