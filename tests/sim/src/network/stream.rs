//! One end of a stream in its host: credit towards the instance, a window towards the other host, and bounded room between them.

use std::collections::VecDeque;

use avatar_proto::AbiStatus;

/// What an instance may write ahead of the network, in bytes.
pub const CREDIT_BYTES: usize = 64 * 1024;

/// What a host takes ahead of its instance, in bytes.
pub const WINDOW_BYTES: usize = 64 * 1024;

/// Credit and windows go back in pieces of at least this, or when nothing waits any more.
const PIECE_BYTES: usize = WINDOW_BYTES / 4;

/// The most bytes in one frame, and in one DATA.
pub const MAX_DATA_BYTES: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Open,
    /// Ends when what waits is gone.
    Ending,
    Ended,
}

/// What is to be sent to the other host.
#[derive(Debug, PartialEq, Eq)]
pub enum Out {
    /// Bytes.
    Data(Vec<u8>),
    /// Nothing follows.
    Fin,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct StreamEnd {
    /// The instance's number for it, as long as the instance knows it.
    pub number: Option<i32>,
    /// The peer has not agreed on a protocol yet; the operation that waits for it.
    pub opening: Option<u64>,
    credit: usize,
    waiting: VecDeque<u8>,
    /// Bytes that have left, and were not given back as credit yet.
    left: usize,
    window: usize,
    granted: usize,
    arrived: VecDeque<u8>,
    /// Bytes that the instance has, and that were not given back to the other host yet.
    taken: usize,
    write: Side,
    read: Side,
}

impl StreamEnd {
    /// A stream under this number.
    pub fn new(number: i32, opening: Option<u64>) -> Self {
        Self {
            number: Some(number),
            opening,
            credit: CREDIT_BYTES,
            waiting: VecDeque::new(),
            left: 0,
            window: WINDOW_BYTES,
            granted: 0,
            arrived: VecDeque::new(),
            taken: 0,
            write: Side::Open,
            read: Side::Open,
        }
    }

    /// `avatar_stream_write`: all of it.
    ///
    /// # Errors
    /// AGAIN beyond the credit, CLOSED after the end.
    pub fn write(&mut self, parts: &[&[u8]]) -> Result<usize, AbiStatus> {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.write != Side::Open {
            return Err(AbiStatus::Closed);
        }
        if len > self.credit {
            return Err(AbiStatus::Again);
        }
        self.credit -= len;
        parts.iter().for_each(|part| self.waiting.extend(*part));
        Ok(len)
    }

    /// `avatar_stream_grant`.
    pub fn grant(&mut self, bytes: usize) {
        self.granted = self.granted.saturating_add(bytes);
    }

    /// The instance writes no more.
    pub fn finish(&mut self) {
        if self.write == Side::Open {
            self.write = Side::Ending;
        }
    }

    /// The instance reads no more: what is there and what comes is thrown away.
    pub fn stop_reading(&mut self) {
        self.taken += self.arrived.len();
        self.arrived.clear();
        self.read = Side::Ended;
    }

    /// The other host takes so much more.
    pub fn widen(&mut self, bytes: usize) {
        self.window += bytes;
    }

    /// Bytes have come. False if they are more than there was a window for.
    pub fn arrive(&mut self, bytes: &[u8]) -> bool {
        if self.read == Side::Ended {
            self.taken += bytes.len();
            return true;
        }
        self.arrived.extend(bytes);
        self.arrived.len() <= WINDOW_BYTES
    }

    /// The other side writes no more.
    pub fn arrive_end(&mut self) {
        if self.read == Side::Open {
            self.read = Side::Ending;
        }
    }

    /// What leaves for the other host now, as far as its window goes.
    pub fn outgoing(&mut self) -> Vec<Out> {
        let mut out = Vec::new();
        if self.opening.is_some() {
            return out;
        }
        while self.window > 0 && !self.waiting.is_empty() {
            let len = self.waiting.len().min(self.window).min(MAX_DATA_BYTES);
            self.window -= len;
            self.left += len;
            out.push(Out::Data(self.waiting.drain(..len).collect()));
        }
        if self.write == Side::Ending && self.waiting.is_empty() {
            self.write = Side::Ended;
            out.push(Out::Fin);
        }
        out
    }

    /// Credit that the instance is to be told of now; 0 = none yet. It counts once it has been [`given`](Self::give).
    pub fn credit_back(&mut self) -> usize {
        if self.left < PIECE_BYTES && !self.waiting.is_empty() {
            return 0;
        }
        let back = std::mem::take(&mut self.left);
        if self.write == Side::Open { back } else { 0 }
    }

    /// The instance has been told of further credit.
    pub fn give(&mut self, bytes: usize) {
        self.credit += bytes;
    }

    /// What the instance is given now, as far as it granted; then whether it has to be told of the end.
    pub fn incoming(&mut self) -> (Vec<Vec<u8>>, bool) {
        let mut pieces = Vec::new();
        while self.granted > 0 && !self.arrived.is_empty() {
            let len = self.arrived.len().min(self.granted).min(MAX_DATA_BYTES);
            self.granted -= len;
            self.taken += len;
            pieces.push(self.arrived.drain(..len).collect());
        }
        let ends = self.read == Side::Ending && self.arrived.is_empty();
        if ends {
            self.read = Side::Ended;
        }
        (pieces, ends)
    }

    /// Window that goes back to the other host now; 0 = none yet.
    pub fn window_back(&mut self) -> usize {
        if self.taken < PIECE_BYTES && !self.arrived.is_empty() {
            return 0;
        }
        std::mem::take(&mut self.taken)
    }

    /// Whether the instance has finished writing, and all of it has left.
    pub fn has_sent_all(&self) -> bool {
        self.write == Side::Ended
    }

    /// Whether the instance has neither to read nor to write any more.
    pub fn is_finished(&self) -> bool {
        self.read == Side::Ended && self.write != Side::Open
    }

    /// Whether nothing will ever cross any more.
    pub fn is_over(&self) -> bool {
        self.read == Side::Ended && self.write == Side::Ended
    }

    /// Bytes that wait in this host.
    pub fn buffered(&self) -> usize {
        self.waiting.len() + self.arrived.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h27_a_write_is_taken_whole_or_refused_whole_beyond_the_credit() {
        let mut end = StreamEnd::new(1, None);
        assert_eq!(end.write(&[&[0; CREDIT_BYTES], &[0]]), Err(AbiStatus::Again));
        assert_eq!(end.write(&[&[0; CREDIT_BYTES - 1], &[0]]), Ok(CREDIT_BYTES));
        assert_eq!(end.write(&[&[0]]), Err(AbiStatus::Again));
        end.finish();
        assert_eq!(end.write(&[]), Err(AbiStatus::Closed));
    }

    #[test]
    fn h27_credit_comes_back_as_bytes_leave_and_a_peer_who_does_not_read_holds_up_the_writer() {
        let (mut one, mut other) = (StreamEnd::new(1, None), StreamEnd::new(2, None));
        let mut sent = 0;
        for _ in 0..10 {
            let credit = CREDIT_BYTES - sent.min(CREDIT_BYTES);
            sent += one.write(&[&vec![0; credit]]).unwrap_or(0);
            for out in one.outgoing() {
                let Out::Data(bytes) = out else {
                    panic!("it is not finished")
                };
                assert!(other.arrive(&bytes));
            }
            let back = one.credit_back();
            if back > 0 {
                assert_eq!(
                    one.write(&[&vec![0; back]]),
                    Err(AbiStatus::Again),
                    "it was not told yet"
                );
            }
            one.give(back);
            sent += one.write(&[&vec![0; back]]).expect("that was given back");
        }
        assert_eq!(sent, CREDIT_BYTES + WINDOW_BYTES);
        assert_eq!((one.buffered(), other.buffered()), (CREDIT_BYTES, WINDOW_BYTES));
    }

    #[test]
    fn h18_the_instance_is_given_what_it_granted_and_the_end_after_the_last_byte() {
        let mut end = StreamEnd::new(1, None);
        assert!(end.arrive(&[1, 2, 3]));
        end.arrive_end();
        assert_eq!(end.incoming(), (vec![], false));
        end.grant(2);
        assert_eq!(end.incoming(), (vec![vec![1, 2]], false));
        end.grant(2);
        assert_eq!(end.incoming(), (vec![vec![3]], true));
        assert_eq!(end.incoming(), (vec![], false), "told once");
        assert_eq!(end.window_back(), 3);
    }

    #[test]
    fn a_host_that_sends_more_than_the_window_is_noticed() {
        let mut end = StreamEnd::new(1, None);
        assert!(end.arrive(&[0; WINDOW_BYTES]));
        assert!(!end.arrive(&[0]));
    }

    #[test]
    fn what_comes_after_stop_reading_is_thrown_away_and_holds_up_nobody() {
        let mut end = StreamEnd::new(1, None);
        end.arrive(&[0; 100]);
        end.stop_reading();
        assert!(end.arrive(&[0; WINDOW_BYTES]));
        assert_eq!((end.buffered(), end.window_back()), (0, 100 + WINDOW_BYTES));
        end.grant(10);
        assert_eq!(end.incoming(), (vec![], false));
    }
}
