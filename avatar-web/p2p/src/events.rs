//! What happens unasked, for one instance: waits for `next_events`, in bounded room (ABI.md H28).

use std::collections::{HashSet, VecDeque};

use avatar_proto::p2p_event::Event;
use avatar_proto::{MAX_GOSSIP_BYTES as MAX_MESSAGE_BYTES, P2pConnection, P2pEvent, P2pGossip, P2pLocal, P2pLost};

/// Gossip that waits, at most.
const MAX_GOSSIP: usize = 256;

/// The bytes of gossip that waits, at most.
const MAX_GOSSIP_BYTES: usize = 1024 * 1024;

/// Events in one batch, at most.
const MAX_BATCH: usize = 256;

/// The events of one instance.
///
/// What waits for one connection is folded, so only gossip can grow the queue; of that the oldest goes first.
#[derive(Default)]
pub struct EventQueue {
    waiting: VecDeque<Event>,
    told_open: HashSet<u64>,
    gossip: usize,
    gossip_bytes: usize,
}

impl EventQueue {
    /// The host itself, in place of what was not told yet.
    pub fn local(&mut self, local: P2pLocal) {
        let waiting = self.waiting.iter_mut().find_map(|event| match event {
            Event::Local(local) => Some(local),
            _ => None,
        });
        match waiting {
            Some(older) => *older = local,
            None => self.waiting.push_back(Event::Local(local)),
        }
    }

    /// A connection is there.
    pub fn opened(&mut self, connection: P2pConnection) {
        self.waiting.push_back(Event::Opened(connection));
    }

    /// New figures of a connection.
    pub fn measured(&mut self, connection: P2pConnection) {
        let waiting = self.waiting.iter_mut().find_map(|event| match event {
            Event::Opened(older) | Event::Measured(older) if older.connection == connection.connection => Some(older),
            _ => None,
        });
        match waiting {
            Some(older) => *older = connection,
            None => self.waiting.push_back(Event::Measured(connection)),
        }
    }

    /// A connection is gone. If it was not told yet, it was never there.
    pub fn closed(&mut self, connection: P2pConnection) {
        self.waiting.retain(|event| match event {
            Event::Opened(older) | Event::Measured(older) => older.connection != connection.connection,
            _ => true,
        });
        if self.told_open.contains(&connection.connection) {
            self.waiting.push_back(Event::Closed(connection));
        }
    }

    /// A message of a topic. One that is longer than the contract has them is no Avatar's, and not told.
    pub fn gossip(&mut self, message: P2pGossip) {
        if message.data.len() > MAX_MESSAGE_BYTES {
            return;
        }
        self.gossip += 1;
        self.gossip_bytes += size_of(&message);
        self.waiting.push_back(Event::Message(message));
        while self.gossip > MAX_GOSSIP || self.gossip_bytes > MAX_GOSSIP_BYTES {
            self.lose_oldest();
        }
    }

    fn lose_oldest(&mut self) {
        let Some(at) = self.waiting.iter().position(|event| matches!(event, Event::Message(_))) else {
            return;
        };
        let before = self.waiting.iter_mut().take(at).rev().find_map(|event| match event {
            Event::Lost(lost) => Some(lost),
            _ => None,
        });
        let lost = match before {
            Some(lost) => {
                lost.messages = lost.messages.saturating_add(1);
                self.waiting.remove(at)
            }
            None => Some(std::mem::replace(
                &mut self.waiting[at],
                Event::Lost(P2pLost { messages: 1 }),
            )),
        };
        if let Some(Event::Message(message)) = lost {
            self.forget(&message);
        }
    }

    fn forget(&mut self, message: &P2pGossip) {
        self.gossip -= 1;
        self.gossip_bytes -= size_of(message);
    }

    /// The next batch; empty when nothing waits.
    pub fn take(&mut self) -> Vec<P2pEvent> {
        let batch: Vec<_> = self.waiting.drain(..self.waiting.len().min(MAX_BATCH)).collect();
        for event in &batch {
            match event {
                Event::Opened(connection) => drop(self.told_open.insert(connection.connection)),
                Event::Closed(connection) => drop(self.told_open.remove(&connection.connection)),
                Event::Message(message) => self.forget(message),
                Event::Local(_) | Event::Measured(_) | Event::Lost(_) => {}
            }
        }
        batch.into_iter().map(|event| P2pEvent { event: Some(event) }).collect()
    }
}

fn size_of(message: &P2pGossip) -> usize {
    message.data.len() + message.topic.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(connection: u64, round_trip_us: u64) -> P2pConnection {
        P2pConnection {
            connection,
            round_trip_us,
            ..P2pConnection::default()
        }
    }

    fn message(number: usize, len: usize) -> P2pGossip {
        P2pGossip {
            topic: number.to_string(),
            data: vec![0; len],
            ..P2pGossip::default()
        }
    }

    fn taken(queue: &mut EventQueue) -> Vec<Event> {
        queue.take().into_iter().filter_map(|event| event.event).collect()
    }

    #[test]
    fn h28_a_connection_that_came_and_went_between_two_batches_is_not_told() {
        let mut queue = EventQueue::default();
        queue.opened(connection(1, 0));
        queue.measured(connection(1, 5));
        queue.closed(connection(1, 0));
        assert_eq!(taken(&mut queue), []);

        queue.opened(connection(2, 0));
        queue.measured(connection(2, 7));
        assert_eq!(taken(&mut queue), [Event::Opened(connection(2, 7))]);
        queue.measured(connection(2, 8));
        queue.measured(connection(2, 9));
        queue.closed(connection(2, 0));
        assert_eq!(taken(&mut queue), [Event::Closed(connection(2, 0))]);
        queue.closed(connection(2, 0));
        assert_eq!(taken(&mut queue), [], "closed is told once");
    }

    #[test]
    fn h28_the_oldest_gossip_goes_first_and_lost_stands_in_its_place() {
        let mut queue = EventQueue::default();
        queue.opened(connection(1, 0));
        for number in 0..MAX_GOSSIP + 10 {
            queue.gossip(message(number, 10));
        }
        let mut events = taken(&mut queue);
        events.extend(taken(&mut queue));
        assert_eq!(events.len(), 2 + MAX_GOSSIP);
        assert_eq!(
            events[..3],
            [
                Event::Opened(connection(1, 0)),
                Event::Lost(P2pLost { messages: 10 }),
                Event::Message(message(10, 10)),
            ]
        );
        assert_eq!((queue.gossip, queue.gossip_bytes), (0, 0));
    }

    #[test]
    fn h28_gossip_that_waits_is_bounded_in_bytes() {
        let mut queue = EventQueue::default();
        for number in 0..100 {
            queue.gossip(message(number, 60_000));
            assert!(queue.gossip_bytes <= MAX_GOSSIP_BYTES);
        }
        assert!(queue.waiting.len() < 20);
    }

    #[test]
    fn a_message_that_is_longer_than_any_avatar_publishes_is_not_told() {
        let mut queue = EventQueue::default();
        queue.gossip(message(1, MAX_MESSAGE_BYTES + 1));
        queue.gossip(message(2, MAX_MESSAGE_BYTES));
        assert_eq!(taken(&mut queue), [Event::Message(message(2, MAX_MESSAGE_BYTES))]);
    }

    #[test]
    fn the_host_itself_is_told_as_it_is_now() {
        let mut queue = EventQueue::default();
        let local = |address: &str| P2pLocal {
            addresses: vec![address.to_owned()],
            ..P2pLocal::default()
        };
        queue.local(local("a"));
        queue.opened(connection(1, 0));
        queue.local(local("b"));
        assert_eq!(
            taken(&mut queue),
            [Event::Local(local("b")), Event::Opened(connection(1, 0))]
        );
    }
}
