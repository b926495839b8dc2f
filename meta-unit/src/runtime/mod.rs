//! What runs the domains' futures: one thread, a time budget a turn, timers, and the table of the requests in flight.

mod executor;
mod requests;
mod signal;
mod timers;

use std::cell::RefCell;
use std::future::Future;
use std::task::{Poll, Waker};

use crate::platform::LocalBoxFuture;

pub use requests::{Cancelled, Request, Requests, Submit};
pub use signal::Signal;

use executor::Executor;
use timers::Timers;

/// When to call [`Runtime::begin_turn`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More work is ready.
    Now,
    /// Nothing is ready; a timer is due in so many microseconds.
    AfterUs(u64),
    /// Nothing happens until the host calls in.
    Idle,
}

/// The executor with its timers.
#[derive(Default)]
pub struct Runtime {
    executor: Executor,
    timers: Timers,
    /// Tasks that asked to go on in a later turn.
    yielded: RefCell<Vec<Waker>>,
}

impl Runtime {
    /// A runtime without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` beside the others, from the next turn on.
    pub fn spawn(&self, task: LocalBoxFuture<()>) {
        self.executor.spawn(task);
    }

    /// Resolves in the first turn that begins at `deadline_us` of the monotonic clock, or later.
    pub fn sleep_until(&self, deadline_us: u64) -> LocalBoxFuture<()> {
        Box::pin(self.timers.sleep_until(deadline_us))
    }

    /// Resolves in the next turn.
    pub fn yield_now(self: &std::rc::Rc<Self>) -> impl Future<Output = ()> + 'static {
        let runtime = std::rc::Rc::clone(self);
        let mut waited = false;
        std::future::poll_fn(move |context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            runtime.yielded.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
    }

    /// Begins a turn: what waited for a later turn, or for a moment that is past, becomes ready.
    pub fn begin_turn(&self, now_us: impl FnOnce() -> u64) {
        if !self.timers.is_empty() {
            self.timers.fire(now_us());
        }
        for waker in self.yielded.take() {
            waker.wake();
        }
    }

    /// Polls one ready task; false if none is ready.
    pub fn run_one(&self) -> bool {
        self.executor.run_one()
    }

    /// Whether a task is ready to run.
    pub fn is_ready(&self) -> bool {
        self.executor.is_ready()
    }

    /// Drops every task: nothing of them runs any more. Tasks hold what holds this runtime, so an instance that is dropped would stay for ever without it.
    pub fn close(&self) {
        self.yielded.take();
        self.timers.clear();
        self.executor.close();
    }

    /// When the next turn is needed.
    pub fn next(&self, now_us: impl FnOnce() -> u64) -> Next {
        if self.executor.is_ready() || !self.yielded.borrow().is_empty() {
            return Next::Now;
        }
        match self.timers.next_deadline_us() {
            None => Next::Idle,
            Some(deadline_us) => match deadline_us.saturating_sub(now_us()) {
                0 => Next::Now,
                us => Next::AfterUs(us),
            },
        }
    }
}
