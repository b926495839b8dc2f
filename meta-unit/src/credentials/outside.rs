//! What `avatar-credentials` is lent: the identity's key, and documents from elsewhere.

use std::rc::Rc;

use avatar_credentials::did::{did_key_of, verification_method_of};
use avatar_credentials::json::Value;
use avatar_credentials::{Fetch, FetchError, LocalBoxFuture, SignError, Signer};
use avatar_proto::{AbiStatus, NetHeader, NetRequest, OpErrorCode};
use ed25519_dalek::SigningKey;

use super::{CredentialError, Credentials, MAX_DOCUMENT_BYTES};
use crate::identity::Identity;
use crate::platform::Platform;

/// How long an answer may take.
const TIMEOUT_MS: u32 = 10_000;

/// A key of this node, with the did:key that it makes.
pub struct Key {
    signer: Rc<avatar_signer::Signer>,
    did: String,
    method: String,
}

impl Key {
    /// That of this identity.
    pub fn of(identity: &Identity) -> Self {
        Self::new(identity.signer(), identity.did())
    }

    /// That of a former identity, or of this one.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let did = did_key_of(key.verifying_key().as_bytes());
        Self::new(Rc::new(avatar_signer::Signer::new(&key)), did)
    }

    fn new(signer: Rc<avatar_signer::Signer>, did: String) -> Self {
        Self {
            signer,
            method: verification_method_of(&did),
            did,
        }
    }

    /// Whose key it is.
    pub fn did(&self) -> &str {
        &self.did
    }
}

impl Signer for Key {
    fn verification_method(&self) -> &str {
        &self.method
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<[u8; 64], SignError>> {
        Box::pin(std::future::ready(Ok(self.signer.sign(message))))
    }
}

/// Documents that are at hand, lists of this node, and the network, in this order.
pub struct Network<'a> {
    credentials: &'a Credentials,
    at_hand: Vec<(String, Vec<u8>)>,
    offline: bool,
}

impl<'a> Network<'a> {
    /// `at_hand`: status list credentials, found by their ids.
    pub fn new(credentials: &'a Credentials, at_hand: &[String], offline: bool) -> Result<Self, CredentialError> {
        let by_id = at_hand.iter().map(|document| {
            if document.len() > MAX_DOCUMENT_BYTES {
                return Err(CredentialError::Limit("a document has at most 1 MiB"));
            }
            let id = Value::parse(document.as_bytes())
                .ok()
                .and_then(|list| Some(list.get("id")?.as_str()?.to_owned()));
            let id = id.ok_or_else(|| CredentialError::Invalid("a status list has an id".to_owned()))?;
            Ok((id, document.clone().into_bytes()))
        });
        Ok(Self {
            credentials,
            at_hand: by_id.collect::<Result<_, _>>()?,
            offline,
        })
    }
}

impl Fetch for Network<'_> {
    fn get<'b>(&'b self, url: &'b str, max_bytes: usize) -> LocalBoxFuture<'b, Result<Vec<u8>, FetchError>> {
        Box::pin(async move {
            if let Some((_, document)) = self.at_hand.iter().find(|(id, _)| id == url) {
                return Ok(document.clone());
            }
            if let Ok(own) = self.credentials.status_list(url).await {
                return Ok(own.document.into_bytes());
            }
            if self.offline {
                return Err(FetchError::Unavailable);
            }
            let request = NetRequest {
                method: "GET".to_owned(),
                url: url.to_owned(),
                headers: vec![NetHeader {
                    name: "accept".to_owned(),
                    value: "application/json, application/vc+jwt;q=0.9, */*;q=0.1".to_owned(),
                }],
                timeout_ms: TIMEOUT_MS,
                max_response_bytes: max_bytes as u64,
                response_stream: 0,
            };
            let (response, body) = self
                .credentials
                .sealed
                .fetch(request)
                .await
                .map_err(|error| match error.code {
                    OpErrorCode::Timeout => FetchError::Timeout,
                    OpErrorCode::TooLarge => FetchError::TooLarge(max_bytes),
                    OpErrorCode::Denied => FetchError::NotAllowed,
                    OpErrorCode::Unsupported => FetchError::Unavailable,
                    _ if error.status == AbiStatus::Limit => FetchError::TooLarge(max_bytes),
                    _ => FetchError::Failed("the network failed".to_owned()),
                })?;
            if !response.final_url.is_empty() && response.final_url != url {
                // Whoever may answer for this address was asked, and named somebody else.
                return Err(FetchError::NotAllowed);
            }
            match response.status {
                200..=299 => Ok(body),
                status => Err(FetchError::Failed(format!("status {status}"))),
            }
        })
    }
}

/// Whether it is a presentation, and no credential: by its type, or by its token's.
pub fn is_presentation(document: &str) -> bool {
    let names_it = |value: &Value| {
        let types = value.get("type").map(Value::one_or_many).unwrap_or_default();
        types.iter().any(|kind| {
            matches!(
                kind.as_str(),
                Some("VerifiablePresentation" | "EnvelopedVerifiablePresentation")
            )
        })
    };
    match Value::parse(document.as_bytes()) {
        Ok(value) => names_it(&value),
        Err(_) => payload(document).is_some_and(|payload| names_it(&payload)),
    }
}

/// Whether it is JSON of an object, or a token of one.
pub fn is_readable(document: &str) -> bool {
    match Value::parse(document.as_bytes()) {
        Ok(value) => value.as_object().is_some(),
        Err(_) => payload(document).is_some_and(|payload| payload.as_object().is_some()),
    }
}

fn payload(token: &str) -> Option<Value> {
    let payload = avatar_credentials::base64url::decode(token.trim().split('.').nth(1)?)?;
    Value::parse(&payload).ok()
}
