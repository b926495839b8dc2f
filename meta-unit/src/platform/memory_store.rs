//! The ordered map of `storage.proto`, in memory: what the tests' platforms store in.

use std::collections::BTreeMap;
use std::ops::Bound;

use avatar_proto::storage_op::Op;
use avatar_proto::{AbiStatus, StorageBatch, StorageRange, StorageRead, StorageResult, StorageScan};

/// What a scan gives at most where the batch says nothing, in bytes.
const DEFAULT_SCAN_BYTES: usize = avatar_proto::DEFAULT_MAX_BUFFER_BYTES as usize;

/// The map. Only [`execute`](Self::execute) is how the Meta Unit reaches it; tests look and tamper directly.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// Every record.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryStore {
    /// Executes a batch: all of it, or nothing.
    pub fn execute(&mut self, batch: &StorageBatch, body: &[u8]) -> Result<(StorageResult, Vec<u8>), AbiStatus> {
        // Writes land in the map at once, so that later reads see them; the old values bring it back if the batch is malformed.
        let mut undo = Vec::new();
        match self.apply(batch, body, &mut undo) {
            Ok(reply) => Ok(reply),
            Err(status) => {
                for (key, old) in undo.into_iter().rev() {
                    match old {
                        Some(value) => self.records.insert(key, value),
                        None => self.records.remove(&key),
                    };
                }
                Err(status)
            }
        }
    }

    fn apply(
        &mut self,
        batch: &StorageBatch,
        body: &[u8],
        undo: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(StorageResult, Vec<u8>), AbiStatus> {
        let (mut result, mut values, mut rest) = (StorageResult::default(), Vec::new(), body);
        for op in &batch.ops {
            match op.op.as_ref().ok_or(AbiStatus::Invalid)? {
                Op::Put(put) => {
                    check_key(&put.key)?;
                    let value = rest.split_off(..put.value_len as usize).ok_or(AbiStatus::Invalid)?;
                    let old = self.records.insert(put.key.clone(), value.to_vec());
                    undo.push((put.key.clone(), old));
                }
                Op::Delete(key) => {
                    check_key(key)?;
                    undo.push((key.clone(), self.records.remove(key)));
                }
                Op::DeleteRange(range) => {
                    let keys: Vec<_> = self.range(range)?.map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        let old = self.records.remove(&key);
                        undo.push((key, old));
                    }
                }
                Op::Get(key) => {
                    check_key(key)?;
                    let mut read = StorageRead::default();
                    if let Some(value) = self.records.get(key) {
                        read.keys.push(key.clone());
                        read.value_lens.push(value.len() as u32);
                        values.extend_from_slice(value);
                    }
                    result.reads.push(read);
                }
                Op::Scan(scan) => result.reads.push(self.scan(scan, &mut values)?),
            }
        }
        if rest.is_empty() {
            Ok((result, values))
        } else {
            Err(AbiStatus::Invalid)
        }
    }

    fn scan(&self, scan: &StorageScan, values: &mut Vec<u8>) -> Result<StorageRead, AbiStatus> {
        let max_bytes = if scan.max_bytes == 0 {
            DEFAULT_SCAN_BYTES
        } else {
            scan.max_bytes as usize
        };
        let mut read = StorageRead::default();
        let mut bytes = 0_usize;
        for (key, value) in self.range(scan.range.as_ref().ok_or(AbiStatus::Invalid)?)? {
            let full = scan.limit != 0 && read.keys.len() >= scan.limit as usize;
            let cost = if scan.keys_only { key.len() } else { value.len() };
            if full || (!read.keys.is_empty() && bytes + cost > max_bytes) {
                read.more = true;
                break;
            }
            bytes += cost;
            read.keys.push(key.clone());
            if !scan.keys_only {
                read.value_lens.push(value.len() as u32);
                values.extend_from_slice(value);
            }
        }
        Ok(read)
    }

    fn range(&self, range: &StorageRange) -> Result<impl Iterator<Item = (&Vec<u8>, &Vec<u8>)>, AbiStatus> {
        if !range.end.is_empty() && range.end < range.start {
            return Err(AbiStatus::Invalid);
        }
        let end = if range.end.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(range.end.as_slice())
        };
        // An empty range with equal bounds, one of them excluded, is no panic.
        Ok(self
            .records
            .range::<[u8], _>((Bound::Included(range.start.as_slice()), end)))
    }
}

fn check_key(key: &[u8]) -> Result<(), AbiStatus> {
    if (1..=512).contains(&key.len()) {
        Ok(())
    } else {
        Err(AbiStatus::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::{StorageOp, StoragePut};

    use super::*;

    fn batch(ops: impl IntoIterator<Item = Op>) -> StorageBatch {
        StorageBatch {
            ops: ops.into_iter().map(|op| StorageOp { op: Some(op) }).collect(),
            durability: 0,
        }
    }

    fn put(key: &[u8], value_len: u32) -> Op {
        Op::Put(StoragePut {
            key: key.to_vec(),
            value_len,
        })
    }

    #[test]
    fn a_batch_that_fails_leaves_nothing() {
        let mut store = MemoryStore::default();
        store.execute(&batch([put(b"a", 1)]), b"1").expect("a good batch");
        let before = store.records.clone();
        let bad = batch([put(b"a", 1), put(b"b", 1), Op::Delete(b"a".to_vec()), put(b"c", 9)]);
        assert_eq!(store.execute(&bad, b"22"), Err(AbiStatus::Invalid));
        assert_eq!(store.records, before);
    }

    #[test]
    fn reads_see_the_writes_before_them() {
        let mut store = MemoryStore::default();
        let (result, body) = store
            .execute(&batch([put(b"a", 1), Op::Get(b"a".to_vec()), put(b"a", 1)]), b"12")
            .expect("a good batch");
        assert_eq!((result.reads.len(), body.as_slice()), (1, &b"1"[..]));
    }

    #[test]
    fn a_scan_stops_at_its_limits_and_says_so() {
        let mut store = MemoryStore::default();
        for key in [b"a", b"b", b"c"] {
            store.records.insert(key.to_vec(), vec![0; 10]);
        }
        let scan = |limit, max_bytes| {
            let range = Some(StorageRange {
                start: b"a".to_vec(),
                end: Vec::new(),
            });
            let (result, _) = store
                .clone()
                .execute(
                    &batch([Op::Scan(StorageScan {
                        range,
                        limit,
                        max_bytes,
                        keys_only: false,
                    })]),
                    b"",
                )
                .expect("a good batch");
            (result.reads[0].keys.len(), result.reads[0].more)
        };
        assert_eq!(scan(0, 0), (3, false));
        assert_eq!(scan(2, 0), (2, true));
        assert_eq!(scan(0, 20), (2, true));
        assert_eq!(scan(0, 1), (1, true), "at least one entry, or a scan would never end");
    }
}
