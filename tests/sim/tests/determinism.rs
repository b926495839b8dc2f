//! One seed is one run, call for call.

use avatar_sim::unit::Backend;
use avatar_sim::{Plan, run};

#[test]
fn two_runs_of_a_seed_have_the_same_traffic_across_all_boundaries() {
    for seed in [1, 2, 3] {
        let (first, second) = (
            run(&Plan::new(seed), &Backend::Native),
            run(&Plan::new(seed), &Backend::Native),
        );
        assert!(first.calls > 1000, "{first:?}");
        assert_eq!(
            (first.digest, first.calls),
            (second.digest, second.calls),
            "seed {seed}"
        );
    }
}

#[test]
fn runs_of_other_seeds_are_other_runs() {
    let digests: std::collections::BTreeSet<String> = (1..=4)
        .map(|seed| run(&Plan::new(seed), &Backend::Native).digest)
        .collect();
    assert_eq!(digests.len(), 4);
}
