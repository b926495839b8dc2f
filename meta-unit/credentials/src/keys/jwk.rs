//! JSON Web Keys (RFC 7517, RFC 7518 §6.2, RFC 8037 §2): public ones.

use super::{KeyError, KeyKind, PublicKey};
use crate::base64url;
use crate::json::{Object, Value};

/// The curves of both key types, as they are named in a JSON Web Key.
const CURVES: [(KeyKind, &str, &str); 6] = [
    (KeyKind::Ed25519, "OKP", "Ed25519"),
    (KeyKind::X25519, "OKP", "X25519"),
    (KeyKind::P256, "EC", "P-256"),
    (KeyKind::P384, "EC", "P-384"),
    (KeyKind::P521, "EC", "P-521"),
    (KeyKind::Secp256k1, "EC", "secp256k1"),
];

impl PublicKey {
    /// Reads a public JSON Web Key. A private one is refused: it must not be where it was found.
    pub fn from_jwk(jwk: &Object) -> Result<Self, KeyError> {
        if ["d", "k", "p", "q"].iter().any(|secret| jwk.contains(secret)) {
            return Err(KeyError::PrivateKey);
        }
        let text = |name| jwk.get_str(name).ok_or(KeyError::Jwk);
        let bytes = |name| base64url::decode(text(name)?).ok_or(KeyError::Jwk);
        let (key_type, curve) = (text("kty")?, jwk.get_str("crv").ok_or(KeyError::UnsupportedKind)?);
        let (kind, ..) = CURVES
            .iter()
            .find(|(_, kty, crv)| *kty == key_type && *crv == curve)
            .ok_or(KeyError::UnsupportedKind)?;
        match kind.curve() {
            None => Self::new(*kind, &bytes("x")?),
            Some(curve) => Ok(Self {
                kind: *kind,
                bytes: curve.compress(&bytes("x")?, &bytes("y")?)?,
            }),
        }
    }

    /// The key as a JSON Web Key, with the members that its thumbprint is made of.
    pub fn to_jwk(&self) -> Object {
        let (_, key_type, name) = CURVES
            .iter()
            .find(|(kind, ..)| *kind == self.kind)
            .expect("every kind is in the table");
        let mut jwk = Object::from([("kty", Value::from(*key_type)), ("crv", Value::from(*name))]);
        match self.kind.curve() {
            None => jwk.insert("x", base64url::encode(&self.bytes)),
            Some(curve) => {
                let y = curve
                    .decompress(&self.bytes)
                    .expect("the key was checked when it was made");
                jwk.insert("x", base64url::encode(&self.bytes[1..]));
                jwk.insert("y", base64url::encode(&y));
            }
        }
        jwk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_jwk(
            Value::parse(text.as_bytes())
                .expect("JSON")
                .as_object()
                .expect("an object"),
        )
    }

    #[test]
    fn the_public_key_of_rfc_8037_reads_back_as_it_was_written() {
        let text = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(
            Value::from(key(text).expect("the key of appendix A.2").to_jwk()).to_text(),
            text
        );
    }

    #[test]
    fn keys_that_are_private_or_malformed_are_refused() {
        for (text, error) in [
            (r#"{}"#, KeyError::Jwk),
            (r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#, KeyError::UnsupportedKind),
            (r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#, KeyError::UnsupportedKind),
            (r#"{"kty":"EC","crv":"Ed25519","x":"AA"}"#, KeyError::UnsupportedKind),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, KeyError::Length),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"A"}"#, KeyError::Jwk),
            (r#"{"kty":"OKP","crv":"Ed25519"}"#, KeyError::Jwk),
            (
                r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                KeyError::PrivateKey,
            ),
            (
                r#"{"kty":"EC","crv":"P-256","x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIA"}"#,
                KeyError::NotOnCurve,
            ),
        ] {
            assert_eq!(key(text), Err(error), "{text}");
        }
    }
}
