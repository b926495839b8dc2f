//! One instance's part of the swarm: its commands, and what it is told.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use avatar_proto::{AbiStatus, OpErrorCode};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::js::JsSwarm;
use super::{P2p, P2pError};
use crate::instance::StreamEventKind;

/// What a session tells. Called from the event loop, never inside a call of [`Session`] but for [`P2pEvents::taken`].
pub trait P2pEvents {
    /// Whether another capability uses this number for a stream.
    fn taken(&self, stream: u32) -> bool;
    /// The result of a command: 0 and a P2pResult, or a negative AbiStatus and an OpError.
    fn completed(&self, op: u64, code: i32, head: Vec<u8>);
    /// A command was not carried out.
    fn failed(&self, op: u64, error: P2pError);
    /// Something of a stream.
    fn stream_event(&self, stream: u32, kind: StreamEventKind, arg: i64, data: Option<Uint8Array>);
}

/// See the module's documentation.
pub struct Session {
    p2p: Rc<P2p>,
    events: Weak<dyn P2pEvents>,
    attached: RefCell<Option<Attached>>,
    /// Commands that wait for the swarm: as many as operations may be under way.
    waiting: RefCell<Vec<(u64, Vec<u8>)>>,
    ended: Cell<bool>,
}

struct Attached {
    swarm: Rc<JsSwarm>,
    _tell: Closure<dyn Fn(u64, i32, f64, JsValue) -> bool>,
}

/// Kinds of what the swarm tells, beside those of stream events.
mod told {
    /// `yuan_complete`: of which operation, the status, the head.
    pub const COMPLETED: i32 = 0;
    /// A question: whether another capability uses this number for a stream.
    pub const TAKEN: i32 = -1;
}

impl Session {
    /// Of an instance that has given no command yet.
    pub fn new(p2p: Rc<P2p>, events: Weak<dyn P2pEvents>) -> Rc<Self> {
        Rc::new(Self {
            p2p,
            events,
            attached: RefCell::new(None),
            waiting: RefCell::default(),
            ended: Cell::new(false),
        })
    }

    /// An encoded P2pCommand. While libp2p is still being loaded it is taken unread: what is wrong with it is said by its completion.
    pub fn command(self: &Rc<Self>, op: u64, command: Vec<u8>) -> AbiStatus {
        if let Some(swarm) = self.swarm() {
            return status_of(swarm.command(op, &command));
        }
        let mut waiting = self.waiting.borrow_mut();
        waiting.push((op, command));
        if waiting.len() == 1 {
            let session = self.clone();
            spawn_local(async move {
                let loaded = session.p2p.clone().swarm().await;
                session.begin(loaded);
            });
        }
        AbiStatus::Ok
    }

    fn begin(&self, loaded: Result<Rc<JsSwarm>, P2pError>) {
        if self.ended.get() {
            return;
        }
        if let Ok(swarm) = &loaded {
            self.attach(swarm.clone());
        }
        for (op, command) in self.waiting.take() {
            let refused = match &loaded {
                Ok(swarm) => match status_of(swarm.command(op, &command)) {
                    AbiStatus::Ok => continue,
                    status => P2pError::new(status, OpErrorCode::Invalid, "refused"),
                },
                Err(error) => error.clone(),
            };
            self.failed(op, refused);
        }
    }

    /// The swarm, attached to: at once if another instance has started it.
    fn swarm(&self) -> Option<Rc<JsSwarm>> {
        if let Some(attached) = &*self.attached.borrow() {
            return Some(attached.swarm.clone());
        }
        let swarm = self.p2p.running().filter(|_| self.waiting.borrow().is_empty())?;
        self.attach(swarm.clone());
        Some(swarm)
    }

    fn attach(&self, swarm: Rc<JsSwarm>) {
        let events = self.events.clone();
        let tell = Closure::<dyn Fn(u64, i32, f64, JsValue) -> bool>::new(
            move |of: u64, kind: i32, arg: f64, data: JsValue| {
                let Some(events) = events.upgrade() else { return false };
                let data: Option<Uint8Array> = data.dyn_into().ok();
                match kind {
                    told::TAKEN => return events.taken(of as u32),
                    told::COMPLETED => {
                        let head = data.map(|data| data.to_vec()).unwrap_or_default();
                        events.completed(of, arg as i32, head);
                    }
                    kind => {
                        if let Some(kind) = StreamEventKind::from_code(kind) {
                            events.stream_event(of as u32, kind, arg as i64, data);
                        }
                    }
                }
                false
            },
        );
        swarm.attach(tell.as_ref());
        self.attached.replace(Some(Attached { swarm, _tell: tell }));
    }

    /// `avatar_cancel`. A command that waits for the swarm ends at once.
    pub fn cancel(&self, op: u64) {
        if let Some(attached) = &*self.attached.borrow() {
            // NOT_FOUND: its completion is on its way.
            attached.swarm.cancel(op);
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        let before = waiting.len();
        waiting.retain(|(other, _)| *other != op);
        if waiting.len() < before {
            drop(waiting);
            let cancelled = P2pError::new(AbiStatus::Cancelled, OpErrorCode::Cancelled, "cancelled");
            self.failed(op, cancelled);
        }
    }

    /// Whether a stream has this number, or is to be opened under it.
    pub fn has_stream(&self, stream: u32) -> bool {
        (self.attached.borrow().as_ref()).is_some_and(|attached| attached.swarm.has_stream(stream))
    }

    /// `avatar_stream_write` of these parts together.
    pub fn stream_write(&self, stream: u32, parts: Vec<Uint8Array>) -> Result<u32, AbiStatus> {
        let taken = self.with(|swarm| swarm.stream_write(stream, parts));
        u32::try_from(taken).map_err(|_| status_of(taken))
    }

    /// `avatar_stream_grant`.
    pub fn stream_grant(&self, stream: u32, bytes: u32) -> AbiStatus {
        status_of(self.with(|swarm| swarm.stream_grant(stream, bytes)))
    }

    /// `avatar_stream_close`.
    pub fn stream_close(&self, stream: u32, how: i32) -> AbiStatus {
        status_of(self.with(|swarm| swarm.stream_close(stream, how)))
    }

    fn failed(&self, op: u64, error: P2pError) {
        if let Some(events) = self.events.upgrade() {
            events.failed(op, error);
        }
    }

    fn with(&self, act: impl FnOnce(&JsSwarm) -> i32) -> i32 {
        match &*self.attached.borrow() {
            Some(attached) => act(&attached.swarm),
            None => AbiStatus::NotFound.code(),
        }
    }

    /// The instance is gone: its streams are reset, and it is told nothing any more (H29).
    pub fn end(&self) {
        self.ended.set(true);
        self.waiting.take();
        if let Some(attached) = self.attached.take() {
            attached.swarm.detach();
        }
    }
}

fn status_of(code: i32) -> AbiStatus {
    AbiStatus::check(code).err().unwrap_or(AbiStatus::Ok)
}
