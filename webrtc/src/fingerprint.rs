//! The fingerprint of a DTLS certificate, as SDP and as addresses write it.
use std::fmt::{self, Write};

/// The code of SHA2-256 among multihashes.
const SHA2_256: u64 = 0x12;

/// The SHA-256 of a certificate. Other hashes are not supported: the specification demands no other, and browsers write this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From the `/certhash` of an address. `None` for other hashes.
    pub(crate) fn from_multihash(hash: &multihash::Multihash<64>) -> Option<Self> {
        (hash.code() == SHA2_256).then(|| hash.digest().try_into().ok().map(Self))?
    }

    /// From the first `a=fingerprint:sha-256 AB:CD:…` line of a session description.
    pub(crate) fn from_sdp(sdp: &str) -> Option<Self> {
        let hex = sdp.lines().find_map(|line| {
            let (algorithm, value) = line.strip_prefix("a=fingerprint:")?.split_once(' ')?;
            algorithm.eq_ignore_ascii_case("sha-256").then_some(value.trim())
        })?;
        let mut digest = [0; 32];
        let mut parts = hex.split(':');
        for byte in &mut digest {
            *byte = parts
                .next()
                .filter(|part| part.len() == 2)
                .and_then(|part| u8::from_str_radix(part, 16).ok())?;
        }
        parts.next().is_none().then_some(Self(digest))
    }

    /// As bytes of a multihash, which is how the Noise prologue holds it.
    pub(crate) fn to_multihash_bytes(self) -> Vec<u8> {
        [&[SHA2_256 as u8, 32], &self.0[..]].concat()
    }
}

/// As SDP writes it: `AB:CD:…`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "a=fingerprint:sha-256 7D:E3:D8:3F:81:A6:80:59:2A:47:1E:6B:6A:BB:07:47:AB:D3:53:85:A8:09:3F:DF:E1:12:C1:EE:BB:6C:C6:AC";

    #[test]
    fn a_fingerprint_is_read_from_sdp_and_written_as_it_was() {
        let read = Fingerprint::from_sdp(&format!("v=0\r\n{LINE}\r\na=setup:actpass\r\n")).unwrap();
        assert!(LINE.ends_with(&read.to_string()));
    }

    #[test]
    fn what_is_no_fingerprint_is_none() {
        for line in [
            "",
            "a=fingerprint:sha-1 AB:CD",
            "a=fingerprint:sha-256 AB:CD",
            "a=fingerprint:sha-256 +1:CD",
            &format!("{LINE}:00"),
        ] {
            assert_eq!(Fingerprint::from_sdp(line), None, "{line}");
        }
    }
}
