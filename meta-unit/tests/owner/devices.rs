//! The identity's key, and the devices that speak for it.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{
    Device, DeviceAdd, DeviceConsent, DeviceConsentGet, DeviceLogGet, DeviceLogMerge, DeviceRemove, DeviceRename,
    DidResolve, ErrorCode, IdentityRecover, IdentityRotate, IdentityState,
};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;
use crate::owner::*;

fn recovered(seed: u64, words: &str) -> TestHost {
    let host = TestHost::started(seed);
    let words = words.to_owned();
    call(&host, Ask::IdentityRecover(IdentityRecover { words })).expect("nothing is in its way");
    host
}

fn log(host: &TestHost) -> Vec<u8> {
    match host
        .call(&ask(Ask::DeviceLogGet(DeviceLogGet {})))
        .pop()
        .and_then(|answer| answer.response)
    {
        Some(Answer::DeviceLog(log)) => log.log,
        other => panic!("{other:?}"),
    }
}

fn merge(host: &TestHost, log: Vec<u8>) -> Result<IdentityState, ErrorCode> {
    call(host, Ask::DeviceLogMerge(DeviceLogMerge { log }))
}

fn keys(state: &IdentityState) -> Vec<(Vec<u8>, bool)> {
    let mut keys: Vec<_> = state
        .devices
        .iter()
        .map(|device| (device.sign_public_key.clone(), device.removed_ms == 0))
        .collect();
    keys.sort();
    keys
}

fn this(state: &IdentityState) -> &Device {
    state
        .devices
        .iter()
        .find(|device| device.this_device)
        .expect("it is in the log")
}

#[test]
fn a_rotated_identity_has_new_words_and_the_old_did_leads_to_the_new_one() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[("title", string("kept"))]), true));
    let (old, old_words) = (state(&host), words(&host).expect("they are shown"));
    confirm(&host, &old_words, &[0, 1, 2]).expect("they are right");
    let new = call(&host, Ask::IdentityRotate(IdentityRotate {})).expect("it rotates");
    assert!(new.did != old.did && new.former_dids == [old.did.clone()] && new.account == old.account);
    assert!(!new.words_confirmed, "there are new words to write down");
    let new_words = words(&host).expect("they are shown");
    assert_ne!(new_words, old_words);
    match host
        .call(&ask(Ask::DidResolve(DidResolve { did: old.did.clone() })))
        .pop()
        .and_then(|answer| answer.response)
    {
        Some(Answer::DidResolved(resolved)) => assert!(
            resolved
                .document
                .contains(&format!("\"alsoKnownAs\":[\"{}\"]", new.did))
        ),
        other => panic!("{other:?}"),
    }
    host.call(&create(2, 1, map(&[("title", string("newer"))]), true));
    host.lose_keys();
    let next = restarted(&host);
    assert_eq!(unlock(&next, Secret::Words(old_words)), Err(ErrorCode::WrongSecret));
    let open = unlock(&next, Secret::Words(new_words)).expect("they open it");
    assert_eq!(
        (open.did.clone(), open.former_dids),
        (new.did.clone(), vec![old.did.clone()])
    );
    assert_eq!(View::open(&next, 1, 1).opened.owner, old.did);
    assert_eq!(View::open(&next, 2, 1).opened.owner, new.did);
}

#[test]
fn a_rotation_that_dies_at_any_moment_leaves_the_old_identity_or_the_new_one_whole() {
    let mut finished = false;
    let mut steps = 0;
    while !finished {
        let host = TestHost::started(1);
        let old = words(&host).expect("they are shown");
        let sent = host.send(&ask(Ask::IdentityRotate(IdentityRotate {})));
        for _ in 0..steps {
            host.step();
        }
        finished = host.has_finished(sent);
        let next = restarted(&host);
        let state = state(&next);
        let words = words(&next).expect("they are shown");
        assert_eq!(words == old, state.former_dids.is_empty());
        assert!(!finished || words != old);
        host.lose_keys();
        let third = restarted(&host);
        assert_eq!(
            unlock(&third, Secret::Words(words)).expect("they open it").did,
            state.did
        );
        steps += 1;
        assert!(steps < 100, "it never finishes");
    }
}

#[test]
fn devices_of_the_same_words_meet_in_one_log_and_agree() {
    let words = words(&TestHost::started(1)).expect("they are shown");
    let (first, second, third) = (recovered(2, &words), recovered(3, &words), recovered(4, &words));
    assert_eq!(state(&first).account, state(&second).account);
    let removed = this(&state(&third)).sign_public_key.clone();
    merge(&first, log(&third)).expect("it is its account's");
    merge(&second, log(&third)).expect("it is its account's");
    call(
        &first,
        Ask::DeviceRename(DeviceRename {
            sign_public_key: this(&state(&first)).sign_public_key.clone(),
            name: "the laptop".to_owned(),
        }),
    )
    .expect("it is renamed");
    call(
        &second,
        Ask::DeviceRemove(DeviceRemove {
            sign_public_key: removed.clone(),
        }),
    )
    .expect("it is removed");
    merge(&first, log(&second)).expect("it is its account's");
    let merged = merge(&second, log(&first)).expect("it is its account's");
    assert_eq!(log(&first), log(&second));
    assert_eq!(keys(&merged), keys(&state(&first)));
    assert_eq!(merged.devices.len(), 3);
    assert!(keys(&merged).contains(&(removed, false)));
    assert!(merged.devices.iter().any(|device| device.name == "the laptop"));
    assert_eq!(log(&restarted(&first)), log(&second));
}

#[test]
fn a_device_is_entered_with_its_consent_alone() {
    let (owner, joining) = (TestHost::started(1), TestHost::started(2));
    let account = state(&owner).account;
    let ask_consent = Ask::DeviceConsentGet(DeviceConsentGet { account });
    let consent = match joining.call(&ask(ask_consent)).pop().and_then(|answer| answer.response) {
        Some(Answer::DeviceConsent(consent)) => consent,
        other => panic!("{other:?}"),
    };
    let add = |consent: DeviceConsent| {
        let add = DeviceAdd {
            sign_public_key: consent.sign_public_key,
            agree_public_key: consent.agree_public_key,
            name: "phone".to_owned(),
            consent: consent.consent,
        };
        call(&owner, Ask::DeviceAdd(add))
    };
    let mut forged = consent.clone();
    forged.consent[5] ^= 1;
    assert_eq!(add(forged), Err(ErrorCode::Corrupt));
    let added = add(consent).expect("it agreed");
    assert!(
        added
            .devices
            .iter()
            .any(|device| device.name == "phone" && !device.this_device)
    );
}

#[test]
fn logs_of_others_and_damaged_ones_are_refused() {
    let (host, other) = (TestHost::started(1), TestHost::started(2));
    let before = log(&host);
    assert_eq!(merge(&host, log(&other)), Err(ErrorCode::InvalidArgument));
    let mut damaged = before.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert_eq!(merge(&host, damaged), Err(ErrorCode::Corrupt));
    assert_eq!(merge(&host, b"nonsense".to_vec()), Err(ErrorCode::Corrupt));
    assert_eq!(log(&host), before);
    let own = this(&state(&host)).sign_public_key.clone();
    let remove = DeviceRemove { sign_public_key: own };
    assert_eq!(call(&host, Ask::DeviceRemove(remove)), Err(ErrorCode::InvalidArgument));
}
