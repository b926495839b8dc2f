//! Whatever is changed in what was signed, it does not verify any more.

mod common;

use avatar_credentials::json::{Object, Value};
use avatar_credentials::proof::{ProofOptions, Suite, add_proof};
use avatar_credentials::{
    CheckId, Failure, Format, IssueOptions, Offline, Outcome, Report, VerifyOptions, issue, verify,
};
use common::{SoftSigner, json, now, object, time, today};

const FORMATS: [Format; 3] = [
    Format::DataIntegrity(Suite::EddsaJcs2022),
    Format::DataIntegrity(Suite::EddsaRdfc2022),
    Format::Token,
];

/// The official vectors' credential.
fn credential() -> Object {
    object(
        r#"{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"],"id":"urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33","type":["VerifiableCredential","AlumniCredential"],"name":"Alumni Credential","description":"A minimum viable example of an Alumni Credential.","validFrom":"2023-01-01T00:00:00Z","credentialSubject":{"id":"did:example:abcdefgh","alumniOf":"The School of Examples"}}"#,
    )
}

fn issued(format: Format) -> String {
    let options = IssueOptions {
        format,
        created: time("2023-02-24T23:36:38Z"),
    };
    now(issue(credential(), &options, &SoftSigner::new(1))).expect("it can be issued")
}

fn check(text: &[u8]) -> Report {
    now(verify(text, &today(), &Offline))
}

#[test]
fn what_was_issued_verifies() {
    for format in FORMATS {
        let report = check(issued(format).as_bytes());
        assert!(report.verified, "{format:?}: {:?}", report.checks);
        let document = report.document.expect("it was read");
        assert_eq!(
            document.get("issuer").and_then(Value::as_str),
            Some(SoftSigner::new(1).did.as_str())
        );
        assert_eq!(document.get("proof"), None);
    }
}

#[test]
fn any_single_bit_that_is_flipped_is_noticed() {
    for format in FORMATS {
        let text = issued(format).into_bytes();
        let mut changed = text.clone();
        for bit in 0..text.len() * 8 {
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !check(&changed).verified,
                "{format:?}: {}",
                String::from_utf8_lossy(&changed)
            );
            changed[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// The values of all members that are no objects, as paths.
fn leaves(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                path.push(name.to_owned());
                leaves(value, path, out);
                path.pop();
            }
        }
        _ => out.push(path.clone()),
    }
}

fn at<'a>(document: &'a mut Value, path: &[String]) -> &'a mut Object {
    let mut value = document;
    for name in &path[..path.len() - 1] {
        let object = value.as_object_mut().expect("an object");
        value = object.iter_mut().find(|(key, _)| key == name).expect("a member").1;
    }
    value.as_object_mut().expect("an object")
}

#[test]
fn any_two_values_that_change_places_and_any_that_is_missing_are_noticed() {
    for format in &FORMATS[..2] {
        let document = json(&issued(*format));
        let mut paths = Vec::new();
        leaves(&document, &mut Vec::new(), &mut paths);
        assert!(paths.len() >= 15);
        let get = |path: &Vec<String>| {
            at(&mut document.clone(), path)
                .get(path.last().expect("a name"))
                .cloned()
                .expect("a value")
        };
        for (index, first) in paths.iter().enumerate() {
            let mut without = document.clone();
            at(&mut without, first).remove(first.last().expect("a name"));
            assert!(
                !check(without.to_text().as_bytes()).verified,
                "{format:?} without {first:?}"
            );
            for second in &paths[..index] {
                let (one, other) = (get(first), get(second));
                if one == other {
                    continue;
                }
                let mut swapped = document.clone();
                at(&mut swapped, first).insert(first.last().expect("a name").as_str(), other);
                at(&mut swapped, second).insert(second.last().expect("a name").as_str(), one);
                assert!(
                    !check(swapped.to_text().as_bytes()).verified,
                    "{format:?}: {first:?} and {second:?}"
                );
            }
        }
    }
}

#[test]
fn any_member_that_is_added_is_noticed() {
    for format in &FORMATS[..2] {
        let document = json(&issued(*format));
        for path in [
            vec!["x"],
            vec!["credentialSubject", "x"],
            vec!["proof", "x"],
            vec!["proof", "expires"],
            vec!["validUntil"],
        ] {
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            let mut more = document.clone();
            at(&mut more, &path).insert(path.last().expect("a name").as_str(), "2030-01-01T00:00:00Z");
            assert!(!check(more.to_text().as_bytes()).verified, "{format:?} with {path:?}");
        }
    }
}

/// vc-di-eddsa §3.3.2: contexts may follow the signed ones, and are not part of what was secured.
#[test]
fn contexts_that_follow_the_signed_ones_are_not_handed_out() {
    let mut document = json(&issued(FORMATS[0]));
    let extra = vec![
        "https://www.w3.org/ns/credentials/v2".into(),
        "https://www.w3.org/ns/credentials/examples/v2".into(),
        json(r#"{"alumniOf":"https://evil.example/owes"}"#),
    ];
    document
        .as_object_mut()
        .expect("an object")
        .insert("@context", extra.clone());
    let report = check(document.to_text().as_bytes());
    assert!(report.verified);
    let contexts = report.document.and_then(|document| document.get("@context").cloned());
    assert_eq!(contexts, Some(Value::Array(extra[..2].to_vec())));
    let mut document = json(&issued(FORMATS[0]));
    document
        .as_object_mut()
        .expect("an object")
        .insert("@context", extra[..1].to_vec());
    assert_eq!(
        check(document.to_text().as_bytes()).outcome(CheckId::Signature),
        Outcome::Failed
    );
}

fn only_failure(report: &Report) -> (CheckId, Failure) {
    assert!(!report.verified);
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1, "{:?}", report.checks);
    (failed[0].id, failed[0].failure.clone().expect("a reason"))
}

#[test]
fn times_that_are_over_or_to_come_fail_by_their_own_name() {
    for format in FORMATS {
        let mut credential = credential();
        credential.insert("validFrom", "2024-01-01T00:00:00Z");
        credential.insert("validUntil", "2025-01-01T00:00:00+01:00");
        let options = IssueOptions {
            format,
            created: time("2023-01-01T00:00:00Z"),
        };
        let text = now(issue(credential, &options, &SoftSigner::new(1))).expect("it can be issued");
        let at = |when| now(verify(text.as_bytes(), &VerifyOptions::at(time(when)), &Offline));
        assert!(at("2024-06-01T00:00:00Z").verified);
        assert!(at("2024-12-31T23:00:00Z").verified);
        let early = Failure::NotYetValid("2024-01-01T00:00:00Z".to_owned());
        assert_eq!(only_failure(&at("2023-12-31T23:00:00Z")), (CheckId::ValidFrom, early));
        let late = Failure::Expired("2024-12-31T23:00:00Z".to_owned());
        assert_eq!(only_failure(&at("2024-12-31T23:00:01Z")), (CheckId::ValidUntil, late));
    }
}

#[test]
fn proofs_for_another_purpose_and_proofs_that_have_expired_fail_by_their_own_name() {
    use avatar_credentials::proof::ProofError;
    let signer = SoftSigner::new(1);
    for suite in [Suite::EddsaJcs2022, Suite::EddsaRdfc2022] {
        let made = |options: ProofOptions<'_>| {
            let mut document = credential();
            document.insert("issuer", signer.did.as_str());
            now(add_proof(&mut document, &options, &signer)).expect("the key signs");
            check(Value::from(document).to_text().as_bytes())
        };
        let usual = ProofOptions {
            suite,
            ..ProofOptions::assertion(time("2023-01-01T00:00:00Z"))
        };
        assert!(made(usual).verified);
        let other = ProofOptions {
            purpose: "authentication",
            ..usual
        };
        assert_eq!(
            only_failure(&made(other)),
            (CheckId::Purpose, ProofError::WrongPurpose.into())
        );
        let over = ProofOptions {
            expires: Some(time("2024-01-01T00:00:00Z")),
            ..usual
        };
        assert_eq!(
            only_failure(&made(over)),
            (CheckId::ProofTime, ProofError::Expired.into())
        );
        let early = ProofOptions {
            created: Some(time("2030-01-01T00:00:00Z")),
            ..usual
        };
        assert_eq!(
            only_failure(&made(early)),
            (CheckId::ProofTime, ProofError::NotYetValid.into())
        );
    }
}

#[test]
fn an_issuer_that_does_not_control_the_key_is_not_believed() {
    use avatar_credentials::proof::ProofError;
    let (signer, victim) = (SoftSigner::new(1), SoftSigner::new(2));
    for suite in [Suite::EddsaJcs2022, Suite::EddsaRdfc2022] {
        for issuer in [victim.did.as_str(), "https://vc.example/issuers/5678", "did:example:x"] {
            let mut document = credential();
            document.insert("issuer", issuer);
            let options = ProofOptions {
                suite,
                ..ProofOptions::assertion(time("2023-01-01T00:00:00Z"))
            };
            now(add_proof(&mut document, &options, &signer)).expect("the key signs");
            let report = check(Value::from(document).to_text().as_bytes());
            assert_eq!(
                only_failure(&report),
                (
                    CheckId::Controller,
                    ProofError::WrongController(issuer.to_owned()).into()
                )
            );
        }
    }
    // A token by another key, with the victim's name in its header: then the signature is wrong.
    let pretender = SoftSigner::new(1).named(&victim.method);
    let options = IssueOptions {
        format: Format::Token,
        created: time("2023-01-01T00:00:00Z"),
    };
    let text = now(issue(credential(), &options, &pretender)).expect("it can be issued");
    assert_eq!(
        only_failure(&check(text.as_bytes())),
        (CheckId::Signature, ProofError::WrongSignature.into())
    );
    // The issuer is missing altogether.
    let mut document = json(&issued(FORMATS[0]));
    document.as_object_mut().expect("an object").remove("issuer");
    assert_eq!(
        check(document.to_text().as_bytes()).outcome(CheckId::Controller),
        Outcome::Failed
    );
}

#[test]
fn a_further_proof_by_somebody_else_neither_helps_nor_harms() {
    let witness = SoftSigner::new(2);
    let mut document = object(&issued(FORMATS[0]));
    let options = ProofOptions::assertion(time("2023-03-01T00:00:00Z"));
    now(add_proof(&mut document, &options, &witness)).expect("the key signs");
    let report = check(Value::from(document.clone()).to_text().as_bytes());
    assert!(report.verified, "{:?}", report.checks);
    // Without the issuer's own proof, the witness's proves nothing.
    let proofs = document.get("proof").and_then(Value::as_array).expect("a set").to_vec();
    let mut alone = document.clone();
    alone.insert("proof", proofs[1].clone());
    assert!(!check(Value::from(alone).to_text().as_bytes()).verified);
    // A proof that is not good spoils the set, whoever made it; so does one of a kind that is not understood.
    for (name, value) in [
        ("created", "2023-03-02T00:00:00Z"),
        ("cryptosuite", "ecdsa-rdfc-2019"),
        ("type", "Ed25519Signature2020"),
    ] {
        let mut proofs = proofs.clone();
        proofs[1].as_object_mut().expect("a proof").insert(name, value);
        let mut spoiled = document.clone();
        spoiled.insert("proof", proofs);
        assert!(!check(Value::from(spoiled).to_text().as_bytes()).verified, "{name}");
    }
}

#[test]
fn a_chain_holds_only_with_all_its_links() {
    let (issuer, witness) = (SoftSigner::new(1), SoftSigner::new(2));
    for suite in [Suite::EddsaJcs2022, Suite::EddsaRdfc2022] {
        let mut document = credential();
        document.insert("issuer", issuer.did.as_str());
        let first = ProofOptions {
            suite,
            id: Some("urn:uuid:1"),
            ..ProofOptions::assertion(time("2023-01-01T00:00:00Z"))
        };
        let second = ProofOptions {
            suite,
            previous: Some("urn:uuid:1"),
            ..ProofOptions::assertion(time("2023-02-01T00:00:00Z"))
        };
        now(add_proof(&mut document, &first, &issuer)).expect("the key signs");
        now(add_proof(&mut document, &second, &witness)).expect("the key signs");
        assert!(check(Value::from(document.clone()).to_text().as_bytes()).verified);
        // The first link is made anew, by the same issuer: the second was not made for it.
        let mut anew = document.clone();
        let mut other = credential();
        other.insert("issuer", issuer.did.as_str());
        let later = ProofOptions {
            created: Some(time("2023-01-02T00:00:00Z")),
            ..first
        };
        now(add_proof(&mut other, &later, &issuer)).expect("the key signs");
        let links = document
            .get("proof")
            .and_then(Value::as_array)
            .expect("a chain")
            .to_vec();
        anew.insert(
            "proof",
            vec![other.get("proof").expect("a proof").clone(), links[1].clone()],
        );
        let report = check(Value::from(anew).to_text().as_bytes());
        assert_eq!(report.outcome(CheckId::Signature), Outcome::Failed);
        let mut alone = document.clone();
        alone.insert("proof", vec![links[1].clone()]);
        let report = check(Value::from(alone).to_text().as_bytes());
        assert_eq!(report.outcome(CheckId::Proof), Outcome::Failed);
    }
}

#[test]
fn proof_values_that_are_no_signatures_are_refused() {
    use avatar_credentials::proof::ProofError;
    let document = json(&issued(FORMATS[0]));
    for value in [
        "",
        "z",
        "z0",
        "u7QE",
        "zabc",
        &format!("z{}", "2".repeat(5000)),
        "not multibase",
    ] {
        let mut changed = document.clone();
        let proof = ["proof".to_owned(), "proofValue".to_owned()];
        at(&mut changed, &proof).insert("proofValue", value);
        let report = check(changed.to_text().as_bytes());
        assert_eq!(
            only_failure(&report),
            (CheckId::Proof, ProofError::Malformed("proofValue").into()),
            "{value}"
        );
    }
}

#[test]
fn tokens_that_nobody_signed_are_refused() {
    use avatar_credentials::jose::JoseError;
    let token = issued(Format::Token);
    let parts: Vec<&str> = token.split('.').collect();
    let header = |text: &str| avatar_credentials::base64url::encode(text.as_bytes());
    let kid = SoftSigner::new(1).method;
    let none = header(&format!(r#"{{"alg":"none","typ":"vc+jwt","kid":"{kid}"}}"#));
    for signature in [parts[2], ""] {
        let report = check(format!("{none}.{}.{signature}", parts[1]).as_bytes());
        assert_eq!(only_failure(&report), (CheckId::Format, JoseError::Unsigned.into()));
    }
    // A presentation's token is no credential.
    let other = header(&format!(r#"{{"alg":"EdDSA","typ":"vp+jwt","kid":"{kid}"}}"#));
    let report = check(format!("{other}.{}.{}", parts[1], parts[2]).as_bytes());
    assert_eq!(
        only_failure(&report),
        (CheckId::Format, JoseError::Type("vc+jwt").into())
    );
}

#[test]
fn hostile_input_is_refused_quickly_and_by_name() {
    use avatar_credentials::json::JsonError;
    use avatar_credentials::jsonld::JsonLdError;
    use avatar_credentials::proof::ProofError;
    use avatar_credentials::rdf::CanonicalError;
    let million = format!("[{}0]", "0,".repeat(999_999));
    let start = std::time::Instant::now();
    assert_eq!(
        only_failure(&check(million.as_bytes())),
        (CheckId::Format, JsonError::TooMany(100_000).into())
    );
    let deep = "[".repeat(100_000);
    assert_eq!(
        only_failure(&check(deep.as_bytes())),
        (CheckId::Format, JsonError::TooDeep(64).into())
    );
    assert!(start.elapsed().as_millis() < 500);

    let signer = SoftSigner::new(1);
    let options = IssueOptions {
        format: FORMATS[1],
        created: time("2023-01-01T00:00:00Z"),
    };
    let refused = |members: &str| {
        let mut document = credential();
        for (name, value) in object(members).iter() {
            document.insert(name, value.clone());
        }
        let start = std::time::Instant::now();
        let result = now(issue(document, &options, &signer));
        assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
        result.expect_err(members)
    };
    // Six blank nodes, each of which knows all others: some 800 bytes.
    let node = |at: usize| {
        let others: Vec<String> = (0..7)
            .filter(|other| *other != at)
            .map(|other| format!("\"_:{other}\""))
            .collect();
        format!(r#"{{"id":"_:{at}","knows":[{}]}}"#, others.join(","))
    };
    let nodes: Vec<String> = (0..7).map(node).collect();
    let poison = format!(
        r#"{{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2",{{"knows":{{"@id":"urn:k","@type":"@id"}}}}],"credentialSubject":[{}]}}"#,
        nodes.join(",")
    );
    assert!(poison.len() < 900);
    let canonical: ProofError = CanonicalError::TooMuchWork.into();
    // An identifier of a subject must be a URL, so the graph hides one level below.
    let hidden = poison
        .replace(
            r#""credentialSubject":["#,
            r#""credentialSubject":{"id":"did:example:x","knows":["#,
        )
        .replace("]}]}", "]}]}}");
    assert_eq!(refused(&hidden), canonical.into());
    let unknown = r#"{"@context":["https://www.w3.org/ns/credentials/v2","https://evil.example/context"]}"#;
    let unknown_error: ProofError = JsonLdError::UnknownContext("https://evil.example/context".to_owned()).into();
    assert_eq!(refused(unknown), unknown_error.into());

    // A verifier asks nobody for a context either.
    let text = issued(FORMATS[1]).replace(
        "https://www.w3.org/ns/credentials/examples/v2",
        "https://evil.example/context",
    );
    let pages = common::Pages::default();
    let report = now(verify(text.as_bytes(), &today(), &pages));
    let unknown: ProofError = JsonLdError::UnknownContext("https://evil.example/context".to_owned()).into();
    assert_eq!(only_failure(&report), (CheckId::Signature, unknown.into()));
    assert!(pages.asked.borrow().is_empty());
}
