//! Revocation, both sides, and everything that can be wrong with a list.

mod common;

use avatar_credentials::did::AddressError;
use avatar_credentials::json::{Object, Value};
use avatar_credentials::status::{StatusError, StatusList, status_entry};
use avatar_credentials::{
    CheckId, Failure, FetchError, Format, IssueOptions, Offline, Outcome, Report, StatusPolicy, VerifyOptions, issue,
    verify,
};
use common::{Pages, SoftSigner, now, object, time, today};

const LIST: &str = "https://issuer.example/status/3";

fn options() -> IssueOptions {
    IssueOptions {
        format: Format::default(),
        created: time("2026-01-01T00:00:00Z"),
    }
}

fn credential(status: Value) -> String {
    let mut credential = object(
        r#"{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential"],"credentialSubject":{"id":"did:example:s"}}"#,
    );
    credential.insert("credentialStatus", status);
    now(issue(credential, &options(), &SoftSigner::new(1))).expect("it can be issued")
}

fn list_credential(list: &StatusList, purpose: &str) -> Object {
    list.to_credential(LIST, &SoftSigner::new(1).did, purpose)
}

fn published(list: &StatusList, purpose: &str) -> Pages {
    publish(list_credential(list, purpose), &SoftSigner::new(1), options())
}

fn publish(list: Object, signer: &SoftSigner, options: IssueOptions) -> Pages {
    Pages::default().with(LIST, now(issue(list, &options, signer)).expect("it can be issued"))
}

fn check(credential: &str, pages: &Pages) -> Report {
    now(verify(credential.as_bytes(), &today(), pages))
}

fn failure(credential: &str, pages: &Pages) -> Failure {
    let report = check(credential, pages);
    assert!(!report.verified);
    let failure = report.failures(CheckId::Status).next().cloned();
    failure.unwrap_or_else(|| panic!("{:?}", report.checks))
}

fn list() -> StatusList {
    StatusList::new(0).expect("the smallest")
}

#[test]
fn a_credential_is_good_until_its_bit_is_set() {
    for purpose in ["revocation", "suspension"] {
        let credential = credential(status_entry(LIST, 94_567, purpose));
        let mut list = list();
        let report = check(&credential, &published(&list, purpose));
        assert!(report.verified, "{:?}", report.checks);
        assert_eq!(report.outcome(CheckId::Status), Outcome::Passed);
        list.set(94_566, true).expect("within");
        list.set(94_568, true).expect("within");
        assert!(check(&credential, &published(&list, purpose)).verified);
        list.set(94_567, true).expect("within");
        let expected = if purpose == "revocation" {
            StatusError::Revoked
        } else {
            StatusError::Suspended
        };
        assert_eq!(failure(&credential, &published(&list, purpose)), expected.into());
        list.set(94_567, false).expect("within");
        assert!(check(&credential, &published(&list, purpose)).verified);
    }
}

#[test]
fn a_list_in_every_format_is_understood() {
    let credential = credential(status_entry(LIST, 7, "revocation"));
    for format in [
        Format::DataIntegrity(avatar_credentials::proof::Suite::EddsaRdfc2022),
        Format::Token,
    ] {
        let options = IssueOptions { format, ..options() };
        let pages = publish(list_credential(&list(), "revocation"), &SoftSigner::new(1), options);
        assert!(check(&credential, &pages).verified, "{format:?}");
    }
}

#[test]
fn lists_that_are_not_what_they_should_be_are_refused_by_name() {
    let usual = credential(status_entry(LIST, 7, "revocation"));
    let with = |change: fn(&mut Object)| {
        let mut credential = list_credential(&list(), "revocation");
        change(&mut credential);
        publish(credential, &SoftSigner::new(1), options())
    };
    let subject = |change: fn(&mut Object)| {
        let mut credential = list_credential(&list(), "revocation");
        let mut subject = credential
            .get("credentialSubject")
            .and_then(Value::as_object)
            .expect("a subject")
            .clone();
        change(&mut subject);
        credential.insert("credentialSubject", subject);
        publish(credential, &SoftSigner::new(1), options())
    };
    let bomb = |subject: &mut Object| subject.insert("encodedList", format!("u{}", bomb()));
    for (pages, error) in [
        (published(&list(), "suspension"), StatusError::WrongPurpose),
        (
            with(|list| list.insert("validUntil", "2026-02-01T00:00:00Z")),
            StatusError::Unverified,
        ),
        (
            with(|list| list.insert("validFrom", "2027-02-01T00:00:00Z")),
            StatusError::Unverified,
        ),
        (
            with(|list| list.insert("id", "https://issuer.example/status/4")),
            StatusError::Malformed("id"),
        ),
        (
            with(|list| list.insert("type", vec![Value::from("VerifiableCredential")])),
            StatusError::Malformed("type"),
        ),
        (
            with(|list| list.insert("credentialStatus", status_entry(LIST, 1, "revocation"))),
            StatusError::Nested,
        ),
        (
            subject(|subject| subject.insert("type", "Other")),
            StatusError::Malformed("credentialSubject"),
        ),
        (
            subject(|subject| subject.insert("encodedList", 1_f64.to_string())),
            StatusError::Malformed("encodedList"),
        ),
        (
            subject(|subject| subject.insert("encodedList", "uAAAA")),
            StatusError::Compression,
        ),
        (subject(bomb), StatusError::TooLarge),
        (
            subject(|subject| subject.insert("encodedList", short())),
            StatusError::TooShort,
        ),
        (Pages::default().with(LIST, "{}"), StatusError::Unverified),
        (Pages::default().with(LIST, "not JSON"), StatusError::Unverified),
        (Pages::default().with(LIST, vec![0xff; 100]), StatusError::Unverified),
    ] {
        assert_eq!(failure(&usual, &pages), error.into());
    }
    // A list by somebody else says nothing about this issuer's credentials.
    let other = SoftSigner::new(2);
    let pages = publish(list().to_credential(LIST, &other.did, "revocation"), &other, options());
    assert_eq!(failure(&usual, &pages), StatusError::WrongIssuer.into());
    // One bit of the list is changed on the way.
    let good = published(&list(), "revocation");
    let text = String::from_utf8(good.pages[LIST].clone()).expect("JSON");
    let changed = Pages::default().with(LIST, text.replace("uH4s", "uH5s"));
    assert_eq!(failure(&usual, &changed), StatusError::Unverified.into());
}

/// 200 MiB of zeros.
fn bomb() -> String {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..200 {
        encoder.write_all(&vec![0; 1 << 20]).expect("a vector");
    }
    avatar_credentials::base64url::encode(&encoder.finish().expect("a vector"))
}

/// A list of 16,384 entries.
fn short() -> String {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&[0; 2048]).expect("a vector");
    format!(
        "u{}",
        avatar_credentials::base64url::encode(&encoder.finish().expect("a vector"))
    )
}

#[test]
fn entries_that_are_not_what_they_should_be_are_refused_by_name() {
    let pages = published(&list(), "revocation");
    let with = |name: &str, value: Value| {
        let mut entry = status_entry(LIST, 7, "revocation");
        entry.as_object_mut().expect("an entry").insert(name, value);
        failure(&credential(entry), &pages)
    };
    assert_eq!(with("statusListIndex", "131072".into()), StatusError::Range.into());
    assert_eq!(
        with("statusListIndex", "99999999999999999999999999".into()),
        StatusError::Range.into()
    );
    for index in [
        Value::from("-1"),
        "1.5".into(),
        "".into(),
        "0x7".into(),
        Value::Number(7.0),
    ] {
        assert_eq!(
            with("statusListIndex", index),
            StatusError::Malformed("statusListIndex").into()
        );
    }
    assert_eq!(
        with("statusPurpose", Value::Null),
        StatusError::Malformed("statusPurpose").into()
    );
    assert_eq!(
        with("statusSize", Value::Number(0.0)),
        StatusError::Malformed("statusSize").into()
    );
    assert_eq!(
        with("statusSize", Value::Number(9.0)),
        StatusError::Malformed("statusSize").into()
    );
    assert_eq!(
        with("statusSize", Value::Number(2.0)),
        StatusError::Malformed("statusMessage").into()
    );
    assert_eq!(
        with("statusMessage", "text".into()),
        StatusError::Malformed("statusMessage").into()
    );
    assert_eq!(
        with("statusMessage", vec![Value::Null, Value::Null].into()),
        StatusError::Malformed("statusMessage").into()
    );
    assert_eq!(with("id", LIST.into()), StatusError::Malformed("id").into());
    for (url, error) in [
        ("http://issuer.example/status/3", AddressError::NotHttps),
        ("https://localhost/status/3", AddressError::PrivateName),
        ("https://192.168.1.1/status/3", AddressError::PrivateAddress),
    ] {
        assert_eq!(
            with("statusListCredential", url.into()),
            StatusError::Address(error).into()
        );
    }
    assert!(pages.asked.borrow().iter().all(|url| url == LIST));
}

#[test]
fn without_a_network_the_policy_decides() {
    let credential = credential(status_entry(LIST, 7, "revocation"));
    let with = |status| {
        let options = VerifyOptions { status, ..today() };
        now(verify(credential.as_bytes(), &options, &Offline))
    };
    let required = with(StatusPolicy::Required);
    assert_eq!(
        required.failures(CheckId::Status).next(),
        Some(&Failure::Fetch(FetchError::Unavailable))
    );
    for policy in [StatusPolicy::IfReachable, StatusPolicy::Skip] {
        let report = with(policy);
        assert!(report.verified);
        assert_eq!(report.outcome(CheckId::Status), Outcome::NotChecked);
    }
    // What the list says counts, whatever the policy.
    let mut revoked = list();
    revoked.set(7, true).expect("within");
    let options = VerifyOptions {
        status: StatusPolicy::IfReachable,
        ..today()
    };
    assert!(
        !now(verify(
            credential.as_bytes(),
            &options,
            &published(&revoked, "revocation")
        ))
        .verified
    );
}

#[test]
fn several_entries_in_one_list_fetch_it_once() {
    let entries = vec![status_entry(LIST, 1, "revocation"), status_entry(LIST, 2, "revocation")];
    let credential = credential(entries.into());
    let pages = published(&list(), "revocation");
    let report = check(&credential, &pages);
    assert!(report.verified, "{:?}", report.checks);
    assert_eq!(
        report.checks.iter().filter(|check| check.id == CheckId::Status).count(),
        2
    );
    assert_eq!(pages.asked.borrow().len(), 1);
}

#[test]
fn messages_are_shown_and_do_not_fail() {
    let mut entry = status_entry(LIST, 7, "message");
    let messages = common::json(r#"[{"status":"0x0","message":"pending"},{"status":"0x1","message":"ready"}]"#);
    entry
        .as_object_mut()
        .expect("an entry")
        .insert("statusMessage", messages);
    let credential = credential(entry);
    let mut list = list();
    for (value, text) in [(false, "message: 0 pending"), (true, "message: 1 ready")] {
        list.set(7, value).expect("within");
        let report = check(&credential, &published(&list, "message"));
        assert!(report.verified);
        assert!(
            report
                .checks
                .iter()
                .any(|check| check.id == CheckId::Status && check.detail == text),
            "{:?}",
            report.checks
        );
    }
}

#[test]
fn nothing_is_fetched_for_a_credential_that_its_issuer_has_not_signed() {
    let credential = credential(status_entry(LIST, 7, "revocation")).replace("did:example:s", "did:example:t");
    let pages = published(&list(), "revocation");
    let report = check(&credential, &pages);
    assert!(!report.verified);
    assert_eq!(report.outcome(CheckId::Status), Outcome::NotChecked);
    assert!(pages.asked.borrow().is_empty());
}
