//! What is at rest is sealed under one data key, which opens with the platform's key, with the recovery words, with a passphrase or with a passkey.
//!
//! - [`sealed`]: storage as the domains see it.
//! - [`record`]: what opens the data key, as it is stored.
//! - [`seal_store`]: the way from schema 1, where nothing was sealed.

mod record;
pub mod seal_store;
pub mod sealed;

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::keys_command::Command;
use avatar_proto::unlock_secret::Secret as Asked;
use avatar_proto::{
    AppError, Durability, ErrorCode, KeyProtection, KeysCommand, KeysOpen, KeysResult, KeysUnwrap, KeysWrap,
    OpErrorCode, Passkey, UnlockSecret,
};
use avatar_vault::DataKey;
use avatar_vault::words::RecoveryWords;
use avatar_vault::wrap::{Cost, Keyring, KeyringError, Kind, Lock, Params, Secret, WrapError};
use zeroize::Zeroizing;

use crate::data::keys;
use crate::platform::{Batch, Level, Platform, PlatformError, holds_any};
pub use record::VaultRecord;
pub use sealed::Sealed;

/// The key set of this device, as `avatar_keys` knows it.
pub const DEVICE_KEYS: &str = "device";

/// What the platform binds a wrapped key to.
const WRAP_CONTEXT: &[u8] = b"avatar/vault/v1/platform-key";

/// A passphrase has so many characters at least.
const MIN_PASSPHRASE_CHARS: usize = 8;

/// Why the vault does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Storage or the platform's keys failed.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The record of what opens the data is damaged or gone, and data is there. It must not be replaced: nothing would open any more.
    #[error("the record of what opens the data is damaged or gone")]
    Corrupt,
    /// The passphrase, the words or the passkey are not the ones.
    #[error("that does not open the data")]
    WrongSecret,
    /// What was given cannot be used.
    #[error("{0}")]
    Invalid(&'static str),
    /// It would leave the owner without a way back in, or open to everybody.
    #[error("{0}")]
    Denied(&'static str),
    /// There is nothing of that kind.
    #[error("there is no such thing")]
    NotFound,
}

impl VaultError {
    /// What an application is told.
    pub fn to_app_error(&self) -> AppError {
        let code = match self {
            Self::Platform(error) => return error.to_app_error(),
            Self::Corrupt => ErrorCode::Corrupt,
            Self::WrongSecret => ErrorCode::WrongSecret,
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::Denied(_) => ErrorCode::Denied,
            Self::NotFound => ErrorCode::NotFound,
        };
        AppError {
            code: code.into(),
            message: self.to_string(),
            retryable: false,
        }
    }
}

impl From<KeyringError> for VaultError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Wrap(WrapError::WrongSecret | WrapError::WrongKind) => Self::WrongSecret,
            KeyringError::Wrap(WrapError::EmptyPassphrase) => Self::Invalid("the passphrase is empty"),
            KeyringError::Wrap(WrapError::TooLong) => {
                Self::Invalid("the passphrase, the label or a parameter is too long")
            }
            KeyringError::Wrap(WrapError::Memory) => Self::Invalid("there is not enough memory for the passphrase"),
            KeyringError::Wrap(WrapError::Cost) | KeyringError::Malformed | KeyringError::OtherKey => Self::Corrupt,
            KeyringError::LastOwners => Self::Denied("one recovery secret of the owner's own has to remain"),
            KeyringError::Full => Self::Denied("there are too many ways in already"),
            KeyringError::NotFound => Self::NotFound,
        }
    }
}

/// What opens this store.
pub struct Vault {
    platform: Rc<dyn Platform>,
    record: RefCell<VaultRecord>,
}

/// A data key that was just made, and storage that is sealed under it, in which nothing is yet.
pub struct Created {
    /// Sealed storage.
    pub sealed: Rc<Sealed>,
    /// Belongs into the first batch: what opens the data key.
    pub record: VaultRecord,
}

impl Vault {
    /// The vault of this store; None where the store is empty.
    ///
    /// # Errors
    /// Storage failed; or there is data, and nothing that says what opens it.
    pub async fn load(platform: &Rc<dyn Platform>) -> Result<Option<Self>, VaultError> {
        match VaultRecord::load(&**platform).await? {
            Some(record) => Ok(Some(Self::new(platform, record))),
            None if holds_any(&**platform, keys::sealed()).await? => Err(VaultError::Corrupt),
            None => Ok(None),
        }
    }

    /// The vault of this record, which is stored.
    pub fn new(platform: &Rc<dyn Platform>, record: VaultRecord) -> Self {
        Self {
            platform: Rc::clone(platform),
            record: RefCell::new(record),
        }
    }

    /// A new data key, which opens with the words and with the platform's key. Nothing is stored yet.
    ///
    /// # Errors
    /// The platform's keys failed.
    pub async fn create(platform: &Rc<dyn Platform>, words: &RecoveryWords, did: &str) -> Result<Created, VaultError> {
        let random = &mut |out: &mut [u8]| platform.random(out);
        let key = DataKey::generate(random);
        let mut record = VaultRecord {
            keyring: Keyring::new(&key, Lock::Words(words), "", random)?,
            did: did.to_owned(),
            ask_at_start: false,
            lock_after_seconds: 0,
            protection: KeyProtection::Unspecified,
        };
        renew_platform(platform, &mut record, &key).await?;
        let sealed = Sealed::new(Rc::clone(platform), key);
        Ok(Created { sealed, record })
    }

    /// The owner, as far as it is known without opening anything.
    pub fn did(&self) -> String {
        self.record.borrow().did.clone()
    }

    /// A copy of the record as it is stored.
    pub fn record(&self) -> VaultRecord {
        self.record.borrow().clone()
    }

    /// Opens storage that awaits its key with the platform's key; or says why that does not open it, in words.
    ///
    /// # Errors
    /// The platform failed, where it may succeed the next time.
    pub async fn open_with_platform(&self, sealed: &Sealed) -> Result<Result<(), &'static str>, VaultError> {
        let record = self.record();
        let Some((id, blob)) = platform_wrapping(&record.keyring) else {
            return Ok(Err("it was locked, or asks at each start"));
        };
        let secret = match record.protection {
            KeyProtection::Unspecified => blob,
            _ => match self.unwrap(blob).await {
                Ok(secret) => secret,
                Err(error) if is_gone(&error) => return Ok(Err("this device's own key is gone")),
                Err(error) => return Err(error.into()),
            },
        };
        let secret = Zeroizing::new(secret);
        let opened = <&[u8; 32]>::try_from(secret.as_slice())
            .ok()
            .and_then(|secret| record.keyring.open(&id, Secret::Platform(secret)).ok());
        Ok(match opened {
            Some(key) => {
                sealed.open(key);
                Ok(())
            }
            None => Err("this device's own key is another one than before"),
        })
    }

    /// Storage, opened with a secret of the owner. Unless it asks at each start, the platform's key opens it again from now on.
    ///
    /// # Errors
    /// It is not the secret.
    pub async fn unlock(&self, secret: &UnlockSecret) -> Result<Rc<Sealed>, VaultError> {
        let key = self.data_key(secret)?;
        let mut record = self.record();
        if !record.ask_at_start {
            let renewed = match renew_platform(&self.platform, &mut record, &key).await {
                Ok(()) => self.store(record).await,
                Err(error) => Err(error),
            };
            if let Err(error) = renewed {
                // It is open all the same; the next start asks again.
                let told = format!("the device's key does not open the data: {error}");
                self.platform.log(Level::Warn, &told);
            }
        }
        Ok(Sealed::new(Rc::clone(&self.platform), key))
    }

    fn data_key(&self, secret: &UnlockSecret) -> Result<DataKey, VaultError> {
        let record = self.record.borrow();
        let opened = match &secret.secret {
            Some(Asked::Passphrase(passphrase)) => record.keyring.unlock(Secret::Passphrase(passphrase)),
            Some(Asked::Words(words)) => {
                let words = RecoveryWords::parse(words).map_err(|_| VaultError::WrongSecret)?;
                record.keyring.unlock(Secret::Words(&words))
            }
            Some(Asked::Passkey(passkey)) => {
                let output = <&[u8; 32]>::try_from(passkey.prf_output.as_slice())
                    .map_err(|_| VaultError::Invalid("a PRF output has 32 bytes"))?;
                record.keyring.unlock(Secret::Passkey(output))
            }
            None => return Err(VaultError::Invalid("no secret is given")),
        };
        opened.map_err(|error| match error {
            // Whether there is a passphrase is no secret, but nobody needs to be told.
            KeyringError::NotFound => VaultError::WrongSecret,
            error => error.into(),
        })
    }

    /// From now on, nothing opens the data but a secret of the owner. Flushed to the medium when this resolves.
    ///
    /// # Errors
    /// There is no passphrase and no passkey: whoever locks would have to type 24 words; or storage failed.
    pub async fn lock(&self) -> Result<(), VaultError> {
        let mut record = self.record();
        if !has(&record.keyring, Kind::Passphrase) && !has(&record.keyring, Kind::Passkey) {
            return Err(VaultError::Denied("set a passphrase or a passkey first"));
        }
        remove_all(&mut record.keyring, Kind::Platform)?;
        self.store(record).await
    }

    /// Whether there is a passphrase.
    pub fn has_passphrase(&self) -> bool {
        has(&self.record.borrow().keyring, Kind::Passphrase)
    }

    /// The passkeys, as a client needs them to ask for their secrets.
    pub fn passkeys(&self) -> Vec<Passkey> {
        let record = self.record.borrow();
        let passkeys = record
            .keyring
            .wrappings()
            .iter()
            .filter_map(|wrapping| match wrapping.params() {
                Params::Passkey { salt, credential } => Some(Passkey {
                    credential_id: credential.clone(),
                    salt: salt.to_vec(),
                    label: wrapping.label().to_owned(),
                }),
                _ => None,
            });
        passkeys.collect()
    }

    /// Sets or replaces the passphrase.
    ///
    /// # Errors
    /// It is too short; or storage failed, and the former one still opens the data.
    pub async fn set_passphrase(&self, key: &DataKey, passphrase: &str, ask_at_start: bool) -> Result<(), VaultError> {
        if passphrase.chars().count() < MIN_PASSPHRASE_CHARS {
            return Err(VaultError::Invalid("a passphrase has at least 8 characters"));
        }
        let mut record = self.record();
        let lock = Lock::Passphrase {
            passphrase,
            cost: Cost::DEFAULT,
        };
        self.put_in_place(&mut record.keyring, key, Kind::Passphrase, lock)?;
        record.ask_at_start = ask_at_start;
        match ask_at_start {
            true => remove_all(&mut record.keyring, Kind::Platform)?,
            false => renew_platform(&self.platform, &mut record, key).await?,
        }
        self.store(record).await
    }

    /// Removes the passphrase; the platform's key opens the data again.
    ///
    /// # Errors
    /// There is none, or no words; or storage failed.
    pub async fn remove_passphrase(&self, key: &DataKey) -> Result<(), VaultError> {
        let mut record = self.record();
        if !self.has_passphrase() {
            return Err(VaultError::NotFound);
        }
        remove_all(&mut record.keyring, Kind::Passphrase)?;
        record.ask_at_start = false;
        renew_platform(&self.platform, &mut record, key).await?;
        self.store(record).await
    }

    /// A passkey opens the data, too.
    ///
    /// # Errors
    /// A parameter has another length than it should; or storage failed.
    pub async fn add_passkey(
        &self,
        key: &DataKey,
        credential: &[u8],
        prf_output: &[u8],
        salt: &[u8],
        label: &str,
    ) -> Result<(), VaultError> {
        let (Ok(output), Ok(salt)) = (prf_output.try_into(), salt.try_into()) else {
            return Err(VaultError::Invalid("a PRF output and its salt have 32 bytes each"));
        };
        let lock = Lock::Passkey {
            output,
            salt,
            credential,
        };
        let mut record = self.record();
        record
            .keyring
            .add(key, lock, label, &mut |out| self.platform.random(out))?;
        self.store(record).await
    }

    /// Removes a passkey, by its credential's id.
    ///
    /// # Errors
    /// There is none; or storage failed.
    pub async fn remove_passkey(&self, credential_id: &[u8]) -> Result<(), VaultError> {
        let mut record = self.record();
        let found = record.keyring.wrappings().iter().find(
            |wrapping| matches!(wrapping.params(), Params::Passkey { credential, .. } if credential == credential_id),
        );
        let id = *found.ok_or(VaultError::NotFound)?.id();
        record.keyring.remove(&id)?;
        self.store(record).await
    }

    /// Locks when nobody has asked anything for so long; 0 = never.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn lock_after(&self, seconds: u32) -> Result<(), VaultError> {
        let mut record = self.record();
        record.lock_after_seconds = seconds;
        self.store(record).await
    }

    /// The record for another identity with other words (as what they lead to), for the batch that stores that identity; [`adopt`](Self::adopt) it when the batch is durable.
    ///
    /// # Errors
    /// There are too many ways in.
    pub fn with_words(&self, key: &DataKey, words: &[u8; 32], did: &str) -> Result<VaultRecord, VaultError> {
        let mut record = self.record();
        self.put_in_place(&mut record.keyring, key, Kind::Words, Lock::KeptWords(words))?;
        record.did = did.to_owned();
        Ok(record)
    }

    /// A wrapping takes the place of all others of its kind. They go last: the owner's last way in cannot be removed.
    fn put_in_place(&self, keyring: &mut Keyring, key: &DataKey, kind: Kind, lock: Lock<'_>) -> Result<(), VaultError> {
        let former = ids(keyring, kind);
        keyring.add(key, lock, "", &mut |out| self.platform.random(out))?;
        remove(keyring, former)
    }

    /// A record that was stored is the one from now on.
    pub fn adopt(&self, record: VaultRecord) {
        self.record.replace(record);
    }

    /// One batch, flushed to the medium: whenever the process dies, either the former ways in open the data or the new ones.
    async fn store(&self, record: VaultRecord) -> Result<(), VaultError> {
        let mut batch = Batch::new(Durability::Strict);
        record.put(&mut batch);
        batch.run(&*self.platform).await?;
        self.adopt(record);
        Ok(())
    }

    async fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, PlatformError> {
        let unwrap = Command::Unwrap(KeysUnwrap {
            wrapped,
            context: WRAP_CONTEXT.to_vec(),
        });
        Ok(self.platform.keys(command(unwrap)).await?.data)
    }
}

/// A command for this device's keys.
pub fn command(command: Command) -> KeysCommand {
    KeysCommand {
        name: DEVICE_KEYS.to_owned(),
        command: Some(command),
    }
}

/// Whether the host has no keys at all.
fn is_unsupported(error: &PlatformError) -> bool {
    error.code == OpErrorCode::Unsupported
}

fn is_gone(error: &PlatformError) -> bool {
    matches!(
        error.code,
        OpErrorCode::NotFound | OpErrorCode::Corrupt | OpErrorCode::Unsupported
    )
}

/// This device's keys, as the platform keeps them. None where it keeps none, or none that live as long as what they are for: a store may outlive the process that holds its keys.
///
/// # Errors
/// The platform's keys failed.
pub async fn device_keys(platform: &dyn Platform) -> Result<Option<KeysResult>, PlatformError> {
    match platform.keys(command(Command::Open(KeysOpen {}))).await {
        Ok(opened) if opened.protection() == KeyProtection::Memory => Ok(None),
        Ok(opened) => Ok(Some(opened)),
        Err(error) if is_unsupported(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// In the place of all such before: a wrapping that the platform's key opens; where the platform keeps no keys, one whose key lies beside it.
async fn renew_platform(
    platform: &Rc<dyn Platform>,
    record: &mut VaultRecord,
    key: &DataKey,
) -> Result<(), VaultError> {
    remove_all(&mut record.keyring, Kind::Platform)?;
    let mut secret = Zeroizing::new([0; 32]);
    platform.random(secret.as_mut_slice());
    let (protection, blob) = match device_keys(&**platform).await? {
        None => (KeyProtection::Unspecified, secret.to_vec()),
        Some(opened) => {
            let wrap = Command::Wrap(KeysWrap {
                secret: secret.to_vec(),
                context: WRAP_CONTEXT.to_vec(),
            });
            (opened.protection(), platform.keys(command(wrap)).await?.data)
        }
    };
    let lock = Lock::Platform {
        key: &secret,
        blob: &blob,
    };
    record.keyring.add(key, lock, "", &mut |out| platform.random(out))?;
    record.protection = protection;
    Ok(())
}

fn platform_wrapping(keyring: &Keyring) -> Option<([u8; 16], Vec<u8>)> {
    keyring.wrappings().iter().find_map(|wrapping| match wrapping.params() {
        Params::Platform { blob } => Some((*wrapping.id(), blob.clone())),
        _ => None,
    })
}

fn has(keyring: &Keyring, kind: Kind) -> bool {
    keyring.wrappings().iter().any(|wrapping| wrapping.kind() == kind)
}

fn ids(keyring: &Keyring, kind: Kind) -> Vec<[u8; 16]> {
    let of_kind = keyring.wrappings().iter().filter(|wrapping| wrapping.kind() == kind);
    of_kind.map(|wrapping| *wrapping.id()).collect()
}

fn remove_all(keyring: &mut Keyring, kind: Kind) -> Result<(), VaultError> {
    remove(keyring, ids(keyring, kind))
}

fn remove(keyring: &mut Keyring, wrappings: Vec<[u8; 16]>) -> Result<(), VaultError> {
    for id in wrappings {
        keyring.remove(&id)?;
    }
    Ok(())
}
