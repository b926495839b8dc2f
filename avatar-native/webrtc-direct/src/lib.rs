//! A WebRTC Direct listener for rust-libp2p: what [the specification](https://github.com/libp2p/specs/blob/master/webrtc/webrtc-direct.md) asks of a server, in its versions 1 and 2.
//!
//! Browsers connect with no certificate authority, no signalling and no STUN server: the address tells the hash of the certificate, and all else follows from the first packet.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use libp2p_webrtc_direct_listener::{Certificate, Transport};
//!
//! let keypair = libp2p_identity::Keypair::generate_ed25519();
//! let transport = Transport::new(keypair, Certificate::generate()?);
//! // A swarm takes it as any other transport; it listens on /ip4/0.0.0.0/udp/4002/webrtc-direct and needs a tokio runtime.
//! # Ok(())
//! # }
//! ```

mod certificate;
mod channel;
mod connection;
mod error;
mod fingerprint;
mod linger;
mod listener;
mod noise;
mod peer;
mod socket;
mod stream;
#[cfg(test)]
mod stream_tests;
mod stun;
mod transport;

pub use certificate::Certificate;
pub use connection::Connection;
pub use error::Error;
pub use stream::Stream;
pub use transport::Transport;
