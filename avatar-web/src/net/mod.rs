//! `avatar_net_request` over fetch: HTTP under least privilege (ABI.md H17), the response's body as a stream with credit (H18).
//!
//! **Redirects** are followed by hand where the engine shows where they lead (Node): each address is checked like the first. Browsers do not show it: there a
//! redirected request is refused, because an address that was not checked must not be asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use avatar_host::http::{DEFAULT_MAX_RESPONSE_BYTES, DEFAULT_TIMEOUT_MS, MAX_PIECE_BYTES, MAX_REDIRECTS};
use avatar_host::{Address, http};
use avatar_proto::{AbiStatus, NetHeader, NetRequest, NetResponse, OpError, OpErrorCode};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, Response, Url};

use crate::engine::{self, set};
use crate::error::describe;

pub use avatar_host::Rules;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &Object) -> Result<Promise, JsValue>;
}

/// One request with its response, as both the guest and the network may end it.
pub struct Exchange {
    controller: AbortController,
    aborted: Cell<bool>,
    credit: Cell<u64>,
    more_credit: RefCell<Option<oneshot::Sender<()>>>,
}

impl Exchange {
    /// `None` where the engine has no fetch.
    pub fn new() -> Option<Rc<Self>> {
        engine::global_property("fetch").ok()?.dyn_into::<Function>().ok()?;
        Some(Rc::new(Self {
            controller: AbortController::new().ok()?,
            aborted: Cell::new(false),
            credit: Cell::new(0),
            more_credit: RefCell::new(None),
        }))
    }

    /// Ends it.
    pub fn abort(&self) {
        self.aborted.set(true);
        self.controller.abort();
        self.more_credit.take();
    }

    /// The guest takes so many more bytes.
    pub fn grant(&self, bytes: u32) {
        self.credit.set(self.credit.get().saturating_add(u64::from(bytes)));
        if let Some(tell) = self.more_credit.take() {
            let _ = tell.send(());
        }
    }

    /// Takes credit for up to `wanted` bytes, waiting until there is any.
    async fn take_credit(&self, wanted: u64) -> Result<u64, NetError> {
        loop {
            if self.aborted.get() {
                return Err(NetError::cancelled());
            }
            let taken = self.credit.get().min(wanted);
            if taken > 0 {
                self.credit.set(self.credit.get() - taken);
                return Ok(taken);
            }
            let (tell, told) = oneshot::channel();
            self.more_credit.replace(Some(tell));
            // Dropped by `abort`, which the next round sees.
            let _ = told.await;
        }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    fn cancelled() -> Self {
        Self::new(AbiStatus::Cancelled, OpErrorCode::Cancelled, "cancelled")
    }

    fn denied(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Denied, OpErrorCode::Denied, message)
    }

    fn network(error: &JsValue) -> Self {
        Self::new(AbiStatus::Io, OpErrorCode::Network, describe(error))
    }

    fn too_large() -> Self {
        Self::new(
            AbiStatus::Limit,
            OpErrorCode::TooLarge,
            "the response is longer than the request allows",
        )
    }
}

/// Makes the request: `head` is called once with the response's head, then `data` with the pieces of its body as credit allows. Ends with the last byte.
pub async fn run(
    exchange: &Exchange,
    rules: Rules,
    request: NetRequest,
    body: Option<Uint8Array>,
    head: impl FnOnce(NetResponse),
    data: impl Fn(Uint8Array),
) -> Result<(), NetError> {
    let timeout_ms = match request.timeout_ms {
        0 => DEFAULT_TIMEOUT_MS,
        timeout_ms => timeout_ms,
    };
    let work = std::pin::pin!(transfer(exchange, rules, request, body, head, data));
    match select(work, engine::sleep_ms(f64::from(timeout_ms))).await {
        Either::Left((Err(_), _)) if exchange.aborted.get() => Err(NetError::cancelled()),
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            exchange.abort();
            Err(NetError::new(
                AbiStatus::Io,
                OpErrorCode::Timeout,
                format!("no end within {timeout_ms} ms"),
            ))
        }
    }
}

async fn transfer(
    exchange: &Exchange,
    rules: Rules,
    request: NetRequest,
    body: Option<Uint8Array>,
    head: impl FnOnce(NetResponse),
    data: impl Fn(Uint8Array),
) -> Result<(), NetError> {
    let max_bytes = match request.max_response_bytes {
        0 => DEFAULT_MAX_RESPONSE_BYTES,
        max_bytes => max_bytes,
    };
    let (response, final_url) = follow(exchange, rules, &request, body).await?;
    let declared = response
        .headers()
        .get("content-length")
        .ok()
        .flatten()
        .and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_bytes) {
        exchange.abort_transfer();
        return Err(NetError::too_large());
    }
    head(NetResponse {
        status: response.status().into(),
        headers: headers_of(&response),
        final_url,
    });
    let Some(stream) = response.body() else {
        return Ok(());
    };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut total = 0u64;
    loop {
        let read = JsFuture::from(reader.read())
            .await
            .map_err(|error| NetError::network(&error))?;
        let field = |name: &str| Reflect::get(&read, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if field("done").is_truthy() {
            return Ok(());
        }
        let Ok(chunk) = field("value").dyn_into::<Uint8Array>() else {
            continue;
        };
        total += u64::from(chunk.length());
        if total > max_bytes {
            exchange.abort_transfer();
            return Err(NetError::too_large());
        }
        let mut at = 0;
        while at < chunk.length() {
            let wanted = u64::from(chunk.length() - at).min(MAX_PIECE_BYTES as u64);
            let piece = exchange.take_credit(wanted).await? as u32;
            data(chunk.subarray(at, at + piece));
            at += piece;
        }
    }
}

impl Exchange {
    /// Stops the engine's work on a request that failed by our own rules; the failure is what is reported.
    fn abort_transfer(&self) {
        self.controller.abort();
    }
}

/// Asks, and follows redirects that can be checked.
async fn follow(
    exchange: &Exchange,
    rules: Rules,
    request: &NetRequest,
    mut body: Option<Uint8Array>,
) -> Result<(Response, String), NetError> {
    if !http::method_allowed(&request.method) {
        return Err(NetError::denied(format!("the method {}", request.method)));
    }
    let headers = Headers::new().map_err(|error| NetError::network(&error))?;
    for NetHeader { name, value } in &request.headers {
        if !http::header_allowed(name) {
            return Err(NetError::denied(format!("the header {name}")));
        }
        headers
            .append(name, value)
            .map_err(|_| NetError::denied(format!("the header {name} or its value")))?;
    }
    let mut method = request.method.clone();
    let mut url = Url::new(&request.url).map_err(|_| NetError::denied("not an absolute URL"))?;
    for _ in 0..=MAX_REDIRECTS {
        check(rules, &url)?;
        let init = Object::new();
        set(&init, "method", &method.as_str().into());
        set(&init, "headers", &headers);
        set(&init, "credentials", &"omit".into());
        set(&init, "redirect", &"manual".into());
        set(&init, "referrerPolicy", &"no-referrer".into());
        set(&init, "cache", &"no-store".into());
        set(&init, "signal", &exchange.controller.signal());
        if let Some(body) = &body {
            set(&init, "body", body);
        }
        let response: Response = JsFuture::from(fetch(&url.href(), &init).map_err(|error| NetError::network(&error))?)
            .await
            .map_err(|error| NetError::network(&error))?
            .unchecked_into();
        // What a browser gives in the place of a redirect: no status, no headers.
        if response.status() == 0 {
            return Err(NetError::denied("redirected, and this engine does not show where to"));
        }
        let status = response.status();
        let location = http::is_redirect(status).then(|| response.headers().get("location").ok().flatten());
        let Some(location) = location.flatten() else {
            return Ok((response, url.href()));
        };
        let next = Url::new_with_base(&location, &url.href())
            .map_err(|_| NetError::denied("redirected to what is not a URL"))?;
        if http::becomes_get(status, &method) {
            method = "GET".into();
            body = None;
            let _ = headers.delete("content-type");
        }
        if next.origin() != url.origin() {
            let _ = headers.delete("authorization");
        }
        url = next;
    }
    Err(NetError::denied(format!("more than {MAX_REDIRECTS} redirects")))
}

fn check(rules: Rules, url: &Url) -> Result<(), NetError> {
    rules
        .check(Address {
            scheme: url.protocol().trim_end_matches(':'),
            hostname: &url.hostname(),
            has_credentials: !url.username().is_empty() || !url.password().is_empty(),
        })
        .map_err(NetError::denied)
}

fn headers_of(response: &Response) -> Vec<NetHeader> {
    let entries: Array = Array::from(&response.headers());
    entries
        .iter()
        .filter_map(|entry| {
            let pair: Array = entry.dyn_into().ok()?;
            Some(NetHeader {
                name: pair.get(0).as_string()?,
                value: pair.get(1).as_string()?,
            })
        })
        .collect()
}
