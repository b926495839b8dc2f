//! The operations that the host has accepted, and that each completes exactly once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use avatar_proto::{AbiStatus, Message, OpError};

use crate::imports::Region;
use crate::runtime::soon;
use crate::verdict::{Problem, fail};
use crate::{imports, monitor};

/// What `yuan_complete` brought.
pub struct Completion {
    /// 0 or a negative AbiStatus.
    pub status: i32,
    /// The result, or an OpError.
    pub head: Vec<u8>,
    /// Large bytes.
    pub body: Vec<u8>,
}

enum State {
    Accepted,
    Done(Completion),
    /// The check has its result.
    Over,
}

thread_local! {
    static OPS: RefCell<BTreeMap<i64, State>> = const { RefCell::new(BTreeMap::new()) };
    static LAST_OP: Cell<i64> = const { Cell::new(0) };
    static LENT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static TRAPS: Cell<bool> = const { Cell::new(false) };
}

/// A number that no operation had before.
pub fn next_op() -> i64 {
    LAST_OP.set(LAST_OP.get() + 1);
    LAST_OP.get()
}

/// Keeps bytes as they are to the end of the instance: a host that looks at lent bytes too late is the business of H3's checks alone.
pub fn keep(bytes: Vec<u8>) -> Region {
    let region = Region::of(&bytes);
    LENT.with_borrow_mut(|lent| lent.push(bytes));
    region
}

/// Asks the host by one of the imports that take an operation, a head and a body. The operation's number if it was accepted, or the status.
pub fn submit(import: fn(i64, Region, Region) -> i32, head: Region, body: Region) -> Result<i64, i32> {
    let op = next_op();
    // Known before the call: a completion that comes too early is noticed too.
    OPS.with_borrow_mut(|ops| ops.insert(op, State::Accepted));
    match import(op, head, body) {
        0 => Ok(op),
        status => {
            OPS.with_borrow_mut(|ops| ops.remove(&op));
            Err(status)
        }
    }
}

/// The next completion traps.
pub fn trap_at_completion() {
    TRAPS.set(true);
}

/// `yuan_complete`.
pub fn complete(op: i64, status: i32, head: Vec<u8>, body: Vec<u8>) -> i32 {
    if TRAPS.get() {
        monitor::die();
    }
    OPS.with_borrow_mut(|ops| match ops.get_mut(&op) {
        Some(state @ State::Accepted) => {
            if status > 0 || status < AbiStatus::Corrupt.code() {
                monitor::note(
                    "H14",
                    format!("operation {op} completed with {status}, which is no status"),
                );
            }
            if status < 0 && OpError::decode(head.as_slice()).is_err() {
                monitor::note(
                    "H14",
                    format!("the head of a completion with {} is no OpError", imports::name(status)),
                );
            }
            *state = State::Done(Completion { status, head, body });
            0
        }
        Some(_) => {
            monitor::note("H14", format!("operation {op} completed more than once"));
            AbiStatus::NotFound.code()
        }
        None => {
            monitor::note("H14", format!("operation {op} completed, which was never accepted"));
            AbiStatus::NotFound.code()
        }
    })
}

/// Waits for the completion of an accepted operation.
pub async fn completion(op: i64) -> Result<Completion, Problem> {
    soon(&format!("the completion of operation {op}"), poll_fn(|_| poll(op))).await
}

fn poll(op: i64) -> Poll<Completion> {
    OPS.with_borrow_mut(|ops| match ops.get_mut(&op) {
        Some(state @ State::Done(_)) => match std::mem::replace(state, State::Over) {
            State::Done(completion) => Poll::Ready(completion),
            State::Accepted | State::Over => Poll::Pending,
        },
        _ => Poll::Pending,
    })
}

/// Waits for a completion that must be a success.
pub async fn success(op: i64) -> Result<Completion, Problem> {
    let completion = completion(op).await?;
    if completion.status != 0 {
        return fail(format!("operation {op} failed: {}", why(&completion)));
    }
    Ok(completion)
}

/// The status and the words of a failure.
pub fn why(completion: &Completion) -> String {
    let message = OpError::decode(completion.head.as_slice()).map(|error| error.message);
    format!("{} ({})", imports::name(completion.status), message.unwrap_or_default())
}
