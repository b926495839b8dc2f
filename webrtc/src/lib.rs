//! WebRTC for libp2p in browsers.
//!
//! - [`direct`]: dials servers at `/ip4/…/udp/…/webrtc-direct/certhash/…` (versions 1 and 2 of the specification).
//! - [`browser`]: connects browsers with each other at `<relay>/p2p-circuit/webrtc/p2p/<peer>`; the relay carries the signalling alone.
//!
//! Both give [`Connection`]s, which are stream muxers already: no Noise and no yamux goes on top. Both take [`PeerConnections`], since only windows have RTCPeerConnection: a node in
//! a window makes them itself, a node in a worker through a port to `shim/window-shim.js`. The README shows how a swarm takes them.
#![forbid(unsafe_code)]

mod channel;
mod config;
mod connection;
mod error;
mod fingerprint;
mod frame;
mod peer;
mod sdp;
mod stream;

pub mod browser;
pub mod direct;

pub use config::{Config, DirectVersion, IceServer};
pub use connection::Connection;
pub use error::Error;
pub use peer::PeerConnections;
pub use stream::Stream;
