//! Streams to peers (ABI.md §7): bytes both ways, each way with credit and with an end of its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use avatar_proto::{AbiStatus, Message, P2pInbound, stream_close as how, stream_event as kind};
use futures_channel::mpsc;

/// What a peer may send before somebody reads it, in bytes.
const WINDOW_BYTES: usize = 256 * 1024;

/// Streams that peers opened and nobody took yet, at most.
const MAX_WAITING: usize = 64;

/// The imports of streams.
pub trait StreamCalls {
    /// `avatar_stream_write`.
    fn write(&self, stream: i32, bytes: &[u8]) -> i32;
    /// `avatar_stream_grant`.
    fn grant(&self, stream: i32, bytes: i32) -> i32;
    /// `avatar_stream_close`.
    fn close(&self, stream: i32, how: i32) -> i32;
}

/// The stream is over, before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream broke off ({0:?})")]
pub struct StreamBroken(pub AbiStatus);

/// A stream that a peer opened.
pub struct Inbound {
    /// The stream.
    pub stream: PeerStream,
    /// The multihash of the peer's id, which the host has proved.
    pub peer: Vec<u8>,
    /// What the peer wants to speak.
    pub protocol: String,
    /// The number of its connection; 0 = the host does not say.
    pub connection: u64,
}

/// All streams to peers of an instance.
pub struct Streams {
    calls: Rc<dyn StreamCalls>,
    open: RefCell<HashMap<i32, Rc<State>>>,
    /// Streams that the host has to be told to reset.
    to_reset: RefCell<Vec<i32>>,
    inbound: RefCell<Option<mpsc::Sender<Inbound>>>,
}

struct State {
    number: i32,
    received: RefCell<Vec<u8>>,
    /// What the host may still send.
    granted: Cell<usize>,
    /// What may still be written.
    credit: Cell<usize>,
    has_ended: Cell<bool>,
    is_finished: Cell<bool>,
    broken: Cell<Option<StreamBroken>>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl State {
    fn new(number: i32, credit: usize) -> Rc<Self> {
        Rc::new(Self {
            number,
            received: RefCell::default(),
            granted: Cell::new(0),
            credit: Cell::new(credit),
            has_ended: Cell::new(false),
            is_finished: Cell::new(false),
            broken: Cell::new(None),
            reader: RefCell::default(),
            writer: RefCell::default(),
        })
    }

    fn break_off(&self, status: AbiStatus) {
        self.broken.set(Some(StreamBroken(status)));
        wake(&self.reader);
        wake(&self.writer);
    }

    /// Whether its number is free: nothing of it is to come, and nothing to be said.
    fn is_over(&self) -> bool {
        self.broken.get().is_some() || self.has_ended.get() && self.is_finished.get()
    }
}

/// The reason that comes with a RESET: a status, as a positive number.
pub fn reset_reason(arg: i64) -> AbiStatus {
    let code = i32::try_from(arg).ok().and_then(i32::checked_neg).unwrap_or(-1);
    AbiStatus::check(code).err().unwrap_or(AbiStatus::Io)
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn wait<T>(waker: &RefCell<Option<Waker>>, context: &Context<'_>) -> Poll<T> {
    waker.replace(Some(context.waker().clone()));
    Poll::Pending
}

impl Streams {
    /// No streams yet.
    pub fn new(calls: Rc<dyn StreamCalls>) -> Rc<Self> {
        Rc::new(Self {
            calls,
            open: RefCell::default(),
            to_reset: RefCell::default(),
            inbound: RefCell::default(),
        })
    }

    /// A stream under this number, which the host is about to be asked for. It takes writes once the host has said that it is open.
    pub fn begin(self: &Rc<Self>, number: u32) -> PeerStream {
        self.add(State::new(number as i32, 0))
    }

    fn add(self: &Rc<Self>, state: Rc<State>) -> PeerStream {
        self.open.borrow_mut().insert(state.number, Rc::clone(&state));
        PeerStream {
            streams: Rc::clone(self),
            state,
        }
    }

    /// From here on, streams that peers open are handed over by this channel; those that it has no room for, and without one all of them, are reset.
    pub fn accept(&self) -> mpsc::Receiver<Inbound> {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        self.inbound.replace(Some(sender));
        receiver
    }

    /// Whether the number is one of these.
    pub fn has(&self, stream: i32) -> bool {
        self.open.borrow().contains_key(&stream)
    }

    /// `yuan_stream_event`.
    ///
    /// # Errors
    /// Of no stream that is here, or of none that there can be.
    pub fn event(self: &Rc<Self>, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<(), AbiStatus> {
        if kind == kind::INBOUND {
            return self.take_inbound(stream, arg, data);
        }
        let state = self.open.borrow().get(&stream).map(Rc::clone);
        let Some(state) = state else {
            // Its reset is on the way.
            let is_reset = self.to_reset.borrow().contains(&stream);
            return if is_reset { Ok(()) } else { Err(AbiStatus::NotFound) };
        };
        match kind {
            kind::OPENED | kind::WRITABLE => {
                let credit = usize::try_from(arg).map_err(|_| AbiStatus::Invalid)?;
                state.credit.set(state.credit.get().saturating_add(credit));
                wake(&state.writer);
            }
            kind::DATA if data.len() <= state.granted.get() && !state.has_ended.get() => {
                state.granted.set(state.granted.get() - data.len());
                state.received.borrow_mut().extend_from_slice(data);
                wake(&state.reader);
            }
            kind::DATA => {
                self.reset(&state);
                state.break_off(AbiStatus::BadState);
            }
            kind::FIN => {
                state.has_ended.set(true);
                wake(&state.reader);
                self.forget_over(&state);
            }
            kind::RESET => {
                let status = i32::try_from(arg)
                    .ok()
                    .and_then(|status| AbiStatus::check(-status).err());
                state.break_off(status.unwrap_or(AbiStatus::Io));
                self.forget_over(&state);
            }
            _ => return Err(AbiStatus::Invalid),
        }
        Ok(())
    }

    fn take_inbound(self: &Rc<Self>, number: i32, arg: i64, head: &[u8]) -> Result<(), AbiStatus> {
        // The host's numbers are even.
        let is_used = self.has(number) || self.to_reset.borrow().contains(&number);
        if number <= 0 || number % 2 != 0 || is_used {
            return Err(AbiStatus::Invalid);
        }
        if self.open.borrow().len() >= avatar_proto::DEFAULT_MAX_STREAMS as usize {
            return Err(AbiStatus::Limit);
        }
        let credit = usize::try_from(arg).map_err(|_| AbiStatus::Invalid)?;
        let head = P2pInbound::decode(head).map_err(|_| AbiStatus::Invalid)?;
        let mut inbound = self.inbound.borrow_mut();
        let Some(sender) = inbound.as_mut() else {
            self.to_reset.borrow_mut().push(number);
            return Ok(());
        };
        // Where there is no room, the stream is dropped, and so reset.
        drop(sender.try_send(Inbound {
            stream: self.add(State::new(number, credit)),
            peer: head.peer,
            protocol: head.protocol,
            connection: head.connection,
        }));
        Ok(())
    }

    /// Tells the host of the streams that are reset here. Called in turns only.
    pub fn tell_resets(&self) {
        for stream in self.to_reset.take() {
            // Whatever it returns, the stream is over.
            self.calls.close(stream, how::RESET);
        }
    }

    /// Whether [`tell_resets`](Self::tell_resets) has something to tell.
    pub fn has_resets(&self) -> bool {
        !self.to_reset.borrow().is_empty()
    }

    /// The instance ends: nobody waits any more.
    pub fn clear(&self) {
        self.inbound.take();
        for state in self.open.take().into_values() {
            state.broken.set(Some(StreamBroken(AbiStatus::Closed)));
            // Not woken: those who wait are dropped, too.
            drop((state.reader.take(), state.writer.take()));
        }
    }

    fn reset(&self, state: &Rc<State>) {
        self.forget(state);
        self.to_reset.borrow_mut().push(state.number);
    }

    fn forget_over(&self, state: &Rc<State>) {
        if state.is_over() {
            self.forget(state);
        }
    }

    fn forget(&self, state: &Rc<State>) {
        let mut open = self.open.borrow_mut();
        // The number may be another stream's by now.
        if open.get(&state.number).is_some_and(|known| Rc::ptr_eq(known, state)) {
            open.remove(&state.number);
        }
    }
}

/// One stream. Dropped before both ways have ended, it is reset.
pub struct PeerStream {
    streams: Rc<Streams>,
    state: Rc<State>,
}

impl PeerStream {
    /// What has come, as soon as there is something; None behind the last of it.
    ///
    /// # Errors
    /// It was reset.
    pub async fn read(&self) -> Result<Option<Vec<u8>>, StreamBroken> {
        poll_fn(|context| {
            let received = self.state.received.take();
            if received.is_empty() {
                if let Some(broken) = self.state.broken.get() {
                    return Poll::Ready(Err(broken));
                }
                if self.state.has_ended.get() {
                    return Poll::Ready(Ok(None));
                }
                self.grant();
                return wait(&self.state.reader, context);
            }
            Poll::Ready(Ok(Some(received)))
        })
        .await
    }

    /// Nothing that came waits here.
    fn grant(&self) {
        let granted = self.state.granted.get();
        if granted <= WINDOW_BYTES / 2 {
            let more = WINDOW_BYTES - granted;
            self.state.granted.set(WINDOW_BYTES);
            self.streams.calls.grant(self.state.number, more as i32);
        }
    }

    /// Writes all of it, in pieces where the credit makes them. One writer at a time.
    ///
    /// # Errors
    /// It was reset, or finished here.
    pub async fn write(&self, mut bytes: &[u8]) -> Result<(), StreamBroken> {
        while !bytes.is_empty() {
            let credit = poll_fn(|context| {
                if let Some(broken) = self.state.broken.get() {
                    return Poll::Ready(Err(broken));
                }
                if self.state.is_finished.get() {
                    return Poll::Ready(Err(StreamBroken(AbiStatus::BadState)));
                }
                match self.state.credit.get() {
                    0 => wait(&self.state.writer, context),
                    credit => Poll::Ready(Ok(credit)),
                }
            })
            .await?;
            let (now, rest) = bytes.split_at(credit.min(bytes.len()));
            let written = self.streams.calls.write(self.state.number, now);
            AbiStatus::check(written).map_err(StreamBroken)?;
            self.state.credit.set(credit - now.len());
            bytes = rest;
        }
        Ok(())
    }

    /// Nothing more is written; what the peer sends still comes.
    pub fn finish(&self) {
        if self.state.broken.get().is_none() && !self.state.is_finished.replace(true) {
            self.streams.calls.close(self.state.number, how::FINISH_WRITING);
            self.streams.forget_over(&self.state);
        }
    }

    /// The stream never came to be: nothing is said of it.
    pub fn abandon(self) {
        self.streams.forget(&self.state);
        self.state.broken.set(Some(StreamBroken(AbiStatus::Closed)));
    }
}

impl Drop for PeerStream {
    fn drop(&mut self) {
        if !self.state.is_over() {
            self.state.broken.set(Some(StreamBroken(AbiStatus::Closed)));
            self.streams.reset(&self.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt as _;

    use super::*;

    /// What was called.
    #[derive(Default)]
    struct Calls(RefCell<Vec<String>>);

    impl StreamCalls for Calls {
        fn write(&self, stream: i32, bytes: &[u8]) -> i32 {
            self.0.borrow_mut().push(format!("write {stream} {}", bytes.len()));
            bytes.len() as i32
        }

        fn grant(&self, stream: i32, bytes: i32) -> i32 {
            self.0.borrow_mut().push(format!("grant {stream} {bytes}"));
            0
        }

        fn close(&self, stream: i32, how: i32) -> i32 {
            self.0.borrow_mut().push(format!("close {stream} {how}"));
            0
        }
    }

    fn streams() -> (Rc<Calls>, Rc<Streams>) {
        let calls = Rc::new(Calls::default());
        (Rc::clone(&calls), Streams::new(calls))
    }

    fn inbound_head() -> Vec<u8> {
        P2pInbound {
            peer: vec![1],
            protocol: "/p/1".to_owned(),
            connection: 7,
        }
        .encode_to_vec()
    }

    #[test]
    fn what_comes_is_read_whole_and_in_order_and_then_its_end() {
        let (calls, streams) = streams();
        let stream = streams.begin(1);
        let mut read = Box::pin(stream.read());
        assert!(read.as_mut().now_or_never().is_none());
        assert_eq!(*calls.0.borrow(), ["grant 1 262144"]);
        assert_eq!(streams.event(1, kind::DATA, 0, b"ab"), Ok(()));
        assert_eq!(streams.event(1, kind::DATA, 0, b"c"), Ok(()));
        assert_eq!(read.now_or_never(), Some(Ok(Some(b"abc".to_vec()))));
        assert_eq!(streams.event(1, kind::DATA, 0, b"d"), Ok(()));
        assert_eq!(streams.event(1, kind::FIN, 0, &[]), Ok(()));
        assert_eq!(stream.read().now_or_never(), Some(Ok(Some(b"d".to_vec()))));
        assert_eq!(stream.read().now_or_never(), Some(Ok(None)));
    }

    #[test]
    fn more_is_granted_only_when_somebody_reads() {
        let (calls, streams) = streams();
        let stream = streams.begin(1);
        assert!(stream.read().now_or_never().is_none());
        for _ in 0..4 {
            assert_eq!(streams.event(1, kind::DATA, 0, &[0; WINDOW_BYTES / 4]), Ok(()));
        }
        assert_eq!(calls.0.borrow().len(), 1);
        assert_eq!(stream.read().now_or_never(), Some(Ok(Some(vec![0; WINDOW_BYTES]))));
        assert!(stream.read().now_or_never().is_none());
        assert_eq!(calls.0.borrow().len(), 2);
    }

    #[test]
    fn g7_more_data_than_was_granted_ends_the_stream_with_a_reset() {
        let (calls, streams) = streams();
        let stream = streams.begin(1);
        assert_eq!(streams.event(1, kind::DATA, 0, b"a"), Ok(()));
        assert_eq!(
            stream.read().now_or_never(),
            Some(Err(StreamBroken(AbiStatus::BadState)))
        );
        assert!(calls.0.borrow().is_empty(), "nothing is said before the next turn");
        assert_eq!(streams.event(1, kind::DATA, 0, b"a"), Ok(()), "what was on its way");
        streams.tell_resets();
        assert_eq!(*calls.0.borrow(), ["close 1 3"]);
        assert_eq!(streams.event(1, kind::DATA, 0, b"a"), Err(AbiStatus::NotFound));
    }

    #[test]
    fn a_write_waits_for_credit_and_goes_in_pieces() {
        let (calls, streams) = streams();
        let stream = streams.begin(1);
        let mut write = Box::pin(stream.write(&[0; 10]));
        assert!(write.as_mut().now_or_never().is_none());
        assert_eq!(streams.event(1, kind::OPENED, 4, &[]), Ok(()));
        assert!(write.as_mut().now_or_never().is_none());
        assert_eq!(streams.event(1, kind::WRITABLE, 100, &[]), Ok(()));
        assert_eq!(write.now_or_never(), Some(Ok(())));
        assert_eq!(*calls.0.borrow(), ["write 1 4", "write 1 6"]);
    }

    #[test]
    fn a_reset_ends_reading_and_writing() {
        let (calls, streams) = streams();
        let stream = streams.begin(1);
        let mut write = Box::pin(stream.write(b"a"));
        assert!(write.as_mut().now_or_never().is_none());
        assert_eq!(streams.event(1, kind::RESET, 11, &[]), Ok(()));
        assert!(matches!(write.now_or_never(), Some(Err(_))));
        assert!(matches!(stream.read().now_or_never(), Some(Err(_))));
        drop(stream);
        streams.tell_resets();
        assert!(calls.0.borrow().is_empty(), "the host knows");
    }

    #[test]
    fn a_stream_that_is_dropped_is_reset_and_one_that_ended_both_ways_is_not() {
        let (calls, streams) = streams();
        drop(streams.begin(1));
        streams.tell_resets();
        assert_eq!(calls.0.take(), ["close 1 3"]);
        let stream = streams.begin(3);
        stream.finish();
        assert_eq!(streams.event(3, kind::FIN, 0, &[]), Ok(()));
        drop(stream);
        streams.begin(5).abandon();
        streams.tell_resets();
        assert_eq!(calls.0.take(), ["close 3 1"]);
        assert!(!streams.has(1) && !streams.has(3) && !streams.has(5));
    }

    #[test]
    fn g7_streams_that_nobody_takes_are_reset() {
        let (calls, streams) = streams();
        assert_eq!(streams.event(2, kind::INBOUND, 9, &inbound_head()), Ok(()));
        streams.tell_resets();
        assert_eq!(calls.0.take(), ["close 2 3"]);
        let mut accepted = streams.accept();
        for number in 1..200 {
            assert_eq!(streams.event(2 * number, kind::INBOUND, 9, &inbound_head()), Ok(()));
        }
        streams.tell_resets();
        let reset = calls.0.borrow().len();
        let mut taken = 0;
        while let Ok(inbound) = accepted.try_recv() {
            assert_eq!((inbound.connection, inbound.protocol.as_str()), (7, "/p/1"));
            taken += 1;
        }
        assert_eq!(taken + reset, 199);
        assert!(taken >= MAX_WAITING);
    }

    #[test]
    fn numbers_that_a_host_must_not_give_are_refused() {
        let (_, streams) = streams();
        let _accepted = streams.accept();
        for number in [-2, 0, 1, 7] {
            let told = streams.event(number, kind::INBOUND, 0, &inbound_head());
            assert_eq!(told, Err(AbiStatus::Invalid));
        }
        assert_eq!(streams.event(2, kind::INBOUND, 0, &inbound_head()), Ok(()));
        assert_eq!(
            streams.event(2, kind::INBOUND, 0, &inbound_head()),
            Err(AbiStatus::Invalid)
        );
        assert_eq!(streams.event(2, kind::INBOUND, 0, &[0xff]), Err(AbiStatus::Invalid));
        assert_eq!(streams.event(2, 9, 0, &[]), Err(AbiStatus::Invalid));
        assert_eq!(streams.event(4, kind::DATA, 0, &[]), Err(AbiStatus::NotFound));
    }
}
