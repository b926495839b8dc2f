//! Which addresses may be asked: those of the public web. An identifier of somebody else's choice must not make a person's device knock at
//! machines of their own network (server-side request forgery, from the inside).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use avatar_host::Rules;

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not https.
    #[error("the address is not https")]
    NotHttps,
    /// Not a URL, or one that readers may understand differently.
    #[error("the address is malformed")]
    Malformed,
    /// A name or a password within the URL.
    #[error("the address holds a user name")]
    UserInfo,
    /// A port that is none.
    #[error("the port is malformed")]
    Port,
    /// A name without a dot, or one of a zone that is not of the public web.
    #[error("the name is not one of the public web")]
    PrivateName,
    /// An address of this machine, its network, or one that leads there.
    #[error("the address is not one of the public web")]
    PrivateAddress,
    /// A public IP address: who owns it tomorrow?
    #[error("the host is an IP address, not a name")]
    IpAddress,
}

/// Zones that are not of the public web: special-use names (RFC 6761, 6762, 7686, 8375, 9476) and what private networks use.
const PRIVATE_ZONES: [&str; 15] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
    "workgroup",
];

/// Checks a URL before it is fetched: https, a plain public name, maybe a port.
pub fn check_url(url: &str) -> Result<(), AddressError> {
    const SCHEME: &str = "https://";
    let rest = match url.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => return Err(AddressError::NotHttps),
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('\\') || url.len() > 2048 {
        return Err(AddressError::Malformed);
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(AddressError::UserInfo);
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(AddressError::Malformed)?;
        let address: Ipv6Addr = address.parse().map_err(|_| AddressError::Malformed)?;
        check_port(port)?;
        return Err(refusal(address));
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    check_host(host)?;
    check_port(port)
}

fn check_port(port: &str) -> Result<(), AddressError> {
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits)
            if digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
                && digits.parse::<u16>().is_ok() =>
        {
            Ok(())
        }
        _ => Err(AddressError::Port),
    }
}

fn check_host(host: &str) -> Result<(), AddressError> {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !labels.iter().all(is_label) {
        return Err(AddressError::Malformed);
    }
    let last = labels.last().copied().unwrap_or_default();
    // Browsers take a host for an IPv4 address if its last label looks like a number (WHATWG URL §3.5).
    if parse_number(last).is_some() || last.bytes().all(|byte| byte.is_ascii_digit()) {
        let address = parse_v4(&labels).ok_or(AddressError::Malformed)?;
        return Err(refusal(address));
    }
    if labels.len() < 2 || PRIVATE_ZONES.contains(&last) {
        return Err(AddressError::PrivateName);
    }
    // A name with a dot at its end is the same one with other rules for certificates and origins.
    if host.ends_with('.') {
        Err(AddressError::Malformed)
    } else {
        Ok(())
    }
}

/// One to four numbers, decimal, octal or hexadecimal: all that C's `inet_aton` takes, and so many a client.
fn parse_v4(labels: &[&str]) -> Option<Ipv4Addr> {
    let (last, firsts) = labels.split_last()?;
    if firsts.len() > 3 {
        return None;
    }
    let mut address = 0_u64;
    for (at, label) in firsts.iter().enumerate() {
        let number = parse_number(label).filter(|number| *number <= 255)?;
        address |= number << (24 - 8 * at);
    }
    let number = parse_number(last).filter(|number| number >> (32 - 8 * firsts.len()) == 0)?;
    Some(Ipv4Addr::from((address | number) as u32))
}

fn parse_number(text: &str) -> Option<u64> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(""), _) => ("0", 16),
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (text, 10),
    };
    let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    digits_only.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// Why a URL with an IP address for a name is refused: all are.
fn refusal(address: impl Into<IpAddr>) -> AddressError {
    match Rules::default().check_address(address.into()) {
        Ok(()) => AddressError::IpAddress,
        Err(_) => AddressError::PrivateAddress,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Did, DidError, web_url};
    use super::*;

    #[test]
    fn addresses_that_are_not_of_the_public_web_are_refused_in_every_notation() {
        use AddressError::{IpAddress, Malformed, NotHttps, Port, PrivateAddress, PrivateName, UserInfo};
        for (url, error) in [
            ("http://example.com/", NotHttps),
            ("ftp://example.com/", NotHttps),
            ("file:///etc/passwd", NotHttps),
            ("data:text/plain,x", NotHttps),
            ("//example.com/", NotHttps),
            ("", NotHttps),
            ("https://localhost/", PrivateName),
            ("https://LOCALHOST:8443/", PrivateName),
            ("https://localhost./", PrivateName),
            ("https://foo.localhost/", PrivateName),
            ("https://printer/", PrivateName),
            ("https://printer.local/", PrivateName),
            ("https://printer.local./", PrivateName),
            ("https://metadata.google.internal/", PrivateName),
            ("https://router.lan/", PrivateName),
            ("https://nas.home.arpa/", PrivateName),
            ("https://x.onion/", PrivateName),
            ("https://x.test/", PrivateName),
            ("https://127.0.0.1/", PrivateAddress),
            ("https://127.1/", PrivateAddress),
            ("https://0/", PrivateAddress),
            ("https://2130706433/", PrivateAddress),
            ("https://017700000001/", PrivateAddress),
            ("https://0x7f000001/", PrivateAddress),
            ("https://0x7f.0.0.1/", PrivateAddress),
            ("https://0177.0.0.1/", PrivateAddress),
            ("https://127.0.0.1./", PrivateAddress),
            ("https://10.0.0.1/", PrivateAddress),
            ("https://172.16.0.1/", PrivateAddress),
            ("https://172.31.255.255/", PrivateAddress),
            ("https://192.168.1.1/", PrivateAddress),
            ("https://0xc0.0xa8.0x1.0x1/", PrivateAddress),
            ("https://169.254.169.254/latest/meta-data", PrivateAddress),
            ("https://100.64.0.1/", PrivateAddress),
            ("https://192.0.0.8/", PrivateAddress),
            ("https://198.18.0.1/", PrivateAddress),
            ("https://224.0.0.1/", PrivateAddress),
            ("https://255.255.255.255/", PrivateAddress),
            ("https://[::1]/", PrivateAddress),
            ("https://[::]/", PrivateAddress),
            ("https://[::ffff:127.0.0.1]/", PrivateAddress),
            ("https://[::ffff:7f00:1]:8443/", PrivateAddress),
            ("https://[::127.0.0.1]/", PrivateAddress),
            ("https://[64:ff9b::7f00:1]/", PrivateAddress),
            ("https://[64:ff9b:1::a00:1]/", PrivateAddress),
            ("https://[2002:7f00:1::]/", PrivateAddress),
            ("https://[2001::1]/", PrivateAddress),
            ("https://[2001:20::1]/", PrivateAddress),
            ("https://[2001:db8::1]/", PrivateAddress),
            ("https://[fc00::1]/", PrivateAddress),
            ("https://[fd12:3456::1]/", PrivateAddress),
            ("https://[fe80::1]/", PrivateAddress),
            ("https://[fec0::1]/", PrivateAddress),
            ("https://[ff02::1]/", PrivateAddress),
            ("https://[fe80::1%25eth0]/", Malformed),
            ("https://[::1/", Malformed),
            ("https://[::1]x/", Port),
            ("https://8.8.8.8/", IpAddress),
            ("https://134744072/", IpAddress),
            ("https://[2606:4700::1111]/", IpAddress),
            ("https://1.2.3.4.5/", Malformed),
            ("https://256.0.0.1/", Malformed),
            ("https://example.com@127.0.0.1/", UserInfo),
            ("https://user:pass@example.com/", UserInfo),
            ("https://example.com%40127.0.0.1/", Malformed),
            ("https://%6c%6f%63%61%6c%68%6f%73%74/", Malformed),
            ("https://127%2e0%2e0%2e1/", Malformed),
            ("https://example.com\\@127.0.0.1/", Malformed),
            ("https://\u{ff11}27.0.0.1/", Malformed),
            ("https://exämple.com/", Malformed),
            ("https://example.com /", Malformed),
            ("https://example.com\n/", Malformed),
            ("https://example.com./", Malformed),
            ("https://example..com/", Malformed),
            ("https:///did.json", Malformed),
            ("https://example.com:/", Port),
            ("https://example.com:0/", Port),
            ("https://example.com:65536/", Port),
            ("https://example.com:44x/", Port),
        ] {
            assert_eq!(check_url(url), Err(error), "{url}");
        }
        for url in [
            "https://example.com",
            "HTTPS://a-b.Example.org:8443/x?y#z",
            "https://xn--bcher-kva.example/",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn identifiers_that_point_into_private_networks_are_refused_before_anything_is_asked() {
        use AddressError::{IpAddress, Malformed, Port, PrivateAddress, PrivateName};
        for (did, error) in [
            ("did:web:localhost", PrivateName),
            ("did:web:localhost%3A3000", PrivateName),
            ("did:web:localhost.", PrivateName),
            ("did:web:a.localhost:x", PrivateName),
            ("did:web:intranet", PrivateName),
            ("did:web:nas.local", PrivateName),
            ("did:web:x.internal", PrivateName),
            ("did:web:hidden.onion", PrivateName),
            ("did:web:127.0.0.1", PrivateAddress),
            ("did:web:127.1", PrivateAddress),
            ("did:web:2130706433", PrivateAddress),
            ("did:web:0x7f000001", PrivateAddress),
            ("did:web:0177.0.0.1", PrivateAddress),
            ("did:web:10.1.2.3%3A443", PrivateAddress),
            ("did:web:192.168.0.1", PrivateAddress),
            ("did:web:169.254.169.254", PrivateAddress),
            ("did:web:100.127.0.1", PrivateAddress),
            ("did:web:1.1.1.1", IpAddress),
            ("did:web:%5B%3A%3A1%5D", Malformed),
            ("did:web:user%40example.com", Malformed),
            ("did:web:example.com%2F..", Malformed),
            ("did:web:example.com%3Fx", Malformed),
            ("did:web:%6cocalhost", Malformed),
            ("did:web:example.com%3A3000%3A1", Port),
            ("did:web:example.com%3Ax", Port),
            ("did:web:example.com%3A", Port),
        ] {
            let parsed = Did::parse(did).expect(did);
            assert_eq!(web_url(&parsed), Err(error), "{did}");
        }
        for did in [
            "did:web:",
            "did:web:[::1]",
            "did:web:a@b",
            "did:web:a/b",
            "did:web:a.example:",
        ] {
            assert_eq!(Did::parse(did), Err(DidError::Syntax), "{did}");
        }
    }
}
