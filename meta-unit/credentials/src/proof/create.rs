//! Making proofs.

use super::{ProofError, Suite, hash_input};
use crate::budget::Budget;
use crate::host::{SignError, Signer};
use crate::json::{Object, Value};
use crate::model::CREDENTIALS_V2;
use crate::multibase;
use crate::time::Timestamp;

/// What a new proof says.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions<'a> {
    /// How the document becomes bytes.
    pub suite: Suite,
    /// `assertionMethod` or `authentication`.
    pub purpose: &'a str,
    /// When it is made.
    pub created: Option<Timestamp>,
    /// When it ceases to hold.
    pub expires: Option<Timestamp>,
    /// What the verifier asked for.
    pub challenge: Option<&'a str>,
    /// For whom it is made.
    pub domain: Option<&'a str>,
    /// Its own identifier, for proofs that build on it.
    pub id: Option<&'a str>,
    /// The identifier of the proof that it builds on.
    pub previous: Option<&'a str>,
}

impl ProofOptions<'_> {
    /// For a credential, made now.
    pub fn assertion(created: Timestamp) -> Self {
        Self {
            suite: Suite::default(),
            purpose: "assertionMethod",
            created: Some(created),
            expires: None,
            challenge: None,
            domain: None,
            id: None,
            previous: None,
        }
    }

    fn to_proof(self, document: &Object, verification_method: &str) -> Object {
        let mut proof = Object::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                proof.insert(name, value);
            }
        };
        put("id", self.id.map(str::to_owned));
        put("type", Some("DataIntegrityProof".to_owned()));
        put("cryptosuite", Some(self.suite.as_str().to_owned()));
        put("created", self.created.map(Timestamp::to_text));
        put("expires", self.expires.map(Timestamp::to_text));
        put("verificationMethod", Some(verification_method.to_owned()));
        put("proofPurpose", Some(self.purpose.to_owned()));
        put("challenge", self.challenge.map(str::to_owned));
        put("domain", self.domain.map(str::to_owned));
        put("previousProof", self.previous.map(str::to_owned));
        if let (Suite::EddsaJcs2022, Some(context)) = (self.suite, document.get("@context")) {
            proof.insert("@context", context.clone());
        }
        proof
    }
}

/// Why no proof was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// The document cannot be signed.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A document whose contexts do not say what a proof is gets one that does (VC Data Integrity §2.4.1), before its first proof.
fn define_proof_terms(document: &mut Object) {
    const DATA_INTEGRITY: &str = "https://w3id.org/security/data-integrity/v2";
    let contexts = document.get("@context").map(Value::one_or_many).unwrap_or_default();
    let defines = |context: &Value| matches!(context.as_str(), Some(CREDENTIALS_V2 | DATA_INTEGRITY));
    if document.contains("proof") || contexts.iter().any(defines) {
        return;
    }
    let mut contexts = contexts.to_vec();
    contexts.push(DATA_INTEGRITY.into());
    document.insert("@context", contexts);
}

/// Adds a proof: the first, or one more to those that are there (a proof set).
pub async fn add_proof(
    document: &mut Object,
    options: &ProofOptions<'_>,
    signer: &dyn Signer,
) -> Result<(), CreateError> {
    define_proof_terms(document);
    let mut proof = options.to_proof(document, signer.verification_method());
    let present: Vec<Value> = document
        .get("proof")
        .map(|proof| proof.one_or_many().to_vec())
        .unwrap_or_default();
    let previous: Vec<&Value> = match options.previous {
        None => Vec::new(),
        Some(id) => present
            .iter()
            .filter(|proof| proof.get("id").and_then(Value::as_str) == Some(id))
            .collect(),
    };
    if options.previous.is_some() && previous.len() != 1 {
        return Err(ProofError::PreviousMissing.into());
    }
    let message = hash_input(options.suite, document, &proof, &previous, &Budget::default())?.combined();
    let signature = signer.sign(&message).await?;
    proof.insert("proofValue", multibase::base58(&signature));
    if present.is_empty() {
        document.insert("proof", proof);
    } else {
        let mut all = present.clone();
        all.push(proof.into());
        document.insert("proof", all);
    }
    Ok(())
}
