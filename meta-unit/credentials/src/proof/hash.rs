//! From a document and a proof's options to what is signed: both canonical texts, their hashes, and the hashes together.

use sha2::{Digest, Sha256};

use super::{ProofError, Suite};
use crate::budget::Budget;
use crate::json::{Object, Value, canonical_without};
use crate::jsonld::{Options, to_rdf};
use crate::rdf::{CanonicalError, canonicalize};

/// What goes into a signature, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashInput {
    /// The canonical text of the document without its proofs.
    pub document: String,
    /// The canonical text of the proof without its value.
    pub config: String,
}

impl HashInput {
    /// What is signed: SHA-256 of the proof's text, then SHA-256 of the document's.
    pub fn combined(&self) -> [u8; 64] {
        let mut out = [0; 64];
        out[..32].copy_from_slice(&Sha256::digest(self.config.as_bytes()));
        out[32..].copy_from_slice(&Sha256::digest(self.document.as_bytes()));
        out
    }
}

/// Canonicalizes a document, whose member `proof` is left out, and a proof, whose `proofValue` is. `previous` are the proofs that this one builds
/// on: they are signed with the document.
pub fn hash_input(
    suite: Suite,
    document: &Object,
    proof: &Object,
    previous: &[&Value],
    budget: &Budget,
) -> Result<HashInput, ProofError> {
    match suite {
        Suite::EddsaJcs2022 => {
            let input = jcs(document, proof, previous)?;
            match budget.take_text(input.document.len() + input.config.len()) {
                true => Ok(input),
                false => Err(CanonicalError::TooMuchWork.into()),
            }
        }
        Suite::EddsaRdfc2022 => rdfc(document, proof, previous, budget),
    }
}

fn jcs(document: &Object, proof: &Object, previous: &[&Value]) -> Result<HashInput, ProofError> {
    let own_context = proof.get("@context");
    if let Some(context) = own_context {
        let of_document = document.get("@context").map(Value::one_or_many).unwrap_or_default();
        if !of_document.starts_with(context.one_or_many()) {
            return Err(ProofError::ContextMismatch);
        }
    }
    let document = match own_context {
        // Most often they are the same, and nothing needs to be copied.
        Some(context) if document.get("@context") != Some(context) || !previous.is_empty() => {
            let mut signed = document.clone();
            signed.insert("@context", context.clone());
            canonical_with(signed, previous)
        }
        None if !previous.is_empty() => canonical_with(document.clone(), previous),
        _ => canonical_without(document, "proof"),
    };
    Ok(HashInput {
        document,
        config: canonical_without(proof, "proofValue"),
    })
}

fn canonical_with(mut document: Object, previous: &[&Value]) -> String {
    document.remove("proof");
    if !previous.is_empty() {
        document.insert("proof", copies(previous));
    }
    crate::json::canonical(&document.into())
}

fn rdfc(document: &Object, proof: &Object, previous: &[&Value], budget: &Budget) -> Result<HashInput, ProofError> {
    let mut config = proof.clone();
    config.remove("proofValue");
    match document.get("@context") {
        Some(context) => config.insert("@context", context.clone()),
        None => return Err(ProofError::Malformed("@context")),
    }
    let mut signed = document.clone();
    signed.remove("proof");
    if !previous.is_empty() {
        signed.insert("proof", copies(previous));
    }
    let text = |value: Object| -> Result<String, ProofError> {
        let quads = to_rdf(&value.into(), &Options::SIGNED, budget)?;
        Ok(canonicalize(quads, budget)?)
    };
    Ok(HashInput {
        document: text(signed)?,
        config: text(config)?,
    })
}

fn copies(previous: &[&Value]) -> Value {
    Value::Array(previous.iter().map(|proof| (*proof).clone()).collect())
}
