//! What a log means: case by case, and that all devices find the same.

mod concurrency;
mod convergence;
mod format;
mod limits;
mod rules;

use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

/// Somebody with a key: an identity, a device, or a stranger.
struct Somebody(SigningKey);

impl Somebody {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn key(&self) -> PublicKey {
        self.0.verifying_key().to_bytes()
    }

    fn signature(&self, message: &[u8]) -> Signature {
        self.0.sign(message).to_bytes()
    }

    /// The genesis of an account with this identity key.
    fn genesis(&self) -> Log {
        let draft = Draft::genesis(self.key(), 1_000);
        let entry = draft
            .sign(&self.signature(&draft.to_sign()), None)
            .expect("a good signature");
        Log::new(entry).expect("a genesis")
    }

    /// What adds this device to an account.
    fn joining(&self, account: &Id, name: &str) -> Action {
        let agreement = [7; 32];
        Action::AddDevice {
            device: self.key(),
            agreement,
            name: name.to_owned(),
            at_ms: 2_000,
            consent: self.signature(&join_statement(account, &self.key(), &agreement)),
        }
    }

    /// Signs what this one says next, and adds it to the log.
    fn says(&self, log: &mut Log, action: Action) -> Id {
        let draft = log.draft(self.key(), action).expect("a good name");
        let entry = draft
            .sign(&self.signature(&draft.to_sign()), None)
            .expect("a good signature");
        let id = *entry.id();
        log.insert(entry).expect("its parents are there");
        id
    }

    fn adds(&self, log: &mut Log, device: &Self) -> Id {
        let action = device.joining(log.account(), "device");
        self.says(log, action)
    }

    fn removes(&self, log: &mut Log, device: &Self) -> Id {
        let device = device.key();
        self.says(log, Action::RemoveDevice { device, at_ms: 3_000 })
    }

    fn renames(&self, log: &mut Log, device: &Self, name: &str) -> Id {
        let action = Action::RenameDevice {
            device: device.key(),
            name: name.to_owned(),
            at_ms: 4_000,
        };
        self.says(log, action)
    }

    fn rotates(&self, log: &mut Log, next: &Self) -> Id {
        let action = Action::Rotate {
            identity: next.key(),
            at_ms: 5_000,
        };
        let draft = log.draft(self.key(), action).expect("no name");
        let by_new_key = next.signature(&draft.to_sign_by_new_key().expect("a rotation"));
        let entry = draft
            .sign(&self.signature(&draft.to_sign()), Some(&by_new_key))
            .expect("good signatures");
        let id = *entry.id();
        log.insert(entry).expect("its parents are there");
        id
    }
}

/// Whether exactly these devices are there.
fn are_active(log: &Log, devices: &[&Somebody]) -> bool {
    let state = log.state();
    let active = state.devices.iter().filter(|device| device.removed.is_none());
    let mut active: Vec<_> = active.map(|device| device.key).collect();
    let mut expected: Vec<_> = devices.iter().map(|device| device.key()).collect();
    active.sort_unstable();
    expected.sort_unstable();
    active == expected
}

/// Why an entry is void, if it is.
fn reason(log: &Log, id: &Id) -> Option<VoidReason> {
    let state = log.state();
    state.void.iter().find(|void| void.id == *id).map(|void| void.reason)
}

/// The log with all that another one has.
fn merged(log: &Log, other: &Log) -> Log {
    let mut merged = log.clone();
    merged.merge(other).expect("one account");
    merged
}

/// An account with an identity key and three devices, the eldest first.
fn account() -> (Log, Somebody, [Somebody; 3]) {
    let identity = Somebody::new(1);
    let devices = [11, 12, 13].map(Somebody::new);
    let mut log = identity.genesis();
    for device in &devices {
        identity.adds(&mut log, device);
    }
    (log, identity, devices)
}
