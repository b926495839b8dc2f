//! Requests of the owner about their identity, and what opens their data.

use avatar_proto::event::Event as Told;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    Device, DeviceAdd, DeviceConsent, DeviceLog, DeviceRename, ErrorCode, Event, IdentityState, IdentityWords, Response,
};
use avatar_vault::device_log::{Action, Log};
use avatar_vault::words::RecoveryWords;

use super::services::Services;
use super::{Locked, Responder, app_error};
use crate::identity::{Identity, IdentityError, devices};
use crate::platform::Platform;
use crate::vault::{Vault, VaultError};

/// Answers a request about the identity.
pub async fn answer(services: &Services, request: Ask, responder: Responder) {
    match request {
        Ask::IdentityGet(_) | Ask::IdentityUnlock(_) => responder.finish(response(state(services))),
        Ask::IdentityWordsGet(_) => match services.identity().words().await {
            Ok(words) => {
                let words = words.phrase().split(' ').map(str::to_owned).collect();
                responder.finish(Response {
                    response: Some(Answer::IdentityWords(IdentityWords { words })),
                });
            }
            Err(error) => responder.fail(error.to_app_error()),
        },
        Ask::DeviceLogGet(_) => responder.finish(Response {
            response: Some(Answer::DeviceLog(DeviceLog {
                log: services.identity().log().encode(),
            })),
        }),
        Ask::DeviceConsentGet(consent) => match consent_of(services.identity(), &consent.account).await {
            Ok(consent) => responder.finish(Response {
                response: Some(Answer::DeviceConsent(consent)),
            }),
            Err(error) => responder.fail(error.to_app_error()),
        },
        request => match change(services, request).await {
            Some(Ok(())) => {
                services.identity_replaced();
                changed(services, responder);
            }
            Some(Err(error)) => responder.fail(error.to_app_error()),
            None => responder.fail(app_error(ErrorCode::Unsupported, "this build cannot do that")),
        },
    }
}

async fn consent_of(identity: &Identity, account: &[u8]) -> Result<DeviceConsent, IdentityError> {
    let account = account
        .try_into()
        .map_err(|_| IdentityError::Invalid("an account has 32 bytes"))?;
    let device = identity.device();
    Ok(DeviceConsent {
        sign_public_key: device.public_key().to_vec(),
        agree_public_key: device.agree_public_key().to_vec(),
        consent: identity.consent(account).await?.to_vec(),
    })
}

/// The requests whose answer is the identity as it is afterwards. None: it is no such request.
async fn change(services: &Services, request: Ask) -> Option<Result<(), IdentityError>> {
    let (vault, identity) = (services.vault(), services.identity());
    let Some(key) = services.sealed().key() else {
        return Some(Err(VaultError::WrongSecret.into()));
    };
    let of_vault = |result: Result<(), VaultError>| Some(result.map_err(IdentityError::from));
    match request {
        Ask::IdentityWordsConfirm(confirm) => {
            let shown: Vec<_> = confirm.words.into_iter().map(|word| (word.index, word.word)).collect();
            Some(identity.confirm_words(&shown).await)
        }
        Ask::IdentityPassphraseSet(set) => {
            of_vault(vault.set_passphrase(&key, &set.passphrase, set.ask_at_start).await)
        }
        Ask::IdentityPassphraseRemove(_) => of_vault(vault.remove_passphrase(&key).await),
        Ask::IdentityPasskeyAdd(add) => {
            let secret = add.secret.unwrap_or_default();
            of_vault(
                vault
                    .add_passkey(&key, &secret.credential_id, &secret.prf_output, &add.salt, &add.label)
                    .await,
            )
        }
        Ask::IdentityPasskeyRemove(remove) => of_vault(vault.remove_passkey(&remove.credential_id).await),
        Ask::IdentityRecover(recover) => Some(self::recover(services, &recover.words).await),
        Ask::IdentityRotate(_) => Some(identity.rotate(vault).await),
        Ask::DeviceAdd(add) => Some(self::add_device(identity, add).await),
        Ask::DeviceRemove(remove) => Some(self::remove_device(identity, &remove.sign_public_key).await),
        Ask::DeviceRename(rename) => Some(self::rename_device(identity, rename).await),
        Ask::DeviceLogMerge(merge) => Some(match Log::decode(&merge.log) {
            Ok(log) => identity.merge_log(&log).await.map(drop),
            Err(error) => Err(error.into()),
        }),
        _ => None,
    }
}

/// Takes the identity of these words, if nothing belongs to the one that is here.
async fn recover(services: &Services, words: &str) -> Result<(), IdentityError> {
    let words = RecoveryWords::parse(words).map_err(|_| VaultError::WrongSecret)?;
    services.identity().check_unused(services.has_documents())?;
    services.identity().recover(services.vault(), &words).await
}

async fn add_device(identity: &Identity, add: DeviceAdd) -> Result<(), IdentityError> {
    let invalid = |_| IdentityError::Invalid("keys have 32 bytes, and a consent has 64");
    let action = Action::AddDevice {
        device: add.sign_public_key.as_slice().try_into().map_err(invalid)?,
        agreement: add.agree_public_key.as_slice().try_into().map_err(invalid)?,
        name: add.name,
        at_ms: identity.now_ms(),
        consent: add.consent.as_slice().try_into().map_err(invalid)?,
    };
    identity.enter(action).await
}

async fn remove_device(identity: &Identity, key: &[u8]) -> Result<(), IdentityError> {
    let device = known_device(identity, key)?;
    if device == identity.device().public_key() {
        return Err(IdentityError::Invalid("another device has to remove this one"));
    }
    let at_ms = identity.now_ms();
    identity.enter(Action::RemoveDevice { device, at_ms }).await
}

async fn rename_device(identity: &Identity, rename: DeviceRename) -> Result<(), IdentityError> {
    let action = Action::RenameDevice {
        device: known_device(identity, &rename.sign_public_key)?,
        name: rename.name,
        at_ms: identity.now_ms(),
    };
    identity.enter(action).await
}

/// The key of a device that is there.
fn known_device(identity: &Identity, key: &[u8]) -> Result<[u8; 32], IdentityError> {
    let key = key
        .try_into()
        .map_err(|_| IdentityError::Invalid("a key has 32 bytes"))?;
    match identity.log().state().is_active(&key) {
        true => Ok(key),
        false => Err(IdentityError::Invalid("there is no such device")),
    }
}

/// Answers with the identity as it is now, and tells everybody.
pub fn changed(services: &Services, responder: Responder) {
    let state = state(services);
    tell(&**services.sealed(), state.clone());
    responder.finish(response(state));
}

/// Tells every client.
pub fn tell(platform: &dyn Platform, state: IdentityState) {
    platform.emit(Event {
        event: Some(Told::IdentityChanged(state)),
    });
}

/// The state as an answer.
pub fn response(state: IdentityState) -> Response {
    Response {
        response: Some(Answer::Identity(state)),
    }
}

/// The state of a node that is open.
pub fn state(services: &Services) -> IdentityState {
    let identity = services.identity();
    let log = identity.log().state();
    let this = identity.device().public_key();
    let told = log.devices.iter().map(|device| Device {
        sign_public_key: device.key.to_vec(),
        name: device.name.clone(),
        added_ms: device.added_ms as i64,
        removed_ms: device.removed.as_ref().map_or(0, |removal| removal.at_ms.max(1) as i64),
        this_device: device.key == this,
    });
    IdentityState {
        did: identity.did(),
        former_dids: devices::former_dids(&log),
        words_confirmed: identity.words_confirmed(),
        devices: told.collect(),
        account: log.account.to_vec(),
        conflicts: log.conflicts.iter().map(devices::in_words).collect(),
        ..of_vault(services.vault())
    }
}

/// The state of a node that is locked.
pub fn locked_state(locked: &Locked) -> IdentityState {
    IdentityState {
        locked: true,
        locked_reason: locked.reason.to_owned(),
        ..of_vault(&locked.vault)
    }
}

fn of_vault(vault: &Vault) -> IdentityState {
    let record = vault.record();
    IdentityState {
        did: record.did,
        protection: record.protection.into(),
        has_passphrase: vault.has_passphrase(),
        ask_at_start: record.ask_at_start,
        passkeys: vault.passkeys(),
        lock_after_seconds: record.lock_after_seconds,
        ..IdentityState::default()
    }
}
