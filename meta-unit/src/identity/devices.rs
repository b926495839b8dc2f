//! The log of this account's devices, as it is stored: who speaks for the DID (`avatar_vault::device_log`).

use avatar_vault::device_log::{Action, Conflict, Draft, Log, LogError, State, join_statement};
use ed25519_dalek::{Signer, SigningKey};

use super::{DeviceKey, IdentityError, Signature, did_key};
use crate::data::{keys, records};
use crate::platform::{Batch, Platform};

/// Where the record of the log is.
pub fn record() -> Vec<u8> {
    keys::secret(keys::DEVICES)
}

impl From<LogError> for IdentityError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Name => Self::Invalid("the device's name is too long, or has control characters"),
            LogError::Full => Self::Invalid("the log of devices is full"),
            LogError::OtherAccount => Self::Invalid("the log is another account's"),
            LogError::Malformed | LogError::Signature | LogError::UnknownParent => Self::Corrupt,
        }
    }
}

/// The log of a new account, with this device in it. An identity key has one account only, whoever makes it when: so devices that come from the same words meet in one log.
///
/// # Errors
/// The device's key failed.
pub async fn new_log(platform: &dyn Platform, key: &SigningKey, device: &DeviceKey) -> Result<Log, IdentityError> {
    let draft = Draft::genesis(key.verifying_key().to_bytes(), 0);
    let log = Log::new(draft.sign(&key.sign(&draft.to_sign()).to_bytes(), None)?)?;
    with_device(platform, log, key, device, "").await
}

/// The log with this device in it.
///
/// # Errors
/// The device's key failed, or the log is full.
pub async fn with_device(
    platform: &dyn Platform,
    mut log: Log,
    key: &SigningKey,
    device: &DeviceKey,
    name: &str,
) -> Result<Log, IdentityError> {
    if log.state().is_active(&device.public_key()) {
        return Ok(log);
    }
    let consent = consent(platform, device, log.account()).await?;
    let action = Action::AddDevice {
        device: device.public_key(),
        agreement: device.agree_public_key(),
        name: name.to_owned(),
        at_ms: now_ms(platform),
        consent,
    };
    append(&mut log, key, action)?;
    Ok(log)
}

/// This device agrees to be entered into an account's log.
///
/// # Errors
/// The device's key failed.
pub async fn consent(
    platform: &dyn Platform,
    device: &DeviceKey,
    account: &[u8; 32],
) -> Result<Signature, IdentityError> {
    let statement = join_statement(account, &device.public_key(), &device.agree_public_key());
    device.sign(platform, &statement).await
}

/// DIDs that lead to the account's, oldest first.
pub fn former_dids(state: &State) -> Vec<String> {
    let (_, former) = state.identities.split_last().expect("the genesis makes the first");
    former.iter().map(|identity| did_key(&identity.key)).collect()
}

/// Adds an entry of the identity's key.
///
/// # Errors
/// The log does not take it.
pub fn append(log: &mut Log, key: &SigningKey, action: Action) -> Result<(), IdentityError> {
    let draft = log.draft(key.verifying_key().to_bytes(), action)?;
    let entry = draft.sign(&key.sign(&draft.to_sign()).to_bytes(), None)?;
    log.insert(entry)?;
    Ok(())
}

/// Adds the entry by which one identity key hands over to another.
///
/// # Errors
/// The log does not take it.
pub fn rotate(log: &mut Log, key: &SigningKey, next: &SigningKey, at_ms: u64) -> Result<(), IdentityError> {
    let action = Action::Rotate {
        identity: next.verifying_key().to_bytes(),
        at_ms,
    };
    let draft = log.draft(key.verifying_key().to_bytes(), action)?;
    let by_new_key = draft
        .to_sign_by_new_key()
        .map(|statement| next.sign(&statement).to_bytes());
    let entry = draft.sign(&key.sign(&draft.to_sign()).to_bytes(), by_new_key.as_ref())?;
    log.insert(entry)?;
    Ok(())
}

/// Puts the log into a batch.
pub fn put(log: &Log, batch: &mut Batch) {
    batch.put(record(), &records::seal(&log.encode()));
}

/// The log in this record.
pub fn read(record: Option<&[u8]>) -> Option<Log> {
    Log::decode(records::open(record?).ok()?).ok()
}

/// A conflict in words.
pub fn in_words(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Rotations { .. } => "The identity was handed over twice at the same time; one of them counts.",
        Conflict::Removals { .. } => {
            "Two devices removed each other at the same time; the one that was there longer stays."
        }
    }
    .to_owned()
}

/// The time as the log has it.
pub fn now_ms(platform: &dyn Platform) -> u64 {
    u64::try_from(platform.unix_ms()).unwrap_or(0)
}
