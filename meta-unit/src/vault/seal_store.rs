//! From schema 1, where nothing was sealed, to schema 2: every record is sealed where it lies, and the owner's key moves to where secrets are.
//!
//! It takes many batches, and may die between any two: a record that is sealed already begins with another byte than one that is not, so it goes on where it was.

use std::rc::Rc;

use avatar_proto::{Durability, StorageScan};
use avatar_vault::words::RecoveryWords;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use super::{Vault, VaultError, VaultRecord, sealed};
use crate::data::{keys, records};
use crate::identity::{self, Identity, IdentityError};
use crate::platform::{Batch, Platform};

/// How much is read and sealed at once.
const STEP_BYTES: u32 = 4 * 1024 * 1024;

/// Seals everything. What is left to do goes with the batch that stores the new version.
///
/// # Errors
/// Storage or the platform's keys failed, or the owner's key is damaged.
pub async fn seal_store(platform: Rc<dyn Platform>) -> Result<Batch, IdentityError> {
    let seed = plain_seed(&*platform).await?;
    let sealed = match VaultRecord::load(&*platform).await? {
        Some(record) => {
            let sealed = Vault::new(&platform, record)
                .open_with_platform()
                .await?
                .map_err(|_| VaultError::Corrupt)?;
            // Whoever can only write to the medium must not get records of their own sealed: a store was of schema 1 once if it holds the same key in both forms.
            let owner = Identity::open(&sealed).await?.public_key();
            if owner != SigningKey::from_bytes(&seed).verifying_key().to_bytes() {
                return Err(IdentityError::Corrupt);
            }
            sealed
        }
        None => {
            let words = RecoveryWords::generate(&mut |out| platform.random(out));
            identity::create(&platform, &words, Some(&seed)).await?.0
        }
    };
    for range in keys::sealed() {
        let mut start = range.start;
        loop {
            let mut read = Batch::new(Durability::Relaxed);
            read.scan(StorageScan {
                range: Some(avatar_proto::StorageRange {
                    start,
                    end: range.end.clone(),
                }),
                limit: 0,
                max_bytes: STEP_BYTES,
                keys_only: false,
            });
            let reply = read.run(&*platform).await?;
            let mut write = Batch::new(Durability::Relaxed);
            for (key, record) in reply
                .entries(0)
                .filter(|(_, record)| record.first() != Some(&sealed::VERSION))
            {
                write.put(key.to_vec(), record);
            }
            if !write.is_empty() {
                write.run(&*sealed).await?;
            }
            match reply.next_start(0) {
                Some(next) if reply.more(0) => start = next,
                _ => break,
            }
        }
    }
    let mut last = Batch::new(Durability::Strict);
    last.delete(keys::identity_of_schema_1());
    Ok(last)
}

/// The owner's key, as schema 1 has it.
async fn plain_seed(platform: &dyn Platform) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut batch = Batch::new(Durability::Relaxed);
    batch.get(keys::identity_of_schema_1());
    let reply = batch.run(platform).await?;
    let seed = records::open(reply.value(0).ok_or(IdentityError::Corrupt)?).map_err(|_| IdentityError::Corrupt)?;
    Ok(Zeroizing::new(seed.try_into().map_err(|_| IdentityError::Corrupt)?))
}
