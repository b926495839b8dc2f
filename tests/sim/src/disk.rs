//! A unit's disk: an ordered map that takes atomic batches one after another, slowly, and fails on purpose; and the key sets of the device.
//!
//! A batch takes effect when it is executed, whole. A crash leaves a prefix of the batches that are not executed yet: each of them whole, or not at all.
//! Commands for keys stand in the same line, and fail in the same ways.

use std::collections::VecDeque;

use avatar_proto::storage_op::Op;
use avatar_proto::{AbiStatus, KeysCommand, Message, OpError, OpErrorCode, StorageBatch};
use meta_unit::platform::{MemoryStore, SoftKeys};

use crate::boundary::{Asked, Operation};
use crate::random::Dice;

/// A bug of a host, planted to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// The index segment of a batch is written at once, and not together with the documents of its batch.
    IndexOutsideBatch,
    /// A batch is acknowledged while its writes are still in a buffer that a crash loses.
    AcknowledgeEarly,
    /// A crash leaves half of the batch that was being written.
    TornBatch,
}

/// What fails at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// So many of a thousand batches fail: nothing of them is applied.
    pub errors_per_mille: u32,
    /// What all records may hold together, in bytes; batches that write beyond it fail.
    pub quota_bytes: Option<usize>,
    /// A batch takes up to so much longer, in microseconds.
    pub slow_us: u64,
}

/// The end of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The operation's number.
    pub op: u64,
    /// 0, or the error's.
    pub status: i32,
    /// A StorageResult, or an OpError.
    pub head: Vec<u8>,
    /// The values read.
    pub body: Vec<u8>,
}

/// One bit that was flipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flipped {
    /// The record's key.
    pub key: Vec<u8>,
    byte: usize,
    mask: u8,
}

#[derive(Debug)]
struct Accepted {
    op: u64,
    asked: Asked,
    is_cancelled: bool,
}

/// See the module's documentation.
pub struct Disk {
    /// What fails at present.
    pub faults: Faults,
    dice: Dice,
    store: MemoryStore,
    keys: SoftKeys,
    queue: VecDeque<Accepted>,
    plant: Option<Plant>,
    /// What a crash brings back, where batches are acknowledged early.
    flushed: Option<MemoryStore>,
}

impl Disk {
    /// An empty disk.
    pub fn new(dice: Dice, plant: Option<Plant>) -> Self {
        Self {
            faults: Faults::default(),
            dice,
            store: MemoryStore::default(),
            keys: SoftKeys::default(),
            queue: VecDeque::new(),
            plant,
            flushed: None,
        }
    }

    /// Takes a batch; see [`take`](Self::take).
    pub fn accept(&mut self, op: u64, batch: StorageBatch, body: Vec<u8>) -> bool {
        let asked = Asked::Storage(batch, body);
        self.take(Operation { op, asked })
    }

    /// Takes an operation; whether it is the only one, so that somebody has to call [`execute_next`](Self::execute_next) when its time has passed.
    pub fn take(&mut self, Operation { op, asked }: Operation) -> bool {
        if let (Asked::Storage(batch, body), Some(Plant::IndexOutsideBatch)) = (&asked, self.plant) {
            self.write_index_alone(batch, body);
        }
        self.queue.push_back(Accepted {
            op,
            asked,
            is_cancelled: false,
        });
        self.queue.len() == 1
    }

    /// How long the next operation takes, in microseconds.
    pub fn latency_us(&mut self) -> u64 {
        self.dice.between(50, 4_000) + self.dice.below(self.faults.slow_us + 1)
    }

    /// Whether an operation waits.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The guest is no longer interested.
    pub fn cancel(&mut self, op: u64) {
        for accepted in self.queue.iter_mut().filter(|accepted| accepted.op == op) {
            accepted.is_cancelled = true;
        }
    }

    /// Executes the oldest operation.
    pub fn execute_next(&mut self) -> Option<Completion> {
        let Accepted {
            op,
            asked,
            is_cancelled,
        } = self.queue.pop_front()?;
        let failed = |status: AbiStatus, code: OpErrorCode| Completion {
            op,
            status: status.code(),
            head: OpError {
                code: code.into(),
                message: "a fault of the simulated disk".to_owned(),
            }
            .encode_to_vec(),
            body: Vec::new(),
        };
        if is_cancelled && self.dice.chance(500) {
            return Some(failed(AbiStatus::Cancelled, OpErrorCode::Cancelled));
        }
        if self.dice.chance(self.faults.errors_per_mille) {
            return Some(failed(AbiStatus::Io, OpErrorCode::Other));
        }
        Some(match &asked {
            Asked::Keys(command) => match self.execute_keys(command) {
                Ok(head) => Completion {
                    op,
                    status: 0,
                    head,
                    body: Vec::new(),
                },
                Err((status, error)) => Completion {
                    op,
                    status: status.code(),
                    head: error.encode_to_vec(),
                    body: Vec::new(),
                },
            },
            Asked::Storage(batch, body) => match self.execute_batch(batch, body) {
                Ok((head, body)) => Completion {
                    op,
                    status: 0,
                    head,
                    body,
                },
                Err((status, code)) => failed(status, code),
            },
        })
    }

    fn execute_keys(&mut self, command: &KeysCommand) -> Result<Vec<u8>, (AbiStatus, OpError)> {
        let dice = &mut self.dice;
        let result = self.keys.execute(command, |out| dice.fill(out))?;
        Ok(result.encode_to_vec())
    }

    fn execute_batch(
        &mut self,
        batch: &StorageBatch,
        body: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), (AbiStatus, OpErrorCode)> {
        if let Some(quota_bytes) = self.faults.quota_bytes
            && !body.is_empty()
            && self.used_bytes() + body.len() > quota_bytes
        {
            return Err((AbiStatus::Io, OpErrorCode::QuotaExceeded));
        }
        if self.plant == Some(Plant::AcknowledgeEarly) && (self.flushed.is_none() || self.dice.chance(500)) {
            self.flushed = Some(self.store.clone());
        }
        match self.store.execute(batch, body) {
            Ok((result, body)) => Ok((result.encode_to_vec(), body)),
            Err(status) => Err((status, OpErrorCode::Other)),
        }
    }

    /// The process dies: some of what was not executed is there all the same, as if it had been.
    pub fn crash(&mut self) {
        let executed = self.dice.index(self.queue.len() + 1);
        let queue = std::mem::take(&mut self.queue);
        for (at, Accepted { asked, .. }) in queue.into_iter().enumerate() {
            let is_torn = at == executed && self.plant == Some(Plant::TornBatch);
            if at >= executed && !is_torn {
                break;
            }
            match asked {
                Asked::Storage(mut batch, mut body) => {
                    if is_torn {
                        tear(&mut batch, &mut body);
                    }
                    // A malformed batch changes nothing.
                    let _ = self.store.execute(&batch, &body);
                }
                // Nobody hears what it gave.
                Asked::Keys(command) => drop(self.execute_keys(&command)),
            }
        }
        if let Some(flushed) = self.flushed.take() {
            self.store = flushed;
        }
    }

    /// One bit of one record is not what it was any more.
    pub fn flip_bit(&mut self) -> Option<Flipped> {
        let at = self.dice.index(self.store.records.len());
        let (key, value) = self
            .store
            .records
            .iter()
            .nth(at)
            .filter(|(_, value)| !value.is_empty())?;
        let flipped = Flipped {
            key: key.clone(),
            byte: self.dice.index(value.len()),
            mask: 1 << self.dice.below(8),
        };
        self.flip(&flipped);
        Some(flipped)
    }

    /// Flips a bit, or flips it back.
    pub fn flip(&mut self, Flipped { key, byte, mask }: &Flipped) {
        if let Some(byte) = self.store.records.get_mut(key).and_then(|value| value.get_mut(*byte)) {
            *byte ^= mask;
        }
    }

    /// What all records hold together, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.store.records.values().map(Vec::len).sum()
    }

    fn write_index_alone(&mut self, batch: &StorageBatch, body: &[u8]) {
        let (mut index, mut values, mut rest) = (StorageBatch::default(), Vec::new(), body);
        for op in &batch.ops {
            let Some(Op::Put(put)) = &op.op else { continue };
            let (value, behind) = rest.split_at(rest.len().min(put.value_len as usize));
            rest = behind;
            if put.key.starts_with(b"i") {
                index.ops.push(op.clone());
                values.extend_from_slice(value);
            }
        }
        // A malformed batch changes nothing.
        let _ = self.store.execute(&index, &values);
    }
}

/// Leaves the first half of a batch.
fn tear(batch: &mut StorageBatch, body: &mut Vec<u8>) {
    batch.ops.truncate(batch.ops.len() / 2);
    let values = batch.ops.iter().map(|op| match &op.op {
        Some(Op::Put(put)) => put.value_len as usize,
        _ => 0,
    });
    body.truncate(values.sum());
}
