//! What is left to do on a data channel when its stream is dropped.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::channel::oneshot;
use futures::prelude::*;
use futures_timer::Delay;

use crate::channel::{Channel, Flag, Reading, Writing, flag};

/// How long the other end may take to say that it is done too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Resolves when the stream that it was made with is dropped and its data channel is closed. Until then the other end is told, and its FIN answered.
#[must_use = "the other end is only told while this is polled"]
pub struct DropListener<T> {
    step: Step<T>,
}

enum Step<T> {
    /// The stream is in use.
    Waiting(oneshot::Receiver<Channel<T>>),
    /// The last flag has to be said: RESET, or STOP_SENDING after a graceful close.
    Telling(Channel<T>, Flag),
    /// FIN and FIN_ACK come and go.
    Lingering(Channel<T>, Delay),
    Closing(Channel<T>),
    Done,
}

impl<T> DropListener<T> {
    pub(crate) fn new(receiver: oneshot::Receiver<Channel<T>>) -> Self {
        Self {
            step: Step::Waiting(receiver),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Step<T> {
    /// The step that follows on the stream's end.
    fn after_drop(channel: Channel<T>) -> Self {
        match (channel.writing, channel.reading) {
            (Writing::Reset, _) | (_, Reading::Reset) => Self::Closing(channel),
            (Writing::Open, _) => Self::Telling(channel, Flag::Reset),
            (Writing::Finished | Writing::Stopped, Reading::Open) => Self::Telling(channel, Flag::StopSending),
            (Writing::Finished | Writing::Stopped, Reading::Ended) => Self::Lingering(channel, Delay::new(PATIENCE)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for DropListener<T> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let step = &mut self.get_mut().step;
        loop {
            // Each step is taken out, and put back where it is not over.
            *step = match std::mem::replace(step, Step::Done) {
                Step::Waiting(mut receiver) => match receiver.poll_unpin(cx) {
                    Poll::Ready(Ok(channel)) => Step::after_drop(channel),
                    // The stream was forgotten, not dropped: there is nothing to do it on.
                    Poll::Ready(Err(oneshot::Canceled)) => Step::Done,
                    Poll::Pending => {
                        *step = Step::Waiting(receiver);
                        return Poll::Pending;
                    }
                },
                Step::Telling(mut channel, what) => match channel.poll_send(cx, || flag(what)) {
                    Poll::Ready(Ok(())) if what == Flag::Reset => Step::Closing(channel),
                    Poll::Ready(Ok(())) => Step::Lingering(channel, Delay::new(PATIENCE)),
                    Poll::Ready(Err(_)) => Step::Closing(channel),
                    Poll::Pending => {
                        *step = Step::Telling(channel, what);
                        return Poll::Pending;
                    }
                },
                Step::Lingering(mut channel, mut patience) => {
                    if poll_farewell(&mut channel, cx).is_pending() && patience.poll_unpin(cx).is_pending() {
                        *step = Step::Lingering(channel, patience);
                        return Poll::Pending;
                    }
                    Step::Closing(channel)
                }
                Step::Closing(mut channel) => {
                    // What was said last goes before the channel is closed; where it cannot, the channel is lost anyway.
                    let flushed = channel.poll_flush(cx).is_ready();
                    match flushed.then(|| channel.poll_close(cx)) {
                        Some(Poll::Ready(closed)) => return Poll::Ready(closed),
                        _ => {
                            *step = Step::Closing(channel);
                            return Poll::Pending;
                        }
                    }
                }
                Step::Done => return Poll::Ready(Ok(())),
            };
        }
    }
}

/// Ready when both ends have finished and know it, or nothing more is to come. What data comes on the way is nobody's.
fn poll_farewell<T: AsyncRead + AsyncWrite + Unpin>(channel: &mut Channel<T>, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        match channel.poll_flush(cx) {
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) if channel.reading == Reading::Ended && channel.is_heard() => return Poll::Ready(()),
            _ => {}
        }
        match ready!(channel.poll_receive(cx)) {
            Err(_) => return Poll::Ready(()),
            Ok(_) if channel.reading == Reading::Reset => return Poll::Ready(()),
            Ok(_) => {}
        }
    }
}
