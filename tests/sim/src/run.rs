//! One run from its plan to its outcome.

use crate::check::check;
use crate::plan::Plan;
use crate::random::{Dice, Stream};
use crate::unit::Backend;
use crate::violation::Violation;
use crate::world::{Figures, World};

/// So often the world lives, comes to rest and is checked.
const ROUNDS: u64 = 2;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The promise that was broken, if any.
    pub violation: Option<Violation>,
    /// The SHA-256 of all boundary traffic.
    pub digest: String,
    /// Calls across boundaries.
    pub calls: u64,
    /// Simulated microseconds.
    pub simulated_us: u64,
    /// How much was simulated.
    pub figures: Figures,
    /// The size of each unit's linear memory at the end, in bytes, where there is one.
    pub memory_bytes: Vec<u64>,
}

/// Runs a plan to its end, or to the first broken promise.
pub fn run(plan: &Plan, backend: &Backend) -> Outcome {
    let mut world = World::new(plan, backend.clone());
    let violation = simulate(plan, &mut world).err();
    let memory_bytes = (0..world.units()).filter_map(|unit| world.memory_bytes(unit)).collect();
    let traffic = world.traffic.borrow();
    Outcome {
        violation,
        digest: traffic.digest(),
        calls: traffic.calls(),
        simulated_us: world.now_us,
        figures: world.figures,
        memory_bytes,
    }
}

fn simulate(plan: &Plan, world: &mut World) -> Result<(), Violation> {
    let mut dice = Dice::new(plan.seed, Stream::Checks);
    world.settle()?;
    for _ in 0..ROUNDS {
        world.live(plan.length_us / ROUNDS)?;
        world.settle()?;
        check(world, &mut dice)?;
        world.restart_all()?;
        check(world, &mut dice)?;
    }
    Ok(())
}
