//! The MUSTs of `proto/ABI.md` for hosts, against guests that test them. Run in a real browser.
#![cfg(target_arch = "wasm32")]

mod common;

use avatar_proto::host_frame::Frame;
use avatar_proto::{
    Durability, ErrorCode, Message, OpError, OpErrorCode, StorageBatch, StorageOp, StoragePut, StorageResult,
    storage_op,
};
use common::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const OK: i32 = 0;
const INVALID: i32 = -1;
const BAD_BUFFER: i32 = -2;
const UNSUPPORTED: i32 = -3;
const LIMIT: i32 = -4;
const NOT_FOUND: i32 = -6;

fn batch(ops: Vec<storage_op::Op>) -> Vec<u8> {
    StorageBatch {
        ops: ops.into_iter().map(|op| StorageOp { op: Some(op) }).collect(),
        durability: Durability::Relaxed.into(),
    }
    .encode_to_vec()
}

fn put(key: &[u8], value_len: u32) -> storage_op::Op {
    storage_op::Op::Put(StoragePut {
        key: key.to_vec(),
        value_len,
    })
}

fn get(key: &[u8]) -> storage_op::Op {
    storage_op::Op::Get(key.to_vec())
}

#[wasm_bindgen_test]
async fn h4_buffers_outside_of_the_memory_are_bad_buffer() {
    // Behind the end, across the end, and with a sum that wraps around.
    let mut probe = String::new();
    for (ptr, len) in [
        (0x7fff_0000u32, 16u32),
        (131_060, 100),
        (0xffff_fff0, 0x20),
        (0, u32::MAX),
    ] {
        let buffer = format!("(i32.const {}) (i32.const {})", ptr as i32, len as i32);
        let fine = "(i32.const 0) (i32.const 4)";
        probe += &format!(
            "(call $log (i32.const 1) {buffer}) (call $panic {buffer})
             (call $push (call $random {buffer}))
             (call $push (call $emit (i32.const 1) {buffer}))
             (call $push (call $respond (global.get $probing) (i32.const 1) {buffer} {fine}))
             (call $push (call $respond (global.get $probing) (i32.const 1) {fine} {buffer}))
             (call $push (call $storage (i64.const 1) {buffer} {fine}))
             (call $push (call $storage (i64.const 1) {fine} {buffer}))
             (call $push (call $net (i64.const 1) {buffer} {fine}))"
        );
    }
    probe += "(i32.store (i32.const 512) (i32.const 0x7fff0000)) (i32.store (i32.const 516) (i32.const 16))
              (call $push (call $stream_write (i32.const 1) (i32.const 512) (i32.const 1)))
              (call $push (call $stream_write (i32.const 1) (i32.const 512) (i32.const 0x20000000)))";
    let (_host, client) = host_with(&probe).await;
    assert_eq!(
        client.run(1, &command(b'Q', 0, b"", b"")).await,
        vec![BAD_BUFFER; 4 * 7 + 2]
    );
}

#[wasm_bindgen_test]
async fn h2_views_are_fresh_after_the_memory_has_grown() {
    let (_host, client) = host_with("").await;
    // Each buffer makes the memory grow: inside yuan_alloc, between two imports, and before the answer.
    for call in 1..=5 {
        let echo = vec![call as u8; 300_000];
        client.ask(call, &command(b'P', 0, &echo, b""));
        let (first, body, more) = client.answer(call).await;
        assert!(first == echo && body.is_empty() && more);
        let (last, body, more) = client.answer(call).await;
        assert!(last == echo && body == echo && !more);
    }
}

#[wasm_bindgen_test]
async fn h3_what_is_lent_is_copied_before_the_import_returns() {
    // The guest overwrites its buffers as soon as the import is back (see P and S in guest.wat).
    let (_host, client) = host_with("").await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let head = batch(vec![put(b"k", 5), get(b"k")]);
    assert_eq!(client.run(1, &command(b'S', 9, &head, b"value")).await, vec![OK]);
    let Heard::Completed { op, status, head, body } = heard(&client.next().await) else {
        panic!("a completion")
    };
    assert_eq!((op, status, body.as_slice()), (9, 0, &b"value"[..]));
    let result = StorageResult::decode(head.as_slice()).expect("a StorageResult");
    assert_eq!(result.reads[0].keys, vec![b"k".to_vec()]);
    assert_eq!(result.reads[0].value_lens, vec![5]);
}

#[wasm_bindgen_test]
async fn h1_a_guest_that_hands_out_memory_it_does_not_have_is_dropped() {
    let honest = "(local.set $ptr (global.get $heap))";
    let text = wat("");
    // Small buffers are honest: the greeting goes through.
    let hostile = text.replace(
        honest,
        &format!("(if (i32.gt_u (local.get $len) (i32.const 1000)) (then (return (i32.const 0x7fff0000)))) {honest}"),
    );
    assert_ne!(text, hostile);
    let host = start(&options(&compile(&hostile).await, "test")).await.expect("starts");
    let client = Client::attach(&host);
    client.ready().await;
    client.ask(1, &[b'P'; 2_000]);
    let error = client.error(1).await;
    assert_eq!((error.code(), error.retryable), (ErrorCode::Crashed, true));
    assert!(matches!(client.next().await.frame.frame, Some(Frame::Restarted(_))));
}

#[wasm_bindgen_test]
async fn h14_an_operation_ends_also_where_the_guest_has_no_room_for_its_result() {
    let honest = "(local.set $ptr (global.get $heap))";
    // The batch has its key twice and fits; the head of its result has it once.
    let range = "(i32.and (i32.gt_u (local.get $len) (i32.const 400)) (i32.lt_u (local.get $len) (i32.const 500)))";
    let text = wat("").replace(honest, &format!("(if {range} (then (return (i32.const 0)))) {honest}"));
    let host = start(&options(&compile(&text).await, "test")).await.expect("starts");
    let client = Client::attach(&host);
    client.ready().await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let key = [7; 420];
    let head = batch(vec![put(&key, 5), get(&key)]);
    assert_eq!(client.run(1, &command(b'S', 9, &head, b"value")).await, vec![OK]);
    let Heard::Completed { op, status, head, body } = heard(&client.next().await) else {
        panic!("a completion")
    };
    assert_eq!((op, status), (9, LIMIT));
    assert!(head.is_empty() && body.is_empty());
}

#[wasm_bindgen_test]
async fn g_a_guest_that_cannot_allocate_is_a_limit_and_no_crash() {
    let honest = "(local.set $ptr (global.get $heap))";
    let text = wat("").replace(
        honest,
        &format!("(if (i32.gt_u (local.get $len) (i32.const 1000)) (then (return (i32.const 0)))) {honest}"),
    );
    let host = start(&options(&compile(&text).await, "test")).await.expect("starts");
    let client = Client::attach(&host);
    client.ready().await;
    client.ask(1, &[b'P'; 2_000]);
    assert_eq!(client.error(1).await.code(), ErrorCode::Limit);
    assert_eq!(client.run(2, &command(b'U', 0, b"", b"")).await.len(), 1, "it lives");
}

#[wasm_bindgen_test]
async fn h11_answers_come_in_order_and_none_after_the_last() {
    let (_host, client) = host_with(
        "(drop (call $respond (global.get $probing) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (global.get $probing) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (global.get $probing) (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (i64.const 4711) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (i64.const -1) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (i64.const 0) (i32.const 2) (i32.const 256) (i32.const 6) (i32.const 0) (i32.const 0)))
         (drop (call $respond (global.get $probing) (i32.const 2) (i32.const 1024) (i32.const 20) (i32.const 0) (i32.const 0)))
         (call $push (call $respond (global.get $probing) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
         (call $log (i32.const 1) (i32.const 1044) (i32.const 4))",
    )
    .await;
    client.ask(1, &command(b'Q', 0, b"", b""));
    assert_eq!(client.answer(1).await, (vec![0x2a], vec![], true));
    let (statuses, _, more) = client.answer(1).await;
    assert!(!more);
    assert_eq!(
        numbers(&statuses),
        vec![INVALID, INVALID, NOT_FOUND, NOT_FOUND, INVALID]
    );
    // The guest answers once more after its last answer: nothing comes of it, and the number is free.
    assert_eq!(client.run(1, &command(b'U', 0, b"", b"")).await.len(), 1);
}

#[wasm_bindgen_test]
async fn h12_the_monotonic_clock_does_not_go_back() {
    let (_host, client) = host_with(
        "(local $n i32) (local $before i64) (local $now i64)
         (loop $again
           (local.set $now (call $monotonic_us))
           (if (i64.lt_s (local.get $now) (local.get $before)) (then (call $push (i32.const 1))))
           (local.set $before (local.get $now))
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
         (call $push (i64.gt_s (call $unix_us) (i64.const 1600000000000000)))",
    )
    .await;
    assert_eq!(
        client.run(1, &command(b'Q', 0, b"", b"")).await,
        vec![1],
        "only the last push"
    );
}

#[wasm_bindgen_test]
async fn h13_randomness_of_any_length() {
    // 200,000 bytes need four calls of the engine. Zeros in the last 16 bytes mean that they were not filled (or luck of 2^-128).
    let (_host, client) = host_with(
        "(drop (memory.grow (i32.const 8)))
         (call $push (call $random (i32.const 131072) (i32.const 200000)))
         (call $push (i32.and (i64.eqz (i64.load (i32.const 331056))) (i64.eqz (i64.load (i32.const 331064)))))
         (call $push (i64.eqz (i64.load (i32.const 331072))))
         (call $push (call $random (i32.const 0) (i32.const 0)))",
    )
    .await;
    assert_eq!(client.run(1, &command(b'Q', 0, b"", b"")).await, vec![OK, 0, 1, OK]);
}

#[wasm_bindgen_test]
async fn h14_an_operation_completes_exactly_once_also_after_a_cancel() {
    let (_host, client) = host_with("").await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let head = batch(vec![put(b"k", 1)]);
    client.send(vec![
        request(1, &command(b'S', 5, &head, b"v")),
        request(2, &command(b'K', 5, b"", b"")),
        request(3, &command(b'K', 5, b"", b"")),
        request(4, &command(b'K', 6, b"", b"")),
    ]);
    for (call, status) in [(1, OK), (2, OK), (3, OK), (4, NOT_FOUND)] {
        assert_eq!(numbers(&client.answer(call).await.0), vec![status], "call {call}");
    }
    let completed = heard(&client.next().await);
    assert!(
        matches!(completed, Heard::Completed { op: 5, status: 0, .. }),
        "{completed:?}"
    );
    // Anything further would come before this.
    assert_eq!(client.run(5, &command(b'K', 5, b"", b"")).await, vec![NOT_FOUND]);
}

#[wasm_bindgen_test]
async fn h15_batches_take_effect_in_the_order_of_acceptance() {
    let (_host, client) = host_with("").await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let frames = (0..100u8).map(|n| {
        let head = batch(vec![get(b"k"), put(b"k", 1)]);
        request(n.into(), &command(b'S', n + 1, &head, &[n]))
    });
    client.send(frames.collect());
    for call in 0..100u8 {
        assert_eq!(numbers(&client.answer(call.into()).await.0), vec![OK]);
    }
    for n in 0..100u8 {
        let Heard::Completed { op, status, body, .. } = heard(&client.next().await) else {
            panic!("a completion")
        };
        let before = n.checked_sub(1).map_or(vec![], |before| vec![before]);
        assert_eq!((op, status, body), (n + 1, 0, before));
    }
}

#[wasm_bindgen_test]
async fn h16_h20_where_there_is_no_webcrypto_keys_are_unsupported_and_not_in_the_status() {
    let subtle = |body: &str| {
        js_sys::Function::new_no_args(body)
            .call0(&wasm_bindgen::JsValue::UNDEFINED)
            .expect("the test's script");
    };
    let status = async |host: &avatar_web::Host| {
        let status = wasm_bindgen_futures::JsFuture::from(host.status())
            .await
            .expect("a status");
        let bytes = js_sys::Uint8Array::new(&status).to_vec();
        avatar_proto::HostStatus::decode(bytes.as_slice()).expect("a HostStatus")
    };
    let probe = "(call $push (call $keys (i64.const 1) (i32.const 256) (i32.const 6)))";
    let (with, _client) = host_with(probe).await;
    assert!(status(&with).await.capabilities.contains(&"keys".to_owned()));

    subtle("Object.defineProperty(crypto, 'subtle', { value: undefined, configurable: true });");
    let (without, client) = host_with(probe).await;
    let refused = client.run(1, &command(b'Q', 0, b"", b"")).await;
    let status = status(&without).await;
    subtle("delete crypto.subtle;");
    assert_eq!(refused, vec![UNSUPPORTED]);
    assert!(!status.capabilities.contains(&"keys".to_owned()));
    assert!(status.lacking.contains(&"no WebCrypto".to_owned()));
}

#[wasm_bindgen_test]
async fn h16_refused_is_what_is_malformed_missing_or_too_much() {
    let none = "(i32.const 0) (i32.const 0)";
    let some = "(i32.const 256) (i32.const 6)";
    let (_host, client) = host_with(&format!(
        "(call $push (call $infer (i64.const 1) {none} {none}))
         (call $push (call $p2p (i64.const 1) {none}))
         (call $push (call $emit (i32.const 2) {some}))
         (call $push (call $storage (i64.const 0) {none} {none}))
         (call $push (call $storage (i64.const 1) {some} {none}))
         (call $push (call $storage (i64.const 1) {none} {some}))
         (call $push (call $net (i64.const 1) {some} {none}))
         (call $push (call $net (i64.const 1) {none} {none}))
         (call $push (call $keys (i64.const 0) {some}))
         (call $push (call $keys (i64.const 1) {some}))
         (call $push (call $keys (i64.const 1) {none}))
         (call $push (call $cancel (i64.const 1)))
         (call $push (call $stream_grant (i32.const 1) (i32.const 1)))
         (call $push (call $stream_close (i32.const 1) (i32.const 3)))
         (call $push (call $stream_close (i32.const 1) (i32.const 4)))
         (call $push (call $stream_write (i32.const 1) {none}))
         (drop (memory.grow (i32.const 300)))
         (call $push (call $emit (i32.const 1) (i32.const 0) (i32.const 16777217)))"
    ))
    .await;
    assert_eq!(
        client.run(1, &command(b'Q', 0, b"", b"")).await,
        vec![
            UNSUPPORTED,
            UNSUPPORTED,
            UNSUPPORTED,
            INVALID,
            INVALID,
            INVALID,
            INVALID,
            INVALID,
            INVALID,
            INVALID,
            INVALID,
            NOT_FOUND,
            NOT_FOUND,
            NOT_FOUND,
            INVALID,
            NOT_FOUND,
            LIMIT,
        ]
    );
}

#[wasm_bindgen_test]
async fn h16_more_operations_than_the_limit_are_refused_and_the_others_complete() {
    let (_host, client) = host_with(
        "(local $op i64)
         (loop $again
           (local.set $op (i64.add (local.get $op) (i64.const 1)))
           (call $push (call $storage (local.get $op) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
           ;; Only the last two answers are of interest.
           (if (i64.lt_u (local.get $op) (i64.const 1024)) (then (global.set $out (i32.const 1024))))
           (br_if $again (i64.lt_u (local.get $op) (i64.const 1025))))
         (call $push (call $storage (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
    )
    .await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    assert_eq!(
        client.run(1, &command(b'Q', 0, b"", b"")).await,
        vec![OK, LIMIT, INVALID]
    );
    for _ in 0..1_024 {
        assert!(matches!(
            heard(&client.next().await),
            Heard::Completed { status: 0, .. }
        ));
    }
    assert_eq!(
        client.run(2, &command(b'Q', 0, b"", b"")).await,
        vec![OK, LIMIT, INVALID],
        "there is room again"
    );
}

#[wasm_bindgen_test]
async fn a_batch_that_reads_more_than_a_buffer_is_an_error_of_the_operation() {
    let (_host, client) = host_with("").await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let value = vec![1; 9 * 1024 * 1024];
    let head = batch(vec![put(b"k", value.len() as u32)]);
    assert_eq!(client.run(1, &command(b'S', 1, &head, &value)).await, vec![OK]);
    assert!(matches!(
        heard(&client.next().await),
        Heard::Completed { op: 1, status: 0, .. }
    ));
    let head = batch(vec![get(b"k"), get(b"k")]);
    assert_eq!(client.run(2, &command(b'S', 2, &head, b"")).await, vec![OK]);
    let Heard::Completed { op, status, head, .. } = heard(&client.next().await) else {
        panic!("a completion")
    };
    assert_eq!((op, status), (2, LIMIT));
    assert_eq!(
        OpError::decode(head.as_slice()).expect("an OpError").code(),
        OpErrorCode::TooLarge
    );
}

#[wasm_bindgen_test]
async fn h9_turns_go_on_while_there_is_work_and_stop_when_there_is_none() {
    let (_host, client) = host_with("").await;
    assert_eq!(client.run(1, &command_with(b'R', 0, 0)).await, vec![OK]);
    // Many turns between two answers, though nothing else happens; and messages come through meanwhile.
    let before = client.run(2, &command(b'U', 0, b"", b"")).await[0];
    let mut turns = before;
    let mut call = 3;
    while turns < before + 50 {
        turns = client.run(call, &command(b'U', 0, b"", b"")).await[0];
        call += 1;
    }
    assert_eq!(
        client.run(call, &command_with(b'R', 0, u32::MAX)).await,
        vec![OK],
        "idle"
    );
    let idle = client.run(call + 1, &command(b'U', 0, b"", b"")).await[0];
    let later = client.run(call + 2, &command(b'U', 0, b"", b"")).await[0];
    assert!(later <= idle + 2, "{later} turns after {idle}");
}

#[wasm_bindgen_test]
async fn h9_a_timer_brings_a_turn() {
    // After 5 ms the probe runs by itself: the guest counts turns, and the console hears of none.
    let (_host, client) = host_with("").await;
    assert_eq!(client.run(1, &command_with(b'R', 0, 5_000)).await, vec![OK]);
    let begin_ms = js_sys::Date::now();
    let first = client.run(2, &command(b'U', 0, b"", b"")).await[0];
    wait_ms(60).await;
    let second = client.run(3, &command(b'U', 0, b"", b"")).await[0];
    let passed_ms = js_sys::Date::now() - begin_ms;
    assert!(second >= first + 3, "{first} and then {second}");
    assert!(
        f64::from(second - first) <= passed_ms / 4.0 + 4.0,
        "{second} turns in {passed_ms} ms"
    );
}

/// The promise is of time: here time is what has to pass.
async fn wait_ms(delay_ms: i32) {
    let promise = js_sys::Function::new_with_args("ms", "return new Promise(resolve => setTimeout(resolve, ms))")
        .call1(&wasm_bindgen::JsValue::UNDEFINED, &delay_ms.into())
        .expect("a promise");
    wasm_bindgen_futures::JsFuture::from(js_sys::Promise::from(promise))
        .await
        .expect("resolves");
}
