//! What the Meta Unit promises, whatever its disk, its clock and its operator do.

use avatar_sim::unit::Backend;
use avatar_sim::{Plan, run};

/// Runs that are part of every test run; the command runs as many as one likes.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=40;

fn assert_kept(seed: u64) {
    let outcome = run(&Plan::new(seed), &Backend::Native);
    if let Some(violation) = outcome.violation {
        panic!("seed {seed}: {violation}\n  replay: cargo run --release -- --seed {seed}");
    }
}

#[test]
fn no_promise_is_broken_by_crashes_faults_of_the_disk_and_jumps_of_the_clock() {
    SEEDS.for_each(assert_kept);
}

#[test]
fn seeds_that_once_broke_a_promise_break_none() {
    let kept = include_str!("../regressions.txt");
    let seeds: Vec<u64> = kept
        .lines()
        .filter_map(|line| line.split('#').next().map(str::trim).filter(|seed| !seed.is_empty()))
        .map(|seed| seed.parse().expect("a line begins with a seed"))
        .collect();
    assert!(!seeds.is_empty());
    seeds.into_iter().for_each(assert_kept);
}

/// So that the test above means something: the runs meet what they are about.
#[test]
fn the_runs_meet_crashes_failed_batches_and_flipped_bits() {
    let outcomes: Vec<_> = SEEDS
        .take(20)
        .map(|seed| run(&Plan::new(seed), &Backend::Native))
        .collect();
    let sum = |figure: fn(&avatar_sim::world::Figures) -> u64| -> u64 {
        outcomes.iter().map(|outcome| figure(&outcome.figures)).sum()
    };
    assert!(sum(|figures| figures.crashes) >= 100);
    assert!(sum(|figures| figures.failed_batches) >= 100);
    assert!(sum(|figures| figures.flipped_bits) >= 1);
    assert!(sum(|figures| figures.requests) >= 5_000);
}
