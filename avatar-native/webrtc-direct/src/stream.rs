//! A libp2p stream on a data channel.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::channel::oneshot;
use futures::prelude::*;

use crate::channel::{Channel, Flag, Frame, Reading, Writing, flag};
use crate::linger::DropListener;

/// The longest message on a channel that we send, its length included, bytes: what the specification allows.
const MAX_SENT: usize = 16 * 1024;

/// The longest that we take: go-libp2p does not count the length. (A channel that is read into less loses the message.)
pub const MAX_RECEIVED: usize = 17 * 1024;

/// What of that is not data: the length (3), the flag (2), the field of the data and its length (4).
const OVERHEAD: usize = 9;

/// A libp2p stream on a data channel: half closes, resets and all.
pub struct Stream<T> {
    /// `None` once it has been handed over.
    channel: Option<Channel<T>>,
    received: Bytes,
    handover: Option<oneshot::Sender<Channel<T>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    /// A stream on an open data channel, and what has to be polled for what is left to do when the stream is dropped.
    pub fn new(data_channel: T) -> (Self, DropListener<T>) {
        let (handover, receiver) = oneshot::channel();
        let stream = Self {
            channel: Some(Channel::new(data_channel)),
            received: Bytes::new(),
            handover: Some(handover),
        };
        (stream, DropListener::new(receiver))
    }

    fn parts(&mut self) -> (&mut Channel<T>, &mut Bytes) {
        // Only dropping takes it.
        let channel = self
            .channel
            .as_mut()
            .expect("a stream has its channel until it is dropped");
        (channel, &mut self.received)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let (channel, received) = self.parts();
        loop {
            if channel.reading == Reading::Reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            // The other end learns that its FIN has come, whether we write or not.
            let flushed = channel.poll_flush(cx)?;
            if !received.is_empty() {
                let read = received.split_to(received.len().min(buf.len()));
                buf[..read.len()].copy_from_slice(&read);
                return Poll::Ready(Ok(read.len()));
            }
            if channel.reading == Reading::Ended {
                ready!(flushed);
                return Poll::Ready(Ok(0));
            }
            if let Some(data) = ready!(channel.poll_receive(cx))? {
                *received = data;
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let (channel, received) = self.parts();
        // Whoever only writes hears too that nobody reads: as far as one message of data is at hand.
        while received.is_empty() && channel.writing == Writing::Open {
            match channel.poll_receive(cx) {
                Poll::Ready(Ok(Some(data))) if channel.reading != Reading::Reset => *received = data,
                Poll::Ready(Ok(None)) if channel.reading == Reading::Ended => break,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        match channel.writing {
            Writing::Open => {}
            Writing::Finished | Writing::Stopped => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Writing::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
        let data = &buf[..buf.len().min(MAX_SENT - OVERHEAD)];
        let frame = || Frame {
            flag: None,
            message: Some(Bytes::copy_from_slice(data)),
        };
        ready!(channel.poll_send(cx, frame))?;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts().0.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (channel, _) = self.parts();
        if channel.writing == Writing::Open {
            ready!(channel.poll_send(cx, || flag(Flag::Fin)))?;
            channel.writing = Writing::Finished;
        }
        channel.poll_flush(cx)
    }
}

impl<T> Drop for Stream<T> {
    fn drop(&mut self) {
        if let (Some(channel), Some(handover)) = (self.channel.take(), self.handover.take()) {
            // Nobody is there any more when the connection is gone, and the channel with it.
            let _ = handover.send(channel);
        }
    }
}
