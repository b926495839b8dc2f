//! `avatar_net_request` against real servers on this machine (ABI.md H17, H18).

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use avatar_native::net::{Exchange, Net, NetEvent, Rules};
use avatar_proto::{AbiStatus, NetHeader, NetRequest, OpErrorCode};
use common::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Heads of the requests that a server got.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server on a free port: answers each path as the function says, and notes what it was asked. `None`: it never answers.
async fn server(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (seen, answer) = (Seen::default(), Arc::new(answer));
    let noted = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (seen, answer) = (noted.clone(), answer.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().expect("not poisoned").push(request);
                match answer(&path) {
                    Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    // Holds the connection until the client lets go of it.
                    None => drop(stream.read_u8().await),
                }
            });
        }
    });
    (address, seen)
}

fn ok(body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\nset-cookie: a=b\r\nconnection: close\r\n\r\n{body}")
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn get(url: String) -> NetRequest {
    NetRequest {
        method: "GET".into(),
        url,
        response_stream: 1,
        ..NetRequest::default()
    }
}

/// A request under way.
struct Asked {
    exchange: Exchange,
    events: mpsc::UnboundedReceiver<NetEvent>,
}

fn ask(rules: Rules, request: NetRequest, body: &[u8]) -> Asked {
    let (tell, events) = mpsc::unbounded_channel();
    let net = Net::new(rules).expect("a client");
    let exchange = net.request(request, body.to_vec(), move |event| drop(tell.send(event)));
    Asked { exchange, events }
}

impl Asked {
    async fn next(&mut self) -> NetEvent {
        within(self.events.recv()).await.expect("an event")
    }

    async fn failure(&mut self) -> (AbiStatus, OpErrorCode, String) {
        match self.next().await {
            NetEvent::Failed(failed) => (failed.status, failed.error.code(), failed.error.message),
            other => panic!("a failure, not {other:?}"),
        }
    }

    /// Status and body of a response, and where it came from.
    async fn response(&mut self) -> (u32, String, String) {
        self.exchange.grant(1 << 20);
        let NetEvent::Head(head) = self.next().await else {
            panic!("a head")
        };
        let mut body = Vec::new();
        loop {
            match self.next().await {
                NetEvent::Data(data) => body.extend(data),
                NetEvent::Fin => break,
                other => panic!("data or the end, not {other:?}"),
            }
        }
        (head.status, String::from_utf8(body).expect("UTF-8"), head.final_url)
    }
}

fn loopback() -> Rules {
    Rules {
        loopback: true,
        extra_roots: Vec::new(),
    }
}

#[tokio::test]
async fn h17_this_machine_is_asked_only_where_the_user_allowed_it() {
    let (address, seen) = server(|_| Some(ok("hello"))).await;
    let url = format!("http://{address}/x");
    let (status, code, _) = ask(Rules::default(), get(url.clone()), &[]).failure().await;
    assert_eq!((status, code), (AbiStatus::Denied, OpErrorCode::Denied));
    assert!(seen.lock().expect("not poisoned").is_empty(), "it was not even asked");
    let response = ask(loopback(), get(url.clone()), &[]).response().await;
    assert_eq!(response, (200, "hello".to_owned(), url));
}

#[tokio::test]
async fn h17_redirects_are_followed_only_to_where_one_may_ask() {
    for (location, allowed) in [
        ("/end", true),
        ("https://10.0.0.1/", false),
        ("https://169.254.169.254/latest/meta-data", false),
        ("https://[fd00::1]/", false),
        ("http://example.com/", false),
        ("https://me@example.com/", false),
        ("https://router/", false),
        ("file:///etc/passwd", false),
        ("//10.0.0.1/", false),
        ("/again", false),
    ] {
        let (address, _) = server(move |path| {
            Some(match path {
                "/end" => ok("there"),
                "/again" => redirect(302, "/again"),
                _ => redirect(302, location),
            })
        })
        .await;
        let mut asked = ask(loopback(), get(format!("http://{address}/")), &[]);
        if allowed {
            let response = asked.response().await;
            assert_eq!(
                response,
                (200, "there".to_owned(), format!("http://{address}/end")),
                "{location}"
            );
        } else {
            assert_eq!(asked.failure().await.1, OpErrorCode::Denied, "{location}");
        }
    }
}

#[tokio::test]
async fn h17_what_was_sent_is_not_sent_to_another_place() {
    let (other, seen_there) = server(|_| Some(ok("other"))).await;
    let (address, _) = server(move |_| Some(redirect(303, &format!("http://{other}/y")))).await;
    let header = |name: &str, value: &str| NetHeader {
        name: name.into(),
        value: value.into(),
    };
    let request = NetRequest {
        method: "POST".into(),
        headers: vec![
            header("Authorization", "Bearer secret"),
            header("content-type", "text/plain"),
        ],
        ..get(format!("http://{address}/"))
    };
    let (status, body, _) = ask(loopback(), request, b"secret too").response().await;
    assert_eq!((status, body.as_str()), (200, "other"));
    let seen = seen_there.lock().expect("not poisoned").join("\n").to_lowercase();
    assert!(seen.starts_with("get /y "), "{seen}");
    for never in ["secret", "content-type", "cookie", "referer"] {
        assert!(!seen.contains(never), "{never} in {seen}");
    }
}

#[tokio::test]
async fn h17_methods_and_headers_that_carry_authority_are_refused() {
    let (address, seen) = server(|_| Some(ok(""))).await;
    let url = format!("http://{address}/");
    let trace = NetRequest {
        method: "TRACE".into(),
        ..get(url.clone())
    };
    let cookie = NetRequest {
        headers: vec![NetHeader {
            name: "Cookie".into(),
            value: "a=b".into(),
        }],
        ..get(url.clone())
    };
    let split = NetRequest {
        headers: vec![NetHeader {
            name: "x".into(),
            value: "a\r\nhost: b".into(),
        }],
        ..get(url)
    };
    for request in [trace, cookie, split] {
        assert_eq!(ask(loopback(), request, &[]).failure().await.1, OpErrorCode::Denied);
    }
    assert!(seen.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn h17_size_and_time_are_limited() {
    let (address, _) = server(|path| match path {
        "/declared" => Some(ok(&"x".repeat(5_000))),
        // No length: it ends with the connection.
        "/endless" => Some(format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
            "x".repeat(50_000)
        )),
        _ => None,
    })
    .await;
    let small = |path: &str| NetRequest {
        max_response_bytes: 1_000,
        ..get(format!("http://{address}{path}"))
    };
    let (status, code, _) = ask(loopback(), small("/declared"), &[]).failure().await;
    assert_eq!((status, code), (AbiStatus::Limit, OpErrorCode::TooLarge));
    let mut endless = ask(loopback(), small("/endless"), &[]);
    endless.exchange.grant(1 << 20);
    assert!(matches!(endless.next().await, NetEvent::Head(_)));
    let code = loop {
        match endless.next().await {
            NetEvent::Data(_) => {}
            NetEvent::Failed(failed) => break failed.error.code(),
            other => panic!("too large, not {other:?}"),
        }
    };
    assert_eq!(code, OpErrorCode::TooLarge);
    let patient = NetRequest {
        timeout_ms: 50,
        ..get(format!("http://{address}/never"))
    };
    let (status, code, _) = ask(loopback(), patient, &[]).failure().await;
    assert_eq!((status, code), (AbiStatus::Io, OpErrorCode::Timeout));
}

#[tokio::test]
async fn h18_no_more_data_than_was_granted() {
    let (address, _) = server(|_| Some(ok(&"x".repeat(1_000)))).await;
    let mut asked = ask(loopback(), get(format!("http://{address}/")), &[]);
    assert!(matches!(asked.next().await, NetEvent::Head(_)));
    let quiet = tokio::time::timeout(Duration::from_millis(100), asked.events.recv()).await;
    assert!(quiet.is_err(), "nothing was granted: {quiet:?}");
    for grant in [1usize, 300] {
        asked.exchange.grant(grant as u32);
        let mut got = 0;
        while got < grant {
            match asked.next().await {
                NetEvent::Data(data) => got += data.len(),
                other => panic!("data, not {other:?}"),
            }
        }
        assert_eq!(got, grant);
    }
    asked.exchange.abort();
    let (status, code, _) = asked.failure().await;
    assert_eq!((status, code), (AbiStatus::Cancelled, OpErrorCode::Cancelled));
}
