//! Verifiable Credentials of this node: issued, kept, presented, verified and revoked. What they are is `avatar-credentials`' business; here are the node's key, its clock, its storage
//! and its way to the network.
//!
//! - [`kept`]: credentials in storage. [`lists`]: the status lists of those that were issued here.
//! - [`challenges`]: what this node has asked for. [`outside`]: the identity's key, and the network, as `avatar-credentials` uses them.

mod challenges;
mod kept;
mod lists;
mod outside;

use std::cell::RefCell;
use std::rc::Rc;

use avatar_credentials::did;
use avatar_credentials::json::{Object, Value};
use avatar_credentials::proof::Suite;
use avatar_credentials::time::Timestamp;
use avatar_credentials::{
    Check, CheckId, Format, IssueError, IssueOptions, Outcome, PresentOptions, PresentationOptions, Report,
    StatusPolicy, VerifyOptions,
};
use avatar_proto::{
    AppError, CheckOutcome, CredentialDocument, CredentialIssue, CredentialKept, CredentialPresent, CredentialRequest,
    CredentialRequested, CredentialVerify, Durability, ErrorCode, Securing, VerificationCheck, VerificationReport,
};

use crate::identity::Identity;
use crate::node::app_error;
use crate::platform::{Batch, Platform, PlatformError};
use crate::vault::Sealed;
use challenges::Challenges;
use kept::Kept;
use lists::Lists;
use outside::{Key, Network};

/// The context of the data model.
const CREDENTIALS_V2: &str = "https://www.w3.org/ns/credentials/v2";

/// The context that gives all other names a meaning.
const UNDEFINED_TERMS_V2: &str = "https://www.w3.org/ns/credentials/undefined-terms/v2";

/// A credential or presentation has at most so many bytes.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Why a request about credentials was not done.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] PlatformError),
    /// What was given cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// There is no such credential, or no such list.
    #[error("there is no such credential")]
    NotFound,
    /// It has no place in a list of this node.
    #[error("it cannot be revoked here: it was issued elsewhere, or without a place in a status list")]
    Irrevocable,
    /// A list or a document is too large.
    #[error("{0}")]
    Limit(&'static str),
    /// A record is damaged.
    #[error("the record of a credential is damaged")]
    Corrupt,
}

impl From<IssueError> for CredentialError {
    fn from(error: IssueError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl CredentialError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let code = match self {
            Self::Storage(error) => return error.to_app_error(),
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::NotFound => ErrorCode::NotFound,
            Self::Irrevocable => ErrorCode::Denied,
            Self::Limit(_) => ErrorCode::Limit,
            Self::Corrupt => ErrorCode::Corrupt,
        };
        app_error(code, &self.to_string())
    }
}

/// See the module's documentation.
pub struct Credentials {
    sealed: Rc<Sealed>,
    identity: Rc<Identity>,
    lists: Lists,
    challenges: RefCell<Challenges>,
}

impl Credentials {
    /// Those of this identity.
    pub fn new(sealed: &Rc<Sealed>, identity: &Rc<Identity>) -> Rc<Self> {
        Rc::new(Self {
            sealed: Rc::clone(sealed),
            identity: Rc::clone(identity),
            lists: Lists::new(sealed, identity),
            challenges: RefCell::default(),
        })
    }

    /// Signs a credential.
    pub async fn issue(&self, request: CredentialIssue) -> Result<CredentialDocument, CredentialError> {
        let mut credential = object(&request.credential)?;
        self.fill_in(&mut credential);
        let place = match request.status_list_url.as_str() {
            "" => None,
            url => Some(self.lists.take_place(url).await?),
        };
        if let Some(place) = &place {
            credential.insert("credentialStatus", place.entry());
        }
        let options = IssueOptions {
            format: format(request.securing),
            created: self.now(),
        };
        let document = avatar_credentials::issue(credential, &options, &Key::of(&self.identity)).await?;
        let mut batch = Batch::new(Durability::Strict);
        let mut id = Vec::new();
        if let Some(place) = &place {
            self.lists.put(&mut batch, &place.url)?;
        }
        if request.keep || place.is_some() {
            let mut kept = Kept::new(&document, self.sealed.unix_ms());
            kept.issued = true;
            if let Some(place) = place {
                kept.status_url = place.url;
                kept.status_index = place.index as u32;
            }
            id = kept.put_new(&*self.sealed, &mut batch).to_vec();
        }
        if !batch.is_empty() {
            batch.run(&*self.sealed).await?;
        }
        Ok(CredentialDocument { document, id })
    }

    /// Checks a credential or a presentation.
    pub async fn verify(&self, request: CredentialVerify) -> Result<VerificationReport, CredentialError> {
        if request.document.len() > MAX_DOCUMENT_BYTES {
            return Err(CredentialError::Limit("a document has at most 1 MiB"));
        }
        let network = Network::new(self, &request.status_lists, request.offline)?;
        let verify = VerifyOptions {
            status: match request.offline {
                true => StatusPolicy::IfReachable,
                false => StatusPolicy::Required,
            },
            ..VerifyOptions::at(self.now())
        };
        let (mut report, holder) = if outside::is_presentation(&request.document) {
            let options = PresentationOptions {
                verify,
                challenge: some(&request.challenge),
                domain: some(&request.domain),
                holder_is_subject: false,
            };
            let report = avatar_credentials::verify_presentation(request.document.as_bytes(), &options, &network).await;
            let holder = identifier_of(&report, "holder");
            (answer(report, &request), holder)
        } else {
            let report = avatar_credentials::verify(request.document.as_bytes(), &verify, &network).await;
            (answer(report, &request), String::new())
        };
        report.holder = holder;
        if !request.challenge.is_empty() {
            let now_ms = self.sealed.unix_ms();
            let reused = self
                .challenges
                .borrow_mut()
                .answer(&request.challenge, report.verified, now_ms);
            if let Err(detail) = reused {
                report.verified = false;
                report.checks.push(VerificationCheck {
                    id: "challenge".to_owned(),
                    outcome: CheckOutcome::Failed.into(),
                    detail: detail.to_owned(),
                    subject: "document".to_owned(),
                });
            }
        }
        Ok(report)
    }

    /// Presents credentials to a verifier.
    pub async fn present(&self, request: CredentialPresent) -> Result<CredentialDocument, CredentialError> {
        let mut documents = Vec::new();
        for id in &request.ids {
            documents.push(Kept::load(&*self.sealed, id).await?.document);
        }
        documents.extend(request.documents.iter().cloned());
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        let options = PresentOptions {
            format: format(request.securing),
            id: None,
            created: self.now(),
            expires: None,
            challenge: some(&request.challenge),
            domain: some(&request.domain),
        };
        let document = avatar_credentials::present(&documents, &options, &Key::of(&self.identity)).await?;
        Ok(CredentialDocument {
            document,
            id: Vec::new(),
        })
    }

    /// Asks for a presentation (W3C CCG, Verifiable Presentation Request).
    pub fn request(&self, request: &CredentialRequest) -> CredentialRequested {
        let mut random = [0; 16];
        self.sealed.random(&mut random);
        let challenge = avatar_credentials::base64url::encode(&random);
        self.challenges.borrow_mut().add(&challenge, self.sealed.unix_ms());
        let query = |kind: Option<&String>| {
            let mut wanted = Object::from([("reason", Value::from(request.reason.as_str()))]);
            if let Some(kind) = kind {
                let example = [
                    ("@context", Value::Array(vec![CREDENTIALS_V2.into()])),
                    ("type", Value::from(kind.as_str())),
                ];
                wanted.insert("example", Value::from(example));
            }
            Value::from(wanted)
        };
        let queries: Vec<Value> = match request.types.as_slice() {
            [] => vec![query(None)],
            kinds => kinds.iter().map(|kind| query(Some(kind))).collect(),
        };
        let by_example = [
            ("type", Value::from("QueryByExample")),
            ("credentialQuery", Value::Array(queries)),
        ];
        let mut asked = Object::from([
            ("query", Value::Array(vec![Value::from(by_example)])),
            ("challenge", Value::from(challenge.as_str())),
        ]);
        if !request.domain.is_empty() {
            asked.insert("domain", request.domain.as_str());
        }
        CredentialRequested {
            request: Value::from(asked).to_text(),
            challenge,
        }
    }

    /// Keeps a credential of somebody else.
    pub async fn keep(&self, document: String) -> Result<CredentialKept, CredentialError> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(CredentialError::Limit("a document has at most 1 MiB"));
        }
        if !outside::is_readable(&document) {
            return Err(CredentialError::Invalid("that is neither JSON nor a token".to_owned()));
        }
        let kept = Kept::new(&document, self.sealed.unix_ms());
        let mut batch = Batch::new(Durability::Strict);
        let id = kept.put_new(&*self.sealed, &mut batch);
        batch.run(&*self.sealed).await?;
        Ok(kept.told(&id))
    }

    /// All kept credentials, the newest first.
    pub async fn list(&self) -> Result<Vec<CredentialKept>, CredentialError> {
        kept::list(&*self.sealed).await
    }

    /// Forgets a kept credential. One that is not there is forgotten already.
    pub async fn forget(&self, id: &[u8]) -> Result<(), CredentialError> {
        let mut batch = Batch::new(Durability::Strict);
        batch.delete(kept::key(id)?);
        batch.run(&*self.sealed).await?;
        Ok(())
    }

    /// Revokes a credential that was issued here, and gives the list that says so.
    pub async fn revoke(&self, id: &[u8]) -> Result<CredentialDocument, CredentialError> {
        let mut kept = Kept::load(&*self.sealed, id).await?;
        if !kept.issued || kept.status_url.is_empty() {
            return Err(CredentialError::Irrevocable);
        }
        self.lists.revoke(&kept.status_url, kept.status_index as usize).await?;
        kept.revoked = true;
        let mut batch = Batch::new(Durability::Strict);
        kept.put(&mut batch, id)?;
        self.lists.put(&mut batch, &kept.status_url)?;
        batch.run(&*self.sealed).await?;
        self.status_list(&kept.status_url).await
    }

    /// A status list of this node, freshly signed.
    pub async fn status_list(&self, url: &str) -> Result<CredentialDocument, CredentialError> {
        let (mut list, key) = self.lists.credential(url).await?;
        list.insert("validFrom", self.now().to_text());
        let options = IssueOptions {
            format: Format::default(),
            created: self.now(),
        };
        let document = avatar_credentials::issue(list, &options, &key).await?;
        Ok(CredentialDocument {
            document,
            id: Vec::new(),
        })
    }

    /// The DID document of a DID, as JSON.
    pub async fn resolve(&self, did: &str) -> Result<String, CredentialError> {
        let network = Network::new(self, &[], false)?;
        match did::resolve(did, &network).await {
            Ok(document) => {
                let mut document = document.into_json();
                if self.identity.former_dids().iter().any(|former| former == did)
                    && let Some(document) = document.as_object_mut()
                {
                    document.insert("alsoKnownAs", vec![Value::from(self.identity.did())]);
                }
                Ok(document.to_text())
            }
            Err(error) => Err(CredentialError::Invalid(error.to_string())),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.sealed.unix_ms().div_euclid(1000))
    }

    fn fill_in(&self, credential: &mut Object) {
        if !credential.contains("@context") {
            // Whoever names no contexts may use names that none defines: this one gives them a meaning of their own.
            credential.insert(
                "@context",
                Value::Array(vec![CREDENTIALS_V2.into(), UNDEFINED_TERMS_V2.into()]),
            );
        }
        if !credential.contains("type") {
            credential.insert("type", Value::Array(vec!["VerifiableCredential".into()]));
        }
        if !credential.contains("validFrom") {
            credential.insert("validFrom", self.now().to_text());
        }
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn object(text: &str) -> Result<Object, CredentialError> {
    match Value::parse(text.as_bytes()) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(CredentialError::Invalid("a credential is a JSON object".to_owned())),
        Err(error) => Err(CredentialError::Invalid(error.to_string())),
    }
}

fn format(securing: i32) -> Format {
    match Securing::try_from(securing) {
        Ok(Securing::EddsaRdfc2022) => Format::DataIntegrity(Suite::EddsaRdfc2022),
        Ok(Securing::Jose) => Format::Token,
        _ => Format::DataIntegrity(Suite::EddsaJcs2022),
    }
}

fn identifier_of(report: &Report, name: &str) -> String {
    let value = report.document.as_ref().and_then(|document| document.get(name));
    let identifier = value.and_then(avatar_credentials::model::identifier);
    identifier.unwrap_or_default().to_owned()
}

/// A report as it is told. Offline, a status that could not be looked up is no good one.
fn answer(report: Report, request: &CredentialVerify) -> VerificationReport {
    let is_unknown = |check: &Check| check.id == CheckId::Status && check.outcome == Outcome::NotChecked;
    let unchecked = report.checks.iter().any(is_unknown);
    let issuer = identifier_of(&report, "issuer");
    let checks = report.checks.into_iter().map(|check| VerificationCheck {
        id: check.id.as_str().to_owned(),
        outcome: match check.outcome {
            Outcome::Passed => CheckOutcome::Passed,
            Outcome::Failed => CheckOutcome::Failed,
            Outcome::NotChecked => CheckOutcome::NotChecked,
        }
        .into(),
        detail: check.detail,
        subject: check.subject.to_string(),
    });
    VerificationReport {
        checks: checks.collect(),
        verified: report.verified && !(request.offline && unchecked),
        issuer,
        holder: String::new(),
    }
}
