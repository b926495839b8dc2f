//! The object store `keys`: key sets as structured clones, by name.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbObjectStore, IdbTransaction};

use super::{CommittableTransaction, Finished, Inner, KEYS, TransactionEnd};
use crate::error::name_of;
use crate::keys::{Added, Shelf};
use crate::storage::{LocalBoxFuture, StorageError};

/// No name of a key set.
const TRIAL: &str = "#";

/// See the module's documentation.
pub struct KeyShelf {
    inner: Rc<Inner>,
}

impl KeyShelf {
    pub(super) fn new(inner: Rc<Inner>) -> Self {
        Self { inner }
    }

    /// Runs `work`, while `close` waits for it.
    fn while_open<T: 'static>(
        &self,
        work: impl AsyncFnOnce(Rc<Inner>) -> Result<T, StorageError> + 'static,
    ) -> LocalBoxFuture<Result<T, StorageError>> {
        let inner = self.inner.clone();
        inner.running.set(inner.running.get() + 1);
        Box::pin(async move {
            let result = work(inner.clone()).await;
            inner.ended();
            result
        })
    }
}

impl Shelf for KeyShelf {
    fn get(&self, name: &str) -> LocalBoxFuture<Result<Option<JsValue>, StorageError>> {
        let name = JsValue::from(name);
        self.while_open(async move |inner| {
            let (_transaction, keys) = inner.begin(KEYS, "readonly", false).await?;
            let value = read(&keys, &name).await.map_err(|error| inner.explain(&error))?;
            Ok(value)
        })
    }

    fn add(&self, name: &str, value: &JsValue) -> LocalBoxFuture<Result<Added, StorageError>> {
        let (name, value) = (JsValue::from(name), value.clone());
        self.while_open(async move |inner| {
            let (transaction, keys) = inner.begin(KEYS, "readwrite", true).await?;
            let end = TransactionEnd::watch(&transaction);
            let before = read(&keys, &name).await.map_err(|error| inner.explain(&error))?;
            if let Some(before) = before {
                return Ok(Added::There(before));
            }
            if let Err(error) = keys.put_with_key(&value, &name) {
                let _ = transaction.abort();
                return Err(inner.explain(&error));
            }
            commit(&inner, &transaction, end).await.map(|()| Added::New)
        })
    }

    fn trial(&self, value: &JsValue) -> LocalBoxFuture<Result<Option<JsValue>, StorageError>> {
        let value = value.clone();
        self.while_open(async move |inner| {
            let (transaction, keys) = inner.begin(KEYS, "readwrite", false).await?;
            let name = JsValue::from(TRIAL);
            let stored = match keys.put_with_key(&value, &name) {
                Ok(_) => read(&keys, &name).await,
                Err(error) if name_of(&error) == "DataCloneError" => Ok(None),
                Err(error) => Err(error),
            };
            let _ = transaction.abort();
            stored.map_err(|error| inner.explain(&error))
        })
    }

    fn remove(&self, name: &str) -> LocalBoxFuture<Result<(), StorageError>> {
        let name = JsValue::from(name);
        self.while_open(async move |inner| {
            let (transaction, keys) = inner.begin(KEYS, "readwrite", true).await?;
            let end = TransactionEnd::watch(&transaction);
            keys.delete(&name).map_err(|error| inner.explain(&error))?;
            commit(&inner, &transaction, end).await
        })
    }
}

async fn read(keys: &IdbObjectStore, name: &JsValue) -> Result<Option<JsValue>, JsValue> {
    let value = Finished::of(&keys.get(name)?).wait().await?;
    Ok((!value.is_undefined()).then_some(value))
}

async fn commit(inner: &Inner, transaction: &IdbTransaction, end: TransactionEnd) -> Result<(), StorageError> {
    let _ = transaction.unchecked_ref::<CommittableTransaction>().commit();
    end.wait()
        .await
        .map_err(|reason| inner.explain(&reason.unwrap_or(JsValue::UNDEFINED)))
}
