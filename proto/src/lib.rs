//! The messages of Avatar ABI v1. `dao/avatar/v1/*.proto` is the source; [`ABI.md`](../ABI.md) says how they are used.

/// The messages, generated from the `.proto` files, whose comments are their documentation.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/dao.avatar.v1.rs"));
}

mod keys;
mod p2p;
mod status;
mod stream;

pub use generated::*;
pub use keys::{
    MAX_KEY_SET_NAME_BYTES, MAX_SIGNED_BYTES, MAX_WRAP_CONTEXT_BYTES, MAX_WRAP_OVERHEAD_BYTES, MAX_WRAPPED_SECRET_BYTES,
};
pub use p2p::{
    MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_DISCOVERY_KEY_BYTES, MAX_FOUND_PEERS, MAX_GOSSIP_BYTES, MAX_PEER_ID_BYTES,
    MAX_PROTOCOL_BYTES, MAX_PROTOCOLS,
};
pub use prost;
pub use prost::Message;
pub use stream::{stream_close, stream_event};

/// The major version of the ABI: also in the name of the import module, `avatar_v1`.
pub const ABI_MAJOR: u16 = 1;

/// The minor version of the ABI that these messages describe.
pub const ABI_MINOR: u16 = 0;

/// The name of the module that a host links its imports under.
pub const IMPORT_MODULE: &str = "avatar_v1";

/// The largest buffer that crosses the boundary, in bytes, where no Hello says otherwise.
pub const DEFAULT_MAX_BUFFER_BYTES: u32 = 16 * 1024 * 1024;

/// Requests in flight where no Hello says otherwise.
pub const DEFAULT_MAX_INFLIGHT_REQUESTS: u32 = 65_536;

/// Host operations in flight where no Hello says otherwise.
pub const DEFAULT_MAX_INFLIGHT_OPS: u32 = 1_024;

/// Streams open at once where no Hello says otherwise.
pub const DEFAULT_MAX_STREAMS: u32 = 4_096;
