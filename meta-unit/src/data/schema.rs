//! The version of the storage schema: which kinds of records there are, under which keys, in which form.
//!
//! A store without a version is new. An older one is migrated step by step, each step in one atomic batch together with the version that it leads to, so that a
//! crash leaves a store of one version. A newer one is left alone.

use std::rc::Rc;

use avatar_proto::{AppError, Durability, ErrorCode};

use super::{keys, records};
use crate::identity::IdentityError;
use crate::platform::{Batch, LocalBoxFuture, Platform, PlatformError};
use crate::vault::seal_store::seal_store;

/// The schema that this build reads and writes.
pub const CURRENT: u32 = 2;

/// Leads a store of one version to the next: the operations that change its records. The version is added by the caller.
type Migration = fn(Rc<dyn Platform>) -> LocalBoxFuture<Result<Batch, SchemaError>>;

/// The steps, by the version that each begins with: the first one leads from 1 to 2.
const MIGRATIONS: [Migration; CURRENT as usize - 1] =
    [|platform| Box::pin(async move { seal_store(platform).await.map_err(SchemaError::Seal) })];

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] PlatformError),
    /// A later build wrote it.
    #[error("the stored data is of schema {found}; this build reads up to {CURRENT}")]
    TooNew {
        /// The version found.
        found: u32,
    },
    /// What is stored cannot be sealed.
    #[error(transparent)]
    Seal(IdentityError),
    /// The record of the version is damaged.
    #[error("the record of the schema's version is damaged")]
    Corrupt,
}

impl SchemaError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let code = match self {
            Self::Storage(error) => return error.to_app_error(),
            Self::Seal(error) => return error.to_app_error(),
            Self::TooNew { .. } => ErrorCode::SchemaTooNew,
            Self::Corrupt => ErrorCode::Corrupt,
        };
        AppError {
            code: code.into(),
            message: self.to_string(),
            retryable: false,
        }
    }
}

/// Whether the store has the current schema; a new one has none.
///
/// # Errors
/// Storage failed, or the record of the version is damaged.
pub async fn is_current(platform: &dyn Platform) -> Result<bool, SchemaError> {
    Ok(stored_version(platform).await? == Some(CURRENT))
}

/// Makes sure that the store has the current schema.
///
/// # Errors
/// Storage failed, or the store cannot be brought to this schema; it is unchanged then, or of some version between.
pub async fn open(platform: &Rc<dyn Platform>) -> Result<(), SchemaError> {
    migrate(platform, &MIGRATIONS).await
}

async fn migrate(platform: &Rc<dyn Platform>, migrations: &[Migration]) -> Result<(), SchemaError> {
    let current = migrations.len() as u32 + 1;
    let Some(mut version) = stored_version(&**platform).await? else {
        return store_version(&**platform, Batch::new(Durability::Strict), current).await;
    };
    if version > current {
        return Err(SchemaError::TooNew { found: version });
    }
    while version < current {
        let step = migrations.get(version as usize - 1).ok_or(SchemaError::Corrupt)?;
        let batch = step(Rc::clone(platform)).await?;
        version += 1;
        store_version(&**platform, batch, version).await?;
    }
    Ok(())
}

async fn stored_version(platform: &dyn Platform) -> Result<Option<u32>, SchemaError> {
    let mut batch = Batch::new(Durability::Relaxed);
    batch.get(keys::schema());
    let reply = batch.run(platform).await?;
    let Some(record) = reply.value(0) else { return Ok(None) };
    let content = records::open(record).map_err(|error| match error {
        records::RecordError::Damaged => SchemaError::Corrupt,
        // Even the envelope is of a later build.
        records::RecordError::TooNew(_) => SchemaError::TooNew { found: u32::MAX },
    })?;
    match content.try_into().map(u32::from_le_bytes) {
        Ok(version) if version > 0 => Ok(Some(version)),
        _ => Err(SchemaError::Corrupt),
    }
}

async fn store_version(platform: &dyn Platform, mut batch: Batch, version: u32) -> Result<(), SchemaError> {
    batch.put(keys::schema(), &records::seal(&version.to_le_bytes()));
    batch.run(platform).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use avatar_proto::OpErrorCode;

    use super::*;
    use crate::platform::TestPlatform;

    fn run(platform: &TestPlatform, migrations: &'static [Migration]) -> Result<(), SchemaError> {
        let handle = platform.handle();
        platform.block_on(async move { migrate(&handle, migrations).await })
    }

    fn version(platform: &TestPlatform) -> Option<u32> {
        let handle = platform.handle();
        platform
            .block_on(async move { stored_version(&*handle).await })
            .expect("the record is whole")
    }

    /// Doubles a record: applied twice, it would show.
    fn double(platform: Rc<dyn Platform>) -> LocalBoxFuture<Result<Batch, SchemaError>> {
        Box::pin(async move {
            let mut read = Batch::new(Durability::Relaxed);
            read.get(b"x".to_vec());
            let reply = read.run(&*platform).await?;
            let value = reply.value(0).unwrap_or_default();
            let mut batch = Batch::new(Durability::Strict);
            batch.put(b"x".to_vec(), &[value, value].concat());
            Ok(batch)
        })
    }

    #[test]
    fn a_new_store_gets_the_current_version_without_any_migration() {
        let platform = TestPlatform::new(1);
        run(&platform, &[double]).expect("storage works");
        assert_eq!(version(&platform), Some(2));
        assert!(!platform.store().borrow().records.contains_key(b"x".as_slice()));
    }

    #[test]
    fn an_older_store_is_migrated_once_step_by_step_whenever_it_crashes() {
        for good_batches in 0..8 {
            let platform = TestPlatform::new(1);
            run(&platform, &[]).expect("storage works");
            platform
                .store()
                .borrow_mut()
                .records
                .insert(b"x".to_vec(), b"1".to_vec());
            platform.fail_storage_after(good_batches, OpErrorCode::Other);
            let first = run(&platform, &[double, double]);
            let next = platform.restarted();
            run(&next, &[double, double]).expect("storage works again");
            assert_eq!(version(&next), Some(3));
            assert_eq!(
                next.store().borrow().records[&b"x".to_vec()],
                b"1111",
                "{good_batches}: {first:?}"
            );
        }
    }

    #[test]
    fn a_newer_store_is_refused_and_left_alone() {
        let platform = TestPlatform::new(1);
        run(&platform, &[double]).expect("storage works");
        let before = platform.store().borrow().records.clone();
        assert!(matches!(run(&platform, &[]), Err(SchemaError::TooNew { found: 2 })));
        assert_eq!(platform.store().borrow().records, before);
    }

    #[test]
    fn a_damaged_version_is_told_and_not_taken_for_a_new_store() {
        let platform = TestPlatform::new(1);
        run(&platform, &[]).expect("storage works");
        for record in platform.store().borrow_mut().records.values_mut() {
            record[2] ^= 1;
        }
        assert!(matches!(run(&platform, &[]), Err(SchemaError::Corrupt)));
    }
}
