//! HKDF-SHA-256 (RFC 5869): how one secret becomes several.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// 32 bytes for one purpose, which `info` names.
pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, derived.as_mut_slice())
        .expect("32 bytes are fewer than the 8,160 that HKDF-SHA-256 can give");
    derived
}
