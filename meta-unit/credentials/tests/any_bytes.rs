//! No decoder panics, whatever bytes it is given: rubbish, and good input with a few bytes changed.

mod common;

use avatar_credentials::did::{Did, DidDocument, DidUrl, Relationship, check_url, resolve, web_url};
use avatar_credentials::jose::{Token, TokenKind};
use avatar_credentials::json::{Value, canonical};
use avatar_credentials::jsonld::{Options, check_types, to_rdf};
use avatar_credentials::keys::PublicKey;
use avatar_credentials::rdf::{canonicalize, parse_nquads};
use avatar_credentials::status::{StatusList, status_entry};
use avatar_credentials::time::Timestamp;
use avatar_credentials::{
    Budget, Format, IssueOptions, Offline, PresentOptions, PresentationOptions, issue, present, verify,
    verify_presentation,
};
use common::{Pages, SoftSigner, now, object, time, today};

/// Numbers that look random and are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    /// The input with some bytes replaced, removed, doubled, or taken from other places.
    fn changed(&mut self, input: &[u8]) -> Vec<u8> {
        const INTERESTING: &[u8] = b"{}[]\":,\\\0\xff@#%./_-:0zu9eE+ \n<>^~";
        let mut bytes = input.to_vec();
        for _ in 0..=self.next(4) {
            if bytes.is_empty() {
                bytes.push(b'{');
            }
            let at = self.next(bytes.len());
            let to = (at + 1 + self.next(20)).min(bytes.len());
            match self.next(6) {
                0 => bytes[at] ^= 1 << self.next(8),
                1 => bytes[at] = INTERESTING[self.next(INTERESTING.len())],
                2 => drop(bytes.drain(at..to)),
                3 => {
                    let piece = bytes[at..to].to_vec();
                    let place = self.next(bytes.len());
                    bytes.splice(place..place, piece);
                }
                4 => bytes.insert(at, INTERESTING[self.next(INTERESTING.len())]),
                _ => bytes.truncate(at),
            }
        }
        bytes
    }
}

/// Gives the bytes to everything that reads bytes or text from outside.
fn decode_all(bytes: &[u8]) {
    let options = PresentationOptions {
        verify: today(),
        challenge: Some("c"),
        domain: Some("d"),
        holder_is_subject: true,
    };
    let pages = Pages::default()
        .with("https://issuer.example/status/3", bytes)
        .with("https://issuer.example/.well-known/did.json", bytes);
    let _ = now(verify(bytes, &today(), &pages));
    let _ = now(verify_presentation(bytes, &options, &pages));
    let _ = now(resolve("did:web:issuer.example", &pages));
    if let Ok(quads) = parse_nquads(bytes) {
        let _ = canonicalize(quads, &Budget::default());
    }
    if let Ok(value) = Value::parse(bytes) {
        assert_eq!(Value::parse(canonical(&value).as_bytes()).as_ref(), Ok(&value));
        assert_eq!(Value::parse(value.to_text().as_bytes()).as_ref(), Ok(&value));
        for safe in [true, false] {
            let options = Options {
                base: Some("https://a.example/b"),
                safe,
                directions: safe,
            };
            let budget = Budget::default();
            let _ = to_rdf(&value, &options, &budget).map(|quads| canonicalize(quads, &budget));
        }
        if let Some(object) = value.as_object() {
            let _ = check_types(object);
            let _ = PublicKey::from_jwk(object);
        }
        if let Ok(document) = DidDocument::new("did:web:issuer.example", value) {
            let _ = document.method("did:web:issuer.example#k", Relationship::AssertionMethod);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Token::parse(text, TokenKind::Credential);
        let _ = StatusList::decode(text).map(|list| list.get(7));
        let _ = PublicKey::from_multikey(text).map(|key| key.to_jwk());
        let _ = Timestamp::parse(text).map(Timestamp::to_text);
        let _ = check_url(text);
        let _ = DidUrl::parse(text);
        let _ = now(resolve(text, &Offline));
        let _ = Did::parse(text).map(|did| web_url(&did));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let signer = SoftSigner::new(1);
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let mut credential = object(
        r#"{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2",{"@vocab":"urn:v#","list":{"@id":"urn:l","@container":["@list"]},"by":{"@id":"urn:b","@container":["@graph","@id"],"@context":{"x":{"@id":"urn:x","@type":"@json"}}},"rev":{"@reverse":"urn:r"},"n":"@nest"}],"type":["VerifiableCredential","AlumniCredential"],"credentialSubject":{"id":"did:example:s","list":[1,2.5,true,{"@value":"x","@language":"en","@direction":"rtl"}],"by":{"urn:1":{"x":{"a":[null]}}},"rev":{"id":"urn:2"},"n":{"p":"q"}}}"#,
    );
    credential.insert(
        "credentialStatus",
        status_entry("https://issuer.example/status/3", 7, "revocation"),
    );
    for format in [
        Format::default(),
        Format::DataIntegrity(avatar_credentials::proof::Suite::EddsaRdfc2022),
        Format::Token,
    ] {
        let options = IssueOptions {
            format,
            created: time("2026-01-01T00:00:00Z"),
        };
        let text = now(issue(credential.clone(), &options, &signer)).expect("it can be issued");
        let options = PresentOptions {
            format,
            id: None,
            created: options.created,
            expires: None,
            challenge: Some("c"),
            domain: Some("d"),
        };
        seeds.push(
            now(present(&[&text], &options, &signer))
                .expect("it can be presented")
                .into_bytes(),
        );
        seeds.push(text.into_bytes());
    }
    let list = StatusList::new(0).expect("the smallest");
    let document = now(resolve(&signer.did, &Offline))
        .expect("a did:key")
        .into_json()
        .to_text();
    let texts = [
        Value::from(list.to_credential("https://issuer.example/status/3", &signer.did, "revocation")).to_text(),
        list.encode(),
        document.replace(&signer.did, "did:web:issuer.example"),
        r#"{"kty":"EC","crv":"P-256","x":"igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns","y":"efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"}"#.to_owned(),
        "_:a <urn:p> _:b <urn:g> .\n_:b <urn:p> \"x\\u00e9\"^^<urn:t> .\n_:b <urn:p> \"x\"@en-GB .\n".to_owned(),
        "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5IiwieCI6IjExcVlBWUt4Q3JmVlNfN1R5V1FIT2c3aGN2UGFwaU1scndJYWFQY0hVUm8ifQ".to_owned(),
        "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv#zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv".to_owned(),
        "z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7".to_owned(),
        "https://user@[::ffff:1.2.3.4]:443/x?y#z".to_owned(),
        "did:web:example.com%3A443:a:b".to_owned(),
        "2026-01-01T00:00:00.5+01:00".to_owned(),
    ];
    seeds.extend(texts.map(String::into_bytes));
    seeds
}

#[test]
fn no_decoder_panics_on_changed_input() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let rounds = std::env::var("AVATAR_FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(400);
    for seed in seeds() {
        decode_all(&seed);
        for _ in 0..rounds {
            decode_all(&numbers.changed(&seed));
        }
    }
    for len in 0..200 {
        let bytes: Vec<u8> = (0..len).map(|_| numbers.next(256) as u8).collect();
        decode_all(&bytes);
    }
}
