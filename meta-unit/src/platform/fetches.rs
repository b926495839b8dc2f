//! The bodies of responses on their way (ABI.md §7): each is a stream, bounded by what was granted for it at the start.

use std::cell::RefCell;

use avatar_proto::stream_event::{DATA, FIN, RESET};
use avatar_proto::{AbiStatus, OpErrorCode};
use futures_channel::oneshot;

use super::PlatformError;
use super::streams::reset_reason;

/// The streams of responses.
#[derive(Default)]
pub struct Fetches {
    /// Few at once.
    open: RefCell<Vec<Body>>,
    overrun: RefCell<Vec<i32>>,
}

struct Body {
    stream: i32,
    bytes: Vec<u8>,
    credit: usize,
    done: oneshot::Sender<Result<Vec<u8>, PlatformError>>,
}

impl Fetches {
    /// Takes up to `credit` bytes on the stream. What is received resolves when the stream has ended.
    pub fn open(&self, stream: u32, credit: usize) -> oneshot::Receiver<Result<Vec<u8>, PlatformError>> {
        let (done, received) = oneshot::channel();
        self.open.borrow_mut().push(Body {
            stream: stream as i32,
            bytes: Vec::new(),
            credit,
            done,
        });
        received
    }

    /// The stream never began.
    pub fn forget(&self, stream: u32) {
        self.open.borrow_mut().retain(|body| body.stream != stream as i32);
    }

    /// `yuan_stream_event`, for streams of the guest. More data than was granted ends the stream (G7).
    pub fn event(&self, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<(), AbiStatus> {
        let mut open = self.open.borrow_mut();
        let at = open
            .iter()
            .position(|body| body.stream == stream)
            .ok_or(AbiStatus::NotFound)?;
        let body = &mut open[at];
        let end = match kind {
            DATA if data.len() <= body.credit => {
                body.credit -= data.len();
                body.bytes.extend_from_slice(data);
                return Ok(());
            }
            DATA => {
                self.overrun.borrow_mut().push(stream);
                Err(PlatformError::broken_answer("net: more data than was granted"))
            }
            FIN => Ok(std::mem::take(&mut body.bytes)),
            RESET => Err(PlatformError {
                status: reset_reason(arg),
                code: OpErrorCode::Network,
                message: "the response broke off".to_owned(),
            }),
            // Nobody writes on these streams.
            _ => return Ok(()),
        };
        // Nobody may wait any more.
        drop(open.swap_remove(at).done.send(end));
        Ok(())
    }

    /// The streams that the host has to be told to reset.
    pub fn take_overrun(&self) -> Vec<i32> {
        self.overrun.take()
    }

    /// Nobody waits any more.
    pub fn clear(&self) {
        drop(self.open.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g7_more_data_than_was_granted_ends_the_stream_with_a_reset() {
        let fetches = Fetches::default();
        let stream = 1_u32;
        let received = fetches.open(stream, 10);
        assert_eq!(fetches.event(stream as i32, DATA, 0, &[1; 10]), Ok(()));
        assert_eq!(fetches.event(stream as i32, DATA, 0, &[1]), Ok(()));
        assert_eq!(fetches.take_overrun(), [stream as i32]);
        let end = futures_util::future::FutureExt::now_or_never(received).expect("it has ended");
        assert!(matches!(end, Ok(Err(_))));
        assert_eq!(fetches.event(stream as i32, DATA, 0, &[1]), Err(AbiStatus::NotFound));
    }

    #[test]
    fn what_came_until_the_end_is_the_body() {
        let fetches = Fetches::default();
        let second = 3_u32;
        let received = fetches.open(second, 10);
        for part in [&b"ab"[..], b"c"] {
            assert_eq!(fetches.event(second as i32, DATA, 0, part), Ok(()));
        }
        assert_eq!(fetches.event(second as i32, FIN, 0, &[]), Ok(()));
        let end = futures_util::future::FutureExt::now_or_never(received).expect("it has ended");
        assert_eq!(end.expect("it was sent").expect("it ended well"), b"abc");
    }
}
