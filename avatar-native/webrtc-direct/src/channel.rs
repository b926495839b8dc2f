//! A data channel with the framing and the flags of libp2p's WebRTC streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use asynchronous_codec::Framed;
use bytes::Bytes;
use futures::prelude::*;
use prost_codec::Codec;

use crate::stream::MAX_RECEIVED;

/// What one message on the channel says: some data, a flag, or both.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    #[prost(enumeration = "Flag", optional, tag = "1")]
    pub flag: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub message: Option<Bytes>,
}

/// The flags of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Flag {
    /// The sender writes no more.
    Fin = 0,
    /// The sender reads no more.
    StopSending = 1,
    /// Both at once, and what is on its way does not count.
    Reset = 2,
    /// The FIN has come.
    FinAck = 3,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Open,
    Ended,
    Reset,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Open,
    /// FIN is sent.
    Finished,
    /// The other end reads no more.
    Stopped,
    Reset,
}

/// A channel and what both ends have said on it.
pub struct Channel<T> {
    io: Framed<T, Codec<Frame>>,
    pub reading: Reading,
    pub writing: Writing,
    /// FIN has come and is not answered.
    owes_ack: bool,
    /// Our FIN is answered.
    acknowledged: bool,
    /// Nothing more can come.
    gone: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Channel<T> {
    pub fn new(io: T) -> Self {
        Self {
            io: Framed::new(io, Codec::new(MAX_RECEIVED)),
            reading: Reading::Open,
            writing: Writing::Open,
            owes_ack: false,
            acknowledged: false,
            gone: false,
        }
    }

    /// The next data. `None`: nothing more is to come, or the state has changed.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let frame = match ready!(self.io.poll_next_unpin(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Err(self.fail(io::Error::new(io::ErrorKind::InvalidData, error)))),
            // The channel is gone. That is the end of what ended before, and the loss of what did not.
            None if self.reading == Reading::Ended => {
                self.gone = true;
                return Poll::Ready(Ok(None));
            }
            None => return Poll::Ready(Err(self.fail(io::ErrorKind::ConnectionReset.into()))),
        };
        // A flag of a later version says nothing to us.
        match frame.flag.map(Flag::try_from) {
            Some(Ok(Flag::Fin)) if self.reading != Reading::Reset => {
                self.reading = Reading::Ended;
                self.owes_ack = true;
            }
            Some(Ok(Flag::StopSending)) if self.writing == Writing::Open => self.writing = Writing::Stopped,
            Some(Ok(Flag::Reset)) => {
                self.fail(io::ErrorKind::ConnectionReset.into());
                return Poll::Ready(Ok(None));
            }
            Some(Ok(Flag::FinAck)) => self.acknowledged = true,
            _ => {}
        }
        Poll::Ready(Ok(frame.message.filter(|data| !data.is_empty())))
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.reading = Reading::Reset;
        self.writing = Writing::Reset;
        error
    }

    /// One frame is one message of the channel: it is only taken when the one before is on its way.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, frame: impl FnOnce() -> Frame) -> Poll<io::Result<()>> {
        ready!(self.poll_flush_io(cx))?;
        self.io.start_send_unpin(frame()).map_err(io::Error::other)?;
        // What cannot go now goes at the next flush.
        let _ = self.poll_flush_io(cx)?;
        Poll::Ready(Ok(()))
    }

    /// Everything is on its way, with the answer to the other end's FIN.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.owes_ack {
            ready!(self.poll_send(cx, || flag(Flag::FinAck)))?;
            self.owes_ack = false;
        }
        self.poll_flush_io(cx)
    }

    fn poll_flush_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush_unpin(cx).map_err(io::Error::other)
    }

    /// The other end knows that we write no more, or will never know.
    pub fn is_heard(&self) -> bool {
        self.acknowledged || self.gone || self.writing != Writing::Finished
    }

    /// Closes the data channel.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_close(cx)
    }
}

/// A frame that is only a flag.
pub fn flag(flag: Flag) -> Frame {
    Frame {
        flag: Some(flag as i32),
        message: None,
    }
}
