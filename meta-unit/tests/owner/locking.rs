//! Locking and unlocking.

use avatar_proto::event::Event as Told;
use avatar_proto::request::Request as Ask;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{
    ErrorCode, IdentityLockAfter, IdentityPasskeyAdd, IdentityPasskeyRemove, OpErrorCode, PasskeySecret, Query,
    QuerySubscribe,
};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;
use crate::owner::*;

fn note(title: &str) -> avatar_proto::MapValue {
    map(&[("title", string(title))])
}

fn with_passphrase(ask_at_start: bool) -> TestHost {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("kept"), true));
    set_passphrase(&host, "correct horse", ask_at_start).expect("it is set");
    host
}

#[test]
fn a_locked_node_answers_nothing_but_who_it_is_and_opens_with_the_passphrase_alone() {
    let host = with_passphrase(false);
    let did = state(&host).did;
    let locked = lock(&host).expect("it locks");
    assert!(locked.locked && locked.did == did && locked.has_passphrase && locked.devices.is_empty());
    for request in [
        create(2, 1, note("x"), true),
        open(1, 1),
        ask(Ask::StatusGet(Default::default())),
    ] {
        assert_eq!(error(&host.call(&request)), Some(ErrorCode::Locked));
    }
    assert_eq!(unlock(&host, passphrase("wrong horse")), Err(ErrorCode::WrongSecret));
    assert!(state(&host).locked);
    assert!(!unlock(&host, passphrase("correct horse")).expect("it opens").locked);
    assert_eq!(titles(&host), ["kept"]);
}

#[test]
fn a_lock_outlives_a_restart_and_the_platforms_key_does_not_open_it() {
    let host = with_passphrase(false);
    lock(&host).expect("it locks");
    let next = restarted(&host);
    assert!(state(&next).locked);
    assert_eq!(error(&next.call(&open(1, 1))), Some(ErrorCode::Locked));
    unlock(&next, passphrase("correct horse")).expect("it opens");
    let third = restarted(&next);
    assert!(!state(&third).locked, "once unlocked, it opens by itself again");
    assert_eq!(titles(&third), ["kept"]);
}

#[test]
fn a_node_that_asks_at_start_is_locked_after_each_restart() {
    let host = with_passphrase(true);
    let next = restarted(&host);
    assert!(state(&next).locked);
    unlock(&next, passphrase("correct horse")).expect("it opens");
    assert!(state(&restarted(&next)).locked);
}

#[test]
fn who_has_nothing_but_the_words_cannot_lock() {
    let host = TestHost::started(1);
    assert_eq!(lock(&host), Err(ErrorCode::Denied));
    assert!(!state(&host).locked);
}

#[test]
fn views_and_live_queries_end_when_the_node_locks_and_what_was_acknowledged_is_there_afterwards() {
    let host = with_passphrase(false);
    let mut view = View::open(&host, 1, 1);
    host.call(&view.edits(vec![splice("title", 4, 0, "!")]));
    let subscription = host.send(&ask(Ask::QuerySubscribe(QuerySubscribe {
        query: Some(Query::default()),
    })));
    host.run_until_idle();
    host.take_answers(subscription);
    let create_on_its_way = host.send(&create(2, 1, note("with the lock"), true));
    lock(&host).expect("it locks");
    assert_eq!(error(&host.take_answers(subscription)), Some(ErrorCode::Locked));
    let created = error(&host.take_answers(create_on_its_way)).is_none();
    unlock(&host, passphrase("correct horse")).expect("it opens");
    let expected: &[&str] = if created {
        &["kept!", "with the lock"]
    } else {
        &["kept!"]
    };
    assert_eq!(titles(&host), expected);
}

#[test]
fn every_client_hears_of_the_lock_and_of_its_end() {
    let host = with_passphrase(false);
    host.take_events();
    lock(&host).expect("it locks");
    unlock(&host, passphrase("correct horse")).expect("it opens");
    let told = host.take_events().into_iter().filter_map(|event| match event.event {
        Some(Told::IdentityChanged(state)) => Some(state.locked),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn it_locks_by_itself_when_nobody_has_asked_anything_for_as_long_as_was_said() {
    let host = with_passphrase(false);
    call(&host, Ask::IdentityLockAfter(IdentityLockAfter { seconds: 60 })).expect("it is set");
    host.advance_us(50_000_000);
    assert_eq!(titles(&host), ["kept"]);
    host.advance_us(50_000_000);
    assert!(!state(&host).locked, "somebody asked meanwhile");
    host.advance_us(11_000_000);
    assert!(state(&host).locked);
    unlock(&host, passphrase("correct horse")).expect("it opens");
    host.advance_us(61_000_000);
    assert!(state(&host).locked, "again and again");
}

#[test]
fn a_passkey_opens_too_and_only_while_it_is_there() {
    let host = with_passphrase(true);
    let secret = PasskeySecret {
        credential_id: vec![7; 20],
        prf_output: vec![9; 32],
    };
    let add = IdentityPasskeyAdd {
        secret: Some(secret.clone()),
        salt: vec![8; 32],
        label: "this laptop".to_owned(),
    };
    let passkeys = call(&host, Ask::IdentityPasskeyAdd(add)).expect("it is added").passkeys;
    assert_eq!(
        (passkeys[0].label.as_str(), &passkeys[0].salt),
        ("this laptop", &vec![8; 32])
    );
    let next = restarted(&host);
    assert_eq!(
        state(&next).passkeys,
        passkeys,
        "a locked node tells what to ask the passkey for"
    );
    let wrong = PasskeySecret {
        prf_output: vec![1; 32],
        ..secret.clone()
    };
    assert_eq!(unlock(&next, Secret::Passkey(wrong)), Err(ErrorCode::WrongSecret));
    unlock(&next, Secret::Passkey(secret.clone())).expect("it opens");
    let remove = IdentityPasskeyRemove {
        credential_id: vec![7; 20],
    };
    assert!(
        call(&next, Ask::IdentityPasskeyRemove(remove))
            .expect("it is removed")
            .passkeys
            .is_empty()
    );
    let third = restarted(&next);
    assert_eq!(unlock(&third, Secret::Passkey(secret)), Err(ErrorCode::WrongSecret));
}

#[test]
fn nonsense_is_refused_by_its_name() {
    let host = TestHost::started(1);
    assert_eq!(set_passphrase(&host, "short", false), Err(ErrorCode::InvalidArgument));
    assert_eq!(
        set_passphrase(&host, &"x".repeat(100_000), false),
        Err(ErrorCode::InvalidArgument)
    );
    let add = IdentityPasskeyAdd {
        secret: Some(PasskeySecret {
            credential_id: vec![1; 5_000],
            prf_output: vec![1; 32],
        }),
        salt: vec![1; 32],
        label: String::new(),
    };
    assert_eq!(
        call(&host, Ask::IdentityPasskeyAdd(add)),
        Err(ErrorCode::InvalidArgument)
    );
}

#[test]
fn a_full_disk_keeps_nobody_out() {
    let host = with_passphrase(false);
    lock(&host).expect("it locks");
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert!(!unlock(&host, passphrase("correct horse")).expect("it opens").locked);
    assert_eq!(titles(&host), ["kept"]);
    assert!(
        state(&restarted(&host)).locked,
        "only the device's own key could not be put back"
    );
}
