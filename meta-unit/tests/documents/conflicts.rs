//! Several clients with one document.

use avatar_proto::doc_change::Change;
use meta_unit::abi::test_host::TestHost;

use crate::client::*;

fn two_views(host: &TestHost) -> (View, View) {
    host.call(&create(1, 1, map(&[("body", string("shared"))]), true));
    (View::open(host, 1, 1), View::open(host, 1, 2))
}

#[test]
fn edits_that_cross_are_merged_and_both_clients_end_with_the_same() {
    let host = TestHost::started(1);
    let (mut a, mut b) = two_views(&host);
    let (at_start, at_end) = (vec![splice("body", 0, 0, "A: ")], vec![splice("body", 6, 0, " :B")]);
    // Neither has seen the other's.
    host.send(&a.edits(at_start.clone()));
    host.send(&b.edits(at_end.clone()));
    host.run_until_idle();
    a.take_events(&host, &at_start);
    b.take_events(&host, &at_end);
    assert_eq!(a.text("body"), "A: shared :B");
    assert_eq!(b.value, a.value);
    assert_eq!(View::open(&host, 1, 3).value, a.value);
}

#[test]
fn a_client_that_lags_behind_types_on_where_it_stands() {
    let host = TestHost::started(1);
    let (mut a, mut b) = two_views(&host);
    let front = vec![splice("body", 0, 0, "front ")];
    host.call(&a.edits(front.clone()));
    a.take_events(&host, &front);
    // b has not taken the event in, and types three times.
    for (at, letter) in [(6, "x"), (7, "y"), (8, "z")] {
        host.send(&b.edits(vec![splice("body", at, 0, letter)]));
    }
    host.run_until_idle();
    a.take_events(&host, &[]);
    b.take_events(&host, &[]);
    assert_eq!(a.text("body"), "front sharedxyz");
    assert_eq!(b.value, a.value);
    // Now it has seen everything, and positions are those of the whole text.
    let end = vec![splice("body", 15, 0, "!")];
    host.call(&b.edits(end.clone()));
    a.take_events(&host, &[]);
    b.take_events(&host, &end);
    assert_eq!(a.text("body"), "front sharedxyz!");
    assert_eq!(b.value, a.value);
}

#[test]
fn an_undo_keeps_what_others_wrote() {
    let host = TestHost::started(1);
    let (mut a, mut b) = two_views(&host);
    let own = vec![splice("body", 0, 0, "mine ")];
    host.call(&a.edits(own.clone()));
    a.take_events(&host, &own);
    b.take_events(&host, &[]);
    let other = vec![splice("body", 11, 0, " theirs")];
    host.call(&b.edits(other.clone()));
    a.take_events(&host, &[]);
    b.take_events(&host, &other);
    host.call(&a.change(Change::Undo(true), 1));
    a.take_events(&host, &[]);
    b.take_events(&host, &[]);
    assert_eq!(a.text("body"), "shared theirs");
    assert_eq!(b.value, a.value);
    assert!(a.events.last().is_some_and(|event| event.can_redo && !event.can_undo));
}
