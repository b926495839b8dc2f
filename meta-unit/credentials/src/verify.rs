//! Verifying credentials and presentations, whichever way they are secured.

use crate::did::{Relationship, resolve_method};
use crate::host::Fetch;
use crate::jose::{JoseError, Token, TokenKind};
use crate::json::{Object, Value};
use crate::model::{Version, check_credential, check_presentation, identifier};
use crate::proof::{Expected, ProofError, verify_proofs};
use crate::report::{CheckId, Failure, Report, Reporter};
use crate::session::Session;
use crate::status::{Lists, check_status};
use crate::time::Timestamp;

/// Credentials in one presentation.
const MAX_CREDENTIALS: usize = 64;

/// The controller of no key: a credential without an issuer is nobody's.
const NOBODY: Option<&str> = Some("");

/// What is done about a credential's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusPolicy {
    /// A status that cannot be looked up is a failure.
    #[default]
    Required,
    /// A status list that does not come is reported as not checked; offline, that is all there is.
    IfReachable,
    /// Nothing is fetched.
    Skip,
}

/// How a credential is verified.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// The time, which only the caller knows.
    pub now: Timestamp,
    /// Seconds that the clock of an issuer may be ahead of this one.
    pub clock_skew: i64,
    /// What is done about the status.
    pub status: StatusPolicy,
}

impl VerifyOptions {
    /// At that time, with a minute between the clocks, and with the status.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            clock_skew: 60,
            status: StatusPolicy::Required,
        }
    }
}

/// How a presentation is verified.
#[derive(Clone, Copy, Debug)]
pub struct PresentationOptions<'a> {
    /// How its credentials are.
    pub verify: VerifyOptions,
    /// What the verifier asked with. A presentation without it could be an old one.
    pub challenge: Option<&'a str>,
    /// The verifier's own name.
    pub domain: Option<&'a str>,
    /// Whether every credential must be about who presents it.
    pub holder_is_subject: bool,
}

/// Verifies a credential: JSON with proofs, or a token. All that can be said about it is in the report.
pub async fn verify(secured: &[u8], options: &VerifyOptions, fetch: &dyn Fetch) -> Report {
    let session = Session::new(options, fetch);
    let mut reporter = Reporter::new(None);
    let document = verify_credential(Secured::parse(secured, TokenKind::Credential), &session, &mut reporter).await;
    if let Some(document) = &document {
        check_status(document, &session, &mut Lists::default(), &mut reporter).await;
    }
    finish(reporter, document)
}

/// The same without a look at its status: for status lists.
pub(crate) async fn verify_without_status(secured: &[u8], session: &Session<'_>) -> Report {
    let mut reporter = Reporter::new(None);
    let secured = Secured::parse(secured, TokenKind::Credential);
    let document = verify_credential(secured, session, &mut reporter).await;
    finish(reporter, document)
}

fn finish(reporter: Reporter, document: Option<Object>) -> Report {
    Report {
        verified: reporter.is_verified(),
        checks: reporter.checks,
        document: document.map(Value::Object),
    }
}

/// A document as it lies before the verifier.
enum Secured {
    /// With its proofs.
    Object(Object),
    /// As a token.
    Token(String),
}

impl Secured {
    /// Reads a text: a token, or JSON.
    fn parse(bytes: &[u8], kind: TokenKind) -> Result<Self, Failure> {
        match as_token(bytes) {
            Some(token) => Ok(Self::Token(token.to_owned())),
            None => Self::of(Value::parse(bytes)?, kind),
        }
    }

    /// JSON may be the document itself, or an envelope around its token (VC Data Model 2.0 §4.13.2).
    fn of(value: Value, kind: TokenKind) -> Result<Self, Failure> {
        let Value::Object(object) = value else {
            return Err(JoseError::NoObject("document").into());
        };
        let (envelope, prefix) = match kind {
            TokenKind::Credential => ("EnvelopedVerifiableCredential", "data:application/vc+jwt,"),
            TokenKind::Presentation => ("EnvelopedVerifiablePresentation", "data:application/vp+jwt,"),
        };
        let types = object.get("type").map(Value::one_or_many).unwrap_or_default();
        if !types.iter().any(|name| name.as_str() == Some(envelope)) {
            return Ok(Self::Object(object));
        }
        let url = object.get_str("id").ok_or(JoseError::Form)?;
        let token = url.strip_prefix(prefix).ok_or(JoseError::Type(kind.as_str()))?;
        Ok(Self::Token(token.to_owned()))
    }
}

/// Verifies all but the status, and gives what was secured, if it can be read.
async fn verify_credential(
    secured: Result<Secured, Failure>,
    session: &Session<'_>,
    reporter: &mut Reporter,
) -> Option<Object> {
    let token = match read(secured, reporter)? {
        Secured::Object(object) => return verify_object(object, session, reporter).await,
        Secured::Token(token) => token,
    };
    let token = read_token(&token, TokenKind::Credential, reporter)?;
    check_model(check_credential(&token.payload), reporter);
    let issuer = token.payload.get("issuer").and_then(identifier);
    let expected = expected(Relationship::AssertionMethod, issuer.or(NOBODY), session.options);
    verify_token(&token, &expected, session, reporter).await;
    check_period(&token.payload, session.options, reporter);
    Some(token.payload)
}

async fn verify_object(mut object: Object, session: &Session<'_>, reporter: &mut Reporter) -> Option<Object> {
    check_model(check_credential(&object), reporter);
    let issuer = object.get("issuer").and_then(identifier);
    let expected = expected(Relationship::AssertionMethod, issuer.or(NOBODY), session.options);
    let verified = verify_proofs(&object, &expected, session, reporter).await;
    check_period(&object, session.options, reporter);
    unsecure(&mut object, verified.context);
    Some(object)
}

/// Leaves of a document what its proofs have signed.
fn unsecure(document: &mut Object, context: Option<Value>) {
    document.remove("proof");
    if let Some(context) = context {
        document.insert("@context", context);
    }
}

fn expected<'a>(purpose: Relationship, controller: Option<&'a str>, options: &VerifyOptions) -> Expected<'a> {
    Expected {
        purpose,
        controller,
        now: options.now,
        clock_skew: options.clock_skew,
        challenge: None,
        domain: None,
    }
}

/// Whether this is a token and not JSON.
fn as_token(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let is_token = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    (is_token && text.contains('.')).then_some(text)
}

fn read(secured: Result<Secured, Failure>, reporter: &mut Reporter) -> Option<Secured> {
    match secured {
        Ok(secured) => {
            if let Secured::Object(_) = secured {
                reporter.passed(CheckId::Format, None, "JSON");
            }
            Some(secured)
        }
        Err(failure) => {
            reporter.failed(CheckId::Format, None, failure);
            None
        }
    }
}

fn read_token<'a>(text: &'a str, kind: TokenKind, reporter: &mut Reporter) -> Option<Token<'a>> {
    match Token::parse(text, kind) {
        Ok(token) => {
            reporter.passed(CheckId::Format, None, kind.as_str());
            Some(token)
        }
        Err(error) => {
            reporter.failed(CheckId::Format, None, error);
            None
        }
    }
}

fn check_model(broken: Vec<crate::model::ModelError>, reporter: &mut Reporter) {
    if broken.is_empty() {
        reporter.passed(CheckId::DataModel, None, "it has what it must have");
    }
    for error in broken {
        reporter.failed(CheckId::DataModel, None, error);
    }
}

fn check_period(credential: &Object, options: &VerifyOptions, reporter: &mut Reporter) {
    let Some(version) = Version::of(credential) else { return };
    let time = |member| credential.get_str(member).and_then(Timestamp::parse);
    match time(version.valid_from()) {
        None => reporter.not_checked(CheckId::ValidFrom, None, "it does not say since when it holds"),
        Some(from) if from.0 > options.now.0.saturating_add(options.clock_skew) => {
            reporter.failed(CheckId::ValidFrom, None, Failure::NotYetValid(from.to_text()));
        }
        Some(from) => reporter.passed(CheckId::ValidFrom, None, from.to_text()),
    }
    match time(version.valid_until()) {
        None => reporter.not_checked(CheckId::ValidUntil, None, "it does not say until when it holds"),
        Some(until) if until < options.now => {
            reporter.failed(CheckId::ValidUntil, None, Failure::Expired(until.to_text()));
        }
        Some(until) => reporter.passed(CheckId::ValidUntil, None, until.to_text()),
    }
}

/// The checks of a token that proofs have, too. Gives the controller if the signature is good.
async fn verify_token(
    token: &Token<'_>,
    expected: &Expected<'_>,
    session: &Session<'_>,
    reporter: &mut Reporter,
) -> Option<String> {
    reporter.passed(CheckId::Proof, None, "a token signed with EdDSA");
    check_claims(token, expected, reporter);
    let url = token.method(expected.controller);
    let method = match resolve_method(&url, expected.purpose, &session.fetch).await {
        Ok(method) => method,
        Err(error) => {
            reporter.failed(CheckId::VerificationMethod, None, error);
            reporter.not_checked(CheckId::Controller, None, "the key was not found");
            reporter.not_checked(CheckId::Signature, None, "the key was not found");
            return None;
        }
    };
    reporter.passed(CheckId::VerificationMethod, None, url);
    reporter.passed(CheckId::Purpose, None, expected.purpose.as_str());
    match expected.controller {
        Some(controller) if controller != method.document => {
            reporter.failed(
                CheckId::Controller,
                None,
                ProofError::WrongController(controller.to_owned()),
            );
        }
        _ => reporter.passed(CheckId::Controller, None, method.document.as_str()),
    }
    let is_over = |time: Option<Timestamp>| time.is_some_and(|time| time <= expected.now);
    if is_over(method.method.expires) {
        reporter.failed(CheckId::ProofTime, None, ProofError::Expired);
    }
    if is_over(method.method.revoked) {
        reporter.failed(CheckId::ProofTime, None, ProofError::KeyRevoked);
    }
    match method.method.key.ed25519() {
        None => reporter.failed(CheckId::Signature, None, ProofError::WrongKeyKind),
        Some(key) if !token.is_signed_by(key) => {
            reporter.failed(CheckId::Signature, None, ProofError::WrongSignature);
        }
        Some(_) => {
            reporter.passed(CheckId::Signature, None, "the signature fits the token");
            return Some(method.document);
        }
    }
    None
}

/// Claims of the token itself. A credential within another claim, as version 1.1 had it, would be a second one beside the first.
fn check_claims(token: &Token<'_>, expected: &Expected<'_>, reporter: &mut Reporter) {
    for claim in ["vc", "vp"] {
        if token.payload.contains(claim) {
            reporter.failed(CheckId::Proof, None, JoseError::Claim(claim));
        }
    }
    if let Some(issuer) = token.payload.get("iss")
        && expected
            .controller
            .is_some_and(|controller| issuer.as_str() != Some(controller))
    {
        reporter.failed(CheckId::Controller, None, JoseError::Claim("iss"));
    }
    let seconds = |claim| token.seconds(claim);
    // When it was issued is for information; some write it as a text.
    let issued = seconds("iat").unwrap_or_default();
    match (seconds("exp"), seconds("nbf")) {
        (Err(error), _) | (_, Err(error)) => reporter.failed(CheckId::ProofTime, None, error),
        (Ok(Some(expires)), _) if expires <= expected.now.0 => {
            reporter.failed(CheckId::ProofTime, None, ProofError::Expired);
        }
        (_, Ok(from)) => {
            let latest = expected.now.0.saturating_add(expected.clock_skew);
            if from.max(issued).is_some_and(|time| time > latest) {
                reporter.failed(CheckId::ProofTime, None, ProofError::NotYetValid);
            } else {
                reporter.passed(CheckId::ProofTime, None, "the token's times are good");
            }
        }
    }
}

/// Verifies a presentation and every credential in it.
pub async fn verify_presentation(secured: &[u8], options: &PresentationOptions<'_>, fetch: &dyn Fetch) -> Report {
    let session = Session::new(&options.verify, fetch);
    let mut reporter = Reporter::new(None);
    let Some((presentation, presenter)) = verify_presenter(secured, options, &session, &mut reporter).await else {
        return finish(reporter, None);
    };
    let credentials = presentation
        .get("verifiableCredential")
        .map(Value::one_or_many)
        .unwrap_or_default();
    if credentials.len() > MAX_CREDENTIALS {
        reporter.failed(CheckId::Format, None, ProofError::TooMany(MAX_CREDENTIALS));
        return finish(reporter, Some(presentation));
    }
    let mut verified = reporter.is_verified();
    let mut lists = Lists::default();
    for (at, credential) in credentials.iter().enumerate() {
        let mut one = Reporter::new(Some(at));
        let secured = Secured::of(credential.clone(), TokenKind::Credential);
        if let Some(document) = verify_credential(secured, &session, &mut one).await {
            check_holder(&document, presenter.as_deref(), options, &mut one);
            check_status(&document, &session, &mut lists, &mut one).await;
        }
        verified &= one.is_verified();
        reporter.checks.append(&mut one.checks);
    }
    Report {
        verified,
        checks: reporter.checks,
        document: Some(presentation.into()),
    }
}

/// Verifies the presentation itself. Gives what was secured, and who secured it.
async fn verify_presenter(
    secured: &[u8],
    options: &PresentationOptions<'_>,
    session: &Session<'_>,
    reporter: &mut Reporter,
) -> Option<(Object, Option<String>)> {
    let mut presentation = match read(Secured::parse(secured, TokenKind::Presentation), reporter)? {
        Secured::Object(object) => object,
        Secured::Token(token) => {
            let token = read_token(&token, TokenKind::Presentation, reporter)?;
            check_model(check_presentation(&token.payload), reporter);
            let holder = token.payload.get("holder").and_then(identifier);
            let expected = expected(Relationship::Authentication, holder, &options.verify);
            check_token_audience(&token, options, reporter);
            let presenter = verify_token(&token, &expected, session, reporter).await;
            return Some((token.payload, presenter));
        }
    };
    check_model(check_presentation(&presentation), reporter);
    let holder = presentation.get("holder").and_then(identifier);
    let expected = Expected {
        challenge: options.challenge,
        domain: options.domain,
        ..expected(Relationship::Authentication, holder, &options.verify)
    };
    let verified = verify_proofs(&presentation, &expected, session, reporter).await;
    let signed_by_holder = holder.filter(|holder| verified.controllers.iter().any(|controller| controller == holder));
    let presenter = signed_by_holder
        .map(str::to_owned)
        .or(verified.controllers.into_iter().next());
    unsecure(&mut presentation, verified.context);
    Some((presentation, presenter))
}

/// A token says its verifier's challenge as `nonce` and the verifier as `aud`.
fn check_token_audience(token: &Token<'_>, options: &PresentationOptions<'_>, reporter: &mut Reporter) {
    if let Some(challenge) = options.challenge {
        if token.payload.get_str("nonce") == Some(challenge) {
            reporter.passed(CheckId::Challenge, None, "it answers the challenge");
        } else {
            reporter.failed(CheckId::Challenge, None, ProofError::WrongChallenge);
        }
    }
    if let Some(domain) = options.domain {
        let audience = token.payload.get("aud").map(Value::one_or_many).unwrap_or_default();
        if audience.iter().any(|name| name.as_str() == Some(domain)) {
            reporter.passed(CheckId::Domain, None, domain);
        } else {
            reporter.failed(CheckId::Domain, None, ProofError::WrongDomain);
        }
    }
}

/// Whether a credential is about who presents it.
fn check_holder(
    credential: &Object,
    presenter: Option<&str>,
    options: &PresentationOptions<'_>,
    reporter: &mut Reporter,
) {
    let subjects = credential
        .get("credentialSubject")
        .map(Value::one_or_many)
        .unwrap_or_default();
    let is_presenter = |subject: &Value| presenter.is_some() && subject.get("id").and_then(Value::as_str) == presenter;
    if !subjects.is_empty() && subjects.iter().all(is_presenter) {
        reporter.passed(CheckId::Holder, None, "it is about who presents it");
    } else if options.holder_is_subject {
        reporter.failed(CheckId::Holder, None, Failure::OtherSubject);
    } else {
        reporter.not_checked(CheckId::Holder, None, "it is about somebody else than who presents it");
    }
}
