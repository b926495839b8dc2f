//! DID documents (DID Core §5), and what a verifier reads of them.

use crate::json::{Object, Value};
use crate::keys::{KeyError, PublicKey};
use crate::time::Timestamp;

/// More methods than this are not looked at: a document is fetched, and points are checked one by one.
const MAX_METHODS: usize = 64;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// To say something: credentials.
    AssertionMethod,
    /// To show who one is: presentations.
    Authentication,
    /// To agree on a key.
    KeyAgreement,
    /// To use a capability.
    CapabilityInvocation,
    /// To hand one on.
    CapabilityDelegation,
}

impl Relationship {
    /// Its name in documents and proofs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AssertionMethod => "assertionMethod",
            Self::Authentication => "authentication",
            Self::KeyAgreement => "keyAgreement",
            Self::CapabilityInvocation => "capabilityInvocation",
            Self::CapabilityDelegation => "capabilityDelegation",
        }
    }
}

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not an object, or members of the wrong kind.
    #[error("the DID document is malformed")]
    Malformed,
    /// It is somebody else's.
    #[error("the document is not of the identifier that was asked for")]
    WrongId,
    /// More verification methods than are looked at.
    #[error("the DID document has more than 64 verification methods")]
    TooManyMethods,
    /// A method without a key that is understood.
    #[error("the verification method's key cannot be used: {0}")]
    Key(#[from] KeyError),
}

/// A key of a DID document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationMethod {
    /// Its URL.
    pub id: String,
    /// Whose it is.
    pub controller: String,
    /// The key.
    pub key: PublicKey,
    /// From then on it says nothing any more.
    pub expires: Option<Timestamp>,
    /// Since then it says nothing any more.
    pub revoked: Option<Timestamp>,
}

impl VerificationMethod {
    pub(super) fn new(did: &str, fragment: &str, key: PublicKey) -> Self {
        Self {
            id: format!("{did}#{fragment}"),
            controller: did.to_owned(),
            key,
            expires: None,
            revoked: None,
        }
    }

    fn parse(method: &Object) -> Result<Self, DocumentError> {
        let text = |name| method.get_str(name).ok_or(DocumentError::Malformed);
        let time = |name| match method.get(name) {
            None => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(Timestamp::parse);
                time.map(Some).ok_or(DocumentError::Malformed)
            }
        };
        let key = match (method.get("publicKeyMultibase"), method.get("publicKeyJwk")) {
            (Some(Value::String(multikey)), None) => PublicKey::from_multikey(multikey)?,
            (None, Some(Value::Object(jwk))) => PublicKey::from_jwk(jwk)?,
            (None, None) => return Err(KeyError::UnsupportedKind.into()),
            _ => return Err(DocumentError::Malformed),
        };
        Ok(Self {
            id: text("id")?.to_owned(),
            controller: text("controller")?.to_owned(),
            key,
            expires: time("expires")?,
            revoked: time("revoked")?,
        })
    }
}

/// A document that belongs to the identifier it was asked for with.
#[derive(Clone, Debug)]
pub struct DidDocument {
    id: String,
    json: Object,
}

impl DidDocument {
    /// What every document begins with: the contexts and the identifier.
    pub(super) fn frame(did: &str, key_context: &str) -> Object {
        Object::from([
            (
                "@context",
                Value::Array(vec!["https://www.w3.org/ns/did/v1".into(), key_context.into()]),
            ),
            ("id", did.into()),
        ])
    }

    /// Takes a document as that of an identifier.
    pub fn new(id: &str, document: Value) -> Result<Self, DocumentError> {
        let Value::Object(json) = document else {
            return Err(DocumentError::Malformed);
        };
        if json.get_str("id").ok_or(DocumentError::Malformed)? != id {
            return Err(DocumentError::WrongId);
        }
        Ok(Self {
            id: id.to_owned(),
            json,
        })
    }

    /// The DID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document as JSON.
    pub fn json(&self) -> &Object {
        &self.json
    }

    /// The document as a JSON value.
    pub fn into_json(self) -> Value {
        self.json.into()
    }

    /// A method's URL may be written relative to the document.
    fn is_method(&self, id: &str, url: &str) -> bool {
        id == url || (id.starts_with('#') && url.strip_prefix(self.id.as_str()) == Some(id))
    }

    /// The method of that URL, if the document has it for this use: listed by its URL, or written into the relationship. `None` if it has not.
    pub fn method(&self, url: &str, relationship: Relationship) -> Result<Option<VerificationMethod>, DocumentError> {
        let entries = self.entries(relationship.as_str())?;
        let is_meant = |entry: &&Value| match entry {
            Value::String(id) => self.is_method(id, url),
            other => other
                .get("id")
                .and_then(Value::as_str)
                .is_some_and(|id| self.is_method(id, url)),
        };
        match entries.iter().find(is_meant) {
            None => Ok(None),
            Some(Value::Object(embedded)) => self.parse(embedded, url).map(Some),
            Some(_) => self.find(url),
        }
    }

    /// The method of that URL, whatever it is for.
    pub fn any_method(&self, url: &str) -> Result<Option<VerificationMethod>, DocumentError> {
        if let Some(method) = self.find(url)? {
            return Ok(Some(method));
        }
        for relationship in [
            Relationship::AssertionMethod,
            Relationship::Authentication,
            Relationship::KeyAgreement,
            Relationship::CapabilityInvocation,
            Relationship::CapabilityDelegation,
        ] {
            if let Some(method) = self.method(url, relationship)? {
                return Ok(Some(method));
            }
        }
        Ok(None)
    }

    fn find(&self, url: &str) -> Result<Option<VerificationMethod>, DocumentError> {
        for entry in self.entries("verificationMethod")? {
            let method = entry.as_object().ok_or(DocumentError::Malformed)?;
            if method.get_str("id").is_some_and(|id| self.is_method(id, url)) {
                return self.parse(method, url).map(Some);
            }
        }
        Ok(None)
    }

    fn parse(&self, method: &Object, url: &str) -> Result<VerificationMethod, DocumentError> {
        let mut method = VerificationMethod::parse(method)?;
        method.id = url.to_owned();
        Ok(method)
    }

    fn entries(&self, name: &str) -> Result<&[Value], DocumentError> {
        match self.json.get(name) {
            None => Ok(&[]),
            Some(Value::Array(entries)) if entries.len() > MAX_METHODS => Err(DocumentError::TooManyMethods),
            Some(Value::Array(entries)) => Ok(entries),
            Some(_) => Err(DocumentError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "did:web:a.example";

    fn document(members: &str) -> Result<DidDocument, DocumentError> {
        DidDocument::new(ID, Value::parse(format!("{{{members}}}").as_bytes()).expect("JSON"))
    }

    #[test]
    fn a_method_counts_only_for_what_it_is_listed_for() {
        let key = r##"{"id":"#k","type":"Multikey","controller":"did:web:a.example","publicKeyMultibase":"z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"}"##;
        let text =
            format!(r##""id":"{ID}","verificationMethod":[{key}],"assertionMethod":["#k"],"authentication":[]"##);
        let document = document(&text).expect("a document");
        let url = format!("{ID}#k");
        assert!(
            document
                .method(&url, Relationship::AssertionMethod)
                .expect("well-formed")
                .is_some()
        );
        assert!(
            document
                .method(&url, Relationship::Authentication)
                .expect("well-formed")
                .is_none()
        );
        assert!(
            document
                .method("did:web:b.example#k", Relationship::AssertionMethod)
                .expect("well-formed")
                .is_none()
        );
        assert!(document.any_method(&url).expect("well-formed").is_some());
    }

    #[test]
    fn documents_of_others_and_malformed_ones_are_refused() {
        assert!(matches!(
            document(r#""id":"did:web:b.example""#),
            Err(DocumentError::WrongId)
        ));
        assert!(matches!(document(""), Err(DocumentError::Malformed)));
        assert!(matches!(
            DidDocument::new(ID, Value::Null),
            Err(DocumentError::Malformed)
        ));
        let many = vec![r##""#k""##; 65].join(",");
        let document = document(&format!(
            r#""id":"{ID}","assertionMethod":[{many}],"authentication":"x""#
        ))
        .expect("an id");
        let method = |relationship| document.method("did:web:a.example#k", relationship);
        assert!(matches!(
            method(Relationship::AssertionMethod),
            Err(DocumentError::TooManyMethods)
        ));
        assert!(matches!(
            method(Relationship::Authentication),
            Err(DocumentError::Malformed)
        ));
    }
}
