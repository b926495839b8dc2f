//! DIDs and Verifiable Credentials, in pure Rust and without any access to the world.

pub mod base64url;
pub mod json;
pub mod jsonld;
pub mod keys;
pub mod multibase;
pub mod rdf;
pub mod time;
