//! The streams of net responses, with a count of what was granted and what came.

use std::cell::RefCell;
use std::collections::BTreeMap;

use avatar_proto::AbiStatus;

use crate::{imports, monitor};

/// One stream, as this guest sees it.
#[derive(Clone, Copy, Default)]
pub struct Stream {
    /// Bytes that may come.
    pub granted: u64,
    /// Bytes that came.
    pub received: u64,
    /// FIN came.
    pub finished: bool,
    /// RESET came, with this argument.
    pub reset: Option<i64>,
    /// This guest has reset it.
    pub closed: bool,
    /// Events after its end.
    pub late: u32,
}

thread_local! {
    static STREAMS: RefCell<BTreeMap<i32, Stream>> = const { RefCell::new(BTreeMap::new()) };
}

/// A number that no stream had before: odd, as the guest's are.
pub fn open() -> i32 {
    STREAMS.with_borrow_mut(|streams| {
        let stream = streams.len() as i32 * 2 + 1;
        streams.insert(stream, Stream::default());
        stream
    })
}

/// How it stands.
pub fn state(stream: i32) -> Stream {
    STREAMS.with_borrow(|streams| streams.get(&stream).copied().unwrap_or_default())
}

/// Takes so many more bytes.
pub fn grant(stream: i32, bytes: i32) -> i32 {
    // Counted first: what comes early came from inside the import, which is another breach.
    change(stream, |state| state.granted += bytes as u64);
    imports::stream_grant(stream, bytes)
}

/// Resets it.
pub fn reset(stream: i32) -> i32 {
    const RESET: i32 = 3;
    change(stream, |state| state.closed = true);
    imports::stream_close(stream, RESET)
}

fn change(stream: i32, change: impl FnOnce(&mut Stream)) {
    STREAMS.with_borrow_mut(|streams| {
        if let Some(state) = streams.get_mut(&stream) {
            change(state);
        }
    });
}

/// `yuan_stream_event`.
pub fn event(stream: i32, kind: i32, arg: i64, data: &[u8]) -> i32 {
    STREAMS.with_borrow_mut(|streams| {
        let Some(state) = streams.get_mut(&stream) else {
            return AbiStatus::NotFound.code();
        };
        if state.finished || state.reset.is_some() || state.closed {
            state.late += 1;
            if kind == 2 {
                monitor::note("H19", format!("DATA came on stream {stream} after its end"));
            }
            return AbiStatus::NotFound.code();
        }
        match kind {
            2 => {
                state.received += data.len() as u64;
                if state.received > state.granted {
                    monitor::note(
                        "H18",
                        format!("{} bytes came, {} were granted", state.received, state.granted),
                    );
                }
            }
            3 => state.finished = true,
            4 => state.reset = Some(arg),
            1 | 5 => {}
            _ => return AbiStatus::Invalid.code(),
        }
        0
    })
}
