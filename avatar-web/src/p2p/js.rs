//! The embedder's `JsP2p` and the swarm that it gives: the interface of the module `avatar_p2p`.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Loads the module when it is wanted.
    #[wasm_bindgen(typescript_type = "JsP2p")]
    pub type JsP2p;
    #[wasm_bindgen(method)]
    pub fn load(this: &JsP2p) -> Promise;

    type JsP2pModule;
    #[wasm_bindgen(method, catch)]
    fn start(this: &JsP2pModule, secret: &[u8], agent: &str) -> Result<JsSwarm, JsValue>;

    /// A swarm (`P2p` of avatar-web/p2p/src/js.rs).
    pub type JsSwarm;
    #[wasm_bindgen(method)]
    pub fn attach(this: &JsSwarm, listener: &JsValue);
    #[wasm_bindgen(method)]
    pub fn detach(this: &JsSwarm);
    #[wasm_bindgen(method)]
    pub fn command(this: &JsSwarm, op: u64, command: &[u8]) -> i32;
    #[wasm_bindgen(method)]
    pub fn cancel(this: &JsSwarm, op: u64) -> i32;
    #[wasm_bindgen(method, js_name = hasStream)]
    pub fn has_stream(this: &JsSwarm, stream: u32) -> bool;
    #[wasm_bindgen(method, js_name = streamWrite)]
    pub fn stream_write(this: &JsSwarm, stream: u32, parts: Vec<Uint8Array>) -> i32;
    #[wasm_bindgen(method, js_name = streamGrant)]
    pub fn stream_grant(this: &JsSwarm, stream: u32, bytes: u32) -> i32;
    #[wasm_bindgen(method, js_name = streamClose)]
    pub fn stream_close(this: &JsSwarm, stream: u32, how: i32) -> i32;
    #[wasm_bindgen(method)]
    pub fn close(this: &JsSwarm);
}

/// Starts a swarm of what `load` gave.
pub fn start(module: &JsValue, secret: &[u8], agent: &str) -> Result<JsSwarm, JsValue> {
    module.unchecked_ref::<JsP2pModule>().start(secret, agent)
}
