//! The operations of one instance: accepted, under way, and completed exactly once (H14).

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use avatar_proto::{
    AbiStatus, DEFAULT_MAX_INFLIGHT_OPS, DEFAULT_MAX_STREAMS, KeysCommand, Message, NetRequest, NetResponse, OpError,
    stream_close,
};
use js_sys::Uint8Array;
use wasm_bindgen_futures::spawn_local;
use zeroize::{Zeroize, Zeroizing};

use crate::instance::{Lent, StreamEventKind};
use crate::keys::Keys;
use crate::net::{self, Exchange, NetError};
use crate::p2p::{P2p, Session, Told};
use crate::storage::{self, Backend};

/// What is to be told to the guest, in order.
pub enum OpEvent {
    /// `yuan_complete`.
    Completed {
        /// The operation.
        op: u64,
        /// 0 or a negative AbiStatus.
        code: i32,
        /// A result, or an OpError. A secret may be in it.
        head: Zeroizing<Vec<u8>>,
        /// The parts of the body.
        body: Vec<Uint8Array>,
    },
    /// `yuan_stream_event`.
    Stream {
        /// The stream.
        stream: u32,
        /// What happened.
        kind: StreamEventKind,
        /// The event's argument.
        arg: i64,
        /// Its bytes.
        data: Option<Uint8Array>,
    },
}

enum Pending {
    Storage,
    Keys,
    Net(Rc<Exchange>),
    P2p,
}

/// The operations and streams of one instance.
pub struct Ops {
    backend: Rc<dyn Backend>,
    keys: Option<Rc<dyn Keys>>,
    rules: net::Rules,
    p2p: RefCell<Option<Rc<Session>>>,
    wake: Rc<dyn Fn()>,
    pending: RefCell<HashMap<u64, Pending>>,
    streams: RefCell<HashMap<u32, Rc<Exchange>>>,
    events: RefCell<VecDeque<OpEvent>>,
    abandoned: Cell<bool>,
}

impl Ops {
    /// None yet. `wake` is called when there is something to tell the guest.
    pub fn new(
        backend: Rc<dyn Backend>,
        keys: Option<Rc<dyn Keys>>,
        rules: net::Rules,
        p2p: Option<Rc<P2p>>,
        wake: Rc<dyn Fn()>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|ops: &Weak<Self>| Self {
            backend,
            keys,
            rules,
            p2p: RefCell::new(p2p.map(|p2p| {
                let ops = ops.clone();
                Rc::new(Session::new(p2p, move |told| {
                    ops.upgrade().is_some_and(|ops| ops.told(told))
                }))
            })),
            wake,
            pending: RefCell::default(),
            streams: RefCell::default(),
            events: RefCell::default(),
            abandoned: Cell::new(false),
        })
    }

    /// The next thing to tell the guest.
    pub fn next_event(&self) -> Option<OpEvent> {
        self.events.borrow_mut().pop_front()
    }

    /// Whether nothing is under way and nothing is left to tell.
    pub fn is_idle(&self) -> bool {
        self.pending.borrow().is_empty() && self.events.borrow().is_empty()
    }

    /// The instance is dead: what is under way is stopped where it can be, and tells nobody. Batches that storage has accepted take effect all the same.
    pub fn abandon(&self) {
        self.abandoned.set(true);
        self.p2p.take();
        for exchange in self.streams.take().into_values() {
            exchange.abort();
        }
        for pending in self.pending.take().into_values() {
            if let Pending::Net(exchange) = pending {
                exchange.abort();
            }
        }
        self.events.borrow_mut().clear();
    }

    /// `avatar_storage`.
    pub fn storage(self: &Rc<Self>, op: u64, head: &Lent, body: &Lent) -> AbiStatus {
        if let Err(status) = self.admit(op) {
            return status;
        }
        let batch = match storage::decode(&head.to_vec(), body.len(), |offset, len| body.copy_to_js(offset, len)) {
            Ok(batch) => batch,
            Err(status) => return status,
        };
        self.pending.borrow_mut().insert(op, Pending::Storage);
        let run = self.backend.batch(batch);
        let ops = self.clone();
        // Tasks are polled first come, first served: batches take effect in the order of acceptance (H15).
        spawn_local(async move {
            let result = run
                .await
                .and_then(|reads| storage::encode(reads, Uint8Array::length))
                .map_err(storage::StorageError::into_completion);
            ops.complete(op, result);
        });
        AbiStatus::Ok
    }

    /// `avatar_keys`.
    pub fn keys(self: &Rc<Self>, op: u64, command: &Lent) -> AbiStatus {
        let Some(keys) = &self.keys else {
            return AbiStatus::Unsupported;
        };
        if let Err(status) = self.admit(op) {
            return status;
        }
        let Ok(command) = KeysCommand::decode(Zeroizing::new(command.to_vec()).as_slice()) else {
            return AbiStatus::Invalid;
        };
        if let Err(status) = command.check() {
            return status;
        }
        self.pending.borrow_mut().insert(op, Pending::Keys);
        let run = keys.run(command);
        let ops = self.clone();
        spawn_local(async move {
            let result = run.await.map(|mut result| {
                let head = result.encode_to_vec();
                result.data.zeroize();
                (head, Vec::new())
            });
            ops.complete(op, result.map_err(|error| error.into_completion()));
        });
        AbiStatus::Ok
    }

    /// `avatar_net_request`.
    pub fn net_request(self: &Rc<Self>, op: u64, head: &Lent, body: &Lent) -> AbiStatus {
        if let Err(status) = self.admit(op) {
            return status;
        }
        let Ok(request) = NetRequest::decode(head.to_vec().as_slice()) else {
            return AbiStatus::Invalid;
        };
        let stream = request.response_stream;
        if stream % 2 == 0 || stream > i32::MAX as u32 || self.has_stream(stream) {
            return AbiStatus::Invalid;
        }
        if self.streams.borrow().len() >= DEFAULT_MAX_STREAMS as usize {
            return AbiStatus::Limit;
        }
        let Some(exchange) = Exchange::new() else {
            return AbiStatus::Unsupported;
        };
        self.pending.borrow_mut().insert(op, Pending::Net(exchange.clone()));
        self.streams.borrow_mut().insert(stream, exchange.clone());
        let body = (!body.is_empty()).then(|| body.copy_to_js(0, body.len())).flatten();
        let ops = self.clone();
        spawn_local(async move {
            let head = {
                let ops = ops.clone();
                move |response: NetResponse| ops.complete(op, Ok((response.encode_to_vec(), Vec::new())))
            };
            let data = {
                let ops = ops.clone();
                move |bytes: Uint8Array| ops.net_event(stream, StreamEventKind::Data, 0, Some(bytes))
            };
            match net::run(&exchange, ops.rules, request, body, head, data).await {
                Ok(()) => ops.end_stream(stream, StreamEventKind::Fin, 0),
                Err(NetError { status, error }) => {
                    let in_flight = ops.pending.borrow().contains_key(&op);
                    if in_flight {
                        // The operation failed: there never was a stream.
                        ops.streams.borrow_mut().remove(&stream);
                        ops.complete(op, Err((status, error)));
                    } else {
                        ops.end_stream(stream, StreamEventKind::Reset, i64::from(status as i32));
                    }
                }
            }
        });
        AbiStatus::Ok
    }

    /// `avatar_p2p`.
    pub fn p2p(self: &Rc<Self>, op: u64, command: &Lent) -> AbiStatus {
        let Some(p2p) = self.session() else {
            return AbiStatus::Unsupported;
        };
        if let Err(status) = self.admit(op) {
            return status;
        }
        let Some(command) = command.copy_to_js(0, command.len()) else {
            return AbiStatus::BadBuffer;
        };
        self.pending.borrow_mut().insert(op, Pending::P2p);
        let status = p2p.command(op, command);
        if status != AbiStatus::Ok {
            self.pending.borrow_mut().remove(&op);
        }
        status
    }

    fn session(&self) -> Option<Rc<Session>> {
        self.p2p.borrow().clone()
    }

    /// What the swarm says; the answer to its question.
    fn told(&self, told: Told) -> bool {
        match told {
            Told::IsTaken(stream) => return self.streams.borrow().contains_key(&stream),
            Told::Completed(op, code, head) => {
                if self.pending.borrow_mut().remove(&op).is_some() {
                    let (head, body) = (Zeroizing::new(head), Vec::new());
                    self.tell(OpEvent::Completed { op, code, head, body });
                }
            }
            Told::Stream(stream, kind, arg, data) => self.tell(OpEvent::Stream {
                stream,
                kind,
                arg,
                data,
            }),
        }
        false
    }

    fn has_stream(&self, stream: u32) -> bool {
        self.streams.borrow().contains_key(&stream) || self.session().is_some_and(|p2p| p2p.has_stream(stream))
    }

    fn admit(&self, op: u64) -> Result<(), AbiStatus> {
        let pending = self.pending.borrow();
        if pending.contains_key(&op) {
            return Err(AbiStatus::Invalid);
        }
        if pending.len() >= DEFAULT_MAX_INFLIGHT_OPS as usize {
            return Err(AbiStatus::Limit);
        }
        Ok(())
    }

    fn complete(&self, op: u64, result: Result<(Vec<u8>, Vec<Uint8Array>), (AbiStatus, OpError)>) {
        if self.pending.borrow_mut().remove(&op).is_none() {
            return;
        }
        let (code, head, body) = match result {
            Ok((head, body)) => (0, head, body),
            Err((status, error)) => (status.code(), error.encode_to_vec(), Vec::new()),
        };
        let head = Zeroizing::new(head);
        self.tell(OpEvent::Completed { op, code, head, body });
    }

    fn net_event(&self, stream: u32, kind: StreamEventKind, arg: i64, data: Option<Uint8Array>) {
        // Closed by the guest: no further DATA (H19).
        if self.streams.borrow().contains_key(&stream) {
            self.tell(OpEvent::Stream {
                stream,
                kind,
                arg,
                data,
            });
        }
    }

    fn end_stream(&self, stream: u32, kind: StreamEventKind, arg: i64) {
        self.net_event(stream, kind, arg, None);
        self.streams.borrow_mut().remove(&stream);
    }

    fn tell(&self, event: OpEvent) {
        if !self.abandoned.get() {
            self.events.borrow_mut().push_back(event);
            (self.wake)();
        }
    }

    /// `avatar_cancel`. A storage batch and a command for keys are not stopped: they are on their way, and their true results follow.
    pub fn cancel(&self, op: u64) -> AbiStatus {
        match self.pending.borrow().get(&op) {
            None => return AbiStatus::NotFound,
            Some(Pending::Storage | Pending::Keys) => {}
            Some(Pending::Net(exchange)) => exchange.abort(),
            Some(Pending::P2p) => {
                if let Some(p2p) = self.session() {
                    p2p.cancel(op);
                }
            }
        }
        AbiStatus::Ok
    }

    /// `avatar_stream_grant`.
    pub fn stream_grant(&self, stream: u32, bytes: u32) -> AbiStatus {
        match (self.streams.borrow().get(&stream), self.session()) {
            (Some(exchange), _) => {
                exchange.grant(bytes);
                AbiStatus::Ok
            }
            (None, Some(p2p)) => p2p.stream_grant(stream, bytes),
            (None, None) => AbiStatus::NotFound,
        }
    }

    /// `avatar_stream_close`. A response of HTTP carries bytes to the guest only: there is nothing to finish.
    pub fn stream_close(&self, stream: u32, how: i32) -> AbiStatus {
        let of_net = self.streams.borrow().contains_key(&stream);
        match self.session() {
            Some(p2p) if !of_net => {
                let status = p2p.stream_close(stream, how);
                if status != AbiStatus::Ok {
                    return status;
                }
            }
            _ if !of_net => return AbiStatus::NotFound,
            _ if how == stream_close::FINISH_WRITING => return AbiStatus::Ok,
            _ => {
                if let Some(exchange) = self.streams.borrow_mut().remove(&stream) {
                    exchange.abort();
                }
            }
        }
        if how != stream_close::FINISH_WRITING {
            self.forget_events(stream, how);
        }
        AbiStatus::Ok
    }

    /// What waits to be told is not told any more (H19): after a reset nothing, after an end of reading no bytes and no end of them.
    fn forget_events(&self, closed: u32, how: i32) {
        let told =
            |kind| how == stream_close::STOP_READING && !matches!(kind, StreamEventKind::Data | StreamEventKind::Fin);
        self.events.borrow_mut().retain(
            |event| !matches!(event, OpEvent::Stream { stream, kind, .. } if *stream == closed && !told(*kind)),
        );
    }

    /// `avatar_stream_write`. A response of HTTP cannot be written.
    pub fn stream_write(&self, stream: u32, parts: &[Lent]) -> Result<u32, AbiStatus> {
        if self.streams.borrow().contains_key(&stream) {
            return Err(AbiStatus::BadState);
        }
        let p2p = self.session().ok_or(AbiStatus::NotFound)?;
        p2p.stream_write(stream, parts.iter().map(Lent::view).collect())
    }
}
