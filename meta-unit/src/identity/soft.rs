//! The key in the node's own storage.

use avatar_proto::Durability;
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use super::{Custody, IdentityError, Signature, did_key};
use crate::data::{keys, records};
use crate::platform::{Batch, LocalBoxFuture, Platform};

/// Signs with a key in memory, which is wiped when this is dropped. It has no `Debug`, and nothing gives the key away.
pub struct SoftCustody {
    key: SigningKey,
    did: String,
}

impl SoftCustody {
    /// Reads the identity, or makes it if there is none. It exists once this resolves: it is flushed to the medium.
    pub async fn open(platform: &dyn Platform) -> Result<Self, IdentityError> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.get(keys::identity());
        let reply = batch.run(platform).await?;
        match reply.value(0) {
            Some(record) => {
                let seed = records::open(record).map_err(|_| IdentityError::Corrupt)?;
                let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| IdentityError::Corrupt)?);
                Ok(Self::from_seed(&seed))
            }
            None => Self::create(platform).await,
        }
    }

    async fn create(platform: &dyn Platform) -> Result<Self, IdentityError> {
        let mut seed = Zeroizing::new([0; 32]);
        platform.random(seed.as_mut_slice());
        let custody = Self::from_seed(&seed);
        let mut batch = Batch::new(Durability::Strict);
        batch.put(keys::identity(), &Zeroizing::new(records::seal(seed.as_slice())));
        batch.run(platform).await?;
        Ok(custody)
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let did = did_key(key.verifying_key().as_bytes());
        Self { key, did }
    }
}

impl Custody for SoftCustody {
    fn did(&self) -> &str {
        &self.did
    }

    fn sign(&self, message: &[u8]) -> LocalBoxFuture<Result<Signature, IdentityError>> {
        let signature = self.key.sign(message).to_bytes();
        Box::pin(std::future::ready(Ok(signature)))
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::OpErrorCode;
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;
    use crate::platform::TestPlatform;

    fn open(platform: &TestPlatform) -> Result<SoftCustody, IdentityError> {
        let handle = platform.handle();
        platform.block_on(async move { SoftCustody::open(handle.as_ref()).await })
    }

    #[test]
    fn the_identity_made_at_the_first_start_is_there_at_the_next() {
        let platform = TestPlatform::new(7);
        let did = open(&platform).expect("storage works").did;
        assert!(did.starts_with("did:key:z6Mk"), "{did}");
        assert_eq!(open(&platform.restarted()).expect("storage works").did, did);
        assert_ne!(open(&TestPlatform::new(8)).expect("storage works").did, did);
    }

    #[test]
    fn an_identity_that_could_not_be_stored_is_not_used() {
        let platform = TestPlatform::new(7);
        platform.fail_storage_after(1, OpErrorCode::QuotaExceeded);
        assert!(matches!(open(&platform), Err(IdentityError::Storage(_))));
        assert!(platform.store().borrow().records.is_empty());
    }

    #[test]
    fn a_damaged_identity_is_reported_and_never_replaced() {
        let platform = TestPlatform::new(7);
        drop(open(&platform).expect("storage works"));
        for record in platform.store().borrow_mut().records.values_mut() {
            record[4] ^= 1;
        }
        let damaged = platform.store().borrow().records.clone();
        assert!(matches!(open(&platform.restarted()), Err(IdentityError::Corrupt)));
        assert_eq!(platform.store().borrow().records, damaged);
    }

    #[test]
    fn what_the_custody_signs_verifies_under_the_dids_key() {
        let platform = TestPlatform::new(7);
        let custody = open(&platform).expect("storage works");
        let signature = platform.block_on(custody.sign(b"message")).expect("the key is here");
        let encoded = custody.did().strip_prefix("did:key:z").expect("a did:key");
        let public = bs58::decode(encoded).into_vec().expect("base58");
        let key = VerifyingKey::try_from(&public[2..]).expect("an Ed25519 key");
        assert!(
            key.verify_strict(b"message", &Signature::from_bytes(&signature))
                .is_ok()
        );
    }
}
