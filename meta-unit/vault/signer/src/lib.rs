//! Ed25519 (RFC 8032) for a key that signs much.
//!
//! A signature is one multiplication of the base point, and that is nearly all of its cost. ed25519-dalek has a table for it (feature `fast`), which makes it twice as
//! fast and the module 35 KB larger (brotli), since a table does not compress. Here the table is made when the first signature is asked for: a millisecond and 60 KB of memory.
//! Keys and scalars are ed25519-dalek's and curve25519-dalek's own, and the arithmetic below the points is fiat-crypto's. The points are here, since those of
//! curve25519-dalek cannot be had in the form in which they are added the fastest: measured in V8, a signature takes 24 µs instead of 45.
//!
//! A crate of its own, since Cargo sets the level of optimization for a crate.

mod base;
mod field;
mod point;

use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::SigningKey;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroize as _;

/// Signs with one key, which is wiped when this is dropped.
pub struct Signer {
    secret: ExpandedSecretKey,
    public: [u8; 32],
}

impl Signer {
    /// With a key.
    pub fn new(key: &SigningKey) -> Self {
        Self {
            secret: ExpandedSecretKey::from(key.as_bytes()),
            public: key.verifying_key().to_bytes(),
        }
    }

    /// The signature of ed25519-dalek's `sign`, which is RFC 8032's (5.1.6).
    #[inline(never)]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut nonce = hash(&[&self.secret.hash_prefix, message]);
        let commitment = base::multiply(&nonce).compress();
        let challenge = hash(&[&commitment, &self.public, message]);
        let proof = challenge * self.secret.scalar + nonce;
        nonce.zeroize();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&commitment);
        signature[32..].copy_from_slice(proof.as_bytes());
        signature
    }
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    let mut wide: [u8; 64] = hash.finalize().into();
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use proptest::prelude::*;

    use super::*;

    fn unhex<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    }

    #[test]
    fn signs_as_rfc_8032_shows() {
        // 7.1, TEST 1 and TEST 3.
        let key = SigningKey::from_bytes(&unhex(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        ));
        assert_eq!(
            Signer::new(&key).sign(b""),
            unhex(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            )
        );
        let key = SigningKey::from_bytes(&unhex(
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        ));
        assert_eq!(
            Signer::new(&key).sign(&[0xaf, 0x82]),
            unhex(
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            )
        );
    }

    proptest! {
        #[test]
        fn signs_as_ed25519_dalek_does(seed: [u8; 32], message in proptest::collection::vec(any::<u8>(), 0..400)) {
            let key = SigningKey::from_bytes(&seed);
            prop_assert_eq!(Signer::new(&key).sign(&message), key.sign(&message).to_bytes());
        }
    }
}
