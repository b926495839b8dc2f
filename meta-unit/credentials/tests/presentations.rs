//! Presentations for a verifier's challenge, and identifiers that are looked up on the web.

mod common;

use avatar_credentials::did::{AddressError, DocumentError, ResolveError, resolve};
use avatar_credentials::json::{JsonError, Value};
use avatar_credentials::proof::{ProofError, Suite};
use avatar_credentials::{
    CheckId, Failure, FetchError, Format, IssueOptions, Offline, Outcome, PresentOptions, PresentationOptions, Report,
    issue, present, verify, verify_presentation,
};
use common::{Pages, SoftSigner, now, object, time, today};

const FORMATS: [Format; 3] = [
    Format::DataIntegrity(Suite::EddsaJcs2022),
    Format::DataIntegrity(Suite::EddsaRdfc2022),
    Format::Token,
];

fn issued(format: Format, issuer: &SoftSigner, subject: &str) -> String {
    let credential = object(&format!(
        r#"{{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"],"type":["VerifiableCredential"],"credentialSubject":{{"id":"{subject}","alumniOf":"The School of Examples"}}}}"#
    ));
    let options = IssueOptions {
        format,
        created: time("2026-01-01T00:00:00Z"),
    };
    now(issue(credential, &options, issuer)).expect("it can be issued")
}

fn made(format: Format) -> PresentOptions<'static> {
    PresentOptions {
        format,
        id: Some("urn:uuid:1"),
        created: time("2026-11-25T00:00:00Z"),
        expires: None,
        challenge: Some("c0ffee"),
        domain: Some("shop.example"),
    }
}

fn asked() -> PresentationOptions<'static> {
    PresentationOptions {
        verify: today(),
        challenge: Some("c0ffee"),
        domain: Some("shop.example"),
        holder_is_subject: true,
    }
}

fn check(text: &str, options: &PresentationOptions<'_>) -> Report {
    now(verify_presentation(text.as_bytes(), options, &Offline))
}

#[test]
fn credentials_of_every_format_are_presented_in_every_format() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    let credentials: Vec<String> = FORMATS
        .iter()
        .map(|format| issued(*format, &issuer, &holder.did))
        .collect();
    let credentials: Vec<&str> = credentials.iter().map(String::as_str).collect();
    for format in FORMATS {
        let text = now(present(&credentials, &made(format), &holder)).expect("it can be presented");
        let report = check(&text, &asked());
        assert!(report.verified, "{format:?}: {:#?}", report.checks);
        let places: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.id == CheckId::Signature)
            .map(|check| check.subject.to_string())
            .collect();
        assert_eq!(places, ["document", "credential[0]", "credential[1]", "credential[2]"]);
    }
}

#[test]
fn envelopes_are_opened() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    let token = issued(Format::Token, &issuer, &holder.did);
    let envelope = |kind: &str, media_type: &str, token: &str| {
        format!(
            r#"{{"@context":"https://www.w3.org/ns/credentials/v2","type":"{kind}","id":"data:{media_type},{token}"}}"#
        )
    };
    let credential = envelope("EnvelopedVerifiableCredential", "application/vc+jwt", &token);
    assert!(now(verify(credential.as_bytes(), &today(), &Offline)).verified);
    let presentation = now(present(&[&token], &made(Format::Token), &holder)).expect("it can be presented");
    let presentation = envelope("EnvelopedVerifiablePresentation", "application/vp+jwt", &presentation);
    assert!(check(&presentation, &asked()).verified);
    for (kind, media_type) in [
        ("EnvelopedVerifiableCredential", "application/vp+jwt"),
        ("EnvelopedVerifiableCredential", "application/vc+sd-jwt"),
        ("EnvelopedVerifiableCredential", "text/plain"),
        ("VerifiableCredential", "application/vc+jwt"),
    ] {
        let credential = envelope(kind, media_type, &token);
        assert!(
            !now(verify(credential.as_bytes(), &today(), &Offline)).verified,
            "{kind} {media_type}"
        );
    }
}

#[test]
fn a_presentation_answers_one_challenge_of_one_verifier() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    let credential = issued(FORMATS[0], &issuer, &holder.did);
    for format in FORMATS {
        let text = now(present(&[&credential], &made(format), &holder)).expect("it can be presented");
        let other = PresentationOptions {
            challenge: Some("another"),
            ..asked()
        };
        let report = check(&text, &other);
        assert!(!report.verified);
        assert_eq!(
            report.failures(CheckId::Challenge).next(),
            Some(&ProofError::WrongChallenge.into())
        );
        let other = PresentationOptions {
            domain: Some("evil.example"),
            ..asked()
        };
        assert_eq!(
            check(&text, &other).failures(CheckId::Domain).next(),
            Some(&ProofError::WrongDomain.into())
        );
        let without = PresentOptions {
            challenge: None,
            domain: None,
            ..made(format)
        };
        let text = now(present(&[&credential], &without, &holder)).expect("it can be presented");
        assert!(!check(&text, &asked()).verified);
        let expired = PresentOptions {
            expires: Some(time("2026-11-25T00:05:00Z")),
            ..made(format)
        };
        let text = now(present(&[&credential], &expired, &holder)).expect("it can be presented");
        assert_eq!(
            check(&text, &asked()).failures(CheckId::ProofTime).next(),
            Some(&ProofError::Expired.into())
        );
    }
}

#[test]
fn any_bit_of_a_presentation_that_is_flipped_is_noticed() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    for format in FORMATS {
        let credential = issued(format, &issuer, &holder.did);
        let text = now(present(&[&credential], &made(format), &holder)).expect("it can be presented");
        let mut changed = text.clone().into_bytes();
        // Every seventh: all bits of a byte and all bytes come to their turn, in a second.
        for bit in (0..changed.len() * 8).step_by(7) {
            changed[bit / 8] ^= 1 << (bit % 8);
            let report = now(verify_presentation(&changed, &asked(), &Offline));
            assert!(!report.verified, "{format:?}: {}", String::from_utf8_lossy(&changed));
            changed[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn one_bad_credential_spoils_the_presentation_and_is_named() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    let good = issued(FORMATS[0], &issuer, &holder.did);
    let bad = good.replace("Examples", "Exemples");
    let text = now(present(&[&good, &bad], &made(FORMATS[0]), &holder)).expect("it can be presented");
    let report = check(&text, &asked());
    assert!(!report.verified);
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].id, failed[0].subject.credential),
        (CheckId::Signature, Some(1))
    );
}

#[test]
fn a_credential_that_was_stolen_is_not_presented_for_its_subject() {
    let (issuer, thief) = (SoftSigner::new(1), SoftSigner::new(3));
    let stolen = issued(FORMATS[0], &issuer, &SoftSigner::new(2).did);
    let text = now(present(&[&stolen], &made(FORMATS[0]), &thief)).expect("it can be presented");
    assert_eq!(
        check(&text, &asked()).failures(CheckId::Holder).next(),
        Some(&Failure::OtherSubject)
    );
    let lax = PresentationOptions {
        holder_is_subject: false,
        ..asked()
    };
    let report = check(&text, &lax);
    assert!(report.verified);
    assert_eq!(report.outcome(CheckId::Holder), Outcome::NotChecked);
    // Under the subject's name the thief has no key for.
    let mut forged = object(&text);
    forged.insert("holder", SoftSigner::new(2).did);
    assert!(!check(&Value::from(forged).to_text(), &lax).verified);
}

#[test]
fn credentials_are_no_presentations_and_presentations_no_credentials() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    for format in FORMATS {
        let credential = issued(format, &issuer, &holder.did);
        assert!(!check(&credential, &asked()).verified);
        let text = now(present(&[&credential], &made(format), &holder)).expect("it can be presented");
        assert!(!now(verify(text.as_bytes(), &today(), &Offline)).verified);
    }
    for text in ["", "{}", "null", "x.y.z", "[]"] {
        assert!(!check(text, &asked()).verified, "{text}");
    }
}

const DID: &str = "did:web:issuer.example:people:alice";
const URL: &str = "https://issuer.example/people/alice/did.json";

fn web_document(signer: &SoftSigner, relationships: &str) -> String {
    let multikey = signer.method.split_once('#').expect("a fragment").1.to_owned();
    format!(
        r##"{{"@context":["https://www.w3.org/ns/did/v1"],"id":"{DID}","verificationMethod":[{{"id":"{DID}#key-1","type":"Multikey","controller":"{DID}","publicKeyMultibase":"{multikey}"}}],{relationships}}}"##
    )
}

#[test]
fn an_issuer_on_the_web_is_looked_up_where_its_name_says() {
    let signer = SoftSigner::new(1);
    let document = web_document(&signer, r##""assertionMethod":["#key-1"]"##);
    let signer = SoftSigner::new(1).named(&format!("{DID}#key-1"));
    for format in FORMATS {
        let credential = issued(format, &signer, "did:example:s");
        let pages = Pages::default().with(URL, document.clone());
        let report = now(verify(credential.as_bytes(), &today(), &pages));
        assert!(report.verified, "{:#?}", report.checks);
        assert_eq!(*pages.asked.borrow(), [URL]);
        // The key is listed, but not for assertions.
        let only_login = web_document(&SoftSigner::new(1), r##""authentication":["#key-1"]"##);
        let report = now(verify(
            credential.as_bytes(),
            &today(),
            &Pages::default().with(URL, only_login),
        ));
        let failure = report.failures(CheckId::VerificationMethod).next().cloned();
        let relationship = avatar_credentials::did::Relationship::AssertionMethod;
        assert_eq!(failure, Some(ResolveError::WrongRelationship(relationship).into()));
        // Another key lies there.
        let other = web_document(&SoftSigner::new(9), r##""assertionMethod":["#key-1"]"##);
        let report = now(verify(
            credential.as_bytes(),
            &today(),
            &Pages::default().with(URL, other),
        ));
        assert_eq!(
            report.failures(CheckId::Signature).next(),
            Some(&ProofError::WrongSignature.into())
        );
        // The key was revoked, or has expired.
        for (member, error) in [("revoked", ProofError::KeyRevoked), ("expires", ProofError::Expired)] {
            let over = document.replace(
                r#""type":"Multikey""#,
                &format!(r#""type":"Multikey","{member}":"2026-06-01T00:00:00Z""#),
            );
            let report = now(verify(
                credential.as_bytes(),
                &today(),
                &Pages::default().with(URL, over),
            ));
            assert!(!report.verified);
            assert_eq!(report.failures(CheckId::ProofTime).next(), Some(&error.into()));
        }
    }
}

struct Broken(FetchError);

impl avatar_credentials::Fetch for Broken {
    fn get<'a>(&'a self, _: &'a str, _: usize) -> avatar_credentials::LocalBoxFuture<'a, Result<Vec<u8>, FetchError>> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

#[test]
fn documents_that_do_not_come_or_are_none_are_refused_by_name() {
    let page = |text: &str| {
        now(resolve(DID, &Pages::default().with(URL, text)))
            .map(|_| ())
            .expect_err(text)
    };
    assert_eq!(page("<html>"), ResolveError::Json(JsonError::Syntax(0)));
    assert_eq!(page(""), ResolveError::Json(JsonError::Syntax(0)));
    assert_eq!(page("[]"), ResolveError::Document(DocumentError::Malformed));
    assert_eq!(
        page(r#"{"id":"did:web:evil.example"}"#),
        ResolveError::Document(DocumentError::WrongId)
    );
    assert_eq!(
        page(&" ".repeat(65_537)),
        ResolveError::Fetch(FetchError::TooLarge(65_536))
    );
    assert_eq!(page(&"[".repeat(100)), ResolveError::Json(JsonError::TooDeep(16)));
    for error in [
        FetchError::Unavailable,
        FetchError::NotAllowed,
        FetchError::Timeout,
        FetchError::Failed("302: redirects are not followed".to_owned()),
    ] {
        assert_eq!(
            now(resolve(DID, &Broken(error.clone()))).map(|_| ()),
            Err(ResolveError::Fetch(error))
        );
    }
    let pages = Pages::default();
    for did in ["did:web:localhost", "did:web:127.0.0.1", "did:web:printer.local"] {
        assert!(matches!(
            now(resolve(did, &pages)),
            Err(ResolveError::Address(
                AddressError::PrivateName | AddressError::PrivateAddress
            ))
        ));
    }
    assert!(matches!(
        now(resolve("did:ion:x", &pages)),
        Err(ResolveError::UnsupportedMethod)
    ));
    assert!(pages.asked.borrow().is_empty());
}

/// did:jwk, the method's own example of an Ed25519-like key agreement key and of P-256.
#[test]
fn a_did_jwk_is_its_own_document() {
    let p256 = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9";
    let document = now(resolve(p256, &Offline)).expect("the example");
    let method = &document
        .json()
        .get("verificationMethod")
        .and_then(Value::as_array)
        .expect("methods")[0];
    assert_eq!(
        method.get("id").and_then(Value::as_str),
        Some(format!("{p256}#0").as_str())
    );
    assert_eq!(
        document.json().get("keyAgreement").map(Value::to_text),
        Some(format!(r#"["{p256}#0"]"#))
    );
    let x25519 = "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJYMjU1MTkiLCJ1c2UiOiJlbmMiLCJ4IjoiM3A3YmZYdDl3YlRUVzJIQzdPUTFOei1EUThoYmVHZE5yZngtRkctSUswOCJ9";
    let document = now(resolve(x25519, &Offline)).expect("the example");
    assert_eq!(document.json().get("assertionMethod"), None);
    assert!(document.json().contains("keyAgreement"));
    for bad in ["did:jwk:x", "did:jwk:e30", "did:jwk:eyJrdHkiOiJSU0EifQ", "did:jwk:W10"] {
        assert!(
            matches!(now(resolve(bad, &Offline)), Err(ResolveError::Key(_))),
            "{bad}"
        );
    }
    // A credential by a did:jwk.
    let signer = SoftSigner::new(5);
    let jwk = avatar_credentials::keys::PublicKey::new(avatar_credentials::keys::KeyKind::Ed25519, &signer.public())
        .expect("a key")
        .to_jwk();
    let did = format!(
        "did:jwk:{}",
        avatar_credentials::base64url::encode(Value::from(jwk).to_text().as_bytes())
    );
    let signer = signer.named(&format!("{did}#0"));
    let report = now(verify(
        issued(FORMATS[0], &signer, "did:example:s").as_bytes(),
        &today(),
        &Offline,
    ));
    assert!(report.verified, "{:#?}", report.checks);
}

#[test]
fn one_issuer_is_looked_up_once_for_a_whole_presentation_and_not_too_many_are() {
    let holder = SoftSigner::new(2);
    let issuer = SoftSigner::new(1).named(&format!("{DID}#key-1"));
    let credential = issued(FORMATS[0], &issuer, &holder.did);
    let text = now(present(&[credential.as_str(); 20], &made(FORMATS[0]), &holder)).expect("it can be presented");
    let pages = Pages::default().with(
        URL,
        web_document(&SoftSigner::new(1), r##""assertionMethod":["#key-1"]"##),
    );
    assert!(now(verify_presentation(text.as_bytes(), &asked(), &pages)).verified);
    assert_eq!(pages.asked.borrow().len(), 1);
    let many: Vec<String> = (0..40)
        .map(|at| {
            issued(
                FORMATS[0],
                &SoftSigner::new(1).named(&format!("did:web:issuer{at}.example#key-1")),
                &holder.did,
            )
        })
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = now(present(&many, &made(FORMATS[0]), &holder)).expect("it can be presented");
    let pages = Pages::default();
    let report = now(verify_presentation(text.as_bytes(), &asked(), &pages));
    assert_eq!(pages.asked.borrow().len(), 32);
    let last = report.failures(CheckId::VerificationMethod).last().cloned();
    assert_eq!(last, Some(ResolveError::Fetch(FetchError::TooMany(32)).into()));
}

#[test]
fn many_hard_credentials_take_no_more_time_than_one() {
    let (issuer, holder) = (SoftSigner::new(1), SoftSigner::new(2));
    // Each of them is just not too hard: eight proofs on a ring of nodes that are all alike.
    let ring: Vec<String> = (0..40)
        .map(|at| format!(r#"{{"id":"_:{at}","knows":"_:{}"}}"#, (at + 1) % 40))
        .collect();
    let mut credential = object(&format!(
        r#"{{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2",{{"knows":{{"@id":"urn:k","@type":"@id"}}}}],"type":["VerifiableCredential"],"issuer":"{}","credentialSubject":{{"id":"{}","knows":[{}]}}}}"#,
        issuer.did,
        holder.did,
        ring.join(",")
    ));
    let options = avatar_credentials::proof::ProofOptions {
        suite: Suite::EddsaRdfc2022,
        ..avatar_credentials::proof::ProofOptions::assertion(time("2026-01-01T00:00:00Z"))
    };
    for _ in 0..8 {
        now(avatar_credentials::proof::add_proof(&mut credential, &options, &issuer))
            .expect("one alone is not too hard");
    }
    let text = Value::from(credential).to_text();
    let text = now(present(&[text.as_str(); 60], &made(FORMATS[0]), &holder)).expect("it can be presented");
    let start = std::time::Instant::now();
    let report = check(&text, &asked());
    assert!(!report.verified);
    assert!(start.elapsed().as_millis() < 1500, "{:?}", start.elapsed());
    let too_much: ProofError = avatar_credentials::rdf::CanonicalError::TooMuchWork.into();
    assert_eq!(report.failures(CheckId::Signature).last(), Some(&too_much.into()));
}
