//! `HostOptions` of `interface.d.ts`, from JavaScript and checked.

use avatar_proto::ErrorCode;
use js_sys::{Function, WebAssembly};
use wasm_bindgen::prelude::*;

use crate::error::HostError;
use crate::host::Options;
use crate::instance::CheckedModule;
use crate::net::Rules;
use crate::storage::Choice;
use crate::world::Log;

#[wasm_bindgen]
extern "C" {
    /// The object as it is given.
    #[wasm_bindgen(typescript_type = "HostOptions")]
    pub type HostOptions;
    #[wasm_bindgen(method, getter)]
    fn module(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn name(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn storage(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = buildId)]
    fn build_id(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = testRequests)]
    fn test_requests(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = loopbackHttp)]
    fn loopback_http(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn p2p(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn onfailed(this: &HostOptions) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn log(this: &HostOptions) -> JsValue;
}

/// Checks each option; what is absent gets its default.
pub fn check(options: &HostOptions) -> Result<Options, HostError> {
    let wrong = |message: &str| HostError::app(ErrorCode::InvalidArgument, message);
    if !options.is_object() {
        return Err(wrong("options must be an object"));
    }
    let name = options
        .name()
        .as_string()
        .filter(|name| !name.is_empty())
        .ok_or_else(|| wrong("name must be a string, and not empty"))?;
    let module: WebAssembly::Module = options
        .module()
        .dyn_into()
        .map_err(|_| wrong("module must be a WebAssembly.Module"))?;
    let storage = options.storage();
    let storage = match storage.as_string().as_deref() {
        Some("auto") => Choice::Auto,
        Some("memory") => Choice::Memory,
        None if storage.is_undefined() => Choice::Auto,
        None if storage.is_object() => Choice::Js(storage.unchecked_into()),
        _ => return Err(wrong("storage must be \"auto\", \"memory\" or a JsStorage")),
    };
    let function = |value: JsValue, name: &str| {
        if value.is_undefined() {
            return Ok(None);
        }
        value
            .dyn_into::<Function>()
            .map(Some)
            .map_err(|_| wrong(&format!("{name} must be a function")))
    };
    let p2p = options.p2p();
    let p2p = match p2p.is_undefined() {
        true => None,
        false if p2p.is_object() => Some(p2p.unchecked_into()),
        false => return Err(wrong("p2p must be a JsSwarm")),
    };
    Ok(Options {
        p2p,
        module: CheckedModule::check(module, options.build_id().as_string().as_deref())?,
        name,
        storage,
        test_requests: options.test_requests().is_truthy(),
        rules: Rules {
            loopback: options.loopback_http().is_truthy(),
        },
        onfailed: function(options.onfailed(), "onfailed")?,
        log: Log {
            sink: function(options.log(), "log")?,
        },
    })
}
