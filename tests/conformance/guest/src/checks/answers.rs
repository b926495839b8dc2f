//! Answers: H11.

use avatar_proto::AbiStatus;

use crate::checks::Ask;
use crate::imports::{self, FIN, Region};
use crate::operations::keep;
use crate::runtime::next_turn;
use crate::verdict::{Verdict, require};
use crate::{guest, monitor};

/// So many answers before the last, each with its number as the body, over several turns.
pub async fn parts(ask: Ask) -> Verdict {
    const A_TURN: u64 = 100;
    for part in 0..ask.number() {
        let status = guest::answer(ask.req, part.to_string().into_bytes());
        require(status == 0, || {
            format!("avatar_respond returned {}", imports::name(status))
        })?;
        if part % A_TURN == A_TURN - 1 {
            next_turn().await;
        }
    }
    Ok(())
}

/// Answers after its last answer, and answers a request that there never was. The verdict is the monitor's.
pub async fn after_fin(ask: Ask) -> Verdict {
    guest::conclude(ask.req, &Ok(()));
    let head = keep(guest::done());
    let unknown = ask.req.wrapping_add(1 << 40);
    for (what, status) in [
        ("an answer after the last", guest::answer(ask.req, b"late".to_vec())),
        (
            "a second last answer",
            imports::respond(ask.req, FIN, head, Region::NONE),
        ),
        (
            "an answer to no request",
            imports::respond(unknown, FIN, head, Region::NONE),
        ),
    ] {
        if status != AbiStatus::NotFound.code() {
            monitor::note("H11", format!("{what} returned {}", imports::name(status)));
        }
    }
    // This request has ended: nothing may follow.
    std::future::pending().await
}
