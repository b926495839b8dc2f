//! What is on the medium.

use avatar_proto::{ErrorCode, HostHello, KeyProtection};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;
use crate::owner::*;

fn contains(haystack: &[u8], needle: &str) -> bool {
    memchr::memmem::find(haystack, needle.as_bytes()).is_some()
}

#[test]
fn nothing_of_content_names_passphrase_or_words_is_on_the_medium_or_in_the_log() {
    const CANARIES: [&str; 4] = ["canary-content", "canary-field", "canary-passphrase", "canary-late"];
    let host = TestHost::started(1);
    let words = words(&host).expect("they are shown");
    let content = map(&[("title", string("canary-content")), ("canary-field", string("x"))]);
    host.call(&create(1, 1, content.clone(), true));
    host.call(&create(2, 1, content, true));
    let mut view = View::open(&host, 1, 1);
    host.call(&view.edits(vec![splice("title", 0, 0, "canary-late ")]));
    set_passphrase(&host, "canary-passphrase", false).expect("it is set");
    confirm(&host, &words, &[0, 1, 2]).expect("they are right");
    lock(&host).expect("it locks");
    unlock(&host, passphrase("canary-passphrase")).expect("it opens");
    let next = restarted(&host);
    assert_eq!(titles(&next).len(), 2);
    let log: String = [host.take_log(), next.take_log()]
        .concat()
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    let store = next.store().borrow();
    assert!(store.records.len() > 5);
    for (key, record) in &store.records {
        for secret in CANARIES
            .into_iter()
            .chain(words.split(' ').filter(|word| word.len() > 4))
        {
            assert!(
                !contains(key, secret) && !contains(record, secret),
                "{secret} in {key:?}"
            );
        }
    }
    for secret in CANARIES {
        assert!(!contains(log.as_bytes(), secret), "{log}");
    }
}

#[test]
fn a_record_in_the_place_of_another_is_not_taken_for_it() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[("title", string("one"))]), true));
    host.call(&create(2, 1, map(&[("title", string("two"))]), true));
    let place = |id: u8| {
        let store = host.store().borrow();
        let key = store.records.keys().find(|key| key.starts_with(&[b'd', id]));
        key.expect("its record").clone()
    };
    let (one, two) = (place(1), place(2));
    {
        let records = &mut host.store().borrow_mut().records;
        let (record_one, record_two) = (records[&one].clone(), records[&two].clone());
        records.insert(one, record_two);
        records.insert(two, record_one);
    }
    let next = host.restarted();
    next.start(&HostHello::default());
    for id in [1, 2] {
        assert_eq!(error(&next.call(&open(id, 1))), Some(ErrorCode::Corrupt));
    }
}

#[test]
fn a_record_that_was_not_sealed_here_is_not_taken() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[("title", string("one"))]), true));
    let forged = meta_unit::data::records::seal(b"forged");
    for (key, record) in &mut host.store().borrow_mut().records {
        if key[0] == b'd' {
            record.clone_from(&forged);
        }
    }
    let next = host.restarted();
    next.start(&HostHello::default());
    assert_eq!(error(&next.call(&open(1, 1))), Some(ErrorCode::Corrupt));
}

#[test]
fn one_damaged_copy_of_what_opens_the_data_is_mended_by_the_other_and_without_both_nothing_is_replaced() {
    for damage in [
        |record: &mut Vec<u8>| record[5] ^= 1,
        |record: &mut Vec<u8>| record.truncate(3),
    ] {
        let host = TestHost::started(1);
        host.call(&create(1, 1, map(&[("title", string("kept"))]), true));
        for copy in 0..2_u8 {
            let key = [b"mvault".as_slice(), &[copy]].concat();
            damage(host.store().borrow_mut().records.get_mut(&key).expect("a copy"));
            let next = host.restarted();
            let error = next.start(&HostHello::default()).error;
            match copy {
                0 => assert_eq!(titles(&next), ["kept"]),
                _ => assert_eq!(error.map(|error| error.code()), Some(ErrorCode::Corrupt)),
            }
        }
    }
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[]), true));
    host.store()
        .borrow_mut()
        .records
        .retain(|key, _| !key.starts_with(b"mvault"));
    let before = host.store().borrow().records.clone();
    let next = host.restarted();
    let error = next.start(&HostHello::default()).error;
    assert_eq!(error.map(|error| error.code()), Some(ErrorCode::Corrupt));
    assert_eq!(next.store().borrow().records, before);
}

#[test]
fn a_host_without_keys_is_served_and_says_that_nothing_guards_them() {
    let host = TestHost::new(1);
    host.refuse_keys();
    assert_eq!(host.start(&HostHello::default()).error, None);
    assert_eq!(state(&host).protection(), KeyProtection::Unspecified);
    host.call(&create(1, 1, map(&[("title", string("kept"))]), true));
    assert_eq!(titles(&restarted(&host)), ["kept"]);
    set_passphrase(&host, "asked at each start", true).expect("it is set");
    let next = restarted(&host);
    assert!(state(&next).locked);
    unlock(&next, passphrase("asked at each start")).expect("it opens");
    assert_eq!(titles(&next), ["kept"]);
}

#[test]
fn a_host_with_keys_says_how_they_are_kept() {
    assert_ne!(state(&TestHost::started(1)).protection(), KeyProtection::Unspecified);
}
