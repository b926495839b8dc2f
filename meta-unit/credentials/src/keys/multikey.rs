//! Multikeys (Controlled Identifiers 1.0 §2.2.2): a multicodec prefix and the key, in base58-btc.

use super::{KeyError, KeyKind, PublicKey};
use crate::multibase;

/// The public key kinds with their multicodec as an unsigned varint.
const CODECS: [(KeyKind, [u8; 2]); 6] = [
    (KeyKind::Ed25519, [0xed, 0x01]),
    (KeyKind::X25519, [0xec, 0x01]),
    (KeyKind::P256, [0x80, 0x24]),
    (KeyKind::P384, [0x81, 0x24]),
    (KeyKind::P521, [0x82, 0x24]),
    (KeyKind::Secp256k1, [0xe7, 0x01]),
];

impl PublicKey {
    /// Reads `z6Mk…` and its like.
    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        let bytes = multibase::decode_base58(text).ok_or(KeyError::Encoding)?;
        let (prefix, key) = bytes.split_first_chunk().ok_or(KeyError::Length)?;
        let (kind, _) = CODECS
            .iter()
            .find(|(_, codec)| codec == prefix)
            .ok_or(KeyError::UnsupportedKind)?;
        Self::new(*kind, key)
    }

    /// The key as a multikey.
    pub fn to_multikey(&self) -> String {
        let (_, codec) = CODECS
            .iter()
            .find(|(kind, _)| *kind == self.kind)
            .expect("every kind has a codec");
        multibase::base58(&[codec.as_slice(), &self.bytes].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        for text in [
            "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
            "z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW",
            "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
            "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        ] {
            assert_eq!(PublicKey::from_multikey(text).expect(text).to_multikey(), text);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_typed_error() {
        let key =
            |codec: [u8; 2], bytes: &[u8]| PublicKey::from_multikey(&multibase::base58(&[&codec, bytes].concat()));
        assert_eq!(PublicKey::from_multikey(""), Err(KeyError::Encoding));
        assert_eq!(PublicKey::from_multikey("z0OIl"), Err(KeyError::Encoding));
        assert_eq!(PublicKey::from_multikey("m7QE"), Err(KeyError::Encoding));
        assert_eq!(PublicKey::from_multikey("z"), Err(KeyError::Length));
        assert_eq!(
            PublicKey::from_multikey(&format!("z{}", "1".repeat(2000))),
            Err(KeyError::Encoding)
        );
        assert_eq!(key([0xed, 0x01], &[1; 31]), Err(KeyError::Length));
        assert_eq!(key([0xed, 0x01], &[1; 33]), Err(KeyError::Length));
        assert_eq!(key([0x00, 0x01], &[1; 32]), Err(KeyError::UnsupportedKind));
        assert_eq!(key([0x80, 0x24], &[5; 33]), Err(KeyError::NotOnCurve));
        assert_eq!(key([0x80, 0x24], &[2; 32]), Err(KeyError::Length));
        // A y that no point has.
        let mut none = [0; 32];
        none[0] = 2;
        assert_eq!(key([0xed, 0x01], &none), Err(KeyError::NotOnCurve));
    }
}
