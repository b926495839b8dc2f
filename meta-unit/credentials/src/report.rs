//! What verification found: every check with its outcome, so that a page can show them one by one.

use std::fmt;

use crate::did::ResolveError;
use crate::host::FetchError;
use crate::jose::JoseError;
use crate::json::{JsonError, Value};
use crate::model::ModelError;
use crate::proof::ProofError;
use crate::status::StatusError;

/// What is checked. The texts are stable: applications may choose their own words by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckId {
    /// It can be read.
    Format,
    /// It has what the data model asks for.
    DataModel,
    /// It carries a proof of a kind that is understood.
    Proof,
    /// The proof's key is found, and listed for this use.
    VerificationMethod,
    /// The key belongs to the issuer, or to the holder.
    Controller,
    /// The proof was made for this kind of use.
    Purpose,
    /// The signature fits the document and the key.
    Signature,
    /// The proof was made before now and still holds.
    ProofTime,
    /// It answers this verifier's challenge.
    Challenge,
    /// It is meant for this verifier.
    Domain,
    /// Its time has begun.
    ValidFrom,
    /// Its time is not over.
    ValidUntil,
    /// It is about who presents it.
    Holder,
    /// The issuer has not withdrawn it.
    Status,
}

impl CheckId {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Format,
        Self::DataModel,
        Self::Proof,
        Self::VerificationMethod,
        Self::Controller,
        Self::Purpose,
        Self::Signature,
        Self::ProofTime,
        Self::Challenge,
        Self::Domain,
        Self::ValidFrom,
        Self::ValidUntil,
        Self::Holder,
        Self::Status,
    ];

    /// Its stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::DataModel => "data-model",
            Self::Proof => "proof",
            Self::VerificationMethod => "verification-method",
            Self::Controller => "controller",
            Self::Purpose => "purpose",
            Self::Signature => "signature",
            Self::ProofTime => "proof-time",
            Self::Challenge => "challenge",
            Self::Domain => "domain",
            Self::ValidFrom => "valid-from",
            Self::ValidUntil => "valid-until",
            Self::Holder => "holder",
            Self::Status => "status",
        }
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// It could not be looked at, or was not to be.
    NotChecked,
}

impl Outcome {
    /// Its stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotChecked => "not-checked",
        }
    }
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is no JSON Web Token of this kind.
    #[error(transparent)]
    Jose(#[from] JoseError),
    /// The data model's rules are broken.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The proof is not good.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The key cannot be found.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The status says no, or cannot be told.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The status list did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It does not hold yet.
    #[error("not valid before {0}")]
    NotYetValid(String),
    /// It is about somebody else than who presents it.
    #[error("it is about somebody else than who presents it")]
    OtherSubject,
    /// It does not hold any more.
    #[error("not valid after {0}")]
    Expired(String),
}

/// What a check was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The credential's place in a presentation; `None` for the whole.
    pub credential: Option<usize>,
    /// The proof's or status entry's place, where there are several.
    pub part: Option<usize>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.credential {
            Some(at) => write!(f, "credential[{at}]")?,
            None => f.write_str("document")?,
        }
        match self.part {
            Some(at) => write!(f, "[{at}]"),
            None => Ok(()),
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub id: CheckId,
    /// How it came out.
    pub outcome: Outcome,
    /// What it was about.
    pub subject: Subject,
    /// What was found, in English.
    pub detail: String,
    /// The reason of a failure.
    pub failure: Option<Failure>,
}

/// All checks.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Nothing failed, and a signature of whom it should be of was among what passed.
    pub verified: bool,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// What was secured, without its proof: to be trusted only if `verified`.
    pub document: Option<Value>,
}

impl Report {
    /// The failures of one kind of check.
    pub fn failures(&self, id: CheckId) -> impl Iterator<Item = &Failure> {
        self.checks
            .iter()
            .filter(move |check| check.id == id)
            .filter_map(|check| check.failure.as_ref())
    }

    /// How a kind of check came out: failed if one did, else passed if one did.
    pub fn outcome(&self, id: CheckId) -> Outcome {
        let any = |outcome| {
            self.checks
                .iter()
                .any(|check| check.id == id && check.outcome == outcome)
        };
        match (any(Outcome::Failed), any(Outcome::Passed)) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Passed,
            (false, false) => Outcome::NotChecked,
        }
    }
}

/// Gathers the checks about one document.
pub(crate) struct Reporter {
    pub(crate) checks: Vec<Check>,
    credential: Option<usize>,
}

impl Reporter {
    pub(crate) fn new(credential: Option<usize>) -> Self {
        Self {
            checks: Vec::with_capacity(12),
            credential,
        }
    }

    pub(crate) fn passed(&mut self, id: CheckId, part: Option<usize>, detail: impl Into<String>) {
        self.push(id, Outcome::Passed, part, detail.into(), None);
    }

    pub(crate) fn not_checked(&mut self, id: CheckId, part: Option<usize>, detail: impl Into<String>) {
        self.push(id, Outcome::NotChecked, part, detail.into(), None);
    }

    pub(crate) fn failed(&mut self, id: CheckId, part: Option<usize>, failure: impl Into<Failure>) {
        let failure = failure.into();
        self.push(id, Outcome::Failed, part, failure.to_string(), Some(failure));
    }

    fn push(&mut self, id: CheckId, outcome: Outcome, part: Option<usize>, detail: String, failure: Option<Failure>) {
        self.checks.push(Check {
            id,
            outcome,
            subject: Subject {
                credential: self.credential,
                part,
            },
            detail,
            failure,
        });
    }

    /// Whether it was signed, and by whom it should be; whatever else is wrong with it.
    pub(crate) fn is_authentic(&self) -> bool {
        let of = |id| self.checks.iter().filter(move |check| check.id == id);
        [CheckId::Signature, CheckId::Controller].into_iter().all(|id| {
            of(id).any(|check| check.outcome == Outcome::Passed) && of(id).all(|check| check.outcome != Outcome::Failed)
        })
    }

    /// The verdict: authentic, and no failure.
    pub(crate) fn is_verified(&self) -> bool {
        self.is_authentic() && self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }
}
