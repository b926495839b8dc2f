//! The buffers of `yuan_alloc`, with guard bytes around each, and those that were given back, which nobody may touch again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use crate::monitor;

/// Bytes before and behind each buffer that the host must not write.
const GUARD_LEN: usize = 64;
const GUARD: u8 = 0xa5;
/// What a buffer is filled with once it is the guest's.
const GIVEN: u8 = 0xdd;
/// So many bytes of buffers that were given back stay under watch.
const MAX_WATCHED_BYTES: usize = 8 * 1024 * 1024;
const MAX_LEN: usize = 16 * 1024 * 1024;
/// Memory is taken from the engine once, so that it does not grow by chance later: growth is what H2's checks are about.
const RESERVE_BYTES: usize = 32 * 1024 * 1024;

/// What `yuan_alloc` does next, out of the ordinary.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// The memory grows by a page for each of so many buffers.
    Grow(u32),
    /// A pointer to the last byte of the memory, whatever the length.
    Lie,
    /// None is given.
    Refuse,
    /// It traps.
    Trap,
}

thread_local! {
    static LIVE: RefCell<BTreeMap<u32, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    static WATCHED: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) };
    static TRICK: Cell<Option<Trick>> = const { Cell::new(None) };
}

/// A pointer and a length that are no buffer of this ledger.
pub struct NotOurs;

/// Takes memory from the engine for what is to come.
pub fn reserve() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(RESERVE_BYTES)));
}

/// What the next `yuan_alloc` does.
pub fn play(trick: Trick) {
    TRICK.set(Some(trick));
}

/// `yuan_alloc`.
pub fn alloc(len: u32) -> u32 {
    match TRICK.take() {
        Some(Trick::Grow(times)) => {
            grow(1);
            TRICK.set((times > 1).then(|| Trick::Grow(times - 1)));
        }
        Some(Trick::Lie) => return memory_bytes() - 1,
        Some(Trick::Refuse) => return 0,
        Some(Trick::Trap) => monitor::die(),
        None => {}
    }
    let wanted = len as usize;
    if wanted == 0 || wanted > MAX_LEN {
        return 0;
    }
    let mut block = vec![GUARD; wanted + 2 * GUARD_LEN];
    block[GUARD_LEN..GUARD_LEN + wanted].fill(0);
    let ptr = block.as_ptr() as usize as u32 + GUARD_LEN as u32;
    LIVE.with_borrow_mut(|live| live.insert(ptr, block));
    ptr
}

/// Takes a buffer that an export was given; `(0, 0)` is the absent one.
pub fn take(ptr: u32, len: u32) -> Result<Vec<u8>, NotOurs> {
    if (ptr, len) == (0, 0) {
        return Ok(Vec::new());
    }
    let found = LIVE.with_borrow_mut(|live| match live.get(&ptr) {
        Some(block) if block.len() == len as usize + 2 * GUARD_LEN => live.remove(&ptr),
        _ => None,
    });
    let Some(mut block) = found else {
        monitor::note(
            "H5",
            format!("an export was given ({ptr}, {len}), which is no buffer that the host has"),
        );
        return Err(NotOurs);
    };
    let (before, rest) = block.split_at(GUARD_LEN);
    let (bytes, behind) = rest.split_at(len as usize);
    if before.iter().chain(behind).any(|byte| *byte != GUARD) {
        monitor::note("H1", format!("bytes around a buffer of {len} bytes were written"));
    }
    let bytes = bytes.to_vec();
    block.fill(GIVEN);
    watch(block);
    Ok(bytes)
}

fn watch(block: Vec<u8>) {
    WATCHED.with_borrow_mut(|watched| {
        watched.push_back(block);
        let mut total: usize = watched.iter().map(Vec::len).sum();
        while total > MAX_WATCHED_BYTES {
            let Some(oldest) = watched.pop_front() else { return };
            total -= oldest.len();
            inspect(&oldest);
        }
    });
}

fn inspect(block: &[u8]) {
    if block.iter().any(|byte| *byte != GIVEN) {
        let len = block.len() - 2 * GUARD_LEN;
        monitor::note(
            "H5",
            format!("a buffer of {len} bytes was written after it was given away"),
        );
    }
}

/// Looks at every buffer that was given back.
pub fn inspect_all() {
    WATCHED.with_borrow(|watched| watched.iter().for_each(|block| inspect(block)));
}

/// The size of the linear memory, in bytes.
pub fn memory_bytes() -> u32 {
    #[cfg(target_arch = "wasm32")]
    return (core::arch::wasm32::memory_size(0) * 65_536) as u32;
    #[cfg(not(target_arch = "wasm32"))]
    return 0;
}

/// Grows the memory by pages of 64 KiB.
pub fn grow(pages: usize) {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::memory_grow(0, pages);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = pages;
}
