//! The official vectors: vc-di-eddsa with every step between, did:key, RFC 8785, RFC 8037.

mod common;

use avatar_credentials::did::{Relationship, resolve, resolve_method};
use avatar_credentials::json::{Value, canonical};
use avatar_credentials::keys::{KeyKind, PublicKey, verify};
use avatar_credentials::proof::{ProofOptions, Suite, add_proof, hash_input};
use avatar_credentials::{Budget, CheckId, Offline, Outcome};
use common::{SoftSigner, json, now, object, read, time, vectors};
use sha2::{Digest, Sha256};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn data_integrity(suite: Suite, folder: &str, suffix: &str) {
    let Some(root) = vectors("vc-di-eddsa") else { return };
    let folder = root.join(folder);
    let file = |name: &str, end: &str| read(&folder, &format!("{name}{suffix}.{end}"));
    let unsigned = object(&read(&root, "unsigned.json"));
    let config = object(&file("proofConfig", "json"));

    let input = hash_input(suite, &unsigned, &config, &[], &Budget::default()).expect("the vector can be signed");
    assert_eq!(input.document.trim(), file("canonDoc", "txt"));
    assert_eq!(input.config.trim(), file("proofCanon", "txt"));
    assert_eq!(hex(&Sha256::digest(&input.document)), file("docHash", "txt"));
    assert_eq!(hex(&Sha256::digest(&input.config)), file("proofHash", "txt"));
    assert_eq!(hex(&input.combined()), file("combinedHash", "txt"));

    let keys = object(&read(&root, "keyPair.json"));
    let signer = SoftSigner::from_multikey(keys.get_str("privateKeyMultibase").expect("the secret key"));
    assert_eq!(hex(&signer.sign_now(&input.combined())), file("sigHex", "txt"));
    let mut issued = unsigned.clone();
    let options = ProofOptions {
        suite,
        ..ProofOptions::assertion(time("2023-02-24T23:36:38Z"))
    };
    now(add_proof(&mut issued, &options, &signer)).expect("the key signs");
    let signed = json(&file("signed", "json"));
    assert_eq!(canonical(&Value::from(issued)), canonical(&signed));
    assert_eq!(
        signed.get("proof").and_then(|proof| proof.get("proofValue")),
        Some(&file("sigBTC58", "txt").into())
    );

    let report = now(avatar_credentials::verify(
        signed.to_text().as_bytes(),
        &common::today(),
        &Offline,
    ));
    for check in CheckId::ALL {
        let outcome = report.outcome(check);
        // The vector's issuer is an https URL, which does not control the did:key that signed.
        assert_eq!(
            outcome == Outcome::Failed,
            check == CheckId::Controller,
            "{check:?}: {:?}",
            report.checks
        );
    }
    assert_eq!(report.outcome(CheckId::Signature), Outcome::Passed);
}

#[test]
fn the_vectors_of_eddsa_jcs_2022_are_met_step_by_step_and_made_again() {
    data_integrity(Suite::EddsaJcs2022, "eddsa-jcs-2022", "JCS");
}

#[test]
fn the_vectors_of_eddsa_rdfc_2022_are_met_step_by_step_and_made_again() {
    data_integrity(Suite::EddsaRdfc2022, "eddsa-rdfc-2022", "DataInt");
}

#[test]
fn the_canonical_json_vectors_are_met() {
    let Some(folder) = vectors("jcs") else { return };
    for name in ["arrays", "french", "structures", "unicode", "values"] {
        let input = json(&read(&folder, &format!("input/{name}.json")));
        assert_eq!(
            canonical(&input),
            read(&folder, &format!("output/{name}.json")),
            "{name}"
        );
        let digits: String = read(&folder, &format!("outhex/{name}.txt"))
            .split_whitespace()
            .collect();
        assert_eq!(hex(canonical(&input).as_bytes()), digits, "{name}");
    }
}

/// The vectors' documents are of older suites: what counts is the keys and what they are for.
fn did_key_vectors(file: &str) {
    let Some(folder) = vectors("did-method-key") else {
        return;
    };
    let all = object(&read(&folder, file));
    for (did, vector) in all.iter() {
        let theirs = vector.get("didDocument").expect("a document");
        let document = match now(resolve(did, &Offline)) {
            Ok(document) => document,
            Err(error) => panic!("{did}: {error}"),
        };
        assert_eq!(document.json().get_str("id"), Some(did));
        for relationship in [
            Relationship::Authentication,
            Relationship::AssertionMethod,
            Relationship::CapabilityInvocation,
            Relationship::CapabilityDelegation,
            Relationship::KeyAgreement,
        ] {
            let listed = theirs
                .get(relationship.as_str())
                .map(Value::one_or_many)
                .unwrap_or_default();
            for entry in listed {
                let url = entry.as_str().or_else(|| entry.get("id")?.as_str()).expect("a URL");
                let ours =
                    now(resolve_method(url, relationship, &Offline)).unwrap_or_else(|error| panic!("{url}: {error}"));
                assert_eq!(ours.method.key, key_of(theirs, url), "{url}");
            }
            let ours = document
                .json()
                .get(relationship.as_str())
                .map(Value::one_or_many)
                .unwrap_or_default();
            assert_eq!(ours.len(), listed.len(), "{did} {relationship:?}");
        }
    }
}

fn key_of(document: &Value, url: &str) -> PublicKey {
    let methods = ["verificationMethod", "keyAgreement"]
        .map(|name| document.get(name).map(Value::one_or_many).unwrap_or_default());
    let is_meant = |method: &&Value| method.get("id").and_then(Value::as_str) == Some(url);
    let method = methods
        .concat()
        .into_iter()
        .find(|method| is_meant(&method))
        .expect("the method is there");
    if let Some(jwk) = method.get("publicKeyJwk").and_then(Value::as_object) {
        return PublicKey::from_jwk(jwk).expect("a key");
    }
    let base58 = method.get("publicKeyBase58").and_then(Value::as_str).expect("a key");
    let bytes = avatar_credentials::multibase::decode_base58(&format!("z{base58}")).expect("base58");
    let kind = match method.get("type").and_then(Value::as_str) {
        Some("X25519KeyAgreementKey2019") => KeyKind::X25519,
        Some("EcdsaSecp256k1VerificationKey2019") => KeyKind::Secp256k1,
        Some("P256Key2021") => KeyKind::P256,
        _ => KeyKind::Ed25519,
    };
    PublicKey::new(kind, &bytes).expect("a key")
}

#[test]
fn the_did_key_vectors_of_ed25519_with_x25519_are_met() {
    did_key_vectors("ed25519-x25519.json");
}

#[test]
fn the_did_key_vectors_of_secp256k1_are_met() {
    did_key_vectors("secp256k1.json");
}

#[test]
fn the_did_key_vectors_of_the_nist_curves_are_met() {
    did_key_vectors("nist-curves.json");
}

/// RFC 8037, appendix A.4 and A.5.
#[test]
fn the_signature_of_rfc_8037_is_met() {
    let key = SoftSigner::from_seed(
        avatar_credentials::base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .expect("base64url")
            .as_slice()
            .try_into()
            .expect("32 bytes"),
    );
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let signature = key.sign_now(message);
    assert_eq!(avatar_credentials::base64url::encode(&signature), expected);
    assert!(verify(&key.public(), message, &signature));
}
