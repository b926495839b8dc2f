//! Backups, and coming back from them.

use avatar_proto::backup_open::Secret as By;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{
    BackupCreate, BackupFeed, BackupFinish, BackupOpen, BackupReport, CredentialIssue, CredentialListGet,
    CredentialRevoke, CredentialVerify, DocDelete, ErrorCode,
};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;
use crate::owner::*;

fn backup(host: &TestHost, passphrase: &str) -> Vec<u8> {
    let passphrase = passphrase.to_owned();
    let answers = host.call(&ask(Ask::BackupCreate(BackupCreate { passphrase })));
    let last = answers.len() - 1;
    let parts = answers
        .into_iter()
        .enumerate()
        .map(|(at, answer)| match answer.response {
            Some(Answer::BackupPart(part)) => {
                assert_eq!(part.last, at == last);
                part.data
            }
            other => panic!("{other:?}"),
        });
    parts.collect::<Vec<_>>().concat()
}

fn restore(host: &TestHost, file: &[u8], by: By, check_only: bool) -> Result<BackupReport, ErrorCode> {
    let backup = match answer(host, Ask::BackupOpen(BackupOpen { secret: Some(by) }))? {
        Answer::BackupOpened(opened) => opened.backup,
        other => panic!("{other:?}"),
    };
    for part in file.chunks(50_000) {
        let data = part.to_vec();
        answer(host, Ask::BackupFeed(BackupFeed { backup, data }))?;
    }
    match answer(host, Ask::BackupFinish(BackupFinish { backup, check_only }))? {
        Answer::BackupReport(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn by_words(words: &str) -> By {
    By::Words(words.to_owned())
}

/// A node with some of everything, and its words.
fn lived_in() -> (TestHost, String) {
    let host = TestHost::started(1);
    let words = words(&host).expect("they are shown");
    for id in 1..=20 {
        let title = format!("note {id:02}");
        host.call(&create(id, 1, map(&[("title", string(&title))]), true));
    }
    let mut view = View::open(&host, 3, 1);
    host.call(&view.edits(vec![splice("title", 7, 0, " changed")]));
    host.call(&ask(Ask::DocDelete(DocDelete {
        document_id: vec![4; 16],
    })));
    let issue = CredentialIssue {
        credential: r#"{"credentialSubject":{"id":"did:example:s"}}"#.to_owned(),
        status_list_url: "https://example.org/list".to_owned(),
        keep: true,
        ..CredentialIssue::default()
    };
    answer(&host, Ask::CredentialIssue(issue)).expect("it is issued");
    (host, words)
}

fn is_the_same(host: &TestHost, original: &TestHost) {
    assert_eq!(titles(host), titles(original));
    assert_eq!(state(host).did, state(original).did);
    assert_eq!(View::open(host, 3, 9).text("title"), "note 03 changed");
    assert_eq!(
        error(&host.call(&create(4, 1, map(&[]), true))),
        Some(ErrorCode::NotFound),
        "deleted there, too"
    );
    match answer(host, Ask::CredentialListGet(CredentialListGet {})) {
        Ok(Answer::CredentialList(list)) => assert_eq!(list.credentials.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backup_brings_everything_back_on_a_new_device_by_the_words_or_by_its_passphrase() {
    let (original, words) = lived_in();
    for (passphrase, by) in [
        ("", by_words(&words)),
        (
            "a passphrase of its own",
            By::Passphrase("a passphrase of its own".to_owned()),
        ),
    ] {
        let file = backup(&original, passphrase);
        let host = TestHost::started(2);
        let checked = restore(&host, &file, by.clone(), true).expect("it is sound");
        assert!(
            !checked.restored
                && checked.documents == 19
                && checked.credentials == 1
                && checked.did == state(&original).did
        );
        assert!(titles(&host).is_empty(), "checking writes nothing");
        assert!(restore(&host, &file, by, false).expect("it is sound").restored);
        is_the_same(&host, &original);
        let next = restarted(&host);
        is_the_same(&next, &original);
        assert_eq!(state(&next).devices.len(), 2, "the old device and this one");
        assert_eq!(
            state(&next).words_confirmed,
            passphrase.is_empty(),
            "who has not written the words down is still asked to"
        );
        next.lose_keys();
        let locked = restarted(&next);
        unlock(&locked, Secret::Words(words.clone())).expect("the same words open it here");
        is_the_same(&locked, &original);
    }
}

#[test]
fn another_secret_opens_no_backup() {
    let (original, _) = lived_in();
    let other = TestHost::started(2);
    let others = words(&other).expect("they are shown");
    assert_eq!(
        restore(&other, &backup(&original, ""), by_words(&others), true),
        Err(ErrorCode::WrongSecret)
    );
    let file = backup(&original, "the right passphrase");
    assert_eq!(
        restore(&other, &file, By::Passphrase("the wrong one".to_owned()), true),
        Err(ErrorCode::WrongSecret)
    );
}

#[test]
fn a_backup_that_is_cut_or_changed_anywhere_changes_nothing() {
    let (original, words) = lived_in();
    let file = backup(&original, "");
    let host = TestHost::started(2);
    let did = state(&host).did;
    for len in [0, 10, 200, file.len() / 2, file.len() - 1] {
        assert!(
            restore(&host, &file[..len], by_words(&words), false).is_err(),
            "cut at {len}"
        );
    }
    for at in (0..file.len()).step_by(file.len() / 40) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(
            restore(&host, &changed, by_words(&words), false).is_err(),
            "changed at {at}"
        );
    }
    assert!(titles(&host).is_empty() && state(&host).did == did);
    assert!(restore(&host, &[file.as_slice(), b"more"].concat(), by_words(&words), false).is_err());
}

#[test]
fn what_is_here_already_is_not_replaced() {
    let (original, words) = lived_in();
    let file = backup(&original, "");
    let with_document = TestHost::started(2);
    with_document.call(&create(9, 1, map(&[("title", string("mine"))]), true));
    assert_eq!(
        restore(&with_document, &file, by_words(&words), false),
        Err(ErrorCode::AlreadyExists)
    );
    assert_eq!(titles(&with_document), ["mine"]);
    let confirmed = TestHost::started(3);
    let own = crate::owner::words(&confirmed).expect("they are shown");
    confirm(&confirmed, &own, &[0, 1, 2]).expect("they are right");
    assert_eq!(
        restore(&confirmed, &file, by_words(&words), false),
        Err(ErrorCode::AlreadyExists)
    );
}

#[test]
fn a_restore_that_dies_at_any_moment_leaves_nothing_or_everything_and_can_be_made_again() {
    let original = TestHost::started(1);
    let words = words(&original).expect("they are shown");
    for id in 1..=12 {
        let body = [
            ("title", string(&format!("{id:02}"))),
            ("body", string(&"x".repeat(1_000_000))),
        ];
        original.call(&create(id, 1, map(&body), true));
    }
    let file = backup(&original, "");
    let mut finished = false;
    let mut steps = 0;
    while !finished {
        let host = TestHost::started(2);
        let fresh = state(&host).did;
        let open = BackupOpen {
            secret: Some(by_words(&words)),
        };
        let number = match answer(&host, Ask::BackupOpen(open)) {
            Ok(Answer::BackupOpened(opened)) => opened.backup,
            other => panic!("{other:?}"),
        };
        for part in file.chunks(1_000_000) {
            let feed = BackupFeed {
                backup: number,
                data: part.to_vec(),
            };
            answer(&host, Ask::BackupFeed(feed)).expect("it is taken");
        }
        let sent = host.send(&ask(Ask::BackupFinish(BackupFinish {
            backup: number,
            check_only: false,
        })));
        for _ in 0..steps {
            host.step();
        }
        finished = host.has_finished(sent);
        let next = restarted(&host);
        if state(&next).did == fresh {
            assert!(!finished && titles(&next).is_empty(), "{steps}");
            restore(&next, &file, by_words(&words), false).expect("it can be made again");
        }
        assert_eq!(titles(&next), titles(&original), "{steps}");
        steps += 1;
        assert!(steps < 100, "it never finishes");
    }
    assert!(steps > 5);
}

#[test]
fn a_large_backup_comes_in_parts_and_goes_back_whole() {
    let host = TestHost::started(1);
    let words = words(&host).expect("they are shown");
    for id in 1..=60 {
        host.call(&create(
            id,
            1,
            map(&[
                ("title", string(&format!("{id:02}"))),
                ("body", string(&"x".repeat(100_000))),
            ]),
            true,
        ));
    }
    let file = backup(&host, "");
    assert!(file.len() > 5_000_000);
    let other = TestHost::started(2);
    assert_eq!(
        restore(&other, &file, by_words(&words), false)
            .expect("it is sound")
            .documents,
        60
    );
    assert_eq!(View::open(&other, 60, 1).text("body").len(), 100_000);
}

#[test]
fn what_was_issued_before_a_backup_can_be_revoked_after_it_was_restored() {
    let (original, words) = lived_in();
    let host = TestHost::started(2);
    restore(&host, &backup(&original, ""), by_words(&words), false).expect("it is sound");
    let issued = match answer(&host, Ask::CredentialListGet(CredentialListGet {})) {
        Ok(Answer::CredentialList(list)) => list.credentials[0].clone(),
        other => panic!("{other:?}"),
    };
    let verify = |host: &TestHost| {
        let verify = CredentialVerify {
            document: issued.document.clone(),
            ..CredentialVerify::default()
        };
        match answer(host, Ask::CredentialVerify(verify)) {
            Ok(Answer::VerificationReport(report)) => report.verified,
            other => panic!("{other:?}"),
        }
    };
    assert!(verify(&host), "its status list came along");
    let revoke = CredentialRevoke { id: issued.id.clone() };
    answer(&host, Ask::CredentialRevoke(revoke)).expect("it is revoked");
    assert!(!verify(&restarted(&host)));
}
