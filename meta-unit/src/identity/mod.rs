//! Who owns the documents: an Ed25519 key whose did:key is the owner's name, made from the recovery words; and the key of this device, which the platform guards where it can.
//!
//! - [`device`]: this device's key. [`devices`]: the log of all devices of the account.
//!
//! The identity's key lies sealed in the store, and in memory while the node is unlocked. (It cannot be the platform's: the words have to lead to it on any device.)

pub mod device;
pub mod devices;

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use avatar_peers::handshake::ContactKey;
use avatar_proto::{AppError, Durability, ErrorCode};
use avatar_signer::Signer;
use avatar_vault::device_log::{Action, Log};
use avatar_vault::words::RecoveryWords;
use ed25519_dalek::SigningKey;
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use crate::backup::Contents;
use crate::data::{keys, records};
use crate::platform::{Batch, Platform, PlatformError};
use crate::vault::{Sealed, Vault, VaultError};

pub use avatar_credentials::did::did_key_of as did_key;
pub use device::DeviceKey;

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// What opens the data, or storage, failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The record of the key is damaged. It must not be replaced: the documents belong to the key that it held.
    #[error("the record of the identity is damaged")]
    Corrupt,
    /// The words have been confirmed, and are not kept.
    #[error("the recovery words have been written down, and are not kept any more")]
    NoWords,
    /// A word is not the one at its place.
    #[error("a word is not the one")]
    WrongWord,
    /// What was given cannot be used.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is an identity already, with something that belongs to it.
    #[error("{0}")]
    Exists(&'static str),
}

impl From<PlatformError> for IdentityError {
    fn from(error: PlatformError) -> Self {
        Self::Vault(error.into())
    }
}

impl IdentityError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let code = match self {
            Self::Vault(error) => return error.to_app_error(),
            Self::Corrupt => ErrorCode::Corrupt,
            Self::NoWords => ErrorCode::NotFound,
            Self::WrongWord => ErrorCode::WrongSecret,
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::Exists(_) => ErrorCode::AlreadyExists,
        };
        AppError {
            code: code.into(),
            message: self.to_string(),
            retryable: false,
        }
    }
}

/// What is stored of the identity. (The words are a record of their own, which goes when they are confirmed.)
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    seed: Vec<u8>,
    /// The X25519 key that backups are encrypted for; the words lead to its secret.
    #[prost(bytes = "vec", tag = "2")]
    backup_recipient: Vec<u8>,
    /// What the words open the data with: so that they do so on a device that a backup was restored on, too.
    #[prost(bytes = "vec", tag = "3")]
    words_secret: Vec<u8>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.seed.zeroize();
        self.words_secret.zeroize();
    }
}

/// The identity of an unlocked node.
pub struct Identity {
    sealed: Rc<Sealed>,
    keys: RefCell<Keys>,
    words_confirmed: Cell<bool>,
    device: DeviceKey,
    log: RefCell<Log>,
    is_restoring: bool,
}

/// What the words lead to.
struct Keys {
    key: SigningKey,
    signer: Rc<Signer>,
    did: String,
    backup_recipient: [u8; 32],
    words_secret: Zeroizing<[u8; 32]>,
}

impl Keys {
    fn new(seed: &[u8; 32], backup_recipient: [u8; 32], words_secret: Zeroizing<[u8; 32]>) -> Self {
        let key = SigningKey::from_bytes(seed);
        let did = did_key(key.verifying_key().as_bytes());
        Self {
            signer: Rc::new(Signer::new(&key)),
            key,
            did,
            backup_recipient,
            words_secret,
        }
    }

    fn of_words(words: &RecoveryWords, seed: Option<&[u8; 32]>) -> Self {
        let recipient = x25519_dalek::x25519(*words.backup_secret(), x25519_dalek::X25519_BASEPOINT_BYTES);
        let words_secret = words.wrapping_secret();
        match seed {
            Some(seed) => Self::new(seed, recipient, words_secret),
            None => Self::new(&words.identity_seed(), recipient, words_secret),
        }
    }

    fn read(record: Option<&[u8]>) -> Option<Self> {
        Self::decode(records::open(record?).ok()?)
    }

    fn decode(content: &[u8]) -> Option<Self> {
        let stored = Stored::decode(content).ok()?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(stored.seed.as_slice()).ok()?);
        let words_secret = Zeroizing::new(stored.words_secret.as_slice().try_into().ok()?);
        Some(Self::new(
            &seed,
            stored.backup_recipient.as_slice().try_into().ok()?,
            words_secret,
        ))
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let stored = Stored {
            seed: self.key.to_bytes().to_vec(),
            backup_recipient: self.backup_recipient.to_vec(),
            words_secret: self.words_secret.to_vec(),
        };
        Zeroizing::new(stored.encode_to_vec())
    }

    fn put(&self, batch: &mut Batch) {
        let content = self.encode();
        batch.put(keys::secret(keys::IDENTITY), &Zeroizing::new(records::seal(&content)));
    }
}

fn put_words(batch: &mut Batch, words: &RecoveryWords) {
    batch.put(
        keys::secret(keys::WORDS),
        &Zeroizing::new(records::seal(words.entropy())),
    );
}

/// Makes a node of this identity: what opens the data, the keys, and the words until they are confirmed, all in one batch, which is flushed to the medium.
/// `seed`: the key of an identity that is older than its words.
///
/// # Errors
/// Storage or the platform's keys failed; then nothing is stored.
pub async fn create(
    platform: &Rc<dyn Platform>,
    words: &RecoveryWords,
    seed: Option<&[u8; 32]>,
) -> Result<(Rc<Sealed>, Vault), IdentityError> {
    let identity = Keys::of_words(words, seed);
    let created = Vault::create(platform, words, &identity.did).await?;
    let mut batch = Batch::new(Durability::Strict);
    created.record.put(&mut batch);
    identity.put(&mut batch);
    put_words(&mut batch, words);
    let device = DeviceKey::put_new(&**platform, &mut batch).await?;
    devices::put(
        &devices::new_log(&**platform, &identity.key, &device).await?,
        &mut batch,
    );
    batch.run(&*created.sealed).await?;
    Ok((created.sealed, Vault::new(platform, created.record)))
}

impl Identity {
    /// The identity in this store.
    ///
    /// # Errors
    /// Storage failed, or a record is damaged.
    pub async fn open(sealed: &Rc<Sealed>) -> Result<Self, IdentityError> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch
            .get(keys::secret(keys::IDENTITY))
            .get(keys::secret(keys::WORDS))
            .get(device::record())
            .get(devices::record())
            .get(keys::secret(keys::RESTORING));
        let reply = batch.run(&**sealed).await?;
        Ok(Self {
            sealed: Rc::clone(sealed),
            keys: RefCell::new(Keys::read(reply.value(0)).ok_or(IdentityError::Corrupt)?),
            words_confirmed: Cell::new(reply.value(1).is_none()),
            device: DeviceKey::read(reply.value(2)).ok_or(IdentityError::Corrupt)?,
            log: RefCell::new(devices::read(reply.value(3)).ok_or(IdentityError::Corrupt)?),
            is_restoring: reply.value(4).is_some(),
        })
    }

    /// The owner: a did:key.
    pub fn did(&self) -> String {
        self.keys.borrow().did.clone()
    }

    /// Signs with the identity's key.
    pub fn signer(&self) -> Rc<Signer> {
        Rc::clone(&self.keys.borrow().signer)
    }

    /// The identity's key itself, for what it has to sign after a rotation, too.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.keys.borrow().key.to_bytes())
    }

    /// The Ed25519 key that the DID names.
    pub fn public_key(&self) -> [u8; 32] {
        self.keys.borrow().key.verifying_key().to_bytes()
    }

    /// The X25519 key that backups are encrypted for.
    pub fn backup_recipient(&self) -> [u8; 32] {
        self.keys.borrow().backup_recipient
    }

    /// The time as the log has it.
    pub fn now_ms(&self) -> u64 {
        devices::now_ms(&*self.sealed)
    }

    /// This device's key.
    pub fn device(&self) -> &DeviceKey {
        &self.device
    }

    /// Whether a restore had begun and not ended when this was read.
    pub fn is_restoring(&self) -> bool {
        self.is_restoring
    }

    /// Whether the recovery words have been written down.
    pub fn words_confirmed(&self) -> bool {
        self.words_confirmed.get()
    }

    /// The recovery words, until they are confirmed.
    ///
    /// # Errors
    /// They are confirmed; or storage failed.
    pub async fn words(&self) -> Result<RecoveryWords, IdentityError> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.get(keys::secret(keys::WORDS));
        let reply = batch.run(&*self.sealed).await?;
        let record = reply.value(0).ok_or(IdentityError::NoWords)?;
        let entropy = records::open(record).map_err(|_| IdentityError::Corrupt)?;
        let entropy = entropy.try_into().map_err(|_| IdentityError::Corrupt)?;
        Ok(RecoveryWords::from_entropy(entropy))
    }

    /// The person has written them down, as at least three of them show: they are not kept any more.
    ///
    /// # Errors
    /// A word is not the one at its place; or storage failed.
    pub async fn confirm_words(&self, shown: &[(u32, String)]) -> Result<(), IdentityError> {
        let phrase = self.words().await?.phrase();
        let words: Vec<&str> = phrase.split(' ').collect();
        let mut places: Vec<u32> = shown.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.dedup();
        if places.len() < 3 {
            return Err(IdentityError::Invalid("at least three words are needed"));
        }
        let is_right = |(place, word): &(u32, String)| {
            words.get(*place as usize) == Some(&word.trim().to_ascii_lowercase().as_str())
        };
        if !shown.iter().all(is_right) {
            return Err(IdentityError::WrongWord);
        }
        let mut batch = Batch::new(Durability::Strict);
        batch.delete(keys::secret(keys::WORDS));
        batch.run(&*self.sealed).await?;
        self.words_confirmed.set(true);
        Ok(())
    }

    /// The identity of these words takes this one's place, with what opens the data, in one batch. The person has the words already.
    ///
    /// # Errors
    /// Storage or the device's key failed, and everything is as it was.
    pub async fn recover(&self, vault: &Vault, words: &RecoveryWords) -> Result<(), IdentityError> {
        let keys = Keys::of_words(words, None);
        let log = devices::new_log(&*self.sealed, &keys.key, &self.device).await?;
        self.replace(vault, keys, log, None).await
    }

    /// A new identity key, of new words; the log says that this one leads to it.
    ///
    /// # Errors
    /// Storage failed, and everything is as it was.
    pub async fn rotate(&self, vault: &Vault) -> Result<(), IdentityError> {
        let words = RecoveryWords::generate(&mut |out| self.sealed.random(out));
        let next = Keys::of_words(&words, None);
        let mut log = self.log().clone();
        devices::rotate(
            &mut log,
            &self.keys.borrow().key,
            &next.key,
            devices::now_ms(&*self.sealed),
        )?;
        self.replace(vault, next, log, Some(&words)).await
    }

    /// Another identity takes this one's place, with what opens the data, in one batch. `words`: those that the person has to write down.
    async fn replace(
        &self,
        vault: &Vault,
        keys: Keys,
        log: Log,
        words: Option<&RecoveryWords>,
    ) -> Result<(), IdentityError> {
        let data_key = self.sealed.key().ok_or(VaultError::WrongSecret)?;
        let record = vault.with_words(&data_key, &keys.words_secret, &keys.did)?;
        let mut batch = Batch::new(Durability::Strict);
        record.put(&mut batch);
        keys.put(&mut batch);
        devices::put(&log, &mut batch);
        batch.delete(keys::secret(keys::RESTORING));
        match words {
            Some(words) => put_words(&mut batch, words),
            None => {
                batch.delete(keys::secret(keys::WORDS));
            }
        }
        batch.run(&*self.sealed).await?;
        vault.adopt(record);
        self.keys.replace(keys);
        self.log.replace(log);
        self.words_confirmed.set(words.is_none());
        Ok(())
    }

    /// The identity of a backup takes this one's place. `known`: the person has its words at hand.
    ///
    /// # Errors
    /// The backup has no sound identity; or storage, or the device's key, failed.
    pub async fn restore(&self, vault: &Vault, backup: &Contents, known: bool) -> Result<(), IdentityError> {
        let keys = Keys::read(backup.get(&keys::secret(keys::IDENTITY))).ok_or(IdentityError::Corrupt)?;
        let log = match backup.get(&devices::record()) {
            Some(record) => devices::read(Some(record)).ok_or(IdentityError::Corrupt)?,
            None => devices::new_log(&*self.sealed, &keys.key, &self.device).await?,
        };
        let log = devices::with_device(&*self.sealed, log, &keys.key, &self.device, "").await?;
        let words = match backup.get(&keys::secret(keys::WORDS)) {
            Some(record) if !known => {
                let entropy = records::open(record).map_err(|_| IdentityError::Corrupt)?;
                let entropy = entropy.try_into().map_err(|_| IdentityError::Corrupt)?;
                Some(RecoveryWords::from_entropy(entropy))
            }
            _ => None,
        };
        self.replace(vault, keys, log, words.as_ref()).await
    }

    /// What the words lead to, for a device that is becoming one of this identity's.
    pub fn handed_over(&self) -> Zeroizing<Vec<u8>> {
        self.keys.borrow().encode()
    }

    /// The identity of another device takes this one's place; in its log this device is entered already.
    ///
    /// # Errors
    /// The keys are not that identity's; or storage failed, and everything is as it was.
    pub async fn take_over(&self, vault: &Vault, handed_over: &[u8], log: Log) -> Result<(), IdentityError> {
        let keys = Keys::decode(handed_over).ok_or(IdentityError::Corrupt)?;
        if *log.state().identity() != keys.key.verifying_key().to_bytes() {
            return Err(IdentityError::Corrupt);
        }
        self.replace(vault, keys, log, None).await
    }

    /// The secret that the devices of this identity share.
    pub fn contact_key(&self) -> ContactKey {
        let keys = self.keys.borrow();
        let own = keys.key.verifying_key().to_bytes();
        ContactKey::between(&keys.key, &own).expect("a key that was made is of no low order")
    }

    /// The log of the account's devices.
    pub fn log(&self) -> Ref<'_, Log> {
        self.log.borrow()
    }

    /// DIDs that lead to this one, oldest first.
    pub fn former_dids(&self) -> Vec<String> {
        devices::former_dids(&self.log().state())
    }

    /// Enters something into the log.
    ///
    /// # Errors
    /// The log does not take it; or storage failed.
    pub async fn enter(&self, action: Action) -> Result<(), IdentityError> {
        let mut log = self.log().clone();
        devices::append(&mut log, &self.keys.borrow().key, action)?;
        self.store_log(log).await
    }

    /// Whether another identity may take this one's place: nothing belongs to it.
    ///
    /// # Errors
    /// What does.
    pub fn check_unused(&self, has_documents: bool) -> Result<(), IdentityError> {
        if has_documents {
            return Err(IdentityError::Exists("there are documents of another identity here"));
        }
        if self.words_confirmed() {
            return Err(IdentityError::Exists(
                "there is an identity here whose words are written down",
            ));
        }
        Ok(())
    }

    /// Takes in what another device's log of this account has more; whether it has. One of an account whose identity handed over to this one's takes this log's place, with this device in it.
    ///
    /// # Errors
    /// It is another account's; or storage, or the device's key, failed.
    pub async fn merge_log(&self, other: &Log) -> Result<bool, IdentityError> {
        let mut log = self.log().clone();
        if log.account() == other.account() {
            if !log.merge(other)? {
                return Ok(false);
            }
        } else {
            let key = self.keys.borrow().key.clone();
            if *other.state().identity() != key.verifying_key().to_bytes() {
                return Err(IdentityError::Invalid("the log is another account's"));
            }
            log = devices::with_device(&*self.sealed, other.clone(), &key, &self.device, "").await?;
        }
        self.store_log(log).await?;
        Ok(true)
    }

    /// This device agrees to be entered into an account's log.
    ///
    /// # Errors
    /// The device's key failed.
    pub async fn consent(&self, account: &[u8; 32]) -> Result<Signature, IdentityError> {
        devices::consent(&*self.sealed, &self.device, account).await
    }

    async fn store_log(&self, log: Log) -> Result<(), IdentityError> {
        let mut batch = Batch::new(Durability::Strict);
        devices::put(&log, &mut batch);
        batch.run(&*self.sealed).await?;
        self.log.replace(log);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key pair of the did:key method's test vectors, `ed25519-x25519.json`.
    #[test]
    fn the_did_of_the_methods_own_vectors() {
        let public = SigningKey::from_bytes(&[0; 32]).verifying_key().to_bytes();
        assert_eq!(
            did_key(&public),
            "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
        );
    }
}
