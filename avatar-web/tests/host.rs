//! The life of a host: start, clients, crashes, close. Run in a real browser.
#![cfg(target_arch = "wasm32")]

mod common;

use avatar_proto::host_frame::Frame;
use avatar_proto::host_request::Request as HostAsk;
use avatar_proto::{
    AppError, ErrorCode, HostClose, HostPersisted, HostResponse, HostStatus, HostStatusGet, Message, StorageKind,
    host_response,
};
use avatar_web::Host;
use common::*;
use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// The next frame, which is the host's own answer to this call.
async fn host_answer(client: &Client, call: u64) -> host_response::Response {
    let told = client.next().await;
    match told.frame.frame {
        Some(Frame::Host(HostResponse { response: Some(answer) })) if told.frame.call == call => answer,
        other => panic!("the host's answer to {call}, and not {other:?}"),
    }
}

/// The next frame, which is `failed`.
async fn failed(client: &Client) -> AppError {
    match client.next().await.frame.frame {
        Some(Frame::Failed(failed)) => failed.error.expect("an error"),
        other => panic!("failed, and not {other:?}"),
    }
}

async fn restarted(client: &Client) -> u32 {
    match client.next().await.frame.frame {
        Some(Frame::Restarted(restarted)) => restarted.restarts,
        other => panic!("restarted, and not {other:?}"),
    }
}

async fn refused(options: &Object) -> String {
    code_of(&start(options).await.err().expect("the start is refused"))
}

// ---- start

#[wasm_bindgen_test]
async fn h6_a_module_of_another_abi_is_refused() {
    let good = wat("");
    let abi = r#"(@custom "avatar:abi" "\01\00\00\00\00\00")"#;
    for (bad, code) in [
        (
            good.replace(abi, r#"(@custom "avatar:abi" "\02\00\00\00\00\00")"#),
            "WRONG_MODULE",
        ),
        (
            good.replace(abi, r#"(@custom "avatar:abi" "\01\00\05\00\05\00")"#),
            "WRONG_MODULE",
        ),
        (good.replace(abi, r#"(@custom "avatar:abi" "\01")"#), "WRONG_MODULE"),
        (good.replace(abi, ""), "WRONG_MODULE"),
        (
            good.replace(r#"(@custom "avatar:build" "#, r#"(@custom "other" "#),
            "WRONG_MODULE",
        ),
        (good.replace(r#"(func (export "yuan_turn")"#, "(func "), "WRONG_MODULE"),
        (
            good.replace(r#"(memory (export "memory") 2)"#, "(memory 2)"),
            "WRONG_MODULE",
        ),
        (good.replace("\"avatar_log\"", "\"avatar_fax\""), "WRONG_MODULE"),
    ] {
        assert_ne!(bad, good);
        assert_eq!(refused(&options(&compile(&bad).await, "test")).await, code);
    }
}

#[wasm_bindgen_test]
async fn a_module_of_another_build_is_refused() {
    let module = compile(&wat("")).await;
    let options = options(&module, "test");
    set(&options, "buildId", &"00".repeat(32).into());
    assert_eq!(refused(&options).await, "WRONG_BUILD");
    let id: String = b"0123456789abcdef0123456789abcdef"
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    set(&options, "buildId", &id.as_str().into());
    let host = start(&options).await.expect("the right one");
    let client = Client::attach(&host);
    assert_eq!(client.ready().await.build_id, id.to_lowercase());
}

#[wasm_bindgen_test]
async fn wrong_options_are_refused() {
    let module = compile(&wat("")).await;
    for (name, value) in [
        ("name", JsValue::from("")),
        ("name", JsValue::UNDEFINED),
        ("module", JsValue::from("module")),
        ("module", JsValue::NULL),
        ("storage", JsValue::from("tape")),
        ("storage", JsValue::from(7)),
        ("log", JsValue::from(7)),
    ] {
        let options = options(&module, "test");
        set(&options, name, &value);
        assert_eq!(refused(&options).await, "INVALID_ARGUMENT", "{name}");
    }
    assert_eq!(
        code_of(
            &Host::start(JsValue::UNDEFINED.unchecked_into())
                .await
                .err()
                .expect("refused")
        ),
        "INVALID_ARGUMENT"
    );
}

#[wasm_bindgen_test]
async fn a_guest_that_cannot_start_says_why() {
    // GuestHello.error: code 17 (SCHEMA_TOO_NEW), message "no".
    let text = wat("")
        .replace(r#""\2a\0cdid:key:test""#, r#""\32\08\08\11\12\02no\18\00""#)
        .replace(
            "(i32.const 0) (i32.const 14) (i32.const 0) (i32.const 0)))\n\n  ;; Answers",
            "(i32.const 0) (i32.const 10) (i32.const 0) (i32.const 0)))\n\n  ;; Answers",
        );
    let error = start(&options(&compile(&text).await, "test"))
        .await
        .err()
        .expect("refused");
    assert_eq!(code_of(&error), "SCHEMA_TOO_NEW");
    assert_eq!(
        Reflect::get(&error, &"name".into()).expect("an Error"),
        "AvatarHostError"
    );
    assert_eq!(Reflect::get(&error, &"retryable".into()).expect("an Error"), false);
}

#[wasm_bindgen_test]
async fn a_guest_that_never_greets_is_refused_and_not_waited_for() {
    let greeting =
        "(call $respond (i64.const 0) (i32.const 2) (i32.const 0) (i32.const 14) (i32.const 0) (i32.const 0)))";
    let text = wat("").replacen(greeting, "(i32.const 0))", 1);
    assert_ne!(text, wat(""));
    assert_eq!(refused(&options(&compile(&text).await, "test")).await, "INTERNAL");
}

#[wasm_bindgen_test]
async fn a_guest_that_traps_at_every_start_is_a_crash_loop() {
    let text = wat("").replacen("(global.set $turns", "(unreachable) (global.set $turns", 1);
    let text = text.replacen(
        "(call $respond (i64.const 0) (i32.const 2) (i32.const 0) (i32.const 14) (i32.const 0) (i32.const 0)))",
        "(i32.const 0))",
        1,
    );
    let text = text.replacen(
        r#"(func (export "yuan_turn") (param $budget i32) (result i64)"#,
        r#"(func (export "yuan_turn") (param $budget i32) (result i64) (unreachable)"#,
        1,
    );
    assert_eq!(refused(&options(&compile(&text).await, "test")).await, "CRASH_LOOP");
}

// ---- clients

#[wasm_bindgen_test]
async fn the_first_frame_is_ready() {
    let (_host, client) = host_with("").await;
    assert_eq!(client.messages(), 1);
    let second = Client::attach(&_host);
    let ready = second.ready().await;
    assert_eq!(ready.did, "did:key:test");
    assert_eq!(ready.storage(), StorageKind::Memory);
    assert_eq!(ready.storage_reason, "asked for");
}

#[wasm_bindgen_test]
async fn all_answers_of_a_turn_come_in_one_message() {
    let (_host, client) = host_with("").await;
    let before = client.messages();
    client.send(
        (1..=100)
            .map(|call| request(call, &command(b'U', 0, b"", b"")))
            .collect(),
    );
    for call in 1..=100 {
        client.answer(call).await;
    }
    assert_eq!(client.messages(), before + 1);
}

#[wasm_bindgen_test]
async fn clients_have_numbers_of_their_own_and_all_hear_events() {
    let (host, one) = host_with("").await;
    let two = Client::attach(&host);
    two.ready().await;
    one.send(vec![request(7, &command(b'P', 0, b"one", b""))]);
    two.send(vec![request(7, &command(b'P', 0, b"two", b""))]);
    assert_eq!(one.answer(7).await.0, b"one");
    assert_eq!(one.answer(7).await.0, b"one");
    assert_eq!(two.answer(7).await.0, b"two");
    assert_eq!(two.answer(7).await.0, b"two");
    one.ask(8, &command(b'E', 1, b"event", b""));
    for client in [&one, &two] {
        let told = client.next().await;
        assert_eq!(
            (told.frame.call, told.frame.frame),
            (0, Some(Frame::Event(b"event".to_vec())))
        );
    }
    assert_eq!(numbers(&one.answer(8).await.0), vec![0]);
}

#[wasm_bindgen_test]
async fn what_is_no_batch_is_answered_malformed_and_harms_nobody() {
    let (_host, client) = host_with("").await;
    for bytes in [&b"\x0a\xff\xff"[..], b"\xff\xff\xff\xff", b"\x0a\x02\x12\x7f"] {
        client.send_bytes(bytes);
        assert_eq!(client.error(0).await.code(), ErrorCode::Malformed);
    }
    for message in [
        JsValue::NULL,
        "text".into(),
        Object::new().into(),
        Array::of1(&1.into()).into(),
    ] {
        client.port.post_message(&message).expect("an open port");
        assert_eq!(client.error(0).await.code(), ErrorCode::Malformed);
    }
    let huge = Object::new();
    set(&huge, "batch", &Uint8Array::new_with_length(64 * 1024 * 1024 + 1));
    client.port.post_message(&huge).expect("an open port");
    assert_eq!(client.error(0).await.code(), ErrorCode::Malformed);
    client.send_bytes(&[0x0a, 0x00].repeat(65_537));
    assert_eq!(client.error(0).await.code(), ErrorCode::Malformed);
    client.send_bytes(b"");
    assert_eq!(client.run(1, &command(b'U', 0, b"", b"")).await.len(), 1, "it serves");
}

#[wasm_bindgen_test]
async fn frames_that_are_unknown_or_doubled_are_answered_typed() {
    let (_host, client) = host_with("").await;
    client.send(vec![avatar_proto::ClientFrame { call: 3, frame: None }]);
    assert_eq!(client.error(3).await.code(), ErrorCode::UnknownRequest);
    client.send(vec![
        request(5, &command(b'H', 0, b"", b"")),
        request(5, &command(b'U', 0, b"", b"")),
    ]);
    assert_eq!(client.error(0).await.code(), ErrorCode::InvalidArgument);
    client.send(vec![cancel(5), cancel(99)]);
    assert_eq!(
        numbers(&client.answer(5).await.0),
        vec![77],
        "the call it doubled goes on"
    );
}

#[wasm_bindgen_test]
async fn a_cancel_ends_a_call_with_the_guests_answer_or_the_hosts() {
    let (_host, client) = host_with("").await;
    client.ask(1, &command(b'H', 0, b"", b""));
    assert_eq!(
        client.run(2, &command(b'U', 0, b"", b"")).await.len(),
        1,
        "1 is in flight"
    );
    client.send(vec![cancel(1)]);
    assert_eq!(numbers(&client.answer(1).await.0), vec![77]);
    // In one message: cancelled before the guest had it.
    client.send(vec![request(3, &command(b'H', 0, b"", b"")), cancel(3)]);
    assert_eq!(client.error(3).await.code(), ErrorCode::Cancelled);
}

#[wasm_bindgen_test]
async fn a_detached_client_is_told_nothing_more_and_its_calls_are_cancelled() {
    let (host, one) = host_with("").await;
    let two = Client::attach(&host);
    two.ready().await;
    one.ask(1, &command(b'H', 0, b"", b""));
    assert_eq!(one.run(2, &command(b'U', 0, b"", b"")).await.len(), 1);
    let messages = one.messages();
    host.detach(one.id);
    host.detach(one.id);
    assert_eq!(
        two.run(3, &command(b'W', 0, b"", b"")).await,
        vec![1],
        "the Meta Unit was told to cancel"
    );
    two.ask(4, &command(b'E', 1, b"x", b""));
    assert!(matches!(two.next().await.frame.frame, Some(Frame::Event(_))));
    two.answer(4).await;
    one.ask(5, &command(b'U', 0, b"", b""));
    assert_eq!(two.run(5, &command(b'U', 0, b"", b"")).await.len(), 1);
    assert_eq!(one.messages(), messages);
    let status = HostStatus::decode(
        JsFuture::from(host.status())
            .await
            .expect("a status")
            .unchecked_into::<Uint8Array>()
            .to_vec()
            .as_slice(),
    )
    .expect("a HostStatus");
    assert_eq!(status.clients, 1);
}

#[wasm_bindgen_test]
async fn a_broadcast_channel_is_a_port() {
    let module = compile(&wat("")).await;
    let host = start(&options(&module, "test")).await.expect("starts");
    let make = Function::new_with_args("name", "return new BroadcastChannel(name)");
    let channel = |name: &str| make.call1(&JsValue::UNDEFINED, &name.into()).expect("a channel");
    let name = format!("avatar:test:{}", js_sys::Math::random());
    let (theirs, ours) = (channel(&name), channel(&name));
    let first = Function::new_with_args(
        "channel",
        "return new Promise(resolve => { channel.onmessage = event => resolve(event.data.batch) })",
    );
    let promise = first.call1(&JsValue::UNDEFINED, &ours).expect("a promise");
    host.attach(theirs.unchecked_into()).expect("a port");
    let batch = JsFuture::from(js_sys::Promise::from(promise)).await.expect("a message");
    let batch =
        avatar_proto::HostBatch::decode(batch.unchecked_into::<Uint8Array>().to_vec().as_slice()).expect("a HostBatch");
    assert!(matches!(batch.frames[0].frame, Some(Frame::Ready(_))));
}

#[wasm_bindgen_test]
async fn a_port_that_does_not_wait_is_served() {
    // The far end answers from inside postMessage: the host must not fall over its own feet.
    let (host, _client) = host_with("").await;
    let batch = Uint8Array::from(
        avatar_proto::ClientBatch {
            frames: vec![request(1, &command(b'P', 0, b"again", b""))],
        }
        .encode_to_vec()
        .as_slice(),
    );
    let make = Function::new_with_args(
        "batch",
        "const port = { told: 0, onmessage: null, postMessage() { if (++port.told < 20) port.onmessage({ data: { batch } }); else port.done(); } };
         port.end = new Promise(resolve => { port.done = resolve; });
         return port;",
    );
    let port = make.call1(&JsValue::UNDEFINED, &batch).expect("a port");
    let end = Reflect::get(&port, &"end".into()).expect("a promise");
    host.attach(port.unchecked_into()).expect("a port");
    JsFuture::from(js_sys::Promise::from(end))
        .await
        .expect("twenty messages");
}

// ---- crashes

#[wasm_bindgen_test]
async fn h7_after_a_trap_calls_are_answered_crashed_and_the_next_is_served_within_a_second() {
    let (host, client) = host_with("").await;
    let other = Client::attach(&host);
    other.ready().await;
    other.ask(1, &command(b'H', 0, b"", b""));
    assert_eq!(other.run(2, &command(b'U', 0, b"", b"")).await.len(), 1);
    let begin_ms = js_sys::Date::now();
    client.ask(1, b"T.....");
    // Sent while there may be no instance: waits for the next one.
    client.ask(2, &command(b'U', 0, b"", b""));
    let error = client.error(1).await;
    assert_eq!((error.code(), error.retryable), (ErrorCode::Crashed, true));
    assert!(
        error.message.contains("a line"),
        "the guest's last words: {}",
        error.message
    );
    assert_eq!(other.error(1).await.code(), ErrorCode::Crashed);
    assert_eq!(restarted(&client).await, 1);
    assert_eq!(restarted(&other).await, 1);
    assert_eq!(
        numbers(&client.answer(2).await.0),
        vec![1],
        "a new instance, in its second turn"
    );
    assert!(js_sys::Date::now() - begin_ms < 1_000.0);
    let late = Client::attach(&host);
    late.ready().await;
}

#[wasm_bindgen_test]
async fn h7_storage_outlives_the_instance() {
    let (_host, client) = host_with("").await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let batch = |op| {
        avatar_proto::StorageBatch {
            ops: vec![avatar_proto::StorageOp { op: Some(op) }],
            durability: 1,
        }
        .encode_to_vec()
    };
    let put = avatar_proto::storage_op::Op::Put(avatar_proto::StoragePut {
        key: b"k".to_vec(),
        value_len: 5,
    });
    assert_eq!(client.run(1, &command(b'S', 1, &batch(put), b"value")).await, vec![0]);
    heard(&client.next().await);
    client.ask(2, b"T.....");
    // By their numbers: the console's is the larger one.
    assert_eq!(client.error(CONSOLE).await.code(), ErrorCode::Crashed);
    assert_eq!(client.error(2).await.code(), ErrorCode::Crashed);
    restarted(&client).await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    let get = avatar_proto::storage_op::Op::Get(b"k".to_vec());
    assert_eq!(client.run(3, &command(b'S', 1, &batch(get), b"")).await, vec![0]);
    let Heard::Completed { body, .. } = heard(&client.next().await) else {
        panic!("a completion")
    };
    assert_eq!(body, b"value");
}

#[wasm_bindgen_test]
async fn h8_a_request_that_crashes_twice_is_quarantined_and_others_are_not_blamed() {
    let (_host, client) = host_with("").await;
    let bad = b"T.bad.";
    let innocent = command(b'U', 0, b"innocent", b"");
    client.send(vec![request(1, &innocent), request(2, bad)]);
    // The innocent was answered in the turn that trapped: its answer had been given.
    client.answer(1).await;
    assert!(client.error(2).await.retryable);
    restarted(&client).await;
    client.send(vec![request(3, bad), request(4, &innocent)]);
    assert!(!client.error(3).await.retryable, "twice");
    restarted(&client).await;
    client.answer(4).await;
    client.ask(5, bad);
    let error = client.error(5).await;
    assert_eq!((error.code(), error.retryable), (ErrorCode::Crashed, false));
    assert_eq!(client.run(6, &innocent).await.len(), 1, "no third crash");
}

#[wasm_bindgen_test]
async fn h8_what_is_in_flight_at_many_crashes_is_not_blamed_and_blocks_nobody_for_long() {
    let (_host, client) = host_with("").await;
    let waiting = command(b'H', 0, b"a live query", b"");
    for nth in 1..=3u8 {
        client.send(vec![request(1, &waiting), request(2, &[b'T', nth, 0, 0, 0, 0])]);
        assert!(client.error(1).await.retryable, "crash {nth}");
        assert_eq!(client.error(2).await.code(), ErrorCode::Crashed);
        restarted(&client).await;
    }
    // Under suspicion and without an answer: others wait for it, but not for ever.
    client.send(vec![request(3, &waiting), request(4, &command(b'U', 0, b"", b""))]);
    assert_eq!(numbers(&client.answer(4).await.0).len(), 1);
    client.send(vec![cancel(3)]);
    assert_eq!(numbers(&client.answer(3).await.0), vec![77]);
}

#[wasm_bindgen_test]
async fn h8_a_crash_loop_ends_in_failed() {
    let module = compile(&wat("")).await;
    let options = options(&module, "test");
    let told = Function::new_no_args(
        "let tell; const told = new Promise(resolve => { tell = resolve; }); return { told, tell };",
    )
    .call0(&JsValue::UNDEFINED)
    .expect("a promise");
    set(
        &options,
        "onfailed",
        &Reflect::get(&told, &"tell".into()).expect("a function"),
    );
    let host = start(&options).await.expect("starts");
    let client = Client::attach(&host);
    client.ready().await;
    for nth in 1..=5u8 {
        client.ask(nth.into(), &[b'T', nth, 0, 0, 0, 0]);
        assert_eq!(client.error(nth.into()).await.code(), ErrorCode::Crashed);
        if nth < 5 {
            assert_eq!(restarted(&client).await, u32::from(nth));
        }
    }
    let error = failed(&client).await;
    assert_eq!(error.code(), ErrorCode::Crashed);
    assert!(error.message.starts_with("CRASH_LOOP"));
    let told = JsFuture::from(js_sys::Promise::from(
        Reflect::get(&told, &"told".into()).expect("a promise"),
    ))
    .await
    .expect("told");
    assert_eq!(code_of(&told), "CRASH_LOOP");
    client.ask(9, &command(b'U', 0, b"", b""));
    assert_eq!(client.error(9).await.code(), ErrorCode::Crashed);
    failed(&Client::attach(&host)).await;
}

// ---- status and close

#[wasm_bindgen_test]
async fn the_status_says_what_there_is_and_what_is_lacking() {
    let (_host, client) = host_with("").await;
    client.ask_host(1, HostAsk::Persisted(HostPersisted { persisted: true }));
    assert!(matches!(
        host_answer(&client, 1).await,
        host_response::Response::Done(_)
    ));
    client.ask_host(2, HostAsk::Status(HostStatusGet {}));
    let host_response::Response::Status(status) = host_answer(&client, 2).await else {
        panic!("a status")
    };
    assert!(status.persisted);
    assert_eq!(status.storage(), StorageKind::Memory);
    assert_eq!((status.clients, status.restarts), (1, 0));
    assert_eq!(status.build_id.len(), 64);
    assert!(status.quota_bytes > 0, "Chromium gives an estimate");
    assert!(
        status.lacking.is_empty(),
        "Chromium lacks nothing: {:?}",
        status.lacking
    );
}

#[wasm_bindgen_test]
async fn close_lets_what_was_sent_before_it_end_and_tells_everybody() {
    let (host, one) = host_with("").await;
    let two = Client::attach(&host);
    two.ready().await;
    one.ask(1, &command(b'P', 0, b"last", b""));
    one.ask_host(2, HostAsk::Close(HostClose {}));
    assert_eq!(one.answer(1).await.0, b"last");
    assert_eq!(one.answer(1).await.0, b"last");
    assert!(matches!(host_answer(&one, 2).await, host_response::Response::Done(_)));
    assert_eq!(failed(&two).await.code(), ErrorCode::Closed);
    two.ask(3, &command(b'U', 0, b"", b""));
    assert_eq!(two.error(3).await.code(), ErrorCode::Closed);
    JsFuture::from(host.close()).await.expect("idempotent");
    assert_eq!(failed(&Client::attach(&host)).await.code(), ErrorCode::Closed);
}

#[wasm_bindgen_test]
async fn calls_that_a_guest_leaves_open_end_with_the_host() {
    let (host, client) = host_with("").await;
    client.ask(1, &command(b'H', 0, b"", b""));
    assert_eq!(client.run(2, &command(b'U', 0, b"", b"")).await.len(), 1);
    JsFuture::from(host.close()).await.expect("closes");
    assert_eq!(client.error(1).await.code(), ErrorCode::Closed);
}

// ---- storage that the browser blocks

#[wasm_bindgen_test]
async fn blocked_storage_degrades_to_memory_and_says_why() {
    let hide = Function::new_with_args(
        "getter",
        "Object.defineProperty(globalThis, 'indexedDB', { configurable: true, get: getter })",
    );
    let restore = Function::new_no_args("delete globalThis.indexedDB");
    let blocked = Function::new_no_args("throw new DOMException('denied', 'SecurityError')");
    let missing = Function::new_no_args("return undefined");
    let broken_open =
        Function::new_no_args("return { open() { throw new DOMException('private', 'InvalidStateError') } }");
    let module = compile(&wat("")).await;
    for (getter, words) in [
        (&blocked, "SecurityError"),
        (&missing, "no IndexedDB"),
        (&broken_open, "InvalidStateError"),
    ] {
        hide.call1(&JsValue::UNDEFINED, getter).expect("configurable");
        let options = options(&module, "test");
        set(&options, "storage", &"auto".into());
        let host = start(&options).await;
        restore.call0(&JsValue::UNDEFINED).expect("configurable");
        let host = host.expect("starts all the same");
        let client = Client::attach(&host);
        let ready = client.ready().await;
        assert_eq!(ready.storage(), StorageKind::Memory);
        assert!(ready.storage_reason.contains(words), "{}", ready.storage_reason);
    }
}
