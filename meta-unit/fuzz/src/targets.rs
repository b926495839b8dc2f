//! The targets. Each takes any bytes; none may panic.

use avatar_host::http;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AbiStatus, DocCreate, DocOpen, HostHello, MapEntry, MapValue, Message, Query, QueryRun, Request, Response, Value,
    value::Kind,
};
use meta_unit::abi::test_host::TestHost;
use meta_unit::data::{keys, records};

use crate::host::frames;
use crate::{peers, secrets, unsealed};

/// A target with its name, which is also that of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 20] = [
    ("request", request),
    ("hello", hello),
    ("completion", completion),
    ("record", record),
    ("document", document),
    ("changes", changes),
    ("segment", segment),
    ("frames", frames),
    ("policy", policy),
    ("sealed", secrets::sealed),
    ("words", secrets::words),
    ("keyring", secrets::keyring),
    ("vault_record", secrets::vault_record),
    ("backup", secrets::backup),
    ("contents", secrets::contents),
    ("devices", secrets::devices),
    ("credential", secrets::credential),
    ("linked_data", secrets::linked_data),
    ("identifier", secrets::identifier),
    ("peers", peers::peers),
];

/// The document that the targets work on.
const ID: [u8; 16] = [7; 16];
const SESSION: [u8; 16] = [9; 16];

fn encoded(ask: Ask) -> Vec<u8> {
    Request { request: Some(ask) }.encode_to_vec()
}

fn open() -> Vec<u8> {
    encoded(Ask::DocOpen(DocOpen {
        document_id: ID.to_vec(),
        session: SESSION.to_vec(),
    }))
}

fn query() -> Vec<u8> {
    encoded(Ask::QueryRun(QueryRun {
        query: Some(Query::default()),
    }))
}

/// A host with one document, and the number of a view on it.
pub fn host_with_document() -> (TestHost, u64) {
    let host = TestHost::started(1);
    let text = |text: &str| {
        Some(Value {
            kind: Some(Kind::String(text.to_owned())),
        })
    };
    let entry = |key: &str| MapEntry {
        key: key.to_owned(),
        value: text("some text"),
    };
    let created = host.send_bytes(&encoded(Ask::DocCreate(DocCreate {
        document_id: ID.to_vec(),
        session: SESSION.to_vec(),
        r#type: "note".to_owned(),
        content: Some(MapValue {
            entries: vec![entry("body"), entry("title")],
        }),
        detached: false,
    })));
    host.run_until_idle();
    match host
        .take_answers(created)
        .first()
        .and_then(|answer| answer.response.clone())
    {
        Some(Answer::DocOpened(opened)) => (host, opened.view),
        other => panic!("{other:?}"),
    }
}

/// Sends bytes as a request, cancels it where it goes on, and checks that it ends.
fn send(host: &TestHost, bytes: &[u8]) -> Vec<Response> {
    let req = host.send_bytes(bytes);
    host.run_until_idle();
    let answers = host.take_answers(req);
    if !host.has_finished(req) {
        assert!(!answers.is_empty(), "neither an answer nor an end");
        assert_eq!(host.instance().cancel_request(req), 0);
        host.run_until_idle();
        assert!(host.has_finished(req), "a cancelled request has not ended");
    }
    answers
}

/// `yuan_handle_request`: a Request. The view of a DocChange is the open one, because no fuzzer guesses its number.
pub fn request(data: &[u8]) {
    let (host, view) = host_with_document();
    let meant = match Request::decode(data) {
        Ok(Request {
            request: Some(Ask::DocChange(mut change)),
        }) => {
            change.view = view;
            encoded(Ask::DocChange(change))
        }
        _ => data.to_vec(),
    };
    send(&host, &meant);
    // It goes on, and so does the document, unless it was deleted.
    assert!(!send(&host, &open()).is_empty());
}

/// `yuan_init`: a HostHello.
pub fn hello(data: &[u8]) {
    let host = TestHost::new(1);
    let (ptr, len) = host.give(data);
    let code = host.instance().init(ptr, len);
    assert_eq!(code == 0, HostHello::decode(data).is_ok());
    assert!(code == 0 || code == AbiStatus::Invalid.code());
}

/// `yuan_complete`: what a host answers to operations (storage, keys), one after another, from the first of a start on. Each is a byte for the status, one for the length of
/// the head, one for that of the body, and these two.
pub fn completion(data: &[u8]) {
    let host = TestHost::new(1);
    assert_eq!(host.instance().init(0, 0), 0);
    host.hold_storage(true);
    let opened = host.send_bytes(&open());
    let mut rest = data;
    while let Some(([status, head_len, body_len], behind)) = rest.split_first_chunk() {
        let (head, behind) = behind.split_at(behind.len().min((*head_len).into()));
        let (body, behind) = behind.split_at(behind.len().min((*body_len).into()));
        rest = behind;
        host.run_until_idle();
        let Some(op) = host.pending_ops().first().copied() else {
            break;
        };
        let (head, body) = (host.give(head), host.give(body));
        let status = -i32::from(*status % 16);
        assert_eq!(host.instance().complete(op as i64, status, head, body), 0);
        host.forget_op(op as i64);
    }
    host.hold_storage(false);
    host.run_until_idle();
    assert!(host.has_finished(opened) || !host.take_answers(opened).is_empty());
}

/// The envelope of a stored record.
pub fn record(data: &[u8]) {
    if let Ok(content) = records::open(data) {
        assert_eq!(records::seal(content), data, "there is one record for each content");
    }
    assert_eq!(records::open(&records::seal(data)), Ok(data));
}

/// A document with this stored record; then it is opened, listed from a new index, and queried. Whether it could be opened.
fn with_record(record: &[u8]) -> bool {
    let host = unsealed::started();
    assert!(!send(&host, &encoded(create())).is_empty());
    unsealed::put(&host, keys::document_record(&ID, 0), record);
    let next = host.restarted();
    assert_eq!(next.start(&HostHello::default()).error, None);
    let opened = send(&next, &open());
    assert!(!opened.is_empty());
    assert!(!send(&next, &encoded(Ask::IndexRebuild(avatar_proto::IndexRebuild {}))).is_empty());
    assert!(!send(&next, &query()).is_empty());
    let is_opened = |answer: &Response| matches!(answer.response, Some(Answer::DocOpened(_)));
    opened.first().is_some_and(is_opened)
}

/// A new document of this id, which its record says nothing else of.
fn create() -> Ask {
    Ask::DocCreate(avatar_proto::DocCreate {
        document_id: ID.to_vec(),
        session: vec![1; 16],
        r#type: "note".to_owned(),
        content: Some(avatar_proto::MapValue::default()),
        detached: true,
    })
}

/// The content of a document's record, behind a right checksum.
pub fn document(data: &[u8]) {
    document_opens(data);
}

/// The same, and whether the document could be opened.
pub fn document_opens(data: &[u8]) -> bool {
    with_record(&records::seal(data))
}

/// The changes of automerge in a document's record, in a chunk that is right otherwise.
pub fn changes(data: &[u8]) {
    with_record(&records::seal(&chunk(data)));
}

/// The chunk of a document with these changes (documents/open_doc.rs).
pub fn chunk(changes: &[u8]) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct Header {
        #[prost(string, tag = "1")]
        type_name: String,
        #[prost(string, tag = "2")]
        owner: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Chunk {
        #[prost(message, optional, tag = "1")]
        header: Option<Header>,
        #[prost(bytes = "vec", tag = "2")]
        changes: Vec<u8>,
    }
    Chunk {
        header: Some(Header {
            type_name: "note".to_owned(),
            owner: "did:key:z6Mk".to_owned(),
        }),
        changes: changes.to_vec(),
    }
    .encode_to_vec()
}

/// An index segment with its link, behind a right checksum: the node starts with it, or makes a new index.
pub fn segment(data: &[u8]) {
    let host = unsealed::started();
    unsealed::put(&host, keys::index_segment(0), &records::seal(data));
    let next = host.restarted();
    assert_eq!(next.start(&HostHello::default()).error, None);
    assert!(!send(&next, &query()).is_empty());
}

/// What a client sends to a browser's host: a ClientBatch.
pub fn frames(data: &[u8]) {
    if let Ok(batch) = frames::decode(data) {
        assert!(batch.len() <= frames::MAX_FRAMES);
        let inside = |part: &[u8]| data.as_ptr_range().contains(&part.as_ptr()) || part.is_empty();
        for frame in &batch {
            if let frames::Ask::Request(request) = frame.ask {
                assert!(inside(request), "a request is a part of the message");
            }
        }
    }
}

/// The least-privilege rules of all hosts: the parts of a URL, a line each, then a method and the name of a header.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (protocol, hostname, username, password) = (next(), next(), next(), next());
    let address = avatar_host::Address {
        scheme: protocol.trim_end_matches(':'),
        hostname,
        has_credentials: !username.is_empty() || !password.is_empty(),
    };
    for loopback in [false, true] {
        let allowed = avatar_host::Rules { loopback }.check(address).is_ok();
        let is_secure = address.scheme == "https";
        assert!(!allowed || is_secure || loopback, "plain http leaves the machine");
        assert!(!allowed || !address.has_credentials);
    }
    let (method, header) = (next(), next());
    let _ = (http::method_allowed(method), http::header_allowed(header));
}
