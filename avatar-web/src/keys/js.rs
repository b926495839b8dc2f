//! Key sets that the embedder guards: a file, in Node. The TypeScript view is `JsKeys` of `interface.d.ts`.

use avatar_proto::{AbiStatus, KeysCommand, KeysResult, Message, OpErrorCode};
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use super::{Keys, KeysError};
use crate::error::describe;
use crate::storage::LocalBoxFuture;

#[wasm_bindgen]
extern "C" {
    /// The object itself.
    #[derive(Clone)]
    pub type JsKeys;
    #[wasm_bindgen(method, catch)]
    fn run(this: &JsKeys, command: &Uint8Array) -> Result<JsValue, JsValue>;
}

impl Keys for JsKeys {
    fn run(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, KeysError>> {
        let keys = self.clone();
        Box::pin(async move {
            let command = Zeroizing::new(command.encode_to_vec());
            let promise = JsKeys::run(&keys, &Uint8Array::from(command.as_slice())).map_err(|error| failed(&error))?;
            let answer = JsFuture::from(Promise::resolve(&promise))
                .await
                .map_err(|error| failed(&error))?;
            let bytes = answer
                .dyn_ref::<Uint8Array>()
                .map(|bytes| Zeroizing::new(bytes.to_vec()));
            bytes
                .and_then(|bytes| KeysResult::decode(bytes.as_slice()).ok())
                .ok_or_else(|| {
                    KeysError::new(
                        AbiStatus::Io,
                        OpErrorCode::Other,
                        "the answer is not what JsKeys.run promises",
                    )
                })
        })
    }
}

fn failed(error: &JsValue) -> KeysError {
    let code = error
        .is_object()
        .then(|| Reflect::get(error, &"code".into()).ok()?.as_string())
        .flatten();
    let (status, code) = match code.as_deref() {
        Some("NOT_FOUND") => (AbiStatus::NotFound, OpErrorCode::NotFound),
        Some("CORRUPT") => (AbiStatus::Corrupt, OpErrorCode::Corrupt),
        Some("INVALID_ARGUMENT") => (AbiStatus::Invalid, OpErrorCode::Invalid),
        Some("UNSUPPORTED") => (AbiStatus::Unsupported, OpErrorCode::Unsupported),
        Some("QUOTA_EXCEEDED") => (AbiStatus::Io, OpErrorCode::QuotaExceeded),
        Some("STORAGE_BLOCKED") => (AbiStatus::Io, OpErrorCode::StorageBlocked),
        Some("STORAGE_LOST") => (AbiStatus::Io, OpErrorCode::StorageLost),
        _ => (AbiStatus::Io, OpErrorCode::Other),
    };
    KeysError::new(status, code, describe(error))
}
