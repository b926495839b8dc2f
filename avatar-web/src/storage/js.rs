//! A store that the embedder gives as a JavaScript object: the folder store of Node.
//!
//! The TypeScript view of it is `JsStorage` (see [`crate`]). What an implementation must keep:
//!
//! - **Atomic.** All operations of a batch are applied, or none and the promise rejects. A process killed at any moment leaves one or the other.
//! - **In order.** Batches take effect in the order of the calls of `batch`; the host does not wait for one promise before the next call.
//! - **Reads see the writes** that stand before them in the batch, and none that stand behind.
//! - **Order of keys**: bytewise, a prefix before what it begins.
//! - **`limit`** counts entries (0 = no limit). **`maxBytes`** bounds the sum of the values of one scan (never 0 here): the entry that would exceed it is not
//!   given, except when it is the first. `more` tells that something was left out.
//! - **`"strict"`** resolves when the bytes are on the medium (fsync), `"relaxed"` when they survive the death of the process.
//! - The arrays of the operations belong to the store from the call on; the arrays it answers with belong to the host.
//! - **`keys`**, where it is there, guards the key sets of this store (`JsKeys`); otherwise they live in memory.
//! - After `close()` resolves, nothing of the store is touched any more.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::{OpErrorCode, StorageKind};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::{Backend, Batch, LocalBoxFuture, Op, Range, Read, StorageError};
use crate::error::describe;
use crate::keys::KeyPlace;

#[wasm_bindgen]
extern "C" {
    /// The object itself.
    #[derive(Clone)]
    pub type JsStorage;
    #[wasm_bindgen(method, getter)]
    fn kind(this: &JsStorage) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn keys(this: &JsStorage) -> JsValue;
    #[wasm_bindgen(method, catch)]
    fn batch(this: &JsStorage, ops: &Array, durability: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &JsStorage) -> Result<JsValue, JsValue>;

    /// `JsStorageOp` of `interface.d.ts`.
    type JsStorageOp;
    #[wasm_bindgen(method, setter)]
    fn set_op(this: &JsStorageOp, name: &str);
    #[wasm_bindgen(method, setter)]
    fn set_key(this: &JsStorageOp, key: &Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_value(this: &JsStorageOp, value: &Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_start(this: &JsStorageOp, start: &Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_end(this: &JsStorageOp, end: &Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_limit(this: &JsStorageOp, limit: u32);
    #[wasm_bindgen(method, setter, js_name = maxBytes)]
    fn set_max_bytes(this: &JsStorageOp, max_bytes: u32);
    #[wasm_bindgen(method, setter, js_name = keysOnly)]
    fn set_keys_only(this: &JsStorageOp, keys_only: bool);
}

/// A [`JsStorage`] as a backend.
pub struct JsStore {
    store: Rc<JsStorage>,
    closed: RefCell<bool>,
}

impl JsStore {
    /// Wraps the embedder's object.
    pub fn new(store: JsStorage) -> Self {
        Self {
            store: Rc::new(store),
            closed: RefCell::new(false),
        }
    }
}

impl Backend for JsStore {
    fn batch(&self, batch: Batch) -> LocalBoxFuture<Result<Vec<Read>, StorageError>> {
        let store = self.store.clone();
        Box::pin(async move {
            let reads_asked = batch.ops.iter().filter(|op| !op.writes()).count();
            let ops: Array = batch.ops.into_iter().map(to_js).collect();
            let durability = if batch.strict { "strict" } else { "relaxed" };
            let promise = store.batch(&ops, durability).map_err(|error| refused(&error))?;
            let answer = JsFuture::from(Promise::resolve(&promise))
                .await
                .map_err(|error| refused(&error))?;
            let reads: Option<Vec<Read>> = answer
                .dyn_ref::<Array>()
                .and_then(|reads| reads.iter().map(|read| from_js(&read)).collect());
            match reads {
                Some(reads) if reads.len() == reads_asked => Ok(reads),
                _ => Err(StorageError::new(
                    OpErrorCode::Other,
                    "the store's answer is not what JsStorage.batch promises",
                )),
            }
        })
    }

    fn kind(&self) -> StorageKind {
        match self.store.kind().as_string().as_deref() {
            Some("memory") => StorageKind::Memory,
            _ => StorageKind::Folder,
        }
    }

    fn reason(&self) -> String {
        String::new()
    }

    fn keys(&self) -> KeyPlace {
        let keys = self.store.keys();
        if keys.is_object() {
            KeyPlace::Js(keys.unchecked_into())
        } else {
            KeyPlace::Memory
        }
    }

    fn close(&self) -> LocalBoxFuture<()> {
        if self.closed.replace(true) {
            return Box::pin(std::future::ready(()));
        }
        let store = self.store.clone();
        Box::pin(async move {
            // A store that fails to close has nothing left that this host could do for it.
            if let Ok(promise) = store.close() {
                let _ = JsFuture::from(Promise::resolve(&promise)).await;
            }
        })
    }
}

fn to_js(op: Op) -> JsStorageOp {
    let object: JsStorageOp = Object::new().unchecked_into();
    let range = |range: &Range| {
        object.set_start(&Uint8Array::from(range.start.as_slice()));
        if let Some(end) = &range.end {
            object.set_end(&Uint8Array::from(end.as_slice()));
        }
    };
    match op {
        Op::Put(key, value) => {
            object.set_op("put");
            object.set_key(&Uint8Array::from(key.as_slice()));
            object.set_value(&value);
        }
        Op::Delete(key) => {
            object.set_op("delete");
            object.set_key(&Uint8Array::from(key.as_slice()));
        }
        Op::DeleteRange(deleted) => {
            object.set_op("deleteRange");
            range(&deleted);
        }
        Op::Get(key) => {
            object.set_op("get");
            object.set_key(&Uint8Array::from(key.as_slice()));
        }
        Op::Scan(scan) => {
            object.set_op("scan");
            range(&scan.range);
            object.set_limit(if scan.limit == u32::MAX { 0 } else { scan.limit });
            object.set_max_bytes(scan.max_bytes);
            object.set_keys_only(scan.keys_only);
        }
    }
    object
}

fn from_js(read: &JsValue) -> Option<Read> {
    let arrays = |name: &str| -> Option<Vec<Uint8Array>> {
        let list: Array = Reflect::get(read, &name.into()).ok()?.dyn_into().ok()?;
        list.iter().map(|item| item.dyn_into().ok()).collect()
    };
    Some(Read {
        keys: arrays("keys")?.iter().map(Uint8Array::to_vec).collect(),
        values: arrays("values")?,
        more: Reflect::get(read, &"more".into()).ok()?.as_bool()?,
    })
}

fn refused(error: &JsValue) -> StorageError {
    let code = error
        .is_object()
        .then(|| Reflect::get(error, &"code".into()).ok()?.as_string())
        .flatten();
    let code = match code.as_deref() {
        Some("QUOTA_EXCEEDED") => OpErrorCode::QuotaExceeded,
        Some("STORAGE_BLOCKED") => OpErrorCode::StorageBlocked,
        Some("STORAGE_LOST") => OpErrorCode::StorageLost,
        _ => OpErrorCode::Other,
    };
    StorageError::new(code, describe(error))
}
