//! Which of many streams have something to do: each has a waker of its own, so that none is looked at in vain.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use futures::task::AtomicWaker;

/// The streams that were woken, each once, in the order of waking.
#[derive(Default)]
pub struct Ready {
    woken: Mutex<Vec<u64>>,
    owner: AtomicWaker,
}

impl Ready {
    /// A waker for the stream of this key.
    pub fn waker(self: &Arc<Self>, key: u64) -> Waker {
        let ready = self.clone();
        Arc::new(StreamWaker { key, ready }).into()
    }

    /// Who is woken when a stream is.
    pub fn register(&self, owner: &Waker) {
        self.owner.register(owner);
    }

    /// Those woken since the last call.
    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct StreamWaker {
    key: u64,
    ready: Arc<Ready>,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.ready.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if !woken.contains(&self.key) {
            woken.push(self.key);
        }
        drop(woken);
        self.ready.owner.wake();
    }
}
