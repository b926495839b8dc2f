//! `avatar_net_request` and the streams of its responses: H17 to H19. The kit's own server is at the address in the argument.

use avatar_proto::{Capability, Message, NetHeader, NetRequest, NetResponse, OpError, OpErrorCode};

use crate::checks::Ask;
use crate::operations::{completion, keep, submit, why};
use crate::runtime::sleep_us;
use crate::streams::{self, until};
use crate::verdict::{Problem, Verdict, fail, require, skip};
use crate::{guest, imports, monitor};

/// So long a host has time for what it must not do.
const A_WHILE_US: i64 = 60_000;

fn request(url: &str, stream: i32) -> NetRequest {
    NetRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        response_stream: stream as u32,
        ..NetRequest::default()
    }
}

fn needs_net() -> Verdict {
    match guest::host_has(Capability::Net) {
        true => Ok(()),
        false => skip("the host makes no HTTP requests"),
    }
}

/// Whether the host refuses a request, at once or by its completion, as one that its rules forbid.
async fn is_denied(request: NetRequest) -> Result<bool, Problem> {
    match submit(imports::net_request, keep(request.encode_to_vec()), keep(Vec::new())) {
        Err(status) => Ok(status < 0),
        Ok(op) => {
            let ended = completion(op).await?;
            let code = OpError::decode(ended.head.as_slice()).map(|error| error.code());
            Ok(ended.status != 0 && code == Ok(OpErrorCode::Denied))
        }
    }
}

/// The address in the argument must not be asked.
pub async fn denied(ask: Ask) -> Verdict {
    needs_net()?;
    let url = ask.text();
    let denied = is_denied(request(&url, streams::open())).await?;
    require(denied, || format!("{url} was not refused as DENIED"))
}

/// Asks, and waits for the head of a response that must come.
async fn response(request: NetRequest) -> Result<NetResponse, Problem> {
    needs_net()?;
    let url = request.url.clone();
    let Ok(op) = submit(imports::net_request, keep(request.encode_to_vec()), keep(Vec::new())) else {
        return fail(format!("a request for {url} was refused"));
    };
    let ended = completion(op).await?;
    if ended.status != 0 {
        return fail(format!("a request for {url} failed: {}", why(&ended)));
    }
    NetResponse::decode(ended.head.as_slice()).or_else(|_| fail("the head of a completed request is no NetResponse"))
}

/// Reads a response to its end. The header that carries authority must not be sent; the kit's server looks.
pub async fn fetch(ask: Ask) -> Verdict {
    let stream = streams::open();
    let cookie = NetHeader {
        name: "cookie".to_owned(),
        value: "authority=ambient".to_owned(),
    };
    let with_cookie = NetRequest {
        headers: vec![cookie],
        ..request(&ask.text(), streams::open())
    };
    // Refused or sent without it: both are right.
    let _ = submit(
        imports::net_request,
        keep(with_cookie.encode_to_vec()),
        keep(Vec::new()),
    );
    response(request(&ask.text(), stream)).await?;
    streams::grant(stream, 1_000_000);
    until("the end of a response", stream, |state| state.finished)
        .await
        .map(|_| ())
}

/// Asks for what must fail by size or by time: the arguments are the most bytes, the most milliseconds, and the address.
pub async fn fetch_fails(ask: Ask) -> Verdict {
    needs_net()?;
    let text = ask.text();
    let mut words = text.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    let (max_bytes, timeout_ms) = (number(), number());
    let stream = streams::open();
    let limited = NetRequest {
        max_response_bytes: max_bytes.into(),
        timeout_ms,
        ..request(words.next().unwrap_or_default(), stream)
    };
    let Ok(op) = submit(imports::net_request, keep(limited.encode_to_vec()), keep(Vec::new())) else {
        return fail("a request was refused");
    };
    if completion(op).await?.status != 0 {
        return Ok(());
    }
    streams::grant(stream, i32::MAX);
    let ended = until("the end of a limited response", stream, |state| {
        state.finished || state.reset.is_some()
    })
    .await?;
    require(ended.reset.is_some(), || {
        format!("all {} bytes came, against the limits of the request", ended.received)
    })
}

/// Grants in steps: no more comes than was granted, and all that was granted comes.
pub async fn credit(ask: Ask) -> Verdict {
    let stream = streams::open();
    response(request(&ask.text(), stream)).await?;
    sleep_us(A_WHILE_US).await;
    let mut granted = 0;
    for step in [0_i32, 1, 10_000, 65_536, 65_537] {
        if step > 0 {
            streams::grant(stream, step);
        }
        granted += step as u64;
        until("the bytes that were granted", stream, |state| state.received >= granted).await?;
        sleep_us(A_WHILE_US).await;
        monitor::verdict("H18")?;
    }
    streams::reset(stream);
    Ok(())
}

/// Resets a stream in the middle: no DATA after that.
pub async fn reset(ask: Ask) -> Verdict {
    let stream = streams::open();
    response(request(&ask.text(), stream)).await?;
    streams::grant(stream, 1_000_000);
    until("the first bytes", stream, |state| state.received > 0).await?;
    streams::grant(stream, 1_000_000);
    let status = streams::reset(stream);
    require(status == 0, || {
        format!("avatar_stream_close returned {}", imports::name(status))
    })?;
    sleep_us(2 * A_WHILE_US).await;
    monitor::verdict("H19")
}

/// Reads to FIN: nothing comes after it.
pub async fn finish(ask: Ask) -> Verdict {
    let stream = streams::open();
    response(request(&ask.text(), stream)).await?;
    streams::grant(stream, 1_000_000);
    let ended = until("FIN", stream, |state| state.finished).await?;
    require(ended.received > 0, || "FIN came without the bytes".to_owned())?;
    streams::grant(stream, 1_000_000);
    sleep_us(A_WHILE_US).await;
    let late = streams::state(stream).late;
    require(late == 0, || format!("{late} events came after FIN"))
}
