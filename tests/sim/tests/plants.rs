//! A simulator that finds nothing proves nothing: bugs of a host are planted, and have to be found.

use avatar_sim::disk::Plant;
use avatar_sim::unit::Backend;
use avatar_sim::{Plan, run};

/// The first seed that shows the bug.
fn first_found(plant: Plant) -> Option<u64> {
    (1..=1000).find(|seed| {
        let plan = Plan {
            plant: Some(plant),
            ..Plan::new(*seed)
        };
        run(&plan, &Backend::Native).violation.is_some()
    })
}

#[test]
fn an_index_update_outside_the_batch_of_its_documents_is_found_within_a_thousand_seeds() {
    assert!(first_found(Plant::IndexOutsideBatch).is_some());
}

#[test]
fn an_acknowledgement_before_durability_is_found_within_a_thousand_seeds() {
    assert!(first_found(Plant::AcknowledgeEarly).is_some());
}

#[test]
fn half_a_batch_after_a_crash_is_found_within_a_thousand_seeds() {
    assert!(first_found(Plant::TornBatch).is_some());
}
