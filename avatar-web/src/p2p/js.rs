//! The embedder's swarm: `JsSwarm` of `interface.d.ts`.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The object as it is given.
    #[wasm_bindgen(typescript_type = "JsSwarm")]
    pub type JsSwarm;
    #[wasm_bindgen(method)]
    pub fn attach(this: &JsSwarm, tell: &JsValue, secret: &JsValue, agent: &str);
    #[wasm_bindgen(method)]
    pub fn detach(this: &JsSwarm);
    #[wasm_bindgen(method)]
    pub fn command(this: &JsSwarm, op: u64, command: Uint8Array) -> i32;
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
