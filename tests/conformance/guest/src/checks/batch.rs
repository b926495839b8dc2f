//! Storage batches, from this side.

use avatar_proto::{
    Capability, Durability, Message, StorageBatch, StorageOp, StoragePut, StorageRange, StorageResult, StorageScan,
    storage_op::Op,
};

use crate::operations::{self, Completion, keep, submit, success};
use crate::verdict::{Problem, fail, skip};
use crate::{guest, imports};

/// A batch in the making.
#[derive(Default)]
pub struct Batch {
    ops: Vec<StorageOp>,
    body: Vec<u8>,
}

/// What one get or scan found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The keys.
    pub keys: Vec<Vec<u8>>,
    /// Their values; none when only keys were asked for.
    pub values: Vec<Vec<u8>>,
    /// There is more behind a limit.
    pub more: bool,
}

/// A scan of the keys from `start` to before `end`.
pub fn scan(start: &[u8], end: &[u8]) -> StorageScan {
    StorageScan {
        range: Some(range(start, end)),
        ..StorageScan::default()
    }
}

fn range(start: &[u8], end: &[u8]) -> StorageRange {
    StorageRange {
        start: start.to_vec(),
        end: end.to_vec(),
    }
}

impl Batch {
    fn with(mut self, op: Op) -> Self {
        self.ops.push(StorageOp { op: Some(op) });
        self
    }

    /// Sets a key.
    pub fn put(mut self, key: &[u8], value: &[u8]) -> Self {
        self.body.extend_from_slice(value);
        let (key, value_len) = (key.to_vec(), value.len() as u32);
        self.with(Op::Put(StoragePut { key, value_len }))
    }

    /// Deletes a key.
    pub fn delete(self, key: &[u8]) -> Self {
        self.with(Op::Delete(key.to_vec()))
    }

    /// Deletes a range.
    pub fn delete_range(self, start: &[u8], end: &[u8]) -> Self {
        self.with(Op::DeleteRange(range(start, end)))
    }

    /// Reads a key.
    pub fn get(self, key: &[u8]) -> Self {
        self.with(Op::Get(key.to_vec()))
    }

    /// Reads a range.
    pub fn scan(self, scan: StorageScan) -> Self {
        self.with(Op::Scan(scan))
    }

    /// The head and the body of the operation.
    pub fn encode(self) -> (Vec<u8>, Vec<u8>) {
        let batch = StorageBatch {
            ops: self.ops,
            durability: Durability::Relaxed.into(),
        };
        (batch.encode_to_vec(), self.body)
    }

    /// Hands it to the host. The operation's number, or the status that refuses it.
    pub fn offer(self) -> Result<i64, i32> {
        let (head, body) = self.encode();
        submit(imports::storage, keep(head), keep(body))
    }

    /// Hands it to a host that has to take it.
    pub fn start(self) -> Result<i64, Problem> {
        needs_storage()?;
        self.offer()
            .or_else(|status| fail(format!("a batch was refused with {}", imports::name(status))))
    }

    /// Runs it, and reads what it found.
    pub async fn run(self) -> Result<Vec<Found>, Problem> {
        let op = self.start()?;
        results(&success(op).await?)
    }

    /// Runs it; whether it succeeded.
    pub async fn runs(self) -> Result<bool, Problem> {
        let op = self.start()?;
        Ok(operations::completion(op).await?.status == 0)
    }
}

/// Skips the check on a host without storage.
pub fn needs_storage() -> Result<(), Problem> {
    match guest::host_has(Capability::Storage) {
        true => Ok(()),
        false => skip("the host has no storage"),
    }
}

/// Reads a StorageResult and its body.
pub fn results(completion: &Completion) -> Result<Vec<Found>, Problem> {
    let Ok(result) = StorageResult::decode(completion.head.as_slice()) else {
        return fail("the head of a completed batch is no StorageResult");
    };
    let mut rest = completion.body.as_slice();
    let mut found = Vec::new();
    for read in result.reads {
        let mut values = Vec::new();
        for len in read.value_lens {
            let Some((value, after)) = rest.split_at_checked(len as usize) else {
                return fail("the body of a completed batch is shorter than its values");
            };
            values.push(value.to_vec());
            rest = after;
        }
        found.push(Found {
            keys: read.keys,
            values,
            more: read.more,
        });
    }
    match rest.len() {
        0 => Ok(found),
        extra => fail(format!(
            "the body of a completed batch has {extra} bytes more than its values"
        )),
    }
}
