//! What the imports mean in this host: answers go to clients, operations to [`Ops`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use avatar_proto::{AbiStatus, GuestHello, Message};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::calls::Calls;
use crate::clients::Clients;
use crate::instance::{Imports, Lent};
use crate::ops::Ops;
use crate::supervise::Digest;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    fn console_warn(text: &str);
}

/// Where log lines go: the embedder's function, or errors and warnings to the console.
pub struct Log {
    /// `(level, text)`.
    pub sink: Option<Function>,
}

impl Log {
    /// One line.
    pub fn line(&self, level: i32, text: &str) {
        match &self.sink {
            // A sink that throws has lost its own line.
            Some(sink) => drop(sink.call2(&JsValue::UNDEFINED, &level.into(), &text.into())),
            None if level <= 1 => console_error(&format!("avatar: {text}")),
            None if level == 2 => console_warn(&format!("avatar: {text}")),
            None => {}
        }
    }
}

/// The world of one instance.
pub struct World {
    /// The calls of the host.
    pub calls: Rc<RefCell<Calls>>,
    /// The clients of the host.
    pub clients: Rc<Clients>,
    /// The operations of this instance.
    pub ops: Rc<Ops>,
    /// The host's log.
    pub log: Rc<Log>,
    /// The answer to `yuan_init`, until the host takes it.
    pub hello: RefCell<Option<GuestHello>>,
    /// What the instance said before it trapped.
    pub last_words: RefCell<String>,
    /// Whether anybody wants to know who was answered: while a request is under suspicion.
    pub note_answered: Cell<bool>,
    /// The requests that had an answer in this turn, if they are noted.
    pub answered: RefCell<Vec<Digest>>,
}

impl Imports for World {
    fn log(&self, level: i32, text: &str) {
        self.log.line(level, text);
    }

    fn panic(&self, text: &str) {
        self.log.line(1, text);
        self.last_words.replace(text.to_owned());
    }

    fn respond(&self, req: u64, fin: bool, head: Lent, body: Lent) -> AbiStatus {
        if req == 0 {
            return match GuestHello::decode(head.to_vec().as_slice()) {
                Ok(hello) if fin => {
                    self.hello.replace(Some(hello));
                    AbiStatus::Ok
                }
                _ => AbiStatus::Invalid,
            };
        }
        let mut calls = self.calls.borrow_mut();
        let digest = calls.digest(req);
        let Some(address) = calls.answer(req, fin) else {
            return AbiStatus::NotFound;
        };
        drop(calls);
        if self.note_answered.get() {
            self.answered.borrow_mut().extend(digest);
        }
        if let Some(address) = address {
            self.clients.answer(address, fin, &head, &body);
        }
        AbiStatus::Ok
    }

    fn emit(&self, event: Lent) -> AbiStatus {
        self.clients.emit(&event.to_vec());
        AbiStatus::Ok
    }

    fn storage(&self, op: u64, head: Lent, body: Lent) -> AbiStatus {
        self.ops.storage(op, &head, &body)
    }

    fn net_request(&self, op: u64, head: Lent, body: Lent) -> AbiStatus {
        self.ops.net_request(op, &head, &body)
    }

    fn keys(&self, op: u64, command: Lent) -> AbiStatus {
        self.ops.keys(op, &command)
    }

    fn p2p(&self, op: u64, command: Lent) -> AbiStatus {
        self.ops.p2p(op, &command)
    }

    fn cancel(&self, op: u64) -> AbiStatus {
        self.ops.cancel(op)
    }

    fn stream_grant(&self, stream: u32, bytes: u32) -> AbiStatus {
        self.ops.stream_grant(stream, bytes)
    }

    fn stream_close(&self, stream: u32, how: i32) -> AbiStatus {
        self.ops.stream_close(stream, how)
    }

    fn stream_write(&self, stream: u32, parts: Vec<Lent>) -> Result<u32, AbiStatus> {
        self.ops.stream_write(stream, &parts)
    }
}
