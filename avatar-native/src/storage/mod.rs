//! `avatar_storage`: an ordered map from byte keys to byte values, changed by atomic batches (ABI.md H15).
//!
//! **Durability.** Both kinds of batch end with redb's `Durability::Immediate`, that is with the data flushed to the medium. Redb has nothing between that and `None`, which
//! the death of the process takes back, so a relaxed batch, too, could only be cheaper with a journal of our own beside the database. The Meta Unit commits in groups: while
//! one batch is flushed the next one gathers, and the flush is paid once a group.

mod batch;
mod redb;

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use avatar_proto::{AbiStatus, OpError, OpErrorCode};

pub use batch::{Batch, Op, Range, Read, Scan, decode, encode};

use crate::error::HostError;
use redb::Records;

/// Why a batch was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// One of the storage codes, TOO_LARGE, or OTHER.
    pub code: OpErrorCode,
    /// For developers.
    pub message: String,
}

impl StorageError {
    /// An error of this code.
    pub fn new(code: OpErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The status and the head of the completion.
    pub fn into_completion(self) -> (AbiStatus, OpError) {
        let status = match self.code {
            OpErrorCode::TooLarge => AbiStatus::Limit,
            _ => AbiStatus::Io,
        };
        let error = OpError {
            code: self.code.into(),
            message: self.message,
        };
        (status, error)
    }
}

type Told = Box<dyn FnOnce(Result<Vec<Read>, StorageError>) + Send>;

/// The records of a node, and the thread that works on them: one batch after another, in the order in which they came.
#[derive(Debug)]
pub struct Storage {
    jobs: Option<Sender<(Batch, Told)>>,
    thread: Option<JoinHandle<()>>,
}

impl Storage {
    /// Opens the database at `path`, or makes one.
    pub fn open(path: &Path) -> Result<Self, HostError> {
        let records = Records::open(path)?;
        let (jobs, todo) = channel::<(Batch, Told)>();
        let thread = std::thread::Builder::new()
            .name("avatar-storage".into())
            .spawn(move || {
                for (batch, told) in todo {
                    told(records.run(batch));
                }
            })
            .map_err(|error| HostError::io("a thread for storage", &error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Takes a batch; `told` is called on the storage thread when it is durable or has failed.
    pub fn submit(&self, batch: Batch, told: impl FnOnce(Result<Vec<Read>, StorageError>) + Send + 'static) {
        let Some(jobs) = &self.jobs else { return };
        if let Err(lost) = jobs.send((batch, Box::new(told))) {
            let (_, told) = lost.0;
            told(Err(StorageError::new(
                OpErrorCode::StorageLost,
                "the storage thread is gone",
            )));
        }
    }
}

impl Drop for Storage {
    /// Waits for the batches that were taken.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the storage thread panicked");
        }
    }
}
