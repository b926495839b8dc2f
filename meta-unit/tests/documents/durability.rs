//! What is promised is durable, and what is not durable is not promised.

use avatar_proto::event::Event as Told;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{DocDelete, DocHistory, ErrorCode, IndexRebuild, OpErrorCode};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;

fn note(title: &str) -> avatar_proto::MapValue {
    map(&[("title", string(title))])
}

#[test]
fn no_answer_comes_before_its_batch_and_a_crash_loses_only_what_was_not_answered() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("kept"), true));
    let mut view = View::open(&host, 1, 1);
    host.hold_storage(true);
    let change = host.send(&view.edits(vec![splice("title", 4, 0, "!")]));
    let created = host.send(&create(2, 1, note("lost"), true));
    host.run_until_idle();
    assert!(!host.has_finished(change) && !host.has_finished(created));
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["kept"]);
    assert_eq!(View::open(&next, 1, 1).text("title"), "kept");
}

#[test]
fn no_client_is_told_of_a_change_before_it_is_durable() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    let (mut own, mut other) = (View::open(&host, 1, 1), View::open(&host, 1, 2));
    host.hold_storage(true);
    let edit = splice("title", 1, 0, "!");
    host.send(&own.edits(vec![edit.clone()]));
    host.run_until_idle();
    own.take_events(&host, &[]);
    other.take_events(&host, &[]);
    assert!(
        own.events.is_empty() && other.events.is_empty(),
        "a crash could still take it back"
    );
    host.hold_storage(false);
    host.run_until_idle();
    own.take_events(&host, &[edit]);
    other.take_events(&host, &[]);
    assert_eq!([own.text("title"), other.text("title")], ["t!", "t!"]);
}

#[test]
fn changes_gather_while_a_batch_is_in_flight() {
    let host = TestHost::started(1);
    host.hold_storage(true);
    for id in 0..100 {
        host.send(&create(id, 1, note("n"), true));
    }
    host.run_until_idle();
    assert_eq!(host.pending_ops().len(), 1);
    for id in 100..200 {
        host.send(&create(id, 1, note("n"), true));
    }
    host.run_until_idle();
    assert_eq!(host.pending_ops().len(), 1, "the second hundred waits for the first");
    host.hold_storage(false);
    host.run_until_idle();
    assert_eq!(titles(&host).len(), 200);
    assert_eq!(status(&host).index_segments, 2);
}

#[test]
fn a_change_sent_again_is_acknowledged_and_not_applied_again() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    let mut view = View::open(&host, 1, 1);
    let change = view.edits(vec![splice("title", 1, 0, "!")]);
    host.call(&change);
    assert_eq!(error(&host.call(&change)), None);
    let next = host.restarted();
    next.start(&Default::default());
    let view = View::open(&next, 1, 1);
    assert_eq!((view.text("title").as_str(), view.opened.applied_seq), ("t!", 1));
    assert_eq!(
        View::open(&next, 1, 2).opened.applied_seq,
        0,
        "numbers belong to a session"
    );
}

/// The hashes of a document's changes, newest first.
fn history(host: &TestHost, id: u8) -> Vec<Vec<u8>> {
    let asked = DocHistory {
        document_id: vec![id; 16],
        ..DocHistory::default()
    };
    match &host.call(&ask(Ask::DocHistory(asked)))[0].response {
        Some(Answer::DocHistory(history)) => history.changes.iter().map(|change| change.hash.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_created_document_has_one_history_however_often_it_is_opened_before_its_first_change() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    let restarted = |host: &TestHost| {
        let next = host.restarted();
        next.start(&Default::default());
        next
    };
    let (first, second) = (restarted(&host), restarted(&host));
    let created = history(&first, 1);
    assert_eq!(created.len(), 1);
    assert_eq!(history(&second, 1), created);
    let mut view = View::open(&second, 1, 1);
    second.call(&view.edits(vec![splice("title", 1, 0, "!")]));
    let third = restarted(&second);
    assert_eq!(history(&third, 1)[1..], created[..]);
    assert_eq!(View::open(&third, 1, 1).text("title"), "t!");
}

#[test]
fn a_change_while_the_create_is_in_flight_is_kept_whenever_the_crash_comes() {
    for good_batches in 0..3 {
        let host = TestHost::started(1);
        host.hold_storage(true);
        let created = host.send(&create(1, 1, note("t"), false));
        host.run_until_idle();
        // The same session does not wait for the answer: it opens a second view, and changes the document there.
        let mut view = View::open(&host, 1, 1);
        let change = host.send(&view.edits(vec![splice("title", 1, 0, "!")]));
        host.run_until_idle();
        for _ in 0..good_batches {
            host.hold_storage(false);
            host.step();
            host.hold_storage(true);
            host.run_until_idle();
        }
        let promised = (!host.take_answers(created).is_empty(), host.has_finished(change));
        let next = host.restarted();
        next.start(&Default::default());
        assert_eq!(promised, (good_batches > 0, good_batches > 1));
        let expected: &[&str] = [&[][..], &["t"], &["t!"]][good_batches];
        assert_eq!(titles(&next), expected);
        if good_batches > 0 {
            assert_eq!(View::open(&next, 1, 1).text("title"), expected[0]);
        }
    }
}

/// How many records a store has for documents.
fn document_records(host: &TestHost) -> usize {
    let store = host.store().borrow();
    store.records.keys().filter(|key| key.starts_with(b"d")).count()
}

#[test]
fn a_document_of_many_records_becomes_one_record_when_the_node_is_closed_or_left_alone() {
    for closed in [true, false] {
        let host = TestHost::started(1);
        host.call(&create(1, 1, note(""), true));
        let mut view = View::open(&host, 1, 1);
        for at in 0..40 {
            host.call(&view.edits(vec![splice("title", at, 0, "a")]));
        }
        assert!(document_records(&host) > 16);
        if closed {
            assert_eq!(host.instance().shutdown(1_000_000), 0);
            host.run_until_idle();
        } else {
            // The wait that the first change began ends, and one in which nothing was written.
            host.advance_us(4_000_000);
            host.advance_us(4_000_000);
        }
        assert_eq!(document_records(&host), 1, "closed: {closed}");
        let next = host.restarted();
        next.start(&Default::default());
        assert_eq!(View::open(&next, 1, 1).text("title"), "a".repeat(40));
    }
}

#[test]
fn a_change_with_a_gap_before_it_is_refused() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    let mut view = View::open(&host, 1, 1);
    view.next_seq = 2;
    assert_eq!(error(&host.call(&view.edits(vec![]))), Some(ErrorCode::InvalidArgument));
}

#[test]
fn a_create_sent_again_is_the_same_document_for_its_session_and_an_error_for_others() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    for _ in 0..2 {
        let answers = host.call(&create(1, 1, note("t"), true));
        assert!(matches!(answers[0].response, Some(Answer::DocOpened(_))), "{answers:?}");
    }
    assert_eq!(
        error(&host.call(&create(1, 2, note("t"), true))),
        Some(ErrorCode::AlreadyExists)
    );
    assert_eq!(titles(&host).len(), 1);
}

#[test]
fn a_full_disk_is_told_and_nothing_acknowledged_is_lost() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("old"), true));
    let mut view = View::open(&host, 1, 1);
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert_eq!(
        error(&host.call(&view.edits(vec![splice("title", 3, 0, " 1")]))),
        Some(ErrorCode::QuotaExceeded)
    );
    assert!(matches!(host.take_events()[0].event, Some(Told::StorageTrouble(_))));
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert_eq!(
        error(&host.call(&create(2, 1, note("never"), true))),
        Some(ErrorCode::QuotaExceeded)
    );
    assert_eq!(titles(&host), ["old 1"], "what could not be created is not there");
    let on_disk = host.restarted();
    on_disk.start(&Default::default());
    assert_eq!(titles(&on_disk), ["old"]);
    // The change is in memory still, and goes with the next one.
    host.call(&view.edits(vec![splice("title", 5, 0, "2")]));
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["old 12"]);
    assert_eq!(View::open(&next, 1, 1).opened.applied_seq, 2);
}

#[test]
fn a_damaged_document_reports_itself_and_all_others_open() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("good"), true));
    host.call(&create(2, 1, note("bad"), true));
    let next = host.restarted();
    for (key, record) in &mut next.store().borrow_mut().records {
        if key.starts_with(&[b'd', 2]) {
            record[10] ^= 1;
        }
    }
    next.start(&Default::default());
    assert_eq!(titles(&next), ["bad", "good"], "the list needs no document");
    assert_eq!(error(&next.call(&open(2, 1))), Some(ErrorCode::Corrupt));
    assert!(matches!(next.take_events()[0].event, Some(Told::DocCorrupt(_))));
    assert_eq!(status(&next).corrupt_documents, 1);
    assert_eq!(View::open(&next, 1, 1).text("title"), "good");
    // It can be deleted.
    let delete = ask(Ask::DocDelete(DocDelete {
        document_id: vec![2; 16],
    }));
    assert!(matches!(next.call(&delete)[0].response, Some(Answer::Done(_))));
    assert_eq!(titles(&next), ["good"]);
}

#[test]
fn a_damaged_index_is_made_again_from_the_documents() {
    let host = TestHost::started(1);
    for id in 0..20 {
        host.call(&create(id, 1, note(&format!("note {id:02}")), true));
    }
    let before = titles(&host);
    let next = host.restarted();
    for (key, record) in &mut next.store().borrow_mut().records {
        if key.starts_with(b"i") {
            record[3] ^= 1;
        }
    }
    assert_eq!(next.start(&Default::default()).error, None);
    assert_eq!(titles(&next), before);
    assert_eq!(status(&next).index_rebuilds, 1);
    let again = next.restarted();
    again.start(&Default::default());
    assert_eq!((titles(&again), status(&again).index_rebuilds), (before, 0));
}

#[test]
fn an_index_made_again_while_documents_change_misses_nothing() {
    let host = TestHost::started(1);
    for id in 0..20 {
        host.call(&create(id, 1, note("n"), true));
    }
    let mut views: Vec<View> = (0..10).map(|id| View::open(&host, id, 1)).collect();
    let rebuild = host.send(&ask(Ask::IndexRebuild(IndexRebuild {})));
    for round in 0..10 {
        for (number, view) in views.iter_mut().enumerate() {
            host.send(&view.edits(vec![splice("title", round + 1, 0, "x")]));
            if number == round as usize {
                host.send(&create(100 + number as u8, 1, note("late"), true));
                host.send(&ask(Ask::DocDelete(DocDelete {
                    document_id: vec![10 + number as u8; 16],
                })));
            }
            host.step();
        }
    }
    host.run_until_idle();
    assert!(host.has_finished(rebuild));
    assert_eq!(error(&host.take_answers(rebuild)), None);
    assert!(
        host.take_events()
            .iter()
            .any(|event| matches!(event.event, Some(Told::IndexRebuilding(_))))
    );
    let expected: Vec<String> = std::iter::repeat_n("late".to_owned(), 10)
        .chain(std::iter::repeat_n(format!("n{}", "x".repeat(10)), 10))
        .collect();
    assert_eq!(titles(&host), expected);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), expected);
    assert_eq!(status(&next).index_rebuilds, 0);
}

#[test]
fn a_list_loads_no_document() {
    let host = TestHost::started(1);
    for id in 0..50 {
        host.send(&create(id, 1, note("n"), true));
    }
    host.run_until_idle();
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next).len(), 50);
    let status = status(&next);
    assert_eq!(
        (status.document_loads, status.loaded_documents, status.documents),
        (0, 0, 50)
    );
}

#[test]
fn many_small_changes_are_compacted_and_come_back() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note(""), true));
    let mut view = View::open(&host, 1, 1);
    for at in 0..1200 {
        host.call(&view.edits(vec![splice("title", at, 0, "x")]));
    }
    let records = host
        .store()
        .borrow()
        .records
        .keys()
        .filter(|key| key.starts_with(b"d"))
        .count();
    assert!(records < 600, "{records} records");
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(View::open(&next, 1, 1).text("title"), "x".repeat(1200));
    assert_eq!(View::open(&next, 1, 1).opened.applied_seq, 1200);
}

#[test]
fn a_shutdown_makes_durable_what_was_taken() {
    let host = TestHost::started(1);
    let created = host.send(&create(1, 1, note("last"), true));
    assert_eq!(host.instance().shutdown(1_000_000), 0);
    host.run_until_idle();
    assert_eq!(error(&host.take_answers(created)), None);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["last"]);
}

fn delete(id: u8) -> avatar_proto::Request {
    let document_id = vec![id; 16];
    ask(Ask::DocDelete(DocDelete { document_id }))
}

#[test]
fn a_deletion_ends_a_view_without_the_changes_that_were_under_way() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    let (mut own, other) = (View::open(&host, 1, 1), View::open(&host, 1, 2));
    host.hold_storage(true);
    // The first is in flight, and the second waits behind it.
    for at in 1..3 {
        host.send(&own.edits(vec![splice("title", at, 0, "!")]));
        host.run_until_idle();
    }
    host.send(&delete(1));
    host.hold_storage(false);
    host.run_until_idle();
    for view in [&own, &other] {
        let answers = host.take_answers(view.request);
        let [event, end] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        let Some(Answer::DocEvent(event)) = &event.response else {
            panic!("{event:?}")
        };
        assert!(matches!(event.event, Some(avatar_proto::doc_event::Event::Deleted(_))));
        assert!(matches!(end.response, Some(Answer::Done(_))));
    }
}

#[test]
fn a_deletion_sent_again_after_a_full_disk_is_stored_at_once() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert_eq!(error(&host.call(&delete(1))), Some(ErrorCode::QuotaExceeded));
    // The clock stands still: no timer helps.
    assert!(matches!(host.call(&delete(1))[0].response, Some(Answer::Done(_))));
    let next = host.restarted();
    next.start(&Default::default());
    assert!(titles(&next).is_empty());
}

#[test]
fn an_index_made_again_twice_at_once_misses_nothing() {
    let host = TestHost::started(1);
    for id in 0..20 {
        host.call(&create(id, 1, note("n"), true));
    }
    let rebuild = || host.send(&ask(Ask::IndexRebuild(IndexRebuild {})));
    let first = rebuild();
    (0..5).for_each(|_| host.step());
    let second = rebuild();
    // When the first one ends, the second one has read most documents.
    while !host.has_finished(first) {
        host.step();
    }
    assert!(!host.has_finished(second));
    host.send(&delete(0));
    host.run_until_idle();
    assert!(host.has_finished(second));
    assert_eq!(titles(&host).len(), 19);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next).len(), 19);
}

#[test]
fn an_index_made_again_while_the_first_document_is_created_has_it() {
    let host = TestHost::started(1);
    host.send(&ask(Ask::IndexRebuild(IndexRebuild {})));
    // It asks for all documents, and there is none.
    host.instance().turn(1000);
    host.send(&create(1, 1, note("first"), true));
    host.run_until_idle();
    assert_eq!(titles(&host), ["first"]);
}

#[test]
fn a_document_that_could_not_be_deleted_yet_is_not_listed_by_an_index_made_again() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("t"), true));
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    assert_eq!(error(&host.call(&delete(1))), Some(ErrorCode::QuotaExceeded));
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    host.call(&ask(Ask::IndexRebuild(IndexRebuild {})));
    assert!(titles(&host).is_empty());
    let crashed = host.restarted();
    crashed.start(&Default::default());
    assert_eq!(titles(&crashed), ["t"], "it is on disk still");
    // Whatever is written next takes the deletion along.
    host.call(&create(2, 1, note("other"), true));
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["other"]);
}

#[test]
fn a_compaction_stores_no_row_of_what_could_not_be_stored() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("old"), true));
    let mut view = View::open(&host, 1, 1);
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    host.call(&view.edits(vec![splice("title", 3, 0, "er")]));
    let compaction = host.send(&ask(Ask::Compact(avatar_proto::Compact {})));
    // It has looked which documents there are, and now stores what is left of the batch before.
    host.step();
    host.fail_next_storage(OpErrorCode::QuotaExceeded);
    host.run_until_idle();
    assert_eq!(error(&host.take_answers(compaction)), Some(ErrorCode::StorageIo));
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["old"]);
    assert_eq!(View::open(&next, 1, 1).text("title"), "old");
}

/// The records of document 1, by their keys.
fn records_of_1(host: &TestHost) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    let store = host.store();
    let store = store.borrow();
    let of_1 = store.records.iter().filter(|(key, _)| key.starts_with(b"d\x01"));
    of_1.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[test]
fn a_document_whose_records_were_put_back_to_an_earlier_state_is_reported_and_not_served() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("old"), true));
    let old = records_of_1(&host);
    let mut view = View::open(&host, 1, 1);
    host.call(&view.edits(vec![splice("title", 0, 3, "new")]));
    for record in records_of_1(&host).keys() {
        host.store().borrow_mut().records.remove(record);
    }
    host.store().borrow_mut().records.extend(old);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["new"], "the row was not put back");
    assert_eq!(error(&next.call(&open(1, 1))), Some(ErrorCode::Corrupt));
}

#[test]
fn a_deleted_document_that_was_put_back_is_not_served() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("gone"), true));
    let old = records_of_1(&host);
    host.call(&ask(Ask::DocDelete(DocDelete {
        document_id: vec![1; 16],
    })));
    let store = host.store();
    store.borrow_mut().records.retain(|key, _| key[0] != b't');
    store.borrow_mut().records.extend(old);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(error(&next.call(&open(1, 1))), Some(ErrorCode::NotFound));
}

#[test]
fn documents_without_any_segment_are_found_and_the_index_is_made_again() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, note("kept"), true));
    host.store().borrow_mut().records.retain(|key, _| key[0] != b'i');
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(titles(&next), ["kept"]);
    assert_eq!(status(&next).index_rebuilds, 1);
}
