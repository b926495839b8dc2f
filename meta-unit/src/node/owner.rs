//! Requests of the owner about their identity, and what opens their data.

use std::rc::Rc;

use avatar_proto::event::Event as Told;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{Device, ErrorCode, Event, IdentityState, IdentityWords, Response};
use avatar_vault::words::RecoveryWords;

use super::services::Services;
use super::{Locked, Responder, app_error};
use crate::identity::IdentityError;
use crate::platform::Platform;
use crate::vault::{Vault, VaultError};

/// Answers a request about the identity.
pub fn dispatch(services: &Rc<Services>, request: Ask, responder: Responder) {
    let services = Rc::clone(services);
    let platform = Rc::clone(services.sealed()) as Rc<dyn Platform>;
    platform.spawn(Box::pin(async move {
        match request {
            Ask::IdentityGet(_) | Ask::IdentityUnlock(_) => responder.finish(response(state(&services))),
            Ask::IdentityWordsGet(_) => match services.identity().words().await {
                Ok(words) => {
                    let words = words.phrase().split(' ').map(str::to_owned).collect();
                    responder.finish(Response {
                        response: Some(Answer::IdentityWords(IdentityWords { words })),
                    });
                }
                Err(error) => responder.fail(error.to_app_error()),
            },
            request => match change(&services, request).await {
                Some(Ok(())) => changed(&services, responder),
                Some(Err(error)) => responder.fail(error.to_app_error()),
                None => responder.fail(app_error(ErrorCode::Unsupported, "this build cannot do that")),
            },
        }
    }));
}

/// The requests whose answer is the identity as it is afterwards. None: it is no such request.
async fn change(services: &Rc<Services>, request: Ask) -> Option<Result<(), IdentityError>> {
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
        _ => None,
    }
}

/// Takes the identity of these words, if nothing belongs to the one that is here.
async fn recover(services: &Rc<Services>, words: &str) -> Result<(), IdentityError> {
    let words = RecoveryWords::parse(words).map_err(|_| VaultError::WrongSecret)?;
    if services.has_documents() {
        return Err(IdentityError::Exists("there are documents of another identity here"));
    }
    if services.identity().words_confirmed() {
        return Err(IdentityError::Exists(
            "there is an identity here whose words are written down",
        ));
    }
    services.identity().replace(services.vault(), &words, true).await?;
    services.identity_replaced();
    Ok(())
}

/// Answers with the identity as it is now, and tells everybody.
pub fn changed(services: &Rc<Services>, responder: Responder) {
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
    IdentityState {
        did: identity.did(),
        words_confirmed: identity.words_confirmed(),
        devices: vec![Device {
            sign_public_key: identity.device().public_key().to_vec(),
            name: String::new(),
            added_ms: 0,
            removed_ms: 0,
            this_device: true,
        }],
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
