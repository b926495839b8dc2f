//! A WebTransport listener for rust-libp2p: what [the specification](https://github.com/libp2p/specs/blob/master/webtransport/README.md) asks of a server.
//!
//! Browsers connect without a certificate authority, since the address tells the hashes of the certificates. Those live at most 14 days, so there are always two: the one that is
//! shown, and the next, whose hash is in the address too. An address that somebody has written down works for as long as the second of its certificates lives: 13 days at least.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use libp2p_webtransport_listener::{Certificates, Transport};
//!
//! let keypair = libp2p_identity::Keypair::generate_ed25519();
//! let transport = Transport::new(keypair, Certificates::open("webtransport.certificates")?);
//! // A swarm takes it as any other transport; it listens on /ip4/0.0.0.0/udp/4003/quic-v1/webtransport and needs a tokio runtime.
//! # Ok(())
//! # }
//! ```

mod certificates;
mod connection;
mod error;
mod listener;
mod stream;
mod transport;

pub use certificates::{Certificates, MAX_VALIDITY};
pub use connection::Connection;
pub use error::{CertificateError, Error};
pub use stream::Stream;
pub use transport::Transport;
