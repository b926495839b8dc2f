//! DIDs and Verifiable Credentials, in pure Rust and without any access to the world: time, keys and answers from the network are the caller's.
//!
//! - [`issue()`] and [`verify()`] a credential; [`present()`] credentials and [`verify_presentation`]; [`did::resolve`] an identifier;
//!   [`status::StatusList`] withdraws credentials.
//! - What is verified gives a [`Report`] of every check.
//! - Below lie [`proof`] (Data Integrity: eddsa-jcs-2022 and eddsa-rdfc-2022), [`jose`] (tokens), [`jsonld`] and [`rdf`] (linked data in canonical
//!   form), [`json`], [`keys`] and [`model`] (the data model's rules).
//!
//! Every text may come from anybody: sizes are checked before anything is allocated, work is bounded, and nothing panics.

pub mod base64url;
mod budget;
mod codes;
pub mod did;
mod host;
mod issue;
pub mod jose;
pub mod json;
pub mod jsonld;
pub mod keys;
pub mod model;
pub mod multibase;
mod once;
mod order;
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
