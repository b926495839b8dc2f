//! Devices of persons in a network that fails, among strangers and enemies.

use avatar_sim::meeting::{Meeting, Outcome, meet};
use avatar_sim::peers::hostile::Malice;
use avatar_sim::unit::Backend;

/// Runs that are part of every test run; the command runs as many as one likes.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;

fn meeting(seed: u64) -> Meeting {
    Meeting {
        length_us: 60_000_000,
        do_disks_fail: false,
        ..Meeting::new(seed)
    }
}

fn assert_kept(meeting: &Meeting) -> Outcome {
    let outcome = meet(meeting, &Backend::Native);
    if let Some(violation) = &outcome.violation {
        panic!("{meeting:?}: {violation}");
    }
    outcome
}

#[test]
fn devices_of_a_person_have_the_same_in_the_end_and_nobody_else_has_read_a_byte_of_it() {
    let outcomes: Vec<Outcome> = SEEDS.map(|seed| assert_kept(&meeting(seed))).collect();
    // So that this means something: the runs meet what they are about.
    let sum = |figure: fn(&Outcome) -> u64| -> u64 { outcomes.iter().map(figure).sum() };
    assert!(sum(|outcome| outcome.changes) >= 500);
    assert!(sum(|outcome| outcome.weather.partitions) >= 10);
    assert!(sum(|outcome| outcome.weather.cuts) >= 10);
    assert!(sum(|outcome| outcome.weather.relays) >= 3);
    assert!(sum(|outcome| outcome.figures.crashes) >= 1);
}

#[test]
fn every_enemy_leaves_honest_devices_to_their_work() {
    for malice in Malice::ALL {
        let outcome = assert_kept(&Meeting {
            persons: vec![2],
            hostile: vec![malice],
            ..meeting(1)
        });
        assert!(outcome.attacks > 0, "{malice:?} has reached nobody");
    }
}

#[test]
fn two_runs_of_a_seed_have_the_same_traffic_with_a_network_too() {
    let outcomes = [1, 1, 2].map(|seed| meet(&meeting(seed), &Backend::Native));
    assert_eq!(outcomes[0].digest, outcomes[1].digest);
    assert_ne!(outcomes[0].digest, outcomes[2].digest);
}
