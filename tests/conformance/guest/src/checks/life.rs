//! What happens around a trap: H7 and H8.

use crate::checks::Ask;
use crate::checks::batch::{Batch, needs_storage};
use crate::imports::{self, Region};
use crate::ledger::{self, Trick};
use crate::operations::{keep, trap_at_completion};
use crate::verdict::{Verdict, require};
use crate::{guest, monitor, runtime};

/// What a dead instance leaves behind when it is called again.
const GHOST: &[u8] = b"ghost";

thread_local! {
    static NONCE: [u8; 16] = {
        let mut nonce = [0; 16];
        imports::random(&mut nonce);
        nonce
    };
}

/// Answers with 16 bytes that no other instance has.
pub async fn identity(ask: Ask) -> Verdict {
    let status = guest::answer(ask.req, NONCE.with(|nonce| nonce.to_vec()));
    require(status == 0, || {
        format!("avatar_respond returned {}", imports::name(status))
    })
}

/// Traps, at the place that the argument names. Those that come later answer first.
pub async fn trap(ask: Ask) -> Verdict {
    match ask.text().split(' ').next().unwrap_or_default() {
        "alloc" => ledger::play(Trick::Trap),
        "request" => guest::trap_at_request(),
        "completion" => {
            Batch::default().get(b"trap").start()?;
            trap_at_completion();
            std::future::pending::<()>().await;
        }
        "stack" => {
            exhaust_stack(u32::MAX, &[0; 64]);
        }
        _ => {
            // With an operation under way, whose completion must not reach this instance.
            let _ = Batch::default().put(b"trap", b"").offer();
            monitor::die();
        }
    }
    Ok(())
}

/// Calls itself far deeper than any stack goes.
fn exhaust_stack(depth: u32, before: &[u8; 64]) -> u8 {
    let mut frame = *before;
    frame[0] = frame[0].wrapping_add(1);
    let frame = std::hint::black_box(frame);
    match depth {
        0 => frame[0],
        _ => exhaust_stack(depth - 1, &frame).wrapping_add(frame[1]),
    }
}

/// This instance has trapped, and is called again all the same.
pub fn haunt() {
    let (head, body) = Batch::default().put(GHOST, b"").encode();
    imports::storage(i64::MAX, Region::of(&head), Region::of(&body));
    keep(head);
    keep(body);
}

/// No dead instance was called: looked at after a while in which the host may have done it.
pub async fn haunted() -> Verdict {
    runtime::sleep_us(50_000).await;
    let found = Batch::default().get(GHOST).run().await?;
    require(found[0].keys.is_empty(), || {
        "an instance was called after it had trapped".to_owned()
    })
}

/// Stores a key, durably as soon as this is answered.
pub async fn put(ask: Ask) -> Verdict {
    Batch::default().put(&ask.arguments, b"kept").run().await.map(|_| ())
}

/// Whether a key is stored.
pub async fn has(ask: Ask) -> Verdict {
    needs_storage()?;
    let found = Batch::default().get(&ask.arguments).run().await?;
    require(found[0].values == [b"kept".to_vec()], || {
        "what a completed batch stored is not there".to_owned()
    })
}

/// Texts that are no UTF-8, cut-off sequences and surrogates among them.
pub async fn broken_text() -> Verdict {
    for bytes in [
        &b"\xff\xfe\xfd"[..],
        b"cut \xe2\x82",
        b"\xed\xa0\x80 surrogate",
        b"\xc0\xaf",
        b"nul \0 nul",
        b"",
    ] {
        for level in [1, 5, 0, 6, -1, i32::MAX] {
            imports::log(level, Region::of(bytes));
        }
        imports::panic(Region::of(bytes));
    }
    Ok(())
}
