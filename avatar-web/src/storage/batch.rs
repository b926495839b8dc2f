//! Batches between the wire (`storage.proto`) and the backends.

use avatar_proto::storage_op::Op as WireOp;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_BUFFER_BYTES, Durability, Message, OpErrorCode, StorageBatch, StorageRange, StorageRead,
    StorageResult,
};
use js_sys::Uint8Array;

use super::StorageError;

const MAX_KEY_BYTES: usize = 512;

/// A scan goes on "from the last key + 0x00": its start may be one byte longer than a key.
const MAX_BOUND_BYTES: usize = MAX_KEY_BYTES + 1;

/// One atomic batch, checked. `V` is what holds a value: a JavaScript array, copied from the guest.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<V = Uint8Array> {
    /// The steps, in order.
    pub ops: Vec<Op<V>>,
    /// Flushed to the medium before completion.
    pub strict: bool,
}

/// One step.
#[derive(Debug, PartialEq, Eq)]
pub enum Op<V = Uint8Array> {
    /// Sets a key.
    Put(Vec<u8>, V),
    /// Deletes a key; absent is no error.
    Delete(Vec<u8>),
    /// Deletes the keys of a range.
    DeleteRange(Range),
    /// Reads a key.
    Get(Vec<u8>),
    /// Reads a range.
    Scan(Scan),
}

impl<V> Op<V> {
    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Put(..) | Self::Delete(_) | Self::DeleteRange(_))
    }
}

/// Keys k with start <= k < end; no end: to the last key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first key that may be in it.
    pub start: Vec<u8>,
    /// The first key behind it.
    pub end: Option<Vec<u8>>,
}

impl Range {
    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// A range to read, and where to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What to read.
    pub range: Range,
    /// At most so many entries.
    pub limit: u32,
    /// At most so many bytes of values, but one entry at least.
    pub max_bytes: u32,
    /// No values.
    pub keys_only: bool,
}

/// What one read found, in the order of the keys.
#[derive(Debug, Default)]
pub struct Read<V = Uint8Array> {
    /// The keys found.
    pub keys: Vec<Vec<u8>>,
    /// Their values; none when only keys were asked for.
    pub values: Vec<V>,
    /// There is more behind a limit.
    pub more: bool,
}

/// Reads the head of `avatar_storage`. `take_value(offset, len)` gets each put's value out of the body, in order.
pub fn decode<V>(
    head: &[u8],
    body_len: u32,
    mut take_value: impl FnMut(u32, u32) -> Option<V>,
) -> Result<Batch<V>, AbiStatus> {
    let wire = StorageBatch::decode(head).map_err(|_| AbiStatus::Invalid)?;
    let strict = match Durability::try_from(wire.durability) {
        Ok(Durability::Relaxed) => false,
        // Who does not say gets the stronger promise.
        Ok(Durability::Strict | Durability::Unspecified) => true,
        Err(_) => return Err(AbiStatus::Invalid),
    };
    let mut offset = 0u32;
    let mut ops = Vec::with_capacity(wire.ops.len());
    for op in wire.ops {
        ops.push(match op.op.ok_or(AbiStatus::Invalid)? {
            WireOp::Put(put) => {
                let value = take_value(offset, put.value_len).ok_or(AbiStatus::Invalid)?;
                offset = offset.checked_add(put.value_len).ok_or(AbiStatus::Invalid)?;
                Op::Put(key(put.key)?, value)
            }
            WireOp::Delete(deleted) => Op::Delete(key(deleted)?),
            WireOp::DeleteRange(deleted) => Op::DeleteRange(range(deleted)?),
            WireOp::Get(read) => Op::Get(key(read)?),
            WireOp::Scan(scan) => Op::Scan(Scan {
                range: range(scan.range.unwrap_or_default())?,
                limit: match scan.limit {
                    0 => u32::MAX,
                    limit => limit,
                },
                max_bytes: match scan.max_bytes {
                    0 => DEFAULT_MAX_BUFFER_BYTES,
                    bytes => bytes.min(DEFAULT_MAX_BUFFER_BYTES),
                },
                keys_only: scan.keys_only,
            }),
        });
    }
    if offset != body_len {
        return Err(AbiStatus::Invalid);
    }
    Ok(Batch { ops, strict })
}

fn key(bytes: Vec<u8>) -> Result<Vec<u8>, AbiStatus> {
    match bytes.len() {
        1..=MAX_KEY_BYTES => Ok(bytes),
        _ => Err(AbiStatus::Invalid),
    }
}

fn range(wire: StorageRange) -> Result<Range, AbiStatus> {
    if wire.start.len() > MAX_BOUND_BYTES || wire.end.len() > MAX_BOUND_BYTES {
        return Err(AbiStatus::Invalid);
    }
    Ok(Range {
        start: wire.start,
        end: Some(wire.end).filter(|end| !end.is_empty()),
    })
}

/// Whether the values fit one buffer. A backend asks before a batch takes effect: one that fails must leave no trace (H15).
pub fn check_size<V>(reads: &[Read<V>], len: impl Fn(&V) -> u32) -> Result<(), StorageError> {
    let values = reads.iter().flat_map(|read| &read.values);
    let total: u64 = values.map(|value| u64::from(len(value))).sum();
    if total > u64::from(DEFAULT_MAX_BUFFER_BYTES) {
        return Err(too_large());
    }
    Ok(())
}

fn too_large() -> StorageError {
    StorageError::new(OpErrorCode::TooLarge, "what the batch read is larger than one buffer")
}

/// Makes the head and the parts of the body of a completion. `len` measures a value.
pub fn encode<V>(reads: Vec<Read<V>>, len: impl Fn(&V) -> u32) -> Result<(Vec<u8>, Vec<V>), StorageError> {
    check_size(&reads, &len)?;
    let mut body = Vec::new();
    let mut result = StorageResult::default();
    for read in reads {
        let value_lens: Vec<u32> = read.values.iter().map(&len).collect();
        body.extend(read.values);
        result.reads.push(StorageRead {
            keys: read.keys,
            value_lens,
            more: read.more,
        });
    }
    let head = result.encode_to_vec();
    if head.len() as u64 > u64::from(DEFAULT_MAX_BUFFER_BYTES) {
        return Err(too_large());
    }
    Ok((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use avatar_proto::{StorageOp, StoragePut, StorageScan};

    fn wire(ops: Vec<WireOp>) -> Vec<u8> {
        StorageBatch {
            ops: ops.into_iter().map(|op| StorageOp { op: Some(op) }).collect(),
            durability: Durability::Relaxed.into(),
        }
        .encode_to_vec()
    }

    fn put(key: &[u8], value_len: u32) -> WireOp {
        WireOp::Put(StoragePut {
            key: key.to_vec(),
            value_len,
        })
    }

    fn decode_ranges(head: &[u8], body_len: u32) -> Result<Batch<(u32, u32)>, AbiStatus> {
        decode(head, body_len, |offset, len| {
            offset.checked_add(len).filter(|end| *end <= body_len)?;
            Some((offset, len))
        })
    }

    #[test]
    fn values_of_puts_stand_one_after_another() {
        let head = wire(vec![
            put(b"a", 3),
            WireOp::Delete(b"b".to_vec()),
            put(b"c", 0),
            put(b"d", 4),
        ]);
        let batch = decode_ranges(&head, 7).expect("a batch");
        assert!(!batch.strict);
        assert_eq!(
            batch.ops,
            vec![
                Op::Put(b"a".to_vec(), (0, 3)),
                Op::Delete(b"b".to_vec()),
                Op::Put(b"c".to_vec(), (3, 0)),
                Op::Put(b"d".to_vec(), (3, 4)),
            ]
        );
    }

    #[test]
    fn h16_malformed_heads_are_invalid() {
        for (head, body_len) in [
            (wire(vec![put(b"a", 3)]), 2),
            (wire(vec![put(b"a", 3)]), 4),
            (wire(vec![put(b"a", u32::MAX), put(b"b", u32::MAX)]), 1),
            (wire(vec![put(b"", 1)]), 1),
            (wire(vec![put(&[7; 513], 1)]), 1),
            (wire(vec![WireOp::Get(Vec::new())]), 0),
            (b"\x0a\xff".to_vec(), 0),
            (b"\x0a\x00".to_vec(), 0),
            (b"\x10\x09".to_vec(), 0),
        ] {
            assert_eq!(decode_ranges(&head, body_len), Err(AbiStatus::Invalid), "{head:?}");
        }
    }

    #[test]
    fn scans_are_bounded_by_one_buffer_and_go_on_behind_the_longest_key() {
        let head = wire(vec![WireOp::Scan(StorageScan {
            range: Some(StorageRange {
                start: vec![7; 513],
                end: Vec::new(),
            }),
            max_bytes: u32::MAX,
            ..StorageScan::default()
        })]);
        let batch = decode_ranges(&head, 0).expect("a batch");
        let Op::Scan(scan) = &batch.ops[0] else {
            panic!("a scan")
        };
        assert_eq!((scan.limit, scan.max_bytes), (u32::MAX, DEFAULT_MAX_BUFFER_BYTES));
        assert_eq!(scan.range.end, None);
    }

    #[test]
    fn reads_larger_than_a_buffer_are_an_error_and_not_a_trap() {
        let read = |len: u32| Read {
            keys: vec![b"k".to_vec()],
            values: vec![len],
            more: false,
        };
        let (_, body) = encode(vec![read(1), read(2)], |len| *len).expect("fits");
        assert_eq!(body, vec![1, 2]);
        let error = encode(vec![read(DEFAULT_MAX_BUFFER_BYTES), read(1)], |len| *len).expect_err("too large");
        assert_eq!(error.code, OpErrorCode::TooLarge);
    }
}
