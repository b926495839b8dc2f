//! Ways back in.

use avatar_proto::request::Request as Ask;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{ErrorCode, IdentityRecover, OpErrorCode};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;
use crate::owner::*;

fn recover(host: &TestHost, words: &str) -> Result<avatar_proto::IdentityState, ErrorCode> {
    let words = words.to_owned();
    call(host, Ask::IdentityRecover(IdentityRecover { words }))
}

#[test]
fn the_words_are_shown_until_three_of_them_are_confirmed_and_never_again() {
    let host = TestHost::started(1);
    assert!(!state(&host).words_confirmed);
    let words = words(&host).expect("they are shown");
    assert_eq!(words.split(' ').count(), 24);
    assert_eq!(crate::owner::words(&restarted(&host)).as_ref(), Some(&words));
    assert_eq!(confirm(&host, &words, &[0, 5]), Err(ErrorCode::InvalidArgument));
    assert_eq!(confirm(&host, &words, &[5, 5, 5]), Err(ErrorCode::InvalidArgument));
    let wrong = words.replacen(' ', " x", 1);
    assert_eq!(confirm(&host, &wrong, &[0, 1, 2]), Err(ErrorCode::WrongSecret));
    assert!(
        confirm(&host, &words, &[0, 11, 23])
            .expect("they are right")
            .words_confirmed
    );
    for host in [&host, &restarted(&host)] {
        assert_eq!(crate::owner::words(host), None);
        assert!(state(host).words_confirmed);
    }
}

#[test]
fn when_the_devices_key_is_gone_the_words_open_everything_and_the_device_opens_by_itself_again() {
    let host = TestHost::started(1);
    let words = words(&host).expect("they are shown");
    host.call(&create(1, 1, map(&[("title", string("kept"))]), true));
    host.lose_keys();
    let next = restarted(&host);
    let locked = state(&next);
    assert!(locked.locked && !locked.locked_reason.is_empty());
    assert_eq!(
        unlock(&next, Secret::Words("abandon ".repeat(24))),
        Err(ErrorCode::WrongSecret)
    );
    unlock(&next, Secret::Words(words)).expect("they open it");
    assert_eq!(titles(&next), ["kept"]);
    assert_eq!(titles(&restarted(&next)), ["kept"]);
}

#[test]
fn the_words_alone_bring_the_identity_back_on_another_device() {
    let first = TestHost::started(1);
    let (did, words) = (state(&first).did, words(&first).expect("they are shown"));
    let second = TestHost::started(2);
    assert_ne!(state(&second).did, did);
    let recovered = recover(&second, &words.to_uppercase()).expect("there is nothing in its way");
    assert!(recovered.did == did && recovered.words_confirmed);
    second.call(&create(1, 1, map(&[("title", string("mine"))]), true));
    let next = restarted(&second);
    assert_eq!(state(&next).did, did);
    assert_eq!(View::open(&next, 1, 1).opened.owner, did);
    second.lose_keys();
    unlock(&restarted(&second), Secret::Words(words)).expect("they open what is here, too");
}

#[test]
fn an_identity_that_something_belongs_to_is_not_replaced() {
    let words = words(&TestHost::started(1)).expect("they are shown");
    let with_document = TestHost::started(2);
    with_document.call(&create(1, 1, map(&[]), true));
    assert_eq!(recover(&with_document, &words), Err(ErrorCode::AlreadyExists));
    let confirmed = TestHost::started(3);
    let own = crate::owner::words(&confirmed).expect("they are shown");
    confirm(&confirmed, &own, &[1, 2, 3]).expect("they are right");
    assert_eq!(recover(&confirmed, &words), Err(ErrorCode::AlreadyExists));
    assert_eq!(
        recover(&TestHost::started(4), "not the words"),
        Err(ErrorCode::WrongSecret)
    );
}

/// Kills the node after each number of steps of `request`, and looks at what opens it then.
fn killed_at_any_moment(
    prepare: impl Fn(&TestHost),
    request: impl Fn() -> avatar_proto::Request,
    check: impl Fn(&TestHost, bool),
) {
    let mut finished = false;
    let mut steps = 0;
    while !finished {
        let host = TestHost::started(1);
        host.call(&create(1, 1, map(&[("title", string("kept"))]), true));
        prepare(&host);
        let sent = host.send(&request());
        for _ in 0..steps {
            host.step();
        }
        finished = host.has_finished(sent);
        host.lose_keys();
        check(&host, finished);
        steps += 1;
        assert!(steps < 100, "it never finishes");
    }
    assert!(steps > 2);
}

#[test]
fn a_change_of_passphrase_that_dies_at_any_moment_leaves_the_old_one_or_the_new_one_and_the_words() {
    let set = || {
        ask(Ask::IdentityPassphraseSet(avatar_proto::IdentityPassphraseSet {
            passphrase: "the new one".to_owned(),
            ask_at_start: true,
        }))
    };
    killed_at_any_moment(
        |host| drop(set_passphrase(host, "the old one", true)),
        set,
        |host, finished| {
            let opens = |secret| unlock(&restarted(host), secret).is_ok();
            let (old, new) = (opens(passphrase("the old one")), opens(passphrase("the new one")));
            assert!(old != new, "exactly one of them");
            assert!(new || !finished, "what was acknowledged counts");
            let next = restarted(host);
            let words = Secret::Words(seed_words(host));
            unlock(&next, words).expect("the words open it at any time");
            assert_eq!(titles(&next), ["kept"]);
        },
    );
}

/// The words of a node made from seed 1.
fn seed_words(_host: &TestHost) -> String {
    words(&TestHost::started(1)).expect("they are shown")
}

#[test]
fn a_failed_change_of_passphrase_leaves_the_old_one() {
    let host = TestHost::started(1);
    set_passphrase(&host, "the old one", true).expect("it is set");
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert_eq!(
        set_passphrase(&host, "the new one", true),
        Err(ErrorCode::QuotaExceeded)
    );
    unlock(&restarted(&host), passphrase("the old one")).expect("it opens");
    assert_eq!(
        unlock(&restarted(&host), passphrase("the new one")),
        Err(ErrorCode::WrongSecret)
    );
}

#[test]
fn a_lock_or_an_unlock_that_dies_at_any_moment_keeps_the_passphrase_working() {
    for locks in [true, false] {
        killed_at_any_moment(
            |host| {
                set_passphrase(host, "the only one", false).expect("it is set");
                if !locks {
                    lock(host).expect("it locks");
                }
            },
            || match locks {
                true => ask(Ask::IdentityLock(Default::default())),
                false => ask(Ask::IdentityUnlock(avatar_proto::IdentityUnlock {
                    secret: Some(avatar_proto::UnlockSecret {
                        secret: Some(passphrase("the only one")),
                    }),
                })),
            },
            |host, _| {
                let next = restarted(host);
                unlock(&next, passphrase("the only one")).expect("it opens");
                assert_eq!(titles(&next), ["kept"]);
            },
        );
    }
}
