//! What an instance is told unasked, until it asks: in bounded room (ABI.md H28).

use std::collections::{BTreeSet, VecDeque};

use avatar_proto::p2p_event::Event;
use avatar_proto::{P2pConnection, P2pEvent, P2pGossip, P2pLocal, P2pLost};

/// Gossip that waits, at most.
const MAX_GOSSIP: usize = 128;

/// Events in one batch, at most.
const MAX_BATCH: usize = 64;

/// The events of one instance. What waits for one connection is folded, so that gossip alone can grow it.
#[derive(Debug, Default)]
pub struct Events {
    waiting: VecDeque<Event>,
    told_open: BTreeSet<u64>,
}

impl Events {
    /// The host itself, in place of what was not told yet.
    pub fn local(&mut self, local: P2pLocal) {
        let waiting = self.waiting.iter_mut().find(|event| matches!(event, Event::Local(_)));
        match waiting {
            Some(older) => *older = Event::Local(local),
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

    /// A connection is gone; one that was not told yet was never there.
    pub fn closed(&mut self, connection: P2pConnection) {
        self.waiting.retain(|event| match event {
            Event::Opened(older) | Event::Measured(older) => older.connection != connection.connection,
            _ => true,
        });
        if self.told_open.contains(&connection.connection) {
            self.waiting.push_back(Event::Closed(connection));
        }
    }

    /// A message of a topic.
    pub fn gossip(&mut self, message: P2pGossip) {
        self.waiting.push_back(Event::Message(message));
        let is_message = |event: &Event| matches!(event, Event::Message(_));
        if self.waiting.iter().filter(|event| is_message(event)).count() <= MAX_GOSSIP {
            return;
        }
        let Some(oldest) = self.waiting.iter().position(is_message) else {
            return;
        };
        let before = self.waiting.iter_mut().take(oldest).find_map(|event| match event {
            Event::Lost(lost) => Some(lost),
            _ => None,
        });
        match before {
            Some(lost) => {
                lost.messages += 1;
                self.waiting.remove(oldest);
            }
            None => self.waiting[oldest] = Event::Lost(P2pLost { messages: 1 }),
        }
    }

    /// The next batch; empty when nothing waits.
    pub fn take(&mut self) -> Vec<P2pEvent> {
        let batch: Vec<Event> = self.waiting.drain(..self.waiting.len().min(MAX_BATCH)).collect();
        for event in &batch {
            match event {
                Event::Opened(connection) => drop(self.told_open.insert(connection.connection)),
                Event::Closed(connection) => drop(self.told_open.remove(&connection.connection)),
                _ => {}
            }
        }
        batch.into_iter().map(|event| P2pEvent { event: Some(event) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(connection: u64) -> P2pConnection {
        P2pConnection {
            connection,
            ..P2pConnection::default()
        }
    }

    fn taken(events: &mut Events) -> Vec<Event> {
        events.take().into_iter().filter_map(|event| event.event).collect()
    }

    #[test]
    fn h28_a_connection_is_never_told_closed_without_having_been_told_opened_nor_the_other_way_about() {
        let mut events = Events::default();
        events.opened(connection(1));
        events.measured(connection(1));
        events.closed(connection(1));
        assert_eq!(taken(&mut events), []);
        events.opened(connection(2));
        assert_eq!(taken(&mut events), [Event::Opened(connection(2))]);
        events.measured(connection(2));
        events.closed(connection(2));
        assert_eq!(taken(&mut events), [Event::Closed(connection(2))]);
    }

    #[test]
    fn h28_the_oldest_gossip_goes_first_and_lost_stands_in_its_place() {
        let mut events = Events::default();
        for number in 0..MAX_GOSSIP + 10 {
            events.gossip(P2pGossip {
                topic: number.to_string(),
                ..P2pGossip::default()
            });
        }
        assert_eq!(events.waiting.len(), MAX_GOSSIP + 1);
        assert_eq!(events.waiting[0], Event::Lost(P2pLost { messages: 10 }));
        assert!(matches!(&events.waiting[1], Event::Message(message) if message.topic == "10"));
    }
}
