//! Ed25519: strict verification, and the X25519 key that belongs to a signing key.

use std::cell::RefCell;

use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The y of the points whose order divides eight: signatures by or with them mean nothing. Little-endian, as they are encoded.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    small(0x01, 0x00, 0x00),
    small(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, //
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, //
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn small(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

fn is_small_order(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// Whether these bytes are a point of edwards25519.
pub(super) fn is_point(public_key: &[u8; 32]) -> bool {
    CompressedEdwardsY(*public_key).decompress().is_some()
}

/// Keys that were used lately: an issuer's credentials come in numbers, and finding the point of a key is a sixth of checking a signature.
const MAX_KNOWN: usize = 8;

thread_local! {
    static KNOWN: RefCell<Vec<VerifyingKey>> = const { RefCell::new(Vec::new()) };
}

/// The point of a key. `None` if it has none, or one of small order.
fn point_of(public_key: &[u8; 32]) -> Option<VerifyingKey> {
    KNOWN.with_borrow_mut(|known| {
        if let Some(place) = known.iter().position(|key| key.as_bytes() == public_key) {
            // The one that was used last comes first, and the last one goes.
            known[..=place].rotate_right(1);
            return Some(known[0]);
        }
        let key = VerifyingKey::from_bytes(public_key).ok().filter(|key| !key.is_weak())?;
        known.truncate(MAX_KNOWN - 1);
        known.insert(0, key);
        Some(key)
    })
}

/// Checks a signature as strictly as `verify_strict` of ed25519-dalek: the scalar is reduced, and neither the key nor the signature's point is of
/// small order. That function decompresses the signature's point to know it, which costs a sixth of all. A look at the few encodings says the
/// same, because a point in any but its canonical encoding never verifies.
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let point: &[u8; 32] = signature.first_chunk().expect("64 bytes begin with 32");
    if is_small_order(point) {
        return false;
    }
    let signature = Signature::from_bytes(signature);
    point_of(public_key).is_some_and(|key| key.verify(message, &signature).is_ok())
}

/// The X25519 key of an Ed25519 key: the same point on the other form of the curve (did:key 0.7 §3.1.3). `None` if there is no such point.
pub fn x25519_of(public_key: &[u8; 32]) -> Option<[u8; 32]> {
    let point = CompressedEdwardsY(*public_key).decompress()?;
    Some(point.to_montgomery().to_bytes())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    #[test]
    fn a_signature_verifies_and_no_other_does() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signature = key.sign(b"message").to_bytes();
        assert!(verify(&public, b"message", &signature));
        assert!(!verify(&public, b"Message", &signature));
        for bit in 0..512 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&public, b"message", &flipped), "bit {bit}");
        }
    }

    #[test]
    fn the_keys_of_before_are_not_taken_for_others() {
        let keys: Vec<SigningKey> = (0..20).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect();
        let signatures: Vec<[u8; 64]> = keys.iter().map(|key| key.sign(b"message").to_bytes()).collect();
        for round in 0..60 {
            let (one, other) = (round * 7 % 20, round * 11 % 20);
            let public = keys[one].verifying_key().to_bytes();
            assert!(verify(&public, b"message", &signatures[one]));
            assert_eq!(verify(&public, b"message", &signatures[other]), one == other);
        }
    }

    #[test]
    fn the_verdict_is_that_of_verify_strict_also_for_points_of_small_order() {
        let torsion = curve25519_dalek::constants::EIGHT_TORSION.map(|point| point.compress().to_bytes());
        for (at, encoded) in torsion.iter().enumerate() {
            assert!(is_small_order(encoded), "point {at}");
        }
        for key in torsion {
            for point in torsion {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&point);
                assert!(!verify(&key, b"any", &signature));
            }
        }
    }
}
