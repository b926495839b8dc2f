//! What two Meta Units say to each other on a stream of libp2p, whose Noise has proved each end's peer id and keeps everybody else out.
//!
//! - [`frame`]: messages on a stream, each behind its length.
//! - [`handshake`]: who the other is. A stranger learns nothing, not even whom they have reached.
//! - [`reconcile`]: which documents differ, at a cost that grows with the differences and not with the documents.
//! - [`message`]: everything that is said once both know each other.
//! - [`invitation`], [`linking`]: how a new device becomes one of a person's.
//!
//! Every byte may come from anybody: sizes are checked before anything is allocated, work is bounded, and nothing panics.

pub mod frame;
pub mod handshake;
pub mod invitation;
pub mod linking;
pub mod message;
pub mod reconcile;
