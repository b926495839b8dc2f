//! Whole messages on a stream.

use std::cell::RefCell;

use avatar_peers::frame::{FrameError, Frames, frame};
use avatar_peers::handshake::HandshakeError;

use crate::platform::{PeerStream, PlatformError, StreamBroken};

/// Why a conversation ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EndError {
    /// The stream broke off.
    #[error(transparent)]
    Broken(#[from] StreamBroken),
    /// It never began.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// What came is no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// They are not who they have to be.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// Nobody who keeps to the protocol does that.
    #[error("the peer breaks the protocol: {0}")]
    Hostile(&'static str),
    /// Nothing has come for too long.
    #[error("nothing comes any more")]
    Silent,
    /// The other side has ended it.
    #[error("the other side has ended it")]
    Over,
    /// This side has ended it.
    #[error("{0}")]
    Ended(&'static str),
}

impl EndError {
    /// Whether whoever does that is better left alone for a while.
    pub fn is_hostile(&self) -> bool {
        matches!(self, Self::Frame(_) | Self::Hostile(_))
    }
}

/// See the module's documentation. One reader and one writer at a time.
pub struct Framed {
    stream: PeerStream,
    frames: RefCell<Frames>,
}

impl Framed {
    /// From the beginning of a stream.
    pub fn new(stream: PeerStream) -> Self {
        Self {
            stream,
            frames: RefCell::default(),
        }
    }

    /// The next message of at most `max` bytes; None behind the last one.
    ///
    /// # Errors
    /// The stream broke off, also within a message; or what comes is none.
    pub async fn next(&self, max: usize) -> Result<Option<Vec<u8>>, EndError> {
        loop {
            if let Some(message) = self.frames.borrow_mut().next(max)? {
                return Ok(Some(message));
            }
            match self.stream.read().await? {
                Some(piece) => self.frames.borrow_mut().push(&piece),
                None if self.frames.borrow().is_within() => {
                    return Err(EndError::Hostile("the stream ends within a message"));
                }
                None => return Ok(None),
            }
        }
    }

    /// As [`next`](Self::next), where there has to be one.
    ///
    /// # Errors
    /// See there; or the stream has ended.
    pub async fn expect(&self, max: usize) -> Result<Vec<u8>, EndError> {
        self.next(max).await?.ok_or(EndError::Over)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The stream broke off.
    pub async fn send(&self, message: &[u8]) -> Result<(), EndError> {
        Ok(self.stream.write(&frame(message)).await?)
    }

    /// Nothing more is sent.
    pub fn finish(&self) {
        self.stream.finish();
    }
}
