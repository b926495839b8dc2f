//! Entries of which neither knows the other.

use super::*;

/// One log after both have spoken, each on a log of their own.
fn apart(log: &Log, one: impl FnOnce(&mut Log), other: impl FnOnce(&mut Log)) -> Log {
    let (mut left, mut right) = (log.clone(), log.clone());
    one(&mut left);
    other(&mut right);
    let log = merged(&left, &right);
    assert_eq!(log.state(), merged(&right, &left).state());
    log
}

#[test]
fn of_two_devices_that_remove_each_other_the_senior_stays() {
    let (log, _, [a, b, c]) = account();
    let mut ids = None;
    let log = apart(&log, |log| ids = Some(a.removes(log, &b)), |log| _ = b.removes(log, &a));
    assert!(are_active(&log, &[&a, &c]));
    let void = log.state().void[0];
    assert_eq!(void.reason, VoidReason::AuthorRemoved);
    let kept = ids.expect("it was said");
    assert_eq!(log.state().conflicts, [Conflict::Removals { kept, void: void.id }]);
}

#[test]
fn of_three_devices_that_remove_each_other_in_a_circle_the_eldest_stays_with_the_one_it_spares() {
    let (log, _, [a, b, c]) = account();
    let log = apart(
        &log,
        |log| _ = a.removes(log, &b),
        |log| {
            let before = log.clone();
            b.removes(log, &c);
            let mut other = before;
            c.removes(&mut other, &a);
            log.merge(&other).expect("one account");
        },
    );
    // a's removal of b is decided first and makes b's of c void; c's of a stands.
    assert!(are_active(&log, &[&c]));
}

#[test]
fn what_a_device_does_beside_its_removal_is_void() {
    let (log, identity, [a, b, c]) = account();
    let (friend, friends_friend) = (Somebody::new(20), Somebody::new(21));
    let log = apart(
        &log,
        |log| _ = identity.removes(log, &a),
        |log| {
            a.removes(log, &b);
            a.renames(log, &c, "mine");
            a.adds(log, &friend);
            friend.adds(log, &friends_friend);
            friends_friend.removes(log, &c);
        },
    );
    assert!(are_active(&log, &[&b, &c]));
    assert_eq!(log.state().void.len(), 5);
    assert_eq!(log.state().devices.len(), 3);
}

#[test]
fn what_its_remover_knew_counts() {
    let (mut log, identity, [a, b, c]) = account();
    let friend = Somebody::new(20);
    a.adds(&mut log, &friend);
    a.removes(&mut log, &b);
    identity.removes(&mut log, &a);
    assert!(are_active(&log, &[&c, &friend]));
    assert!(log.state().void.is_empty());
}

#[test]
fn nothing_is_dated_back_before_a_removal_that_comes_after_a_long_chain() {
    let (log, identity, [a, b, c]) = account();
    let log = apart(
        &log,
        |log| {
            for number in 0..20 {
                b.renames(log, &b, &number.to_string());
            }
            identity.removes(log, &a);
        },
        |log| _ = a.removes(log, &b),
    );
    assert!(are_active(&log, &[&b, &c]));
}

#[test]
fn a_device_that_two_remove_and_one_adds_again_stays_removed() {
    let (log, identity, [a, b, c]) = account();
    let log = apart(
        &log,
        |log| _ = b.removes(log, &a),
        |log| {
            let mut other = log.clone();
            identity.removes(log, &a);
            identity.adds(&mut other, &a);
            log.merge(&other).expect("one account");
        },
    );
    assert!(are_active(&log, &[&b, &c]));
    assert_eq!(log.state().void.len(), 1);
}

#[test]
fn of_two_rotations_one_counts_and_both_are_shown() {
    let (log, first, [a, b, _]) = account();
    let (second, other) = (Somebody::new(2), Somebody::new(3));
    let mut ids = Vec::new();
    let mut left = log.clone();
    let mut right = log.clone();
    ids.push((first.rotates(&mut left, &second), &second, &other));
    ids.push((first.rotates(&mut right, &other), &other, &second));
    // Both new keys go on, as if theirs was the one that counts.
    second.removes(&mut left, &a);
    other.removes(&mut right, &b);
    let state = merged(&left, &right).state();
    assert_eq!(state, merged(&right, &left).state());

    ids.sort_by_key(|(id, ..)| *id);
    let ((kept, winner, loser), void) = (ids[0], ids[1].0);
    assert_eq!(state.conflicts, [Conflict::Rotations { kept, void }]);
    assert_eq!(state.identity(), &winner.key());
    assert_eq!(state.resolves_to(&loser.key()), None);
    let reasons: Vec<_> = state.void.iter().map(|void| void.reason).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.contains(&VoidReason::OtherRotation) && reasons.contains(&VoidReason::NotAllowed));
    assert_eq!(state.is_active(&a.key()), winner.key() != second.key());
}

#[test]
fn what_a_retired_identity_key_does_beside_its_rotation_is_void() {
    let (log, first, [a, b, c]) = account();
    let second = Somebody::new(2);
    let log = apart(
        &log,
        |log| _ = first.rotates(log, &second),
        |log| _ = first.removes(log, &a),
    );
    assert!(are_active(&log, &[&a, &b, &c]));
    assert_eq!(log.state().void[0].reason, VoidReason::AuthorRetired);
}

#[test]
fn the_identity_keys_removal_goes_before_a_devices() {
    let (log, identity, [a, b, c]) = account();
    // a is senior to b, but the identity key removes a at the same time.
    let log = apart(&log, |log| _ = a.removes(log, &b), |log| _ = identity.removes(log, &a));
    assert!(are_active(&log, &[&b, &c]));
}

#[test]
fn of_two_renames_the_same_one_counts_everywhere() {
    let (log, identity, [a, b, _]) = account();
    let log = apart(
        &log,
        |log| _ = identity.renames(log, &a, "one"),
        |log| _ = b.renames(log, &a, "other"),
    );
    let last = log.entries().last().expect("an entry").clone();
    let Action::RenameDevice { name, .. } = last.action() else {
        panic!("the renames are last");
    };
    assert_eq!(log.state().device(&a.key()).map(|device| &device.name), Some(name));
}

/// A thief who was removed may have the consent of a device, which is in the log, and add it once more, where it would be senior to others.
#[test]
fn a_removed_device_dates_back_no_seniority_for_another() {
    let (identity, [thief, senior, junior]) = (Somebody::new(1), [11, 12, 13].map(Somebody::new));
    let mut log = identity.genesis();
    identity.adds(&mut log, &thief);
    let mut back = log.clone();
    identity.renames(&mut log, &thief, "a name");
    identity.adds(&mut log, &senior);
    identity.adds(&mut log, &junior);
    let mut log = apart(
        &log,
        |log| _ = senior.removes(log, &junior),
        |log| _ = junior.removes(log, &senior),
    );
    identity.removes(&mut log, &thief);
    assert!(are_active(&log, &[&senior]));

    thief.adds(&mut back, &junior);
    assert!(are_active(&merged(&log, &back), &[&senior]));
}
