//! did:key (did:key 0.7): the identifier is the key.

use super::document::DidDocument;
use super::syntax::Did;
use super::{Relationship, ResolveError, VerificationMethod};
use crate::json::{Object, Value};
use crate::keys::{KeyKind, PublicKey, x25519_of};

/// The did:key of an Ed25519 public key.
pub fn did_key_of(public_key: &[u8; 32]) -> String {
    let bytes = [&[0xed, 0x01], public_key.as_slice()].concat();
    format!("did:key:{}", crate::multibase::base58(&bytes))
}

/// The URL of the one signing key of a did:key: `did:key:z6Mk…#z6Mk…`.
pub fn verification_method_of(did_key: &str) -> String {
    format!("{did_key}#{}", did_key.strip_prefix("did:key:").unwrap_or_default())
}

/// The key that the identifier is.
pub(super) fn key_of(did: &Did<'_>) -> Result<PublicKey, ResolveError> {
    Ok(PublicKey::from_multikey(did.id)?)
}

/// The document that follows from the identifier.
pub(super) fn document(did: &Did<'_>) -> Result<Value, ResolveError> {
    let key = key_of(did)?;
    let method = |key: &PublicKey| {
        let multikey = key.to_multikey();
        Object::from([
            ("id", Value::from(format!("{}#{multikey}", did.text))),
            ("type", "Multikey".into()),
            ("controller", did.text.into()),
            ("publicKeyMultibase", multikey.into()),
        ])
    };
    let own = method(&key);
    let own_id = Value::Array(vec![own.get("id").cloned().unwrap_or(Value::Null)]);
    let mut document = DidDocument::frame(did.text, "https://w3id.org/security/multikey/v1");
    document.insert("verificationMethod", vec![own.into()]);
    if key.kind() != KeyKind::X25519 {
        for relationship in [
            "authentication",
            "assertionMethod",
            "capabilityDelegation",
            "capabilityInvocation",
        ] {
            document.insert(relationship, own_id.clone());
        }
    }
    match key.ed25519() {
        None => document.insert("keyAgreement", own_id),
        Some(public_key) => {
            let agreement = x25519_of(public_key).and_then(|bytes| PublicKey::new(KeyKind::X25519, &bytes).ok());
            if let Some(agreement) = agreement {
                document.insert("keyAgreement", vec![method(&agreement).into()]);
            }
        }
    }
    Ok(document.into())
}

/// The method that a URL within a did:key names for anything but key agreement, without making the whole document.
pub(super) fn method(
    did: &Did<'_>,
    fragment: &str,
    relationship: Relationship,
) -> Result<VerificationMethod, ResolveError> {
    if fragment != did.id {
        return Err(ResolveError::NoSuchMethod);
    }
    let key = key_of(did)?;
    if key.kind() == KeyKind::X25519 {
        return Err(ResolveError::WrongRelationship(relationship));
    }
    Ok(VerificationMethod::new(did.text, fragment, key))
}
