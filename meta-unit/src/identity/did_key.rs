//! The did:key method for Ed25519 (W3C CCG, did:key 0.7 §3.1).

/// multicodec `ed25519-pub` (0xed) as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];

/// The did:key of an Ed25519 public key: base58-btc, multibase prefix `z`.
pub fn did_key(public_key: &[u8; 32]) -> String {
    let bytes = [ED25519_PUB.as_slice(), public_key].concat();
    format!("did:key:z{}", bs58::encode(bytes).into_string())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    /// The key pair of the did:key method's test vectors, `ed25519-x25519.json`.
    #[test]
    fn the_did_of_the_methods_own_vectors() {
        let seed = [0; 32];
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        assert_eq!(
            did_key(&public),
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
        );
    }
}
