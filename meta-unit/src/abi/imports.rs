//! The imports of ABI.md §5–7 as a trait: `wasm.rs` links them to the host, tests put a host of their own behind it.

/// What a host offers. Every function may be called at any time after `yuan_init` began; none calls back into the guest.
/// Statuses are those of [`AbiStatus::check`](avatar_proto::AbiStatus::check). Slices are lent for the call.
pub trait Imports: 'static {
    /// A line of UTF-8 for the log; levels 1 (error) to 5 (trace).
    fn log(&self, level: i32, message: &str);
    /// The wall clock, in microseconds since 1970.
    fn clock_unix_us(&self) -> i64;
    /// Never goes back in an instance. Microseconds.
    fn clock_monotonic_us(&self) -> i64;
    /// Fills `out` with cryptographically secure bytes.
    fn random(&self, out: &mut [u8]) -> i32;
    /// The last words of an instance.
    fn panic(&self, message: &str);
    /// An answer to a request; `flags` is [`RESPOND_MORE`] or [`RESPOND_FIN`].
    fn respond(&self, request: u64, flags: i32, head: &[u8], body: &[u8]) -> i32;
    /// A message for every client, on a topic ([`TOPIC_EVENT`]).
    fn emit(&self, topic: i32, message: &[u8]) -> i32;
    /// Operation: one atomic storage batch.
    fn storage(&self, op: u64, head: &[u8], body: &[u8]) -> i32;
    /// Operation: an HTTP request.
    fn net_request(&self, op: u64, head: &[u8], body: &[u8]) -> i32;
    /// Operation: an inference by the host's model.
    fn infer(&self, op: u64, head: &[u8], body: &[u8]) -> i32;
    /// Operation: a command for the host's peer-to-peer network.
    fn p2p(&self, op: u64, command: &[u8]) -> i32;
    /// Operation: a command for the keys that the host guards.
    fn keys(&self, op: u64, command: &[u8]) -> i32;
    /// Asks the host to stop a pending operation, which completes all the same.
    fn cancel(&self, op: u64) -> i32;
    /// Writes to a stream: the number of bytes taken, which is all of them, or a status.
    fn stream_write(&self, stream: i32, parts: &[&[u8]]) -> i32;
    /// The guest takes so many more bytes of a stream.
    fn stream_grant(&self, stream: i32, bytes: i32) -> i32;
    /// Ends a stream; `how` is one of [`avatar_proto::stream_close`].
    fn stream_close(&self, stream: i32, how: i32) -> i32;
}

/// More answers to this request follow.
pub const RESPOND_MORE: i32 = 1;
/// The last answer to this request.
pub const RESPOND_FIN: i32 = 2;
/// The topic of [`Event`](avatar_proto::Event) messages.
pub const TOPIC_EVENT: i32 = 1;
