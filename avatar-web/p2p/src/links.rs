//! Open streams, with credit both ways (ABI.md §7).

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use avatar_proto::AbiStatus;
use futures::{AsyncRead, AsyncWrite};
use libp2p::Stream;
use libp2p::swarm::ConnectionId;

use crate::ready::Ready;

/// What a guest may write ahead of the network, in bytes, for each stream.
pub const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Credit goes back in pieces of at least this, or when nothing waits any more.
const CREDIT_PIECE_BYTES: u32 = STREAM_WINDOW_BYTES / 4;

/// The most bytes in one DATA.
const MAX_DATA_BYTES: usize = 64 * 1024;

/// So many bytes of one stream, then others have their turn.
const READ_TURN_BYTES: usize = 512 * 1024;

/// What happened to a stream: `yuan_stream_event`, but OPENED and INBOUND.
#[derive(Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// Bytes, at most the credit granted.
    Data(Vec<u8>),
    /// The peer writes no more.
    Fin,
    /// The stream is dead.
    Reset(AbiStatus),
    /// Further write credit.
    Writable(u32),
}

/// The open streams.
#[derive(Default)]
pub struct Links {
    by_key: HashMap<u64, Link>,
    /// The guest's numbers, of those that it knows still.
    keys: HashMap<u32, u64>,
    next_key: u64,
    next_inbound: u32,
    ready: Arc<Ready>,
    /// Where bytes are read into before it is known how many there are.
    scratch: Vec<u8>,
}

struct Link {
    stream: Stream,
    number: u32,
    connection: ConnectionId,
    waiting: VecDeque<Vec<u8>>,
    /// How much of the first that waits is written.
    written: usize,
    /// What the guest may still write.
    credit: u32,
    /// What left, and was not given back as credit yet.
    left: u32,
    /// What the guest takes.
    granted: u64,
    write: Side,
    read: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Open,
    /// Ends when what waits has left.
    Ending,
    Ended,
}

/// A stream is over both ways, or dead.
struct Over;

impl Links {
    /// Whether the guest uses this number.
    pub fn has(&self, number: u32) -> bool {
        self.keys.contains_key(&number)
    }

    /// How many streams the guest knows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The connection of a stream.
    pub fn connection_of(&self, number: u32) -> Option<ConnectionId> {
        Some(self.by_key.get(self.keys.get(&number)?)?.connection)
    }

    /// How many streams of a connection the guest knows.
    pub fn len_of(&self, connection: ConnectionId) -> usize {
        self.by_key
            .values()
            .filter(|link| link.connection == connection)
            .count()
    }

    /// A stream that is open, under the guest's number.
    pub fn add(&mut self, number: u32, connection: ConnectionId, stream: Stream) {
        let key = self.next_key;
        self.next_key += 1;
        self.keys.insert(number, key);
        let link = Link {
            stream,
            number,
            connection,
            waiting: VecDeque::new(),
            written: 0,
            credit: STREAM_WINDOW_BYTES,
            left: 0,
            granted: 0,
            write: Side::Open,
            read: Side::Open,
        };
        self.by_key.insert(key, link);
    }

    /// A number of the host for a stream that a peer opened: even, and not in use.
    pub fn free_number(&mut self) -> u32 {
        loop {
            self.next_inbound = match self.next_inbound {
                0x7fff_fffe => 2,
                last => last + 2,
            };
            if !self.keys.contains_key(&self.next_inbound) {
                return self.next_inbound;
            }
        }
    }

    /// Whether so many bytes would be taken now.
    pub fn check_write(&self, number: u32, len: usize) -> Result<(), AbiStatus> {
        let key = self.keys.get(&number).ok_or(AbiStatus::NotFound)?;
        match self.by_key.get(key) {
            None => Err(AbiStatus::NotFound),
            Some(link) if link.write != Side::Open => Err(AbiStatus::Closed),
            Some(link) if len > link.credit as usize => Err(AbiStatus::Again),
            Some(_) => Ok(()),
        }
    }

    /// `avatar_stream_write`: all of it, or AGAIN.
    pub fn write(&mut self, number: u32, bytes: Vec<u8>) -> Result<u32, AbiStatus> {
        self.check_write(number, bytes.len())?;
        let (key, link) = self.get(number)?;
        // No more than the credit, which fits.
        let len = bytes.len() as u32;
        link.credit -= len;
        if len > 0 {
            link.waiting.push_back(bytes);
            self.wake(key);
        }
        Ok(len)
    }

    /// `avatar_stream_grant`.
    pub fn grant(&mut self, number: u32, bytes: u32) -> Result<(), AbiStatus> {
        let (key, link) = self.get(number)?;
        link.granted = link.granted.saturating_add(bytes.into());
        self.wake(key);
        Ok(())
    }

    /// `avatar_stream_close`: 1 finish writing, 2 stop reading, 3 reset.
    pub fn close(&mut self, number: u32, how: i32) -> Result<(), AbiStatus> {
        let (key, link) = self.get(number)?;
        match how {
            1 if link.write == Side::Open => link.write = Side::Ending,
            1 => {}
            2 => link.read = Side::Ended,
            3 => {
                self.keys.remove(&number);
                // A stream that is dropped open is reset.
                self.by_key.remove(&key);
                return Ok(());
            }
            _ => return Err(AbiStatus::Invalid),
        }
        if link.read == Side::Ended && link.write != Side::Open {
            self.keys.remove(&number);
        }
        self.wake(key);
        Ok(())
    }

    /// All streams are reset, and nobody is told.
    pub fn reset_all(&mut self) {
        self.keys.clear();
        self.by_key.clear();
    }

    /// The connection is gone: what is there of its streams is told as far as credit goes, and then that they are dead.
    pub fn connection_closed(
        &mut self,
        connection: ConnectionId,
        mut tell: impl FnMut(u32, ConnectionId, StreamEvent),
    ) {
        let of: Vec<u64> = (self.by_key.iter())
            .filter(|(_, link)| link.connection == connection)
            .map(|(key, _)| *key)
            .collect();
        for key in of {
            self.work(key, &mut tell);
            let Some(link) = self.by_key.remove(&key) else { continue };
            if self.keys.get(&link.number) == Some(&key) {
                self.keys.remove(&link.number);
                tell(link.number, connection, StreamEvent::Reset(AbiStatus::Io));
            }
        }
    }

    /// Moves bytes of the streams that were woken.
    pub fn poll(&mut self, context: &mut Context<'_>, mut tell: impl FnMut(u32, ConnectionId, StreamEvent)) {
        self.ready.register(context.waker());
        for key in self.ready.take() {
            self.work(key, &mut tell);
        }
    }

    fn get(&mut self, number: u32) -> Result<(u64, &mut Link), AbiStatus> {
        let key = *self.keys.get(&number).ok_or(AbiStatus::NotFound)?;
        let link = self.by_key.get_mut(&key).ok_or(AbiStatus::NotFound)?;
        Ok((key, link))
    }

    fn wake(&self, key: u64) {
        self.ready.waker(key).wake();
    }

    fn work(&mut self, key: u64, tell: &mut impl FnMut(u32, ConnectionId, StreamEvent)) {
        let Some(link) = self.by_key.get_mut(&key) else { return };
        let waker = self.ready.waker(key);
        let mut context = Context::from_waker(&waker);
        let number = link.number;
        let known = self.keys.get(&number) == Some(&key);
        let connection = link.connection;
        let mut tell = |event| {
            if known {
                tell(number, connection, event);
            }
        };
        self.scratch.resize(MAX_DATA_BYTES, 0);
        let over = match link.move_bytes(&mut context, &mut self.scratch, &mut tell) {
            Ok(()) => link.write == Side::Ended && link.read == Side::Ended,
            Err(Over) => {
                tell(StreamEvent::Reset(AbiStatus::Io));
                true
            }
        };
        if link.read == Side::Ended && link.write != Side::Open && known {
            self.keys.remove(&number);
        }
        if over {
            self.by_key.remove(&key);
            if known {
                self.keys.remove(&number);
            }
        }
    }
}

impl Link {
    fn move_bytes(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut [u8],
        tell: &mut impl FnMut(StreamEvent),
    ) -> Result<(), Over> {
        self.write_out(context)?;
        if self.left >= CREDIT_PIECE_BYTES || (self.left > 0 && self.waiting.is_empty()) {
            self.credit += self.left;
            if self.write == Side::Open {
                tell(StreamEvent::Writable(self.left));
            }
            self.left = 0;
        }
        self.read_in(context, scratch, tell)
    }

    fn write_out(&mut self, context: &mut Context<'_>) -> Result<(), Over> {
        while let Some(first) = self.waiting.front() {
            match Pin::new(&mut self.stream).poll_write(context, &first[self.written..]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_) | Ok(0)) => return Err(Over),
                Poll::Ready(Ok(count)) => {
                    self.left += count as u32;
                    self.written += count;
                    if self.written == first.len() {
                        self.waiting.pop_front();
                        self.written = 0;
                    }
                }
            }
        }
        match self.write {
            Side::Ending => match Pin::new(&mut self.stream).poll_close(context) {
                Poll::Pending => Ok(()),
                Poll::Ready(Err(_)) => Err(Over),
                Poll::Ready(Ok(())) => {
                    self.write = Side::Ended;
                    Ok(())
                }
            },
            Side::Open => match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Err(_)) => Err(Over),
                Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
            },
            Side::Ended => Ok(()),
        }
    }

    fn read_in(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut [u8],
        tell: &mut impl FnMut(StreamEvent),
    ) -> Result<(), Over> {
        let mut turn = 0;
        while self.read == Side::Open && self.granted > 0 {
            if turn >= READ_TURN_BYTES {
                context.waker().wake_by_ref();
                return Ok(());
            }
            let room = self.granted.min(scratch.len() as u64) as usize;
            match Pin::new(&mut self.stream).poll_read(context, &mut scratch[..room]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_)) => return Err(Over),
                Poll::Ready(Ok(0)) => {
                    self.check_reset(context)?;
                    self.read = Side::Ended;
                    tell(StreamEvent::Fin);
                }
                Poll::Ready(Ok(count)) => {
                    self.granted -= count as u64;
                    turn += count;
                    tell(StreamEvent::Data(scratch[..count].to_vec()));
                }
            }
        }
        Ok(())
    }

    /// yamux reads the end of a stream that was reset like that of one that was finished. Only the former can no longer be written: a write of nothing tells, as long
    /// as this side has not finished itself.
    fn check_reset(&mut self, context: &mut Context<'_>) -> Result<(), Over> {
        if self.write != Side::Ended
            && let Poll::Ready(Err(_)) = Pin::new(&mut self.stream).poll_write(context, &[])
        {
            return Err(Over);
        }
        Ok(())
    }
}
