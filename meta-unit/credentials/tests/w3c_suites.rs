//! The W3C's own test suites, beyond the vectors. They are not part of this repository: `AVATAR_W3C_SUITES` names a folder with clones of
//! `json-ld-api`, `rdf-canon`, `vc-data-model-2.0-test-suite`, `vc-di-eddsa` and `data-integrity-test-suite-assertion`; without it these tests say that
//! they are skipped.

mod common;

use std::path::{Path, PathBuf};

use avatar_credentials::json::{Limits, Value, parse};
use avatar_credentials::jsonld::{JsonLdError, Options, to_rdf};
use avatar_credentials::proof::Suite;
use avatar_credentials::rdf::{canonicalize, parse_nquads};
use avatar_credentials::{Budget, CheckId, Format, IssueOptions, Offline, Outcome, issue};

fn suite(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AVATAR_W3C_SUITES").map(|root| Path::new(&root).join(name).join("tests"));
    match folder {
        Some(folder) if folder.is_dir() => Some(folder),
        _ => {
            eprintln!("skipped: AVATAR_W3C_SUITES has no {name}");
            None
        }
    }
}

fn manifest(path: &Path) -> Vec<Value> {
    let text = std::fs::read(path).expect("the suite has a manifest");
    let limits = Limits {
        values: 1_000_000,
        ..Limits::default()
    };
    let manifest = parse(&text, &limits).expect("the manifest is JSON");
    let sequence = manifest.get("sequence").or(manifest.get("entries"));
    sequence
        .and_then(Value::as_array)
        .expect("the manifest lists tests")
        .to_vec()
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Tests that ask for what is not offered on purpose.
fn is_out_of_scope(entry: &Value) -> bool {
    let option = entry.get("option");
    let has = |name: &str| option.and_then(|option| option.get(name)).is_some();
    let says =
        |name: &str, value: &str| option.and_then(|option| option.get(name)).and_then(Value::as_str) == Some(value);
    // The older version and its rules, contexts from outside, RDF that is none, and directions as nodes.
    says("specVersion", "json-ld-1.0")
        || says("processingMode", "json-ld-1.0")
        || has("expandContext")
        || has("produceGeneralizedRdf")
        || says("rdfDirection", "compound-literal")
}

#[test]
fn the_json_ld_suite_to_rdf_passes() {
    let Some(folder) = suite("json-ld-api") else { return };
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for entry in manifest(&folder.join("toRdf-manifest.jsonld")) {
        let types: Vec<&str> = entry
            .get("@type")
            .map(Value::one_or_many)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let (id, input) = (text(&entry, "@id"), text(&entry, "input"));
        if is_out_of_scope(&entry) || !input.ends_with(".jsonld") {
            skipped += 1;
            continue;
        }
        let base = entry
            .get("option")
            .and_then(|option| option.get("base"))
            .and_then(Value::as_str)
            .map_or_else(
                || format!("https://w3c.github.io/json-ld-api/tests/{input}"),
                str::to_owned,
            );
        let document = std::fs::read(folder.join(input)).unwrap_or_else(|error| panic!("{input}: {error}"));
        let options = Options {
            base: Some(&base),
            safe: false,
            directions: entry
                .get("option")
                .and_then(|option| option.get("rdfDirection"))
                .is_some(),
        };
        let outcome = match Value::parse(&document) {
            Ok(document) => to_rdf(&document, &options, &Budget::default()),
            Err(error) => {
                eprintln!("{id}: {error}");
                skipped += 1;
                continue;
            }
        };
        let verdict = match outcome {
            Err(JsonLdError::UnknownContext(_)) => {
                skipped += 1;
                continue;
            }
            Err(error) if types.contains(&"jld:NegativeEvaluationTest") => {
                let expected = text(&entry, "expectErrorCode");
                let code = error.to_string();
                if code.starts_with(expected) {
                    Ok(())
                } else {
                    Err(format!("{code}, not {expected}"))
                }
            }
            Err(error) => Err(error.to_string()),
            Ok(_) if types.contains(&"jld:NegativeEvaluationTest") => {
                Err(format!("no {}", text(&entry, "expectErrorCode")))
            }
            Ok(_) if types.contains(&"jld:PositiveSyntaxTest") => Ok(()),
            Ok(quads) => {
                let expected = std::fs::read(folder.join(text(&entry, "expect"))).expect("the suite has its output");
                let expected =
                    canonicalize(parse_nquads(&expected).expect("N-Quads"), &Budget::default()).expect("little work");
                let got = canonicalize(quads, &Budget::default()).expect("little work");
                if got == expected {
                    Ok(())
                } else {
                    Err(format!("got\n{got}expected\n{expected}"))
                }
            }
        };
        match verdict {
            Ok(()) => passed += 1,
            Err(why) => failed.push(format!("{id} {} — {}: {why}", text(&entry, "name"), input)),
        }
    }
    eprintln!("{passed} passed, {} failed, {skipped} out of scope", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 300);
}

#[test]
fn the_rdf_canonicalization_suite_passes() {
    let Some(folder) = suite("rdf-canon") else { return };
    let (mut passed, mut failed) = (0, Vec::new());
    for entry in manifest(&folder.join("manifest.jsonld")) {
        let (id, kind, action) = (text(&entry, "id"), text(&entry, "type"), text(&entry, "action"));
        if kind == "rdfc:RDFC10MapTest" || entry.get("hashAlgorithm").is_some() {
            continue;
        }
        let input = std::fs::read(folder.join(action)).expect("the suite has its input");
        let start = std::time::Instant::now();
        let outcome = canonicalize(parse_nquads(&input).expect("N-Quads"), &Budget::default());
        let took = start.elapsed();
        if took.as_millis() > 5 {
            eprintln!("{id}: {took:?}, {}", text(&entry, "name"));
        }
        let right = match (kind, outcome) {
            ("rdfc:RDFC10NegativeEvalTest", Err(_)) => true,
            ("rdfc:RDFC10EvalTest", Ok(text_out)) => {
                text_out.as_bytes()
                    == std::fs::read(folder.join(text(&entry, "result"))).expect("the suite has its output")
            }
            _ => false,
        };
        if right {
            passed += 1
        } else {
            failed.push(format!("{id} {kind} {}", text(&entry, "name")))
        }
    }
    eprintln!("{passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed >= 60);
}

#[test]
fn the_proof_sets_and_chains_of_vc_di_eddsa_are_verified_proof_by_proof() {
    let folder = std::env::var_os("AVATAR_W3C_SUITES").map(|root| Path::new(&root).join("vc-di-eddsa/TestVectors"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("skipped: AVATAR_W3C_SUITES has no vc-di-eddsa");
        return;
    };
    for (file, proofs) in [
        ("proof-set-chain/signedProofSet1.json", 1),
        ("proof-set-chain/signedProofSet2.json", 2),
        ("proof-set-chain/signedProofChain1.json", 3),
        ("proof-set-chain/signedProofChain2.json", 4),
    ] {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
            panic!("the vectors have no {file}");
        };
        let report = common::now(avatar_credentials::verify(text.as_bytes(), &common::today(), &Offline));
        let passed = |id| {
            report
                .checks
                .iter()
                .filter(|check| check.id == id && check.outcome == Outcome::Passed)
                .count()
        };
        assert_eq!(passed(CheckId::Signature), proofs, "{file}: {:?}", report.checks);
        // One bit of any proof in a chain changes what those signed that build on it.
        if file.contains("Chain") {
            let mut document = common::object(&text);
            let proof = document.get("proof").and_then(Value::as_array).expect("a chain")[0].clone();
            let value = proof.get("proofValue").and_then(Value::as_str).expect("a value");
            let other = value.replacen('z', "z2", 1);
            let text = Value::from(std::mem::take(&mut document))
                .to_text()
                .replace(value, &other[..value.len()]);
            let report = common::now(avatar_credentials::verify(text.as_bytes(), &common::today(), &Offline));
            let failed = report
                .checks
                .iter()
                .filter(|check| check.outcome == Outcome::Failed && check.id == CheckId::Signature);
            assert!(failed.count() >= 1, "{file}: {:?}", report.checks);
        }
    }
}

#[test]
fn the_proof_chains_of_the_data_integrity_suite_are_judged_as_their_names_say() {
    let folder = std::env::var_os("AVATAR_W3C_SUITES")
        .map(|root| Path::new(&root).join("data-integrity-test-suite-assertion/inputs"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("skipped: AVATAR_W3C_SUITES has no data-integrity-test-suite-assertion");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("eddsa-rdfc-2022")).expect("the suite has inputs") {
        let path = entry.expect("a file").path();
        let text = std::fs::read(&path).expect("readable");
        let report = common::now(avatar_credentials::verify(&text, &common::today(), &Offline));
        let name = path.display().to_string();
        assert_eq!(report.verified, name.contains("Ok-"), "{name}: {:?}", report.checks);
        count += 1;
    }
    assert!(count >= 12, "{count}");
}

#[test]
fn the_inputs_of_the_data_model_suite_are_issued_or_refused_as_they_should_be() {
    let Some(folder) = suite("vc-data-model-2.0-test-suite") else {
        return;
    };
    let signer = common::SoftSigner::new(1);
    let mut wrong = Vec::new();
    let mut count = 0;
    for folder in [folder.join("input"), folder.join("input/names-and-descriptions")] {
        for entry in std::fs::read_dir(folder).expect("the suite has inputs") {
            let path = entry.expect("a file").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
                .to_owned();
            if !name.starts_with("credential-") && !name.starts_with("issuer-") || !name.ends_with(".json") {
                continue;
            }
            let Ok(Value::Object(mut credential)) = Value::parse(&std::fs::read(&path).expect("readable")) else {
                panic!("{name} is no JSON");
            };
            // The suite's issuer puts itself in; where the issuer is what is tested, it stays.
            match credential.get("issuer").cloned() {
                Some(Value::String(id)) if id.starts_with("did:") => credential.insert("issuer", signer.did.as_str()),
                Some(Value::Object(mut issuer))
                    if issuer.get_str("id").is_none_or(|id| id.starts_with("did:")) && !name.contains("null") =>
                {
                    issuer.insert("id", signer.did.as_str());
                    credential.insert("issuer", issuer);
                }
                _ => {}
            }
            if !name.contains("proof") {
                credential.remove("proof");
            }
            // Their times are filled in by the suite.
            if name.contains("validUntil-validFrom") || name == "credential-proof-ok.json" {
                continue;
            }
            let mut outcomes = Vec::new();
            for format in [
                Format::DataIntegrity(Suite::EddsaJcs2022),
                Format::DataIntegrity(Suite::EddsaRdfc2022),
                Format::Token,
            ] {
                let options = IssueOptions {
                    format,
                    created: common::time("2026-01-01T00:00:00Z"),
                };
                outcomes.push(
                    common::now(issue(credential.clone(), &options, &signer))
                        .err()
                        .map(|error| error.to_string()),
                );
            }
            count += 1;
            let should_pass = name.contains("-ok");
            if outcomes.iter().any(|outcome| outcome.is_none() != should_pass) {
                wrong.push(format!("{name}: {outcomes:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 80, "{count} inputs");
}
