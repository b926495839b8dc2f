//! `avatar_p2p` over the embedder's swarm (ABI.md H24 to H29): the module `avatar_p2p_bg.wasm`, which the embedder loads when the first command comes and not before.
//!
//! One swarm serves one host, over any number of instances: a crash ends the instance's streams, and no connection. The guest sees of the transport key the peer id.

mod js;
mod secret;

use std::rc::Rc;

use avatar_proto::AbiStatus;
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

pub use js::JsSwarm;

use crate::instance::StreamEventKind;
use crate::storage::Backend;

/// The libp2p of one host.
pub struct P2p {
    swarm: JsSwarm,
    secret: Closure<dyn Fn() -> Promise>,
    agent: &'static str,
}

impl P2p {
    /// For a host over this backend, beside which the transport key is kept. `agent` is what peers are told of the host.
    pub fn new(swarm: JsSwarm, backend: &dyn Backend, agent: &'static str) -> Rc<Self> {
        let place = secret::Place::beside(backend);
        let secret = Closure::new(move || future_to_promise(place.clone().get()));
        Rc::new(Self { swarm, secret, agent })
    }

    /// Ends the swarm for good.
    pub fn close(&self) {
        self.swarm.close();
    }
}

/// What the swarm tells an instance.
pub enum Told {
    /// `yuan_complete`: the operation, the status, the head.
    Completed(u64, i32, Vec<u8>),
    /// `yuan_stream_event`: the stream, the kind, its argument and its data.
    Stream(u32, StreamEventKind, i64, Option<Uint8Array>),
    /// A question, asked inside a call of [`Session::command`]: whether another capability uses this number for a stream.
    IsTaken(u32),
}

/// One instance's part of the swarm. When it is dropped, the instance's streams are reset and it is told nothing any more (H29).
pub struct Session {
    p2p: Rc<P2p>,
    _tell: Closure<dyn Fn(u64, i32, f64, JsValue) -> bool>,
}

impl Session {
    /// `tell` is called from the event loop, and answers questions.
    pub fn new(p2p: Rc<P2p>, tell: impl Fn(Told) -> bool + 'static) -> Self {
        const COMPLETED: i32 = 0;
        const IS_TAKEN: i32 = -1;
        let tell = Closure::<dyn Fn(u64, i32, f64, JsValue) -> bool>::new(
            move |of: u64, kind: i32, arg: f64, data: JsValue| {
                let data: Option<Uint8Array> = data.dyn_into().ok();
                match (kind, StreamEventKind::from_code(kind)) {
                    (COMPLETED, _) => {
                        let head = data.map(|data| data.to_vec()).unwrap_or_default();
                        tell(Told::Completed(of, arg as i32, head))
                    }
                    (IS_TAKEN, _) => tell(Told::IsTaken(of as u32)),
                    (_, Some(kind)) => tell(Told::Stream(of as u32, kind, arg as i64, data)),
                    (_, None) => false,
                }
            },
        );
        p2p.swarm.attach(tell.as_ref(), p2p.secret.as_ref(), p2p.agent);
        Self { p2p, _tell: tell }
    }

    /// An encoded P2pCommand.
    pub fn command(&self, op: u64, command: Uint8Array) -> AbiStatus {
        status_of(self.p2p.swarm.command(op, command))
    }

    /// `avatar_cancel`. That it is not under way any more means that its completion is on its way.
    pub fn cancel(&self, op: u64) {
        self.p2p.swarm.cancel(op);
    }

    /// Whether a stream has this number, or is to be opened under it.
    pub fn has_stream(&self, stream: u32) -> bool {
        self.p2p.swarm.has_stream(stream)
    }

    /// `avatar_stream_write` of these parts together.
    pub fn stream_write(&self, stream: u32, parts: Vec<Uint8Array>) -> Result<u32, AbiStatus> {
        AbiStatus::check(self.p2p.swarm.stream_write(stream, parts))
    }

    /// `avatar_stream_grant`.
    pub fn stream_grant(&self, stream: u32, bytes: u32) -> AbiStatus {
        status_of(self.p2p.swarm.stream_grant(stream, bytes))
    }

    /// `avatar_stream_close`.
    pub fn stream_close(&self, stream: u32, how: i32) -> AbiStatus {
        status_of(self.p2p.swarm.stream_close(stream, how))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.p2p.swarm.detach();
    }
}

fn status_of(code: i32) -> AbiStatus {
    AbiStatus::check(code).err().unwrap_or(AbiStatus::Ok)
}
