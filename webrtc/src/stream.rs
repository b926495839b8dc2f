//! A libp2p stream over one data channel.
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite, FutureExt as _, future::Either};
use futures_timer::Delay;
use send_wrapper::SendWrapper;

use crate::{
    channel::{Channel, HIGH_WATER},
    frame::{Flag, OVERHEAD},
};

pub(crate) mod state;

/// How long a closed stream waits for the remote to acknowledge, or to finish its own half.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of a [`Connection`](crate::Connection).
///
/// Closing it closes the writing half and waits until the remote has acknowledged everything (for ten seconds at most). A stream that is dropped before it was closed is reset.
pub struct Stream {
    /// None once it is dropped.
    inner: Option<SendWrapper<Inner>>,
}

struct Inner {
    channel: Channel,
    /// Bytes of payload in a frame, at most.
    max_payload: usize,
    acknowledgement: Option<Delay>,
}

impl Stream {
    pub(crate) fn new(channel: Channel, max_frame: usize) -> Self {
        Self {
            inner: Some(SendWrapper::new(Inner {
                channel,
                max_payload: max_frame - OVERHEAD,
                acknowledgement: None,
            })),
        }
    }

    fn inner(&mut self) -> &mut Inner {
        self.inner.as_mut().expect("it is there until it is dropped")
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.inner().channel.state().borrow_mut().read(into, cx.waker());
        read.map_or(Poll::Pending, Poll::Ready)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let inner = self.inner();
        let mut state = inner.channel.state().borrow_mut();
        match state.may_write(cx.waker()) {
            None => return Poll::Pending,
            Some(Err(error)) => return Poll::Ready(Err(error)),
            Some(Ok(())) => {}
        }
        if inner.channel.buffered() >= HIGH_WATER {
            state.wait_for_room(cx.waker());
            return Poll::Pending;
        }
        let payload = &from[..from.len().min(inner.max_payload)];
        Poll::Ready(match inner.channel.send_data(payload) {
            Ok(()) => Ok(payload.len()),
            Err(error) => Err(io::Error::new(io::ErrorKind::ConnectionReset, error)),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is written is with the browser at once.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = self.inner();
        let mut state = inner.channel.state().borrow_mut();
        match state.finish(cx.waker()) {
            None => return Poll::Pending,
            Some(true) => {
                inner.channel.send_flag(Flag::Fin);
                inner.acknowledgement = Some(Delay::new(CLOSE_TIMEOUT));
            }
            Some(false) => {}
        }
        if let Some(timer) = &mut inner.acknowledgement
            && timer.poll_unpin(cx).is_ready()
        {
            inner.acknowledgement = None;
            state.stop_waiting_for_acknowledgement();
        }
        state.finished(cx.waker()).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().map(SendWrapper::take) else {
            return;
        };
        let flag = inner.channel.state().borrow_mut().abandoned();
        if let Some(flag) = flag {
            inner.channel.send_flag(flag);
        }
        wasm_bindgen_futures::spawn_local(bury(inner.channel));
    }
}

/// Keeps the channel until the remote has said its last word, so that what we sent arrives and what it sends is answered.
async fn bury(channel: Channel) {
    let over = poll_fn(|cx| {
        if channel.state().borrow_mut().is_over(cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    if let Either::Right(_) = futures::future::select(over, Delay::new(CLOSE_TIMEOUT)).await {
        tracing::debug!("a remote did not finish its half of a stream in time");
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}
