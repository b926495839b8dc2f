//! Public keys as DID documents hold them: multikeys and JSON Web Keys. Signatures are made and checked with Ed25519 alone; of the other kinds it
//! is known whether they are keys at all.

mod ed25519;
mod jwk;
mod multikey;
mod weierstrass;

pub use ed25519::{SIGNATURE_BYTES, verify, x25519_of};

use weierstrass::Curve;

/// The kinds of keys that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// EdDSA over edwards25519 (RFC 8032).
    Ed25519,
    /// Key agreement (RFC 7748).
    X25519,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1 (SEC 2).
    Secp256k1,
}

/// A public key that was checked to be one: of the right length, and a point of its curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// 32 bytes, or the compressed point (SEC 1 §2.3.3) of the Weierstrass curves.
    bytes: Vec<u8>,
}

/// Why bytes or texts are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not multibase of the base that is asked for.
    #[error("the key is no multibase base58-btc text")]
    Encoding,
    /// A multicodec or a curve that is not known.
    #[error("the kind of the key is not supported")]
    UnsupportedKind,
    /// Too many or too few bytes.
    #[error("the key has the wrong length")]
    Length,
    /// The point is not on its curve.
    #[error("the key is no point of its curve")]
    NotOnCurve,
    /// A JSON Web Key without what its kind must have, or with what a public key must not.
    #[error("the JSON Web Key is malformed")]
    Jwk,
    /// A secret key where a public one belongs.
    #[error("the JSON Web Key holds a private key")]
    PrivateKey,
}

impl PublicKey {
    /// Checks the bytes: 32 for Ed25519 and X25519, else a compressed point.
    pub fn new(kind: KeyKind, bytes: &[u8]) -> Result<Self, KeyError> {
        match kind.curve() {
            None => {
                let bytes = <&[u8; 32]>::try_from(bytes).map_err(|_| KeyError::Length)?;
                if kind == KeyKind::Ed25519 && !ed25519::is_point(bytes) {
                    return Err(KeyError::NotOnCurve);
                }
            }
            Some(curve) => {
                curve.decompress(bytes)?;
            }
        }
        Ok(Self {
            kind,
            bytes: bytes.to_vec(),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The bytes that a multikey holds after its prefix.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The 32 bytes, if it is an Ed25519 key.
    pub fn ed25519(&self) -> Option<&[u8; 32]> {
        match self.kind {
            KeyKind::Ed25519 => <&[u8; 32]>::try_from(self.bytes.as_slice()).ok(),
            _ => None,
        }
    }
}

impl KeyKind {
    fn curve(self) -> Option<&'static Curve> {
        match self {
            Self::Ed25519 | Self::X25519 => None,
            Self::P256 => Some(&weierstrass::P256),
            Self::P384 => Some(&weierstrass::P384),
            Self::P521 => Some(&weierstrass::P521),
            Self::Secp256k1 => Some(&weierstrass::SECP256K1),
        }
    }
}
