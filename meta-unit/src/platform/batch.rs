//! Storage batches: building them, and reading what they gave.

use std::ops::Range;

use avatar_proto::storage_op::Op;
use avatar_proto::{Durability, StorageBatch, StorageOp, StoragePut, StorageRange, StorageResult, StorageScan};

use super::{LocalBoxFuture, Platform, PlatformError};

/// Builds one atomic batch.
#[derive(Debug, Default)]
pub struct Batch {
    head: StorageBatch,
    body: Vec<u8>,
}

impl Batch {
    /// An empty batch.
    pub fn new(durability: Durability) -> Self {
        Self {
            head: StorageBatch {
                ops: Vec::new(),
                durability: durability.into(),
            },
            body: Vec::new(),
        }
    }

    /// Whether it would do nothing.
    pub fn is_empty(&self) -> bool {
        self.head.ops.is_empty()
    }

    /// The values of the puts so far, in bytes.
    pub fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Stores `value` under `key`.
    ///
    /// # Panics
    /// If a value is longer than 4 GiB, which no buffer can be.
    pub fn put(&mut self, key: Vec<u8>, value: &[u8]) -> &mut Self {
        let value_len = u32::try_from(value.len()).expect("a value is shorter than any buffer");
        self.body.extend_from_slice(value);
        self.op(Op::Put(StoragePut { key, value_len }))
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, key: Vec<u8>) -> &mut Self {
        self.op(Op::Delete(key))
    }

    /// Removes every key from `start` up to, and without, `end`.
    pub fn delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) -> &mut Self {
        self.op(Op::DeleteRange(StorageRange { start, end }))
    }

    /// Reads `key`: one read of the reply.
    pub fn get(&mut self, key: Vec<u8>) -> &mut Self {
        self.op(Op::Get(key))
    }

    /// Reads a range: one read of the reply.
    pub fn scan(&mut self, scan: StorageScan) -> &mut Self {
        self.op(Op::Scan(scan))
    }

    /// Hands the batch to the platform.
    pub fn run(self, platform: &dyn Platform) -> LocalBoxFuture<Result<StorageReply, PlatformError>> {
        platform.storage(self.head, self.body)
    }

    fn op(&mut self, op: Op) -> &mut Self {
        self.head.ops.push(StorageOp { op: Some(op) });
        self
    }
}

/// What the reads of a batch gave. Made only by [`StorageReply::new`], so its lengths are known to fit.
#[derive(Debug, Default)]
pub struct StorageReply {
    reads: Vec<StorageRead>,
    body: Vec<u8>,
}

/// What one get or scan gave.
#[derive(Debug, Default)]
pub struct StorageRead {
    keys: Vec<Vec<u8>>,
    values: Vec<Range<usize>>,
    more: bool,
}

impl StorageReply {
    /// Checks a host's answer to a batch with `reads` gets and scans.
    pub fn new(result: StorageResult, body: Vec<u8>, reads: usize) -> Result<Self, PlatformError> {
        if result.reads.len() != reads {
            return Err(PlatformError::broken_answer(
                "storage: the number of reads differs from the batch's",
            ));
        }
        let mut end = 0_usize;
        let mut checked = Vec::with_capacity(reads);
        for read in result.reads {
            if !read.value_lens.is_empty() && read.value_lens.len() != read.keys.len() {
                return Err(PlatformError::broken_answer(
                    "storage: as many value lengths as keys are needed",
                ));
            }
            let mut values = Vec::with_capacity(read.value_lens.len());
            for len in read.value_lens {
                let start = end;
                end = start
                    .checked_add(len as usize)
                    .filter(|end| *end <= body.len())
                    .ok_or_else(|| PlatformError::broken_answer("storage: the body is shorter than its values"))?;
                values.push(start..end);
            }
            checked.push(StorageRead {
                keys: read.keys,
                values,
                more: read.more,
            });
        }
        if end != body.len() {
            return Err(PlatformError::broken_answer(
                "storage: the body is longer than its values",
            ));
        }
        Ok(Self { reads: checked, body })
    }

    /// The gets and scans of `batch`: how many reads its reply must have.
    pub fn reads_of(batch: &StorageBatch) -> usize {
        batch
            .ops
            .iter()
            .filter(|op| matches!(op.op, Some(Op::Get(_) | Op::Scan(_))))
            .count()
    }

    /// The value that the get number `read` found.
    pub fn value(&self, read: usize) -> Option<&[u8]> {
        self.entries(read).next().map(|(_, value)| value)
    }

    /// The entries that the get or scan number `read` found, in the order of their keys. Values are empty when only keys were asked for.
    pub fn entries(&self, read: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.reads.get(read).into_iter().flat_map(|read| {
            read.keys.iter().enumerate().map(|(index, key)| {
                let value = read.values.get(index).cloned().unwrap_or(0..0);
                (key.as_slice(), &self.body[value])
            })
        })
    }

    /// Whether the scan number `read` stopped at a limit.
    pub fn more(&self, read: usize) -> bool {
        self.reads.get(read).is_some_and(|read| read.more)
    }

    /// Whether it holds any value.
    pub fn has_values(&self) -> bool {
        self.reads.iter().any(|read| !read.values.is_empty())
    }

    /// Opens values where they lie: `open` is given a key and its value, and tells where in the value the content is. None: there is no content.
    pub fn open_values(&mut self, mut open: impl FnMut(&[u8], &mut [u8]) -> Option<Range<usize>>) {
        for read in &mut self.reads {
            for (key, range) in read.keys.iter().zip(&mut read.values) {
                let content = open(key, &mut self.body[range.clone()]).unwrap_or(0..0);
                *range = range.start + content.start..range.start + content.end;
            }
        }
    }

    /// The key to go on from, where [`more`](Self::more).
    pub fn next_start(&self, read: usize) -> Option<Vec<u8>> {
        let last = self.reads.get(read)?.keys.last()?;
        Some([last.as_slice(), &[0]].concat())
    }
}
