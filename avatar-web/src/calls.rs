//! The calls of all clients, from their arrival to their last answer. No engine in here.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::supervise::Digest;

/// Tells the clients of a host apart.
pub type ClientId = u32;

/// Calls of all clients that have no last answer yet, at most.
pub const MAX_CALLS: usize = avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS as usize;

/// Bytes of requests that wait for the Meta Unit, at most.
pub const MAX_QUEUED_BYTES: usize = 256 * 1024 * 1024;

/// Where the answers of a call go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Whose.
    pub client: ClientId,
    /// The client's number of it.
    pub call: u64,
}

/// A call was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client's number is that of another call of its own.
    Duplicate,
    /// Too many calls, or too many bytes, wait.
    Limit,
}

struct Call {
    address: Address,
    /// The client is gone: answers have nowhere to go.
    orphan: bool,
    /// Known from the hand-over on.
    digest: Option<Digest>,
    /// It had an answer already: a view, a live query.
    answered: bool,
}

/// A request that waits to be handed over.
pub struct Queued {
    /// The number that the Meta Unit knows it by.
    pub req: u64,
    /// An encoded Request.
    pub payload: Vec<u8>,
}

/// All calls without a last answer.
#[derive(Default)]
pub struct Calls {
    last_req: u64,
    by_req: BTreeMap<u64, Call>,
    by_address: HashMap<Address, u64>,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    cancels: VecDeque<u64>,
    /// Requests above this number were handed over since the last turn.
    turned: u64,
    handed_over: u64,
}

impl Calls {
    /// Takes a call.
    pub fn submit(&mut self, address: Address, payload: &[u8]) -> Result<(), Refused> {
        if self.by_address.contains_key(&address) {
            return Err(Refused::Duplicate);
        }
        if self.by_req.len() >= MAX_CALLS || self.queued_bytes + payload.len() > MAX_QUEUED_BYTES {
            return Err(Refused::Limit);
        }
        self.last_req += 1;
        let req = self.last_req;
        self.by_req.insert(
            req,
            Call {
                address,
                orphan: false,
                digest: None,
                answered: false,
            },
        );
        self.by_address.insert(address, req);
        self.queued_bytes += payload.len();
        self.queue.push_back(Queued {
            req,
            payload: payload.to_vec(),
        });
        Ok(())
    }

    /// Cancels a call. `true` when it had not been handed over: then this was its end, and the caller answers it.
    pub fn cancel(&mut self, address: Address) -> bool {
        let Some(&req) = self.by_address.get(&address) else {
            return false;
        };
        match self.queue.iter().position(|queued| queued.req == req) {
            Some(at) => {
                self.remove_queued(at);
                self.end(req);
                true
            }
            None => {
                self.cancels.push_back(req);
                false
            }
        }
    }

    /// A client is gone: what it waits for is cancelled, and no answer is for it any more.
    pub fn forget_client(&mut self, client: ClientId) {
        let reqs: Vec<u64> = self
            .by_req
            .iter()
            .filter(|(_, call)| call.address.client == client && !call.orphan)
            .map(|(req, _)| *req)
            .collect();
        for req in reqs {
            if let Some(at) = self.queue.iter().position(|queued| queued.req == req) {
                self.remove_queued(at);
                self.end(req);
            } else if let Some(call) = self.by_req.get_mut(&req) {
                call.orphan = true;
                self.by_address.remove(&call.address);
                self.cancels.push_back(req);
            }
        }
    }

    fn remove_queued(&mut self, at: usize) {
        if let Some(removed) = self.queue.remove(at) {
            self.queued_bytes -= removed.payload.len();
        }
    }

    /// The next request to hand over, which stays in its place.
    pub fn front(&self) -> Option<&Queued> {
        self.queue.front()
    }

    /// The request at the front is being handed over: it is at work until the end of the turn, and in flight until its last answer.
    pub fn hand_over(&mut self, digest: Digest) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.queued_bytes -= queued.payload.len();
        if let Some(call) = self.by_req.get_mut(&queued.req) {
            call.digest = Some(digest);
        }
        self.handed_over = queued.req;
        Some(queued)
    }

    /// The next call to cancel in the Meta Unit.
    pub fn next_cancel(&mut self) -> Option<u64> {
        self.cancels.pop_front()
    }

    /// A turn came back: what was handed over before it did not trap it.
    pub fn turn_ended(&mut self) {
        self.turned = self.handed_over;
    }

    /// Whether nothing was handed over since the last turn.
    pub fn nothing_fresh(&self) -> bool {
        self.turned == self.handed_over
    }

    /// Where an answer goes: `None` for a request that is not in flight, `Some(None)` when its client is gone.
    pub fn answer(&mut self, req: u64, last: bool) -> Option<Option<Address>> {
        let call = self.by_req.get_mut(&req)?;
        // A request in the queue cannot have been answered: the guest made the number up.
        call.digest?;
        let address = (!call.orphan).then_some(call.address);
        if last {
            self.end(req);
        } else {
            call.answered = true;
        }
        Some(address)
    }

    /// Whether a request is in flight and had no answer yet.
    pub fn is_unanswered(&self, req: u64) -> bool {
        self.by_req.get(&req).is_some_and(|call| !call.answered)
    }

    /// The digest of a request in flight.
    pub fn digest(&self, req: u64) -> Option<Digest> {
        self.by_req.get(&req)?.digest
    }

    fn end(&mut self, req: u64) -> Option<Call> {
        let call = self.by_req.remove(&req)?;
        if !call.orphan {
            self.by_address.remove(&call.address);
        }
        Some(call)
    }

    /// Which requests a crash may be the fault of: those handed over since the last turn that came back; if there are none, those in flight that had no answer at all.
    pub fn at_work(&self) -> Vec<Digest> {
        let fresh: Vec<Digest> = self
            .by_req
            .range(self.turned + 1..)
            .filter_map(|(_, call)| call.digest)
            .collect();
        if !fresh.is_empty() {
            return fresh;
        }
        self.by_req
            .values()
            .filter(|call| !call.answered)
            .filter_map(|call| call.digest)
            .collect()
    }

    /// Ends every call in flight, and with `queued` those that wait, too. What they are answered is the caller's to say.
    pub fn end_all(&mut self, queued: bool) -> Vec<(Address, Option<Digest>)> {
        let ending: Vec<u64> = self
            .by_req
            .iter()
            .filter(|(_, call)| queued || call.digest.is_some())
            .map(|(req, _)| *req)
            .collect();
        if queued {
            self.queue.clear();
            self.queued_bytes = 0;
        }
        self.cancels.clear();
        self.turned = self.handed_over;
        ending
            .into_iter()
            .filter_map(|req| self.end(req))
            .filter(|call| !call.orphan)
            .map(|call| (call.address, call.digest))
            .collect()
    }

    /// Whether no call waits for a last answer.
    pub fn is_empty(&self) -> bool {
        self.by_req.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(client: ClientId, call: u64) -> Address {
        Address { client, call }
    }

    fn hand_over(calls: &mut Calls) -> u64 {
        let digest = Digest::of(&calls.front().expect("a queued request").payload);
        calls.hand_over(digest).expect("a queued request").req
    }

    #[test]
    fn h10_answers_find_their_way_until_the_last() {
        let mut calls = Calls::default();
        calls.submit(at(1, 7), b"a").expect("taken");
        assert_eq!(calls.submit(at(1, 7), b"b"), Err(Refused::Duplicate));
        calls
            .submit(at(2, 7), b"c")
            .expect("another client has its own numbers");
        let first = hand_over(&mut calls);
        assert_eq!(calls.answer(first, false), Some(Some(at(1, 7))));
        assert_eq!(calls.answer(first, true), Some(Some(at(1, 7))));
        assert_eq!(calls.answer(first, true), None, "H11: after the last, NOT_FOUND");
        calls.submit(at(1, 7), b"a").expect("the number is free again");
    }

    #[test]
    fn an_answer_to_what_was_never_handed_over_is_refused() {
        let mut calls = Calls::default();
        calls.submit(at(1, 7), b"a").expect("taken");
        assert_eq!(calls.answer(1, true), None);
        assert_eq!(calls.answer(99, true), None);
    }

    #[test]
    fn cancelled_before_the_hand_over_is_the_end() {
        let mut calls = Calls::default();
        calls.submit(at(1, 1), b"a").expect("taken");
        calls.submit(at(1, 2), b"b").expect("taken");
        assert!(calls.cancel(at(1, 1)));
        let second = hand_over(&mut calls);
        assert!(!calls.cancel(at(1, 2)), "the Meta Unit has the last word");
        assert_eq!(calls.next_cancel(), Some(second));
        assert!(!calls.cancel(at(1, 3)), "unknown");
    }

    #[test]
    fn a_client_that_is_gone_gets_no_answers_and_leaves_nothing() {
        let mut calls = Calls::default();
        calls.submit(at(1, 1), b"a").expect("taken");
        let first = hand_over(&mut calls);
        calls.submit(at(1, 2), b"b").expect("taken");
        calls.forget_client(1);
        assert!(calls.front().is_none());
        assert_eq!(calls.next_cancel(), Some(first));
        assert_eq!(calls.answer(first, true), Some(None));
        assert!(calls.is_empty());
    }

    #[test]
    fn blame_falls_on_what_the_last_turn_was_given() {
        let mut calls = Calls::default();
        calls.submit(at(1, 1), b"view").expect("taken");
        let view = hand_over(&mut calls);
        calls.turn_ended();
        calls.answer(view, false);
        calls.submit(at(1, 2), b"slow").expect("taken");
        hand_over(&mut calls);
        calls.turn_ended();
        assert_eq!(calls.at_work(), vec![Digest::of(b"slow")], "what had no answer");
        calls.submit(at(1, 3), b"bad").expect("taken");
        hand_over(&mut calls);
        assert_eq!(calls.at_work(), vec![Digest::of(b"bad")]);
        calls.submit(at(1, 4), b"waiting").expect("taken");
        let ended: Vec<Address> = calls.end_all(false).into_iter().map(|(address, _)| address).collect();
        assert_eq!(ended, vec![at(1, 1), at(1, 2), at(1, 3)]);
        assert!(
            calls.front().is_some(),
            "what was not handed over waits for the next instance"
        );
    }

    #[test]
    fn queued_bytes_are_bounded() {
        let mut calls = Calls::default();
        let half = vec![0; MAX_QUEUED_BYTES / 2];
        calls.submit(at(1, 1), &half).expect("taken");
        calls.submit(at(1, 2), &half).expect("taken");
        assert_eq!(calls.submit(at(1, 3), b"x"), Err(Refused::Limit));
        hand_over(&mut calls);
        calls.submit(at(1, 3), b"x").expect("there is room again");
    }
}
