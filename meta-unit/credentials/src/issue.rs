//! Issuing credentials.

use crate::host::{SignError, Signer};
use crate::jose::{TokenKind, sign_token};
use crate::json::{Object, Value};
use crate::jsonld::{JsonLdError, check_types};
use crate::model::{ModelError, check_credential, identifier};
use crate::proof::{CreateError, ProofError, ProofOptions, Suite, add_proof};
use crate::time::Timestamp;

/// How a document is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With a proof within it.
    DataIntegrity(Suite),
    /// As the payload of a signed token.
    Token,
}

impl Default for Format {
    fn default() -> Self {
        Self::DataIntegrity(Suite::default())
    }
}

/// How a credential is issued.
#[derive(Clone, Copy, Debug)]
pub struct IssueOptions {
    /// How it is secured.
    pub format: Format,
    /// When: the proof says so.
    pub created: Timestamp,
}

/// Why a credential was not issued, or a presentation not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The document breaks rules of the data model.
    #[error("the document breaks a rule of the data model: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Model(Vec<ModelError>),
    /// The issuer, or the holder, is not who signs.
    #[error("the document names somebody else than who signs")]
    WrongIssuer,
    /// Its contexts contradict one another, or do not define its types.
    #[error(transparent)]
    LinkedData(#[from] JsonLdError),
    /// There is a proof already.
    #[error("the document is secured already")]
    AlreadySecured,
    /// A credential to be presented is neither JSON nor a token.
    #[error("the credential cannot be read")]
    Unreadable,
    /// The document cannot be signed.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<CreateError> for IssueError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Proof(error) => Self::Proof(error),
            CreateError::Sign(error) => Self::Sign(error),
        }
    }
}

/// The controller of a signer's key: what its method's URL begins with.
pub(crate) fn controller(signer: &dyn Signer) -> &str {
    let method = signer.verification_method();
    method.split_once('#').map_or(method, |(controller, _)| controller)
}

/// Issues a credential and gives its text: JSON with its proof, or a token. Where the issuer, or its `id`, is left out, it is the signer.
pub async fn issue(credential: Object, options: &IssueOptions, signer: &dyn Signer) -> Result<String, IssueError> {
    let mut credential = credential;
    match credential.get("issuer") {
        None => credential.insert("issuer", controller(signer)),
        Some(Value::Object(issuer)) if !issuer.contains("id") => {
            let mut issuer = issuer.clone();
            issuer.insert("id", controller(signer));
            credential.insert("issuer", issuer);
        }
        Some(_) => {}
    }
    if credential.contains("proof") {
        return Err(IssueError::AlreadySecured);
    }
    let broken = check_credential(&credential);
    if !broken.is_empty() {
        return Err(IssueError::Model(broken));
    }
    if credential.get("issuer").and_then(identifier) != Some(controller(signer)) {
        return Err(IssueError::WrongIssuer);
    }
    check_types(&credential)?;
    match options.format {
        Format::Token => Ok(sign_token(&credential, TokenKind::Credential, signer).await?),
        Format::DataIntegrity(suite) => {
            let proof = ProofOptions {
                suite,
                ..ProofOptions::assertion(options.created)
            };
            add_proof(&mut credential, &proof, signer).await?;
            Ok(Value::from(credential).to_text())
        }
    }
}
