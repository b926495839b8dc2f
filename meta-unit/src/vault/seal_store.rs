//! From schema 1, where nothing was sealed, to schema 2: every record is sealed where it lies, and the owner's key moves to where secrets are.
//!
//! It takes many batches, and may die between any two: a record that is sealed already begins with another byte than one that is not, so it goes on where it was.

use std::rc::Rc;

use avatar_proto::Durability;
use avatar_vault::words::RecoveryWords;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use super::{Sealed, Vault, VaultError, VaultRecord, sealed};
use crate::data::{keys, records};
use crate::identity::{self, Identity, IdentityError};
use crate::platform::{Batch, Pages, Platform};

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
            let sealed = Sealed::awaiting_key(Rc::clone(&platform));
            Vault::new(&platform, record)
                .open_with_platform(&sealed)
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
        let mut pages = Pages::new(range, STEP_BYTES);
        while let Some(page) = pages.next(&*platform).await? {
            let mut write = Batch::new(Durability::Relaxed);
            for (key, record) in page
                .entries(0)
                .filter(|(_, record)| record.first() != Some(&sealed::VERSION))
            {
                write.put(key.to_vec(), record);
            }
            if !write.is_empty() {
                write.run(&*sealed).await?;
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

#[cfg(test)]
mod tests {
    use avatar_proto::OpErrorCode;

    use super::*;
    use crate::data::schema;
    use crate::identity::did_key;
    use crate::platform::TestPlatform;

    const SEED: [u8; 32] = [7; 32];

    /// A store as schema 1 left it: the owner's key, and records of all kinds.
    fn store_of_schema_1() -> Rc<TestPlatform> {
        let platform = TestPlatform::new(1);
        let mut store = platform.store().borrow_mut();
        let mut put = |key, content: &[u8]| store.records.insert(key, records::seal(content));
        put(keys::schema(), &1_u32.to_le_bytes());
        put(keys::identity_of_schema_1(), &SEED);
        for number in 0..50 {
            put(keys::document_record(&[number; 16], 3), &[number; 100]);
            put(keys::tombstone(&[number; 16]), &[]);
        }
        drop(store);
        platform
    }

    fn open(platform: &TestPlatform) -> Result<Rc<Sealed>, schema::SchemaError> {
        let handle = platform.handle();
        platform.block_on(async move {
            schema::open(&handle).await?;
            let vault = Vault::load(&handle).await.expect("it is there").expect("it is there");
            let sealed = Sealed::awaiting_key(handle);
            let opened = vault.open_with_platform(&sealed).await.expect("keys work");
            opened.expect("they open it");
            Ok(sealed)
        })
    }

    #[test]
    fn a_store_of_schema_1_is_sealed_with_its_owner_and_all_its_records_whenever_it_crashes() {
        for good_batches in 0..14 {
            let platform = store_of_schema_1();
            platform.fail_storage_after(good_batches, OpErrorCode::Other);
            let handle = platform.handle();
            let _ = platform.block_on(async move { schema::open(&handle).await });
            let next = platform.restarted();
            let sealed = open(&next).expect("storage works again");
            let identity = next.block_on({
                let sealed = Rc::clone(&sealed);
                async move { Identity::open(&sealed).await.expect("it was moved") }
            });
            let owner = did_key(SigningKey::from_bytes(&SEED).verifying_key().as_bytes());
            assert_eq!(identity.did(), owner, "{good_batches}");
            for number in 0..50 {
                let mut batch = Batch::new(Durability::Relaxed);
                batch.get(keys::document_record(&[number; 16], 3));
                let reply = next.block_on(batch.run(&*sealed)).expect("storage works");
                let record = records::open(reply.value(0).expect("it is there")).expect("it is sound");
                assert_eq!(record, [number; 100]);
            }
            let store = next.store().borrow();
            assert!(!store.records.contains_key(&keys::identity_of_schema_1()));
            let is_sealed = |(key, record): (&Vec<u8>, &Vec<u8>)| keys::is_clear(key) || record[0] == sealed::VERSION;
            assert!(store.records.iter().all(is_sealed));
        }
    }

    #[test]
    fn a_sealed_store_that_claims_to_be_of_schema_1_gets_nothing_sealed() {
        let platform = store_of_schema_1();
        open(&platform).expect("storage works");
        let next = platform.restarted();
        {
            let mut store = next.store().borrow_mut();
            let store = &mut store.records;
            store.insert(keys::schema(), records::seal(&1_u32.to_le_bytes()));
            store.insert(keys::identity_of_schema_1(), records::seal(&[8; 32]));
            store.insert(keys::document_record(&[1; 16], 3), records::seal(b"forged"));
        }
        assert!(open(&next).is_err());
        let stored = next.store().borrow().records[&keys::document_record(&[1; 16], 3)].clone();
        assert_eq!(stored, records::seal(b"forged"));
    }
}
