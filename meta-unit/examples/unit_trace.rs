//! Replays a real editing trace through a whole Meta Unit, and says where the time goes.
//!
//! `cargo run --release --features test-platform --example unit_trace`

use avatar_proto::doc_change::Change;
use avatar_proto::path_step::Step;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind;
use avatar_proto::{DocChange, DocCreate, DocOpen, MapEntry, MapValue, PathStep, Request, Response, TextRun, Value};
use meta_unit::abi::test_host::TestHost;

/// Splices in one request, as the facade sends them.
const RUN: usize = 512;

/// The processor time of this thread, in seconds: the machine may be busy.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ')
        .next()
        .and_then(|ns| ns.parse::<f64>().ok())
        .expect("nanoseconds")
        / 1e9
}

fn main() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/traces/automerge-paper.json.gz"
    );
    let file = std::fs::File::open(path).expect("the trace is in ../shared/data");
    let trace: serde_json::Value =
        serde_json::from_reader(flate2::read::GzDecoder::new(file)).expect("the trace is JSON");
    let patches: Vec<(u32, u32, String)> = trace["txns"]
        .as_array()
        .expect("txns")
        .iter()
        .flat_map(|txn| txn["patches"].as_array().expect("patches"))
        .map(|patch| {
            let number = |at: usize| patch[at].as_u64().expect("a number") as u32;
            (number(0), number(1), patch[2].as_str().expect("a text").to_owned())
        })
        .collect();
    let host = TestHost::started(1);
    let body = Value {
        kind: Some(Kind::String(String::new())),
    };
    let content = MapValue {
        entries: vec![MapEntry {
            key: "body".to_owned(),
            value: Some(body),
        }],
    };
    let (document_id, session) = (vec![1; 16], vec![1; 16]);
    let create = DocCreate {
        document_id: document_id.clone(),
        session: session.clone(),
        r#type: "note".to_owned(),
        content: Some(content),
        detached: false,
    };
    let Some(Answer::DocOpened(opened)) = host.call(&ask(Ask::DocCreate(create))).remove(0).response else {
        panic!("not created")
    };
    let start = cpu_s();
    let mut seq = 1;
    for part in patches.chunks(RUN) {
        let run = TextRun {
            path: vec![PathStep {
                step: Some(Step::Key("body".to_owned())),
            }],
            indexes: part.iter().map(|patch| patch.0).collect(),
            deletes: part.iter().map(|patch| patch.1).collect(),
            insert_lens: part.iter().map(|patch| patch.2.encode_utf16().count() as u32).collect(),
            inserted: part.iter().map(|patch| patch.2.as_str()).collect(),
        };
        let change = DocChange {
            view: opened.view,
            change_seq: seq,
            seen_version: 0,
            change: Some(Change::Run(run)),
            message: String::new(),
        };
        seq += part.len() as u64;
        let answers = host.call(&ask(Ask::DocChange(change)));
        assert!(
            matches!(answers[0].response, Some(Answer::DocChanged(_))),
            "{answers:?}"
        );
    }
    println!("{} splices: {:.2} s of processor time", patches.len(), cpu_s() - start);
    let stored: usize = host.store().borrow().records.values().map(Vec::len).sum();
    println!(
        "stored: {} records, {} KB",
        host.store().borrow().records.len(),
        stored / 1024
    );
    let next = host.restarted();
    assert_eq!(next.start(&Default::default()).error, None);
    let start = cpu_s();
    let answers = next.call(&ask(Ask::DocOpen(DocOpen { document_id, session })));
    println!(
        "opened in {:.2} s of processor time: {} pages",
        cpu_s() - start,
        answers.len() - 1
    );
    let Some(Response {
        response: Some(Answer::SnapshotPage(page)),
    }) = answers.last()
    else {
        panic!("no page")
    };
    assert!(page.last);
}

fn ask(request: Ask) -> Request {
    Request { request: Some(request) }
}
