//! The few pieces of protobuf's wire format that rows are read and written with, by hand.
//!
//! Rows are stored as they are sent (`Row` in query.proto): an answer is then a copy of bytes, and a filter reads only the field that it asks about.
//! The tests hold this against the generated types.

use avatar_proto::prost::encoding::{decode_varint, encode_varint};

/// `Row.document_id`, `Row.type`, … : field number and wire type in one byte.
pub(super) mod tag {
    pub const ROW_DOCUMENT_ID: u8 = 0x0a;
    pub const ROW_TYPE: u8 = 0x12;
    pub const ROW_CREATED_MS: u8 = 0x18;
    pub const ROW_UPDATED_MS: u8 = 0x20;
    pub const ROW_FIELD: u8 = 0x2a;
    pub const ROW_CUT: u8 = 0x32;

    pub const ENTRY_KEY: u8 = 0x0a;
    pub const ENTRY_VALUE: u8 = 0x12;

    pub const VALUE_NULL: u8 = 0x08;
    pub const VALUE_BOOL: u8 = 0x10;
    pub const VALUE_INT: u8 = 0x18;
    pub const VALUE_DOUBLE: u8 = 0x21;
    pub const VALUE_STRING: u8 = 0x2a;
    pub const VALUE_BYTES: u8 = 0x32;
    pub const VALUE_TIMESTAMP_MS: u8 = 0x38;
    pub const VALUE_LIST: u8 = 0x42;
    pub const VALUE_COUNTER: u8 = 0x50;

    pub const LIST_ITEM: u8 = 0x0a;

    pub const RESPONSE_QUERY_ROWS: u8 = 0x52;
    pub const RESPONSE_QUERY_DELTA: u8 = 0x5a;

    pub const ROWS_ROW: u8 = 0x0a;
    pub const ROWS_TOTAL: u8 = 0x10;
    pub const ROWS_LAST: u8 = 0x18;

    pub const DELTA_SPLICE: u8 = 0x0a;
    pub const DELTA_TOTAL: u8 = 0x10;

    pub const SPLICE_INDEX: u8 = 0x08;
    pub const SPLICE_DELETE: u8 = 0x10;
    pub const SPLICE_INSERT: u8 = 0x1a;
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    encode_varint(value, out);
}

/// Appends `tag`, and `value` as a varint.
pub(super) fn put_uint(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    encode_varint(value, out);
}

/// Appends `tag`, and `value` as a zigzag varint (sint64).
pub(super) fn put_sint(out: &mut Vec<u8>, tag: u8, value: i64) {
    put_uint(out, tag, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends `tag`, a length and the bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put_uint(out, tag, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

// Every row that a query looks at is read with the functions from here on. The module is optimized for size, where they would be calls: inlined, a filter takes half the
// time, for 2 KB.

/// Takes a varint off the front; None = these are not the bytes of one.
#[inline(always)]
pub(super) fn take_varint(input: &mut &[u8]) -> Option<u64> {
    match *input {
        // One byte is nearly every length: worth not calling for.
        [byte, rest @ ..] if *byte < 0x80 => {
            *input = rest;
            Some(u64::from(*byte))
        }
        _ => decode_varint(input).ok(),
    }
}

/// Takes a zigzag varint off the front.
#[inline(always)]
pub(super) fn take_sint(input: &mut &[u8]) -> Option<i64> {
    let value = take_varint(input)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Takes a length and that many bytes off the front.
#[inline(always)]
pub(super) fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_varint(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

/// Takes one byte off the front.
#[inline(always)]
pub(super) fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

/// Takes `tag` off the front if it is there.
#[inline(always)]
pub(super) fn take_tag(input: &mut &[u8], tag: u8) -> bool {
    match *input {
        [first, rest @ ..] if *first == tag => {
            *input = rest;
            true
        }
        _ => false,
    }
}
