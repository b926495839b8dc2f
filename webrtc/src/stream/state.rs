//! The state of a stream's two halves: what frames, the channel and the application do to it. Without a browser, so that it is tested natively.
use std::{cell::Cell, collections::VecDeque, io, rc::Rc, task::Waker};

use bytes::{Buf as _, Bytes};

use crate::frame::{Decoder, Flag, FrameError};

/// What a frame that waits costs beside its payload, in bytes: a flood of frames of one byte is held to the same limits.
const FRAME_COST: usize = 128;

/// How many bytes wait to be read in all streams of a connection. Data channels have no backpressure for their receiver: what the browser has received, it hands over.
#[derive(Debug)]
pub(crate) struct Budget {
    used: Cell<usize>,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            used: Cell::new(0),
            limit,
        })
    }

    fn take(&self, bytes: usize) -> bool {
        let used = self.used.get() + bytes;
        if used <= self.limit {
            self.used.set(used);
        }
        used <= self.limit
    }

    fn give_back(&self, bytes: usize) {
        self.used.set(self.used.get() - bytes);
    }
}

/// Where the remote's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Open,
    /// The remote has sent FIN.
    Finished,
    /// Nobody reads any more; what comes is discarded until the remote's FIN.
    Stopped,
    Failed(io::ErrorKind),
}

/// Where our bytes go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Open,
    /// FIN is sent.
    Finishing,
    /// FIN is acknowledged, or there is nobody left who could.
    Finished,
    Failed(io::ErrorKind),
}

/// One stream.
#[derive(Debug)]
pub(crate) struct State {
    decoder: Decoder,
    incoming: VecDeque<Bytes>,
    /// What `incoming` costs, in bytes.
    waiting: usize,
    limit: usize,
    budget: Rc<Budget>,
    read: Read,
    write: Write,
    is_open: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Wakes who waits for the end of a stream that nobody holds any more.
    undertaker: Option<Waker>,
}

impl State {
    /// `limit`: bytes that may wait to be read.
    pub(crate) fn new(limit: usize, budget: Rc<Budget>) -> Self {
        Self {
            decoder: Decoder::default(),
            incoming: VecDeque::new(),
            waiting: 0,
            limit,
            budget,
            read: Read::Open,
            write: Write::Open,
            is_open: false,
            reader: None,
            writer: None,
            undertaker: None,
        }
    }

    /// The channel can be written to.
    pub(crate) fn opened(&mut self) {
        self.is_open = true;
        wake(&mut self.writer);
    }

    /// A message of the channel. Returns the flags to answer with; after a RESET among them the channel is to be closed.
    pub(crate) fn received(&mut self, message: Bytes) -> Vec<Flag> {
        let mut answers = Vec::new();
        let mut decoder = std::mem::take(&mut self.decoder);
        for frame in decoder.push(message) {
            let frame = match frame {
                Ok(frame) => frame,
                Err(FrameError::TooLarge | FrameError::Malformed) => {
                    answers.push(self.give_up(io::ErrorKind::InvalidData));
                    break;
                }
            };
            if let Some(flag) = self.received_payload(frame.message.clone().unwrap_or_default()) {
                answers.push(flag);
                break;
            }
            answers.extend(frame.known_flag().and_then(|flag| self.received_flag(flag)));
        }
        self.decoder = decoder;
        answers
    }

    fn received_payload(&mut self, payload: Bytes) -> Option<Flag> {
        if payload.is_empty() || self.read != Read::Open {
            return None;
        }
        let cost = payload.len() + FRAME_COST;
        if self.waiting + cost > self.limit || !self.budget.take(cost) {
            return Some(self.give_up(io::ErrorKind::OutOfMemory));
        }
        self.waiting += cost;
        self.incoming.push_back(payload);
        wake(&mut self.reader);
        None
    }

    fn received_flag(&mut self, flag: Flag) -> Option<Flag> {
        match flag {
            Flag::Fin => {
                if matches!(self.read, Read::Open | Read::Stopped) {
                    self.read = Read::Finished;
                }
                self.wake_all();
                Some(Flag::FinAck)
            }
            Flag::FinAck => {
                if self.write == Write::Finishing {
                    self.write = Write::Finished;
                }
                self.wake_all();
                None
            }
            Flag::StopSending => {
                match self.write {
                    Write::Open => self.write = Write::Failed(io::ErrorKind::BrokenPipe),
                    // Whoever reads no more need not acknowledge either.
                    Write::Finishing => self.write = Write::Finished,
                    Write::Finished | Write::Failed(_) => {}
                }
                self.wake_all();
                None
            }
            Flag::Reset => {
                self.fail(io::ErrorKind::ConnectionReset);
                None
            }
        }
    }

    /// The channel is closed, by whomever: nothing comes any more, and nothing arrives.
    pub(crate) fn closed(&mut self) {
        if matches!(self.read, Read::Open | Read::Stopped) {
            self.read = Read::Failed(io::ErrorKind::UnexpectedEof);
        }
        match self.write {
            Write::Open => self.write = Write::Failed(io::ErrorKind::ConnectionReset),
            Write::Finishing => self.write = Write::Finished,
            Write::Finished | Write::Failed(_) => {}
        }
        self.wake_all();
    }

    /// Both halves are over, with an error.
    fn fail(&mut self, kind: io::ErrorKind) {
        self.discard_incoming();
        if self.read != Read::Finished {
            self.read = Read::Failed(kind);
        }
        if self.write != Write::Finished {
            self.write = Write::Failed(kind);
        }
        self.wake_all();
    }

    fn give_up(&mut self, kind: io::ErrorKind) -> Flag {
        self.fail(kind);
        Flag::Reset
    }

    /// Bytes that are there; 0 is the end. `None`: not yet, `reader` is woken.
    pub(crate) fn read(&mut self, into: &mut [u8], reader: &Waker) -> Option<io::Result<usize>> {
        let Some(first) = self.incoming.front_mut() else {
            return match self.read {
                Read::Open => {
                    remember(&mut self.reader, reader);
                    None
                }
                Read::Finished | Read::Stopped => Some(Ok(0)),
                Read::Failed(kind) => Some(Err(kind.into())),
            };
        };
        let bytes = first.len().min(into.len());
        first.copy_to_slice(&mut into[..bytes]);
        let mut freed = bytes;
        if first.is_empty() {
            self.incoming.pop_front();
            freed += FRAME_COST;
        }
        self.waiting -= freed;
        self.budget.give_back(freed);
        Some(Ok(bytes))
    }

    /// Whether the application may write. `None`: not before the channel is open, `writer` is woken.
    pub(crate) fn may_write(&mut self, writer: &Waker) -> Option<io::Result<()>> {
        match self.write {
            Write::Open if self.is_open => Some(Ok(())),
            Write::Open => {
                remember(&mut self.writer, writer);
                None
            }
            Write::Finishing | Write::Finished => Some(Err(io::ErrorKind::BrokenPipe.into())),
            Write::Failed(kind) => Some(Err(kind.into())),
        }
    }

    /// `writer` is woken when there is room again.
    pub(crate) fn wait_for_room(&mut self, writer: &Waker) {
        remember(&mut self.writer, writer);
    }

    /// There is room again.
    pub(crate) fn drained(&mut self) {
        wake(&mut self.writer);
    }

    /// The application has written all. Whether FIN is to be sent now; `None`: not before the channel is open, `writer` is woken.
    pub(crate) fn finish(&mut self, writer: &Waker) -> Option<bool> {
        match self.write {
            Write::Open if !self.is_open => {
                remember(&mut self.writer, writer);
                None
            }
            Write::Open => {
                self.write = Write::Finishing;
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// Whether the remote has everything. `None`: not yet, `writer` is woken.
    pub(crate) fn finished(&mut self, writer: &Waker) -> Option<io::Result<()>> {
        match self.write {
            Write::Open | Write::Finishing => {
                remember(&mut self.writer, writer);
                None
            }
            Write::Finished => Some(Ok(())),
            // Whoever asked us to stop sending has no use for the rest.
            Write::Failed(io::ErrorKind::BrokenPipe) => Some(Ok(())),
            Write::Failed(kind) => Some(Err(kind.into())),
        }
    }

    /// The remote did not acknowledge FIN in time: the specification lets us go on.
    pub(crate) fn stop_waiting_for_acknowledgement(&mut self) {
        if self.write == Write::Finishing {
            self.write = Write::Finished;
        }
    }

    /// The application holds the stream no more. Returns the flag that tells the remote, where it has to be told.
    pub(crate) fn abandoned(&mut self) -> Option<Flag> {
        self.discard_incoming();
        self.reader = None;
        self.writer = None;
        if self.write == Write::Open {
            return Some(self.give_up(io::ErrorKind::ConnectionAborted));
        }
        (self.read == Read::Open).then(|| {
            self.read = Read::Stopped;
            Flag::StopSending
        })
    }

    /// Whether both halves are over, so that the channel may be closed; otherwise `undertaker` is woken then.
    pub(crate) fn is_over(&mut self, undertaker: &Waker) -> bool {
        let is_over = matches!(self.read, Read::Finished | Read::Failed(_))
            && matches!(self.write, Write::Finished | Write::Failed(_));
        if !is_over {
            remember(&mut self.undertaker, undertaker);
        }
        is_over
    }

    fn discard_incoming(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.waiting));
        self.incoming.clear();
    }

    fn wake_all(&mut self) {
        wake(&mut self.reader);
        wake(&mut self.writer);
        wake(&mut self.undertaker);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.discard_incoming();
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(old) if old.will_wake(waker) => {}
        _ => *slot = Some(waker.clone()),
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{encode_data, encode_flag};

    fn open() -> State {
        let mut state = State::new(1000, Budget::new(1500));
        state.opened();
        state
    }

    fn data(bytes: usize) -> Bytes {
        encode_data(&vec![1; bytes]).into()
    }

    fn flag(flag: Flag) -> Bytes {
        encode_flag(flag).into()
    }

    fn read(state: &mut State) -> Option<Result<usize, io::ErrorKind>> {
        state
            .read(&mut [0; 4096], &noop_waker())
            .map(|result| result.map_err(|error| error.kind()))
    }

    fn may_write(state: &mut State) -> Option<Result<(), io::ErrorKind>> {
        state
            .may_write(&noop_waker())
            .map(|result| result.map_err(|error| error.kind()))
    }

    #[test]
    fn a_half_closed_stream_still_reads() {
        let mut state = open();
        assert_eq!(state.finish(&noop_waker()), Some(true));
        assert!(state.finished(&noop_waker()).is_none());
        assert_eq!(state.received(data(5)), []);
        assert_eq!(state.received(flag(Flag::FinAck)), []);
        assert!(state.finished(&noop_waker()).unwrap().is_ok());
        assert_eq!(read(&mut state), Some(Ok(5)));
        assert_eq!(read(&mut state), None);
        assert_eq!(state.received(flag(Flag::Fin)), [Flag::FinAck]);
        assert_eq!(read(&mut state), Some(Ok(0)));
        assert!(state.is_over(&noop_waker()));
    }

    #[test]
    fn what_was_sent_before_fin_is_read_before_the_end() {
        let mut state = open();
        state.received([&data(3)[..], &flag(Flag::Fin)].concat().into());
        assert_eq!(read(&mut state), Some(Ok(3)));
        assert_eq!(read(&mut state), Some(Ok(0)));
        assert_eq!(may_write(&mut state), Some(Ok(())));
    }

    #[test]
    fn a_reset_is_an_error_for_both_halves() {
        let mut state = open();
        state.received(data(3));
        assert_eq!(state.received(flag(Flag::Reset)), []);
        assert_eq!(read(&mut state), Some(Err(io::ErrorKind::ConnectionReset)));
        assert_eq!(may_write(&mut state), Some(Err(io::ErrorKind::ConnectionReset)));
        assert!(state.is_over(&noop_waker()));
    }

    #[test]
    fn a_channel_that_closes_without_fin_is_a_truncated_stream() {
        let mut state = open();
        state.received(data(3));
        state.closed();
        assert_eq!(read(&mut state), Some(Ok(3)));
        assert_eq!(read(&mut state), Some(Err(io::ErrorKind::UnexpectedEof)));
    }

    #[test]
    fn stop_sending_fails_writes_and_leaves_reading_alone() {
        let mut state = open();
        state.received(flag(Flag::StopSending));
        assert_eq!(may_write(&mut state), Some(Err(io::ErrorKind::BrokenPipe)));
        assert_eq!(read(&mut state), None);
    }

    #[test]
    fn who_sends_more_than_may_wait_is_reset_and_its_bytes_are_freed() {
        let mut state = open();
        assert_eq!(state.received(data(800)), []);
        assert_eq!(state.received(data(800)), [Flag::Reset]);
        assert_eq!(state.waiting, 0);
        assert_eq!(state.budget.used.get(), 0);
        assert_eq!(read(&mut state), Some(Err(io::ErrorKind::OutOfMemory)));
    }

    #[test]
    fn a_flood_of_frames_of_one_byte_is_held_to_the_limit_too() {
        let mut state = open();
        let frames = (0..).take_while(|_| state.received(data(1)).is_empty()).count();
        assert!(frames * FRAME_COST <= 1000, "{frames}");
        assert_eq!(state.budget.used.get(), 0);
    }

    #[test]
    fn what_is_read_makes_room() {
        let mut state = open();
        for _ in 0..100 {
            assert_eq!(state.received(data(500)), []);
            assert_eq!(read(&mut state), Some(Ok(500)));
        }
        assert_eq!((state.waiting, state.budget.used.get()), (0, 0));
    }

    #[test]
    fn streams_of_one_connection_share_a_budget() {
        let budget = Budget::new(1500);
        let (mut a, mut b) = (State::new(1000, budget.clone()), State::new(1000, budget.clone()));
        assert_eq!(a.received(data(800)), []);
        assert_eq!(b.received(data(800)), [Flag::Reset]);
        drop(a);
        assert_eq!(budget.used.get(), 0);
    }

    #[test]
    fn nothing_is_written_before_the_channel_is_open() {
        let mut state = State::new(1000, Budget::new(1500));
        assert_eq!(may_write(&mut state), None);
        assert_eq!(state.finish(&noop_waker()), None);
        state.opened();
        assert_eq!(may_write(&mut state), Some(Ok(())));
    }

    #[test]
    fn a_stream_dropped_while_it_writes_is_reset_and_one_that_has_finished_asks_for_silence() {
        assert_eq!(open().abandoned(), Some(Flag::Reset));
        let mut state = open();
        state.finish(&noop_waker());
        assert_eq!(state.abandoned(), Some(Flag::StopSending));
        assert!(!state.is_over(&noop_waker()));
        assert_eq!(state.received(data(5)), []);
        assert_eq!(state.received(flag(Flag::FinAck)), []);
        assert_eq!(state.received(flag(Flag::Fin)), [Flag::FinAck]);
        assert!(state.is_over(&noop_waker()));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_order_the_books_are_right(steps in prop::collection::vec((0_u8..9, any::<Vec<u8>>()), 0..60)) {
            let budget = Budget::new(1500);
            let mut state = State::new(1000, budget.clone());
            for (step, bytes) in steps {
                let was_over = state.is_over(&noop_waker());
                match step {
                    0 => state.opened(),
                    1 => drop(state.received(data(bytes.len()))),
                    2 => drop(state.received(bytes.into())),
                    3 => drop(state.received(flag(Flag::Fin))),
                    4 => drop(state.received(flag([Flag::FinAck, Flag::StopSending, Flag::Reset][bytes.len() % 3]))),
                    5 => drop(read(&mut state)),
                    6 => drop(state.finish(&noop_waker())),
                    7 => state.closed(),
                    _ => drop(state.abandoned()),
                }
                prop_assert_eq!(budget.used.get(), state.waiting);
                prop_assert_eq!(state.waiting == 0, state.incoming.is_empty());
                // What is over stays over.
                prop_assert!(!was_over || state.is_over(&noop_waker()));
            }
            drop(state);
            prop_assert_eq!(budget.used.get(), 0);
        }
    }

    #[test]
    fn a_frame_that_is_no_protobuf_resets_the_stream() {
        let mut state = open();
        assert_eq!(state.received(vec![2, 0xff, 0xff].into()), [Flag::Reset]);
        assert_eq!(read(&mut state), Some(Err(io::ErrorKind::InvalidData)));
    }
}
