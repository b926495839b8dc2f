//! Runs the checks: a future each, polled once a turn. Whatever they wait for comes by an export or by the clock, so no wake-up can be missed.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::imports;
use crate::verdict::{Problem, fail};

/// What a host has to do soon may take so long.
const PATIENCE_US: i64 = 5_000_000;

/// `yuan_turn`: nothing to do until the host calls in.
const IDLE: i64 = -1;

struct Task {
    req: i64,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

thread_local! {
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static DEADLINE_US: Cell<Option<i64>> = const { Cell::new(None) };
    static AGAIN: Cell<bool> = const { Cell::new(false) };
    static TURNS: Cell<u64> = const { Cell::new(0) };
}

/// Runs `future` for the request `req`, from the next turn on.
pub fn spawn(req: i64, future: Pin<Box<dyn Future<Output = ()>>>) {
    TASKS.with_borrow_mut(|tasks| tasks.push(Task { req, future }));
}

/// Nobody waits for `req` any more.
pub fn forget(req: i64) {
    TASKS.with_borrow_mut(|tasks| tasks.retain(|task| task.req != req));
}

/// One turn. Returns what `yuan_turn` returns.
pub fn turn() -> i64 {
    TURNS.set(TURNS.get() + 1);
    DEADLINE_US.set(None);
    AGAIN.set(false);
    // Taken out, since a check may spawn or forget others.
    for mut task in TASKS.take() {
        if task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            TASKS.with_borrow_mut(|tasks| tasks.push(task));
        }
    }
    match DEADLINE_US.get() {
        _ if AGAIN.get() => 0,
        Some(deadline_us) => (deadline_us - imports::monotonic_us()).max(1),
        None => IDLE,
    }
}

/// How many turns there were.
pub fn turns() -> u64 {
    TURNS.get()
}

/// Asks for another turn at once, and waits for it.
pub async fn next_turn() {
    let now = turns();
    poll_fn(|_| {
        if turns() > now {
            return Poll::Ready(());
        }
        AGAIN.set(true);
        Poll::Pending
    })
    .await;
}

/// Waits until the clock is past `us` from now.
pub async fn sleep_us(us: i64) {
    let until_us = imports::monotonic_us() + us;
    poll_fn(|_| poll_clock(until_us)).await;
}

fn poll_clock(until_us: i64) -> Poll<()> {
    if imports::monotonic_us() >= until_us {
        return Poll::Ready(());
    }
    DEADLINE_US.set(Some(
        DEADLINE_US.get().map_or(until_us, |before_us| before_us.min(until_us)),
    ));
    Poll::Pending
}

/// The output of `future`, or a failure that names `what` did not happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Problem> {
    let mut future = pin!(future);
    let until_us = imports::monotonic_us() + PATIENCE_US;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        poll_clock(until_us).map(|()| fail(format!("{what}: not within {} s", PATIENCE_US / 1_000_000)))
    })
    .await
}
