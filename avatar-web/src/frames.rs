//! `client.proto` by hand: requests and answers pass through as they are, without a copy into a message of their own.
//! The tests hold it equal to the generated code.

use avatar_proto::prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint, key_len,
    skip_field,
};
use avatar_proto::{HostRequest, Message};

/// A client's message may be so large.
pub const MAX_BATCH_BYTES: u32 = 64 * 1024 * 1024;

/// A client's message may have so many frames.
pub const MAX_FRAMES: usize = 65_536;

/// One frame of a client.
#[derive(Debug, PartialEq)]
pub struct ClientFrame<'a> {
    /// The client's number.
    pub call: u64,
    /// What it wants.
    pub ask: Ask<'a>,
}

/// What a frame of a client wants.
#[derive(Debug, PartialEq)]
pub enum Ask<'a> {
    /// An encoded Request for the Meta Unit.
    Request(&'a [u8]),
    /// The end of the call of this number.
    Cancel,
    /// Something of the host.
    Host(HostRequest),
    /// Something that this build does not know.
    Unknown,
}

/// The bytes are no ClientBatch within the limits.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads a ClientBatch.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<ClientFrame<'_>>, Malformed> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes).map_err(|_| Malformed)?;
        if (tag, wire_type) == (1, WireType::LengthDelimited) {
            if frames.len() == MAX_FRAMES {
                return Err(Malformed);
            }
            frames.push(decode_frame(take(&mut bytes)?)?);
        } else {
            skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).map_err(|_| Malformed)?;
        }
    }
    Ok(frames)
}

fn decode_frame(mut bytes: &[u8]) -> Result<ClientFrame<'_>, Malformed> {
    let mut frame = ClientFrame {
        call: 0,
        ask: Ask::Unknown,
    };
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes).map_err(|_| Malformed)?;
        match (tag, wire_type) {
            (1, WireType::Varint) => frame.call = decode_varint(&mut bytes).map_err(|_| Malformed)?,
            (2, WireType::LengthDelimited) => frame.ask = Ask::Request(take(&mut bytes)?),
            (3, WireType::Varint) => {
                if decode_varint(&mut bytes).map_err(|_| Malformed)? != 0 {
                    frame.ask = Ask::Cancel;
                }
            }
            (4, WireType::LengthDelimited) => {
                frame.ask = Ask::Host(HostRequest::decode(take(&mut bytes)?).map_err(|_| Malformed)?);
            }
            (1..=4, _) => return Err(Malformed),
            _ => skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).map_err(|_| Malformed)?,
        }
    }
    Ok(frame)
}

fn take<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let len = decode_varint(bytes).map_err(|_| Malformed)?;
    let len = usize::try_from(len).map_err(|_| Malformed)?;
    let (taken, rest) = bytes.split_at_checked(len).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

/// Which member of HostFrame's `frame` a payload is; the numbers are the fields'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// An encoded Response.
    Response = 3,
    /// An encoded Event.
    Event = 4,
    /// An encoded HostResponse.
    Host = 5,
    /// An encoded HostReady.
    Ready = 6,
    /// An encoded HostFailed.
    Failed = 7,
    /// An encoded HostRestarted.
    Restarted = 8,
}

/// The frame around a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The client's number of the call; 0 for events.
    pub call: u64,
    /// More answers follow.
    pub more: bool,
    /// What the payload is.
    pub kind: FrameKind,
    /// 1-based index into the message's bodies; 0 for none.
    pub body: u32,
}

/// Appends one frame to an encoded HostBatch; `append` appends exactly `payload_len` bytes.
pub fn push(batch: &mut Vec<u8>, head: FrameHead, payload_len: usize, append: impl FnOnce(&mut Vec<u8>)) {
    const MORE_TAG: u32 = 2;
    const BODY_TAG: u32 = 9;
    let varint_field = |tag: u32, value: u64| match value {
        0 => 0,
        value => key_len(tag) + encoded_len_varint(value),
    };
    let payload_tag = head.kind as u32;
    let frame_len = varint_field(1, head.call)
        + varint_field(MORE_TAG, u64::from(head.more))
        + key_len(payload_tag)
        + encoded_len_varint(payload_len as u64)
        + payload_len
        + varint_field(BODY_TAG, u64::from(head.body));
    batch.reserve(frame_len + 8);
    encode_key(1, WireType::LengthDelimited, batch);
    encode_varint(frame_len as u64, batch);
    let push_varint = |tag: u32, value: u64, batch: &mut Vec<u8>| {
        if value != 0 {
            encode_key(tag, WireType::Varint, batch);
            encode_varint(value, batch);
        }
    };
    push_varint(1, head.call, batch);
    push_varint(MORE_TAG, u64::from(head.more), batch);
    encode_key(payload_tag, WireType::LengthDelimited, batch);
    encode_varint(payload_len as u64, batch);
    append(batch);
    push_varint(BODY_TAG, u64::from(head.body), batch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use avatar_proto::client_frame::Frame as ClientKind;
    use avatar_proto::host_frame::Frame as HostKind;
    use avatar_proto::{
        ClientBatch, ClientFrame as WireFrame, HostBatch, HostClose, HostFrame, HostReady, host_request,
    };

    fn close() -> HostRequest {
        HostRequest {
            request: Some(host_request::Request::Close(HostClose {})),
        }
    }

    #[test]
    fn what_the_generated_code_encodes_is_read() {
        let frames = vec![
            WireFrame {
                call: 1,
                frame: Some(ClientKind::Request(vec![1, 2, 3])),
            },
            WireFrame {
                call: u64::MAX,
                frame: Some(ClientKind::Cancel(true)),
            },
            WireFrame {
                call: 300,
                frame: Some(ClientKind::Host(close())),
            },
            WireFrame { call: 0, frame: None },
        ];
        let bytes = ClientBatch { frames }.encode_to_vec();
        let asks: Vec<(u64, Ask)> = decode(&bytes)
            .expect("a batch")
            .into_iter()
            .map(|frame| (frame.call, frame.ask))
            .collect();
        assert_eq!(
            asks,
            vec![
                (1, Ask::Request(&[1, 2, 3])),
                (u64::MAX, Ask::Cancel),
                (300, Ask::Host(close())),
                (0, Ask::Unknown),
            ]
        );
    }

    #[test]
    fn no_truncation_and_no_flipped_bit_panics() {
        let bytes = ClientBatch {
            frames: vec![WireFrame {
                call: 9,
                frame: Some(ClientKind::Request(vec![7; 40])),
            }],
        }
        .encode_to_vec();
        for end in 1..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(Malformed), "cut at {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Whether it still is a message differs; that it comes back is what counts.
            let _ = decode(&flipped);
        }
    }

    #[test]
    fn too_many_frames_are_malformed() {
        let frame: [u8; 2] = [0x0a, 0x00];
        assert_eq!(
            decode(&frame.repeat(MAX_FRAMES)).map(|frames| frames.len()),
            Ok(MAX_FRAMES)
        );
        assert_eq!(decode(&frame.repeat(MAX_FRAMES + 1)), Err(Malformed));
    }

    #[test]
    fn what_is_pushed_is_what_the_generated_code_encodes() {
        let ready = HostReady {
            did: "did:key:z6Mk".into(),
            ..HostReady::default()
        };
        let frames = vec![
            HostFrame {
                call: 128,
                more: true,
                frame: Some(HostKind::Response(vec![5; 200])),
                body: 3,
            },
            HostFrame {
                call: 0,
                more: false,
                frame: Some(HostKind::Ready(ready.clone())),
                body: 0,
            },
        ];
        let mut bytes = Vec::new();
        let head = FrameHead {
            call: 128,
            more: true,
            kind: FrameKind::Response,
            body: 3,
        };
        push(&mut bytes, head, 200, |batch| batch.extend([5; 200]));
        let payload = ready.encode_to_vec();
        let head = FrameHead {
            call: 0,
            more: false,
            kind: FrameKind::Ready,
            body: 0,
        };
        push(&mut bytes, head, payload.len(), |batch| batch.extend(&payload));
        assert_eq!(bytes, HostBatch { frames }.encode_to_vec());
    }
}
