//! What the relay says of itself over HTTP: where it is, how it does, its figures. It only answers GET, and keeps no connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use libp2p::metrics::Registry;
use libp2p::{Multiaddr, PeerId};
use prometheus_client::metrics::gauge::Gauge;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::Metrics;

/// Connections at once; who comes later waits.
const MAX_CONNECTIONS: usize = 64;

/// A request that is not whole after this is given up.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// What a request's line and headers may weigh, bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The server, bound and not yet serving.
pub struct Http {
    listener: TcpListener,
    address: SocketAddr,
    pages: Arc<Pages>,
}

struct Pages {
    peer_id: PeerId,
    addresses: watch::Receiver<Vec<Multiaddr>>,
    registry: Registry,
    peers: Gauge,
    reservations: Gauge,
    circuits: Gauge,
    started: Instant,
}

impl Http {
    pub async fn bind(
        address: SocketAddr,
        peer_id: PeerId,
        addresses: watch::Receiver<Vec<Multiaddr>>,
        registry: Registry,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            pages: Arc::new(Pages {
                peer_id,
                addresses,
                registry,
                peers: metrics.peers.clone(),
                reservations: metrics.reservations.clone(),
                circuits: metrics.circuits.clone(),
                started: Instant::now(),
            }),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub async fn serve(self) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(answer(stream, self.pages.clone()));
                    }
                    // Too many open files: they become fewer by themselves.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn answer(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = pages.respond(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away, or never reads: nobody is left to be told.
    let _ = tokio::time::timeout(2 * REQUEST_TIME, connection).await;
}

impl Pages {
    fn respond(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        const JSON: &str = "application/json";
        let (status, kind, body) = match (method, path) {
            (&Method::OPTIONS, _) => (StatusCode::NO_CONTENT, JSON, String::new()),
            (&Method::GET, "/addresses") => (StatusCode::OK, JSON, self.addresses()),
            (&Method::GET, "/health") => {
                let (status, body) = self.health();
                (status, JSON, body)
            }
            (&Method::GET, "/metrics") => match self.metrics() {
                Some(text) => (
                    StatusCode::OK,
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    text,
                ),
                None => (StatusCode::INTERNAL_SERVER_ERROR, JSON, "{}".to_owned()),
            },
            (&Method::GET, _) => (StatusCode::NOT_FOUND, JSON, "{}".to_owned()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, JSON, "{}".to_owned()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Any page may ask where the relay is; a page from the internet too, of a relay on this machine.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        response
    }

    fn addresses(&self) -> String {
        let addresses: Vec<String> = self.addresses.borrow().iter().map(ToString::to_string).collect();
        json!({ "peerId": self.peer_id.to_string(), "addresses": addresses }).to_string()
    }

    fn health(&self) -> (StatusCode, String) {
        let listening = !self.addresses.borrow().is_empty();
        let body = json!({
            "status": if listening { "ok" } else { "not listening" },
            "version": env!("CARGO_PKG_VERSION"),
            "peerId": self.peer_id.to_string(),
            "uptimeSeconds": self.started.elapsed().as_secs(),
            "peers": self.peers.get(),
            "reservations": self.reservations.get(),
            "circuits": self.circuits.get(),
        });
        let status = match listening {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, body.to_string())
    }

    fn metrics(&self) -> Option<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}
