//! The messages inside a data channel: protobuf, each after its length as an unsigned varint.
//!
//! Specification: <https://github.com/libp2p/specs/blob/master/webrtc/README.md#multiplexing>.
use bytes::{Buf, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};

/// The largest frame that is read, in bytes. The specification says 16 KiB; peers that negotiate more (`a=max-message-size`) may send what browsers accept.
pub(crate) const MAX_INBOUND_FRAME: usize = 256 * 1024;

/// What is around the payload at most: the frame's length, the flag, the payload's tag and length.
pub(crate) const OVERHEAD: usize = 3 + 2 + 1 + 3;

/// A length of 256 KiB needs three bytes; whoever writes more means a frame that nobody reads.
const MAX_LENGTH_BYTES: usize = 3;

/// A change of a stream's state. The numbers are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Flag {
    /// The sender has written all.
    Fin = 0,
    /// The sender reads no more; what comes is discarded.
    StopSending = 1,
    /// The sender gives the stream up.
    Reset = 2,
    /// The sender has received everything up to the FIN.
    FinAck = 3,
}

/// One message of a stream.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(enumeration = "Flag", optional, tag = "1")]
    flag: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) message: Option<Bytes>,
}

impl Frame {
    /// The flag, where there is one that is known. Unknown ones are for newer peers.
    pub(crate) fn known_flag(&self) -> Option<Flag> {
        self.flag.and_then(|number| Flag::try_from(number).ok())
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame is larger than {MAX_INBOUND_FRAME} bytes")]
    TooLarge,
    #[error("a frame is not the protobuf message of the specification")]
    Malformed,
}

/// A frame that carries a flag alone.
pub(crate) fn encode_flag(flag: Flag) -> Vec<u8> {
    Frame {
        flag: Some(flag as i32),
        message: None,
    }
    .encode_length_delimited_to_vec()
}

/// A frame that carries a payload alone.
pub(crate) fn encode_data(payload: &[u8]) -> Vec<u8> {
    // As the generated code would, but that the payload is copied once.
    let mut frame = Vec::with_capacity(payload.len() + OVERHEAD);
    encode_varint(
        (1 + encoded_len_varint(payload.len() as u64) + payload.len()) as u64,
        &mut frame,
    );
    encode_key(2, WireType::LengthDelimited, &mut frame);
    encode_varint(payload.len() as u64, &mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// Cuts the bytes of a data channel into frames. A peer may put a frame into several messages, or several into one.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a frame whose end has not come.
    partial: BytesMut,
}

impl Decoder {
    /// Takes what one message of the data channel holds.
    pub(crate) fn push(&mut self, message: Bytes) -> Pushed<'_> {
        let rest = if self.partial.is_empty() {
            message
        } else {
            self.partial.extend_from_slice(&message);
            self.partial.split().freeze()
        };
        Pushed { decoder: self, rest }
    }
}

/// The frames that are whole, in order. What is left when it is dropped waits for the next message.
#[derive(Debug)]
pub(crate) struct Pushed<'a> {
    decoder: &'a mut Decoder,
    rest: Bytes,
}

impl Iterator for Pushed<'_> {
    type Item = Result<Frame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.split_frame() {
            Ok(Some(frame)) => Some(Frame::decode(frame).map_err(|_| FrameError::Malformed)),
            Ok(None) => None,
            Err(error) => {
                self.rest.clear();
                Some(Err(error))
            }
        }
    }
}

impl Pushed<'_> {
    /// The bytes of the next frame without its length, once they are all there. The length is judged before anything waits for that many bytes.
    fn split_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let mut length = 0_usize;
        for (at, byte) in self.rest.iter().take(MAX_LENGTH_BYTES).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                if length > MAX_INBOUND_FRAME {
                    return Err(FrameError::TooLarge);
                }
                let start = at + 1;
                if self.rest.len() - start < length {
                    return Ok(None);
                }
                self.rest.advance(start);
                return Ok(Some(self.rest.split_to(length)));
            }
        }
        if self.rest.len() >= MAX_LENGTH_BYTES {
            Err(FrameError::TooLarge)
        } else {
            Ok(None)
        }
    }
}

impl Drop for Pushed<'_> {
    fn drop(&mut self) {
        self.decoder.partial.extend_from_slice(&self.rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
        decoder.push(Bytes::copy_from_slice(bytes)).collect()
    }

    #[test]
    fn flags_are_written_as_the_specification_numbers_them() {
        assert_eq!(encode_flag(Flag::Fin), [2, 0x08, 0]);
        assert_eq!(encode_flag(Flag::StopSending), [2, 0x08, 1]);
        assert_eq!(encode_flag(Flag::Reset), [2, 0x08, 2]);
        assert_eq!(encode_flag(Flag::FinAck), [2, 0x08, 3]);
        assert_eq!(encode_data(b"ab"), [4, 0x12, 2, b'a', b'b']);
    }

    #[test]
    fn a_frame_header_of_4_gib_is_refused_before_anything_is_kept() {
        let mut decoder = Decoder::default();
        assert_eq!(
            frames(&mut decoder, &[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]),
            [Err(FrameError::TooLarge)]
        );
        assert!(decoder.partial.is_empty());
        assert_eq!(
            frames(&mut Decoder::default(), &[0x81, 0x80, 0x10]),
            [Err(FrameError::TooLarge)]
        );
    }

    #[test]
    fn a_frame_of_the_most_bytes_has_no_more_overhead_than_said() {
        let payload = vec![7; 16 * 1024 - OVERHEAD];
        assert!(encode_data(&payload).len() <= 16 * 1024);
        let generated = Frame {
            flag: None,
            message: Some(payload.clone().into()),
        }
        .encode_length_delimited_to_vec();
        assert_eq!(encode_data(&payload), generated);
        assert!(encode_data(&vec![7; MAX_INBOUND_FRAME - OVERHEAD]).len() <= MAX_INBOUND_FRAME);
    }

    proptest! {
        #[test]
        fn frames_come_out_the_same_however_they_are_cut(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), cuts in prop::collection::vec(1_usize..50, 1..20)) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| encode_data(payload)).collect();
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                got.extend(frames(&mut decoder, now));
                rest = later;
            }
            let got: Vec<Vec<u8>> = got.into_iter().map(|frame| frame.unwrap().message.unwrap().to_vec()).collect();
            prop_assert_eq!(got, payloads);
        }

        #[test]
        fn bytes_from_outside_never_panic_and_never_pile_up(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..20)) {
            let mut decoder = Decoder::default();
            for message in messages {
                let _ = frames(&mut decoder, &message);
                prop_assert!(decoder.partial.len() <= MAX_INBOUND_FRAME + MAX_LENGTH_BYTES);
            }
        }
    }
}
