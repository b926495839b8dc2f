//! Notes every breach that shows itself by the way, under the MUST that forbids it.

use std::cell::{Cell, RefCell};

use crate::verdict::{Verdict, fail};

thread_local! {
    static BREACHES: RefCell<Vec<(&'static str, String)>> = const { RefCell::new(Vec::new()) };
    static INSIDE_IMPORT: Cell<bool> = const { Cell::new(false) };
    static DEAD: Cell<bool> = const { Cell::new(false) };
}

/// So many are kept: the first ones tell most.
const MAX_BREACHES: usize = 100;

/// Notes a breach of `must`.
pub fn note(must: &'static str, words: impl Into<String>) {
    BREACHES.with_borrow_mut(|breaches| {
        if breaches.len() < MAX_BREACHES {
            breaches.push((must, words.into()));
        }
    });
}

/// The verdict about one MUST.
pub fn verdict(must: &str) -> Verdict {
    BREACHES.with_borrow(|breaches| match breaches.iter().find(|(of, _)| *of == must) {
        None => Ok(()),
        Some((_, words)) => fail(words),
    })
}

/// Runs a call of the host's; meanwhile no export may be called.
pub fn inside_import<T>(call: impl FnOnce() -> T) -> T {
    INSIDE_IMPORT.set(true);
    let returned = call();
    INSIDE_IMPORT.set(false);
    returned
}

/// Whether an export may run: not from inside an import. Who has trapped deliberately and is called again all the same leaves a trace in storage.
pub fn may_enter(export: &str) -> bool {
    if DEAD.get() {
        DEAD.set(false);
        crate::checks::life::haunt();
    }
    if INSIDE_IMPORT.get() {
        note("H14", format!("{export} was called from inside an import"));
        return false;
    }
    true
}

/// A deliberate trap follows: this instance must never be called again.
pub fn die() -> ! {
    DEAD.set(true);
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}
