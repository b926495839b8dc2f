//! What the owner of a node is promised: their data opens for them, and for nobody else.

#[path = "../documents/client.rs"]
#[allow(dead_code, reason = "a client of documents; these tests need the half of it")]
mod client;

mod at_rest;
mod backup;
mod credentials;
mod devices;
mod locking;
mod owner;
mod recovery;
