//! Batches between the wire (`storage.proto`) and the database.

use avatar_proto::storage_op::Op as WireOp;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_BUFFER_BYTES, Durability, Message, OpErrorCode, StorageBatch, StorageRange, StorageRead,
    StorageResult,
};

use super::StorageError;

/// The longest key.
const MAX_KEY_BYTES: usize = 512;

/// A scan goes on behind a key, which takes one byte more.
const MAX_BOUND_BYTES: usize = MAX_KEY_BYTES + 1;

/// One atomic batch, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// The steps, in order.
    pub ops: Vec<Op>,
    /// The values of the puts.
    pub values: Vec<u8>,
}

impl Batch {
    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        self.ops
            .iter()
            .any(|op| matches!(op, Op::Put(..) | Op::Delete(_) | Op::DeleteRange(_)))
    }
}

/// One step.
#[derive(Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key to these bytes of the batch's values.
    Put(Vec<u8>, std::ops::Range<usize>),
    /// Deletes a key; absent is no error.
    Delete(Vec<u8>),
    /// Deletes the keys of a range.
    DeleteRange(Range),
    /// Reads a key.
    Get(Vec<u8>),
    /// Reads a range.
    Scan(Scan),
}

/// Keys k with start <= k < end; no end: to the last key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first key that may be in it.
    pub start: Vec<u8>,
    /// The first key behind it.
    pub end: Option<Vec<u8>>,
}

/// A range to read, and where to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What to read.
    pub range: Range,
    /// Entries at most.
    pub limit: usize,
    /// Bytes of values at most, but one entry at least.
    pub max_bytes: usize,
    /// No values.
    pub keys_only: bool,
}

/// What one read found, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The keys found.
    pub keys: Vec<Vec<u8>>,
    /// Their values; none when only keys were asked for.
    pub values: Vec<Vec<u8>>,
    /// There is more behind a limit.
    pub more: bool,
}

/// Reads head and body of `avatar_storage`. What is no batch within the limits is INVALID (H16).
pub fn decode(head: &[u8], body: &[u8]) -> Result<Batch, AbiStatus> {
    let wire = StorageBatch::decode(head).map_err(|_| AbiStatus::Invalid)?;
    // Both kinds are flushed to the medium (see the module): the number only has to be one of the contract.
    Durability::try_from(wire.durability).map_err(|_| AbiStatus::Invalid)?;
    let mut at = 0usize;
    let mut ops = Vec::with_capacity(wire.ops.len());
    for op in wire.ops {
        ops.push(match op.op.ok_or(AbiStatus::Invalid)? {
            WireOp::Put(put) => {
                let end = at
                    .checked_add(put.value_len as usize)
                    .filter(|end| *end <= body.len())
                    .ok_or(AbiStatus::Invalid)?;
                let value = at..end;
                at = end;
                Op::Put(key(put.key)?, value)
            }
            WireOp::Delete(deleted) => Op::Delete(key(deleted)?),
            WireOp::DeleteRange(deleted) => Op::DeleteRange(range(deleted)?),
            WireOp::Get(read) => Op::Get(key(read)?),
            WireOp::Scan(scan) => Op::Scan(Scan {
                range: range(scan.range.unwrap_or_default())?,
                limit: or_default(scan.limit, u32::MAX),
                max_bytes: or_default(scan.max_bytes, DEFAULT_MAX_BUFFER_BYTES).min(DEFAULT_MAX_BUFFER_BYTES as usize),
                keys_only: scan.keys_only,
            }),
        });
    }
    if at != body.len() {
        return Err(AbiStatus::Invalid);
    }
    Ok(Batch {
        ops,
        values: body.to_vec(),
    })
}

fn or_default(number: u32, default: u32) -> usize {
    (if number == 0 { default } else { number }) as usize
}

fn key(bytes: Vec<u8>) -> Result<Vec<u8>, AbiStatus> {
    match bytes.len() {
        1..=MAX_KEY_BYTES => Ok(bytes),
        _ => Err(AbiStatus::Invalid),
    }
}

fn range(wire: StorageRange) -> Result<Range, AbiStatus> {
    if wire.start.len().max(wire.end.len()) > MAX_BOUND_BYTES {
        return Err(AbiStatus::Invalid);
    }
    Ok(Range {
        start: wire.start,
        end: Some(wire.end).filter(|end| !end.is_empty()),
    })
}

/// Whether the values fit one buffer, and their bytes. Asked before a batch takes effect: one that fails must leave no trace (H15).
pub fn check_size(reads: &[Read]) -> Result<usize, StorageError> {
    let total: usize = reads.iter().flat_map(|read| &read.values).map(Vec::len).sum();
    if total > DEFAULT_MAX_BUFFER_BYTES as usize {
        return Err(too_large());
    }
    Ok(total)
}

fn too_large() -> StorageError {
    StorageError::new(OpErrorCode::TooLarge, "what the batch read is larger than one buffer")
}

/// Makes head and body of a completion.
pub fn encode(reads: Vec<Read>) -> Result<(Vec<u8>, Vec<u8>), StorageError> {
    let total = check_size(&reads)?;
    let mut body = Vec::with_capacity(total);
    let mut result = StorageResult::default();
    for read in reads {
        result.reads.push(StorageRead {
            // None is larger than the body, which fits.
            value_lens: read.values.iter().map(|value| value.len() as u32).collect(),
            keys: read.keys,
            more: read.more,
        });
        read.values.iter().for_each(|value| body.extend_from_slice(value));
    }
    let head = result.encode_to_vec();
    if head.len() > DEFAULT_MAX_BUFFER_BYTES as usize {
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

    #[test]
    fn the_values_of_puts_stand_one_after_another() {
        let head = wire(vec![
            put(b"a", 3),
            WireOp::Delete(b"b".to_vec()),
            put(b"c", 0),
            put(b"d", 4),
        ]);
        let batch = decode(&head, b"1234567").expect("a batch");
        assert!(batch.writes());
        assert_eq!(
            batch.ops,
            vec![
                Op::Put(b"a".to_vec(), 0..3),
                Op::Delete(b"b".to_vec()),
                Op::Put(b"c".to_vec(), 3..3),
                Op::Put(b"d".to_vec(), 3..7),
            ]
        );
    }

    #[test]
    fn h16_malformed_heads_are_invalid() {
        for (head, body) in [
            (wire(vec![put(b"a", 3)]), &b"12"[..]),
            (wire(vec![put(b"a", 3)]), b"1234"),
            (wire(vec![put(b"a", u32::MAX), put(b"b", u32::MAX)]), b"1"),
            (wire(vec![put(b"", 1)]), b"1"),
            (wire(vec![put(&[7; 513], 1)]), b"1"),
            (wire(vec![WireOp::Get(Vec::new())]), b""),
            (b"\x0a\xff".to_vec(), b""),
            (b"\x0a\x00".to_vec(), b""),
            (b"\x10\x09".to_vec(), b""),
        ] {
            assert_eq!(decode(&head, body), Err(AbiStatus::Invalid), "{head:?}");
        }
    }

    #[test]
    fn a_scan_is_bounded_by_one_buffer_and_may_go_on_behind_the_longest_key() {
        let scan = |start: usize| {
            wire(vec![WireOp::Scan(StorageScan {
                range: Some(StorageRange {
                    start: vec![7; start],
                    end: Vec::new(),
                }),
                max_bytes: u32::MAX,
                ..StorageScan::default()
            })])
        };
        let batch = decode(&scan(513), b"").expect("a batch");
        let [Op::Scan(read)] = &batch.ops[..] else {
            panic!("a scan")
        };
        assert_eq!(
            (read.max_bytes, &read.range.end),
            (DEFAULT_MAX_BUFFER_BYTES as usize, &None)
        );
        assert_eq!(decode(&scan(514), b""), Err(AbiStatus::Invalid));
    }

    #[test]
    fn reads_larger_than_a_buffer_are_an_error() {
        let read = |len: usize| Read {
            keys: vec![b"k".to_vec()],
            values: vec![vec![1; len]],
            more: false,
        };
        let (_, body) = encode(vec![read(1), read(2)]).expect("fits");
        assert_eq!(body, vec![1; 3]);
        let error = encode(vec![read(DEFAULT_MAX_BUFFER_BYTES as usize), read(1)]).expect_err("too large");
        assert_eq!(error.into_completion().0, AbiStatus::Limit);
    }
}
