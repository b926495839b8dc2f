//! The targets for what guards secrets (`avatar-vault`) and what proves statements (`avatar-credentials`).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use avatar_credentials::did::{Did, DidDocument, DidUrl, Relationship, check_url, resolve};
use avatar_credentials::jose::{Token, TokenKind};
use avatar_credentials::json::{Value, canonical};
use avatar_credentials::jsonld::{Options, to_rdf};
use avatar_credentials::keys::PublicKey;
use avatar_credentials::rdf::{canonicalize, parse_nquads};
use avatar_credentials::status::StatusList;
use avatar_credentials::time::Timestamp;
use avatar_credentials::{Budget, Offline, PresentationOptions, VerifyOptions, verify, verify_presentation};
use avatar_vault::DataKey;
use avatar_vault::age::{Identities, Identity, decrypt};
use avatar_vault::device_log::{Entry, Log};
use avatar_vault::seal;
use avatar_vault::words::RecoveryWords;
use avatar_vault::wrap::{Keyring, Wrapping};
use meta_unit::backup::Contents;
use meta_unit::data::records;
use meta_unit::vault::VaultRecord;

/// The place for which the records of the corpus are sealed.
pub const PLACE: &[u8] = b"place";

/// The key of the corpus.
pub fn data_key() -> DataKey {
    DataKey::from_bytes(&[7; 32])
}

/// The key that opens the backup files of the corpus.
pub fn backup_key() -> Identity {
    Identity::from_bytes(&[7; 32])
}

/// A sealed record: what opens is what was sealed, and only at its place.
pub fn sealed(data: &[u8]) {
    if let Ok(content) = seal::open(&data_key(), PLACE, 2, data) {
        assert_eq!(data.len(), content.len() + seal::OVERHEAD_BYTES);
        assert!(seal::open(&data_key(), b"another", 2, data).is_err());
    }
}

/// Recovery words, as they are typed.
pub fn words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(words) = RecoveryWords::parse(text) {
        let again = RecoveryWords::parse(&words.phrase());
        assert!(again.is_ok_and(|again| again.entropy() == words.entropy()));
    }
}

/// What opens the data key. What is read is what would be written.
pub fn keyring(data: &[u8]) {
    if let Ok(keyring) = Keyring::decode(data) {
        assert_eq!(keyring.encode(), data);
    }
    if let Some(wrapping) = Wrapping::decode(data) {
        assert_eq!(wrapping.encode(), data);
    }
}

/// The record of what opens the data key, behind a right checksum. What is read is read again from what would be written.
pub fn vault_record(data: &[u8]) {
    if let Some(record) = VaultRecord::decode(&records::seal(data)) {
        let again = VaultRecord::decode(&records::seal(&record.encode())).expect("it was just written");
        assert_eq!(again.encode(), record.encode());
    }
}

/// What a backup holds, once it is decrypted, as it comes: in pieces of any length.
pub fn contents(data: &[u8]) {
    let Some((&piece, rest)) = data.split_first() else {
        return;
    };
    let (mut contents, mut plain, mut begun) = (Contents::default(), Vec::new(), false);
    for piece in rest.chunks(usize::from(piece).max(1)) {
        plain.extend_from_slice(piece);
        match contents.take(&mut plain, &mut begun) {
            Ok(false) => {}
            Ok(true) => {
                assert!(!contents.header.did.is_empty() && plain.is_empty());
                let held: usize = contents.documents().map(|(_, records)| records.len()).sum();
                assert!(held <= contents.records.len() && contents.credentials() <= contents.records.len());
                return;
            }
            Err(_) => return,
        }
    }
}

/// An encrypted file. Only with a key: a passphrase costs what it is meant to cost.
pub fn backup(data: &[u8]) {
    if let Ok(content) = decrypt(Identities::Keys(vec![backup_key()]), data) {
        assert!(content.len() < data.len());
    }
}

/// The log of an account's devices, and one entry of it.
pub fn devices(data: &[u8]) {
    if let Ok(entry) = Entry::decode(data) {
        assert_eq!(entry.as_bytes(), data);
    }
    if let Ok(log) = Log::decode(data) {
        assert_eq!(log.encode(), data);
        let _ = log.state();
    }
}

/// A future that waits for nothing, because there is no network.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// A credential or a presentation, as JSON or as a token, verified without a network.
pub fn credential(data: &[u8]) {
    let verify_at = VerifyOptions::at(Timestamp(1_790_000_000));
    let _ = now(verify(data, &verify_at, &Offline));
    let options = PresentationOptions {
        verify: verify_at,
        challenge: Some("challenge"),
        domain: Some("domain"),
        holder_is_subject: true,
    };
    let _ = now(verify_presentation(data, &options, &Offline));
}

/// JSON, its canonical forms, and what it means as linked data.
pub fn linked_data(data: &[u8]) {
    let budget = Budget::default();
    if let Ok(quads) = parse_nquads(data) {
        let _ = canonicalize(quads, &budget);
    }
    let Ok(value) = Value::parse(data) else { return };
    assert_eq!(Value::parse(canonical(&value).as_bytes()).as_ref(), Ok(&value));
    assert_eq!(Value::parse(value.to_text().as_bytes()).as_ref(), Ok(&value));
    if let Ok(quads) = to_rdf(&value, &Options::SIGNED, &budget) {
        let _ = canonicalize(quads, &budget);
    }
    if let Some(object) = value.as_object() {
        let _ = PublicKey::from_jwk(object);
    }
    if let Ok(document) = DidDocument::new("did:web:issuer.example", value) {
        let _ = document.method("did:web:issuer.example#k", Relationship::AssertionMethod);
    }
}

/// Short texts of credentials: DIDs, keys, tokens, status lists, times, addresses.
pub fn identifier(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (
        Did::parse(text).is_ok(),
        DidUrl::parse(text).is_ok(),
        check_url(text).is_ok(),
    );
    let _ = now(resolve(text, &Offline));
    let _ = Token::parse(text, TokenKind::Credential);
    let _ = StatusList::decode(text).map(|list| list.get(7));
    if let Ok(key) = PublicKey::from_multikey(text) {
        assert_eq!(key.to_multikey(), text);
    }
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_text()), Some(time));
    }
}
