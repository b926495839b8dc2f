//! All chance of a run, from one seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of chance decides. Each has its own, so that one more throw in one place changes nothing in the others.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// The operator and the moments of everything.
    World,
    /// A unit's disk.
    Disk(usize),
    /// A unit's clock.
    Clock(usize),
    /// What `avatar_random` gives to a unit in one of its lives.
    Unit(usize, u64),
    /// The same, for what records are sealed with.
    Nonces(usize, u64),
    /// The same, for names that a crate gives to whoever changes a document.
    Actors(usize, u64),
    /// A client's actions.
    Client(usize),
    /// What happens in the network.
    Network,
    /// How long bytes take.
    Links,
    /// What befalls the network.
    Weather,
    /// Who is at a meeting, and how they come there.
    Party,
    /// What a person does, by number.
    Person(usize),
    /// What a peer does that is no unit, by its node.
    Peer(usize),
    /// What is asked when nothing is under way.
    Checks,
}

/// Dice that always fall the same way for one seed and stream.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of one stream of a run.
    pub fn new(seed: u64, stream: Stream) -> Self {
        let number = match stream {
            Stream::World => 0,
            Stream::Network => 1,
            Stream::Checks => 2,
            Stream::Links => 3,
            Stream::Weather => 4,
            Stream::Party => 5,
            Stream::Person(person) => (6 << 56) | person as u64,
            Stream::Peer(node) => (7 << 56) | node as u64,
            Stream::Disk(unit) => (1 << 56) | unit as u64,
            Stream::Clock(unit) => (2 << 56) | unit as u64,
            Stream::Client(client) => (3 << 56) | client as u64,
            Stream::Unit(unit, life) => (4 << 56) | ((unit as u64) << 32) | life,
            Stream::Nonces(unit, life) => (5 << 56) | ((unit as u64) << 32) | life,
            Stream::Actors(unit, life) => (8 << 56) | ((unit as u64) << 32) | life,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        Self(rng)
    }

    /// A number below `end`, or 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// An index below `end`, or 0 if that is 0.
    pub fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// One of several.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, several: &'a [T]) -> &'a T {
        &several[self.index(several.len())]
    }

    /// Fills a buffer.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// So many random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
