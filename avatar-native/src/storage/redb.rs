//! The records in redb: one table, one transaction a batch.

use std::ops::Bound;
use std::path::Path;

use avatar_proto::{ErrorCode, OpErrorCode};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError as RedbStorageError, TableDefinition,
};

use super::StorageError;
use super::batch::{Batch, Op, Range, Read, Scan, check_size};
use crate::error::{HostError, HostErrorCode};

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");

/// What redb may keep in memory.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// An open database.
pub struct Records {
    database: Database,
}

impl Records {
    pub fn open(path: &Path) -> Result<Self, HostError> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => HostError::new(
                    HostErrorCode::FolderInUse,
                    format!("{} is open elsewhere", path.display()),
                ),
                DatabaseError::UpgradeRequired(_) => HostError::app(ErrorCode::SchemaTooNew, error.to_string()),
                DatabaseError::Storage(RedbStorageError::Corrupted(_)) => {
                    HostError::app(ErrorCode::Corrupt, error.to_string())
                }
                error => HostError::app(ErrorCode::StorageIo, format!("{}: {error}", path.display())),
            })?;
        let records = Self { database };
        // The table has to be there before anything is read from it.
        records
            .make_table()
            .map_err(|error| HostError::app(ErrorCode::StorageIo, format!("{}: {}", path.display(), error.message)))?;
        Ok(records)
    }

    fn make_table(&self) -> Result<(), StorageError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        transaction.open_table(RECORDS).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// All of the batch, or nothing and an error. One result for each read, in order.
    pub fn run(&self, batch: Batch) -> Result<Vec<Read>, StorageError> {
        if !batch.writes() {
            let transaction = self.database.begin_read().map_err(failed)?;
            let table = transaction.open_table(RECORDS).map_err(failed)?;
            return batch.ops.iter().filter_map(|op| read(&table, op).transpose()).collect();
        }
        // Dropped on an error, a transaction leaves nothing. Its durability is Immediate unless one asks for less.
        let transaction = self.database.begin_write().map_err(failed)?;
        let mut reads = Vec::new();
        {
            let mut table = transaction.open_table(RECORDS).map_err(failed)?;
            for op in &batch.ops {
                match op {
                    Op::Put(key, value) => {
                        table
                            .insert(key.as_slice(), &batch.values[value.clone()])
                            .map_err(failed)?;
                    }
                    Op::Delete(key) => {
                        table.remove(key.as_slice()).map_err(failed)?;
                    }
                    Op::DeleteRange(range) => {
                        if let Some(bounds) = bounds(range) {
                            table.retain_in::<&[u8], _>(bounds, |_, _| false).map_err(failed)?;
                        }
                    }
                    Op::Get(_) | Op::Scan(_) => reads.extend(read(&table, op)?),
                }
            }
        }
        check_size(&reads)?;
        transaction.commit().map_err(failed)?;
        Ok(reads)
    }
}

/// What a step reads; `None` for a step that does not.
fn read(table: &impl ReadableTable<&'static [u8], &'static [u8]>, op: &Op) -> Result<Option<Read>, StorageError> {
    match op {
        Op::Get(key) => {
            let found = table.get(key.as_slice()).map_err(failed)?;
            Ok(Some(found.map_or_else(Read::default, |value| Read {
                keys: vec![key.clone()],
                values: vec![value.value().to_vec()],
                more: false,
            })))
        }
        Op::Scan(wanted) => scan(table, wanted).map(Some),
        Op::Put(..) | Op::Delete(_) | Op::DeleteRange(_) => Ok(None),
    }
}

fn scan(table: &impl ReadableTable<&'static [u8], &'static [u8]>, scan: &Scan) -> Result<Read, StorageError> {
    let mut read = Read::default();
    let Some(bounds) = bounds(&scan.range) else {
        return Ok(read);
    };
    let mut bytes = 0;
    for entry in table.range::<&[u8]>(bounds).map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let with_this = bytes + value.value().len();
        let full = !scan.keys_only && with_this > scan.max_bytes && !read.keys.is_empty();
        if full || read.keys.len() == scan.limit {
            read.more = true;
            break;
        }
        read.keys.push(key.value().to_vec());
        if !scan.keys_only {
            bytes = with_this;
            read.values.push(value.value().to_vec());
        }
    }
    Ok(read)
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// `None` when no key can be in the range, which redb takes for a mistake.
fn bounds(range: &Range) -> Option<Bounds<'_>> {
    let end = match &range.end {
        Some(end) if *end <= range.start => return None,
        Some(end) => Bound::Excluded(end.as_slice()),
        None => Bound::Unbounded,
    };
    Some((Bound::Included(range.start.as_slice()), end))
}

fn failed(error: impl Into<redb::Error>) -> StorageError {
    let error = error.into();
    let code = match &error {
        redb::Error::Io(cause) if is_full(cause) => OpErrorCode::QuotaExceeded,
        redb::Error::DatabaseClosed | redb::Error::PreviousIo => OpErrorCode::StorageLost,
        _ => OpErrorCode::Other,
    };
    StorageError::new(code, error.to_string())
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge
    )
}
