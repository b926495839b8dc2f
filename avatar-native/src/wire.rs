//! Messages on a byte stream: what a MessagePort carries as `{batch, bodies}`, as bytes.
//!
//! A message is a number of parts, the length of each, and the parts: all numbers u32, little endian. The first part is the batch (a ClientBatch or a HostBatch of
//! `client.proto`), the others are its bodies.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client's batch may be so large.
pub const MAX_CLIENT_BATCH_BYTES: usize = 64 * 1024 * 1024;

/// A host's message may be so large, all parts together.
pub const MAX_HOST_MESSAGE_BYTES: usize = 512 * 1024 * 1024;

/// A host's message may have so many parts.
pub const MAX_PARTS: usize = 65_537;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// An encoded ClientBatch or HostBatch.
    pub batch: Vec<u8>,
    /// What HostFrame.body counts from 1.
    pub bodies: Vec<Vec<u8>>,
}

impl Message {
    /// A message without bodies.
    pub fn of(batch: Vec<u8>) -> Self {
        Self {
            batch,
            bodies: Vec::new(),
        }
    }

    /// Bytes of all parts.
    pub fn len(&self) -> usize {
        self.batch.len() + self.bodies.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a reader takes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Parts at most.
    pub parts: usize,
    /// Bytes of all parts at most.
    pub bytes: usize,
}

/// What a host takes from its clients.
pub const FROM_CLIENT: Bounds = Bounds {
    parts: 1,
    bytes: MAX_CLIENT_BATCH_BYTES,
};

/// What a client takes from its host.
pub const FROM_HOST: Bounds = Bounds {
    parts: MAX_PARTS,
    bytes: MAX_HOST_MESSAGE_BYTES,
};

/// Writes one message.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    let parts = || std::iter::once(&message.batch).chain(&message.bodies);
    let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "a part is too large");
    let mut head = Vec::with_capacity(8 + 4 * message.bodies.len());
    head.extend(u32::try_from(parts().count()).map_err(too_large)?.to_le_bytes());
    for part in parts() {
        head.extend(u32::try_from(part.len()).map_err(too_large)?.to_le_bytes());
    }
    to.write_all(&head).await?;
    for part in parts() {
        to.write_all(part).await?;
    }
    to.flush().await
}

/// Reads one message; `None` when the other side is gone between two messages. Sizes are checked before room is made for them.
pub async fn read(from: &mut (impl AsyncRead + Unpin), bounds: Bounds) -> io::Result<Option<Message>> {
    let refuse = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let count = match from.read_u32_le().await {
        Ok(count) => count as usize,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if count == 0 || count > bounds.parts {
        return Err(refuse("a message of so many parts is not taken"));
    }
    let mut lengths = Vec::with_capacity(count);
    let mut room = bounds.bytes;
    for _ in 0..count {
        let len = from.read_u32_le().await? as usize;
        room = room
            .checked_sub(len)
            .ok_or_else(|| refuse("a message so large is not taken"))?;
        lengths.push(len);
    }
    let mut parts = Vec::with_capacity(count);
    for len in lengths {
        // Grows with what arrives, not with what was announced.
        let mut part = Vec::new();
        from.take(len as u64).read_to_end(&mut part).await?;
        if part.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        parts.push(part);
    }
    let bodies = parts.split_off(1);
    Ok(parts.pop().map(|batch| Message { batch, bodies }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            batch: vec![1, 2, 3],
            bodies: vec![vec![], vec![4; 300]],
        }
    }

    async fn bytes_of(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, message).await.expect("written");
        bytes
    }

    #[tokio::test]
    async fn a_message_is_read_as_it_was_written() {
        let mut bytes = bytes_of(&message()).await;
        bytes.extend(bytes_of(&Message::of(vec![9])).await);
        let mut from = &bytes[..];
        assert_eq!(read(&mut from, FROM_HOST).await.expect("read"), Some(message()));
        assert_eq!(
            read(&mut from, FROM_HOST).await.expect("read"),
            Some(Message::of(vec![9]))
        );
        assert_eq!(read(&mut from, FROM_HOST).await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_message_that_is_cut_is_an_error() {
        let bytes = bytes_of(&message()).await;
        for end in 4..bytes.len() {
            assert!(read(&mut &bytes[..end], FROM_HOST).await.is_err(), "cut at {end}");
        }
    }

    #[tokio::test]
    async fn sizes_are_refused_before_room_is_made() {
        for announced in [
            [0u32, 0],
            [2, 1],
            [u32::MAX, 0],
            [1, MAX_CLIENT_BATCH_BYTES as u32 + 1],
            [1, u32::MAX],
        ] {
            let bytes: Vec<u8> = announced.iter().flat_map(|number| number.to_le_bytes()).collect();
            let error = read(&mut &bytes[..], FROM_CLIENT).await.expect_err("must be refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{announced:?}");
        }
    }
}
