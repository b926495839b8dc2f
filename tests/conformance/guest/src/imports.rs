//! The functions of ABI.md §5 to §7. All take plain numbers: this guest also lends what it does not have.

use avatar_proto::AbiStatus;

use crate::monitor::inside_import;

/// More answers follow.
pub const MORE: i32 = 1;
/// The last answer.
pub const FIN: i32 = 2;

/// A pointer and a length, honest or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it begins.
    pub ptr: u32,
    /// How many bytes.
    pub len: u32,
}

impl Region {
    /// The absent buffer.
    pub const NONE: Self = Self { ptr: 0, len: 0 };

    /// Where these bytes are.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::NONE;
        }
        Self {
            ptr: bytes.as_ptr() as usize as u32,
            len: bytes.len() as u32,
        }
    }
}

mod raw {
    #[link(wasm_import_module = "avatar_v1")]
    unsafe extern "C" {
        // Safe, since hosts only read what these lend, and this guest reads nothing that it does not hold.
        pub safe fn avatar_log(level: i32, ptr: u32, len: u32);
        pub safe fn avatar_clock_unix_us() -> i64;
        pub safe fn avatar_clock_monotonic_us() -> i64;
        pub fn avatar_random(ptr: u32, len: u32) -> i32;
        pub safe fn avatar_panic(ptr: u32, len: u32);
        pub safe fn avatar_respond(req: i64, flags: i32, head: u32, head_len: u32, body: u32, body_len: u32) -> i32;
        pub safe fn avatar_emit(topic: i32, ptr: u32, len: u32) -> i32;
        pub safe fn avatar_storage(op: i64, head: u32, head_len: u32, body: u32, body_len: u32) -> i32;
        pub safe fn avatar_net_request(op: i64, head: u32, head_len: u32, body: u32, body_len: u32) -> i32;
        pub safe fn avatar_infer(op: i64, head: u32, head_len: u32, body: u32, body_len: u32) -> i32;
        pub safe fn avatar_p2p(op: i64, ptr: u32, len: u32) -> i32;
        pub safe fn avatar_keys(op: i64, ptr: u32, len: u32) -> i32;
        pub safe fn avatar_cancel(op: i64) -> i32;
        pub safe fn avatar_stream_write(stream: i32, iov: u32, iov_cnt: u32) -> i32;
        pub safe fn avatar_stream_grant(stream: i32, bytes: i32) -> i32;
        pub safe fn avatar_stream_close(stream: i32, how: i32) -> i32;
    }
}

/// A status as people read it.
pub fn name(status: i32) -> String {
    match AbiStatus::check(status) {
        Ok(0) => "OK".to_owned(),
        Ok(count) => count.to_string(),
        Err(status) => status.as_str_name().trim_start_matches("ABI_STATUS_").to_owned(),
    }
}

/// `avatar_log`.
pub fn log(level: i32, text: Region) {
    inside_import(|| raw::avatar_log(level, text.ptr, text.len));
}

/// `avatar_panic`; no trap follows here.
pub fn panic(text: Region) {
    inside_import(|| raw::avatar_panic(text.ptr, text.len));
}

/// `avatar_clock_unix_us`.
pub fn unix_us() -> i64 {
    inside_import(|| raw::avatar_clock_unix_us())
}

/// `avatar_clock_monotonic_us`.
pub fn monotonic_us() -> i64 {
    inside_import(|| raw::avatar_clock_monotonic_us())
}

/// `avatar_random` into a buffer of this guest.
pub fn random(out: &mut [u8]) -> i32 {
    let region = Region::of(out);
    // SAFETY: the host writes into `out` alone, which is borrowed for it, and only during the call.
    inside_import(|| unsafe { raw::avatar_random(region.ptr, region.len) })
}

/// `avatar_random` into a region that lies outside of the memory.
pub fn random_outside(region: Region) -> i32 {
    // SAFETY: there is no memory of this guest where the host could write.
    inside_import(|| unsafe { raw::avatar_random(region.ptr, region.len) })
}

/// `avatar_respond`.
pub fn respond(req: i64, flags: i32, head: Region, body: Region) -> i32 {
    inside_import(|| raw::avatar_respond(req, flags, head.ptr, head.len, body.ptr, body.len))
}

/// `avatar_emit`.
pub fn emit(topic: i32, event: Region) -> i32 {
    inside_import(|| raw::avatar_emit(topic, event.ptr, event.len))
}

/// `avatar_storage`.
pub fn storage(op: i64, head: Region, body: Region) -> i32 {
    inside_import(|| raw::avatar_storage(op, head.ptr, head.len, body.ptr, body.len))
}

/// `avatar_net_request`.
pub fn net_request(op: i64, head: Region, body: Region) -> i32 {
    inside_import(|| raw::avatar_net_request(op, head.ptr, head.len, body.ptr, body.len))
}

/// `avatar_infer`.
pub fn infer(op: i64, head: Region, body: Region) -> i32 {
    inside_import(|| raw::avatar_infer(op, head.ptr, head.len, body.ptr, body.len))
}

/// `avatar_p2p`.
pub fn p2p(op: i64, command: Region) -> i32 {
    inside_import(|| raw::avatar_p2p(op, command.ptr, command.len))
}

/// `avatar_keys`.
pub fn keys(op: i64, command: Region) -> i32 {
    inside_import(|| raw::avatar_keys(op, command.ptr, command.len))
}

/// `avatar_cancel`.
pub fn cancel(op: i64) -> i32 {
    inside_import(|| raw::avatar_cancel(op))
}

/// `avatar_stream_write`; `iov` is where the pairs stand, `count` how many there are.
pub fn stream_write(stream: i32, iov: u32, count: u32) -> i32 {
    inside_import(|| raw::avatar_stream_write(stream, iov, count))
}

/// `avatar_stream_grant`.
pub fn stream_grant(stream: i32, bytes: i32) -> i32 {
    inside_import(|| raw::avatar_stream_grant(stream, bytes))
}

/// `avatar_stream_close`.
pub fn stream_close(stream: i32, how: i32) -> i32 {
    inside_import(|| raw::avatar_stream_close(stream, how))
}
