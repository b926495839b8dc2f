//! The hash of a certificate, by which a peer is dialled.

use libp2p_core::multihash::Multihash;
use sha2::{Digest as _, Sha256};

/// SHA-256 in the table of multihash codes.
const CODE: u64 = 0x12;

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// What stands for a certificate that is not known yet.
    pub const UNKNOWN: Self = Self([0xff; 32]);

    pub fn from_certificate(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// As it stands in SDP (RFC 8122): hexadecimal, with colons.
    pub fn from_sdp(text: &str) -> Option<Self> {
        let bytes: Vec<u8> = text
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect::<Option<_>>()?;
        Some(Self(bytes.try_into().ok()?))
    }

    pub fn to_sdp(self) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(":")
    }

    /// As it stands in an address.
    pub fn to_multihash(self) -> Multihash<64> {
        Multihash::wrap(CODE, &self.0).expect("32 bytes are less than 64")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_by_way_of_sdp() {
        let fingerprint = Fingerprint::from_certificate(b"certificate");
        assert_eq!(Fingerprint::from_sdp(&fingerprint.to_sdp()), Some(fingerprint));
        for wrong in ["", "AB:CD", "no", &"AB:".repeat(32)] {
            assert_eq!(Fingerprint::from_sdp(wrong), None);
        }
    }
}
