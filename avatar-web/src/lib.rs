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
//! host.status();                         // an encoded HostStatus, for the thread that holds the host
//! ```
//!
//! **Frames.** Each message is `{batch, bodies?}`. The first frame to a client is `ready` (or `failed`, when the host has failed since), with call 0.
//! A client sends `request` (passed on to the Meta Unit as it is) or `host` frames under a call number of its own, unique among its calls in flight; answers
//! carry the number, in order, the last one without `more`. Exactly one last answer comes for each call, also after a `cancel` (then CANCELLED, or the true answer
//! if it was too late). Events have call 0. A message that is no ClientBatch is answered by one `response` frame with call 0 and MALFORMED.
//!
//! **Crashes.** When the Meta Unit traps, every call in flight is answered with CRASHED (`retryable`), a new instance starts, and every client gets a `restarted`
//! frame; what is sent meanwhile waits. A request whose payload was at work in two crashes is answered CRASHED, *not* retryable, for ten minutes.
//! Five crashes in thirty seconds: a `failed` frame to every client (`CRASH_LOOP`), and `onfailed`.
//!
//! **Close.** The host frame `close` does what [`Host::close`] does, and is answered `done` when storage is released; other clients get `failed` with CLOSED.
//!
//! **Detach.** A host cannot see that the other end of a channel died. Who starts the host calls `detach` for it (a Web Lock that the client holds tells it).
//! A client that comes back attaches a new channel.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const INTERFACE: &str = include_str!("interface.d.ts");
