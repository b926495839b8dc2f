//! What the user of this host allows, on URLs and on the addresses that names lead to.

use std::net::IpAddr;

use avatar_host::{Address, Denied};
use url::Url;

/// What the user of the host allows.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// http and https to this machine.
    pub loopback: bool,
    /// Certificates (DER) that are trusted besides those of the system.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Rules {
    fn addresses(&self) -> avatar_host::Rules {
        let loopback = self.loopback;
        avatar_host::Rules { loopback }
    }

    /// Whether the URL may be asked, as far as it shows; names are looked at again when they are resolved ([`Rules::check_address`]).
    pub fn check(&self, url: &Url) -> Result<(), Denied> {
        self.addresses().check(Address {
            scheme: url.scheme(),
            hostname: url.host_str().unwrap_or_default(),
            has_credentials: !url.username().is_empty() || url.password().is_some(),
        })
    }

    /// Whether an address may be connected to.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Denied> {
        self.addresses().check_address(address)
    }
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
    fn h17_the_rules_see_an_address_in_every_notation_of_it() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "[::ffff:127.0.0.1]",
            "LOCALHOST",
        ] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:8080/");
                assert!(check(false, &url).is_err(), "{url}");
                assert_eq!(check(true, &url), Ok(()), "{url}");
            }
        }
        for host in [
            "0xa.0.0.1",
            "012.0.0.1",
            "10.1",
            "0x0a000001",
            "[::ffff:10.0.0.1]",
            "PRINTER.LOCAL",
            "１０.0.0.1",
        ] {
            assert!(check(true, &format!("https://{host}/")).is_err(), "{host}");
        }
        for url in [
            "https://example.com:8443/x",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(check(false, url), Ok(()), "{url}");
        }
    }

    #[test]
    fn h17_no_credentials_and_no_url_without_a_host() {
        for url in ["https://me@example.com/", "https://:p@example.com/"] {
            assert_eq!(check(false, url), Err("a URL with credentials"));
        }
        for url in ["file:///etc/passwd", "data:text/plain,x", "mailto:me@example.com"] {
            assert!(check(true, url).is_err(), "{url}");
        }
    }
}
