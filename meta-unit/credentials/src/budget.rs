//! How much work a verifier does for somebody else's documents, before it gives up.

use std::cell::Cell;
use std::rc::Rc;

/// What is left of the work for one call: whatever documents, proofs and lists it comes to, all share it. A copy is the same budget.
#[derive(Clone, Debug)]
pub struct Budget {
    left: Rc<Left>,
}

#[derive(Debug)]
struct Left {
    terms: Cell<usize>,
    joined: Cell<usize>,
    looked_at: Cell<usize>,
    steps: Cell<usize>,
    text: Cell<usize>,
    proofs: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: Rc::new(Left {
                terms: Cell::new(300_000),
                joined: Cell::new(8 << 20),
                looked_at: Cell::new(64 << 20),
                steps: Cell::new(36_000),
                text: Cell::new(32 << 20),
                proofs: Cell::new(256),
            }),
        }
    }
}

impl Budget {
    /// Terms of contexts that are copied or defined. A credential with two contexts takes a few hundred; contexts within contexts multiply.
    #[must_use]
    pub(crate) fn take_terms(&self, count: usize) -> bool {
        take(&self.left.terms, count)
    }

    /// Bytes of IRIs that are put together: of a vocabulary and a name, of a prefix and what follows. Short names can stand for long ones.
    #[must_use]
    pub(crate) fn take_joined(&self, bytes: usize) -> bool {
        take(&self.left.joined, bytes)
    }

    /// Bytes of IRIs that are looked at, each time they are used.
    #[must_use]
    pub(crate) fn take_looked_at(&self, bytes: usize) -> bool {
        take(&self.left.looked_at, bytes)
    }

    /// Hashes and steps along paths, to tell blank nodes apart. A list of fifty items that are all alike takes as many as there are, the W3C's
    /// tests that are meant to pass two thirds at most, and anything else that a credential holds next to nothing. All of them take a few tens of
    /// milliseconds.
    #[must_use]
    pub(crate) fn take_steps(&self, count: usize) -> bool {
        take(&self.left.steps, count)
    }

    /// Bytes of canonical text: a long name that many statements share is written with each, and a document once for each of its proofs.
    #[must_use]
    pub(crate) fn take_text(&self, bytes: usize) -> bool {
        take(&self.left.text, bytes)
    }

    /// Proofs, each of which takes a key and a signature.
    #[must_use]
    pub(crate) fn take_proof(&self) -> bool {
        take(&self.left.proofs, 1)
    }
}

fn take(left: &Cell<usize>, count: usize) -> bool {
    match left.get().checked_sub(count) {
        Some(rest) => {
            left.set(rest);
            true
        }
        None => false,
    }
}
