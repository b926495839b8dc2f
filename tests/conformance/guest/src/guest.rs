//! The life of the guest: greeting, requests from their arrival to their last answer, shutdown.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};

use avatar_proto::{
    AbiStatus, AppError, Capability, DEFAULT_MAX_BUFFER_BYTES, DEFAULT_MAX_INFLIGHT_OPS, Done, ErrorCode, GuestHello,
    HostHello, Message, Response, response,
};

use crate::imports::{self, FIN, MORE, Region};
use crate::operations::keep;
use crate::verdict::{Verdict, text};
use crate::{checks, ledger, monitor, runtime};

/// The number of the greeting.
const GREETING: i64 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Created,
    Initialized,
    Greeted,
    ShuttingDown,
}

thread_local! {
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Created) };
    static HELLO: RefCell<Option<HostHello>> = const { RefCell::new(None) };
    static IN_FLIGHT: RefCell<BTreeSet<i64>> = const { RefCell::new(BTreeSet::new()) };
    static INCOMING: RefCell<VecDeque<(i64, Vec<u8>)>> = const { RefCell::new(VecDeque::new()) };
    static TRAPS: Cell<bool> = const { Cell::new(false) };
}

/// `yuan_init`.
pub fn init(hello: &[u8]) -> i32 {
    if STAGE.get() != Stage::Created {
        return AbiStatus::BadState.code();
    }
    let Ok(hello) = HostHello::decode(hello) else {
        return AbiStatus::Invalid.code();
    };
    ledger::reserve();
    HELLO.set(Some(hello));
    STAGE.set(Stage::Initialized);
    0
}

/// Whether the host says that it has a capability.
pub fn host_has(capability: Capability) -> bool {
    HELLO.with_borrow(|hello| {
        hello
            .as_ref()
            .is_some_and(|hello| hello.capabilities.contains(&i32::from(capability)))
    })
}

/// Operations that the host takes at once, and the largest buffer that it takes, in bytes.
pub fn host_limits() -> (u32, u32) {
    let limits = HELLO
        .with_borrow(|hello| hello.as_ref().and_then(|hello| hello.limits))
        .unwrap_or_default();
    let or_default = |limit: u32, default: u32| if limit == 0 { default } else { limit };
    (
        or_default(limits.max_inflight, DEFAULT_MAX_INFLIGHT_OPS),
        or_default(limits.max_buffer_bytes, DEFAULT_MAX_BUFFER_BYTES),
    )
}

/// The next request traps.
pub fn trap_at_request() {
    TRAPS.set(true);
}

fn is_serving() -> bool {
    matches!(STAGE.get(), Stage::Initialized | Stage::Greeted)
}

/// `yuan_handle_request`.
pub fn handle_request(req: i64, bytes: Vec<u8>) -> i32 {
    if TRAPS.get() {
        monitor::die();
    }
    if !is_serving() {
        return AbiStatus::BadState.code();
    }
    let is_new = IN_FLIGHT.with_borrow_mut(|in_flight| req != 0 && in_flight.insert(req));
    if !is_new {
        monitor::note("H10", format!("request number {req} is zero or in flight already"));
        return AbiStatus::Invalid.code();
    }
    INCOMING.with_borrow_mut(|incoming| incoming.push_back((req, bytes)));
    0
}

/// `yuan_cancel_request`.
pub fn cancel_request(req: i64) -> i32 {
    if !is_serving() {
        return AbiStatus::BadState.code();
    }
    if !IN_FLIGHT.with_borrow(|in_flight| in_flight.contains(&req)) {
        return AbiStatus::NotFound.code();
    }
    runtime::forget(req);
    INCOMING.with_borrow_mut(|incoming| incoming.retain(|(of, _)| *of != req));
    runtime::spawn(
        req,
        Box::pin(async move { end(req, ErrorCode::Cancelled, "cancelled by the client") }),
    );
    0
}

/// `yuan_shutdown`.
pub fn shutdown() -> i32 {
    if !is_serving() {
        return AbiStatus::BadState.code();
    }
    STAGE.set(Stage::ShuttingDown);
    0
}

/// `yuan_turn`.
pub fn turn() -> i64 {
    match STAGE.get() {
        Stage::Created => return i64::from(AbiStatus::BadState.code()),
        Stage::Initialized => greet(),
        Stage::Greeted => {}
        Stage::ShuttingDown => {
            for req in IN_FLIGHT.with_borrow(BTreeSet::clone) {
                runtime::forget(req);
                end(req, ErrorCode::Closed, "the guest shuts down");
            }
        }
    }
    while let Some((req, bytes)) = INCOMING.with_borrow_mut(VecDeque::pop_front) {
        if IN_FLIGHT.with_borrow(|in_flight| in_flight.contains(&req)) {
            checks::start(req, bytes);
        }
    }
    runtime::turn()
}

fn greet() {
    let hello = GuestHello {
        did: "did:key:conformance".to_owned(),
        ..GuestHello::default()
    };
    imports::respond(GREETING, FIN, keep(hello.encode_to_vec()), Region::NONE);
    STAGE.set(Stage::Greeted);
}

/// One answer before the last, with these bytes as its body. What `avatar_respond` returned.
pub fn answer(req: i64, body: Vec<u8>) -> i32 {
    imports::respond(req, MORE, keep(done()), keep(body))
}

/// The last answer. What `avatar_respond` returned.
pub fn conclude(req: i64, verdict: &Verdict) -> i32 {
    last(req, done(), text(verdict).into_bytes())
}

/// The last answer, an error of the application.
pub fn end(req: i64, code: ErrorCode, message: &str) {
    let error = AppError {
        code: code.into(),
        message: message.to_owned(),
        retryable: false,
    };
    let head = Response {
        response: Some(response::Response::Error(error)),
    };
    last(req, head.encode_to_vec(), Vec::new());
}

fn last(req: i64, head: Vec<u8>, body: Vec<u8>) -> i32 {
    IN_FLIGHT.with_borrow_mut(|in_flight| in_flight.remove(&req));
    imports::respond(req, FIN, keep(head), keep(body))
}

/// The head of every answer that is a verdict.
pub fn done() -> Vec<u8> {
    Response {
        response: Some(response::Response::Done(Done {})),
    }
    .encode_to_vec()
}
