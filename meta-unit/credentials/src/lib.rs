//! DIDs and Verifiable Credentials, in pure Rust and without any access to the world: time, keys and answers from the network are the caller's.
//!
//! - [`issue()`] and [`verify()`] a credential; [`present()`] credentials and [`verify_presentation`]; [`did::resolve`] an identifier;
//!   [`status::StatusList`] withdraws credentials.
//! - What is verified gives a [`Report`] of every check.
//! - Below lie [`proof`] (Data Integrity: eddsa-jcs-2022 and eddsa-rdfc-2022), [`jose`] (tokens), [`jsonld`] and [`rdf`] (linked data in canonical
//!   form), [`json`], [`keys`] and [`model`] (the data model's rules).
//!
//! ```
//! # use avatar_credentials::{Format, IssueOptions, LocalBoxFuture, Offline, SignError, Signer, VerifyOptions, issue, json::Value, time::Timestamp, verify};
//! # use ed25519_dalek::{Signer as _, SigningKey};
//! # struct Key(SigningKey, String);
//! # impl Signer for Key {
//! #     fn verification_method(&self) -> &str { &self.1 }
//! #     fn sign<'a>(&'a self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<[u8; 64], SignError>> {
//! #         Box::pin(std::future::ready(Ok(self.0.sign(message).to_bytes())))
//! #     }
//! # }
//! # fn now<T>(future: impl Future<Output = T>) -> T {
//! #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! #     let std::task::Poll::Ready(value) = std::pin::pin!(future).poll(&mut context) else { unreachable!() };
//! #     value
//! # }
//! # let key = SigningKey::from_bytes(&[1; 32]);
//! # let did = avatar_credentials::did::did_key_of(key.verifying_key().as_bytes());
//! # let signer = Key(key, avatar_credentials::did::verification_method_of(&did));
//! # let clock = Timestamp::parse("2026-11-26T12:00:00Z").unwrap();
//! let Ok(Value::Object(credential)) = Value::parse(br#"{
//!     "@context": ["https://www.w3.org/ns/credentials/v2"],
//!     "type": ["VerifiableCredential"],
//!     "credentialSubject": { "name": "Ada" }
//! }"#) else { panic!() };
//! let options = IssueOptions { format: Format::default(), created: clock };
//! let text = now(issue(credential, &options, &signer)).unwrap();
//!
//! let report = now(verify(text.as_bytes(), &VerifyOptions::at(clock), &Offline));
//! assert!(report.verified);
//! for check in &report.checks {
//!     println!("{}: {} ({})", check.id.as_str(), check.outcome.as_str(), check.detail);
//! }
//! ```
//!
//! Every text may come from anybody: sizes are checked before anything is allocated, work is bounded, and nothing panics.

pub mod base64url;
mod budget;
mod codes;
pub mod did;
mod host;
mod issue;
pub mod jose;
pub use avatar_json as json;
pub mod jsonld;
pub mod keys;
pub mod model;
pub mod multibase;
mod once;
mod present;
pub mod proof;
pub mod rdf;
mod report;
mod session;
pub mod status;
pub mod time;
mod verify;

pub use budget::Budget;
pub use host::{Fetch, FetchError, LocalBoxFuture, Offline, SignError, Signer};
pub use issue::{Format, IssueError, IssueOptions, issue};
pub use present::{PresentOptions, present};
pub use report::{Check, CheckId, Failure, Outcome, Report, Subject};
pub use verify::{PresentationOptions, StatusPolicy, VerifyOptions, verify, verify_presentation};
