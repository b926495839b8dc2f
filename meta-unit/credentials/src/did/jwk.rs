//! did:jwk: the identifier is a JSON Web Key in base64url.

use super::ResolveError;
use super::document::DidDocument;
use super::syntax::Did;
use crate::base64url;
use crate::json::{Limits, Object, Value, parse};
use crate::keys::{KeyError, PublicKey};

/// The document that follows from the identifier.
pub(super) fn document(did: &Did<'_>) -> Result<Value, ResolveError> {
    let bytes = base64url::decode(did.id).ok_or(KeyError::Jwk)?;
    let limits = Limits {
        bytes: 2048,
        depth: 4,
        values: 64,
    };
    let jwk = parse(&bytes, &limits).map_err(|_| KeyError::Jwk)?;
    let jwk_object = jwk.as_object().ok_or(KeyError::Jwk)?;
    PublicKey::from_jwk(jwk_object)?;
    let usage = jwk_object.get_str("use").map(str::to_owned);
    let id = Value::from(format!("{}#0", did.text));
    let method = Object::from([
        ("id", id.clone()),
        ("type", "JsonWebKey2020".into()),
        ("controller", did.text.into()),
        ("publicKeyJwk", jwk),
    ]);
    let mut document = DidDocument::frame(did.text, "https://w3id.org/security/suites/jws-2020/v1");
    document.insert("verificationMethod", vec![method.into()]);
    if usage.as_deref() != Some("enc") {
        for relationship in [
            "assertionMethod",
            "authentication",
            "capabilityInvocation",
            "capabilityDelegation",
        ] {
            document.insert(relationship, vec![id.clone()]);
        }
    }
    if usage.as_deref() != Some("sig") {
        document.insert("keyAgreement", vec![id]);
    }
    Ok(document.into())
}
