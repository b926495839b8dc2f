//! Stable names of what went wrong, for applications: [`Failure`]s in kebab case, resolution errors as DID Resolution has them.

use crate::did::{DidError, DocumentError, ResolveError};
use crate::host::FetchError;
use crate::jose::JoseError;
use crate::keys::KeyError;
use crate::proof::ProofError;
use crate::report::Failure;
use crate::status::StatusError;

impl Failure {
    /// The failure's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Jose(error) => error.code(),
            Self::Model(_) => "data-model",
            Self::Proof(error) => error.code(),
            Self::Resolve(error) => error.code(),
            Self::Status(error) => error.code(),
            Self::Fetch(error) => error.code(),
            Self::NotYetValid(_) => "not-yet-valid",
            Self::Expired(_) => "expired",
            Self::OtherSubject => "other-subject",
        }
    }
}

impl JoseError {
    /// The error's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Algorithm => "unsupported-algorithm",
            Self::Type(_) => "wrong-type",
            Self::Critical => "critical-header",
            Self::EmbeddedKey(_) => "embedded-key",
            Self::NoKeyId => "no-key-id",
            Self::Claim(_) => "wrong-claim",
            Self::Form | Self::Json(..) | Self::NoObject(_) | Self::SignatureLength => "malformed-token",
        }
    }
}

impl ProofError {
    /// The error's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "no-proof",
            Self::TooMany(_) => "too-many-proofs",
            Self::Malformed(_) => "malformed-proof",
            Self::UnsupportedType | Self::UnsupportedSuite(_) | Self::WrongKeyKind => "unsupported-proof",
            Self::ContextMismatch => "context-mismatch",
            Self::PreviousMissing => "previous-proof-missing",
            Self::JsonLd(_) => "linked-data",
            Self::Canonical(_) => "too-much-work",
            Self::WrongPurpose => "wrong-purpose",
            Self::WrongSignature => "wrong-signature",
            Self::NotYetValid => "proof-not-yet-valid",
            Self::Expired => "proof-expired",
            Self::KeyRevoked => "key-revoked",
            Self::WrongChallenge => "wrong-challenge",
            Self::WrongDomain => "wrong-domain",
            Self::WrongController(_) => "wrong-controller",
        }
    }
}

impl StatusError {
    /// The error's stable name; what Bitstring Status List §3.5 names is named so.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::TooShort => "status-list-length-error",
            Self::Range => "range-error",
            Self::Malformed(_) | Self::Compression => "malformed-value-error",
            Self::Address(_) => "status-retrieval-error",
            Self::Unverified
            | Self::WrongIssuer
            | Self::WrongPurpose
            | Self::TooLarge
            | Self::TooManyLists
            | Self::Nested => "status-verification-error",
        }
    }
}

impl FetchError {
    /// The error's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable => "offline",
            Self::NotAllowed => "address-not-allowed",
            Self::TooLarge(_) => "answer-too-large",
            Self::TooMany(_) => "too-many-documents",
            Self::Timeout => "timeout",
            Self::Failed(_) => "no-answer",
        }
    }
}

impl ResolveError {
    /// The error as DID Resolution and the did:key method name it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(DidError::Url) => "invalidDidUrl",
            Self::Syntax(_) => "invalidDid",
            Self::UnsupportedMethod => "methodNotSupported",
            Self::Address(_) => "addressNotAllowed",
            Self::Fetch(_) => "notFound",
            Self::Json(_) => "invalidDidDocument",
            Self::Document(DocumentError::Key(error)) | Self::Key(error) => error.code(),
            Self::Document(_) => "invalidDidDocument",
            Self::NoSuchMethod => "invalidVerificationMethod",
            Self::WrongRelationship(_) => "invalidRelationshipForVerificationMethod",
        }
    }
}

impl KeyError {
    /// The error as the did:key method names it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding => "invalidDid",
            Self::UnsupportedKind => "unsupportedPublicKeyType",
            Self::Length => "invalidPublicKeyLength",
            Self::NotOnCurve | Self::Jwk | Self::PrivateKey => "invalidPublicKey",
        }
    }
}
