//! The seam between the domains and the world. Domains hold an `Rc<dyn Platform>`; which world stands behind it, they do not know.

mod batch;
mod error;
mod fetches;
mod host_platform;
#[cfg(any(test, feature = "test-platform"))]
mod memory_store;
mod pages;
#[cfg(any(test, feature = "test-platform"))]
mod soft_keys;
mod streams;
#[cfg(any(test, feature = "test-platform"))]
mod test_network;
#[cfg(any(test, feature = "test-platform"))]
mod test_platform;

use std::future::Future;
use std::pin::Pin;

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::{AbiStatus, Event, KeysCommand, KeysResult, NetRequest, NetResponse, P2pResult, StorageBatch};
use futures_channel::mpsc;

pub use batch::{Batch, StorageRead, StorageReply};
pub use error::PlatformError;
pub use host_platform::HostPlatform;
#[cfg(any(test, feature = "test-platform"))]
pub use memory_store::MemoryStore;
pub use pages::{Pages, holds_any};
#[cfg(any(test, feature = "test-platform"))]
pub use soft_keys::SoftKeys;
pub use streams::{Inbound, PeerStream, StreamBroken};
#[cfg(any(test, feature = "test-platform"))]
pub use test_network::TestNetwork;
#[cfg(any(test, feature = "test-platform"))]
pub use test_platform::{TestAnswer, TestPlatform};

/// A future of this one thread.
pub type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// How important a log line is; the numbers are those of `avatar_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Something is lost or broken.
    Error = 1,
    /// Something is wrong and was dealt with.
    Warn = 2,
    /// A person who looks after the node wants to know.
    Info = 3,
    /// A developer wants to know.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// What the world offers. All of it is of one thread; no method blocks, and none re-enters its caller.
pub trait Platform: 'static {
    /// Executes one atomic batch; the values of its puts stand in `body`, in order ([`Batch`] builds both).
    /// Batches take effect in the order of the calls, whether or not their futures are polled.
    fn storage(&self, batch: StorageBatch, body: Vec<u8>) -> LocalBoxFuture<Result<StorageReply, PlatformError>>;

    /// A command for the key sets that the host guards (`keys.proto`). An error's `code` tells `Unsupported` (the host has no keys, or lacks the algorithm), `NotFound` (no
    /// such key set), `Corrupt` (what was to be unwrapped) and `Invalid` (a public key of low order) apart. In a result, `data` may be a secret: wipe it.
    fn keys(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, PlatformError>>;

    /// Makes an HTTP request without a body, and gathers the response, of at most `max_response_bytes`. The stream's number is the platform's.
    fn fetch(&self, request: NetRequest) -> LocalBoxFuture<Result<(NetResponse, Vec<u8>), PlatformError>>;

    /// A command for the host's libp2p (`p2p.proto`), but for opening streams. `Unsupported`: the host has none.
    fn p2p(&self, command: P2p) -> LocalBoxFuture<Result<P2pResult, PlatformError>>;

    /// Opens a stream to a connected peer, for the first of these protocols that it takes, which is told.
    fn open_stream(
        &self,
        peer: Vec<u8>,
        protocols: Vec<String>,
    ) -> LocalBoxFuture<Result<(PeerStream, String), PlatformError>>;

    /// The streams that peers open from here on, for protocols that were accepted by [`p2p`](Self::p2p). Without this, and once it is dropped, they are reset.
    fn accept_streams(&self) -> mpsc::Receiver<Inbound>;

    /// The wall clock, in milliseconds since the Unix epoch. It may jump.
    fn unix_ms(&self) -> i64;

    /// Microseconds since some moment of this instance's life. Never goes back.
    fn monotonic_us(&self) -> u64;

    /// Fills `out` with cryptographically secure bytes.
    fn random(&self, out: &mut [u8]);

    /// Resolves when so many microseconds have passed.
    fn sleep(&self, us: u64) -> LocalBoxFuture<()>;

    /// Lets other tasks and the host run: resolves in a later turn.
    fn yield_now(&self) -> LocalBoxFuture<()>;

    /// Whether requests have come that are not taken up yet.
    fn has_backlog(&self) -> bool;

    /// Runs a task to its end, beside the others.
    fn spawn(&self, task: LocalBoxFuture<()>);

    /// A line for the host's log. Never anything secret, and nothing of a document's content.
    fn log(&self, level: Level, message: &str);

    /// Tells every client.
    fn emit(&self, event: Event);

    /// One answer to a request in flight: an encoded `Response`. Domains use `node::Responder`, which keeps the order and the end.
    fn respond(&self, request: u64, more: bool, head: &[u8]) -> Result<(), AbiStatus>;
}
