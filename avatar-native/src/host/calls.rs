//! The calls of all clients, from their arrival to their last answer.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::supervise::Digest;

/// Tells the clients of a host apart.
pub type ClientId = u64;

/// Calls without a last answer, at most.
const MAX_CALLS: usize = avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS as usize;

/// Bytes of requests that wait to be handed over, at most.
const MAX_QUEUED_BYTES: usize = 256 * 1024 * 1024;

/// Where the answers of a call go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
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
    /// `None` when the client is gone: answers have nowhere to go.
    address: Option<Address>,
    /// Known from the hand-over on.
    digest: Option<Digest>,
    answered: bool,
}

/// A request on its way to the Meta Unit.
#[derive(Debug, PartialEq, Eq)]
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
    /// The last request that was handed over, and what it was when the last turn came back.
    handed_over: u64,
    turned: u64,
}

impl Calls {
    /// Takes a call.
    pub fn submit(&mut self, address: Address, payload: Vec<u8>) -> Result<(), Refused> {
        if self.by_address.contains_key(&address) {
            return Err(Refused::Duplicate);
        }
        if self.by_req.len() >= MAX_CALLS || self.queued_bytes + payload.len() > MAX_QUEUED_BYTES {
            return Err(Refused::Limit);
        }
        self.last_req += 1;
        let call = Call {
            address: Some(address),
            digest: None,
            answered: false,
        };
        self.by_req.insert(self.last_req, call);
        self.by_address.insert(address, self.last_req);
        self.queued_bytes += payload.len();
        self.queue.push_back(Queued {
            req: self.last_req,
            payload,
        });
        Ok(())
    }

    /// Cancels a call. `true` when it had not been handed over: then this was its end, and the caller answers it.
    pub fn cancel(&mut self, address: Address) -> bool {
        let Some(&req) = self.by_address.get(&address) else {
            return false;
        };
        let waited = self.unqueue(req);
        if waited {
            self.end(req);
        } else {
            self.cancels.push_back(req);
        }
        waited
    }

    /// A client is gone: what it waits for is cancelled, and no answer is for it any more.
    pub fn forget_client(&mut self, client: ClientId) {
        let reqs: Vec<u64> = self
            .by_req
            .iter()
            .filter(|(_, call)| call.address.is_some_and(|address| address.client == client))
            .map(|(req, _)| *req)
            .collect();
        for req in reqs {
            if self.unqueue(req) {
                self.end(req);
            } else if let Some(call) = self.by_req.get_mut(&req)
                && let Some(address) = call.address.take()
            {
                self.by_address.remove(&address);
                self.cancels.push_back(req);
            }
        }
    }

    /// Takes a request out of the queue; `false` when it is not there any more.
    fn unqueue(&mut self, req: u64) -> bool {
        // The queue is in the order of the numbers.
        let Ok(at) = self.queue.binary_search_by_key(&req, |queued| queued.req) else {
            return false;
        };
        if let Some(queued) = self.queue.remove(at) {
            self.queued_bytes -= queued.payload.len();
        }
        true
    }

    /// The next request to hand over, which stays in its place.
    pub fn front(&self) -> Option<&Queued> {
        self.queue.front()
    }

    /// The request at the front is being handed over.
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

    /// Whether something was handed over since the last turn.
    pub fn is_fresh(&self) -> bool {
        self.turned != self.handed_over
    }

    /// Where an answer goes: `None` for a request that is not in flight, `Some(None)` when its client is gone.
    pub fn answer(&mut self, req: u64, last: bool) -> Option<Option<Address>> {
        let call = self.by_req.get_mut(&req)?;
        // One in the queue cannot have been answered: the guest made the number up.
        call.digest?;
        call.answered = true;
        let address = call.address;
        if last {
            self.end(req);
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
        if let Some(address) = call.address {
            self.by_address.remove(&address);
        }
        Some(call)
    }

    /// Which requests a crash may be the fault of: those handed over since the last turn that came back, or else those in flight without any answer.
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

    /// Ends the calls in flight, and with `queued` also those that wait. The caller answers them.
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
            .filter_map(|call| Some((call.address?, call.digest)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(client: ClientId, call: u64) -> Address {
        Address { client, call }
    }

    fn taken(calls: &mut Calls, address: Address, payload: &[u8]) {
        calls.submit(address, payload.to_vec()).expect("taken");
    }

    fn hand_over(calls: &mut Calls) -> u64 {
        let digest = Digest::of(&calls.front().expect("a queued request").payload);
        calls.hand_over(digest).expect("a queued request").req
    }

    #[test]
    fn h11_answers_find_their_way_until_the_last() {
        let mut calls = Calls::default();
        taken(&mut calls, at(1, 7), b"a");
        assert_eq!(calls.submit(at(1, 7), b"b".to_vec()), Err(Refused::Duplicate));
        taken(&mut calls, at(2, 7), b"c");
        assert_eq!(calls.answer(1, true), None, "not handed over yet");
        let first = hand_over(&mut calls);
        assert_eq!(calls.answer(first, false), Some(Some(at(1, 7))));
        assert_eq!(calls.answer(first, true), Some(Some(at(1, 7))));
        assert_eq!(calls.answer(first, true), None, "after the last: NOT_FOUND");
        taken(&mut calls, at(1, 7), b"a");
    }

    #[test]
    fn a_cancel_before_the_hand_over_is_the_end_and_later_the_meta_unit_has_the_last_word() {
        let mut calls = Calls::default();
        taken(&mut calls, at(1, 1), b"a");
        taken(&mut calls, at(1, 2), b"b");
        assert!(calls.cancel(at(1, 1)));
        let second = hand_over(&mut calls);
        assert!(!calls.cancel(at(1, 2)));
        assert_eq!(calls.next_cancel(), Some(second));
        assert!(!calls.cancel(at(1, 3)), "unknown");
    }

    #[test]
    fn a_client_that_is_gone_gets_no_answers_and_leaves_nothing() {
        let mut calls = Calls::default();
        taken(&mut calls, at(1, 1), b"a");
        let first = hand_over(&mut calls);
        taken(&mut calls, at(1, 2), b"b");
        calls.forget_client(1);
        assert_eq!(calls.front(), None);
        assert_eq!(calls.next_cancel(), Some(first));
        assert_eq!(calls.answer(first, true), Some(None));
        assert!(calls.by_req.is_empty() && calls.by_address.is_empty());
    }

    #[test]
    fn blame_falls_on_what_the_last_turn_was_given() {
        let mut calls = Calls::default();
        taken(&mut calls, at(1, 1), b"view");
        let view = hand_over(&mut calls);
        calls.turn_ended();
        calls.answer(view, false);
        taken(&mut calls, at(1, 2), b"slow");
        hand_over(&mut calls);
        calls.turn_ended();
        assert_eq!(calls.at_work(), vec![Digest::of(b"slow")], "what had no answer");
        taken(&mut calls, at(1, 3), b"bad");
        hand_over(&mut calls);
        assert_eq!(calls.at_work(), vec![Digest::of(b"bad")]);
        taken(&mut calls, at(1, 4), b"waiting");
        assert_eq!(calls.end_all(false).len(), 3);
        assert!(
            calls.front().is_some(),
            "what was not handed over waits for the next instance"
        );
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let mut calls = Calls::default();
        let half = vec![0; MAX_QUEUED_BYTES / 2];
        taken(&mut calls, at(1, 1), &half);
        taken(&mut calls, at(1, 2), &half);
        assert_eq!(calls.submit(at(1, 3), b"x".to_vec()), Err(Refused::Limit));
        hand_over(&mut calls);
        taken(&mut calls, at(1, 3), b"x");
    }
}
