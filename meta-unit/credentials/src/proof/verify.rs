//! Checking proofs: one, a set, or a chain (VC Data Integrity §4.2 to §4.5). All must be good.

use super::{ProofError, Suite, hash_input};
use crate::budget::Budget;
use crate::did::{MethodKey, Relationship, resolve_method};
use crate::json::{Object, Value};
use crate::jsonld::is_absolute;
use crate::keys::{self, SIGNATURE_BYTES};
use crate::multibase;
use crate::report::{CheckId, Reporter};
use crate::session::Session;
use crate::time::Timestamp;

/// Proofs on one document: each costs a canonicalization, a resolution and a signature.
const MAX_PROOFS: usize = 16;

/// What a verifier expects of the proofs.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// What the proof, and its key, must be for.
    pub(crate) purpose: Relationship,
    /// Whose the key must be. `None`: anybody's.
    pub(crate) controller: Option<&'a str>,
    pub(crate) now: Timestamp,
    /// How many seconds other clocks may be ahead.
    pub(crate) clock_skew: i64,
    pub(crate) challenge: Option<&'a str>,
    pub(crate) domain: Option<&'a str>,
}

/// What the proofs whose signatures are good stand for.
#[derive(Default)]
pub(crate) struct Verified {
    /// Who made them.
    pub(crate) controllers: Vec<String>,
    /// The contexts that were signed, where they are not all of the document's: eddsa-jcs-2022 lets others follow.
    pub(crate) context: Option<Value>,
}

impl Verified {
    /// Keeps the shortest list of contexts: what all proofs have signed.
    fn limit_context(&mut self, signed: Option<&Value>, document: &Object) {
        let Some(signed) = signed.filter(|signed| Some(*signed) != document.get("@context")) else {
            return;
        };
        let is_shorter = |kept: &Value| signed.one_or_many().len() < kept.one_or_many().len();
        if self.context.as_ref().is_none_or(is_shorter) {
            self.context = Some(signed.clone());
        }
    }
}

/// What a proof says, as far as all suites have it.
struct Proof<'a> {
    suite: Suite,
    method: &'a str,
    purpose: &'a str,
    signature: [u8; SIGNATURE_BYTES],
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    previous: Vec<&'a Value>,
}

impl<'a> Proof<'a> {
    fn parse(proof: &'a Object, all: &'a [Value]) -> Result<Self, ProofError> {
        let text = |name| proof.get_str(name).ok_or(ProofError::Malformed(name));
        let time = |name| match proof.get(name) {
            None => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(Timestamp::parse);
                time.map(Some).ok_or(ProofError::Malformed(name))
            }
        };
        if text("type")? != "DataIntegrityProof" {
            return Err(ProofError::UnsupportedType);
        }
        let suite = text("cryptosuite")?;
        let suite = Suite::parse(suite).ok_or_else(|| ProofError::UnsupportedSuite(suite.to_owned()))?;
        let is_text = |value: &Value| value.as_str().is_some();
        if proof.get("id").is_some_and(|id| !id.as_str().is_some_and(is_absolute)) {
            return Err(ProofError::Malformed("id"));
        }
        for name in ["challenge", "nonce"] {
            if proof.get(name).is_some_and(|value| !is_text(value)) {
                return Err(ProofError::Malformed(name));
            }
        }
        if proof
            .get("domain")
            .is_some_and(|names| !names.one_or_many().iter().all(is_text))
        {
            return Err(ProofError::Malformed("domain"));
        }
        let signature = multibase::decode_base58(text("proofValue")?)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ProofError::Malformed("proofValue"))?;
        let previous = match proof.get("previousProof") {
            None => Vec::new(),
            Some(ids @ (Value::String(_) | Value::Array(_))) => previous(ids.one_or_many(), all)?,
            Some(_) => return Err(ProofError::Malformed("previousProof")),
        };
        Ok(Self {
            suite,
            method: text("verificationMethod")?,
            purpose: text("proofPurpose")?,
            signature,
            created: time("created")?,
            expires: time("expires")?,
            previous,
        })
    }
}

fn previous<'a>(ids: &[Value], all: &'a [Value]) -> Result<Vec<&'a Value>, ProofError> {
    if ids.len() > MAX_PROOFS {
        return Err(ProofError::Malformed("previousProof"));
    }
    let mut found = Vec::new();
    for id in ids {
        let id = id.as_str().ok_or(ProofError::Malformed("previousProof"))?;
        let mut matching = all
            .iter()
            .filter(|proof| proof.get("id").and_then(Value::as_str) == Some(id));
        match (matching.next(), matching.next()) {
            (Some(proof), None) => found.push(proof),
            // Two of one name: which of them was signed?
            (Some(_), Some(_)) => return Err(ProofError::Malformed("id")),
            (None, _) => return Err(ProofError::PreviousMissing),
        }
    }
    Ok(found)
}

/// Checks all proofs of a document and reports each.
pub(crate) async fn verify_proofs(
    document: &Object,
    expected: &Expected<'_>,
    session: &Session<'_>,
    reporter: &mut Reporter,
) -> Verified {
    let proofs = document.get("proof").map(Value::one_or_many).unwrap_or_default();
    let mut verified = Verified::default();
    if proofs.is_empty() {
        reporter.failed(CheckId::Proof, None, ProofError::Missing);
        return verified;
    }
    if proofs.len() > MAX_PROOFS {
        reporter.failed(CheckId::Proof, None, ProofError::TooMany(MAX_PROOFS));
        return verified;
    }
    let is_set = proofs.len() > 1;
    let mut others = Vec::new();
    for (at, proof) in proofs.iter().enumerate() {
        let part = is_set.then_some(at);
        if !session.budget.take_proof() {
            reporter.failed(CheckId::Proof, part, ProofError::TooMany(MAX_PROOFS));
            continue;
        }
        let proof = proof.as_object().ok_or(ProofError::Malformed("proof"));
        let parsed = proof.and_then(|proof| Ok((proof, Proof::parse(proof, proofs)?)));
        let (object, proof) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                reporter.failed(CheckId::Proof, part, error);
                continue;
            }
        };
        reporter.passed(CheckId::Proof, part, proof.suite.as_str());
        check_purpose(&proof, expected, part, reporter);
        check_audience(object, expected, part, reporter);
        let method = resolve_method(proof.method, expected.purpose, &session.fetch).await;
        check_time(&proof, method.as_ref().ok(), expected, part, reporter);
        let method = match method {
            Ok(method) => method,
            Err(error) => {
                reporter.failed(CheckId::VerificationMethod, part, error);
                reporter.not_checked(CheckId::Controller, part, "the key was not found");
                reporter.not_checked(CheckId::Signature, part, "the key was not found");
                continue;
            }
        };
        reporter.passed(CheckId::VerificationMethod, part, proof.method);
        let is_expected = expected
            .controller
            .is_none_or(|controller| controller == method.document);
        if is_expected {
            reporter.passed(CheckId::Controller, part, method.document.as_str());
        } else {
            others.push((part, method.document.clone()));
        }
        match check_signature(document, object, &proof, &method, &session.budget) {
            Ok(()) => {
                reporter.passed(CheckId::Signature, part, "the signature fits the document");
                verified.controllers.push(method.document);
                if proof.suite == Suite::EddsaJcs2022 {
                    verified.limit_context(object.get("@context"), document);
                }
            }
            Err(error) => reporter.failed(CheckId::Signature, part, error),
        }
    }
    report_others(others, proofs.len(), expected, reporter);
    verified
}

/// Others may add their proofs to the issuer's, but not replace it.
fn report_others(others: Vec<(Option<usize>, String)>, count: usize, expected: &Expected<'_>, reporter: &mut Reporter) {
    let all_are_others = others.len() == count;
    for (part, document) in others {
        if all_are_others {
            let controller = expected.controller.unwrap_or_default().to_owned();
            reporter.failed(CheckId::Controller, part, ProofError::WrongController(controller));
        } else {
            reporter.not_checked(CheckId::Controller, part, format!("a further proof, by {document}"));
        }
    }
}

fn check_purpose(proof: &Proof<'_>, expected: &Expected<'_>, part: Option<usize>, reporter: &mut Reporter) {
    if proof.purpose == expected.purpose.as_str() {
        reporter.passed(CheckId::Purpose, part, proof.purpose);
    } else {
        reporter.failed(CheckId::Purpose, part, ProofError::WrongPurpose);
    }
}

fn check_time(
    proof: &Proof<'_>,
    method: Option<&MethodKey>,
    expected: &Expected<'_>,
    part: Option<usize>,
    reporter: &mut Reporter,
) {
    let key_time = |time: fn(&MethodKey) -> Option<Timestamp>| method.and_then(time);
    let is_over = |time: Option<Timestamp>| time.is_some_and(|time| time <= expected.now);
    if proof
        .created
        .is_some_and(|created| created.0 > expected.now.0.saturating_add(expected.clock_skew))
    {
        reporter.failed(CheckId::ProofTime, part, ProofError::NotYetValid);
    } else if is_over(proof.expires) || is_over(key_time(|method| method.method.expires)) {
        reporter.failed(CheckId::ProofTime, part, ProofError::Expired);
    } else if is_over(key_time(|method| method.method.revoked)) {
        reporter.failed(CheckId::ProofTime, part, ProofError::KeyRevoked);
    } else {
        let detail = match proof.created {
            Some(created) => format!("made {}", created.to_text()),
            None => "made at a time that it does not say".to_owned(),
        };
        reporter.passed(CheckId::ProofTime, part, detail);
    }
}

/// A challenge or a domain that the verifier named must be the proof's.
fn check_audience(proof: &Object, expected: &Expected<'_>, part: Option<usize>, reporter: &mut Reporter) {
    if let Some(challenge) = expected.challenge {
        if proof.get_str("challenge") == Some(challenge) {
            reporter.passed(CheckId::Challenge, part, "it answers the challenge");
        } else {
            reporter.failed(CheckId::Challenge, part, ProofError::WrongChallenge);
        }
    }
    if let Some(domain) = expected.domain {
        let named = proof.get("domain").map(Value::one_or_many).unwrap_or_default();
        if named.iter().any(|name| name.as_str() == Some(domain)) {
            reporter.passed(CheckId::Domain, part, domain);
        } else {
            reporter.failed(CheckId::Domain, part, ProofError::WrongDomain);
        }
    }
}

fn check_signature(
    document: &Object,
    object: &Object,
    proof: &Proof<'_>,
    method: &MethodKey,
    budget: &Budget,
) -> Result<(), ProofError> {
    let key = method.method.key.ed25519().ok_or(ProofError::WrongKeyKind)?;
    let message = hash_input(proof.suite, document, object, &proof.previous, budget)?.combined();
    if keys::verify(key, &message, &proof.signature) {
        Ok(())
    } else {
        Err(ProofError::WrongSignature)
    }
}
