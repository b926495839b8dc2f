//! Record and replay (REPLAY.md), with the real Meta Unit.

mod common;

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::time::Duration;

use avatar_native::trace::{Header, Outcome, Reader, Record, ReplayError, TraceError, replay};
use avatar_native::{MetaUnit, Options};
use common::{create, options, start, trap, unit, within};

/// Records a session: writes, reads, a crash, a restart.
async fn record(folder: &Path, trace: &Path) {
    let mut options = options(folder);
    options.record = Some(trace.to_owned());
    let (host, client) = start(options).await;
    let id = create(&client, "First", "some text").await;
    for nth in 0..20 {
        create(&client, &format!("Note {nth}"), "#tag [[First]]").await;
    }
    within(client.ask(trap())).await.expect_err("crashes");
    assert_eq!(within(client.get(id)).await.expect("the note").value["title"], "First");
    within(host.close()).await;
}

fn replay_file(unit: &MetaUnit, trace: &Path) -> Result<Outcome, ReplayError> {
    replay_bytes(unit, fs::read(trace).expect("a trace"))
}

fn replay_bytes(unit: &MetaUnit, bytes: Vec<u8>) -> Result<Outcome, ReplayError> {
    replay(unit, Cursor::new(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_replays_byte_for_byte_through_a_crash_and_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    let outcome = replay_file(&unit(), &trace).expect("the same");
    assert_eq!((outcome.instances, outcome.cut_short), (2, false));
    assert!(outcome.calls > 200, "{outcome:?}");
    // A replay needs nothing but the file: a second one is the same.
    assert_eq!(replay_file(&unit(), &trace).expect("the same"), outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_on_the_same_folder_replays_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    record(folder.path(), &trace).await;
    assert_eq!(replay_file(&unit(), &trace).expect("the same").instances, 2);
}

/// The bytes of a trace of these records.
fn encode(header: &Header, records: &[Record]) -> Vec<u8> {
    let mut bytes = header.encode();
    bytes.extend(records.iter().flat_map(Record::encode));
    bytes
}

/// Reads a trace into its records.
fn records(trace: &Path) -> (Header, Vec<Record>) {
    let mut reader = Reader::new(BufReader::new(File::open(trace).expect("a trace"))).expect("a trace");
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("a record") {
        records.push(record);
    }
    (reader.header().clone(), records)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_at_which_a_run_differs_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    let (header, records) = records(&trace);
    // The guest is given another random byte than then: what it makes of it differs.
    let random = records
        .iter()
        .position(|record| matches!(record, Record::Import(call) if !call.written.is_empty()))
        .expect("the guest asks for randomness");
    let mut changed = records.clone();
    let Record::Import(call) = &mut changed[random] else {
        panic!("an import")
    };
    call.written[0] ^= 1;
    let bytes = encode(&header, &changed);
    match replay_bytes(&unit(), bytes).expect_err("must differ") {
        ReplayError::Differs {
            call,
            recorded,
            replayed,
        } => {
            assert!(call > random as u64 + 1, "after the byte was given: {call}");
            assert_ne!(recorded, replayed);
        }
        other => panic!("a difference, not {other}"),
    }
    // An answer that the guest never gave is named where it stands.
    let turn = records
        .iter()
        .position(|record| matches!(record, Record::Return(n) if *n > 0))
        .expect("a return");
    let mut changed = records.clone();
    changed[turn] = Record::Return(-7);
    let bytes = encode(&header, &changed);
    match replay_bytes(&unit(), bytes).expect_err("must differ") {
        ReplayError::Differs { call, recorded, .. } => {
            assert_eq!((call, recorded.as_str()), (turn as u64 + 1, "return -7"));
        }
        other => panic!("a difference, not {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_was_cut_off_replays_up_to_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    let bytes = fs::read(&trace).expect("a trace");
    let whole = replay_bytes(&unit(), bytes.clone()).expect("the same");
    for part in 1..8 {
        let cut = bytes[..bytes.len() * part / 8].to_vec();
        let outcome = replay_bytes(&unit(), cut).expect("the same up to there");
        assert!(outcome.calls < whole.calls, "{part}/8: {outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_the_host_ended_replays_up_to_there() {
    const ENDLESS: &str = r#"(module
      (@custom "avatar:abi" "\01\00\00\00\00\00")
      (@custom "avatar:build" "00000000000000000000000000000000")
      (import "avatar_v1" "avatar_clock_unix_us" (func $clock (result i64)))
      (memory (export "memory") 1)
      (func (export "yuan_alloc") (param i32) (result i32) (i32.const 1024))
      (func (export "yuan_init") (param i32 i32) (result i32) (i32.const 0))
      (func (export "yuan_handle_request") (param i64 i32 i32) (result i32) (i32.const 0))
      (func (export "yuan_cancel_request") (param i64) (result i32) (i32.const 0))
      (func (export "yuan_complete") (param i64 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "yuan_stream_event") (param i32 i32 i64 i32 i32) (result i32) (i32.const 0))
      (func (export "yuan_shutdown") (param i64) (result i32) (i32.const 0))
      (func (export "yuan_turn") (param i32) (result i64) (drop (call $clock)) (loop (br 0)) (i64.const -1)))"#;
    let unit = MetaUnit::from_bytes(&wat::parse_str(ENDLESS).expect("a module"), None).expect("a guest");
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    let mut options = Options::new(unit.clone(), folder.path());
    options.limits.call = Duration::from_millis(100);
    options.record = Some(trace.clone());
    // Every instance is ended in its first turn: the host gives up after the fifth.
    let failed = within(avatar_native::Host::start(options))
        .await
        .err()
        .expect("a crash loop");
    assert_eq!(failed.code, avatar_native::HostErrorCode::CrashLoop);
    let outcome = replay_file(&unit, &trace).expect("the same");
    assert_eq!((outcome.instances, outcome.cut_short), (5, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_another_module_and_a_file_that_is_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    let (mut header, records) = records(&trace);
    header.sha256[0] ^= 1;
    let bytes = encode(&header, &records);
    assert!(matches!(
        replay_bytes(&unit(), bytes),
        Err(ReplayError::OtherModule { .. })
    ));
    assert!(matches!(
        replay_bytes(&unit(), b"not a trace".to_vec()),
        Err(ReplayError::Trace(TraceError::NoTrace))
    ));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("run.trace");
    record(folder.path(), &trace).await;
    assert_eq!(
        fs::metadata(&trace).expect("a file").permissions().mode() & 0o777,
        0o600
    );
}
