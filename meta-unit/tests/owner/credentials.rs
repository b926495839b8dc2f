//! Credentials: issued, kept, presented, verified, revoked.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::unlock_secret::Secret;
use avatar_proto::{
    CheckOutcome, CredentialDocument, CredentialForget, CredentialIssue, CredentialKeep, CredentialKept,
    CredentialListGet, CredentialPresent, CredentialRequest, CredentialRequested, CredentialRevoke, CredentialVerify,
    DidResolve, ErrorCode, IdentityRotate, Securing, StatusListGet, VerificationReport,
};
use meta_unit::abi::test_host::TestHost;

use crate::owner::*;

const LIST: &str = "https://example.org/status/1";

fn document(answer: Result<Answer, ErrorCode>) -> Result<CredentialDocument, ErrorCode> {
    answer.map(|answer| match answer {
        Answer::CredentialDocument(document) => document,
        other => panic!("{other:?}"),
    })
}

fn issue(host: &TestHost, securing: Securing, status_list_url: &str) -> CredentialDocument {
    let issue = CredentialIssue {
        credential: r#"{"type":["VerifiableCredential"],"credentialSubject":{"id":"did:example:subject"}}"#.to_owned(),
        securing: securing.into(),
        status_list_url: status_list_url.to_owned(),
        keep: true,
    };
    document(answer(host, Ask::CredentialIssue(issue))).expect("it is issued")
}

fn verify(host: &TestHost, verify: CredentialVerify) -> VerificationReport {
    match answer(host, Ask::CredentialVerify(verify)) {
        Ok(Answer::VerificationReport(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn verify_document(host: &TestHost, document: &str) -> VerificationReport {
    verify(
        host,
        CredentialVerify {
            document: document.to_owned(),
            ..CredentialVerify::default()
        },
    )
}

fn failed(report: &VerificationReport) -> Vec<&str> {
    let failed = report
        .checks
        .iter()
        .filter(|check| check.outcome() == CheckOutcome::Failed);
    failed.map(|check| check.id.as_str()).collect()
}

fn list(host: &TestHost) -> Vec<CredentialKept> {
    match answer(host, Ask::CredentialListGet(CredentialListGet {})) {
        Ok(Answer::CredentialList(list)) => list.credentials,
        other => panic!("{other:?}"),
    }
}

const ALL: [Securing; 3] = [Securing::EddsaJcs2022, Securing::EddsaRdfc2022, Securing::Jose];

#[test]
fn what_is_issued_here_verifies_elsewhere_and_not_once_it_is_changed() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    for securing in ALL {
        let issued = issue(&issuer, securing, "").document;
        let report = verify_document(&verifier, &issued);
        assert!(report.verified, "{securing:?}: {report:?}");
        assert_eq!(report.issuer, state(&issuer).did);
        let changed = match securing {
            Securing::Jose => {
                let signature = issued.rfind('.').expect("a token") + 5;
                let other = if &issued[signature..=signature] == "A" {
                    "B"
                } else {
                    "A"
                };
                [&issued[..signature], other, &issued[signature + 1..]].concat()
            }
            _ => issued.replace("did:example:subject", "did:example:someone"),
        };
        assert_ne!(changed, issued);
        let report = verify_document(&verifier, &changed);
        assert!(
            !report.verified && failed(&report).contains(&"signature"),
            "{securing:?}: {report:?}"
        );
    }
}

#[test]
fn who_names_no_contexts_may_use_any_names() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    for securing in ALL {
        let issue = CredentialIssue {
            credential: r#"{"type":["VerifiableCredential","Membership"],"credentialSubject":{"id":"did:example:s","team":"blue"}}"#.to_owned(),
            securing: securing.into(),
            ..CredentialIssue::default()
        };
        let issued = document(answer(&issuer, Ask::CredentialIssue(issue)))
            .expect("it is issued")
            .document;
        let report = verify_document(&verifier, &issued);
        assert!(report.verified, "{securing:?}: {report:?}");
        let changed = verify_document(&verifier, &issued.replace("blue", "gold"));
        assert!(
            securing == Securing::Jose || !changed.verified,
            "{securing:?}: the claim is signed"
        );
    }
}

#[test]
fn kept_credentials_are_listed_after_a_restart_and_gone_when_forgotten() {
    let host = TestHost::started(1);
    let own = issue(&host, Securing::Unspecified, "");
    let other = issue(&TestHost::started(2), Securing::Jose, "").document;
    let keep = CredentialKeep {
        document: other.clone(),
    };
    answer(&host, Ask::CredentialKeep(keep)).expect("it is kept");
    let next = restarted(&host);
    let kept = list(&next);
    assert_eq!(kept.len(), 2);
    assert!(
        kept.iter()
            .any(|kept| kept.id == own.id && kept.issued && kept.document == own.document)
    );
    assert!(kept.iter().any(|kept| !kept.issued && kept.document == other));
    for credential in kept {
        let forget = CredentialForget { id: credential.id };
        answer(&next, Ask::CredentialForget(forget)).expect("it is forgotten");
    }
    assert!(list(&restarted(&next)).is_empty());
    let nonsense = CredentialKeep {
        document: "neither".to_owned(),
    };
    assert_eq!(
        answer(&next, Ask::CredentialKeep(nonsense)),
        Err(ErrorCode::InvalidArgument)
    );
}

#[test]
fn a_revoked_credential_fails_with_whoever_has_the_list_and_on_this_node_at_once() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    let (revoked, kept) = (
        issue(&issuer, Securing::Unspecified, LIST),
        issue(&issuer, Securing::EddsaRdfc2022, LIST),
    );
    let with_list = |document: &str, list: &str| {
        verify(
            &verifier,
            CredentialVerify {
                document: document.to_owned(),
                status_lists: vec![list.to_owned()],
                ..CredentialVerify::default()
            },
        )
    };
    let before = document(answer(
        &issuer,
        Ask::StatusListGet(StatusListGet { url: LIST.to_owned() }),
    ))
    .expect("it is there");
    assert!(with_list(&revoked.document, &before.document).verified);
    let revoke = CredentialRevoke { id: revoked.id.clone() };
    let after = document(answer(&issuer, Ask::CredentialRevoke(revoke)))
        .expect("it is revoked")
        .document;
    let report = with_list(&revoked.document, &after);
    assert!(!report.verified && failed(&report) == ["status"], "{report:?}");
    assert!(with_list(&kept.document, &after).verified);
    let next = restarted(&issuer);
    assert!(
        !verify_document(&next, &revoked.document).verified,
        "its own list needs no network"
    );
    assert!(verify_document(&next, &kept.document).verified);
    assert!(
        list(&next)
            .iter()
            .any(|credential| credential.id == revoked.id && credential.revoked)
    );
    let without_place = issue(&next, Securing::Unspecified, "");
    let revoke = CredentialRevoke { id: without_place.id };
    assert_eq!(answer(&next, Ask::CredentialRevoke(revoke)), Err(ErrorCode::Denied));
}

#[test]
fn after_a_rotation_the_status_of_older_credentials_still_counts_and_can_be_changed() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    let (revoked, kept) = (
        issue(&issuer, Securing::Unspecified, LIST),
        issue(&issuer, Securing::Unspecified, LIST),
    );
    call(&issuer, Ask::IdentityRotate(IdentityRotate {})).expect("it rotates");
    let issuer = restarted(&issuer);
    let revoke = CredentialRevoke { id: revoked.id };
    let after = document(answer(&issuer, Ask::CredentialRevoke(revoke)))
        .expect("it is revoked")
        .document;
    for (document, expected) in [(&revoked.document, &["status"][..]), (&kept.document, &[])] {
        let report = verify(
            &verifier,
            CredentialVerify {
                document: document.clone(),
                status_lists: vec![after.clone()],
                ..CredentialVerify::default()
            },
        );
        assert_eq!(failed(&report), expected, "{report:?}");
    }
    let more = CredentialIssue {
        credential: r#"{"type":["VerifiableCredential"],"credentialSubject":{"id":"did:example:subject"}}"#.to_owned(),
        status_list_url: LIST.to_owned(),
        ..CredentialIssue::default()
    };
    assert_eq!(
        answer(&issuer, Ask::CredentialIssue(more)),
        Err(ErrorCode::InvalidArgument),
        "a list has one issuer"
    );
    let new = issue(&issuer, Securing::Unspecified, "https://example.org/status/2");
    assert!(verify_document(&issuer, &new.document).verified);
}

#[test]
fn a_status_that_cannot_be_looked_up_is_no_good_one() {
    let issued = issue(&TestHost::started(1), Securing::Unspecified, LIST).document;
    let verifier = TestHost::started(2);
    assert!(!verify_document(&verifier, &issued).verified);
    let report = verify(
        &verifier,
        CredentialVerify {
            document: issued,
            offline: true,
            ..CredentialVerify::default()
        },
    );
    assert!(!report.verified);
    let status = report
        .checks
        .iter()
        .find(|check| check.id == "status")
        .expect("it is told");
    assert_eq!(status.outcome(), CheckOutcome::NotChecked);
}

#[test]
fn a_presentation_answers_its_challenge_once() {
    let (holder, verifier) = (TestHost::started(1), TestHost::started(2));
    let credential = issue(&TestHost::started(3), Securing::Unspecified, "").document;
    for securing in ALL {
        let request = CredentialRequest {
            types: vec!["VerifiableCredential".to_owned()],
            domain: "verifier.example".to_owned(),
            reason: "to show".to_owned(),
        };
        let asked = match answer(&verifier, Ask::CredentialRequest(request)) {
            Ok(Answer::CredentialRequested(CredentialRequested { request, challenge })) => {
                assert!(request.contains(&challenge) && request.contains("to show"));
                challenge
            }
            other => panic!("{other:?}"),
        };
        let present = CredentialPresent {
            documents: vec![credential.clone()],
            challenge: asked.clone(),
            domain: "verifier.example".to_owned(),
            securing: securing.into(),
            ..CredentialPresent::default()
        };
        let presented = document(answer(&holder, Ask::CredentialPresent(present)))
            .expect("it is presented")
            .document;
        let with = |challenge: &str, domain: &str| {
            verify(
                &verifier,
                CredentialVerify {
                    document: presented.clone(),
                    challenge: challenge.to_owned(),
                    domain: domain.to_owned(),
                    ..CredentialVerify::default()
                },
            )
        };
        assert!(!with("another", "verifier.example").verified);
        assert!(!with(&asked, "somebody.example").verified);
        let report = with(&asked, "verifier.example");
        assert!(report.verified, "{securing:?}: {report:?}");
        assert_eq!(report.holder, state(&holder).did);
        let again = with(&asked, "verifier.example");
        assert!(!again.verified && failed(&again) == ["challenge"], "{again:?}");
    }
}

#[test]
fn a_did_is_resolved_and_nonsense_is_refused_without_asking_anybody() {
    let host = TestHost::started(1);
    let did = state(&host).did;
    match answer(&host, Ask::DidResolve(DidResolve { did: did.clone() })) {
        Ok(Answer::DidResolved(resolved)) => {
            assert!(resolved.document.contains(&did) && resolved.document.contains("keyAgreement"));
        }
        other => panic!("{other:?}"),
    }
    for did in [
        "",
        "did:",
        "did:key:z",
        "did:web:localhost",
        "did:web:127.0.0.1",
        "did:unknown:x",
    ] {
        let resolve = DidResolve { did: did.to_owned() };
        assert_eq!(
            answer(&host, Ask::DidResolve(resolve)),
            Err(ErrorCode::InvalidArgument),
            "{did}"
        );
    }
}

#[test]
fn a_locked_node_signs_nothing() {
    let host = TestHost::started(1);
    set_passphrase(&host, "correct horse", false).expect("it is set");
    lock(&host).expect("it locks");
    let issue = CredentialIssue::default();
    assert_eq!(answer(&host, Ask::CredentialIssue(issue)), Err(ErrorCode::Locked));
    unlock(&host, Secret::Passphrase("correct horse".to_owned())).expect("it opens");
}

const DID_WEB: &str = "did:web:issuer.example";
const DID_DOCUMENT: &str = "https://issuer.example/.well-known/did.json";

fn resolve(host: &TestHost, did: &str) -> Result<String, ErrorCode> {
    let did = did.to_owned();
    answer(host, Ask::DidResolve(DidResolve { did })).map(|answer| match answer {
        Answer::DidResolved(resolved) => resolved.document,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_did_of_the_web_is_fetched_and_what_another_address_answers_is_not_taken() {
    let host = TestHost::started(1);
    let document = format!(r#"{{"@context":"https://www.w3.org/ns/did/v1","id":"{DID_WEB}"}}"#);
    host.serve(DID_DOCUMENT, 200, "", document.as_bytes());
    assert!(resolve(&host, DID_WEB).expect("it is there").contains(DID_WEB));
    assert_eq!(host.take_fetched(), [DID_DOCUMENT]);
    let other = document.replace("issuer.example", "other.example");
    let large = [document.as_bytes(), &vec![b' '; 100_000]].concat();
    for (status, final_url, body) in [
        (200, "https://other.example/did.json", document.as_bytes()),
        (200, "", other.as_bytes()),
        (404, "", document.as_bytes()),
        (200, "", b"no JSON"),
        (200, "", large.as_slice()),
        (200, "", b""),
    ] {
        host.serve(DID_DOCUMENT, status, final_url, body);
        assert_eq!(
            resolve(&host, DID_WEB),
            Err(ErrorCode::InvalidArgument),
            "{status} {final_url}"
        );
    }
    assert_eq!(
        resolve(&host, "did:web:nobody.example"),
        Err(ErrorCode::InvalidArgument)
    );
    host.take_fetched();
    for private in [
        "did:web:localhost",
        "did:web:127.0.0.1",
        "did:web:192.168.0.1",
        "did:web:printer.local",
        "did:web:2130706433",
    ] {
        assert_eq!(resolve(&host, private), Err(ErrorCode::InvalidArgument), "{private}");
    }
    assert_eq!(host.take_fetched(), [""; 0], "nobody is asked");
}

#[test]
fn a_status_list_is_fetched_from_its_address() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    let issued = issue(&issuer, Securing::Unspecified, LIST);
    let published = |host: &TestHost| {
        let list = document(answer(
            &issuer,
            Ask::StatusListGet(StatusListGet { url: LIST.to_owned() }),
        ));
        host.serve(LIST, 200, LIST, list.expect("it is there").document.as_bytes());
    };
    published(&verifier);
    assert!(verify_document(&verifier, &issued.document).verified);
    answer(
        &issuer,
        Ask::CredentialRevoke(CredentialRevoke { id: issued.id.clone() }),
    )
    .expect("it is revoked");
    published(&verifier);
    assert_eq!(failed(&verify_document(&verifier, &issued.document)), ["status"]);
    assert_eq!(verifier.take_fetched(), [LIST, LIST]);
}

#[test]
fn an_unknown_context_is_refused_without_asking_anybody() {
    let (issuer, verifier) = (TestHost::started(1), TestHost::started(2));
    let issued = issue(&issuer, Securing::EddsaRdfc2022, "").document;
    let changed = issued.replace(
        "https://www.w3.org/ns/credentials/undefined-terms/v2",
        "https://context.example/v1",
    );
    assert_ne!(changed, issued);
    let report = verify_document(&verifier, &changed);
    assert!(!report.verified, "{report:?}");
    assert_eq!(verifier.take_fetched(), [""; 0]);
}
