//! When the next turn comes: soon when something waits for the guest, at its timer, or not at all (ABI.md H9).

use std::cell::Cell;
use std::rc::Rc;

use crate::engine::{EventLoop, task};

/// One turn's budget. Short enough that a host in a window leaves the page responsive.
pub const TURN_BUDGET_US: i32 = 8_000;

/// Calls `turn` from the event loop.
///
/// Something new is handled at the end of the running task, which costs no round trip through the event loop; but only one turn a task, so that messages and
/// timers of others come through however fast promises resolve.
pub struct Driver {
    event_loop: EventLoop,
    due: Rc<Cell<bool>>,
    last_turn_task: Rc<Cell<u64>>,
}

impl Driver {
    /// Nothing is due.
    pub fn new(turn: impl Fn() + 'static) -> Self {
        let due = Rc::new(Cell::new(false));
        let last_turn_task = Rc::new(Cell::new(0));
        let event_loop = EventLoop::new(Rc::new({
            let (due, last_turn_task) = (due.clone(), last_turn_task.clone());
            move || {
                due.set(false);
                last_turn_task.set(task::current());
                turn();
            }
        }));
        Self {
            event_loop,
            due,
            last_turn_task,
        }
    }

    /// Something waits for the guest.
    pub fn wake(&self) {
        if !self.due.replace(true) {
            if self.last_turn_task.get() == task::current() {
                self.event_loop.next_task();
            } else {
                self.event_loop.microtask();
            }
        }
    }

    /// What `yuan_turn` returned: 0, the microseconds to the next timer, or idle. `hold`: requests wait, so a process must not end meanwhile.
    pub fn after_turn(&self, next: i64, hold: bool) {
        match next {
            0 => {
                self.event_loop.clear_timer();
                if !self.due.replace(true) {
                    self.event_loop.next_task();
                }
            }
            1.. => self.event_loop.set_timer((next as f64 / 1_000.0).ceil(), hold),
            _ => self.event_loop.clear_timer(),
        }
    }

    /// No timer is due any more.
    pub fn stop(&self) {
        self.event_loop.clear_timer();
    }
}
