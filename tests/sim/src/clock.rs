//! A unit's clocks on the one time line of the world: they drift, the wall clock jumps, and every look at the clock takes a moment.

use crate::random::Dice;

/// The wall clock at the beginning of a run, microseconds since 1970: the first of January 2026.
const EPOCH_US: i64 = 1_767_225_600_000_000;

/// How far a quartz goes wrong, at most, in parts per million.
const MAX_DRIFT_PPM: u64 = 200;

/// What one look at the clock costs at most, in microseconds: so a turn's budget is spent in the middle of its work.
const MAX_LOOK_US: u64 = 60;

/// The clocks of one unit.
#[derive(Debug)]
pub struct Clock {
    dice: Dice,
    drift_ppm: i64,
    wall_offset_us: i64,
    /// The world's time when the running call of the unit began, and what passed since.
    now_us: u64,
    spent_us: u64,
}

impl Clock {
    /// A clock that drifts as the dice say.
    pub fn new(mut dice: Dice) -> Self {
        let drift_ppm = dice.below(2 * MAX_DRIFT_PPM + 1) as i64 - MAX_DRIFT_PPM as i64;
        Self {
            dice,
            drift_ppm,
            wall_offset_us: 0,
            now_us: 0,
            spent_us: 0,
        }
    }

    /// A call of the unit begins at this moment of the world.
    pub fn begin(&mut self, now_us: u64) {
        (self.now_us, self.spent_us) = (now_us, 0);
    }

    /// The time that the call has taken so far, in microseconds of the world.
    pub fn spent_us(&self) -> u64 {
        self.spent_us
    }

    /// The wall clock is set.
    pub fn jump(&mut self, by_us: i64) {
        self.wall_offset_us += by_us;
    }

    /// What the unit is told. Microseconds.
    pub fn monotonic_us(&mut self) -> i64 {
        self.look();
        self.local_us()
    }

    /// What the unit is told. Microseconds since 1970.
    pub fn unix_us(&mut self) -> i64 {
        self.look();
        EPOCH_US + self.local_us() + self.wall_offset_us
    }

    /// How long so many microseconds of the unit last in the world, rounded up.
    pub fn to_world_us(&self, local_us: u64) -> u64 {
        let local = i128::from(local_us) * 1_000_000;
        let rate = i128::from(1_000_000 + self.drift_ppm);
        u64::try_from((local + rate - 1) / rate).unwrap_or(u64::MAX)
    }

    fn look(&mut self) {
        self.spent_us += self.dice.below(MAX_LOOK_US);
    }

    fn local_us(&self) -> i64 {
        let world = i128::from(self.now_us + self.spent_us);
        (world + world * i128::from(self.drift_ppm) / 1_000_000) as i64
    }
}
