//! That something has changed, for those who wait for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Counts how often something changed. Whoever knows the count misses nothing between two looks.
#[derive(Debug, Default)]
pub struct Signal {
    count: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Signal {
    /// It changed.
    pub fn raise(&self) {
        self.count.set(self.count.get() + 1);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// How often it has changed.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Resolves when it has changed more often than this; to the count then.
    pub fn after(self: &Rc<Self>, count: u64) -> impl Future<Output = u64> + Unpin + use<> {
        let signal = Rc::clone(self);
        poll_fn(move |context| {
            if signal.count.get() > count {
                return Poll::Ready(signal.count.get());
            }
            let mut waiting = signal.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt as _;

    use super::*;

    #[test]
    fn what_changed_since_the_last_look_is_not_missed() {
        let signal = Rc::new(Signal::default());
        let mut wait = signal.after(signal.count());
        assert_eq!((&mut wait).now_or_never(), None);
        signal.raise();
        assert_eq!(wait.now_or_never(), Some(1));
        signal.raise();
        assert_eq!(signal.after(1).now_or_never(), Some(2));
        assert_eq!(signal.after(2).now_or_never(), None);
    }
}
