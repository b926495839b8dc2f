//! `avatar_net_request`: HTTP under least privilege (ABI.md H17), the response's body as a stream with credit (H18).
//!
//! Redirects are followed by hand, each address checked like the first one; names are resolved by us, and addresses that may not be asked are left out, so that what was
//! checked is what is connected to.

mod rules;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use avatar_host::http::{self, DEFAULT_MAX_RESPONSE_BYTES, DEFAULT_TIMEOUT_MS, MAX_PIECE_BYTES, MAX_REDIRECTS};
use avatar_proto::{AbiStatus, ErrorCode, NetHeader, NetRequest, NetResponse, OpError, OpErrorCode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use url::Url;

pub use rules::Rules;

use crate::error::HostError;

/// What happens to a request, in this order: Failed; or Head, then Data up to Fin or Failed.
#[derive(Debug)]
pub enum NetEvent {
    /// The response's head is there.
    Head(NetResponse),
    /// Bytes of its body.
    Data(Vec<u8>),
    /// The body is over.
    Fin,
    /// It failed, or was ended.
    Failed(NetError),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq)]
pub struct NetError {
    /// For the completion, or the stream's reset.
    pub status: AbiStatus,
    /// The completion's head.
    pub error: OpError,
}

impl NetError {
    fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let error = OpError {
            code: code.into(),
            message: message.into(),
        };
        Self { status, error }
    }

    fn denied(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Denied, OpErrorCode::Denied, message)
    }

    fn too_large() -> Self {
        let message = "the response is longer than the request allows";
        Self::new(AbiStatus::Limit, OpErrorCode::TooLarge, message)
    }

    /// An error of the client. A refusal of ours may be at its root.
    fn network(error: &reqwest::Error) -> Self {
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(current) = cause {
            if current.is::<NoAddress>() {
                return Self::denied(current.to_string());
            }
            cause = current.source();
        }
        // Without the URL, which may say more than a log should know.
        let mut words = String::new();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(current) = cause {
            words = format!("{words}: {current}");
            cause = current.source();
        }
        Self::new(AbiStatus::Io, OpErrorCode::Network, format!("no answer{words}"))
    }
}

/// A name has no address that may be asked.
#[derive(Debug, thiserror::Error)]
#[error("the name has only addresses that may not be asked")]
struct NoAddress;

/// Looks names up, and leaves out what may not be asked.
struct Resolver(Rules);

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| rules.check_address(address.ip()).is_ok())
                .collect();
            match allowed.is_empty() {
                true => Err(NoAddress.into()),
                false => Ok(Box::new(allowed.into_iter()) as reqwest::dns::Addrs),
            }
        })
    }
}

/// The client of all requests of a host.
#[derive(Clone)]
pub struct Net {
    client: Client,
    rules: Rules,
    runtime: Handle,
}

impl Net {
    /// A client on the runtime that this is called in.
    pub fn new(rules: Rules) -> Result<Self, HostError> {
        let failed =
            |error: &dyn std::fmt::Display| HostError::app(ErrorCode::Internal, format!("no HTTP client: {error}"));
        let mut roots = rustls::RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!("some of the system's certificates cannot be read: {error}");
        }
        let extra = rules.extra_roots.iter().map(|der| der.clone().into());
        roots.add_parsable_certificates(system.certs.into_iter().chain(extra));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Resolver(rules.clone()))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            client,
            rules,
            runtime: Handle::current(),
        })
    }

    /// Makes a request; `tell` is called with what happens to it.
    pub fn request(
        &self,
        request: NetRequest,
        body: Vec<u8>,
        tell: impl Fn(NetEvent) + Send + Sync + 'static,
    ) -> Exchange {
        let credit = Arc::new(Semaphore::new(0));
        let timeout_ms = match request.timeout_ms {
            0 => DEFAULT_TIMEOUT_MS,
            ms => ms,
        };
        let timeout = Duration::from_millis(timeout_ms.into());
        let story = Arc::new(Story::new(tell));
        let task = self.runtime.spawn({
            let (net, credit, story) = (self.clone(), credit.clone(), story.clone());
            async move {
                let tell = |event| story.tell(event);
                let work = net.transfer(&request, body, &credit, &tell);
                let end = match tokio::time::timeout(timeout, work).await {
                    Ok(Ok(())) => NetEvent::Fin,
                    Ok(Err(error)) => NetEvent::Failed(error),
                    Err(_) => NetEvent::Failed(NetError::new(
                        AbiStatus::Io,
                        OpErrorCode::Timeout,
                        format!("no end within {} ms", timeout.as_millis()),
                    )),
                };
                tell(end);
            }
        });
        Exchange {
            credit,
            task: task.abort_handle(),
            story,
        }
    }

    async fn transfer(
        &self,
        request: &NetRequest,
        body: Vec<u8>,
        credit: &Semaphore,
        tell: &(dyn Fn(NetEvent) + Send + Sync),
    ) -> Result<(), NetError> {
        let max_bytes = match request.max_response_bytes {
            0 => DEFAULT_MAX_RESPONSE_BYTES,
            bytes => bytes,
        };
        let mut response = self.follow(request, body).await?;
        if response.content_length().is_some_and(|length| length > max_bytes) {
            return Err(NetError::too_large());
        }
        tell(NetEvent::Head(NetResponse {
            status: response.status().as_u16().into(),
            headers: headers_of(response.headers()),
            final_url: response.url().to_string(),
        }));
        let mut total = 0u64;
        while let Some(chunk) = response.chunk().await.map_err(|error| NetError::network(&error))? {
            total += chunk.len() as u64;
            if total > max_bytes {
                return Err(NetError::too_large());
            }
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let taken = take_credit(credit, rest.len().min(MAX_PIECE_BYTES)).await;
                let (piece, behind) = rest.split_at(taken);
                tell(NetEvent::Data(piece.to_vec()));
                rest = behind;
            }
        }
        Ok(())
    }

    /// Asks, and follows redirects that may be asked.
    async fn follow(&self, request: &NetRequest, body: Vec<u8>) -> Result<Response, NetError> {
        if !http::method_allowed(&request.method) {
            return Err(NetError::denied(format!("the method {}", request.method)));
        }
        let mut method = Method::from_bytes(request.method.as_bytes()).map_err(|_| NetError::denied("the method"))?;
        let mut headers = headers_for(&request.headers)?;
        let mut body = Some(body).filter(|body| !body.is_empty());
        let mut url = Url::parse(&request.url).map_err(|_| NetError::denied("not an absolute URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            self.rules.check(&url).map_err(NetError::denied)?;
            let mut asked = self
                .client
                .request(method.clone(), url.clone())
                .headers(headers.clone());
            if let Some(body) = &body {
                asked = asked.body(body.clone());
            }
            let response = asked.send().await.map_err(|error| NetError::network(&error))?;
            let status = response.status().as_u16();
            let Some(location) = redirect_of(&response) else {
                return Ok(response);
            };
            let next = location
                .to_str()
                .ok()
                .and_then(|location| url.join(location).ok())
                .ok_or_else(|| NetError::denied("redirected to what is no URL"))?;
            if http::becomes_get(status, method.as_str()) {
                method = Method::GET;
                body = None;
                headers.remove(CONTENT_TYPE);
            }
            if next.origin() != url.origin() {
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        Err(NetError::denied(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

fn redirect_of(response: &Response) -> Option<HeaderValue> {
    let location = response.headers().get(LOCATION);
    location
        .filter(|_| http::is_redirect(response.status().as_u16()))
        .cloned()
}

fn headers_for(wanted: &[NetHeader]) -> Result<HeaderMap, NetError> {
    let mut headers = HeaderMap::new();
    for NetHeader { name, value } in wanted {
        let refused = || NetError::denied(format!("the header {name}"));
        if !http::header_allowed(name) {
            return Err(refused());
        }
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?,
            HeaderValue::from_str(value).map_err(|_| refused())?,
        );
    }
    Ok(headers)
}

fn headers_of(headers: &HeaderMap) -> Vec<NetHeader> {
    headers
        .iter()
        .map(|(name, value)| NetHeader {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        })
        .collect()
}

/// Waits until there is credit, and takes up to `wanted` bytes of it.
async fn take_credit(credit: &Semaphore, wanted: usize) -> usize {
    match credit.acquire().await {
        Ok(first) => first.forget(),
        // Never closed.
        Err(_) => return std::future::pending().await,
    }
    let more = credit.available_permits().min(wanted - 1);
    // Nobody else takes: what is available stays available.
    match credit.try_acquire_many(more as u32) {
        Ok(permits) => {
            permits.forget();
            1 + more
        }
        Err(_) => 1,
    }
}

/// What is told of one request: nothing follows its end, also when its task and the guest end it at the same moment.
struct Story {
    tell: Box<dyn Fn(NetEvent) + Send + Sync>,
    over: Mutex<bool>,
}

impl Story {
    fn new(tell: impl Fn(NetEvent) + Send + Sync + 'static) -> Self {
        Self {
            tell: Box::new(tell),
            over: Mutex::new(false),
        }
    }

    fn tell(&self, event: NetEvent) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if *over {
            return;
        }
        *over = matches!(event, NetEvent::Fin | NetEvent::Failed(_));
        (self.tell)(event);
    }
}

/// One request, as the guest may end it.
#[derive(Clone)]
pub struct Exchange {
    credit: Arc<Semaphore>,
    task: AbortHandle,
    story: Arc<Story>,
}

impl Exchange {
    /// The guest takes so many more bytes.
    pub fn grant(&self, bytes: u32) {
        let room = Semaphore::MAX_PERMITS - self.credit.available_permits();
        self.credit.add_permits(room.min(bytes as usize));
    }

    /// Ends it: Failed with CANCELLED follows, unless it was over.
    pub fn abort(&self) {
        self.task.abort();
        self.story.tell(NetEvent::Failed(NetError::new(
            AbiStatus::Cancelled,
            OpErrorCode::Cancelled,
            "cancelled",
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::dns::Resolve;

    #[tokio::test]
    async fn h17_a_name_that_leads_to_a_private_address_has_no_address() {
        let lookup = |loopback| {
            let rules = Rules {
                loopback,
                extra_roots: Vec::new(),
            };
            // A name of every machine, here in the place of a public one whose owner points it at the asker's own network.
            Resolver(rules).resolve("localhost".parse().expect("a name"))
        };
        let refused = lookup(false).await.err().expect("must be refused");
        assert!(refused.is::<NoAddress>(), "{refused}");
        assert!(
            lookup(true)
                .await
                .expect("addresses")
                .all(|address| address.ip().is_loopback())
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn h14_nothing_follows_the_end_of_a_request_also_when_it_is_aborted_in_that_moment() {
        let net = Net::new(Rules::default()).expect("a client");
        for _ in 0..500 {
            let (tell, told) = std::sync::mpsc::channel();
            let request = NetRequest {
                method: "GET".into(),
                url: "https://10.0.0.1/".into(),
                ..NetRequest::default()
            };
            let exchange = net.request(request, Vec::new(), move |event| {
                let _ = tell.send(event);
            });
            let end = told.recv().expect("an event");
            assert!(matches!(end, NetEvent::Failed(error) if error.status == AbiStatus::Denied));
            exchange.abort();
            assert!(told.try_recv().is_err(), "told after the end");
        }
    }
}
