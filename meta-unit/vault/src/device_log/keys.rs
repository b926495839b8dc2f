//! The keys that a log speaks of, numbered.

use super::{Action, Entry, PublicKey};

/// All keys of some entries: their authors, and those that they are about.
pub(super) struct Keys(Vec<PublicKey>);

impl Keys {
    pub(super) fn of(entries: &[&Entry]) -> Self {
        let mut keys: Vec<_> = entries
            .iter()
            .flat_map(|entry| [*entry.author(), *subject(entry)])
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The number of an entry's author.
    pub(super) fn author(&self, entry: &Entry) -> usize {
        self.number(entry.author())
    }

    /// The number of the key that an entry is about.
    pub(super) fn subject(&self, entry: &Entry) -> usize {
        self.number(subject(entry))
    }

    /// The key of a number.
    pub(super) fn key(&self, number: usize) -> &PublicKey {
        &self.0[number]
    }

    fn number(&self, key: &PublicKey) -> usize {
        self.0.binary_search(key).expect("it is one of the entries'")
    }
}

fn subject(entry: &Entry) -> &PublicKey {
    match entry.action() {
        Action::Genesis { identity, .. } | Action::Rotate { identity, .. } => identity,
        Action::AddDevice { device, .. }
        | Action::RemoveDevice { device, .. }
        | Action::RenameDevice { device, .. } => device,
    }
}
