//! What several test files share: a signer and a network in memory, and the official vectors.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use avatar_credentials::did::{did_key_of, verification_method_of};
use avatar_credentials::json::{Object, Value};
use avatar_credentials::time::Timestamp;
use avatar_credentials::{Fetch, FetchError, LocalBoxFuture, SignError, Signer, VerifyOptions};
use ed25519_dalek::{Signer as _, SigningKey};

/// Runs a future that never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// A key in memory.
pub struct SoftSigner {
    key: SigningKey,
    pub did: String,
    pub method: String,
}

impl SoftSigner {
    pub fn new(seed: u8) -> Self {
        Self::from_seed(&[seed; 32])
    }

    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let did = did_key_of(key.verifying_key().as_bytes());
        let method = verification_method_of(&did);
        Self { key, did, method }
    }

    /// The secret key as the vectors write it: a multikey.
    pub fn from_multikey(secret: &str) -> Self {
        let bytes = avatar_credentials::multibase::decode_base58(secret).expect("base58");
        Self::from_seed(bytes[2..].try_into().expect("32 bytes"))
    }

    /// The same key under another method's name.
    pub fn named(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self.did = method.split_once('#').expect("a fragment").0.to_owned();
        self
    }

    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    pub fn sign_now(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl Signer for SoftSigner {
    fn verification_method(&self) -> &str {
        &self.method
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> LocalBoxFuture<'a, Result<[u8; 64], SignError>> {
        Box::pin(std::future::ready(Ok(self.sign_now(message))))
    }
}

/// A network of a few pages, which remembers what it was asked.
#[derive(Default)]
pub struct Pages {
    pub pages: BTreeMap<String, Vec<u8>>,
    pub asked: RefCell<Vec<String>>,
}

impl Pages {
    pub fn with(mut self, url: &str, page: impl Into<Vec<u8>>) -> Self {
        self.pages.insert(url.to_owned(), page.into());
        self
    }
}

impl Fetch for Pages {
    fn get<'a>(&'a self, url: &'a str, max_bytes: usize) -> LocalBoxFuture<'a, Result<Vec<u8>, FetchError>> {
        self.asked.borrow_mut().push(url.to_owned());
        let page = self.pages.get(url).cloned();
        Box::pin(std::future::ready(match page {
            Some(page) if page.len() > max_bytes => Err(FetchError::TooLarge(max_bytes)),
            Some(page) => Ok(page),
            None => Err(FetchError::Failed("404".to_owned())),
        }))
    }
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect(text)
}

/// In 2026.
pub fn today() -> VerifyOptions {
    VerifyOptions::at(time("2026-11-26T00:00:00Z"))
}

pub fn json(text: &str) -> Value {
    Value::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn object(text: &str) -> Object {
    match json(text) {
        Value::Object(object) => object,
        _ => panic!("no object: {text}"),
    }
}

/// A folder of the official vectors: below `AVATAR_VECTORS`, or where the project's machines have them. `None` where they are missing, which CI
/// does not allow.
pub fn vectors(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AVATAR_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vectors"),
        PathBuf::from,
    );
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    let message = format!("skipped: there is no {}", folder.display());
    assert!(std::env::var_os("CI").is_none(), "{message}");
    eprintln!("{message}");
    None
}

/// The text of a vector's file, without white space around it.
pub fn read(folder: &std::path::Path, file: &str) -> String {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().to_owned()
}
