//! Streams, with a count of what was granted and what came.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;

use avatar_proto::{AbiStatus, stream_close, stream_event};

use crate::operations::keep;
use crate::runtime::soon;
use crate::verdict::Problem;
use crate::{imports, monitor};

/// One stream, as this guest sees it.
#[derive(Clone, Copy, Default)]
pub struct Stream {
    /// OPENED or INBOUND came.
    pub opened: bool,
    /// Bytes that this guest may write.
    pub credit: u64,
    /// Bytes that may come.
    pub granted: u64,
    /// Bytes that came.
    pub received: u64,
    /// They were not those of the [`pattern`].
    pub scrambled: bool,
    /// FIN came.
    pub finished: bool,
    /// RESET came, with this argument.
    pub reset: Option<i64>,
    /// This guest has reset it.
    pub closed: bool,
    /// Events after its end.
    pub late: u32,
    /// Events at all.
    pub events: u32,
}

thread_local! {
    static STREAMS: RefCell<BTreeMap<i32, Stream>> = const { RefCell::new(BTreeMap::new()) };
    static INBOUND: RefCell<VecDeque<(i32, Vec<u8>)>> = const { RefCell::new(VecDeque::new()) };
    static LAST: Cell<i32> = const { Cell::new(-1) };
}

/// The byte at a place of what echoes send.
pub fn pattern(at: u64) -> u8 {
    (at % 251) as u8
}

/// A number that no stream had before: odd, as the guest's are.
pub fn open() -> i32 {
    LAST.set(LAST.get() + 2);
    STREAMS.with_borrow_mut(|streams| streams.insert(LAST.get(), Stream::default()));
    LAST.get()
}

/// How it stands.
pub fn state(stream: i32) -> Stream {
    STREAMS.with_borrow(|streams| streams.get(&stream).copied().unwrap_or_default())
}

/// Waits until a stream is as it should be.
pub async fn until(what: &str, stream: i32, mut is_so: impl FnMut(Stream) -> bool) -> Result<Stream, Problem> {
    let looked = poll_fn(|_| {
        let state = state(stream);
        if is_so(state) {
            Poll::Ready(state)
        } else {
            Poll::Pending
        }
    });
    soon(what, looked).await
}

/// The next stream that a peer opened: its number, and the encoded P2pInbound.
pub fn next_inbound() -> Option<(i32, Vec<u8>)> {
    INBOUND.with_borrow_mut(VecDeque::pop_front)
}

/// Takes so many more bytes.
pub fn grant(stream: i32, bytes: i32) -> i32 {
    // Counted first: what comes early came from inside the import, which is another breach.
    change(stream, |state| state.granted += bytes as u64);
    imports::stream_grant(stream, bytes)
}

/// Writes these parts together. What `avatar_stream_write` returned.
pub fn write(stream: i32, parts: &[&[u8]]) -> i32 {
    let mut iov = Vec::new();
    for part in parts {
        let region = keep(part.to_vec());
        iov.extend(region.ptr.to_le_bytes());
        iov.extend(region.len.to_le_bytes());
    }
    let taken = imports::stream_write(stream, keep(iov).ptr, parts.len() as u32);
    if let Ok(taken) = u64::try_from(taken) {
        change(stream, |state| state.credit = state.credit.saturating_sub(taken));
    }
    taken
}

/// Writes no more.
pub fn finish(stream: i32) -> i32 {
    imports::stream_close(stream, stream_close::FINISH_WRITING)
}

/// Resets it.
pub fn reset(stream: i32) -> i32 {
    change(stream, |state| state.closed = true);
    imports::stream_close(stream, stream_close::RESET)
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
        if kind == stream_event::INBOUND {
            if stream <= 0 || stream % 2 != 0 {
                monitor::note(
                    "H26",
                    format!("INBOUND came with the number {stream}, which is not the host's"),
                );
            }
            INBOUND.with_borrow_mut(|inbound| inbound.push_back((stream, data.to_vec())));
            let fresh = Stream {
                opened: true,
                credit: u64::try_from(arg).unwrap_or(0),
                ..Stream::default()
            };
            // A number that was free may come again.
            streams.insert(stream, fresh);
            return 0;
        }
        let Some(state) = streams.get_mut(&stream) else {
            return AbiStatus::NotFound.code();
        };
        state.events += 1;
        let credits = kind == stream_event::WRITABLE;
        if state.reset.is_some() || state.closed || (state.finished && !credits && kind != 4) {
            state.late += 1;
            if kind == stream_event::DATA {
                monitor::note("H19", format!("DATA came on stream {stream} after its end"));
            }
            return AbiStatus::NotFound.code();
        }
        if kind != stream_event::OPENED && !state.opened {
            monitor::note(
                "H26",
                format!("an event of kind {kind} came before OPENED on stream {stream}"),
            );
        }
        match kind {
            stream_event::OPENED => {
                if state.opened {
                    monitor::note("H26", format!("OPENED came twice on stream {stream}"));
                }
                state.opened = true;
                state.credit = u64::try_from(arg).unwrap_or(0);
            }
            stream_event::DATA => {
                let at = state.received;
                state.scrambled |= data.iter().zip(at..).any(|(byte, at)| *byte != pattern(at));
                state.received += data.len() as u64;
                if state.received > state.granted {
                    monitor::note(
                        "H18",
                        format!("{} bytes came, {} were granted", state.received, state.granted),
                    );
                }
            }
            stream_event::FIN => state.finished = true,
            stream_event::RESET => state.reset = Some(arg),
            stream_event::WRITABLE => state.credit += u64::try_from(arg).unwrap_or(0),
            _ => return AbiStatus::Invalid.code(),
        }
        0
    })
}
