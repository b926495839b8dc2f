//! The record of what opens the data key. It is the one that must not be lost, so it is stored twice, both copies in each batch; and it is not sealed, for it is what opens the seals.

use avatar_proto::{Durability, KeyProtection};
use avatar_vault::wrap::Keyring;
use prost::Message;

use super::VaultError;
use crate::data::{keys, records};
use crate::platform::{Batch, Platform};

/// So many copies are stored.
const COPIES: u8 = 2;

/// What is stored, decoded.
#[derive(Clone, Debug)]
pub struct VaultRecord {
    /// The wrappings of the data key.
    pub keyring: Keyring,
    /// The owner: a did:key. Public, and what a locked node is known by.
    pub did: String,
    /// The platform's key alone is not to open the data.
    pub ask_at_start: bool,
    /// Lock when nobody has asked anything for so long; 0 = never.
    pub lock_after_seconds: u32,
    /// How the platform keeps this device's keys; unspecified where it keeps none, and the wrapping's key lies in the record itself.
    pub protection: KeyProtection,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    keyring: Vec<u8>,
    #[prost(string, tag = "2")]
    did: String,
    #[prost(bool, tag = "3")]
    ask_at_start: bool,
    #[prost(uint32, tag = "4")]
    lock_after_seconds: u32,
    #[prost(enumeration = "KeyProtection", tag = "5")]
    protection: i32,
}

impl VaultRecord {
    /// The record in storage; None where there is no copy of it.
    ///
    /// # Errors
    /// Storage failed, or no copy can be read.
    pub async fn load(platform: &dyn Platform) -> Result<Option<Self>, VaultError> {
        let mut batch = Batch::new(Durability::Relaxed);
        for copy in 0..COPIES {
            batch.get(keys::vault(copy));
        }
        let reply = batch.run(platform).await?;
        let copies: Vec<&[u8]> = (0..COPIES as usize).filter_map(|copy| reply.value(copy)).collect();
        if copies.is_empty() {
            return Ok(None);
        }
        let sound = copies.into_iter().find_map(Self::decode);
        sound.map(Some).ok_or(VaultError::Corrupt)
    }

    /// Puts all copies into a batch.
    pub fn put(&self, batch: &mut Batch) {
        let record = records::seal(&self.encode());
        for copy in 0..COPIES {
            batch.put(keys::vault(copy), &record);
        }
    }

    /// The record's content.
    pub fn encode(&self) -> Vec<u8> {
        Stored {
            keyring: self.keyring.encode(),
            did: self.did.clone(),
            ask_at_start: self.ask_at_start,
            lock_after_seconds: self.lock_after_seconds,
            protection: self.protection.into(),
        }
        .encode_to_vec()
    }

    /// What a whole record, in its envelope, holds.
    pub fn decode(record: &[u8]) -> Option<Self> {
        let stored = Stored::decode(records::open(record).ok()?).ok()?;
        Some(Self {
            keyring: Keyring::decode(&stored.keyring).ok()?,
            protection: stored.protection(),
            did: stored.did,
            ask_at_start: stored.ask_at_start,
            lock_after_seconds: stored.lock_after_seconds,
        })
    }
}
