//! Writes the first inputs of each corpus: what a unit and its clients really say. Found inputs are added beside them.

use std::path::Path;

use avatar_fuzz::unsealed;
use avatar_proto::doc_change::Change;
use avatar_proto::edit::Op;
use avatar_proto::filter::Filter as FilterKind;
use avatar_proto::path_step::Step;
use avatar_proto::request::Request as Ask;
use avatar_proto::value::Kind;
use avatar_proto::*;
use meta_unit::abi::test_host::TestHost;
use meta_unit::data::records;

const ID: [u8; 16] = [7; 16];
const SESSION: [u8; 16] = [9; 16];

fn main() -> std::io::Result<()> {
    for (at, ask) in asks().into_iter().enumerate() {
        write("request", at, &encoded(ask))?;
    }
    write("hello", 0, &HostHello::default().encode_to_vec())?;
    let hello = HostHello {
        abi_minor: 3,
        host: "host/1".to_owned(),
        capabilities: vec![Capability::Storage.into(), Capability::Net.into()],
        limits: Some(Limits {
            max_buffer_bytes: 65_536,
            max_inflight: 4,
            max_streams: 2,
        }),
        name: "home".to_owned(),
        allow_test_requests: true,
    };
    write("hello", 1, &hello.encode_to_vec())?;
    write("hello", 2, &[0x0a])?;
    for (at, completions) in completions().iter().enumerate() {
        write("completion", at, completions)?;
    }
    stored()?;
    for (at, frames) in client_batches().iter().enumerate() {
        write("frames", at, &frames.encode_to_vec())?;
    }
    for (at, lines) in [
        "https:\nexample.org\n\n\nGET\naccept",
        "http:\nlocalhost\n\n\nPOST\ncookie",
        "https:\n[::ffff:10.0.0.1]\n\n\nPUT\nproxy-x",
        "https:\n192.168.1.1\nuser\npassword\nTRACE\nsec-fetch-mode",
    ]
    .iter()
    .enumerate()
    {
        write("policy", at, lines.as_bytes())?;
    }
    Ok(())
}

fn write(target: &str, number: usize, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("first-{number:02}")), bytes)
}

fn encoded(ask: Ask) -> Vec<u8> {
    Request { request: Some(ask) }.encode_to_vec()
}

fn string(text: &str) -> Value {
    Value {
        kind: Some(Kind::String(text.to_owned())),
    }
}

fn content() -> MapValue {
    let list = Kind::List(ListValue {
        items: vec![string("red"), string("日本")],
    });
    let entries = [
        ("body", Kind::String("some text 😀".to_owned())),
        ("count", Kind::Counter(3)),
        ("due", Kind::TimestampMs(1_767_225_600_000)),
        ("ratio", Kind::Double(0.5)),
        ("tags", list),
        ("title", Kind::String("a title".to_owned())),
    ];
    MapValue {
        entries: entries
            .map(|(key, kind)| MapEntry {
                key: key.to_owned(),
                value: Some(Value { kind: Some(kind) }),
            })
            .into(),
    }
}

fn create() -> Ask {
    Ask::DocCreate(DocCreate {
        document_id: ID.to_vec(),
        session: SESSION.to_vec(),
        r#type: "note".to_owned(),
        content: Some(content()),
        detached: true,
    })
}

fn key(key: &str) -> PathStep {
    PathStep {
        step: Some(Step::Key(key.to_owned())),
    }
}

fn edit(path: Vec<PathStep>, op: Op) -> Edit {
    Edit { path, op: Some(op) }
}

fn edits() -> EditList {
    let index = PathStep {
        step: Some(Step::Index(1)),
    };
    EditList {
        edits: vec![
            edit(vec![key("title")], Op::Put(string("another"))),
            edit(
                vec![key("body")],
                Op::Text(TextSplice {
                    index: 4,
                    delete: 1,
                    insert: "-".to_owned(),
                }),
            ),
            edit(
                vec![key("tags"), index],
                Op::Insert(ListValue {
                    items: vec![string("new")],
                }),
            ),
            edit(vec![key("count")], Op::Increment(-2)),
            edit(vec![key("due")], Op::Delete(1)),
        ],
    }
}

fn run() -> TextRun {
    TextRun {
        path: vec![key("body")],
        indexes: vec![0, 1, 2],
        deletes: vec![0, 0, 1],
        insert_lens: vec![1, 2, 0],
        inserted: "a😀".to_owned(),
    }
}

fn change(change_seq: u64, change: Change) -> Ask {
    Ask::DocChange(DocChange {
        view: 1,
        change_seq,
        seen_version: 0,
        change: Some(change),
        message: "why".to_owned(),
    })
}

fn query() -> Query {
    let compare = Compare {
        field: "title".to_owned(),
        op: CompareOp::Prefix.into(),
        values: vec![string("a")],
    };
    let compare = Filter {
        filter: Some(FilterKind::Compare(compare)),
    };
    Query {
        r#type: "note".to_owned(),
        r#where: Some(Filter {
            filter: Some(FilterKind::Not(Box::new(Filter {
                filter: Some(FilterKind::And(FilterList { filters: vec![compare] })),
            }))),
        }),
        order_by: vec![Order {
            field: "updatedAt".to_owned(),
            descending: true,
        }],
        limit: 3,
        offset: 1,
        select: vec!["title".to_owned()],
    }
}

fn asks() -> Vec<Ask> {
    let document_id = ID.to_vec();
    let session = SESSION.to_vec();
    let query = Some(query());
    vec![
        create(),
        Ask::DocOpen(DocOpen {
            document_id: document_id.clone(),
            session,
        }),
        change(1, Change::Edits(edits())),
        change(1, Change::Run(run())),
        change(1, Change::Undo(true)),
        Ask::DocDelete(DocDelete {
            document_id: document_id.clone(),
        }),
        Ask::DocHistory(DocHistory {
            document_id: document_id.clone(),
            limit: 2,
            offset: 1,
        }),
        Ask::DocAt(DocAt {
            document_id,
            heads: vec![vec![1; 32]],
        }),
        Ask::QueryRun(QueryRun { query: query.clone() }),
        Ask::QuerySubscribe(QuerySubscribe { query }),
        Ask::StatusGet(StatusGet {}),
        Ask::IndexRebuild(IndexRebuild {}),
        Ask::Compact(Compact {}),
    ]
}

/// Answers of a disk, as the target reads them.
fn completions() -> Vec<Vec<u8>> {
    let empty = StorageResult {
        reads: vec![StorageRead::default()],
    };
    let found = StorageResult {
        reads: vec![StorageRead {
            keys: vec![b"mschema".to_vec()],
            value_lens: vec![9],
            more: false,
        }],
    };
    let error = OpError {
        code: OpErrorCode::QuotaExceeded.into(),
        message: "full".to_owned(),
    };
    let framed = |status: u8, head: Vec<u8>, body: &[u8]| {
        [&[status, head.len() as u8, body.len() as u8][..], &head, body].concat()
    };
    let schema = records::seal(&1_u32.to_le_bytes());
    vec![
        framed(0, empty.encode_to_vec(), &[]).repeat(2),
        framed(0, found.encode_to_vec(), &schema),
        framed(11, error.encode_to_vec(), &[]),
    ]
}

/// The records of a unit that has worked.
fn stored() -> std::io::Result<()> {
    let host = unsealed::started();
    let call = |ask| host.call(&Request { request: Some(ask) });
    call(create());
    let born = contents(&host, b"d");
    let session = SESSION.to_vec();
    let opened = call(Ask::DocOpen(DocOpen {
        document_id: ID.to_vec(),
        session,
    }));
    let Some(response::Response::DocOpened(opened)) = opened.first().and_then(|answer| answer.response.clone()) else {
        return Err(std::io::Error::other("it was not opened"));
    };
    for (seq, made) in [(1, Change::Edits(edits())), (2, Change::Run(run()))] {
        let Ask::DocChange(mut change) = change(seq, made) else {
            continue;
        };
        change.view = opened.view;
        call(Ask::DocChange(change));
    }
    let chunks = contents(&host, b"d");
    call(Ask::Compact(Compact {}));
    let whole = contents(&host, b"d");
    for (at, content) in born.iter().chain(&chunks).chain(&whole).enumerate() {
        write("document", at, content)?;
        write("record", at, &records::seal(content))?;
        // Field 2 of a chunk: the changes.
        if let Some(changes) = changes_of(content).filter(|changes| !changes.is_empty()) {
            write("changes", at, &changes)?;
        }
    }
    for (at, segment) in contents(&host, b"i").iter().enumerate() {
        write("segment", at, segment)?;
    }
    write("segment", 90, &[0, 0, 0, 2, 0])?;
    write(
        "segment",
        91,
        &[0, 0, 0, 2, 1, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
    )
}

fn changes_of(chunk: &[u8]) -> Option<Vec<u8>> {
    #[derive(Clone, PartialEq, Message)]
    struct Chunk {
        #[prost(bytes = "vec", tag = "2")]
        changes: Vec<u8>,
    }
    Some(Chunk::decode(chunk).ok()?.changes)
}

/// The contents of the records under keys that begin so.
fn contents(host: &TestHost, prefix: &[u8]) -> Vec<Vec<u8>> {
    let records = unsealed::records_under(host, prefix).into_iter();
    records
        .filter_map(|record| Some(records::open(&record).ok()?.to_vec()))
        .collect()
}

fn client_batches() -> Vec<ClientBatch> {
    let frame = |call, frame| ClientFrame {
        call,
        frame: Some(frame),
    };
    let host = |request| client_frame::Frame::Host(HostRequest { request: Some(request) });
    vec![
        ClientBatch {
            frames: vec![frame(1, client_frame::Frame::Request(encoded(create())))],
        },
        ClientBatch {
            frames: vec![
                frame(2, client_frame::Frame::Cancel(true)),
                frame(3, host(host_request::Request::Status(HostStatusGet {}))),
            ],
        },
        ClientBatch {
            frames: vec![
                frame(
                    4,
                    host(host_request::Request::Persisted(HostPersisted { persisted: true })),
                ),
                frame(5, host(host_request::Request::Close(HostClose {}))),
            ],
        },
    ]
}
