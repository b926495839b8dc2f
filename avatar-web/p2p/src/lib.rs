//! The libp2p of an Avatar: a swarm behind `avatar_p2p` and the streams of `proto/ABI.md`.
//!
//! [`Node`] is the portable part: a swarm, the commands of `p2p.proto`, streams with credit both ways, and the queue of events. It knows no engine, no clock and no
//! transport: whoever makes it brings the transport, polls it, and carries out what it says ([`Output`]).
//!
//! For `wasm32-unknown-unknown` the crate is also a module of its own (`avatar_p2p_bg.wasm` with its glue), which avatar-web loads when the first peer is wanted: its
//! transports are in `transports/`, its JavaScript interface in `js.rs`.
#![forbid(unsafe_code)]

mod behaviour;
mod circuits;
mod connections;
mod discovery;
mod events;
#[cfg(target_arch = "wasm32")]
mod js;
mod links;
mod node;
mod operations;
mod ready;
mod secured;
mod streams;
#[cfg(target_arch = "wasm32")]
mod transports;

pub use circuits::Circuits;
pub use events::EventQueue;
pub use links::{STREAM_WINDOW_BYTES, StreamEvent};
pub use node::{Node, Output, Parts};
pub use secured::{CONNECT_TIMEOUT, Connections, either, secure};
