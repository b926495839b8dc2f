//! What a host says about itself and its engine.

use avatar_proto::HostStatus;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::engine::global_property;
use crate::host::{HOST, Host};

/// The status now.
pub async fn of(host: &Host) -> HostStatus {
    let ready = host.ready();
    let estimate = estimate().await;
    let mut capabilities = vec!["storage".to_owned(), "net".to_owned()];
    if host.has_keys() {
        capabilities.push("keys".to_owned());
    }
    if host.has_p2p() {
        capabilities.push("p2p".to_owned());
    }
    HostStatus {
        storage: ready.storage,
        storage_reason: ready.storage_reason,
        persisted: host.persisted(),
        usage_bytes: estimate.map_or(0, |estimate| estimate.usage_bytes),
        quota_bytes: estimate.map_or(0, |estimate| estimate.quota_bytes),
        restarts: host.restarts(),
        build_id: ready.build_id,
        clients: host.client_count() as u32,
        capabilities,
        host: HOST.into(),
        lacking: lacking(host.has_keys()),
    }
}

#[derive(Clone, Copy)]
struct Estimate {
    usage_bytes: u64,
    quota_bytes: u64,
}

/// `navigator.storage`, where the engine has it.
fn storage_manager() -> Option<JsValue> {
    let navigator = global_property("navigator").ok().filter(JsValue::is_object)?;
    Reflect::get(&navigator, &"storage".into())
        .ok()
        .filter(JsValue::is_object)
}

async fn estimate() -> Option<Estimate> {
    let manager = storage_manager()?;
    let estimate: Function = Reflect::get(&manager, &"estimate".into()).ok()?.dyn_into().ok()?;
    let promise: Promise = estimate.call0(&manager).ok()?.dyn_into().ok()?;
    let numbers = JsFuture::from(promise).await.ok()?;
    let number = |name: &str| {
        let value = Reflect::get(&numbers, &name.into()).ok()?.as_f64()?;
        Some(value as u64)
    };
    Some(Estimate {
        usage_bytes: number("usage")?,
        quota_bytes: number("quota")?,
    })
}

/// What is missing here, in words for people.
fn lacking(has_keys: bool) -> Vec<String> {
    let mut lacking = Vec::new();
    let mut note = |present: bool, words: &str| {
        if !present {
            lacking.push(words.to_owned());
        }
    };
    let has = |name: &str| global_property(name).is_ok_and(|value| !value.is_undefined() && !value.is_null());
    note(has("indexedDB"), "no IndexedDB");
    note(storage_manager().is_some(), "no navigator.storage");
    note(has("fetch"), "no fetch");
    note(has_keys, "no WebCrypto");
    note(has("BroadcastChannel"), "no BroadcastChannel");
    let locks = global_property("navigator")
        .ok()
        .filter(JsValue::is_object)
        .and_then(|navigator| Reflect::get(&navigator, &"locks".into()).ok())
        .is_some_and(|locks| locks.is_object());
    note(locks, "no Web Locks");
    lacking
}
