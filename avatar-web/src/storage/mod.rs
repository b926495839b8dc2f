//! `avatar_storage`: an ordered map from byte keys to byte values, changed by atomic batches (ABI.md H15).

mod batch;
mod indexeddb;
mod js;
mod memory;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use avatar_proto::{AbiStatus, OpError, OpErrorCode, StorageKind};

pub use batch::{Batch, Op, Range, Read, Scan, check_size, decode, encode};
pub use indexeddb::{IndexedDb, OpenError};
pub use js::{JsStorage, JsStore};
pub use memory::Memory;

use crate::error::HostError;
use crate::keys::KeyPlace;

/// A future of this one thread.
pub type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A place where records are kept.
///
/// A batch takes its place in the order of effects when its future is polled first: the caller spawns futures in the order of acceptance,
/// and the executor polls new tasks first come, first served.
pub trait Backend: 'static {
    /// Executes one batch: all of it, or nothing and an error. One result for each read, in order.
    fn batch(&self, batch: Batch) -> LocalBoxFuture<Result<Vec<Read>, StorageError>>;
    /// Which kind of store, for reports.
    fn kind(&self) -> StorageKind;
    /// Why it is not the best kind; empty when it is.
    fn reason(&self) -> String;
    /// Where key sets are kept.
    fn keys(&self) -> KeyPlace {
        KeyPlace::Memory
    }
    /// Lets go of everything, after the batches under way.
    fn close(&self) -> LocalBoxFuture<()>;
}

/// Why a batch was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// What it is; one of the storage codes, or OTHER.
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
            OpErrorCode::Cancelled => AbiStatus::Cancelled,
            _ => AbiStatus::Io,
        };
        let error = OpError {
            code: self.code.into(),
            message: self.message,
        };
        (status, error)
    }
}

/// What the embedder asked for.
pub enum Choice {
    /// IndexedDB, or memory where there is none.
    Auto,
    /// Nothing survives.
    Memory,
    /// A store of the embedder's.
    Js(JsStorage),
}

/// Opens storage. Where the engine has no IndexedDB or the browser blocks it, memory takes its place and says why; where there is a database that
/// does not open, that is an error: an empty node in the place of a person's data would be worse.
pub async fn open(choice: Choice, name: &str) -> Result<Rc<dyn Backend>, HostError> {
    match choice {
        Choice::Memory => Ok(Rc::new(Memory::new("asked for"))),
        Choice::Js(store) => Ok(Rc::new(JsStore::new(store))),
        Choice::Auto => match IndexedDb::open(name).await {
            Ok(database) => Ok(Rc::new(database)),
            Err(OpenError::Unavailable(reason)) => Ok(Rc::new(Memory::new(&reason))),
            Err(OpenError::Failed(error)) => Err(error),
        },
    }
}
