//! `avatar_keys`: key sets that the engine guards (ABI.md H21 to H23).
//!
//! Over IndexedDB the private keys are WebCrypto's, not extractable, and kept in the database as what they are: software that uses the engine's interfaces can use
//! them, and never read them. Where that cannot be had, the guest is told: keys in memory, an algorithm less, or no keys at all; never keys that could be read.
//!
//! Who copies the disk is another matter: Chromium and Firefox (looked at in November 2026) write such keys into the profile's files as they are.

mod js;
mod web_crypto;
mod web_keys;

use std::rc::Rc;

use avatar_proto::{AbiStatus, KeysCommand, KeysResult, OpError, OpErrorCode};
use wasm_bindgen::JsValue;

pub use js::JsKeys;
use web_crypto::WebCrypto;
use web_keys::WebKeys;

use crate::storage::{Backend, LocalBoxFuture, StorageError};

/// The key sets of one database.
pub trait Keys: 'static {
    /// Does what the command, which has been checked, says.
    fn run(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, KeysError>>;
}

/// Where a backend keeps key sets.
pub enum KeyPlace {
    /// Nowhere.
    Memory,
    /// Beside its records.
    Shelf(Rc<dyn Shelf>),
    /// The embedder has its own.
    Js(JsKeys),
}

/// Keeps JavaScript values by name, as structured clones, so that a CryptoKey stays one.
pub trait Shelf: 'static {
    /// The value of this name.
    fn get(&self, name: &str) -> LocalBoxFuture<Result<Option<JsValue>, StorageError>>;
    /// Adds a value, unless there is one of this name: one transaction decides. Flushed to the medium when it resolves.
    fn add(&self, name: &str, value: &JsValue) -> LocalBoxFuture<Result<Added, StorageError>>;
    /// Puts a value, reads it and takes it back, all in one transaction: what the engine gives for what it takes. `None` if it takes no such values here, as Firefox
    /// once in private windows.
    fn trial(&self, value: &JsValue) -> LocalBoxFuture<Result<Option<JsValue>, StorageError>>;
    /// Removes a value; absent is no error. Flushed to the medium when it resolves.
    fn remove(&self, name: &str) -> LocalBoxFuture<Result<(), StorageError>>;
}

/// What became of a value that was to be added.
pub enum Added {
    /// It is there.
    New,
    /// This one was there before.
    There(JsValue),
}

/// The keys of a host over this backend; `None` where the engine has no WebCrypto, as outside of secure contexts.
pub fn of(backend: &dyn Backend) -> Option<Rc<dyn Keys>> {
    let shelf = match backend.keys() {
        KeyPlace::Js(keys) => return Some(Rc::new(keys)),
        KeyPlace::Shelf(shelf) => Some(shelf),
        KeyPlace::Memory => None,
    };
    Some(Rc::new(WebKeys::new(WebCrypto::find()?, shelf)))
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysError {
    status: AbiStatus,
    code: OpErrorCode,
    message: String,
}

impl KeysError {
    fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message }
    }

    fn not_found() -> Self {
        Self::new(AbiStatus::NotFound, OpErrorCode::NotFound, "there is no such key set")
    }

    fn lacks(algorithm: &str) -> Self {
        let words = format!("the key set has no {algorithm}, which the engine lacked when it was made");
        Self::new(AbiStatus::Unsupported, OpErrorCode::Unsupported, words)
    }

    fn invalid() -> Self {
        Self::new(
            AbiStatus::Invalid,
            OpErrorCode::Invalid,
            "not a public key that can be agreed with",
        )
    }

    fn corrupt(words: &str) -> Self {
        Self::new(AbiStatus::Corrupt, OpErrorCode::Corrupt, words)
    }

    /// The status and the head of the completion.
    pub fn into_completion(self) -> (AbiStatus, OpError) {
        let (code, message) = (self.code.into(), self.message);
        (self.status, OpError { code, message })
    }
}

impl From<StorageError> for KeysError {
    fn from(error: StorageError) -> Self {
        let code = error.code;
        let (status, error) = error.into_completion();
        Self::new(status, code, error.message)
    }
}
