//! Takes the place of `libp2p-webrtc-utils` 0.5 under `libp2p-webrtc` (the root of this Cargo workspace says so), with that crate's interface.
//!
//! There, a stream does not know FIN_ACK: a js-libp2p or go-libp2p peer that closes its end waits for one until it gives up, and one that sends it makes the next read fail. It keeps
//! the data channel of every closed stream as long as the connection lasts, too. To be thrown away when a release of that crate does better.
//!
//! The specification is [WebRTC Direct](https://github.com/libp2p/specs/blob/master/webrtc/webrtc-direct.md) and, for streams,
//! [WebRTC](https://github.com/libp2p/specs/blob/master/webrtc/README.md#multiplexing).

mod address;
mod channel;
mod fingerprint;
mod linger;
pub mod noise;
pub mod sdp;
mod stream;
#[cfg(test)]
mod tests;

pub use address::parse_webrtc_dial_addr;
pub use fingerprint::{Fingerprint, SHA256};
pub use linger::DropListener;
pub use stream::{MAX_MSG_LEN, Stream};
