//! Messages on a stream: each behind its length, an unsigned varint, as libp2p's protocols have it (<https://github.com/multiformats/unsigned-varint>).

/// A length below 2^28 has at most so many bytes.
const MAX_LENGTH_BYTES: usize = 4;

/// What came is no frame of this stream: it ends, without another byte read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is above what the reader takes at this place.
    #[error("a frame is longer than the {0} bytes that are taken here")]
    TooLong(usize),
    /// The length is not written in the shortest way, or never ends.
    #[error("the length of a frame is none")]
    Length,
}

/// A message behind its length.
///
/// # Panics
/// If it is 256 MiB or longer, which no reader takes.
pub fn frame(message: &[u8]) -> Vec<u8> {
    assert!(
        message.len() < 1 << (7 * MAX_LENGTH_BYTES),
        "no reader takes such a frame"
    );
    let mut frame = Vec::with_capacity(MAX_LENGTH_BYTES + message.len());
    let mut rest = message.len();
    while rest >= 0x80 {
        frame.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    frame.push(rest as u8);
    frame.extend_from_slice(message);
    frame
}

/// Takes frames off a stream that comes in pieces of any length. It holds no more than one frame and what came behind it in the same piece.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// How many of them have been taken.
    taken: usize,
}

impl Frames {
    /// Adds what came.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(piece);
    }

    /// The next message, once it is there as a whole; None until then. A frame above `max` bytes is refused as soon as its length is there.
    ///
    /// # Errors
    /// There is no way on: nobody knows where the next frame would begin.
    pub fn next(&mut self, max: usize) -> Result<Option<Vec<u8>>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some((len, head)) = length(rest)? else {
            return Ok(None);
        };
        if len > max {
            return Err(FrameError::TooLong(max));
        }
        let message = rest.get(head..head + len).map(<[u8]>::to_vec);
        if message.is_some() {
            self.taken += head + len;
        }
        Ok(message)
    }

    /// How many more bytes the frame under way may need: what a reader grants at most.
    pub fn missing(&self, max: usize) -> usize {
        (MAX_LENGTH_BYTES + max).saturating_sub(self.bytes.len() - self.taken)
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.taken < self.bytes.len()
    }
}

/// The length that the bytes begin with, and how many bytes it takes.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    let mut len = 0;
    for (at, &byte) in bytes.iter().take(MAX_LENGTH_BYTES).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let is_padded = byte == 0 && at > 0;
            return if is_padded {
                Err(FrameError::Length)
            } else {
                Ok(Some((len, at + 1)))
            };
        }
    }
    if bytes.len() < MAX_LENGTH_BYTES {
        Ok(None)
    } else {
        Err(FrameError::Length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_of_four_gibibytes_is_refused_at_its_fourth_byte() {
        let mut frames = Frames::default();
        frames.push(&[0xff, 0xff, 0xff]);
        assert_eq!(frames.next(1 << 20), Ok(None));
        frames.push(&[0xff, 0x0f]);
        assert_eq!(frames.next(1 << 20), Err(FrameError::Length));
    }

    #[test]
    fn a_frame_above_the_limit_is_refused_before_any_of_it_is_there() {
        let mut frames = Frames::default();
        frames.push(&frame(&[0; 101])[..1]);
        assert_eq!(frames.next(100), Err(FrameError::TooLong(100)));
    }

    #[test]
    fn a_length_has_one_form() {
        let mut frames = Frames::default();
        frames.push(&[0x81, 0x00, 1]);
        assert_eq!(frames.next(100), Err(FrameError::Length));
    }

    proptest! {
        #[test]
        fn messages_come_whole_and_in_order_however_the_stream_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8),
            piece in 1_usize..50,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            let (mut frames, mut read) = (Frames::default(), Vec::new());
            for piece in stream.chunks(piece) {
                frames.push(piece);
                while let Some(message) = frames.next(400).expect("they are frames") {
                    read.push(message);
                }
                prop_assert!(frames.missing(400) > 0);
            }
            prop_assert_eq!(read, messages);
        }
    }
}
