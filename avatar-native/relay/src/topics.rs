//! Which gossip topics are carried: those that at least one connected peer is subscribed to.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use libp2p::PeerId;
use libp2p::gossipsub::{IdentTopic, TopicHash};

/// What the relay has to do after a change.
#[derive(Debug)]
pub enum Change {
    Subscribe(IdentTopic),
    Unsubscribe(IdentTopic),
}

/// Who is subscribed to what.
#[derive(Debug)]
pub struct Topics {
    subscribers: HashMap<TopicHash, HashSet<PeerId>>,
    limit: usize,
}

impl Topics {
    /// At most `limit` topics are carried at once; those that come later are left out.
    pub fn new(limit: usize) -> Self {
        Self {
            subscribers: HashMap::new(),
            limit,
        }
    }

    /// `peer` wants `topic`.
    pub fn add(&mut self, peer: PeerId, topic: TopicHash) -> Option<Change> {
        let room = self.subscribers.len() < self.limit;
        match self.subscribers.entry(topic) {
            Entry::Occupied(mut peers) => {
                peers.get_mut().insert(peer);
                None
            }
            Entry::Vacant(vacant) if room => {
                let change = Change::Subscribe(ident(vacant.key()));
                vacant.insert(HashSet::from([peer]));
                Some(change)
            }
            Entry::Vacant(_) => None,
        }
    }

    /// `peer` does not want `topic` any more.
    pub fn remove(&mut self, peer: &PeerId, topic: TopicHash) -> Option<Change> {
        let Entry::Occupied(mut peers) = self.subscribers.entry(topic) else {
            return None;
        };
        peers.get_mut().remove(peer);
        if !peers.get().is_empty() {
            return None;
        }
        let (topic, _) = peers.remove_entry();
        Some(Change::Unsubscribe(ident(&topic)))
    }

    /// `peer` is gone.
    pub fn forget(&mut self, peer: &PeerId) -> Vec<Change> {
        let theirs: Vec<TopicHash> = self
            .subscribers
            .iter()
            .filter(|(_, peers)| peers.contains(peer))
            .map(|(topic, _)| topic.clone())
            .collect();
        theirs
            .into_iter()
            .filter_map(|topic| self.remove(peer, topic))
            .collect()
    }
}

/// The hash of such a topic is its name, so the name can be told from the hash.
fn ident(topic: &TopicHash) -> IdentTopic {
    IdentTopic::new(topic.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> TopicHash {
        TopicHash::from_raw(name)
    }

    #[test]
    fn a_topic_is_carried_from_its_first_subscriber_to_its_last() {
        let (a, b) = (PeerId::random(), PeerId::random());
        let mut topics = Topics::new(8);
        assert!(matches!(topics.add(a, topic("t")), Some(Change::Subscribe(t)) if t.hash() == topic("t")));
        assert!(topics.add(b, topic("t")).is_none());
        assert!(topics.remove(&a, topic("t")).is_none());
        assert!(matches!(topics.forget(&b).as_slice(), [Change::Unsubscribe(t)] if t.hash() == topic("t")));
        assert!(topics.forget(&b).is_empty());
    }

    #[test]
    fn no_more_topics_than_the_limit_are_carried() {
        let peer = PeerId::random();
        let mut topics = Topics::new(1);
        assert!(topics.add(peer, topic("first")).is_some());
        assert!(topics.add(peer, topic("second")).is_none());
        topics.forget(&peer);
        assert!(topics.add(peer, topic("second")).is_some());
    }
}
