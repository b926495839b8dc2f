//! The exports of ABI.md §4. Each takes its buffers, and then leads where the work is.

use avatar_proto::{ABI_MAJOR, ABI_MINOR, AbiStatus};

use crate::monitor::may_enter;
use crate::{guest, ledger, operations, streams};

/// Major, minor, and minimum host minor of the ABI: what a host reads before it instantiates the module.
#[used]
#[unsafe(link_section = "avatar:abi")]
static ABI: [u8; 6] = {
    let (major, minor) = (ABI_MAJOR.to_le_bytes(), ABI_MINOR.to_le_bytes());
    [major[0], major[1], minor[0], minor[1], 0, 0]
};

const BAD_STATE: i32 = AbiStatus::BadState.code();
const BAD_BUFFER: i32 = AbiStatus::BadBuffer.code();

/// `yuan_alloc`.
#[unsafe(no_mangle)]
extern "C" fn yuan_alloc(len: u32) -> u32 {
    match may_enter("yuan_alloc") {
        true => ledger::alloc(len),
        false => 0,
    }
}

/// Runs an export that was given one buffer.
fn with_buffer(export: &str, ptr: u32, len: u32, run: impl FnOnce(Vec<u8>) -> i32) -> i32 {
    if !may_enter(export) {
        return BAD_STATE;
    }
    ledger::take(ptr, len).map_or(BAD_BUFFER, run)
}

/// `yuan_init`.
#[unsafe(no_mangle)]
extern "C" fn yuan_init(ptr: u32, len: u32) -> i32 {
    with_buffer("yuan_init", ptr, len, |hello| guest::init(&hello))
}

/// `yuan_handle_request`.
#[unsafe(no_mangle)]
extern "C" fn yuan_handle_request(req: i64, ptr: u32, len: u32) -> i32 {
    with_buffer("yuan_handle_request", ptr, len, |bytes| {
        guest::handle_request(req, bytes)
    })
}

/// `yuan_cancel_request`.
#[unsafe(no_mangle)]
extern "C" fn yuan_cancel_request(req: i64) -> i32 {
    match may_enter("yuan_cancel_request") {
        true => guest::cancel_request(req),
        false => BAD_STATE,
    }
}

/// `yuan_complete`.
#[unsafe(no_mangle)]
extern "C" fn yuan_complete(op: i64, status: i32, head: u32, head_len: u32, body: u32, body_len: u32) -> i32 {
    with_buffer("yuan_complete", head, head_len, |head| {
        ledger::take(body, body_len).map_or(BAD_BUFFER, |body| operations::complete(op, status, head, body))
    })
}

/// `yuan_stream_event`.
#[unsafe(no_mangle)]
extern "C" fn yuan_stream_event(stream: i32, kind: i32, arg: i64, ptr: u32, len: u32) -> i32 {
    with_buffer("yuan_stream_event", ptr, len, |data| {
        streams::event(stream, kind, arg, &data)
    })
}

/// `yuan_turn`.
#[unsafe(no_mangle)]
extern "C" fn yuan_turn(_budget_us: i32) -> i64 {
    match may_enter("yuan_turn") {
        true => guest::turn(),
        false => i64::from(BAD_STATE),
    }
}

/// `yuan_shutdown`.
#[unsafe(no_mangle)]
extern "C" fn yuan_shutdown(_deadline_us: i64) -> i32 {
    match may_enter("yuan_shutdown") {
        true => guest::shutdown(),
        false => BAD_STATE,
    }
}
