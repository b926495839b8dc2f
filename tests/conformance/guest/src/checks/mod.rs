//! The checks, by the words that ask for them.

mod answers;
mod batch;
mod keys;
pub mod life;
mod memory;
mod net;
mod ops;
mod p2p;
mod storage;
mod sync;

use std::future::Future;
use std::pin::Pin;

use avatar_proto::ErrorCode;

use crate::verdict::Verdict;
use crate::{guest, ledger, monitor, runtime};

/// A request, as a check sees it.
pub struct Ask {
    /// Its number.
    pub req: i64,
    /// What stands behind the name of the check and one space.
    pub arguments: Vec<u8>,
}

impl Ask {
    /// The arguments as text.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.arguments).into_owned()
    }

    /// The argument that is a number; 0 when it is none.
    fn number(&self) -> u64 {
        self.text().trim().parse().unwrap_or(0)
    }
}

type Check = Pin<Box<dyn Future<Output = Verdict>>>;

/// Begins what a request asks for.
pub fn start(req: i64, bytes: Vec<u8>) {
    let (name, arguments) = match bytes.iter().position(|byte| *byte == b' ') {
        Some(space) => (&bytes[..space], bytes[space + 1..].to_vec()),
        None => (&bytes[..], Vec::new()),
    };
    let name = String::from_utf8_lossy(name).into_owned();
    let ask = Ask { req, arguments };
    let Some(check) = find(&name, ask) else {
        return guest::end(req, ErrorCode::UnknownRequest, "no such check");
    };
    runtime::spawn(
        req,
        Box::pin(async move {
            let verdict = check.await;
            guest::conclude(req, &verdict);
        }),
    );
}

fn find(name: &str, ask: Ask) -> Option<Check> {
    Some(match name {
        "" => Box::pin(async { Ok(()) }),
        "monitor" => Box::pin(noted(ask)),

        "echo" => Box::pin(memory::echo(ask)),
        "scrambled-answer" => Box::pin(memory::scrambled_answer(ask)),
        "scrambled-batch" => Box::pin(memory::scrambled_batch()),
        "grow-in-alloc" => Box::pin(memory::grow_in_alloc(ask)),
        "grow-in-turn" => Box::pin(memory::grow_in_turn(ask)),
        "grow-at-completion" => Box::pin(memory::grow_at_completion()),
        "alloc-lies" => Box::pin(memory::alloc_lies()),
        "alloc-refuses" => Box::pin(memory::alloc_refuses()),
        "guards" => Box::pin(memory::guards()),
        "outside" => Box::pin(memory::outside(ask)),

        "identity" => Box::pin(life::identity(ask)),
        "hold" => Box::pin(std::future::pending()),
        "trap" => Box::pin(life::trap(ask)),
        "put" => Box::pin(life::put(ask)),
        "has" => Box::pin(life::has(ask)),
        "haunted" => Box::pin(life::haunted()),
        "broken-text" => Box::pin(life::broken_text()),

        "turns" => Box::pin(sync::turns(ask)),
        "timer" => Box::pin(sync::timer(ask)),
        "sleep" => Box::pin(sync::sleep(ask)),
        "busy" => Box::pin(sync::busy(ask)),
        "knock" => Box::pin(sync::knock()),
        "monotonic" => Box::pin(sync::monotonic()),
        "time-passes" => Box::pin(sync::time_passes(ask)),
        "random" => Box::pin(sync::random(ask)),

        "parts" => Box::pin(answers::parts(ask)),
        "after-fin" => Box::pin(answers::after_fin(ask)),

        "once" => Box::pin(ops::once()),
        "cancel" => Box::pin(ops::cancel()),
        "limit" => Box::pin(ops::limit()),
        "malformed" => Box::pin(ops::malformed()),
        "lacking" => Box::pin(ops::lacking()),
        "oversize" => Box::pin(ops::oversize(ask)),
        "linked" => Box::pin(ops::linked()),

        "atomic-refused" => Box::pin(storage::atomic_refused()),
        "atomic-failed" => Box::pin(storage::atomic_failed()),
        "cancelled-batch" => Box::pin(storage::cancelled_batch()),
        "order" => Box::pin(storage::order()),
        "reads" => Box::pin(storage::reads()),
        "ranges" => Box::pin(storage::ranges()),
        "limits" => Box::pin(storage::limits()),
        "sizes" => Box::pin(storage::sizes()),

        "keys-once" => Box::pin(keys::once()),
        "keys-scrambled" => Box::pin(keys::scrambled()),
        "keys-limits" => Box::pin(keys::limits()),
        "keys-unknown" => Box::pin(keys::unknown()),
        "keys-same" => Box::pin(keys::same()),
        "keys-make" => Box::pin(keys::make(ask)),
        "keys-kept" => Box::pin(keys::kept(ask)),
        "keys-erase" => Box::pin(keys::erase()),
        "keys-signature" => Box::pin(keys::signature(ask)),
        "keys-shared" => Box::pin(keys::shared(ask)),
        "keys-low-order" => Box::pin(keys::low_order()),
        "keys-wrapping" => Box::pin(keys::wrapping()),

        "denied" => Box::pin(net::denied(ask)),
        "fetch" => Box::pin(net::fetch(ask)),
        "fetch-fails" => Box::pin(net::fetch_fails(ask)),
        "credit" => Box::pin(net::credit(ask)),
        "reset" => Box::pin(net::reset(ask)),
        "finish" => Box::pin(net::finish(ask)),

        "p2p-command" => Box::pin(p2p::command(ask)),
        "p2p-cancelled" => Box::pin(p2p::cancelled(ask)),
        "p2p-number" => Box::pin(p2p::number(ask)),
        "p2p-inbound" => Box::pin(p2p::inbound(ask)),
        "p2p-echo" => Box::pin(p2p::echo(ask)),
        "p2p-roomless" => Box::pin(p2p::roomless(ask)),
        "p2p-serve" => Box::pin(p2p::serve(ask)),
        "p2p-trickle" => Box::pin(p2p::trickle(ask)),
        "p2p-flood" => Box::pin(p2p::flood(ask)),
        "p2p-end" => Box::pin(p2p::end(ask)),
        "p2p-reset" => Box::pin(p2p::reset(ask)),
        "p2p-untouched" => Box::pin(p2p::untouched(ask)),
        _ => return None,
    })
}

/// What the monitor has noted so far about one MUST.
async fn noted(ask: Ask) -> Verdict {
    ledger::inspect_all();
    monitor::verdict(ask.text().trim())
}
