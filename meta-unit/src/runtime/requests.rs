//! The requests in flight: their number is limited, each ends exactly once, and each can be cancelled.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// One request in flight.
#[derive(Debug)]
pub struct Request {
    id: u64,
    ended: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Request {
    /// The host's number for it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether its last answer is given. A cancelled request has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Resolves when the request has ended: by a cancel, or because everything ends.
    pub fn ended(self: &Rc<Self>) -> Cancelled {
        Cancelled(Rc::clone(self))
    }
}

/// See [`Request::ended`].
#[derive(Debug)]
pub struct Cancelled(Rc<Request>);

impl Future for Cancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.has_ended() {
            return Poll::Ready(());
        }
        let mut waiting = self.0.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submit {
    /// Its number is 0, or in flight already.
    Invalid,
    /// There are too many.
    Limit,
}

/// The table of the requests in flight.
#[derive(Debug)]
pub struct Requests {
    in_flight: RefCell<HashMap<u64, Rc<Request>>>,
    max_in_flight: usize,
}

impl Requests {
    /// An empty table that takes so many requests.
    pub fn new(max_in_flight: u32) -> Self {
        Self {
            in_flight: RefCell::default(),
            max_in_flight: max_in_flight as usize,
        }
    }

    /// Takes a request.
    pub fn submit(&self, id: u64) -> Result<Rc<Request>, Submit> {
        let mut in_flight = self.in_flight.borrow_mut();
        if id == 0 || in_flight.contains_key(&id) {
            return Err(Submit::Invalid);
        }
        if in_flight.len() >= self.max_in_flight {
            return Err(Submit::Limit);
        }
        let request = Rc::new(Request {
            id,
            ended: Cell::new(false),
            waiting: RefCell::default(),
        });
        in_flight.insert(id, Rc::clone(&request));
        Ok(request)
    }

    /// The request in flight of this number.
    pub fn get(&self, id: u64) -> Option<Rc<Request>> {
        self.in_flight.borrow().get(&id).cloned()
    }

    /// Ends a request. True exactly once for each: the caller then gives the last answer.
    pub fn end(&self, request: &Request) -> bool {
        if request.ended.replace(true) {
            return false;
        }
        self.in_flight.borrow_mut().remove(&request.id);
        for waker in request.waiting.take() {
            waker.wake();
        }
        true
    }

    /// Nobody who waits for the end of a request is told of it any more.
    pub fn forget_waiting(&self) {
        for request in self.all() {
            request.waiting.take();
        }
    }

    /// All that are in flight, by number.
    pub fn all(&self) -> Vec<Rc<Request>> {
        let mut all: Vec<_> = self.in_flight.borrow().values().cloned().collect();
        all.sort_unstable_by_key(|request| request.id);
        all
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.in_flight.borrow().len()
    }

    /// Whether none is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
