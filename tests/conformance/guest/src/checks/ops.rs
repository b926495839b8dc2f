//! Operations: H14, H16, H20.

use avatar_proto::{AbiStatus, Capability};

use crate::checks::Ask;
use crate::checks::batch::{Batch, needs_storage};
use crate::imports::{self, MORE, Region};
use crate::operations::{completion, keep, submit, success};
use crate::runtime::{next_turn, sleep_us};
use crate::verdict::{Verdict, fail, require};
use crate::{guest, ledger, monitor};

const INVALID: i32 = AbiStatus::Invalid.code();
const UNSUPPORTED: i32 = AbiStatus::Unsupported.code();
const LIMIT: i32 = AbiStatus::Limit.code();

type Call = fn() -> Result<i64, i32>;

/// So long a host has time for what it must not do.
const A_WHILE_US: i64 = 30_000;

/// Many operations in one turn, each of which completes, and none twice.
pub async fn once() -> Verdict {
    let ops = (0..100_u8)
        .map(|n| Batch::default().put(b"once", &[n]).start())
        .collect::<Result<Vec<_>, _>>()?;
    for op in ops {
        success(op).await?;
    }
    sleep_us(A_WHILE_US).await;
    monitor::verdict("H14")
}

/// Cancels right after the call, twice, and when all is over.
pub async fn cancel() -> Verdict {
    let ops = (0..20_u8)
        .map(|n| Batch::default().put(b"cancel", &[n]).start())
        .collect::<Result<Vec<_>, _>>()?;
    for op in &ops {
        imports::cancel(*op);
        imports::cancel(*op);
    }
    for op in &ops {
        let ended = completion(*op).await?;
        let expected = ended.status == 0 || ended.status == AbiStatus::Cancelled.code();
        require(expected, || {
            format!("a cancelled operation ended with {}", imports::name(ended.status))
        })?;
    }
    for op in &ops {
        imports::cancel(*op);
    }
    sleep_us(A_WHILE_US).await;
    monitor::verdict("H14")
}

/// One operation more than the host takes.
pub async fn limit() -> Verdict {
    needs_storage()?;
    let (max_ops, _) = guest::host_limits();
    let mut ops = Vec::new();
    for n in 0..max_ops {
        match Batch::default().get(b"limit").offer() {
            Ok(op) => ops.push(op),
            Err(status) => {
                return fail(format!(
                    "operation {} of {max_ops} was refused with {}",
                    n + 1,
                    imports::name(status)
                ));
            }
        }
    }
    let refused = Batch::default().get(b"limit").offer();
    for op in ops {
        success(op).await?;
    }
    match refused {
        Err(LIMIT) => Batch::default().get(b"limit").run().await.map(|_| ()),
        Err(status) => fail(format!("operation {} returned {}", max_ops + 1, imports::name(status))),
        Ok(_) => fail(format!(
            "operation {} was accepted, the limit is {max_ops}",
            max_ops + 1
        )),
    }
}

/// Heads that are no message, and batches that contradict themselves.
pub async fn malformed() -> Verdict {
    needs_storage()?;
    let batch = |batch: Batch| batch.encode();
    let cut_off = batch(Batch::default().put(b"cut", b"value").get(b"cut"));
    let cases: [(&str, Vec<u8>, Vec<u8>); 9] = [
        (
            "a cut-off head",
            cut_off.0[..cut_off.0.len() - 1].to_vec(),
            cut_off.1.clone(),
        ),
        ("bytes that are no message", vec![0xff; 20], Vec::new()),
        ("an operation of no kind", vec![0x0a, 0x00], Vec::new()),
        (
            "a length beyond the head",
            vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            Vec::new(),
        ),
        ("a body shorter than its values", cut_off.0.clone(), b"valu".to_vec()),
        ("a body longer than its values", cut_off.0.clone(), b"values".to_vec()),
        ("an empty key", batch(Batch::default().get(b"")).0, Vec::new()),
        (
            "a key of 513 bytes",
            batch(Batch::default().get(&[1; 513])).0,
            Vec::new(),
        ),
        (
            "a put of a key of 513 bytes",
            batch(Batch::default().put(&[1; 513], b"")).0,
            Vec::new(),
        ),
    ];
    for (what, head, body) in cases {
        match submit(imports::storage, keep(head), keep(body)) {
            Err(INVALID) => {}
            Err(status) => return fail(format!("{what} was refused with {}", imports::name(status))),
            Ok(_) => return fail(format!("{what} was accepted")),
        }
    }
    Ok(())
}

/// Capabilities that are not in the Hello.
pub async fn lacking() -> Verdict {
    let none = Region::NONE;
    let calls: [(Capability, &str, Call); 5] = [
        (Capability::Storage, "avatar_storage", || {
            submit(imports::storage, Region::NONE, Region::NONE)
        }),
        (Capability::Net, "avatar_net_request", || {
            submit(imports::net_request, Region::NONE, Region::NONE)
        }),
        (Capability::Infer, "avatar_infer", || {
            submit(imports::infer, Region::NONE, Region::NONE)
        }),
        (Capability::P2p, "avatar_p2p", || {
            submit(|op, head, _| imports::p2p(op, head), Region::NONE, Region::NONE)
        }),
        (Capability::Keys, "avatar_keys", || {
            submit(|op, head, _| imports::keys(op, head), Region::NONE, Region::NONE)
        }),
    ];
    for (capability, name, call) in calls {
        if guest::host_has(capability) {
            continue;
        }
        match call() {
            Err(UNSUPPORTED) => {}
            Err(status) => {
                return fail(format!(
                    "{name}, which the host lacks, returned {}",
                    imports::name(status)
                ));
            }
            Ok(_) => return fail(format!("{name} was accepted, and is not in the Hello")),
        }
    }
    let topic = imports::emit(i32::MAX, none);
    require(topic < 0, || {
        format!("an event on an unknown topic returned {}", imports::name(topic))
    })
}

/// A buffer that is one byte larger than the host takes.
pub async fn oversize(ask: Ask) -> Verdict {
    let (_, max_buffer) = guest::host_limits();
    let len = max_buffer + 1;
    let missing = (u64::from(len) + 1).saturating_sub(u64::from(ledger::memory_bytes()));
    ledger::grow(missing.div_ceil(65_536) as usize);
    // Seen by the host from the next turn on, whatever it makes of memory that grows in this one.
    next_turn().await;
    let large = Region { ptr: 0, len };
    let head = keep(guest::done());
    let mut calls = vec![
        ("avatar_emit", imports::emit(1, large)),
        ("avatar_respond", imports::respond(ask.req, MORE, head, large)),
    ];
    if needs_storage().is_ok() {
        let status = submit(imports::storage, large, Region::NONE).map_or_else(|status| status, |_| 0);
        calls.push(("avatar_storage", status));
    }
    if guest::host_has(Capability::Keys) {
        let status = submit(|op, head, _| imports::keys(op, head), large, Region::NONE);
        calls.push(("avatar_keys", status.map_or_else(|status| status, |_| 0)));
    }
    for (name, status) in calls {
        require(status == LIMIT, || {
            format!("{name} with {len} bytes returned {}", imports::name(status))
        })?;
    }
    Ok(())
}

/// Every function can be called; what is not there is refused, and harms nobody.
pub async fn linked() -> Verdict {
    const NO_STREAM: i32 = 4_001;
    imports::log(5, Region::NONE);
    require(imports::unix_us() > 0, || {
        "the wall clock stands before 1970".to_owned()
    })?;
    imports::monotonic_us();
    let statuses = [
        ("avatar_cancel", imports::cancel(i64::MAX)),
        ("avatar_stream_write", imports::stream_write(NO_STREAM, 0, 0)),
        ("avatar_stream_grant", imports::stream_grant(NO_STREAM, 1)),
        ("avatar_stream_close", imports::stream_close(NO_STREAM, 3)),
        ("avatar_infer", imports::infer(0, Region::NONE, Region::NONE)),
        ("avatar_p2p", imports::p2p(0, Region::NONE)),
        ("avatar_keys", imports::keys(0, Region::NONE)),
    ];
    for (name, status) in statuses {
        require(status < 0, || {
            format!("{name} returned {} for what there is not", imports::name(status))
        })?;
    }
    Ok(())
}
