//! Every promise that ABI.md makes for the guest (G1 to G7), kept towards hosts that behave and hosts that do not.

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AbiStatus, ErrorCode, HostHello, Message, OpErrorCode, Query, QueryRun, QuerySubscribe, Request, Response,
    StatusGet, TestTrap,
};
use meta_unit::abi::test_host::TestHost;
use proptest::prelude::*;

const OK: i32 = 0;
const INVALID: i32 = AbiStatus::Invalid.code();
const BAD_BUFFER: i32 = AbiStatus::BadBuffer.code();
const LIMIT: i32 = AbiStatus::Limit.code();
const NOT_FOUND: i32 = AbiStatus::NotFound.code();
const BAD_STATE: i32 = AbiStatus::BadState.code();

fn ask(request: Ask) -> Request {
    Request { request: Some(request) }
}

fn status() -> Request {
    ask(Ask::StatusGet(StatusGet {}))
}

fn error_code(answers: &[Response]) -> Option<ErrorCode> {
    match answers.last()?.response.as_ref()? {
        Answer::Error(error) => Some(error.code()),
        _ => None,
    }
}

#[test]
fn g1_every_export_refuses_a_buffer_that_is_not_in_the_ledger_and_does_nothing() {
    let host = TestHost::started(1);
    let unit = host.instance();
    let (ptr, len) = host.give(b"a live buffer");
    for (ptr, len) in [
        (ptr, len + 1),
        (ptr + 1, len - 1),
        (0, 4),
        (usize::MAX, 1),
        (1, usize::MAX),
    ] {
        assert_eq!(unit.handle_request(1, ptr, len), BAD_BUFFER);
        assert_eq!(unit.complete(1, 0, (ptr, len), (0, 0)), BAD_BUFFER);
        assert_eq!(unit.complete(1, 0, (0, 0), (ptr, len)), BAD_BUFFER);
        assert_eq!(unit.stream_event(2, 6, 0, ptr, len), BAD_BUFFER);
        assert_eq!(TestHost::new(1).instance().init(ptr, len), BAD_BUFFER);
    }
    assert_eq!(
        unit.handle_request(1, ptr, len),
        OK,
        "the buffer and the number are untouched"
    );
    assert!(host.closed_streams().is_empty());
}

#[test]
fn g2_an_export_owns_a_buffer_of_the_ledger_whatever_it_returns() {
    let host = TestHost::started(1);
    let unit = host.instance();
    let (ptr, len) = host.give(b"request");
    assert_eq!(unit.handle_request(0, ptr, len), INVALID);
    assert_eq!(unit.handle_request(1, ptr, len), BAD_BUFFER);
    let (ptr, len) = host.give(b"completion");
    assert_eq!(unit.complete(99, 0, (ptr, len), (0, 0)), NOT_FOUND);
    assert_eq!(unit.complete(99, 0, (ptr, len), (0, 0)), BAD_BUFFER);
    let (ptr, len) = host.give(b"hello");
    assert_eq!(unit.init(ptr, len), BAD_STATE);
    assert_eq!(unit.init(ptr, len), BAD_BUFFER);
}

#[test]
fn g3_before_init_only_alloc_and_init_are_legal() {
    let host = TestHost::new(1);
    let unit = host.instance();
    assert_ne!(unit.alloc(1), 0);
    assert_eq!(unit.handle_request(1, 0, 0), BAD_STATE);
    assert_eq!(unit.cancel_request(1), BAD_STATE);
    assert_eq!(unit.complete(1, 0, (0, 0), (0, 0)), BAD_STATE);
    assert_eq!(unit.stream_event(2, 6, 0, 0, 0), BAD_STATE);
    assert_eq!(unit.turn(1000), i64::from(BAD_STATE));
    assert_eq!(unit.shutdown(0), BAD_STATE);
    assert_eq!(unit.init(0, 0), OK);
    assert_eq!(unit.init(0, 0), BAD_STATE, "once");
}

#[test]
fn g3_after_shutdown_only_turn_and_complete_are_legal() {
    let host = TestHost::started(1);
    let unit = host.instance();
    let live = host.send(&ask(Ask::QuerySubscribe(QuerySubscribe {
        query: Some(Query::default()),
    })));
    host.run_until_idle();
    assert!(!host.has_finished(live));
    assert_eq!(unit.shutdown(-1), INVALID);
    assert_eq!(unit.shutdown(1000), OK);
    assert_eq!(unit.shutdown(1000), BAD_STATE);
    assert_eq!(unit.handle_request(9, 0, 0), BAD_STATE);
    assert_eq!(unit.cancel_request(live), BAD_STATE);
    assert_eq!(unit.stream_event(2, 6, 0, 0, 0), BAD_STATE);
    assert_eq!(unit.init(0, 0), BAD_STATE);
    assert_eq!(unit.complete(9, 0, (0, 0), (0, 0)), NOT_FOUND);
    host.run_until_idle();
    assert!(host.has_finished(live));
    assert_eq!(error_code(&host.take_answers(live)), Some(ErrorCode::Closed));
    assert_eq!(unit.turn(1000), -1);
}

#[test]
fn g3_an_export_called_from_inside_an_import_is_bad_state() {
    let host = TestHost::started(1);
    host.reenter();
    let answers = host.call(&status());
    assert!(matches!(answers[0].response, Some(Answer::Status(_))));
    let codes = host.reentry_codes();
    assert!(!codes.is_empty());
    assert!(codes.iter().all(|code| *code == i64::from(BAD_STATE)), "{codes:?}");
}

#[test]
fn g4_request_numbers_are_not_zero_and_unique_in_flight() {
    let host = TestHost::started(1);
    let unit = host.instance();
    assert_eq!(unit.handle_request(0, 0, 0), INVALID);
    assert_eq!(
        unit.handle_request(-7, 0, 0),
        OK,
        "a number is 64 bits, whatever they are"
    );
    assert_eq!(unit.handle_request(-7, 0, 0), INVALID);
    host.run_until_idle();
    assert_eq!(unit.handle_request(-7, 0, 0), OK, "H10: free again after its FIN");
}

#[test]
fn g4_requests_over_the_limit_are_refused_and_the_others_end() {
    let host = TestHost::started(1);
    let unit = host.instance();
    for req in 1..=i64::from(avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS) {
        assert_eq!(unit.handle_request(req, 0, 0), OK);
    }
    assert_eq!(unit.handle_request(1 << 40, 0, 0), LIMIT);
    host.run_until_idle();
    for req in 1..=i64::from(avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS) {
        assert_eq!(host.take_answers(req).len(), 1);
        assert!(host.has_finished(req));
    }
}

#[test]
fn g4_no_buffer_is_larger_than_the_limit() {
    let host = TestHost::new(1);
    let max = avatar_proto::DEFAULT_MAX_BUFFER_BYTES as usize;
    assert_ne!(host.instance().alloc(max), 0);
    assert_eq!(host.instance().alloc(max + 1), 0);
    assert_eq!(host.instance().alloc(0), 0);
    assert_eq!(host.instance().alloc(usize::MAX), 0);
}

#[test]
fn g5_bytes_that_are_no_request_are_malformed() {
    let host = TestHost::started(1);
    for bytes in [
        &b"\x0a\xff"[..],
        b"\x0a",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x52\x02\x0a\x7f",
    ] {
        let req = host.send_bytes(bytes);
        host.run_until_idle();
        assert_eq!(
            error_code(&host.take_answers(req)),
            Some(ErrorCode::Malformed),
            "{bytes:?}"
        );
    }
}

#[test]
fn g5_a_request_of_a_later_version_is_unknown() {
    let host = TestHost::started(1);
    // Field 999, a message of two bytes; and nothing at all.
    for bytes in [&b"\xba\x3e\x02\x08\x01"[..], b""] {
        let req = host.send_bytes(bytes);
        host.run_until_idle();
        assert_eq!(
            error_code(&host.take_answers(req)),
            Some(ErrorCode::UnknownRequest),
            "{bytes:?}"
        );
    }
}

#[test]
fn g6_a_completion_without_a_pending_operation_has_no_effect() {
    let host = TestHost::new(1);
    let unit = host.instance();
    assert_eq!(unit.init(0, 0), OK);
    host.hold_storage(true);
    host.run_until_idle();
    let ops = host.pending_ops();
    let op = *ops.first().expect("start-up reads storage") as i64;
    assert_eq!(unit.complete(op + 1000, 0, (0, 0), (0, 0)), NOT_FOUND);
    assert_eq!(unit.complete(0, 0, (0, 0), (0, 0)), NOT_FOUND);
    assert_eq!(
        unit.complete(op, 1, (0, 0), (0, 0)),
        INVALID,
        "a status is 0 or negative"
    );
    assert_eq!(unit.complete(op, AbiStatus::Io.code(), (0, 0), (0, 0)), OK);
    assert_eq!(unit.complete(op, 0, (0, 0), (0, 0)), NOT_FOUND, "completed twice");
    unit.turn(1000);
}

#[test]
fn g6_a_cancel_of_an_unknown_request_is_not_found_and_of_a_known_one_ends_it_once() {
    let host = TestHost::started(1);
    let unit = host.instance();
    assert_eq!(unit.cancel_request(5), NOT_FOUND);
    let live = host.send(&ask(Ask::QuerySubscribe(QuerySubscribe {
        query: Some(Query::default()),
    })));
    host.run_until_idle();
    host.take_answers(live);
    assert_eq!(unit.cancel_request(live), OK);
    assert_eq!(unit.cancel_request(live), OK, "it is in flight until its FIN");
    host.run_until_idle();
    assert_eq!(error_code(&host.take_answers(live)), Some(ErrorCode::Cancelled));
    assert!(host.has_finished(live));
    assert_eq!(unit.cancel_request(live), NOT_FOUND);
}

#[test]
fn g6_a_request_cancelled_before_its_turn_still_ends_once() {
    let host = TestHost::started(1);
    let req = host.send(&ask(Ask::QuerySubscribe(QuerySubscribe {
        query: Some(Query::default()),
    })));
    assert_eq!(host.instance().cancel_request(req), OK);
    host.run_until_idle();
    assert!(host.has_finished(req));
}

#[test]
fn g7_a_stream_that_nobody_takes_is_reset() {
    let host = TestHost::started(1);
    let unit = host.instance();
    assert_eq!(unit.stream_event(2, 6, 0, 0, 0), OK);
    assert_eq!(unit.stream_event(2, 6, 0, 0, 0), INVALID, "open already");
    assert_eq!(
        unit.stream_event(2, 2, 0, 0, 0),
        OK,
        "data that nobody granted: the reset answers it"
    );
    assert_eq!(unit.stream_event(3, 6, 0, 0, 0), INVALID, "hosts pick even numbers");
    assert_eq!(unit.stream_event(2, 7, 0, 0, 0), INVALID, "no such kind");
    host.run_until_idle();
    assert_eq!(host.closed_streams(), [(2, 3)]);
    assert_eq!(unit.stream_event(2, 2, 0, 0, 0), NOT_FOUND);
}

#[test]
fn requests_that_come_before_the_greeting_are_answered_after_it() {
    let host = TestHost::new(1);
    assert_eq!(host.instance().init(0, 0), OK);
    host.hold_storage(true);
    let req = host.send(&status());
    host.run_until_idle();
    assert!(host.greeting().is_none() && !host.has_finished(req));
    host.hold_storage(false);
    host.run_until_idle();
    assert!(host.greeting().is_some_and(|hello| hello.error.is_none()));
    assert!(matches!(host.take_answers(req)[0].response, Some(Answer::Status(_))));
}

#[test]
fn a_start_that_fails_is_told_in_the_greeting_and_to_every_request() {
    let host = TestHost::new(1);
    host.fail_next_storage(OpErrorCode::StorageBlocked);
    let hello = host.start(&HostHello::default());
    assert_eq!(hello.error.map(|error| error.code()), Some(ErrorCode::StorageBlocked));
    assert_eq!(error_code(&host.call(&status())), Some(ErrorCode::StorageBlocked));
}

#[test]
fn a_host_that_refuses_storage_is_told_so() {
    let host = TestHost::new(1);
    host.refuse_storage(Some(AbiStatus::Unsupported));
    let hello = host.start(&HostHello::default());
    assert_eq!(hello.error.map(|error| error.code()), Some(ErrorCode::Unsupported));
}

#[test]
fn storage_of_a_newer_schema_is_refused_and_left_alone() {
    let host = TestHost::started(1);
    let version = 7_u32.to_le_bytes();
    let record = meta_unit::data::records::seal(&version);
    host.store()
        .borrow_mut()
        .records
        .insert(meta_unit::data::keys::schema(), record);
    let before = host.store().borrow().records.clone();
    let next = host.restarted();
    let hello = next.start(&HostHello::default());
    assert_eq!(hello.error.map(|error| error.code()), Some(ErrorCode::SchemaTooNew));
    assert_eq!(next.store().borrow().records, before);
}

#[test]
fn the_same_owner_is_there_after_a_crash() {
    let host = TestHost::new(1);
    let first = host.start(&HostHello::default());
    assert!(first.did.starts_with("did:key:z6Mk"));
    let second = host.restarted().start(&HostHello::default());
    assert_eq!(first.did, second.did);
}

#[test]
fn test_requests_are_denied_unless_the_host_allows_them() {
    let host = TestHost::started(1);
    assert_eq!(
        error_code(&host.call(&ask(Ask::TestTrap(TestTrap {})))),
        Some(ErrorCode::Denied)
    );
}

#[test]
fn a_shutdown_ends_everything_at_its_deadline_even_if_storage_never_answers() {
    let host = TestHost::new(1);
    assert_eq!(host.instance().init(0, 0), OK);
    host.hold_storage(true);
    let req = host.send(&status());
    host.run_until_idle();
    assert_eq!(host.instance().shutdown(5_000), OK);
    host.run_until_idle();
    host.advance_us(5_001);
    assert_eq!(error_code(&host.take_answers(req)), Some(ErrorCode::Closed));
    assert_eq!(
        host.cancelled_ops(),
        host.pending_ops(),
        "what is pending is asked to stop"
    );
    assert_eq!(host.instance().turn(1000), -1);
}

#[test]
fn an_instance_that_is_dropped_holds_its_host_no_longer() {
    let host = TestHost::started(1);
    let live = ask(Ask::QuerySubscribe(QuerySubscribe {
        query: Some(Query::default()),
    }));
    let created = |id| {
        ask(Ask::DocCreate(avatar_proto::DocCreate {
            document_id: vec![id; 16],
            session: vec![2; 16],
            r#type: "note".to_owned(),
            ..Default::default()
        }))
    };
    // A live query, a view, a timer, and a batch that never ends.
    host.call(&live);
    host.call(&created(1));
    host.hold_storage(true);
    host.call(&created(2));
    let imports = host.imports();
    drop(host);
    assert!(imports.upgrade().is_none());
}

#[test]
fn an_empty_budget_still_makes_progress() {
    let host = TestHost::started(1);
    let reqs: Vec<_> = (0..10).map(|_| host.send(&status())).collect();
    let mut turns = 0;
    while host.instance().turn(0) == 0 {
        turns += 1;
        assert!(turns < 1000, "no progress");
    }
    assert!(reqs.into_iter().all(|req| host.has_finished(req)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever a host calls, in whatever order, with whatever numbers and bytes: no panic, and every request that was taken ends exactly once (the host
    /// panics on an answer after a FIN).
    #[test]
    fn no_sequence_of_calls_panics_and_every_request_taken_ends_once(calls in proptest::collection::vec(call(), 0..60)) {
        let host = TestHost::new(1);
        let mut taken = Vec::new();
        for call in &calls {
            call.make(&host, &mut taken);
        }
        if host.instance().turn(1000) == i64::from(BAD_STATE) {
            return Ok(());
        }
        host.run_until_idle();
        if host.instance().shutdown(1) == OK {
            host.run_until_idle();
        }
        host.advance_us(2_000_000);
        for req in taken {
            prop_assert!(host.has_finished(req), "request {req} never ended");
        }
    }

    /// Real requests with flipped bits and cut ends: a typed answer, and never a panic.
    #[test]
    fn damaged_requests_are_answered(seed in any::<u64>(), flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..6), cut in any::<prop::sample::Index>(), which in 0..4_usize) {
        let host = TestHost::started(seed);
        let query = Query { r#type: "note".to_owned(), limit: 3, select: vec!["title".to_owned()], ..Query::default() };
        let request = match which {
            0 => ask(Ask::QueryRun(QueryRun { query: Some(query) })),
            1 => ask(Ask::QuerySubscribe(QuerySubscribe { query: Some(query) })),
            2 => ask(Ask::DocCreate(avatar_proto::DocCreate { document_id: vec![1; 16], session: vec![2; 16], r#type: "note".to_owned(), ..Default::default() })),
            _ => ask(Ask::DocOpen(avatar_proto::DocOpen { document_id: vec![1; 16], session: vec![2; 16] })),
        };
        let mut bytes = request.encode_to_vec();
        for (index, bit) in flips {
            let index = index.index(bytes.len());
            bytes[index] ^= 1 << bit;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let req = host.send_bytes(&bytes);
        host.run_until_idle();
        prop_assert!(host.has_finished(req) || !host.take_answers(req).is_empty());
    }
}

/// One call of a hostile host.
#[derive(Clone, Debug)]
enum Call {
    Init(Vec<u8>),
    Request(i64, Vec<u8>),
    WrongBuffer(i64, usize, usize),
    Cancel(i64),
    Complete(i64, i32, Vec<u8>, Vec<u8>),
    Stream(i32, i32, i64, Vec<u8>),
    Turn(i32),
    Run,
    Shutdown(i64),
}

fn call() -> impl Strategy<Value = Call> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        2 => bytes().prop_map(Call::Init),
        2 => Just(Call::Init(Vec::new())),
        6 => (-2..20_i64, bytes()).prop_map(|(req, bytes)| Call::Request(req, bytes)),
        6 => (1..20_i64).prop_map(|req| Call::Request(req, status().encode_to_vec())),
        1 => (any::<i64>(), any::<usize>(), any::<usize>()).prop_map(|(req, ptr, len)| Call::WrongBuffer(req, ptr, len)),
        2 => (-2..20_i64).prop_map(Call::Cancel),
        3 => (0..6_i64, -14..2_i32, bytes(), bytes()).prop_map(|(op, status, head, body)| Call::Complete(op, status, head, body)),
        2 => (-1..6_i32, 0..8_i32, any::<i64>(), bytes()).prop_map(|(stream, kind, arg, data)| Call::Stream(stream, kind, arg, data)),
        3 => any::<i32>().prop_map(Call::Turn),
        2 => Just(Call::Run),
        1 => any::<i64>().prop_map(Call::Shutdown),
    ]
}

impl Call {
    fn make(&self, host: &TestHost, taken: &mut Vec<i64>) {
        let unit = host.instance();
        match self {
            Self::Init(bytes) => {
                let (ptr, len) = host.give(bytes);
                unit.init(ptr, len);
            }
            Self::Request(req, bytes) => {
                let (ptr, len) = host.give(bytes);
                if unit.handle_request(*req, ptr, len) == OK {
                    host.forget_request(*req);
                    taken.push(*req);
                }
            }
            Self::WrongBuffer(req, ptr, len) => {
                unit.handle_request(*req, *ptr, *len);
            }
            Self::Cancel(req) => {
                unit.cancel_request(*req);
            }
            Self::Complete(op, status, head, body) => {
                let (head, body) = (host.give(head), host.give(body));
                if unit.complete(*op, *status, head, body) == OK {
                    host.forget_op(*op);
                }
            }
            Self::Stream(stream, kind, arg, data) => {
                let (ptr, len) = host.give(data);
                unit.stream_event(*stream, *kind, *arg, ptr, len);
            }
            Self::Turn(budget_us) => {
                unit.turn(*budget_us);
            }
            Self::Run => {
                if unit.turn(1000) >= -1 {
                    host.run_until_idle();
                }
            }
            Self::Shutdown(deadline_us) => {
                unit.shutdown(*deadline_us);
            }
        }
    }
}
