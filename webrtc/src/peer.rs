//! RTCPeerConnections: in this thread, or in the window at the other end of a port.
//!
//! Only windows have the interface. Workers reach one through `shim/window-shim.js`, whose messages [`port`] speaks.
use std::{
    cell::RefCell,
    collections::VecDeque,
    rc::{Rc, Weak},
    task::{Poll, Waker},
    time::Duration,
};

use futures::future::{Either, select};
use futures_timer::Delay;
use send_wrapper::SendWrapper;
use web_sys::MessagePort;

use crate::{
    Config,
    channel::{Channel, Link},
    error::Error,
    stream::{
        Stream,
        state::{Budget, State},
    },
};

mod port;
mod window;

/// Makes RTCPeerConnections. Clones make them in the same place.
#[derive(Clone)]
pub struct PeerConnections(SendWrapper<Place>);

#[derive(Clone)]
enum Place {
    Window,
    Port(Rc<port::Hub>),
}

impl PeerConnections {
    /// In this thread, which must be a window's.
    pub fn window() -> Self {
        Self(SendWrapper::new(Place::Window))
    }

    /// In the window that has given the other end of `port` to `serveWebRtc` of the shim. The port is this object's from now on.
    pub fn port(port: MessagePort) -> Self {
        Self(SendWrapper::new(Place::Port(port::Hub::new(port))))
    }

    /// A new connection with its first channel, which makes the browser offer data channels at all.
    pub(crate) async fn create(&self, first: First, config: &Config, max_frame: usize) -> Result<Peer, Error> {
        let events = Rc::new(RefCell::new(Events::new(config, max_frame)));
        let remote = match &*self.0 {
            Place::Window => Remote::Window(window::PeerConnection::new(first, config, &events)?),
            Place::Port(hub) => Remote::Port(port::PeerConnection::new(hub, first, config, &events).await?),
        };
        Ok(Peer { remote, events })
    }
}

impl std::fmt::Debug for PeerConnections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &*self.0 {
            Place::Window => "PeerConnections::window",
            Place::Port(_) => "PeerConnections::port",
        })
    }
}

/// The channel that a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// webrtc-direct's Noise channel: negotiated, with the id 0.
    Noise,
    /// The dialler's channel labelled `init`, which carries nothing.
    Init,
    /// None: the remote offers.
    Nothing,
}

/// How long the first channel may take to close.
const INIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The label of the channel that carries nothing.
const INIT: &str = "init";

/// What a description is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Offer,
    Answer,
}

impl Kind {
    /// As the browser writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
        }
    }
}

/// One RTCPeerConnection. It is closed when it is dropped.
pub(crate) struct Peer {
    remote: Remote,
    events: Rc<RefCell<Events>>,
}

enum Remote {
    Window(window::PeerConnection),
    Port(port::PeerConnection),
}

impl Peer {
    /// The first channel, where it is one that carries something. Once.
    pub(crate) fn take_first(&self) -> Option<Stream> {
        self.events.borrow_mut().first.take()
    }

    /// The browser's offer or answer, which is not set yet.
    pub(crate) async fn describe(&self, kind: Kind) -> Result<String, Error> {
        match &self.remote {
            Remote::Window(peer) => peer.describe(kind).await,
            Remote::Port(peer) => peer.describe(kind).await,
        }
    }

    /// Sets our description. Returns it as the browser has it then.
    pub(crate) async fn set_local(&self, kind: Kind, sdp: &str) -> Result<String, Error> {
        match &self.remote {
            Remote::Window(peer) => peer.set_local(kind, sdp).await,
            Remote::Port(peer) => peer.set_local(kind, sdp).await,
        }
    }

    pub(crate) async fn set_remote(&self, kind: Kind, sdp: &str) -> Result<(), Error> {
        match &self.remote {
            Remote::Window(peer) => peer.set_remote(kind, sdp).await,
            Remote::Port(peer) => peer.set_remote(kind, sdp).await,
        }
    }

    /// `candidate`: an RTCIceCandidateInit as JSON.
    pub(crate) async fn add_candidate(&self, candidate: &str) -> Result<(), Error> {
        match &self.remote {
            Remote::Window(peer) => peer.add_candidate(candidate).await,
            Remote::Port(peer) => peer.add_candidate(candidate).await,
        }
    }

    /// A new channel to the remote.
    pub(crate) fn open(&self) -> impl Future<Output = Result<Stream, Error>> + 'static {
        let events = self.events.clone();
        let link = match &self.remote {
            Remote::Window(peer) => Either::Left(std::future::ready(peer.open())),
            Remote::Port(peer) => Either::Right(peer.open()),
        };
        async move { link.await.map(|link| events.borrow_mut().stream(link)) }
    }

    /// The dialler's `init` channel has done its work. Done when it is closed on both sides, or was not in a while.
    pub(crate) async fn close_init(&self) {
        let close = async {
            match &self.remote {
                Remote::Window(peer) => peer.close_init().await,
                Remote::Port(peer) => peer.close_init().await,
            }
        };
        if let Either::Left((Err(error), _)) = select(Box::pin(close), Delay::new(INIT_TIMEOUT)).await {
            tracing::debug!(%error, "the first channel did not close");
        }
    }

    pub(crate) fn close(&self) {
        match &self.remote {
            Remote::Window(peer) => peer.close(),
            Remote::Port(peer) => peer.close(),
        }
        self.events.borrow_mut().changed(ConnectionState::Closed);
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.events.borrow().state
    }

    /// The state, once it is another than `than`.
    pub(crate) fn poll_state(&self, than: ConnectionState, waker: &Waker) -> Poll<ConnectionState> {
        let mut events = self.events.borrow_mut();
        if events.state == than {
            events.on_state = Some(waker.clone());
            Poll::Pending
        } else {
            Poll::Ready(events.state)
        }
    }

    /// The next channel that the remote has opened.
    pub(crate) fn poll_inbound(&self, waker: &Waker) -> Poll<Stream> {
        let mut events = self.events.borrow_mut();
        match events.inbound.pop_front() {
            Some(stream) => Poll::Ready(stream),
            None => {
                events.on_inbound = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    /// Our next ICE candidate, an RTCIceCandidateInit as JSON.
    pub(crate) fn poll_candidate(&self, waker: &Waker) -> Poll<String> {
        let mut events = self.events.borrow_mut();
        match events.candidates.pop_front() {
            Some(candidate) => Poll::Ready(candidate),
            None => {
                events.on_candidate = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

/// RTCPeerConnectionState, but that what is not connected yet is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Connecting,
    Connected,
    Disconnected,
    Failed,
    Closed,
}

impl ConnectionState {
    /// From the browser's word.
    fn parse(word: &str) -> Self {
        match word {
            "connected" => Self::Connected,
            "disconnected" => Self::Disconnected,
            "failed" => Self::Failed,
            "closed" => Self::Closed,
            _ => Self::Connecting,
        }
    }
}

/// What has happened to a connection and was not looked at yet.
struct Events {
    state: ConnectionState,
    first: Option<Stream>,
    inbound: VecDeque<Stream>,
    candidates: VecDeque<String>,
    on_state: Option<Waker>,
    on_inbound: Option<Waker>,
    on_candidate: Option<Waker>,
    /// All streams that may be alive, to tell them of the end: browsers do not say `close` on each channel of a connection that closes.
    streams: Vec<Weak<RefCell<State>>>,
    budget: Rc<Budget>,
    max_inbound: usize,
    stream_buffer: usize,
    max_frame: usize,
}

impl Events {
    fn new(config: &Config, max_frame: usize) -> Self {
        Self {
            state: ConnectionState::Connecting,
            first: None,
            inbound: VecDeque::new(),
            candidates: VecDeque::new(),
            on_state: None,
            on_inbound: None,
            on_candidate: None,
            streams: Vec::new(),
            budget: Budget::new(config.max_connection_buffer),
            max_inbound: config.max_pending_inbound,
            stream_buffer: config.max_stream_buffer,
            max_frame,
        }
    }

    fn stream(&mut self, link: Link) -> Stream {
        let channel = Channel::new(link, State::new(self.stream_buffer, self.budget.clone()));
        if matches!(self.state, ConnectionState::Failed | ConnectionState::Closed) {
            channel.state().borrow_mut().closed();
        }
        if self.streams.len() == self.streams.capacity() {
            self.streams.retain(|stream| stream.strong_count() > 0);
        }
        self.streams.push(Rc::downgrade(channel.state()));
        Stream::new(channel, self.max_frame)
    }

    /// The remote has opened a channel. Beyond what may wait, it is reset.
    fn incoming(&mut self, link: Link) {
        let stream = self.stream(link);
        if self.inbound.len() >= self.max_inbound {
            tracing::debug!("a channel was refused: {} wait already", self.max_inbound);
            return;
        }
        self.inbound.push_back(stream);
        wake(&mut self.on_inbound);
    }

    fn candidate(&mut self, candidate: String) {
        self.candidates.push_back(candidate);
        wake(&mut self.on_candidate);
    }

    fn changed(&mut self, state: ConnectionState) {
        if self.state == ConnectionState::Closed || self.state == state {
            return;
        }
        self.state = state;
        if matches!(state, ConnectionState::Failed | ConnectionState::Closed) {
            self.inbound.clear();
            for stream in self.streams.drain(..).filter_map(|stream| stream.upgrade()) {
                stream.borrow_mut().closed();
            }
            wake(&mut self.on_inbound);
        }
        wake(&mut self.on_state);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
