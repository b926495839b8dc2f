//! Writes the first inputs of the corpora for `avatar_fuzz::secrets` and `avatar_fuzz::peers`.

use std::path::Path;
use std::task::{Context, Poll, Waker};

use avatar_credentials::did::{did_key_of, verification_method_of};
use avatar_credentials::json::Value;
use avatar_credentials::proof::Suite;
use avatar_credentials::status::StatusList;
use avatar_credentials::time::Timestamp;
use avatar_credentials::{Format, IssueOptions, LocalBoxFuture, PresentOptions, SignError, Signer, issue, present};
use avatar_fuzz::peers::{ENDS, contact, device, identity, items};
use avatar_fuzz::secrets::{PLACE, backup_key, data_key};
use avatar_fuzz::targets::host_with_document;
use avatar_peers::frame::frame;
use avatar_peers::handshake::{Proof, Role, hail, recognize};
use avatar_peers::invitation::Invitation;
use avatar_peers::linking::{Join, Welcome};
use avatar_peers::message::{Document, Header, Message, Presence};
use avatar_peers::reconcile::Reconciler;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{BackupCreate, IdentityWordsGet, KeyProtection, Request};
use avatar_vault::age::{Identities, Identity, Recipients, decrypt, encrypt};
use avatar_vault::device_log::{Action, Draft, Log, join_statement};
use avatar_vault::seal;
use avatar_vault::words::RecoveryWords;
use avatar_vault::wrap::{Cost, Keyring, Lock};
use ed25519_dalek::{Signer as _, SigningKey};
use meta_unit::abi::test_host::TestHost;
use meta_unit::vault::VaultRecord;

type Failure = Box<dyn std::error::Error>;

struct Issuer {
    key: SigningKey,
    method: String,
}

impl Signer for Issuer {
    fn verification_method(&self) -> &str {
        &self.method
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<[u8; 64], SignError>> {
        Box::pin(std::future::ready(Ok(self.key.sign(message).to_bytes())))
    }
}

fn main() -> Result<(), Failure> {
    vault()?;
    contents()?;
    devices()?;
    peers()?;
    credentials()
}

fn write(target: &str, number: usize, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("first-{number:02}")), bytes)
}

fn vault() -> Result<(), Failure> {
    let mut last = 0;
    let random = &mut |bytes: &mut [u8]| {
        last += 1;
        bytes.fill(last);
    };
    for (at, content) in [
        "",
        "content",
        "more content, which is longer than a block of the cipher",
    ]
    .iter()
    .enumerate()
    {
        write(
            "sealed",
            at,
            &seal::seal(&data_key(), PLACE, 2, &[3; 24], content.as_bytes()),
        )?;
        let file = encrypt(
            Recipients::Keys(&[backup_key().recipient()]),
            content.as_bytes(),
            random,
        )?;
        write("backup", at, &file)?;
        let words = RecoveryWords::from_entropy(&[at as u8; 32]);
        write("words", at, words.phrase().as_bytes())?;
    }
    let words = RecoveryWords::from_entropy(&[1; 32]);
    let passphrase = Lock::Passphrase {
        passphrase: "passphrase",
        cost: Cost {
            memory_kib: 8,
            passes: 1,
        },
    };
    let passkey = Lock::Passkey {
        output: &[5; 32],
        salt: [6; 32],
        credential: b"credential",
    };
    let platform = Lock::Platform {
        key: &[4; 32],
        blob: b"handle",
    };
    let mut keyring = Keyring::new(&data_key(), Lock::Words(&words), "paper", random)?;
    write("keyring", 0, &keyring.encode())?;
    let record = |keyring: &Keyring| VaultRecord {
        keyring: keyring.clone(),
        did: "did:key:z6Mk".to_owned(),
        ask_at_start: true,
        lock_after_seconds: 60,
        protection: KeyProtection::Memory,
    };
    write("vault_record", 0, &record(&keyring).encode())?;
    for (at, lock) in [passphrase, passkey, platform].into_iter().enumerate() {
        keyring.add(&data_key(), lock, "label", random)?;
        write("keyring", 1 + at, &keyring.encode())?;
        write("vault_record", 1 + at, &record(&keyring).encode())?;
    }
    for (at, wrapping) in keyring.wrappings().iter().enumerate() {
        write("keyring", 10 + at, &wrapping.encode())?;
    }
    Ok(())
}

/// Backups of units: one that is new, and one with a document.
fn contents() -> Result<(), Failure> {
    let empty = TestHost::started(1);
    let (full, _) = host_with_document();
    for (at, host) in [empty, full].iter().enumerate() {
        let plain = plain_backup(host)?;
        for (pieces, len) in [(0, u8::MAX), (1, 1)] {
            write("contents", 2 * at + pieces, &[&[len], plain.as_slice()].concat())?;
        }
    }
    Ok(())
}

fn plain_backup(host: &TestHost) -> Result<Vec<u8>, Failure> {
    let call = |ask| {
        let answers = host.call(&Request { request: Some(ask) });
        answers.into_iter().filter_map(|answer| answer.response)
    };
    let Some(Answer::IdentityWords(shown)) = call(Ask::IdentityWordsGet(IdentityWordsGet {})).next() else {
        return Err("the words are shown until they are confirmed".into());
    };
    let words = RecoveryWords::parse(&shown.words.join(" ")).map_err(|_| "a unit makes words that can be read")?;
    let mut file = Vec::new();
    for answer in call(Ask::BackupCreate(BackupCreate::default())) {
        let Answer::BackupPart(part) = answer else {
            return Err("a backup comes in parts".into());
        };
        file.extend(part.data);
    }
    let key = Identity::from_bytes(&words.backup_secret());
    Ok(decrypt(Identities::Keys(vec![key]), &file)?)
}

fn devices() -> Result<(), Failure> {
    let [identity, device, next] = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let public = |key: &SigningKey| key.verifying_key().to_bytes();
    let signed = |draft: Draft, by: &SigningKey, new: Option<&SigningKey>| {
        let by_new = draft
            .to_sign_by_new_key()
            .zip(new)
            .map(|(bytes, key)| key.sign(&bytes).to_bytes());
        draft.sign(&by.sign(&draft.to_sign()).to_bytes(), by_new.as_ref())
    };
    let mut log = Log::new(signed(Draft::genesis(public(&identity), 1), &identity, None)?)?;
    let consent = device
        .sign(&join_statement(log.account(), &public(&device), &[9; 32]))
        .to_bytes();
    let added = Action::AddDevice {
        device: public(&device),
        agreement: [9; 32],
        name: "laptop".to_owned(),
        at_ms: 2,
        consent,
    };
    let renamed = Action::RenameDevice {
        device: public(&device),
        name: "desk".to_owned(),
        at_ms: 3,
    };
    let rotated = Action::Rotate {
        identity: public(&next),
        at_ms: 4,
    };
    write("devices", 0, &log.encode())?;
    for (at, (action, by, new)) in [
        (added, &identity, None),
        (renamed, &device, None),
        (rotated, &identity, Some(&next)),
    ]
    .into_iter()
    .enumerate()
    {
        let entry = signed(log.draft(public(by), action)?, by, new)?;
        write("devices", 10 + at, entry.as_bytes())?;
        log.insert(entry)?;
        write("devices", 1 + at, &log.encode())?;
    }
    Ok(())
}

/// The outcome of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("it waits".into()),
    }
}

/// What the two ends of a stream send: both messages of the handshake, a proof, and an exchange about documents of which one differs.
fn peers() -> Result<(), Failure> {
    let write = |place: u8, number: usize, message: &[u8]| write("peers", number, &[&[place], message].concat());
    let (contact, identity, device) = (contact(), identity(), device());
    let (_, sent) = hail(&contact, ENDS, [1; 32]);
    let ((), transcript, answer) = recognize(&sent, ENDS, [((), &contact)], [2; 32])?;
    write(1, 0, &sent)?;
    write(1, 1, &answer)?;
    let draft = Draft::genesis(identity.verifying_key().to_bytes(), 0);
    let mut log = Log::new(draft.sign(&identity.sign(&draft.to_sign()).to_bytes(), None)?)?;
    let key = device.verifying_key().to_bytes();
    let added = Action::AddDevice {
        device: key,
        agreement: [9; 32],
        name: "laptop".to_owned(),
        at_ms: 2,
        consent: device.sign(&join_statement(log.account(), &key, &[9; 32])).to_bytes(),
    };
    let draft = log.draft(identity.verifying_key().to_bytes(), added)?;
    log.insert(draft.sign(&identity.sign(&draft.to_sign()).to_bytes(), None)?)?;
    let proof = Proof {
        device: key,
        signature: device.sign(&transcript.to_sign(Role::Dialler)).to_bytes(),
        log: log.clone(),
    };
    write(2, 2, &proof.encode())?;
    let mut others = items();
    others[50].digest = [2; 16];
    let mut sides = [Reconciler::new(items()), Reconciler::new(others)];
    let mut message = Some(sides[0].begin());
    for number in 3.. {
        let Some(sent) = message else { break };
        write(3, number, &sent)?;
        write(0, 10 + number, &frame(&sent))?;
        message = sides[number % 2].receive(&sent)?.1;
    }
    for (at, message) in messages(log.encode()).into_iter().enumerate() {
        write(4, 20 + at, &message.encode())?;
    }
    let invitation = Invitation {
        secret: [9; 16].into(),
        relays: vec![
            "/ip4/192.0.2.1/tcp/1".to_owned(),
            "/dns4/relay.example/tcp/443/wss".to_owned(),
        ],
    };
    write(5, 40, invitation.encode().as_bytes())?;
    let offer = Proof {
        device: key,
        signature: device.sign(&transcript.to_sign(Role::Listener)).to_bytes(),
        log: log.clone(),
    };
    write(6, 41, &offer.encode())?;
    let join = Join {
        device: key,
        agreement: [9; 32],
        consent: device.sign(&join_statement(log.account(), &key, &[9; 32])).to_bytes(),
        name: "phone".to_owned(),
    };
    let signature = device.sign(&transcript.to_sign(Role::Dialler)).to_bytes();
    write(7, 42, &join.encode(&signature))?;
    let welcome = Welcome {
        identity: vec![1; 32].into(),
        log,
    };
    write(8, 43, &welcome.encode())?;
    Ok(())
}

/// One of each kind.
fn messages(log: Vec<u8>) -> Vec<Message> {
    let document = Document {
        id: [1; 16],
        header: Some(Header {
            type_name: "note".to_owned(),
            owner: "did:key:z6Mk".to_owned(),
            created_ms: 1,
        }),
        updated_ms: 2,
        sync: b"changes".to_vec(),
    };
    let presence = Presence {
        document: [1; 16],
        data: b"here".to_vec(),
    };
    vec![
        Message::Reconcile(Some(b"ranges".to_vec())),
        Message::Reconcile(None),
        Message::Coming(vec![[1; 16]]),
        Message::Wanted(vec![[1; 16], [2; 16]]),
        Message::Unavailable(vec![[2; 16]]),
        Message::Document(document),
        Message::Deleted(vec![[3; 16]]),
        Message::Devices(log),
        Message::Presence(presence),
        Message::Ping,
        Message::Pong,
    ]
}

fn credentials() -> Result<(), Failure> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let did = did_key_of(key.verifying_key().as_bytes());
    let method = verification_method_of(&did);
    write("identifier", 0, did.as_bytes())?;
    write("identifier", 1, method.as_bytes())?;
    write("identifier", 2, &did.as_bytes()["did:key:".len()..])?;
    write("identifier", 3, b"did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJFZDI1NTE5IiwieCI6IjExcVlBWUt4Q3JmVlNfN1R5V1FIT2c3aGN2UGFwaU1scndJYWFQY0hVUm8ifQ")?;
    write(
        "identifier",
        4,
        b"did:web:issuer.example%3A8443:people:ada?versionId=1#key-1",
    )?;
    write("identifier", 5, b"https://issuer.example:443/status/3?x=%20#y")?;
    write("identifier", 6, b"2026-01-01T00:00:00.123+01:00")?;
    write("identifier", 7, StatusList::new(131_072)?.encode().as_bytes())?;
    let signer = Issuer { key, method };
    let created = Timestamp(1_780_000_000);
    let credential = r#"{"@context":["https://www.w3.org/ns/credentials/v2",{"@vocab":"urn:v#","list":{"@id":"urn:l","@container":"@list"},"by":{"@id":"urn:b","@container":["@graph","@id"]}}],"type":["VerifiableCredential"],"validUntil":"2036-01-01T00:00:00Z","credentialSubject":{"id":"did:example:s","list":[1,2.5,true,{"@value":"x","@language":"en","@direction":"rtl"}],"by":{"urn:1":{"p":null}},"q":"\u00e4\"\\\n"}}"#;
    write("linked_data", 0, credential.as_bytes())?;
    write(
        "linked_data",
        1,
        b"<urn:a> <urn:b> _:x <urn:g> .\n_:x <urn:b> \"text\"@en .\n_:x <urn:b> _:y .\n_:y <urn:b> \"1\"^^<urn:t> .\n",
    )?;
    write("linked_data", 2, br#"{"@context":"https://www.w3.org/ns/did/v1","id":"did:web:issuer.example","assertionMethod":[{"id":"did:web:issuer.example#k","type":"JsonWebKey","controller":"did:web:issuer.example","publicKeyJwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}"#)?;
    let formats = [
        Format::DataIntegrity(Suite::EddsaJcs2022),
        Format::DataIntegrity(Suite::EddsaRdfc2022),
        Format::Token,
    ];
    for (at, format) in formats.into_iter().enumerate() {
        let Value::Object(unsigned) = Value::parse(credential.as_bytes())? else {
            continue;
        };
        let issued = now(issue(unsigned, &IssueOptions { format, created }, &signer))??;
        let options = PresentOptions {
            format,
            id: None,
            created,
            expires: None,
            challenge: Some("challenge"),
            domain: Some("domain"),
        };
        let presented = now(present(&[&issued], &options, &signer))??;
        write("credential", at, issued.as_bytes())?;
        write("credential", 10 + at, presented.as_bytes())?;
        if format == Format::Token {
            write("identifier", 8, issued.as_bytes())?;
        } else {
            write("linked_data", 10 + at, issued.as_bytes())?;
        }
    }
    Ok(())
}
