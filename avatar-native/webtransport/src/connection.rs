//! A session as libp2p's multiplexer: the streams are QUIC's own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p_core::muxing::{StreamMuxer, StreamMuxerEvent};
use wtransport::error::ConnectionError;
use wtransport::{RecvStream, SendStream, VarInt};

use crate::error::Error;
use crate::stream::Stream;

/// A session whose peer is known.
pub struct Connection {
    session: wtransport::Connection,
    /// The stream of the handshake. To drop it would be to tell the peer to stop sending, which js-libp2p in Chromium takes for a failure while it closes its end.
    _handshake: libp2p_noise::Output<Stream>,
    inbound: Option<BoxFuture<'static, Result<(SendStream, RecvStream), ConnectionError>>>,
    outbound: Option<BoxFuture<'static, Result<(SendStream, RecvStream), Error>>>,
    closing: Option<BoxFuture<'static, ConnectionError>>,
}

impl Connection {
    pub(crate) fn new(session: wtransport::Connection, handshake: libp2p_noise::Output<Stream>) -> Self {
        Self {
            session,
            _handshake: handshake,
            inbound: None,
            outbound: None,
            closing: None,
        }
    }
}

impl StreamMuxer for Connection {
    type Substream = Stream;
    type Error = Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        let session = self.session.clone();
        let inbound = self
            .inbound
            .get_or_insert_with(|| async move { session.accept_bi().await }.boxed());
        let halves = ready!(inbound.poll_unpin(cx));
        self.inbound = None;
        Poll::Ready(Ok(Stream::new(halves?)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        let session = self.session.clone();
        let outbound = self
            .outbound
            .get_or_insert_with(|| async move { Ok(session.open_bi().await?.await?) }.boxed());
        let halves = ready!(outbound.poll_unpin(cx));
        self.outbound = None;
        Poll::Ready(Ok(Stream::new(halves?)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let session = self.session.clone();
        let closing = self.closing.get_or_insert_with(|| {
            session.close(VarInt::from_u32(0), b"");
            async move { session.closed().await }.boxed()
        });
        // Whatever the end of it was called.
        let _ = ready!(closing.poll_unpin(cx));
        Poll::Ready(Ok(()))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Error>> {
        // The end of a connection is told by accepting and opening.
        Poll::Pending
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.close(VarInt::from_u32(0), b"");
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("remote", &self.session.remote_address())
            .finish_non_exhaustive()
    }
}
