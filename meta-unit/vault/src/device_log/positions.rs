//! Positions in lists: sets of them, one bit a position, and their order.

/// A set of positions.
#[derive(Clone)]
pub(super) struct Positions(Vec<u64>);

impl Positions {
    /// None of so many positions.
    pub(super) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    /// Whether a position is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<usize> {
        let word = self.0.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.0[word].trailing_zeros() as usize)
    }

    /// The first that is in both.
    pub(super) fn first_common(&self, other: &Self) -> Option<usize> {
        let both = |(word, (a, b)): (usize, (&u64, &u64))| Some((word, a & b)).filter(|(_, both)| *both != 0);
        let (word, both) = self.0.iter().zip(&other.0).enumerate().find_map(both)?;
        Some(word * 64 + both.trailing_zeros() as usize)
    }
}

/// Sorts positions by two numbers of each.
pub(super) fn sort(positions: &mut [usize], by: &dyn Fn(usize) -> (usize, usize)) {
    positions.sort_unstable_by_key(|at| by(*at));
}
