//! Making presentations: credentials, for one verifier and its challenge.

use crate::host::Signer;
use crate::issue::{Format, IssueError, controller};
use crate::jose::{TokenKind, sign_token};
use crate::json::{Object, Value};
use crate::model::{CREDENTIALS_V2, check_presentation};
use crate::proof::{ProofOptions, add_proof};
use crate::time::Timestamp;

/// How a presentation is made.
#[derive(Clone, Copy, Debug)]
pub struct PresentOptions<'a> {
    /// How it is secured.
    pub format: Format,
    /// The presentation's own identifier.
    pub id: Option<&'a str>,
    /// When it is made.
    pub created: Timestamp,
    /// When it ceases to hold.
    pub expires: Option<Timestamp>,
    /// What the verifier asked with.
    pub challenge: Option<&'a str>,
    /// The verifier's name.
    pub domain: Option<&'a str>,
}

/// Presents credentials, given as texts, as the one whose key signs. Gives the presentation's text.
pub async fn present(
    credentials: &[&str],
    options: &PresentOptions<'_>,
    signer: &dyn Signer,
) -> Result<String, IssueError> {
    let mut presentation = Object::from([("@context", Value::Array(vec![CREDENTIALS_V2.into()]))]);
    if let Some(id) = options.id {
        presentation.insert("id", id);
    }
    presentation.insert("type", vec![Value::from("VerifiablePresentation")]);
    presentation.insert("holder", controller(signer));
    let credentials: Result<Vec<Value>, IssueError> = credentials.iter().map(|text| member(text)).collect();
    presentation.insert("verifiableCredential", credentials?);
    let broken = check_presentation(&presentation);
    if !broken.is_empty() {
        return Err(IssueError::Model(broken));
    }
    match options.format {
        Format::DataIntegrity(suite) => {
            let proof = ProofOptions {
                suite,
                purpose: "authentication",
                expires: options.expires,
                challenge: options.challenge,
                domain: options.domain,
                ..ProofOptions::assertion(options.created)
            };
            add_proof(&mut presentation, &proof, signer).await?;
            Ok(Value::from(presentation).to_text())
        }
        Format::Token => {
            presentation.insert("iss", controller(signer));
            presentation.insert("iat", Value::Number(options.created.0 as f64));
            if let Some(expires) = options.expires {
                presentation.insert("exp", Value::Number(expires.0 as f64));
            }
            if let Some(challenge) = options.challenge {
                presentation.insert("nonce", challenge);
            }
            if let Some(domain) = options.domain {
                presentation.insert("aud", domain);
            }
            Ok(sign_token(&presentation, TokenKind::Presentation, signer).await?)
        }
    }
}

/// A credential as it stands in a presentation: itself, or its token in an envelope.
fn member(text: &str) -> Result<Value, IssueError> {
    let text = text.trim_ascii();
    if text.starts_with('{') {
        return Value::parse(text.as_bytes()).map_err(|_| IssueError::Unreadable);
    }
    let is_token = text.bytes().filter(|byte| *byte == b'.').count() == 2
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if !is_token {
        return Err(IssueError::Unreadable);
    }
    Ok(Value::from([
        ("@context", Value::from(CREDENTIALS_V2)),
        ("id", format!("data:application/vc+jwt,{text}").into()),
        ("type", "EnvelopedVerifiableCredential".into()),
    ]))
}
