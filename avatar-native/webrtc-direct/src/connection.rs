//! A peer connection as libp2p's multiplexer: a stream is a data channel.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::future::{BoxFuture, Fuse};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use libp2p_core::muxing::{StreamMuxer, StreamMuxerEvent};
use tokio::sync::{mpsc, watch};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use webrtc::data::data_channel::{DataChannel, PollDataChannel};

use crate::error::Error;
use crate::linger::DropListener;
use crate::peer::{Peer, detached};
use crate::stream::{MAX_RECEIVED, Stream};

/// Streams at once.
const MAX_STREAMS: usize = 256;

type Io = Compat<PollDataChannel>;

/// A stream on a data channel, and what is left to do when it is dropped.
pub fn open(channel: Arc<DataChannel>) -> (Stream<Io>, DropListener<Io>) {
    let mut io = PollDataChannel::new(channel);
    io.set_read_buf_capacity(MAX_RECEIVED);
    Stream::new(io.compat())
}

/// A connection whose peer is known.
pub struct Connection {
    peer: Peer,
    channels: mpsc::Receiver<Arc<DataChannel>>,
    opening: Option<BoxFuture<'static, Result<Arc<DataChannel>, Error>>>,
    closing: Option<BoxFuture<'static, ()>>,
    /// Every stream that is not over.
    streams: FuturesUnordered<DropListener<Io>>,
    /// Of who polls while there is no stream.
    waiting: Option<Waker>,
    end: Fuse<BoxFuture<'static, ()>>,
}

impl Connection {
    pub(crate) fn new(peer: Peer, channels: mpsc::Receiver<Arc<DataChannel>>, mut end: watch::Receiver<bool>) -> Self {
        Self {
            peer,
            channels,
            opening: None,
            closing: None,
            streams: FuturesUnordered::new(),
            waiting: None,
            // A sender that is gone is an end too.
            end: async move { drop(end.wait_for(|ended| *ended).await) }.boxed().fuse(),
        }
    }

    fn stream(&mut self, channel: Arc<DataChannel>) -> Stream<Io> {
        let (stream, rest) = open(channel);
        self.streams.push(rest);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
        stream
    }
}

impl StreamMuxer for Connection {
    type Substream = Stream<Io>;
    type Error = Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream<Io>, Error>> {
        if self.streams.len() >= MAX_STREAMS {
            // The end of a stream wakes the task.
            return Poll::Pending;
        }
        let channel = ready!(self.channels.poll_recv(cx)).ok_or(Error::Lost)?;
        Poll::Ready(Ok(self.stream(channel)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream<Io>, Error>> {
        let connection = self.peer.connection.clone();
        let opening = self.opening.get_or_insert_with(|| {
            async move {
                let channel = connection.create_data_channel("", None).await?;
                detached(channel).await.map_err(|_| Error::Lost)
            }
            .boxed()
        });
        let channel = ready!(opening.poll_unpin(cx));
        self.opening = None;
        let channel = channel?;
        Poll::Ready(Ok(self.stream(channel)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let connection = self.peer.connection.clone();
        let closing = self
            .closing
            .get_or_insert_with(|| async move { drop(connection.close().await) }.boxed());
        ready!(closing.poll_unpin(cx));
        Poll::Ready(Ok(()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Error>> {
        if self.end.poll_unpin(cx).is_ready() {
            return Poll::Ready(Err(Error::Lost));
        }
        loop {
            match ready!(self.streams.poll_next_unpin(cx)) {
                Some(over) => {
                    if let Err(error) = over {
                        tracing::debug!(%error, "a stream did not end well");
                    }
                    cx.waker().wake_by_ref();
                }
                None => {
                    self.waiting = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
