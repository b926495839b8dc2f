//! The Rust end of WebRTC's tests: a libp2p node that a page or a worker drives from JavaScript.
#![cfg(target_arch = "wasm32")]

mod node;
mod streams;
mod swarm;

pub use node::TestPeer;
