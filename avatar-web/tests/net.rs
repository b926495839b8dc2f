//! `avatar_net_request` over the browser's fetch (ABI.md H17–H19), asked by a guest. Run in a real browser; the server is the one that serves this test.
#![cfg(target_arch = "wasm32")]

mod common;

use avatar_proto::{Message, NetHeader, NetRequest, NetResponse, OpError, OpErrorCode};
use common::*;
use js_sys::Reflect;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const OP: u8 = 3;
const STREAM: u8 = 7;
const DATA: u8 = 2;
const FIN: u8 = 3;
const RESET: u8 = 4;

/// A page of the server that served this test.
fn own_page(path: &str) -> String {
    let location = Reflect::get(&js_sys::global(), &"location".into()).expect("a location");
    let origin = Reflect::get(&location, &"origin".into()).expect("an origin");
    let origin = origin.as_string().filter(|origin| origin != "null").expect("http");
    format!("{origin}{path}")
}

fn ask(url: &str) -> NetRequest {
    NetRequest {
        method: "GET".into(),
        url: url.into(),
        response_stream: STREAM.into(),
        ..NetRequest::default()
    }
}

async fn client(loopback: bool) -> (avatar_web::Host, Client) {
    let module = compile(&wat("")).await;
    let options = options(&module, "test");
    set(&options, "loopbackHttp", &loopback.into());
    let host = start(&options).await.expect("starts");
    let client = Client::attach(&host);
    client.ready().await;
    client.ask(CONSOLE, &command(b'C', 0, b"", b""));
    (host, client)
}

async fn send(client: &Client, request: &NetRequest) {
    let status = client.run(1, &command(b'N', OP, &request.encode_to_vec(), b"")).await;
    assert_eq!(status, vec![0], "accepted");
}

async fn failure(client: &Client) -> OpErrorCode {
    match heard(&client.next().await) {
        Heard::Completed {
            op: OP, status, head, ..
        } if status < 0 => OpError::decode(head.as_slice()).expect("an OpError").code(),
        other => panic!("a failure, and not {other:?}"),
    }
}

async fn head(client: &Client) -> NetResponse {
    match heard(&client.next().await) {
        Heard::Completed {
            op: OP,
            status: 0,
            head,
            ..
        } => NetResponse::decode(head.as_slice()).expect("a NetResponse"),
        other => panic!("a response, and not {other:?}"),
    }
}

async fn grant(client: &Client, bytes: u32) {
    client.ask(2, &command_with(b'G', STREAM, bytes));
}

#[wasm_bindgen_test]
async fn h17_what_is_not_allowed_is_denied_and_nothing_is_asked() {
    let (_host, client) = client(false).await;
    for url in [
        own_page("/"),
        "http://example.com/".into(),
        "https://user:pass@example.com/".into(),
        "https://192.168.0.1/".into(),
        // Other ways to write loopback and private addresses: the engine's parser knows them.
        "https://0x7f.1/".into(),
        "https://3232235521/".into(),
        "https://[::ffff:127.0.0.1]/".into(),
        "ftp://example.com/".into(),
        "data:,x".into(),
        "/relative".into(),
    ] {
        send(&client, &ask(&url)).await;
        assert_eq!(failure(&client).await, OpErrorCode::Denied, "{url}");
    }
    let mut request = ask("https://example.com/");
    request.method = "TRACE".into();
    send(&client, &request).await;
    assert_eq!(failure(&client).await, OpErrorCode::Denied);
    for (name, value) in [("Cookie", "a=b"), ("Host", "other"), ("x y", "z"), ("x", "line\nbreak")] {
        let mut request = ask("https://example.com/");
        request.headers.push(NetHeader {
            name: name.into(),
            value: value.into(),
        });
        send(&client, &request).await;
        assert_eq!(failure(&client).await, OpErrorCode::Denied, "{name}");
    }
}

#[wasm_bindgen_test]
async fn h18_a_body_comes_as_credit_allows() {
    let (_host, client) = client(true).await;
    let url = own_page("/");
    send(&client, &ask(&url)).await;
    let response = head(&client).await;
    assert_eq!((response.status, response.final_url), (200, url));
    assert!(response.headers.iter().any(|header| header.name == "content-type"));
    let mut body = Vec::new();
    // Ten bytes at a time, to begin with.
    for _ in 0..3 {
        grant(&client, 10).await;
        assert_eq!(numbers(&client.answer(2).await.0), vec![0]);
        let Heard::Stream {
            stream: STREAM,
            kind: DATA,
            data,
            ..
        } = heard(&client.next().await)
        else {
            panic!("data")
        };
        assert_eq!(data.len(), 10);
        body.extend(data);
    }
    grant(&client, u32::MAX).await;
    assert_eq!(numbers(&client.answer(2).await.0), vec![0]);
    loop {
        match heard(&client.next().await) {
            Heard::Stream { kind: DATA, data, .. } => body.extend(data),
            Heard::Stream { kind: FIN, .. } => break,
            other => panic!("the rest, and not {other:?}"),
        }
    }
    let page = String::from_utf8(body).expect("a page");
    assert!(page.to_lowercase().contains("<html"), "{page}");
    assert_eq!(
        client.run(3, &command_with(b'G', STREAM, 1)).await,
        vec![-6],
        "after FIN there is no stream"
    );
}

#[wasm_bindgen_test]
async fn h19_no_data_after_the_guest_has_closed() {
    let (_host, client) = client(true).await;
    send(&client, &ask(&own_page("/"))).await;
    head(&client).await;
    assert_eq!(client.run(2, &command_with(b'X', STREAM, 3)).await, vec![0]);
    assert_eq!(client.run(3, &command_with(b'G', STREAM, 100)).await, vec![-6]);
    // The next thing heard belongs to the next request, which may use the numbers again.
    send(&client, &ask("http://example.com/")).await;
    assert_eq!(failure(&client).await, OpErrorCode::Denied);
}

#[wasm_bindgen_test]
async fn a_status_that_is_no_success_is_a_response() {
    let (_host, client) = client(true).await;
    send(&client, &ask(&own_page("/nothing-of-that-name"))).await;
    assert_eq!(head(&client).await.status, 404);
}

#[wasm_bindgen_test]
async fn a_response_over_the_limit_is_too_large() {
    let (_host, client) = client(true).await;
    let mut request = ask(&own_page("/"));
    request.max_response_bytes = 5;
    send(&client, &request).await;
    grant(&client, 1_000).await;
    // With a declared length the operation fails; without one, the stream.
    loop {
        let told = client.next().await;
        if told.frame.call == 2 {
            continue;
        }
        match heard(&told) {
            Heard::Completed { status: 0, .. } => {}
            Heard::Completed { head, .. } => {
                assert_eq!(
                    OpError::decode(head.as_slice()).expect("an OpError").code(),
                    OpErrorCode::TooLarge
                );
                break;
            }
            Heard::Stream { kind: RESET, arg, .. } => {
                assert_eq!(arg, 4, "LIMIT");
                break;
            }
            other => panic!("an end, and not {other:?}"),
        }
    }
}

#[wasm_bindgen_test]
async fn a_body_that_nobody_grants_times_out() {
    let (_host, client) = client(true).await;
    let mut request = ask(&own_page("/"));
    request.timeout_ms = 200;
    send(&client, &request).await;
    head(&client).await;
    let told = heard(&client.next().await);
    assert!(
        matches!(
            told,
            Heard::Stream {
                kind: RESET,
                arg: 11,
                ..
            }
        ),
        "{told:?}"
    );
}

#[wasm_bindgen_test]
async fn a_refused_connection_is_a_network_error() {
    let (_host, client) = client(true).await;
    // Port 9 (discard): browsers do not even try, which is the same to the guest.
    send(&client, &ask("http://127.0.0.1:9/")).await;
    assert_eq!(failure(&client).await, OpErrorCode::Network);
}

#[wasm_bindgen_test]
async fn h14_a_cancelled_request_completes_cancelled() {
    let (_host, client) = client(true).await;
    client.send(vec![
        request(1, &command(b'N', OP, &ask(&own_page("/")).encode_to_vec(), b"")),
        request(2, &command(b'K', OP, b"", b"")),
    ]);
    assert_eq!(numbers(&client.answer(1).await.0), vec![0]);
    assert_eq!(numbers(&client.answer(2).await.0), vec![0]);
    assert_eq!(failure(&client).await, OpErrorCode::Cancelled);
}

#[wasm_bindgen_test]
async fn streams_that_cannot_be_are_invalid() {
    let (_host, client) = client(true).await;
    for stream in [0, 2, 0x8000_0001] {
        let mut request = ask("https://example.com/");
        request.response_stream = stream;
        let status = client.run(1, &command(b'N', OP, &request.encode_to_vec(), b"")).await;
        assert_eq!(status, vec![-1], "{stream}");
    }
}
