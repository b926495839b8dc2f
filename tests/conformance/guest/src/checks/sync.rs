//! Turns, clocks and randomness: H9, H12, H13.

use std::cell::Cell;

use crate::checks::Ask;
use crate::imports;
use crate::runtime::{next_turn, sleep_us, turns as turns_so_far};
use crate::verdict::{Verdict, fail, require};

thread_local! {
    static KNOCKED: Cell<bool> = const { Cell::new(false) };
}

/// Asks for so many turns, one after another.
pub async fn turns(ask: Ask) -> Verdict {
    for _ in 0..ask.number() {
        next_turn().await;
    }
    Ok(())
}

/// Waits for its timer, so many milliseconds, with nothing else to do; the host must not turn without end meanwhile.
pub async fn timer(ask: Ask) -> Verdict {
    const FEW: u64 = 25;
    let (before, start_us) = (turns_so_far(), imports::monotonic_us());
    let wait_us = ask.number() as i64 * 1_000;
    sleep_us(wait_us).await;
    let (turns, waited_us) = (turns_so_far() - before, imports::monotonic_us() - start_us);
    require(turns <= FEW, || {
        format!("{turns} turns during one timer of {wait_us} µs")
    })?;
    require(waited_us < wait_us + 3_000_000, || {
        format!("a timer of {wait_us} µs took {waited_us} µs")
    })
}

/// Ends after so many milliseconds.
pub async fn sleep(ask: Ask) -> Verdict {
    sleep_us(ask.number() as i64 * 1_000).await;
    Ok(())
}

/// Has work without end until another request comes, or the argument's milliseconds have passed.
pub async fn busy(ask: Ask) -> Verdict {
    KNOCKED.set(false);
    let until_us = imports::monotonic_us() + ask.number() as i64 * 1_000;
    while !KNOCKED.get() {
        if imports::monotonic_us() > until_us {
            return fail("no other request came in while yuan_turn returned 0");
        }
        next_turn().await;
    }
    Ok(())
}

/// What `busy` waits for.
pub async fn knock() -> Verdict {
    KNOCKED.set(true);
    Ok(())
}

/// Reads the clock often, within a turn and over turns.
pub async fn monotonic() -> Verdict {
    let mut before_us = imports::monotonic_us();
    for _ in 0..20 {
        for _ in 0..1_000 {
            let now_us = imports::monotonic_us();
            require(now_us >= before_us, || {
                format!("the monotonic clock went from {before_us} to {now_us}")
            })?;
            before_us = now_us;
        }
        next_turn().await;
    }
    Ok(())
}

/// The argument is the time of day in milliseconds, as the kit has it. Both clocks are in microseconds, and both move.
pub async fn time_passes(ask: Ask) -> Verdict {
    const MINUTE_US: i64 = 60_000_000;
    let (unix_us, monotonic_us) = (imports::unix_us(), imports::monotonic_us());
    let off_us = (unix_us - ask.number() as i64 * 1_000).abs();
    require(off_us < MINUTE_US, || format!("the wall clock is {off_us} µs off"))?;
    sleep_us(30_000).await;
    let passed_us = imports::unix_us() - unix_us;
    require((10_000..MINUTE_US).contains(&passed_us), || {
        format!(
            "the wall clock moved by {passed_us} µs while the other moved by {} µs",
            imports::monotonic_us() - monotonic_us
        )
    })
}

/// Fills the argument's number of bytes, over different bytes each time.
pub async fn random(ask: Ask) -> Verdict {
    /// A run of so many equal bytes does not come by chance: 2^-248.
    const RUN: usize = 32;
    /// The first and the last bytes are looked at one by one: that one of them keeps all of the values before has a chance of 2^-32.
    const EDGE: usize = 8;
    const BEFORE: [u8; 4] = [0, 0xff, 0x55, 0xaa];
    let len = ask.number() as usize;
    let mut fills = BEFORE.map(|before| vec![before; len]);
    for fill in &mut fills {
        let status = imports::random(fill);
        require(status == 0, || {
            format!("avatar_random of {len} bytes returned {}", imports::name(status))
        })?;
        if let Some(at) = fill.windows(RUN).position(|run| run.iter().all(|byte| *byte == run[0])) {
            return fail(format!("of {len} bytes those from {at} on were not filled"));
        }
    }
    let is_untouched = |at: &usize| fills.iter().zip(BEFORE).all(|(fill, before)| fill[*at] == before);
    if let Some(at) = (0..len.min(EDGE))
        .chain(len.saturating_sub(EDGE)..len)
        .find(is_untouched)
    {
        return fail(format!("of {len} bytes the one at {at} was not filled"));
    }
    require(len < RUN || fills[0] != fills[1], || format!("{len} bytes came twice"))?;
    let pieces: Vec<&[u8]> = fills[0].chunks_exact(65_536).collect();
    let is_repeating = pieces.windows(2).any(|pair| pair[0] == pair[1]);
    require(!is_repeating, || "every piece of 65,536 bytes is the same".to_owned())
}
