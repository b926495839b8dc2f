//! The log of an account's devices: signed entries that are only ever added, the same on all devices, and the source of truth for who speaks for the account's DID.
//!
//! Each entry names the entries that its author knew ([`Entry::parents`]), so the log is a directed acyclic graph that starts with the account's genesis. Logs of
//! one account merge by union. [`Log::state`] says what a *set* of entries means: a pure function, so that devices with the same entries agree, in whatever order
//! they came.
//!
//! # Who may do what
//!
//! - The current *identity key* may do everything. Only it hands over to a new identity key, which has to sign that, too.
//! - An *active device* may add, remove and rename devices.
//! - An entry of anybody else, or about a device that is not there, is *void*: it stays in the log and means nothing.
//!
//! # What happens at the same time
//!
//! Entries of which neither knows the other are concurrent. The rules are made for the case that one of them comes from a thief:
//!
//! 1. What a removed device did and its remover did not know is void; likewise what a retired identity key did beside its own retirement. So nobody escapes a
//!    removal by dating an entry back.
//! 2. Removals are decided in the order of authority: the identity key's first, then those of the device that is longer there. So of two devices that remove each
//!    other the senior stays. A removal that was decided stands, even if a junior removes its author at the same time: better one device too few.
//! 3. What a removal's author knew is decided before it.
//! 4. A removed device never returns: it comes back with a new key.
//! 5. Of several rotations of one identity key, the one with the smallest id counts; the others are void and shown as [`Conflict`].
//!
//! What no log can settle: whoever steals an identity key, even a retired one, can contest its rotation with a rotation of their own. That is why conflicts are shown.

mod entry;
mod keys;
mod positions;
mod resolve;
mod state;

#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use entry::{Action, Draft, Entry, MAX_ENTRY_BYTES, MAX_NAME_CHARS, MAX_PARENTS, join_statement};
pub use state::{Conflict, Device, IdentityKey, Removal, State, Void, VoidReason};

use crate::wire::{Reader, put_block};

/// The SHA-256 of an entry. The genesis's is also the account's id.
pub type Id = [u8; 32];

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// The most entries of a log. One a day makes eleven years.
pub const MAX_ENTRIES: usize = 4_096;

/// The version of a log's encoding.
const VERSION: u8 = 1;

/// Why an entry or a log is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The bytes are no entry or no log of a version that this build can read, or not in their only form.
    #[error("the entry or log is damaged, or of a later version")]
    Malformed,
    /// A signature is not its author's, not the new identity key's, or not the joining device's.
    #[error("a signature does not fit")]
    Signature,
    /// An entry before this one is missing.
    #[error("an entry before this one is missing")]
    UnknownParent,
    /// It belongs to another account.
    #[error("the entry or log is another account's")]
    OtherAccount,
    /// There are as many entries as there may be.
    #[error("the log has {MAX_ENTRIES} entries already")]
    Full,
    /// A device's name is too long, or has control characters.
    #[error("the device's name is too long, or has control characters")]
    Name,
}

/// All that is known of one account's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    account: Id,
    /// In the order of their ids. (Sorted lists here and in `resolve`, because each kind of map would add some 10 KB to the Meta Unit.)
    entries: Vec<Rc<Placed>>,
}

/// An entry, and how long the longest way from the genesis to it is.
#[derive(Debug, PartialEq, Eq)]
struct Placed {
    entry: Entry,
    depth: u32,
}

impl Log {
    /// The log of a new account.
    pub fn new(genesis: Entry) -> Result<Self, LogError> {
        if !matches!(genesis.action(), Action::Genesis { .. }) {
            return Err(LogError::UnknownParent);
        }
        let account = *genesis.id();
        let placed = Placed {
            entry: genesis,
            depth: 0,
        };
        Ok(Self {
            account,
            entries: vec![Rc::new(placed)],
        })
    }

    /// The account's id. It never changes.
    pub fn account(&self) -> &Id {
        &self.account
    }

    /// How many entries there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a log is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has this entry.
    pub fn contains(&self, id: &Id) -> bool {
        self.find(id).is_ok()
    }

    /// All entries, none before those that it knows.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.in_order().into_iter()
    }

    /// The entries that no other knows: what the next entry builds upon.
    pub fn heads(&self) -> Vec<Id> {
        let mut is_known = vec![false; self.entries.len()];
        for parent in self.entries.iter().flat_map(|placed| placed.entry.parents()) {
            if let Ok(at) = self.find(parent) {
                is_known[at] = true;
            }
        }
        let heads = self.entries.iter().zip(is_known).filter(|(_, is_known)| !is_known);
        heads.map(|(placed, _)| *placed.entry.id()).collect()
    }

    /// The next entry of an author, to be signed. It knows all that is in the log. (If more than [`MAX_PARENTS`] branches are open, the first ones: the next entry
    /// closes more of them.)
    pub fn draft(&self, author: PublicKey, action: Action) -> Result<Draft, LogError> {
        let mut parents = self.heads();
        parents.truncate(MAX_PARENTS);
        Draft::new(parents, author, action)
    }

    /// Adds an entry, of whomever: whether it means anything, [`Log::state`] decides. Only a device that did not agree to join is refused. Tells whether the entry is
    /// new.
    pub fn insert(&mut self, entry: Entry) -> Result<bool, LogError> {
        let Err(at) = self.find(entry.id()) else {
            return Ok(false);
        };
        let depth = self.depth(&entry)?;
        if self.entries.len() >= MAX_ENTRIES {
            return Err(LogError::Full);
        }
        entry.verify_consent(&self.account)?;
        self.entries.insert(at, Rc::new(Placed { entry, depth }));
        Ok(true)
    }

    /// Adds all entries of another device's log, or none. Tells whether any was new.
    pub fn merge(&mut self, other: &Self) -> Result<bool, LogError> {
        if other.account != self.account {
            return Err(LogError::OtherAccount);
        }
        let mut all = self.entries.clone();
        for placed in &other.entries {
            if let Err(at) = find(&all, placed.entry.id()) {
                all.insert(at, placed.clone());
            }
        }
        if all.len() > MAX_ENTRIES {
            return Err(LogError::Full);
        }
        let any = all.len() > self.entries.len();
        self.entries = all;
        Ok(any)
    }

    /// What the log means.
    pub fn state(&self) -> State {
        resolve::resolve(&self.in_order())
    }

    /// The log as bytes: the same for the same entries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        for entry in self.entries() {
            put_block(&mut out, entry.as_bytes());
        }
        out
    }

    /// The log of bytes from outside. Every signature is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(VERSION) {
            return Err(LogError::Malformed);
        }
        let count = reader.u32().ok_or(LogError::Malformed)?;
        if count as usize > MAX_ENTRIES {
            return Err(LogError::Full);
        }
        let mut next = || {
            let bytes = reader.block(MAX_ENTRY_BYTES).ok_or(LogError::Malformed)?;
            Entry::decode(bytes)
        };
        let mut log = Self::new(next()?)?;
        for _ in 1..count {
            log.insert(next()?)?;
        }
        reader.end().ok_or(LogError::Malformed)?;
        // Also that no entry is there twice, and that they are in order.
        if log.encode() == bytes {
            Ok(log)
        } else {
            Err(LogError::Malformed)
        }
    }

    fn depth(&self, entry: &Entry) -> Result<u32, LogError> {
        if matches!(entry.action(), Action::Genesis { .. }) {
            return Err(LogError::OtherAccount);
        }
        let mut depth = 0;
        for parent in entry.parents() {
            let parent = self.find(parent).map_err(|_| LogError::UnknownParent)?;
            depth = depth.max(self.entries[parent].depth + 1);
        }
        Ok(depth)
    }

    /// All entries by depth, then by id: an order that every set of entries has only one of.
    fn in_order(&self) -> Vec<&Entry> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        positions::sort(&mut order, &|at| (self.entries[at].depth as usize, at));
        order.into_iter().map(|at| &self.entries[at].entry).collect()
    }

    fn find(&self, id: &Id) -> Result<usize, usize> {
        find(&self.entries, id)
    }
}

/// Where an entry is, or where it would have to be.
fn find(entries: &[Rc<Placed>], id: &Id) -> Result<usize, usize> {
    entries.binary_search_by(|placed| placed.entry.id().cmp(id))
}
