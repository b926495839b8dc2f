//! One entry after the other.

use super::*;

#[test]
fn an_account_begins_with_its_identity_key_and_no_device() {
    let identity = Somebody::new(1);
    let state = identity.genesis().state();
    assert_eq!(state.identity(), &identity.key());
    assert_eq!(state.identities[0].since, state.account);
    assert_eq!(state.identities[0].since_ms, 1_000);
    assert!(state.devices.is_empty() && state.void.is_empty() && state.conflicts.is_empty());
}

#[test]
fn the_identity_key_and_active_devices_add_rename_and_remove_devices() {
    let (mut log, _, [a, b, c]) = account();
    let d = Somebody::new(14);
    a.adds(&mut log, &d);
    b.renames(&mut log, &a, "desk");
    d.removes(&mut log, &c);
    assert!(are_active(&log, &[&a, &b, &d]));
    let state = log.state();
    assert!(state.void.is_empty());
    assert_eq!(state.device(&a.key()).map(|device| device.name.as_str()), Some("desk"));
    assert_eq!(state.device(&d.key()).map(|device| device.added_by), Some(a.key()));
    let removal = state.device(&c.key()).and_then(|device| device.removed.clone());
    assert_eq!(
        removal,
        Some(Removal {
            at_ms: 3_000,
            by: d.key()
        })
    );
    assert!(state.speaks(&a.key()) && !state.speaks(&c.key()) && !state.is_active(&c.key()));
}

#[test]
fn a_stranger_says_nothing() {
    let (mut log, _, [a, ..]) = account();
    let (stranger, friend) = (Somebody::new(50), Somebody::new(51));
    let before = log.state();
    for id in [
        stranger.adds(&mut log, &friend),
        stranger.adds(&mut log, &stranger),
        stranger.removes(&mut log, &a),
        stranger.renames(&mut log, &a, "mine"),
        stranger.rotates(&mut log, &friend),
        friend.adds(&mut log, &stranger),
    ] {
        assert_eq!(reason(&log, &id), Some(VoidReason::NotAllowed));
    }
    assert_eq!(log.state().devices, before.devices);
    assert_eq!(log.state().identities, before.identities);
}

#[test]
fn a_device_does_not_rotate_the_identity_key() {
    let (mut log, identity, [a, ..]) = account();
    let id = a.rotates(&mut log, &Somebody::new(2));
    assert_eq!(reason(&log, &id), Some(VoidReason::NotAllowed));
    assert_eq!(log.state().identity(), &identity.key());
}

#[test]
fn a_removed_device_says_nothing_more_and_never_returns() {
    let (mut log, identity, [a, b, _]) = account();
    identity.removes(&mut log, &a);
    let id = a.removes(&mut log, &b);
    assert_eq!(reason(&log, &id), Some(VoidReason::AuthorRemoved));
    let id = identity.adds(&mut log, &a);
    assert_eq!(reason(&log, &id), Some(VoidReason::RemovedDevice));
    assert!(!log.state().is_active(&a.key()) && log.state().is_active(&b.key()));
}

#[test]
fn a_device_may_leave() {
    let (mut log, _, [a, b, c]) = account();
    let id = a.removes(&mut log, &a);
    assert_eq!(reason(&log, &id), None);
    assert!(are_active(&log, &[&b, &c]));
}

#[test]
fn what_is_about_a_device_that_is_not_there_is_void() {
    let (mut log, identity, _) = account();
    let nobody = Somebody::new(60);
    for id in [
        identity.removes(&mut log, &nobody),
        identity.renames(&mut log, &nobody, "x"),
    ] {
        assert_eq!(reason(&log, &id), Some(VoidReason::NoSuchDevice));
    }
}

#[test]
fn old_identities_lead_to_the_current_one() {
    let (mut log, first, [a, ..]) = account();
    let (second, third) = (Somebody::new(2), Somebody::new(3));
    let since = first.rotates(&mut log, &second);
    second.rotates(&mut log, &third);
    let state = log.state();
    for key in [&first, &second, &third] {
        assert_eq!(state.resolves_to(&key.key()), Some(&third.key()));
    }
    assert_eq!(state.resolves_to(&a.key()), None);
    assert_eq!(state.identities[1].since, since);
    assert_eq!(state.identities[1].since_ms, 5_000);
    assert!(state.void.is_empty());
}

#[test]
fn a_retired_identity_key_says_nothing_more_and_the_new_one_may_do_all() {
    let (mut log, first, [a, b, _]) = account();
    let second = Somebody::new(2);
    first.rotates(&mut log, &second);
    for id in [first.removes(&mut log, &a), first.rotates(&mut log, &Somebody::new(3))] {
        assert_eq!(reason(&log, &id), Some(VoidReason::AuthorRetired));
    }
    second.removes(&mut log, &b);
    assert!(log.state().is_active(&a.key()) && !log.state().is_active(&b.key()));
    assert_eq!(log.state().identity(), &second.key());
}

#[test]
fn the_identity_key_never_becomes_one_that_is_in_use() {
    let (mut log, first, [a, ..]) = account();
    let second = Somebody::new(2);
    let to_itself = first.rotates(&mut log, &first);
    let to_a_device = first.rotates(&mut log, &a);
    first.rotates(&mut log, &second);
    let back = second.rotates(&mut log, &first);
    for id in [to_itself, to_a_device, back] {
        assert_eq!(reason(&log, &id), Some(VoidReason::KeyInUse));
    }
    let as_device = second.adds(&mut log, &first);
    assert_eq!(reason(&log, &as_device), Some(VoidReason::KeyInUse));
    assert_eq!(log.state().identity(), &second.key());
    assert!(log.state().is_active(&a.key()));
}

#[test]
fn nobody_claims_a_device_that_did_not_agree() {
    let (mut log, identity, _) = account();
    let (device, other) = (Somebody::new(14), Somebody::new(2).genesis());
    // It agreed to join another account.
    let action = device.joining(other.account(), "device");
    let draft = log.draft(identity.key(), action).expect("a good name");
    let entry = draft
        .sign(&identity.signature(&draft.to_sign()), None)
        .expect("a good signature");
    assert_eq!(log.insert(entry), Err(LogError::Signature));
}
