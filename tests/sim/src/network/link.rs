//! How long bytes take from one node to another, and who cannot reach whom at present.

use std::collections::BTreeMap;

use super::NodeId;
use crate::random::Dice;

/// How a link behaves, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// From one end to the other, in microseconds.
    pub latency_us: u64,
    /// Up to so much more, for each frame anew. Connections keep the order all the same.
    pub jitter_us: u64,
    /// So many of a thousand frames are lost at first: they come two latencies later, and what is behind them on the connection waits.
    pub loss_per_mille: u32,
    /// Frames wait for those before them; 0 = no limit.
    pub bytes_per_second: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency_us: 20_000,
            jitter_us: 0,
            loss_per_mille: 0,
            bytes_per_second: 0,
        }
    }
}

/// All links.
#[derive(Debug)]
pub struct Links {
    dice: Dice,
    usual: Link,
    links: BTreeMap<(NodeId, NodeId), Link>,
    /// The group of each node; 0 for those that are not in here. Nodes of different groups do not reach each other.
    groups: BTreeMap<NodeId, u32>,
    /// When the last byte sent so far has left.
    busy_until_us: BTreeMap<(NodeId, NodeId), u64>,
}

impl Links {
    /// Every node reaches every other over a link like this.
    pub fn new(dice: Dice, usual: Link) -> Self {
        Self {
            dice,
            usual,
            links: BTreeMap::new(),
            groups: BTreeMap::new(),
            busy_until_us: BTreeMap::new(),
        }
    }

    /// The link in this one direction behaves so from now on.
    pub fn set(&mut self, from: NodeId, to: NodeId, link: Link) {
        self.links.insert((from, to), link);
    }

    /// The link in this direction.
    pub fn get(&self, from: NodeId, to: NodeId) -> Link {
        self.links.get(&(from, to)).copied().unwrap_or(self.usual)
    }

    /// From now on nodes reach those of their own group alone; who is in none is in group 0. An empty map heals every partition.
    pub fn partition(&mut self, groups: BTreeMap<NodeId, u32>) {
        self.groups = groups;
    }

    /// Whether bytes get from one to the other at present.
    pub fn is_open(&self, one: NodeId, other: NodeId) -> bool {
        let group = |node| self.groups.get(&node).copied().unwrap_or(0);
        group(one) == group(other)
    }

    /// When so many bytes, sent at this moment, are at the other end. Microseconds of the world.
    pub fn arrival_us(&mut self, from: NodeId, to: NodeId, sent_us: u64, bytes: usize) -> u64 {
        let link = self.get(from, to);
        let mut left_us = sent_us;
        if let Some(busy_us) = (bytes as u64 * 1_000_000).checked_div(link.bytes_per_second) {
            let busy_until_us = self.busy_until_us.entry((from, to)).or_default();
            left_us = sent_us.max(*busy_until_us) + busy_us;
            *busy_until_us = left_us;
        }
        let again_us = match self.dice.chance(link.loss_per_mille) {
            true => 2 * link.latency_us,
            false => 0,
        };
        left_us + link.latency_us + again_us + self.dice.below(link.jitter_us + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn links(link: Link) -> Links {
        Links::new(Dice::new(1, Stream::Network), link)
    }

    #[test]
    fn nodes_reach_those_of_their_own_group_until_the_partition_heals() {
        let mut links = links(Link::default());
        links.partition([(0, 1), (1, 1), (2, 2)].into());
        assert!(links.is_open(0, 1) && links.is_open(3, 4), "together");
        assert!(
            !links.is_open(0, 2) && !links.is_open(2, 3) && !links.is_open(3, 1),
            "apart"
        );
        links.partition(BTreeMap::new());
        assert!(links.is_open(0, 2));
    }

    #[test]
    fn frames_are_late_by_latency_jitter_and_what_was_lost() {
        let mut links = links(Link {
            latency_us: 1_000,
            jitter_us: 500,
            loss_per_mille: 200,
            bytes_per_second: 0,
        });
        let times: Vec<u64> = (0..1_000).map(|_| links.arrival_us(0, 1, 0, 100)).collect();
        assert!(times.iter().all(|time| (1_000..=3_500).contains(time)));
        let lost = times.iter().filter(|time| **time >= 3_000).count();
        assert!((150..250).contains(&lost), "{lost} of a thousand");
    }

    #[test]
    fn frames_wait_for_those_before_them_on_a_narrow_link_and_for_no_others() {
        let mut links = links(Link {
            latency_us: 0,
            bytes_per_second: 1_000_000,
            ..Link::default()
        });
        assert_eq!(links.arrival_us(0, 1, 0, 10_000), 10_000);
        assert_eq!(links.arrival_us(0, 1, 0, 10_000), 20_000);
        assert_eq!(links.arrival_us(1, 0, 0, 10_000), 10_000, "the other direction");
        assert_eq!(links.arrival_us(0, 1, 50_000, 1), 50_001, "once it is idle");
    }
}
