//! Credentials in storage, each a record of its own.

use avatar_proto::{CredentialKept, Durability};
use prost::Message;

use super::CredentialError;
use crate::data::{keys, records};
use crate::platform::{Batch, Pages, Platform};

/// How much is read at once.
const STEP_BYTES: u32 = 4 * 1024 * 1024;

/// What is stored of a credential.
#[derive(Clone, PartialEq, Message)]
pub struct Kept {
    /// As it came, or was issued.
    #[prost(string, tag = "1")]
    pub document: String,
    /// Milliseconds since the Unix epoch.
    #[prost(sint64, tag = "2")]
    pub kept_ms: i64,
    /// It was issued here.
    #[prost(bool, tag = "3")]
    pub issued: bool,
    /// It was revoked here.
    #[prost(bool, tag = "4")]
    pub revoked: bool,
    /// The address of the list in which it has a place; empty where it has none.
    #[prost(string, tag = "5")]
    pub status_url: String,
    /// Its place there.
    #[prost(uint32, tag = "6")]
    pub status_index: u32,
}

impl Kept {
    /// A credential that is kept from now on.
    pub fn new(document: &str, now_ms: i64) -> Self {
        Self {
            document: document.to_owned(),
            kept_ms: now_ms,
            ..Self::default()
        }
    }

    /// Puts it into a batch, under a new id.
    pub fn put_new(&self, platform: &dyn Platform, batch: &mut Batch) -> [u8; 16] {
        let mut id = [0; 16];
        platform.random(&mut id);
        batch.put(keys::credential(&id), &records::seal(&self.encode_to_vec()));
        id
    }

    /// Puts it into a batch, under its id.
    pub fn put(&self, batch: &mut Batch, id: &[u8]) -> Result<(), CredentialError> {
        batch.put(key(id)?, &records::seal(&self.encode_to_vec()));
        Ok(())
    }

    /// The credential of this id.
    pub async fn load(platform: &dyn Platform, id: &[u8]) -> Result<Self, CredentialError> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.get(key(id)?);
        let reply = batch.run(platform).await?;
        Self::read(reply.value(0).ok_or(CredentialError::NotFound)?)
    }

    /// As clients are told of it.
    pub fn told(self, id: &[u8; 16]) -> CredentialKept {
        CredentialKept {
            id: id.to_vec(),
            document: self.document,
            kept_ms: self.kept_ms,
            issued: self.issued,
            revoked: self.revoked,
        }
    }

    fn read(record: &[u8]) -> Result<Self, CredentialError> {
        let content = records::open(record).map_err(|_| CredentialError::Corrupt)?;
        Self::decode(content).map_err(|_| CredentialError::Corrupt)
    }
}

/// The key of the credential of this id.
pub fn key(id: &[u8]) -> Result<Vec<u8>, CredentialError> {
    let id = id
        .try_into()
        .map_err(|_| CredentialError::Invalid("an id has 16 bytes".to_owned()))?;
    Ok(keys::credential(id))
}

/// All, the newest first. Damaged ones are left out: they cannot be shown.
pub async fn list(platform: &dyn Platform) -> Result<Vec<CredentialKept>, CredentialError> {
    let mut all = Vec::new();
    let mut pages = Pages::new(keys::credentials(), STEP_BYTES);
    while let Some(page) = pages.next(platform).await? {
        all.extend(page.entries(0).filter_map(|(key, record)| {
            let id = keys::parse_credential(key)?;
            Some(Kept::read(record).ok()?.told(&id))
        }));
    }
    all.sort_unstable_by_key(|kept| std::cmp::Reverse(kept.kept_ms));
    Ok(all)
}
