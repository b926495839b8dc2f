//! Devices of persons in a network that fails, among strangers and enemies.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{Device, DeviceRemove, IdentityGet};
use avatar_sim::meeting::{Meeting, Outcome, Party, meet, one};
use avatar_sim::peers::hostile::Malice;
use avatar_sim::unit::Backend;

/// Runs that are part of every test run; the command runs as many as one likes.
const SEEDS: std::ops::RangeInclusive<u64> = 101..=116;

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

/// The devices of a unit's identity.
fn devices(party: &mut Party, unit: usize) -> Vec<Device> {
    match one(&mut party.world, unit, Ask::IdentityGet(IdentityGet {})) {
        Ok(Answer::Identity(identity)) => identity.devices,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_that_was_removed_reads_nothing_of_what_comes_later_and_brings_nothing() {
    let meeting = Meeting {
        is_overheard: true,
        ..Meeting::of_many(vec![3], 1)
    };
    let mut party = Party::new(&meeting, &Backend::Native);
    party.set_up().expect("nothing fails");
    party.persons[0].make(&mut party.world, 0).expect("nothing fails");
    party.converge().expect("all have it");
    let lost = devices(&mut party, 2)
        .into_iter()
        .find(|device| device.this_device)
        .expect("itself");
    let remove = Ask::DeviceRemove(DeviceRemove {
        sign_public_key: lost.sign_public_key.clone(),
    });
    one(&mut party.world, 0, remove).expect("it is removed");
    let has_heard = |device: &Device| device.sign_public_key == lost.sign_public_key && device.removed_ms > 0;
    for seconds in 0.. {
        assert!(seconds < 60, "the other device does not hear of it");
        if devices(&mut party, 1).iter().any(has_heard) {
            break;
        }
        let next_us = party.world.now_us + 1_000_000;
        party.world.run_until(next_us).expect("nothing fails");
    }
    let later = party.persons[0].make(&mut party.world, 1).expect("nothing fails");
    let brought = party.persons[0].make(&mut party.world, 2).expect("nothing fails");
    let next_us = party.world.now_us + 300_000_000;
    party.world.run_until(next_us).expect("nothing fails");
    let person = &party.persons[0];
    let mut has = |unit, id| person.has(&mut party.world, unit, id).expect("it is answered");
    assert!(has(0, later) && has(1, later) && has(2, brought));
    assert!(!has(2, later) && !has(0, brought) && !has(1, brought));
    for id in [later, brought] {
        let network = party.world.network();
        for canary in [id.as_slice(), person.documents[&id].canary.as_bytes()] {
            let ears = network.wire.find(canary);
            assert!(ears.iter().all(|ear| ear.from != 2 && ear.to != 2), "{ears:?}");
        }
    }
}

#[test]
fn two_runs_of_a_seed_have_the_same_traffic_with_a_network_too() {
    let outcomes = [1, 1, 2].map(|seed| meet(&meeting(seed), &Backend::Native));
    assert_eq!(outcomes[0].digest, outcomes[1].digest);
    assert_ne!(outcomes[0].digest, outcomes[2].digest);
}
