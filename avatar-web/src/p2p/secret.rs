//! The transport key: made by the host, kept beside its database, never shown to the guest.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::{AbiStatus, OpErrorCode};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use super::P2pError;
use crate::engine;
use crate::keys::{Added, KeyPlace, Shelf};
use crate::storage::Backend;

/// Ed25519's.
const SECRET_BYTES: u32 = 32;

/// No key set of the guest can have this name (`keys.proto`).
const NAME: &str = "p2p.transport";

/// Where the key is kept.
pub struct SecretPlace {
    /// `None` where the backend keeps nothing beside its records: then the key lives as long as the host.
    shelf: Option<Rc<dyn Shelf>>,
    known: RefCell<Option<Vec<u8>>>,
}

impl SecretPlace {
    /// Beside the records of this backend.
    pub fn beside(backend: &dyn Backend) -> Self {
        let shelf = match backend.keys() {
            KeyPlace::Shelf(shelf) => Some(shelf),
            KeyPlace::Memory | KeyPlace::Js(_) => None,
        };
        Self {
            shelf,
            known: RefCell::new(None),
        }
    }

    /// The key, made at the first call.
    pub async fn get(&self) -> Result<Vec<u8>, P2pError> {
        if let Some(known) = &*self.known.borrow() {
            return Ok(known.clone());
        }
        let secret = self.find_or_make().await?;
        self.known.replace(Some(secret.clone()));
        Ok(secret)
    }

    async fn find_or_make(&self) -> Result<Vec<u8>, P2pError> {
        if let Some(shelf) = &self.shelf
            && let Some(stored) = shelf.get(NAME).await.map_err(storage_error)?
        {
            return read(&stored);
        }
        let fresh = Uint8Array::new_with_length(SECRET_BYTES);
        engine::fill_random(&fresh)
            .map_err(|_| P2pError::new(AbiStatus::Io, OpErrorCode::Other, "the engine gives no randomness"))?;
        match &self.shelf {
            None => Ok(fresh.to_vec()),
            Some(shelf) => match shelf.add(NAME, &fresh).await.map_err(storage_error)? {
                Added::New => Ok(fresh.to_vec()),
                Added::There(theirs) => read(&theirs),
            },
        }
    }
}

fn storage_error(error: crate::storage::StorageError) -> P2pError {
    let code = error.code;
    let (status, error) = error.into_completion();
    P2pError::new(status, code, error.message)
}

fn read(stored: &JsValue) -> Result<Vec<u8>, P2pError> {
    let bytes = stored
        .dyn_ref::<Uint8Array>()
        .filter(|bytes| bytes.length() == SECRET_BYTES);
    let damaged = || P2pError::new(AbiStatus::Corrupt, OpErrorCode::Corrupt, "the transport key is damaged");
    bytes.map(Uint8Array::to_vec).ok_or_else(damaged)
}
