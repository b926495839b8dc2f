//! What a log means.

use super::{Id, PublicKey};

/// Who speaks for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The account: the id of its genesis.
    pub account: Id,
    /// The identity keys, oldest first: the last is the current one.
    pub identities: Vec<IdentityKey>,
    /// The devices that are or were there, longest there first.
    pub devices: Vec<Device>,
    /// The entries that mean nothing, and why.
    pub void: Vec<Void>,
    /// What was decided between two that could not both be. A person should look at these.
    pub conflicts: Vec<Conflict>,
}

/// An identity key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityKey {
    /// The key, whose did:key is a name of the account.
    pub key: PublicKey,
    /// The genesis or rotation that made it.
    pub since: Id,
    /// When that was, by its author's clock.
    pub since_ms: u64,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its signing key.
    pub key: PublicKey,
    /// Its X25519 key.
    pub agreement: PublicKey,
    /// Its name for people.
    pub name: String,
    /// When it was added, by the clock of the one who added it.
    pub added_ms: u64,
    /// Who added it: an identity key or a device.
    pub added_by: PublicKey,
    /// Its removal, if it was removed.
    pub removed: Option<Removal>,
}

/// A device's removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// When, by the remover's clock.
    pub at_ms: u64,
    /// Who removed it.
    pub by: PublicKey,
}

/// An entry that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Void {
    /// The entry.
    pub id: Id,
    /// Why.
    pub reason: VoidReason,
}

/// Why an entry means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidReason {
    /// Its author is neither a device nor an identity key, as far as the entry knows; or is a device, and rotates.
    NotAllowed,
    /// Its author was removed by one who did not know of it.
    AuthorRemoved,
    /// Its author is an identity key that has handed over, and did not know of it.
    AuthorRetired,
    /// Another rotation counts.
    OtherRotation,
    /// The key that it introduces is or was an identity key, or a device's.
    KeyInUse,
    /// It is about a device that is not there, as far as the entry knows.
    NoSuchDevice,
    /// It adds a device that was removed.
    RemovedDevice,
}

/// Two entries that exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Two rotations of one identity key.
    Rotations {
        /// The one that counts.
        kept: Id,
        /// The one that does not.
        void: Id,
    },
    /// Two devices that removed each other.
    Removals {
        /// The one that counts.
        kept: Id,
        /// The one that does not.
        void: Id,
    },
}

impl State {
    /// The current identity key.
    pub fn identity(&self) -> &PublicKey {
        &self.identities.last().expect("the genesis makes the first").key
    }

    /// The key to which an identity key, of now or before, leads.
    pub fn resolves_to(&self, identity: &PublicKey) -> Option<&PublicKey> {
        let is_known = self.identities.iter().any(|known| known.key == *identity);
        is_known.then(|| self.identity())
    }

    /// The device of this key, whether it is still there or not.
    pub fn device(&self, key: &PublicKey) -> Option<&Device> {
        self.devices.iter().find(|device| device.key == *key)
    }

    /// Whether this is the key of a device that is there.
    pub fn is_active(&self, key: &PublicKey) -> bool {
        self.device(key).is_some_and(|device| device.removed.is_none())
    }

    /// Whether this key speaks for the account: the current identity key, and each device that is there.
    pub fn speaks(&self, key: &PublicKey) -> bool {
        self.identity() == key || self.is_active(key)
    }
}
