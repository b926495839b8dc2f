//! The Avatar of everything that runs JavaScript: browsers (in a dedicated worker, or in a window) and Node.
//!
//! It gives `meta_unit.wasm` the engine's own WebAssembly runtime, implements the imports of Avatar ABI v1 (`proto/ABI.md`) over storage, fetch, clocks and
//! randomness, starts a new instance after a trap, and serves clients over message channels (`client.proto`).
//!
//! # The JavaScript interface
//!
//! The types are in `interface.d.ts` beside this file and end up in the generated `.d.ts`. In short:
//!
//! ```ts
//! const host = await Host.start({ module, name: "default" });   // rejects with a HostError: nothing runs then
//! const client = host.attach(port);      // MessagePort, BroadcastChannel, or anything of that shape
//! host.detach(client);                   // the client is gone: its calls are cancelled, nothing is sent any more
//! await host.close();                    // drains, shuts the Meta Unit down, lets go of storage; idempotent
//! await host.status();                   // an encoded HostStatus, for the thread that holds the host
//! ```
//!
//! **Frames.** Each message is `{batch, bodies?}`. The first frame to a client is `ready` (or `failed`, when the host has failed since), with call 0.
//! A client sends `request` (passed on to the Meta Unit as it is) or `host` frames under a call number of its own, unique among its calls in flight; answers
//! carry the number, in order, the last one without `more`. Exactly one last answer comes for each call, also after a `cancel` (then CANCELLED, or the true answer
//! if it was too late). Events have call 0. A message that is no ClientBatch is answered by one `response` frame with call 0 and MALFORMED.
//!
//! **Crashes.** When the Meta Unit traps, every call in flight is answered with CRASHED (`retryable`), a new instance starts, and every client gets a `restarted`
//! frame; what is sent meanwhile waits. A request that was at work in a crash is handed over apart from others when it is sent again, and if the Meta Unit
//! crashes once more while it alone is at work, it is answered CRASHED, *not* retryable, for ten minutes. Requests are known by their bytes.
//! Five crashes in thirty seconds: a `failed` frame to every client (`CRASH_LOOP`), and `onfailed`.
//!
//! **Close.** The host frame `close` does what [`Host::close`] does, and is answered `done` when storage is released; other clients get `failed` with CLOSED.
//!
//! **Detach.** A host cannot see that the other end of a channel died. Who starts the host calls `detach` for it (a Web Lock that the client holds tells it).
//! A client that comes back attaches a new channel.

mod abi;
mod calls;
mod clients;
mod driver;
mod engine;
pub mod error;
mod frames;
mod host;
mod instance;
pub mod keys;
mod net;
mod ops;
mod options;
mod p2p;
mod status;
pub mod storage;
mod supervise;
mod world;

use std::rc::Rc;

use avatar_proto::Message;
use wasm_bindgen::prelude::*;

use clients::PortLike;
use options::HostOptions;

#[wasm_bindgen(typescript_custom_section)]
const INTERFACE: &str = include_str!("interface.d.ts");

/// One Meta Unit, with its storage, for any number of clients.
#[wasm_bindgen]
pub struct Host {
    inner: Rc<host::Host>,
}

#[wasm_bindgen]
impl Host {
    /// Opens storage, starts the Meta Unit, and resolves when it is ready to serve. Rejects with a `HostError`, and then holds nothing.
    #[wasm_bindgen]
    pub async fn start(options: HostOptions) -> Result<Host, JsValue> {
        let options = options::check(&options).map_err(|error| error.to_js())?;
        let inner = host::Host::start(options).await.map_err(|error| error.to_js())?;
        Ok(Self { inner })
    }

    /// Serves a client on this channel, and returns its number. The host sets the port's `onmessage`.
    pub fn attach(&self, port: PortLike) -> Result<u32, JsValue> {
        self.inner.attach(port)
    }

    /// The client of this number is gone: its calls are cancelled, its port is let go. Harmless when repeated.
    pub fn detach(&self, client: u32) {
        self.inner.detach(client);
    }

    /// Resolves when everything accepted is durable (or cannot be), the Meta Unit is shut down, and storage is released. Idempotent.
    pub fn close(&self) -> js_sys::Promise {
        let inner = self.inner.clone();
        wasm_bindgen_futures::future_to_promise(async move {
            inner.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// An encoded HostStatus.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn status(&self) -> js_sys::Promise {
        let inner = self.inner.clone();
        wasm_bindgen_futures::future_to_promise(async move {
            let status = status::of(&inner).await;
            Ok(js_sys::Uint8Array::from(status.encode_to_vec().as_slice()).into())
        })
    }
}
