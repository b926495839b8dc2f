//! A host in this process, with the real Meta Unit and a real database.

mod common;

use std::time::{Duration, Instant};

use avatar_native::boundary::Limits;
use avatar_native::client::Id;
use avatar_native::host::Standing;
use avatar_native::{Client, Host, HostErrorCode, MetaUnit, Options};
use avatar_proto::{AppError, Done, ErrorCode, Query, StatusGet, request, response};
use common::{answer, create, note, options, send_raw, start, trap, trap_bytes, unit, within};

async fn status(client: &Client) -> avatar_proto::StatusResult {
    match within(client.ask(request::Request::StatusGet(StatusGet {}))).await {
        Ok(response::Response::Status(status)) => status,
        other => panic!("a status, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart_and_has_the_same_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, client) = start(options(folder.path())).await;
    let did = client.ready().did.clone();
    assert!(did.starts_with("did:key:z"), "{did}");
    let id = create(&client, "Hello", "World 🌍").await;
    let before = within(client.get(id)).await.expect("the note");
    within(host.close()).await;
    let (host, client) = start(options(folder.path())).await;
    assert_eq!(client.ready().did, did);
    let after = within(client.get(id)).await.expect("the note");
    assert_eq!(after, before);
    assert_eq!(
        (after.value["title"].as_str(), after.value["body"].as_str()),
        (Some("Hello"), Some("World 🌍"))
    );
    let rows = within(client.query(Query::default())).await.expect("rows");
    assert_eq!(rows.len(), 1);
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_folder_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, _client) = start(options(folder.path())).await;
    let refused = Host::start(options(folder.path()))
        .await
        .err()
        .expect("must be refused");
    assert_eq!(refused.code, HostErrorCode::FolderInUse);
    within(host.close()).await;
    let (host, _client) = start(options(folder.path())).await;
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_a_trap_answers_what_is_in_flight_crashed_and_the_next_request_works_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, client) = start(options(folder.path())).await;
    let id = create(&client, "Before", "").await;
    let crashed = within(client.ask(trap())).await.expect_err("no answer of its own");
    assert_eq!((crashed.code(), crashed.retryable), (ErrorCode::Crashed, true));
    let since = Instant::now();
    let found = within(client.get(id)).await.expect("the note");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(found.value["title"], "Before");
    let host_status = within(client.host_status()).await.expect("a status");
    assert_eq!(host_status.restarts, 1);
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h8_a_request_that_crashes_two_instances_is_quarantined_and_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, client) = start(options(folder.path())).await;
    let retryable = |error: AppError| (error.code(), error.retryable);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let error = within(client.ask(trap())).await.expect_err("crashes");
        answers.push(retryable(error));
    }
    let crashed = |retryable| (ErrorCode::Crashed, retryable);
    assert_eq!(answers, vec![crashed(true), crashed(false), crashed(false)]);
    let host_status = within(client.host_status()).await.expect("a status");
    assert_eq!(host_status.restarts, 2, "the third was not handed over");
    create(&client, "Still here", "").await;
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h8_a_crash_loop_stops_and_everybody_is_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(options(folder.path())).await.expect("a host");
    let mut connection = host.attach();
    for nth in 0..5 {
        send_raw(&connection, u64::from(nth) + 1, trap_bytes(nth)).await;
        match answer(&mut connection, u64::from(nth) + 1).await {
            response::Response::Error(error) => assert_eq!(error.code(), ErrorCode::Crashed),
            other => panic!("crashed, not {other:?}"),
        }
    }
    let mut standing = host.standing();
    let failed = within(standing.wait_for(|standing| matches!(standing, Standing::Failed(_)))).await;
    match &*failed.expect("a standing") {
        Standing::Failed(error) => assert_eq!(error.code, HostErrorCode::CrashLoop),
        other => panic!("failed, not {other:?}"),
    };
    let late = within(Client::attach(host.attach()))
        .await
        .err()
        .expect("no host any more");
    assert!(late.message.starts_with("CRASH_LOOP"), "{}", late.message);
    within(host.close()).await;
    // The folder is whole, and a new host may try again.
    let (host, client) = start(options(folder.path())).await;
    assert_eq!(status(&client).await.corrupt_documents, 0);
    within(host.close()).await;
}

/// A guest that answers every request, but turns for ever on one that begins with 0xff.
const STUBBORN: &str = r#"(module
  (@custom "avatar:abi" "\01\00\00\00\00\00")
  (@custom "avatar:build" "00000000000000000000000000000000")
  (import "avatar_v1" "avatar_respond" (func $respond (param i64 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 32) "\12\00")
  (global $next (mut i32) (i32.const 1024))
  (global $hello (mut i32) (i32.const 0))
  (global $stuck (mut i32) (i32.const 0))
  (global $req (mut i64) (i64.const 0))
  (func (export "yuan_alloc") (param i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get 0))))
  (func (export "yuan_init") (param i32 i32) (result i32) (global.set $hello (i32.const 1)) (i32.const 0))
  (func (export "yuan_handle_request") (param i64 i32 i32) (result i32)
    (global.set $req (local.get 0))
    (global.set $stuck (i32.eq (i32.load8_u (local.get 1)) (i32.const 255)))
    (i32.const 0))
  (func (export "yuan_cancel_request") (param i64) (result i32) (i32.const 0))
  (func (export "yuan_complete") (param i64 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "yuan_stream_event") (param i32 i32 i64 i32 i32) (result i32) (i32.const 0))
  (func (export "yuan_shutdown") (param i64) (result i32) (i32.const 0))
  (func (export "yuan_turn") (param i32) (result i64)
    (if (global.get $hello) (then
      (drop (call $respond (i64.const 0) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
      (global.set $hello (i32.const 0))))
    (if (i64.ne (global.get $req) (i64.const 0)) (then
      (loop $forever (br_if $forever (global.get $stuck)))
      (drop (call $respond (global.get $req) (i32.const 2) (i32.const 32) (i32.const 2) (i32.const 0) (i32.const 0)))
      (global.set $req (i64.const 0))))
    (i64.const -1)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_never_ends_is_ended_and_the_next_request_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = wat::parse_str(STUBBORN).expect("a module");
    let unit = MetaUnit::from_bytes(&wasm, None).expect("a guest");
    let mut options = Options::new(unit, folder.path());
    options.limits.call = Duration::from_millis(300);
    let host = Host::start(options).await.expect("a host");
    let mut connection = host.attach();
    send_raw(&connection, 1, vec![0xff]).await;
    match answer(&mut connection, 1).await {
        response::Response::Error(error) => {
            assert_eq!(
                (error.code(), error.message.as_str()),
                (ErrorCode::Crashed, "wasm trap: interrupt")
            );
        }
        other => panic!("crashed, not {other:?}"),
    }
    send_raw(&connection, 2, vec![0x01]).await;
    assert_eq!(answer(&mut connection, 2).await, response::Response::Done(Done {}));
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_below_its_limit_and_the_node_goes_on() {
    const LIMIT: usize = 32 * 1024 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(folder.path());
    options.limits = Limits {
        memory_bytes: LIMIT,
        ..Limits::default()
    };
    let (host, client) = start(options).await;
    let huge = "x".repeat(12 * 1024 * 1024);
    let mut refused = 0;
    for nth in 0..2 {
        let id = Id::random().expect("randomness");
        let title = format!("Huge {nth}");
        if let Err(error) = within(client.create(id, "note", note(&title, &huge))).await {
            assert!(
                matches!(error.code(), ErrorCode::Limit | ErrorCode::Crashed),
                "{error:?}"
            );
            refused += 1;
        }
    }
    assert!(refused > 0, "24 MiB of text do not fit twice into 32 MiB");
    let id = create(&client, "Small", "").await;
    assert_eq!(within(client.get(id)).await.expect("the note").value["title"], "Small");
    let memory = status(&client).await.memory_bytes;
    assert!(memory <= LIMIT as u64, "{memory}");
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_bytes_that_are_no_request_are_answered_and_bytes_that_are_no_batch_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(options(folder.path())).await.expect("a host");
    let mut connection = host.attach();
    send_raw(&connection, 1, vec![0xff, 0xff]).await;
    match answer(&mut connection, 1).await {
        response::Response::Error(error) => assert_eq!(error.code(), ErrorCode::Malformed),
        other => panic!("malformed, not {other:?}"),
    }
    let nonsense = avatar_native::wire::Message::of(vec![0x0a, 0x7f]);
    assert!(connection.outgoing.send(nonsense).await);
    match answer(&mut connection, 0).await {
        response::Response::Error(error) => assert_eq!(error.code(), ErrorCode::Malformed),
        other => panic!("malformed, not {other:?}"),
    }
    within(host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_close_the_host_and_is_answered_when_the_folder_is_free() {
    use avatar_proto::{
        ClientBatch, ClientFrame, HostClose, HostRequest, Message, client_frame, host_frame, host_request,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let host = Host::start(options(folder.path())).await.expect("a host");
    let mut connection = host.attach();
    let close = HostRequest {
        request: Some(host_request::Request::Close(HostClose {})),
    };
    let frames = vec![ClientFrame {
        call: 9,
        frame: Some(client_frame::Frame::Host(close)),
    }];
    let message = avatar_native::wire::Message::of(ClientBatch { frames }.encode_to_vec());
    assert!(connection.outgoing.send(message).await);
    loop {
        let frames = common::frames(&mut connection).await;
        if frames
            .iter()
            .any(|frame| frame.call == 9 && matches!(frame.frame, Some(host_frame::Frame::Host(_))))
        {
            break;
        }
    }
    let (again, _client) = start(options(folder.path())).await;
    within(again.close()).await;
    assert_eq!(*host.standing().borrow(), Standing::Closed);
}

#[test]
fn h6_what_is_no_meta_unit_does_not_start() {
    assert_eq!(
        MetaUnit::from_bytes(b"\0asm\x01\0\0\0", None)
            .expect_err("no sections")
            .code,
        HostErrorCode::WrongModule
    );
    assert_eq!(unit().sha256().len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_with_imports_or_exports_of_its_own_is_refused() {
    for (what, with) in [
        (
            r#"(func (export "yuan_turn") (param i32) (result i64)"#,
            r#"(func (export "yuan_return") (param i32) (result i64)"#,
        ),
        (
            r#"(func (export "yuan_shutdown") (param i64)"#,
            r#"(func (export "yuan_shutdown") (param i32)"#,
        ),
        (r#"(memory (export "memory") 4)"#, "(memory 4)"),
        (
            r#""avatar_v1" "avatar_respond""#,
            r#""wasi_snapshot_preview1" "fd_write""#,
        ),
    ] {
        assert!(STUBBORN.contains(what), "{what}");
        let wasm = wat::parse_str(STUBBORN.replace(what, with)).expect("a module");
        let unit = MetaUnit::from_bytes(&wasm, None).expect("its sections are right");
        let folder = tempfile::tempdir().expect("a folder");
        let refused = Host::start(Options::new(unit, folder.path()))
            .await
            .err()
            .expect("must be refused");
        assert_eq!(refused.code, HostErrorCode::WrongModule, "{with}");
    }
}
