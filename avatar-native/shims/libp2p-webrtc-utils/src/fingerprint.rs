//! The hash of a certificate, by which a peer is dialled.

use std::fmt;

use libp2p_core::multihash::Multihash;
use sha2::{Digest as _, Sha256};

/// The only algorithm, as SDP calls it (RFC 8122).
pub const SHA256: &str = "sha-256";

/// The same in the table of multihash codes.
const CODE: u64 = 0x12;

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// What stands for a certificate that is not known yet.
    pub const FF: Self = Self([0xff; 32]);

    /// A hash that is there already.
    pub const fn raw(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Of a certificate in DER.
    pub fn from_certificate(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Of the hash in an address; `None` when it is not a SHA-256.
    pub fn try_from_multihash(hash: Multihash<64>) -> Option<Self> {
        let digest = hash.digest().try_into().ok()?;
        (hash.code() == CODE).then_some(Self(digest))
    }

    /// As it stands in an address.
    pub fn to_multihash(self) -> Multihash<64> {
        Multihash::wrap(CODE, &self.0).expect("32 bytes are less than 64")
    }

    /// As it stands in SDP: upper case, with colons.
    pub fn to_sdp_format(self) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(":")
    }

    /// [`SHA256`].
    pub fn algorithm(&self) -> String {
        SHA256.to_owned()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_sdp_format())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_by_way_of_an_address() {
        let fingerprint = Fingerprint::from_certificate(b"certificate");
        assert_eq!(
            Fingerprint::try_from_multihash(fingerprint.to_multihash()),
            Some(fingerprint)
        );
        let other = Multihash::<64>::wrap(0x13, &[0; 32]).unwrap();
        assert_eq!(Fingerprint::try_from_multihash(other), None);
    }

    #[test]
    fn sdp_has_upper_case_and_colons() {
        let text = Fingerprint::raw([0xab; 32]).to_sdp_format();
        assert!(text.starts_with("AB:AB:AB:"));
        assert_eq!(text.len(), 32 * 3 - 1);
    }
}
