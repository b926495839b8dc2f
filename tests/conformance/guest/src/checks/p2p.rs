//! `avatar_p2p` and its streams: H24 to H29. The kit makes the commands and is the peer; the guest carries them out, and watches the streams.

use std::future::poll_fn;
use std::task::Poll;

use avatar_proto::{AbiStatus, Capability};

use crate::checks::Ask;
use crate::ledger::{self, Trick};
use crate::operations::{completion, keep, submit};
use crate::runtime::{sleep_us, soon};
use crate::streams::{self, until};
use crate::verdict::{Verdict, fail, require, skip};
use crate::{guest, imports, monitor};

/// So much is granted at a time.
const GRANT: i32 = 50_000;

/// Nothing has happened for so long: nothing will.
const QUIET_US: i64 = 300_000;

fn needs_p2p() -> Verdict {
    match guest::host_has(Capability::P2p) {
        true => Ok(()),
        false => skip("the host reaches no peers"),
    }
}

fn tell(ask: &Ask, part: Vec<u8>) -> Verdict {
    let status = guest::answer(ask.req, part);
    require(status == 0, || {
        format!("avatar_respond returned {}", imports::name(status))
    })
}

/// Submits the encoded P2pCommand in the argument. Answers with the status (an i32, little endian), of the call or of the completion, and the head.
pub async fn command(ask: Ask) -> Verdict {
    needs_p2p()?;
    let head = keep(ask.arguments.clone());
    let (status, head) = match submit(|op, head, _| imports::p2p(op, head), head, keep(Vec::new())) {
        Err(status) => (status, Vec::new()),
        Ok(op) => {
            let ended = completion(op).await?;
            (ended.status, ended.head)
        }
    };
    let mut part = status.to_le_bytes().to_vec();
    part.extend(head);
    tell(&ask, part)
}

/// Submits the P2pCommand in the argument, which would wait, and cancels it: the completion comes all the same, once.
pub async fn cancelled(ask: Ask) -> Verdict {
    needs_p2p()?;
    let head = keep(ask.arguments.clone());
    let Ok(op) = submit(|op, head, _| imports::p2p(op, head), head, keep(Vec::new())) else {
        return fail("the command was refused");
    };
    sleep_us(50_000).await;
    let status = imports::cancel(op);
    require(status == 0, || {
        format!("avatar_cancel returned {}", imports::name(status))
    })?;
    let ended = completion(op).await?;
    require(ended.status == AbiStatus::Cancelled.code(), || {
        format!("it ended with {}", imports::name(ended.status))
    })?;
    sleep_us(QUIET_US).await;
    let status = imports::cancel(op);
    require(status == AbiStatus::NotFound.code(), || {
        format!("avatar_cancel of what has ended returned {}", imports::name(status))
    })?;
    monitor::verdict("H14")
}

/// The number of a stream for the next command that opens one, as text.
pub async fn number(ask: Ask) -> Verdict {
    needs_p2p()?;
    tell(&ask, streams::open().to_string().into_bytes())
}

/// Waits for a stream that a peer opens: its number (an i32, little endian) and the encoded P2pInbound.
pub async fn inbound(ask: Ask) -> Verdict {
    needs_p2p()?;
    let (number, head) = soon(
        "a stream from the peer",
        poll_fn(|_| streams::next_inbound().map_or(Poll::Pending, Poll::Ready)),
    )
    .await?;
    let mut part = number.to_le_bytes().to_vec();
    part.extend(head);
    tell(&ask, part)
}

fn two_numbers(ask: &Ask) -> (i32, u64) {
    let text = ask.text();
    let mut words = text.split(' ');
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    (number() as i32, number())
}

/// Writes so many bytes of the pattern to a stream that echoes, and finishes: all of it comes back in order, then FIN, and never more than was granted.
pub async fn echo(ask: Ask) -> Verdict {
    let (stream, total) = two_numbers(&ask);
    until("OPENED", stream, |state| state.opened).await?;
    let (mut sent, mut asked) = (0u64, 0u64);
    while sent < total || !streams::state(stream).finished {
        let state = streams::state(stream);
        require(state.reset.is_none(), || {
            format!("the stream was reset after {sent} bytes")
        })?;
        if state.received + u64::from(GRANT as u32) > asked {
            streams::grant(stream, GRANT);
            asked += GRANT as u64;
        }
        let piece = (total - sent).min(state.credit).min(30_000) as usize;
        if piece > 0 {
            let bytes: Vec<u8> = (sent..).take(piece).map(streams::pattern).collect();
            // In two parts, of which one is empty now and then.
            let (left, right) = bytes.split_at(piece / 3);
            let status = streams::write(stream, &[left, right]);
            require(status == piece as i32, || {
                format!(
                    "a write of {piece} bytes within the credit returned {}",
                    imports::name(status)
                )
            })?;
            sent += piece as u64;
            if sent == total {
                streams::finish(stream);
            }
            continue;
        }
        let received = state.received;
        until("credit, bytes or the end", stream, |now| {
            now.received > received || now.credit > 0 && sent < total || now.finished || now.reset.is_some()
        })
        .await?;
    }
    let state = streams::state(stream);
    require(state.received == total, || {
        format!("{} of {total} bytes came back", state.received)
    })?;
    require(!state.scrambled, || "the bytes came back in another order".to_owned())
}

/// Writes so many bytes to a stream that echoes, and has no room once for what comes back: there is no gap, whatever the host does instead.
pub async fn roomless(ask: Ask) -> Verdict {
    let (stream, total) = two_numbers(&ask);
    until("OPENED", stream, |state| state.opened).await?;
    let bytes: Vec<u8> = (0..total).map(streams::pattern).collect();
    let status = streams::write(stream, &[&bytes]);
    require(status == total as i32, || {
        format!("avatar_stream_write returned {}", imports::name(status))
    })?;
    ledger::play(Trick::Refuse);
    streams::grant(stream, total as i32);
    let state = until("all bytes or a reset", stream, |now| {
        now.received >= total || now.reset.is_some()
    })
    .await?;
    require(!state.scrambled, || {
        "bytes are missing among those that came".to_owned()
    })
}

/// Serves a stream that the peer opened: what comes goes back, to the end.
pub async fn serve(ask: Ask) -> Verdict {
    let (stream, _) = two_numbers(&ask);
    let mut sent = 0;
    streams::grant(stream, GRANT);
    loop {
        let state = until("bytes or the end", stream, |now| {
            (now.received > sent && now.credit > 0) || now.finished || now.reset.is_some()
        })
        .await?;
        require(state.reset.is_none(), || "the stream was reset".to_owned())?;
        require(!state.scrambled, || "the bytes came in another order".to_owned())?;
        let piece = (state.received - sent).min(state.credit) as usize;
        if piece > 0 {
            let bytes: Vec<u8> = (sent..).take(piece).map(streams::pattern).collect();
            let status = streams::write(stream, &[&bytes]);
            require(status == piece as i32, || {
                format!("avatar_stream_write returned {}", imports::name(status))
            })?;
            sent += piece as u64;
            streams::grant(stream, piece as i32);
        } else if state.finished && sent == state.received {
            streams::finish(stream);
            return Ok(());
        } else if state.finished {
            until("credit", stream, |now| now.credit > 0 || now.reset.is_some()).await?;
        }
    }
}

/// Grants so many bytes and no more, to a stream whose peer sends without end.
pub async fn trickle(ask: Ask) -> Verdict {
    let (stream, granted) = two_numbers(&ask);
    until("OPENED", stream, |state| state.opened).await?;
    sleep_us(QUIET_US).await;
    require(streams::state(stream).received == 0, || {
        "bytes came that nobody had granted".to_owned()
    })?;
    streams::grant(stream, granted as i32);
    until("what was granted", stream, |state| state.received >= granted).await?;
    sleep_us(QUIET_US).await;
    monitor::verdict("H18")?;
    streams::reset(stream);
    sleep_us(QUIET_US).await;
    monitor::verdict("H19")
}

/// Writes to a peer who never reads, until no credit comes any more. Answers with how many bytes were taken.
pub async fn flood(ask: Ask) -> Verdict {
    let (stream, most) = two_numbers(&ask);
    until("OPENED", stream, |state| state.opened).await?;
    let mut sent = 0u64;
    loop {
        let state = streams::state(stream);
        require(state.reset.is_none(), || "the stream was reset".to_owned())?;
        let beyond = vec![0; state.credit as usize + 1];
        let status = streams::write(stream, &[&beyond]);
        require(status == AbiStatus::Again.code(), || {
            format!(
                "a write of one byte more than the credit returned {}",
                imports::name(status)
            )
        })?;
        if state.credit == 0 {
            sleep_us(QUIET_US).await;
            if streams::state(stream).credit == 0 {
                streams::reset(stream);
                return tell(&ask, sent.to_string().into_bytes());
            }
            continue;
        }
        let status = streams::write(stream, &[&beyond[1..]]);
        require(status == state.credit as i32, || {
            format!("avatar_stream_write returned {}", imports::name(status))
        })?;
        sent += state.credit;
        require(sent <= most, || {
            format!("{sent} bytes were taken for a peer who reads nothing")
        })?;
    }
}

/// Waits for the end of a stream: answers with `fin` or `reset`.
pub async fn end(ask: Ask) -> Verdict {
    let (stream, _) = two_numbers(&ask);
    streams::grant(stream, i32::MAX);
    let state = until("the end of the stream", stream, |state| {
        state.finished || state.reset.is_some()
    })
    .await?;
    let words = if state.reset.is_some() { "reset" } else { "fin" };
    tell(&ask, words.as_bytes().to_vec())
}

/// Resets a stream.
pub async fn reset(ask: Ask) -> Verdict {
    let (stream, _) = two_numbers(&ask);
    let status = streams::reset(stream);
    require(status == 0, || {
        format!("avatar_stream_close returned {}", imports::name(status))
    })
}

/// No event has come of a stream that was never open.
pub async fn untouched(ask: Ask) -> Verdict {
    let (stream, _) = two_numbers(&ask);
    sleep_us(QUIET_US).await;
    let state = streams::state(stream);
    require(state.events == 0, || {
        format!("{} events came of stream {stream}, which was not opened", state.events)
    })?;
    for (what, status) in [
        ("write", streams::write(stream, &[b"x"])),
        ("grant", imports::stream_grant(stream, 1)),
        ("close", imports::stream_close(stream, 1)),
    ] {
        require(status == AbiStatus::NotFound.code(), || {
            format!("avatar_stream_{what} of it returned {}", imports::name(status))
        })?;
    }
    Ok(())
}
