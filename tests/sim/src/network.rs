//! Links between units: latency, loss, duplication, reordering, bandwidth, partitions. They carry opaque datagrams.
//!
//! This is the seam for the peers: no build of the Meta Unit opens streams yet. When one does, `boundary.rs` hands what `avatar_p2p` and `avatar_stream_write` bring to
//! [`Network::send`], and the world gives each [`Delivery`] back with `yuan_stream_event` at its moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Dice;

/// How a link behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// From one end to the other, in microseconds.
    pub latency_us: u64,
    /// Up to so much more, for each datagram anew: one sent later may arrive before one sent earlier.
    pub jitter_us: u64,
    /// So many of a thousand datagrams are lost.
    pub loss_per_mille: u32,
    /// So many of a thousand datagrams arrive twice.
    pub duplicate_per_mille: u32,
    /// Datagrams wait for those before them; 0 = no limit.
    pub bytes_per_second: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency_us: 20_000,
            jitter_us: 0,
            loss_per_mille: 0,
            duplicate_per_mille: 0,
            bytes_per_second: 0,
        }
    }
}

/// A datagram that will arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// In microseconds of the world.
    pub at_us: u64,
    /// The unit that sent it.
    pub from: usize,
    /// The unit that gets it.
    pub to: usize,
    /// What was sent.
    pub datagram: Vec<u8>,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    dice: Dice,
    usual: Link,
    links: BTreeMap<(usize, usize), Link>,
    /// Units that are cut off from all that are not in here.
    island: BTreeSet<usize>,
    /// When the last byte sent so far has left.
    busy_until_us: BTreeMap<(usize, usize), u64>,
}

impl Network {
    /// Every unit reaches every other over a link like this.
    pub fn new(dice: Dice, usual: Link) -> Self {
        Self {
            dice,
            usual,
            links: BTreeMap::new(),
            island: BTreeSet::new(),
            busy_until_us: BTreeMap::new(),
        }
    }

    /// The link in this one direction behaves so from now on.
    pub fn set_link(&mut self, from: usize, to: usize, link: Link) {
        self.links.insert((from, to), link);
    }

    /// From now on these units reach each other, the others reach each other, and nobody reaches across. An empty set heals the partition.
    pub fn partition(&mut self, island: impl IntoIterator<Item = usize>) {
        self.island = island.into_iter().collect();
    }

    /// Sends a datagram: none, one or two deliveries.
    pub fn send(&mut self, now_us: u64, from: usize, to: usize, datagram: &[u8]) -> Vec<Delivery> {
        let link = self.links.get(&(from, to)).copied().unwrap_or(self.usual);
        let busy = self.busy_until_us.entry((from, to)).or_default();
        let sending_us = match link.bytes_per_second {
            0 => 0,
            rate => (datagram.len() as u64 * 1_000_000).div_ceil(rate),
        };
        *busy = now_us.max(*busy) + sending_us;
        let sent_us = *busy;
        if self.island.contains(&from) != self.island.contains(&to) || self.dice.chance(link.loss_per_mille) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.dice.chance(link.duplicate_per_mille));
        (0..copies)
            .map(|_| Delivery {
                at_us: sent_us + link.latency_us + self.dice.below(link.jitter_us + 1),
                from,
                to,
                datagram: datagram.to_vec(),
            })
            .collect()
    }
}
