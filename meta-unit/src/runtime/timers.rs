//! Timers on the host's monotonic clock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Deadline, then a number that keeps timers of one moment apart and in order.
type Key = (u64, u64);

#[derive(Default)]
pub struct Timers {
    waiting: Rc<RefCell<BTreeMap<Key, Rc<Timer>>>>,
    made: Cell<u64>,
}

#[derive(Default)]
struct Timer {
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Timers {
    pub fn sleep_until(&self, deadline_us: u64) -> Sleep {
        let key = (deadline_us, self.made.replace(self.made.get() + 1));
        let timer = Rc::new(Timer::default());
        self.waiting.borrow_mut().insert(key, Rc::clone(&timer));
        Sleep {
            key,
            timer,
            waiting: Rc::clone(&self.waiting),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    pub fn next_deadline_us(&self) -> Option<u64> {
        self.waiting.borrow().keys().next().map(|(deadline_us, _)| *deadline_us)
    }

    pub fn clear(&self) {
        // Not held while wakers are dropped. Each task holds its timer, so the timer must not hold the task.
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for timer in waiting.into_values() {
            timer.waker.take();
        }
    }

    pub fn fire(&self, now_us: u64) {
        loop {
            // Not held while a waker runs.
            let timer = {
                let mut waiting = self.waiting.borrow_mut();
                match waiting.first_entry() {
                    Some(first) if first.key().0 <= now_us => first.remove(),
                    _ => return,
                }
            };
            timer.fired.set(true);
            if let Some(waker) = timer.waker.take() {
                waker.wake();
            }
        }
    }
}

/// Resolves when its timer fires. Dropping it forgets the timer.
pub struct Sleep {
    key: Key,
    timer: Rc<Timer>,
    waiting: Rc<RefCell<BTreeMap<Key, Rc<Timer>>>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.fired.get() {
            return Poll::Ready(());
        }
        self.timer.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.waiting.borrow_mut().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_done(sleep: &mut Sleep) -> bool {
        Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn timers_fire_at_their_moment_and_not_before() {
        let timers = Timers::default();
        let (mut late, mut early) = (timers.sleep_until(20), timers.sleep_until(10));
        assert_eq!(timers.next_deadline_us(), Some(10));
        timers.fire(9);
        assert!(!is_done(&mut early));
        timers.fire(10);
        assert!(is_done(&mut early) && !is_done(&mut late));
        assert_eq!(timers.next_deadline_us(), Some(20));
        timers.fire(u64::MAX);
        assert!(is_done(&mut late));
    }

    #[test]
    fn a_dropped_sleep_leaves_no_timer() {
        let timers = Timers::default();
        drop(timers.sleep_until(10));
        assert!(timers.is_empty());
    }
}
