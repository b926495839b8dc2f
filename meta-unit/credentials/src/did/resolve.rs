//! From an identifier to its document, and from a method's URL to its key.

use super::address::{AddressError, check_url};
use super::document::{DidDocument, DocumentError, Relationship, VerificationMethod};
use super::syntax::{Did, DidError, DidUrl};
use super::{jwk, key, web};
use crate::host::{Fetch, FetchError};
use crate::json::{JsonError, Limits, parse};
use crate::keys::KeyError;

/// A DID document has at most this many bytes.
const MAX_DOCUMENT: usize = 64 << 10;

/// Why an identifier does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Not a DID.
    #[error(transparent)]
    Syntax(#[from] DidError),
    /// A method other than key, jwk and web.
    #[error("the DID method is not supported")]
    UnsupportedMethod,
    /// A did:web, or a URL, that must not be asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The document did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came is no JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// What came is no document of this identifier.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The identifier is a key that is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The document has no such verification method.
    #[error("there is no such verification method")]
    NoSuchMethod,
    /// The document does not list the method for this use.
    #[error("the verification method is not meant for {}", .0.as_str())]
    WrongRelationship(Relationship),
}

/// The document of a DID. Only did:web asks the network.
pub async fn resolve(did: &str, fetch: &dyn Fetch) -> Result<DidDocument, ResolveError> {
    let did = Did::parse(did)?;
    let document = match did.method {
        "key" => key::document(&did)?,
        "jwk" => jwk::document(&did)?,
        "web" => return fetch_document(did.text, &web::web_url(&did)?, fetch).await,
        _ => return Err(ResolveError::UnsupportedMethod),
    };
    Ok(DidDocument::new(did.text, document)?)
}

async fn fetch_document(id: &str, url: &str, fetch: &dyn Fetch) -> Result<DidDocument, ResolveError> {
    let bytes = fetch.get(url, MAX_DOCUMENT).await?;
    let limits = Limits {
        bytes: MAX_DOCUMENT,
        depth: 16,
        values: 10_000,
    };
    if bytes.len() > limits.bytes {
        return Err(FetchError::TooLarge(limits.bytes).into());
    }
    Ok(DidDocument::new(id, parse(&bytes, &limits)?)?)
}

/// A method together with whose document lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodKey {
    /// The identifier of the document in which the method was found.
    pub document: String,
    /// The method.
    pub method: VerificationMethod,
}

/// The verification method of a URL, if its document lists it for this use. The controller that it names is the document's own subject: a method
/// of somebody else in it would speak for nobody.
pub async fn resolve_method(
    url: &str,
    relationship: Relationship,
    fetch: &dyn Fetch,
) -> Result<MethodKey, ResolveError> {
    let (document, method) = if url.starts_with("did:") {
        let parsed = DidUrl::parse(url)?;
        let fragment = parsed.fragment.ok_or(ResolveError::NoSuchMethod)?;
        if !parsed.path_and_query.is_empty() {
            return Err(ResolveError::NoSuchMethod);
        }
        if parsed.did.method == "key" && relationship != Relationship::KeyAgreement {
            let method = key::method(&parsed.did, fragment, relationship)?;
            return Ok(MethodKey {
                document: parsed.did.text.to_owned(),
                method,
            });
        }
        let document = resolve(parsed.did.text, fetch).await?;
        let method = find(&document, url, relationship)?;
        (document, method)
    } else {
        // A controlled identifier document (Controlled Identifiers 1.0 §3) at an address of its own.
        let (id, _) = url.split_once('#').ok_or(ResolveError::NoSuchMethod)?;
        check_url(id)?;
        let document = fetch_document(id, id, fetch).await?;
        let method = find(&document, url, relationship)?;
        (document, method)
    };
    if method.controller != document.id() {
        return Err(ResolveError::NoSuchMethod);
    }
    Ok(MethodKey {
        document: document.id().to_owned(),
        method,
    })
}

fn find(document: &DidDocument, url: &str, relationship: Relationship) -> Result<VerificationMethod, ResolveError> {
    match document.method(url, relationship)? {
        Some(method) => Ok(method),
        None if document.any_method(url)?.is_some() => Err(ResolveError::WrongRelationship(relationship)),
        None => Err(ResolveError::NoSuchMethod),
    }
}
