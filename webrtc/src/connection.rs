//! A connection: libp2p's stream muxer over an RTCPeerConnection.
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::LocalBoxFuture, ready};
use futures_timer::Delay;
use libp2p_core::muxing::{StreamMuxer, StreamMuxerEvent};
use send_wrapper::SendWrapper;

use crate::{
    Error, Stream,
    peer::{ConnectionState, Peer},
};

/// An established connection. It ends when it is dropped.
pub struct Connection(SendWrapper<Inner>);

struct Inner {
    peer: Peer,
    disconnect_timeout: Duration,
    /// What `poll` has seen last.
    seen: ConnectionState,
    /// Runs while the connection is disconnected.
    patience: Option<Delay>,
    opening: Option<LocalBoxFuture<'static, Result<Stream, Error>>>,
}

impl Connection {
    pub(crate) fn new(peer: Peer, disconnect_timeout: Duration) -> Self {
        Self(SendWrapper::new(Inner {
            peer,
            disconnect_timeout,
            seen: ConnectionState::Connected,
            patience: None,
            opening: None,
        }))
    }
}

/// The error of a connection that has ended.
pub(crate) fn ended(state: ConnectionState) -> Option<Error> {
    match state {
        ConnectionState::Failed => Some(Error::Ended("failed")),
        ConnectionState::Closed => Some(Error::Ended("closed")),
        _ => None,
    }
}

impl StreamMuxer for Connection {
    type Substream = Stream;
    type Error = Error;

    fn poll_inbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        if let Some(error) = ended(self.0.peer.state()) {
            return Poll::Ready(Err(error));
        }
        self.0.peer.poll_inbound(cx.waker()).map(Ok)
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, Error>> {
        let inner = &mut *self.0;
        if let Some(error) = ended(inner.peer.state()) {
            return Poll::Ready(Err(error));
        }
        let opening = inner.opening.get_or_insert_with(|| inner.peer.open().boxed_local());
        let opened = ready!(opening.poll_unpin(cx));
        inner.opening = None;
        Poll::Ready(opened)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.peer.close();
        Poll::Ready(Ok(()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Error>> {
        let inner = &mut *self.0;
        while let Poll::Ready(state) = inner.peer.poll_state(inner.seen, cx.waker()) {
            inner.seen = state;
            inner.patience = (state == ConnectionState::Disconnected).then(|| Delay::new(inner.disconnect_timeout));
        }
        if let Some(error) = ended(inner.seen) {
            return Poll::Ready(Err(error));
        }
        if let Some(patience) = &mut inner.patience {
            ready!(patience.poll_unpin(cx));
            inner.peer.close();
            return Poll::Ready(Err(Error::Ended("disconnected")));
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
