//! Buffers: H1 to H5.

use crate::checks::Ask;
use crate::checks::batch::{Batch, needs_storage, results};
use crate::imports::{self, MORE, Region};
use crate::ledger::{self, Trick};
use crate::operations::{keep, submit, success};
use crate::verdict::{Verdict, fail, require};
use crate::{guest, monitor};

const BAD_BUFFER: i32 = -2;
/// Written over what was lent, as soon as the import is back.
const SCRAMBLED: u8 = 0xee;

/// Answers with the arguments as they came.
pub async fn echo(ask: Ask) -> Verdict {
    let status = guest::answer(ask.req, ask.arguments);
    require(status == 0, || {
        format!("avatar_respond returned {}", imports::name(status))
    })
}

/// The same, but the buffers are overwritten when the import has returned.
pub async fn scrambled_answer(ask: Ask) -> Verdict {
    let (mut head, mut body) = (guest::done(), ask.arguments);
    let status = imports::respond(ask.req, MORE, Region::of(&head), Region::of(&body));
    head.fill(SCRAMBLED);
    body.fill(SCRAMBLED);
    keep(head);
    keep(body);
    require(status == 0, || {
        format!("avatar_respond returned {}", imports::name(status))
    })
}

/// A batch whose buffers are overwritten when the import has returned.
pub async fn scrambled_batch() -> Verdict {
    needs_storage()?;
    let value = [7_u8; 70_000];
    let (mut head, mut body) = Batch::default().put(b"scrambled", &value).encode();
    let submitted = submit(imports::storage, Region::of(&head), Region::of(&body));
    head.fill(SCRAMBLED);
    body.fill(SCRAMBLED);
    keep(head);
    keep(body);
    let Ok(op) = submitted else {
        return fail("a batch was refused");
    };
    success(op).await?;
    let found = Batch::default().get(b"scrambled").run().await?;
    require(found[0].values == [value.to_vec()], || {
        "the batch was read after avatar_storage had returned".to_owned()
    })
}

/// Each of the next buffers makes the memory grow.
pub async fn grow_in_alloc(ask: Ask) -> Verdict {
    ledger::play(Trick::Grow(ask.number() as u32));
    Ok(())
}

/// The memory grows in this turn, before an answer from its new end.
pub async fn grow_in_turn(ask: Ask) -> Verdict {
    let at = ledger::memory_bytes();
    ledger::grow(2);
    let new_memory = Region { ptr: at, len: 100_000 };
    let head = keep(guest::done());
    let status = imports::respond(ask.req, MORE, head, new_memory);
    require(status == 0, || {
        format!("a buffer in new memory was refused with {}", imports::name(status))
    })
}

/// The memory grows for both buffers of a completion.
pub async fn grow_at_completion() -> Verdict {
    let value = [9_u8; 70_000];
    Batch::default().put(b"grown", &value).run().await?;
    let op = Batch::default().get(b"grown").start()?;
    ledger::play(Trick::Grow(2));
    let found = results(&success(op).await?)?;
    let intact = found.len() == 1 && found[0].values == [value.to_vec()];
    require(intact, || "a completion was written beside its buffers".to_owned())
}

/// The next buffer lies behind the memory.
pub async fn alloc_lies() -> Verdict {
    ledger::play(Trick::Lie);
    Ok(())
}

/// The next buffer is not given.
pub async fn alloc_refuses() -> Verdict {
    ledger::play(Trick::Refuse);
    Ok(())
}

/// Randomness and completions of many sizes, between guards.
pub async fn guards() -> Verdict {
    const GUARD: [u8; 64] = [0x5a; 64];
    for len in [1, 65_535, 65_536, 65_537] {
        let mut block = vec![0x5a; len + 128];
        let status = imports::random(&mut block[64..64 + len]);
        require(status == 0, || {
            format!("avatar_random of {len} bytes returned {}", imports::name(status))
        })?;
        let untouched = block[..64] == GUARD && block[64 + len..] == GUARD;
        require(untouched, || format!("avatar_random of {len} bytes wrote around them"))?;
    }
    if needs_storage().is_ok() {
        for len in [0, 1, 65_535, 65_536, 65_537] {
            Batch::default()
                .put(b"guarded", &vec![1; len])
                .get(b"guarded")
                .run()
                .await?;
        }
    }
    monitor::verdict("H1")
}

/// Lends what lies behind the memory, across its end, and around the end of all addresses.
pub async fn outside(ask: Ask) -> Verdict {
    let end = ledger::memory_bytes();
    let fine = keep(guest::done());
    let regions = [
        Region { ptr: end, len: 1 },
        Region { ptr: end - 4, len: 8 },
        Region {
            ptr: 0xffff_fff0,
            len: 0x20,
        },
        Region { ptr: 8, len: u32::MAX },
    ];
    for region in regions {
        imports::log(5, region);
        imports::panic(region);
        let calls: [(&str, i32); 8] = [
            ("avatar_random", imports::random_outside(region)),
            ("avatar_emit", imports::emit(1, region)),
            (
                "avatar_respond with such a head",
                imports::respond(ask.req, MORE, region, Region::NONE),
            ),
            (
                "avatar_respond with such a body",
                imports::respond(ask.req, MORE, fine, region),
            ),
            ("avatar_storage with such a head", storage_status(region, Region::NONE)),
            ("avatar_storage with such a body", storage_status(Region::NONE, region)),
            ("avatar_net_request with such a head", net_status(region)),
            ("avatar_keys with such a command", keys_status(region)),
        ];
        for (call, status) in calls {
            require(status == BAD_BUFFER, || {
                format!(
                    "{call} returned {} for {region:?} of {end} bytes",
                    imports::name(status)
                )
            })?;
        }
    }
    Ok(())
}

fn storage_status(head: Region, body: Region) -> i32 {
    if needs_storage().is_err() {
        return BAD_BUFFER;
    }
    submit(imports::storage, head, body).map_or_else(|status| status, |_| 0)
}

fn net_status(head: Region) -> i32 {
    if !guest::host_has(avatar_proto::Capability::Net) {
        return BAD_BUFFER;
    }
    submit(imports::net_request, head, Region::NONE).map_or_else(|status| status, |_| 0)
}

fn keys_status(command: Region) -> i32 {
    if !guest::host_has(avatar_proto::Capability::Keys) {
        return BAD_BUFFER;
    }
    submit(|op, command, _| imports::keys(op, command), command, Region::NONE).map_or_else(|status| status, |_| 0)
}
