//! What befalls a network: partitions that come and go, connections that break in the midst of a stream, relays that die and come back.

use std::collections::BTreeMap;

use crate::network::{Network, NodeId};
use crate::random::Dice;

/// How often something befell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Partitions.
    pub partitions: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Deaths of relays.
    pub relays: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Weather {
    /// How often something befell it.
    pub figures: Figures,
    dice: Dice,
    relays: Vec<NodeId>,
}

impl Weather {
    /// Weather in which these relays die.
    pub fn new(dice: Dice, relays: Vec<NodeId>) -> Self {
        Self {
            figures: Figures::default(),
            dice,
            relays,
        }
    }

    /// Something happens: in how many microseconds the next thing does.
    pub fn change(&mut self, network: &mut Network) -> u64 {
        match self.dice.below(10) {
            0..3 => {
                self.figures.partitions += 1;
                let groups = self.dice.between(2, 3);
                let group = |node| (node, self.dice.below(groups) as u32);
                network.partition((0..network.len()).map(group).collect());
            }
            3..6 => network.partition(BTreeMap::new()),
            6..8 => {
                for _ in 0..self.dice.between(1, 4) {
                    self.figures.cuts += u64::from(network.cut_any());
                }
            }
            _ if self.relays.is_empty() => {}
            _ => {
                let relay = *self.dice.pick(&self.relays);
                match network.is_up(relay) {
                    true => {
                        self.figures.relays += 1;
                        network.stop(relay, self.dice.chance(500));
                    }
                    false => network.restart(relay),
                }
            }
        }
        self.dice.between(200_000, 20_000_000)
    }

    /// Everybody reaches everybody again, and every relay runs.
    pub fn clear(&self, network: &mut Network) {
        network.partition(BTreeMap::new());
        for relay in &self.relays {
            if !network.is_up(*relay) {
                network.restart(*relay);
            }
        }
    }
}
