//! What is to be simulated.

use crate::disk::Plant;

/// One run. Together with the build, it determines everything that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// All chance comes from it.
    pub seed: u64,
    /// How many Meta Units there are.
    pub units: usize,
    /// How many clients each of them has.
    pub clients: usize,
    /// How long clients and the operator are at it, in simulated microseconds.
    pub length_us: u64,
    /// A bug of the host, to see that it is found.
    pub plant: Option<Plant>,
    /// Every call is printed to standard error.
    pub is_printed: bool,
}

impl Plan {
    /// The usual run: two units with two clients each, for a quarter of an hour.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            units: 2,
            clients: 2,
            length_us: 15 * 60 * 1_000_000,
            plant: None,
            is_printed: false,
        }
    }
}
