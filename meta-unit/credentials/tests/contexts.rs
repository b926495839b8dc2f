//! Contexts: the embedded ones, those that an application adds, and no others.

mod common;

use avatar_credentials::jsonld::{JsonLdError, Options, add_context, check_types, to_rdf};
use avatar_credentials::proof::{ProofError, Suite};
use avatar_credentials::rdf::canonicalize;
use avatar_credentials::{Budget, Format, IssueError, IssueOptions, Offline, issue, verify};
use common::{SoftSigner, json, now, object, time, today};

const URL: &str = "https://example.org/contexts/membership/v1";

fn issued() -> Result<String, IssueError> {
    let credential = object(&format!(
        r#"{{"@context":["https://www.w3.org/ns/credentials/v2","{URL}"],"type":["VerifiableCredential","Membership"],"credentialSubject":{{"level":"gold"}}}}"#
    ));
    let options = IssueOptions {
        format: Format::DataIntegrity(Suite::EddsaRdfc2022),
        created: time("2026-01-01T00:00:00Z"),
    };
    now(issue(credential, &options, &SoftSigner::new(1)))
}

#[test]
fn a_context_that_an_application_adds_is_known_from_then_on_and_never_another() {
    let unknown = ProofError::from(JsonLdError::UnknownContext(URL.to_owned()));
    assert_eq!(issued(), Err(unknown.into()));
    let context = json(
        r#"{"@context":{"@protected":true,"Membership":"https://example.org/m#Membership","level":"https://example.org/m#level"}}"#,
    );
    add_context(URL, context.clone()).expect("it is new");
    let text = issued().expect("the context is known");
    assert!(now(verify(text.as_bytes(), &today(), &Offline)).verified);
    assert_eq!(add_context(URL, context), Ok(()));
    for url in [URL, "https://www.w3.org/ns/credentials/v2"] {
        let other = add_context(url, json(r#"{"@context":{"level":"https://evil.example/level"}}"#));
        assert_eq!(other, Err(JsonLdError::ContextKnown(url.to_owned())));
    }
    assert!(add_context("https://example.org/none", json("{}")).is_err());
    for at in 0..100 {
        let added = add_context(&format!("https://example.org/{at}"), json(r#"{"@context":{}}"#));
        assert!(added == Ok(()) || added == Err(JsonLdError::TooMany("contexts")));
    }
}

#[test]
fn types_that_no_context_defines_are_not_issued() {
    let with = |contexts: &str, name: &str| {
        let document = format!(
            r#"{{"@context":["https://www.w3.org/ns/credentials/v2"{contexts}],"type":["VerifiableCredential","{name}"]}}"#
        );
        check_types(&object(&document))
    };
    assert!(matches!(with("", "Membership"), Err(JsonLdError::Dropped { .. })));
    for contexts in [
        r#","https://www.w3.org/ns/credentials/undefined-terms/v2""#,
        r#","https://www.w3.org/ns/credentials/examples/v2""#,
        r#",{"Membership":"https://example.org/m#Membership"}"#,
        // What is not known may define anything.
        r#","https://example.org/unknown""#,
    ] {
        assert_eq!(with(contexts, "Membership"), Ok(()), "{contexts}");
    }
    assert_eq!(with("", "https://example.org/m#Membership"), Ok(()));
    let redefined = r#",{"VerifiableCredential":"https://evil.example/x"}"#;
    assert!(matches!(
        with(redefined, "VerifiableCredential"),
        Err(JsonLdError::Invalid { .. })
    ));
}

fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn documents_made_to_take_forever_are_refused_in_a_moment() {
    let nodes = many(20_000, |at| {
        format!(r#"{{"@context":{{"t{at}":"urn:{at}"}},"name":"x"}}"#)
    });
    let properties = many(45_000, |at| format!(r#""urn:p{at}":1"#));
    let types = many(40_000, |at| format!(r#""urn:t{at}""#));
    let terms = many(45_000, |at| format!(r#""t{}":"urn:{at}""#, 99_999 - at));
    let chain = many(5_000, |at| format!(r#""t{at}":"t{}:x""#, at + 1));
    let scoped = many(300, |at| {
        format!(
            r#""T{at}":{{"@id":"urn:T{at}","@context":{{{}}}}}"#,
            many(100, |at| format!(r#""t{at}":"urn:{at}""#))
        )
    });
    let of_types = many(300, |at| format!(r#""T{at}""#));
    let v2 = "https://www.w3.org/ns/credentials/v2";
    let long = "x".repeat(500_000);
    let few = many(20_000, |at| format!(r#""p{at}":1"#));
    let prefixed = many(20_000, |at| format!(r#""v:p{at}":1"#));
    let typed = many(20_000, |at| format!(r#""urn:p{at}":{{"@value":"","@type":"t"}}"#));
    let strings = many(20_000, |at| format!(r#""p{at}":"x""#));
    let ones = many(90_000, |_| "1".to_owned());
    let ts = many(90_000, |_| r#""t""#.to_owned());
    let ids = many(40_000, |at| format!(r#"{{"@id":"{at}"}}"#));
    let mut nested = format!(r#"{{{}}}"#, many(50_000, |at| format!(r#""t{at}":null"#)));
    for _ in 0..25 {
        nested = format!(r#"{{"T":{{"@id":"urn:T","@context":{nested}}}}}"#);
    }
    let mut index = many(50_000, |at| format!("\"x{at}\""));
    index = format!("[{index}]");
    for _ in 0..55 {
        index = format!(r#"{{"i":{index}}}"#);
    }
    for document in [
        format!(r#"{{"@context":{{"@vocab":"urn:{long}"}},"@id":"urn:1",{few}}}"#),
        format!(r#"{{"@context":{{"v":"urn:{long}:"}},"@id":"urn:1",{prefixed}}}"#),
        format!(r#"{{"@context":{{"t":"urn:{long}"}},"@id":"urn:1",{typed}}}"#),
        format!(r#"{{"@context":{{"@vocab":"urn:v:"}},"@id":"urn:{long}",{few}}}"#),
        format!(r#"{{"@context":{{"@vocab":"urn:v:"}},"@id":"_:{long}","urn:{long}":["_:a","_:b"],{few}}}"#),
        format!(r#"{{"@context":{{"@language":"{long}","@vocab":"urn:v#"}},"@id":"urn:1",{strings}}}"#),
        format!(r#"{{"@context":{{"{long}":"urn:x"}},"@id":"urn:1","{long}":[{ones}]}}"#),
        format!(r#"{{"@context":{{"t":"_:{long}"}},"@id":"urn:1","@type":[{ts}]}}"#),
        format!(r#"{{"@context":{{"@base":"urn:{long}/"}},"@id":"urn:1","urn:p":[{ids}]}}"#),
        format!(r#"{{"@context":{nested},"@id":"urn:1"}}"#),
        format!(r#"{{"@context":{{"@vocab":"urn:v:","i":{{"@container":"@index"}}}},"@id":"urn:1","i":{index}}}"#),
        format!(r#"{{"@context":"{v2}","id":"urn:1","urn:p":[{nodes}]}}"#),
        format!(r#"{{"@context":"{v2}","id":"urn:1",{properties}}}"#),
        format!(r#"{{"@context":"{v2}","id":"urn:1","type":[{types}]}}"#),
        format!(r#"{{"@context":{{{terms}}},"@id":"urn:1"}}"#),
        format!(r#"{{"@context":{{{chain}}},"@id":"urn:1"}}"#),
        format!(r#"{{"@context":{{{scoped}}},"@graph":[{{"@type":[{of_types}],"urn:p":{{"@type":[{of_types}]}}}}]}}"#),
    ] {
        for safe in [true, false] {
            let value = json(&document);
            let start = std::time::Instant::now();
            let options = Options {
                safe,
                ..Options::SIGNED
            };
            let budget = Budget::default();
            let _ = to_rdf(&value, &options, &budget).map(|quads| canonicalize(quads, &budget));
            assert!(
                start.elapsed().as_millis() < 2000,
                "{:?}: {}",
                start.elapsed(),
                &document[..200]
            );
        }
    }
}
