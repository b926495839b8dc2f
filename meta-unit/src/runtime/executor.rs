//! The queue of ready tasks. `async-task` keeps each task's state; this file only says where a woken task waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_task::Runnable;

use crate::platform::LocalBoxFuture;

/// First come, first served. The lock is never contended: it is there because wakers have to be `Send`.
#[derive(Default)]
pub struct Executor {
    ready: Arc<Mutex<VecDeque<Runnable>>>,
}

impl Executor {
    pub fn spawn(&self, task: LocalBoxFuture<()>) {
        let ready = Arc::clone(&self.ready);
        let schedule = move |runnable| lock(&ready).push_back(runnable);
        let (runnable, task) = async_task::spawn_local(task, schedule);
        runnable.schedule();
        task.detach();
    }

    pub fn run_one(&self) -> bool {
        // The lock is released before the task runs, which may wake others.
        let next = lock(&self.ready).pop_front();
        next.map(Runnable::run).is_some()
    }

    /// Drops the tasks that are ready, and those that become so because nobody can wake them any more.
    pub fn close(&self) {
        loop {
            // The lock is released before the task is dropped, which may drop others.
            let next = lock(&self.ready).pop_front();
            if next.is_none() {
                return;
            }
        }
    }

    pub fn is_ready(&self) -> bool {
        !lock(&self.ready).is_empty()
    }
}

fn lock(ready: &Mutex<VecDeque<Runnable>>) -> std::sync::MutexGuard<'_, VecDeque<Runnable>> {
    // A panic inside `push_back` or `pop_front` leaves the queue whole.
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    #[test]
    fn tasks_run_in_the_order_in_which_they_became_ready() {
        let executor = Executor::default();
        let order = Rc::new(RefCell::new(Vec::new()));
        for number in 0..3 {
            let order = Rc::clone(&order);
            executor.spawn(Box::pin(async move { order.borrow_mut().push(number) }));
        }
        while executor.run_one() {}
        assert_eq!(*order.borrow(), [0, 1, 2]);
    }

    #[test]
    fn a_task_that_waits_is_not_polled_until_it_is_woken() {
        let executor = Executor::default();
        let (wake, woken) = futures_channel::oneshot::channel::<()>();
        let done = Rc::new(Cell::new(false));
        executor.spawn({
            let done = Rc::clone(&done);
            Box::pin(async move {
                done.set(woken.await.is_ok());
            })
        });
        assert!(executor.run_one());
        assert!(!executor.is_ready());
        wake.send(()).expect("the task waits");
        assert!(executor.run_one());
        assert!(done.get());
    }

    #[test]
    fn a_task_may_spawn_a_task() {
        let executor = Rc::new(Executor::default());
        let done = Rc::new(Cell::new(false));
        executor.spawn({
            let (executor, done) = (Rc::clone(&executor), Rc::clone(&done));
            Box::pin(async move { executor.spawn(Box::pin(async move { done.set(true) })) })
        });
        while executor.run_one() {}
        assert!(done.get());
    }
}
