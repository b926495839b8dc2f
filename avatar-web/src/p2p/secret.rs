//! The transport key: made by the host, kept beside its database, never shown to the guest.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::engine;
use crate::keys::{Added, KeyPlace, Shelf};
use crate::storage::{Backend, StorageError};

/// Ed25519's.
const SECRET_BYTES: u32 = 32;

/// No key set of the guest can have this name (`keys.proto`).
const NAME: &str = "p2p.transport";

/// Where the key is kept.
pub enum Place {
    /// On the shelf of the database.
    Shelf(Rc<dyn Shelf>),
    /// Where the backend keeps nothing beside its records: the key lives as long as the host.
    Host(RefCell<Option<JsValue>>),
}

impl Place {
    /// Beside the records of this backend.
    pub fn beside(backend: &dyn Backend) -> Rc<Self> {
        Rc::new(match backend.keys() {
            KeyPlace::Shelf(shelf) => Self::Shelf(shelf),
            KeyPlace::Memory | KeyPlace::Js(_) => Self::Host(RefCell::default()),
        })
    }

    /// The key, made at the first call: a Uint8Array, or why there is none.
    pub async fn get(self: Rc<Self>) -> Result<JsValue, JsValue> {
        let words = |error: StorageError| JsValue::from(error.message);
        let known = match &*self {
            Self::Shelf(shelf) => shelf.get(NAME).await.map_err(words)?,
            Self::Host(known) => known.borrow().clone(),
        };
        if let Some(known) = known {
            return checked(known);
        }
        let fresh = Uint8Array::new_with_length(SECRET_BYTES);
        engine::fill_random(&fresh)?;
        match &*self {
            Self::Shelf(shelf) => match shelf.add(NAME, &fresh).await.map_err(words)? {
                Added::New => Ok(fresh.into()),
                Added::There(theirs) => checked(theirs),
            },
            Self::Host(known) => Ok(known.borrow_mut().insert(fresh.into()).clone()),
        }
    }
}

fn checked(stored: JsValue) -> Result<JsValue, JsValue> {
    let fits = (stored.dyn_ref::<Uint8Array>()).is_some_and(|bytes| bytes.length() == SECRET_BYTES);
    if fits {
        Ok(stored)
    } else {
        Err("the transport key is damaged".into())
    }
}
