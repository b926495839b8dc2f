//! The owner's requests.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{
    ErrorCode, IdentityGet, IdentityLock, IdentityPassphraseSet, IdentityState, IdentityUnlock, IdentityWordsConfirm,
    IdentityWordsGet, Response, UnlockSecret, WordAt,
};
use meta_unit::abi::test_host::TestHost;

use crate::client::{ask, error};

/// The identity that an answer tells, or why not.
pub fn state_in(answers: &[Response]) -> Result<IdentityState, ErrorCode> {
    match answers.last().and_then(|answer| answer.response.clone()) {
        Some(Answer::Identity(state)) => Ok(state),
        _ => Err(error(answers).expect("an identity or an error")),
    }
}

/// The last answer, or why there is none.
pub fn answer(host: &TestHost, request: Ask) -> Result<Answer, ErrorCode> {
    let answers = host.call(&ask(request));
    match error(&answers) {
        Some(error) => Err(error),
        None => Ok(answers
            .into_iter()
            .next_back()
            .and_then(|answer| answer.response)
            .expect("an answer")),
    }
}

pub fn call(host: &TestHost, request: Ask) -> Result<IdentityState, ErrorCode> {
    state_in(&host.call(&ask(request)))
}

pub fn state(host: &TestHost) -> IdentityState {
    call(host, Ask::IdentityGet(IdentityGet {})).expect("it is always told")
}

pub fn words(host: &TestHost) -> Option<String> {
    match host
        .call(&ask(Ask::IdentityWordsGet(IdentityWordsGet {})))
        .pop()?
        .response?
    {
        Answer::IdentityWords(words) => Some(words.words.join(" ")),
        _ => None,
    }
}

pub fn confirm(host: &TestHost, words: &str, places: &[u32]) -> Result<IdentityState, ErrorCode> {
    let list: Vec<&str> = words.split(' ').collect();
    let words = places.iter().map(|place| WordAt {
        index: *place,
        word: list[*place as usize].to_owned(),
    });
    let words = words.collect();
    call(host, Ask::IdentityWordsConfirm(IdentityWordsConfirm { words }))
}

pub fn set_passphrase(host: &TestHost, passphrase: &str, ask_at_start: bool) -> Result<IdentityState, ErrorCode> {
    let set = IdentityPassphraseSet {
        passphrase: passphrase.to_owned(),
        ask_at_start,
    };
    call(host, Ask::IdentityPassphraseSet(set))
}

pub fn lock(host: &TestHost) -> Result<IdentityState, ErrorCode> {
    call(host, Ask::IdentityLock(IdentityLock {}))
}

pub fn unlock(host: &TestHost, secret: Secret) -> Result<IdentityState, ErrorCode> {
    let secret = Some(UnlockSecret { secret: Some(secret) });
    call(host, Ask::IdentityUnlock(IdentityUnlock { secret }))
}

pub fn passphrase(passphrase: &str) -> Secret {
    Secret::Passphrase(passphrase.to_owned())
}

/// The next life.
pub fn restarted(host: &TestHost) -> TestHost {
    let next = host.restarted();
    assert_eq!(next.start(&Default::default()).error, None);
    next
}
