//! Data Integrity proofs (VC Data Integrity 1.0) with the suites eddsa-jcs-2022 and eddsa-rdfc-2022 (vc-di-eddsa 1.0).

mod create;
mod hash;
mod verify;

pub use create::{CreateError, ProofOptions, add_proof};
pub use hash::{HashInput, hash_input};

pub(crate) use verify::{Expected, verify_proofs};

use crate::jsonld::JsonLdError;
use crate::rdf::CanonicalError;

/// A cryptosuite: how a document becomes the bytes that are signed. Both sign with Ed25519.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suite {
    /// The document as canonical JSON (RFC 8785). What is signed is the text.
    #[default]
    EddsaJcs2022,
    /// The document as canonical RDF. What is signed is the meaning, so that all of it must be defined by contexts that are known.
    EddsaRdfc2022,
}

impl Suite {
    /// Its name in proofs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EddsaJcs2022 => "eddsa-jcs-2022",
            Self::EddsaRdfc2022 => "eddsa-rdfc-2022",
        }
    }

    /// The suite of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EddsaJcs2022, Self::EddsaRdfc2022]
            .into_iter()
            .find(|suite| suite.as_str() == name)
    }
}

/// Why a proof is no proof, or cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is none.
    #[error("there is no proof")]
    Missing,
    /// More proofs, on one document or in all, than are looked at.
    #[error("there are more proofs than are looked at: {0} on one document")]
    TooMany(usize),
    /// A member of the proof is missing or of the wrong kind.
    #[error("the proof's {0} is missing or malformed")]
    Malformed(&'static str),
    /// Another kind of proof than a DataIntegrityProof.
    #[error("the proof is no DataIntegrityProof")]
    UnsupportedType,
    /// Another cryptosuite.
    #[error("the cryptosuite {0} is not supported")]
    UnsupportedSuite(String),
    /// The proof's contexts are not the first ones of the document.
    #[error("the document's contexts do not begin with those of the proof")]
    ContextMismatch,
    /// The proof builds on one that is not there.
    #[error("the proof builds on one that is not there")]
    PreviousMissing,
    /// The document is no linked data that could be signed.
    #[error(transparent)]
    JsonLd(#[from] JsonLdError),
    /// The document's RDF is too hard to canonicalize.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The proof is for something else.
    #[error("the proof is made for another purpose")]
    WrongPurpose,
    /// The signature is not of this document by this key.
    #[error("the signature does not fit the document")]
    WrongSignature,
    /// The key is of a kind that cannot make such signatures.
    #[error("the key is no Ed25519 key")]
    WrongKeyKind,
    /// The proof, or its key, was made later than now.
    #[error("the proof is from the future")]
    NotYetValid,
    /// The proof, or its key, does not hold any more.
    #[error("the proof has expired")]
    Expired,
    /// The key was revoked.
    #[error("the key was revoked")]
    KeyRevoked,
    /// The proof is for another challenge.
    #[error("the proof is not for this challenge")]
    WrongChallenge,
    /// The proof is for another domain.
    #[error("the proof is not for this domain")]
    WrongDomain,
    /// The key is somebody else's.
    #[error("the key is not controlled by {0}")]
    WrongController(String),
}
