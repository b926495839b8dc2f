//! What can be chosen.
use std::time::Duration;

/// Settings of a transport. The defaults suit a page with some tens of peers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// STUN and TURN servers for connections between browsers. None by default: peers of one network need none, and a default would tell a third party of every connection.
    /// webrtc-direct needs none.
    pub ice_servers: Vec<IceServer>,
    /// How long it may take until a connection is established, signalling included.
    pub connect_timeout: Duration,
    /// How long a connection may be `disconnected`, which it can recover from, before it counts as ended.
    pub disconnect_timeout: Duration,
    /// Bytes of one stream that may wait to be read; then the stream is reset. Browsers give the receiver of a data channel no other way to slow its sender.
    pub max_stream_buffer: usize,
    /// Bytes of all streams of a connection that may wait to be read.
    pub max_connection_buffer: usize,
    /// Channels the remote has opened that may wait to be accepted; more are reset.
    pub max_pending_inbound: usize,
    /// The largest frame that is written to webrtc-direct servers, in bytes, at most 16 KiB. The default is 4 KiB: go-libp2p 0.49 reads no message of a data channel that is larger
    /// (its reader's buffer; the stream fails with "short buffer"), servers on webrtc-rs none of 16 KiB (rust-libp2p issue 6557).
    pub max_frame_direct: usize,
    /// The largest frame that is written to other browsers, in bytes, at most 16 KiB.
    pub max_frame_browser: usize,
    /// How webrtc-direct servers learn our ICE credentials.
    pub direct_version: DirectVersion,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            connect_timeout: Duration::from_secs(20),
            disconnect_timeout: Duration::from_secs(5),
            max_stream_buffer: 16 * 1024 * 1024,
            max_connection_buffer: 32 * 1024 * 1024,
            max_pending_inbound: 128,
            max_frame_direct: 4 * 1024,
            max_frame_browser: MAX_FRAME,
            direct_version: DirectVersion::default(),
        }
    }
}

/// What the specification allows for a frame.
const MAX_FRAME: usize = 16 * 1024;

/// Room for a payload beside what is around it.
const MIN_FRAME: usize = 64;

impl Config {
    /// `frame` within what a frame can be.
    pub(crate) fn frame(frame: usize) -> usize {
        frame.clamp(MIN_FRAME, MAX_FRAME)
    }
}

/// A STUN or TURN server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp` …
    pub urls: Vec<String>,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN.
    pub credential: Option<String>,
}

/// The flow of webrtc-direct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectVersion {
    /// Version 1 where the browser allows it, else version 2: every server knows the first, and a browser that refuses it says so at once.
    #[default]
    Auto,
    /// Our offer is changed ("munged") before it is set.
    V1,
    /// Our ICE password travels in the server's user name.
    V2,
}
