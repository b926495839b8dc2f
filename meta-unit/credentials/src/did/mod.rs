//! Decentralized identifiers (DID Core 1.0): did:key, did:jwk and did:web.

mod address;
mod document;
mod jwk;
mod key;
mod resolve;
mod syntax;
mod web;

pub use address::{AddressError, check_url};
pub use document::{DidDocument, DocumentError, Relationship, VerificationMethod};
pub use key::{did_key_of, verification_method_of};
pub use resolve::{MethodKey, ResolveError, resolve, resolve_method};
pub use syntax::{Did, DidError, DidUrl};
pub use web::web_url;
