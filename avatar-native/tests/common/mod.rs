//! What the tests share: the real Meta Unit, hosts in temporary folders, raw requests.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use avatar_native::client::Id;
use avatar_native::host::Connection;
use avatar_native::wire::Message as WireMessage;
use avatar_native::{Client, Host, MetaUnit, Options};
use avatar_proto::client_frame::Frame as Ask;
use avatar_proto::host_frame::Frame;
use avatar_proto::value::Kind;
use avatar_proto::{
    ClientBatch, ClientFrame, HostBatch, HostFrame, MapEntry, MapValue, Message, Request, Response, TestTrap, Value,
    request, response,
};

/// Nothing that a test waits for takes longer, unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The built Meta Unit: the very file that browsers get.
pub fn wasm_path() -> PathBuf {
    std::env::var_os("AVATAR_WASM").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../pkg/dist/meta_unit.wasm"),
        PathBuf::from,
    )
}

/// Where compiled modules are kept between test programs.
pub fn module_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules")
}

/// The Meta Unit, compiled once a test program.
pub fn unit() -> MetaUnit {
    static UNIT: OnceLock<MetaUnit> = OnceLock::new();
    UNIT.get_or_init(|| MetaUnit::load(&wasm_path(), Some(&module_cache())).expect("a built meta_unit.wasm"))
        .clone()
}

/// Options for a test host in this folder.
pub fn options(folder: &Path) -> Options {
    Options {
        test_requests: true,
        ..Options::new(unit(), folder)
    }
}

/// A host with a client.
pub async fn start(options: Options) -> (Host, Client) {
    let host = Host::start(options).await.expect("a host");
    let client = Client::attach(host.attach()).await.expect("a client");
    (host, client)
}

/// Waits, but not for ever.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

/// A note's content.
pub fn note(title: &str, body: &str) -> MapValue {
    let field = |key: &str, value: &str| MapEntry {
        key: key.into(),
        value: Some(Value {
            kind: Some(Kind::String(value.into())),
        }),
    };
    MapValue {
        entries: vec![field("title", title), field("body", body)],
    }
}

/// Creates a note, durable.
pub async fn create(client: &Client, title: &str, body: &str) -> Id {
    let id = Id::random().expect("randomness");
    within(client.create(id, "note", note(title, body)))
        .await
        .expect("created");
    id
}

/// Makes the instance execute an unreachable instruction.
pub fn trap() -> request::Request {
    request::Request::TestTrap(TestTrap {})
}

/// The bytes of a trap request that differs from others of its kind: with a field that nobody knows.
pub fn trap_bytes(nth: u8) -> Vec<u8> {
    let mut bytes = Request { request: Some(trap()) }.encode_to_vec();
    // Field 15, varint.
    bytes.extend([0x78, nth]);
    bytes
}

/// Sends the bytes of a request as they are.
pub async fn send_raw(connection: &Connection, call: u64, request: Vec<u8>) {
    let frames = vec![ClientFrame {
        call,
        frame: Some(Ask::Request(request)),
    }];
    let message = WireMessage::of(ClientBatch { frames }.encode_to_vec());
    assert!(connection.outgoing.send(message).await, "the host is there");
}

/// The frames that come next.
pub async fn frames(connection: &mut Connection) -> Vec<HostFrame> {
    let message = within(connection.incoming.recv()).await.expect("a message");
    HostBatch::decode(message.batch.as_slice()).expect("a HostBatch").frames
}

/// Waits for the answer of this call.
pub async fn answer(connection: &mut Connection, call: u64) -> response::Response {
    loop {
        for frame in frames(connection).await {
            if let Some(Frame::Response(bytes)) = frame.frame
                && frame.call == call
            {
                let response = Response::decode(bytes.as_slice()).expect("a Response");
                return response.response.expect("an answer");
            }
        }
    }
}
