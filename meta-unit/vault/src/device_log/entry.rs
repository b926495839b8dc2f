//! One entry: what it says, who says it, and what they knew.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version: 1 |
//! | 1 + 32 n | how many parents, and their ids in ascending order |
//! | 32 | the author's key |
//! | 1 | the action: 1 genesis, 2 add, 3 remove, 4 rename, 5 rotate |
//! | 32, 8 | genesis: identity key, time |
//! | 32, 32, 2 + n, 8, 64 | add: device key, agreement key, name, time, the device's consent |
//! | 32, 8 | remove: device key, time |
//! | 32, 2 + n, 8 | rename: device key, name, time |
//! | 32, 8 | rotate: the new identity key, time |
//! | 64 | rotate: the new key's signature |
//! | 64 | the author's signature |
//!
//! Both signatures are over all that stands before them both, behind a domain string. Times are milliseconds since 1970, as the author's clock had them; no rule
//! depends on them.

use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};

use super::{Id, LogError, PublicKey, Signature};
use crate::wire::{Reader, put_block};

/// The most parents of an entry.
pub const MAX_PARENTS: usize = 16;

/// The most characters of a device's name.
pub const MAX_NAME_CHARS: usize = 64;

/// The longest entry, in bytes. No entry within the other limits is longer.
pub const MAX_ENTRY_BYTES: usize = 1_024;

/// The version of the encoding.
const VERSION: u8 = 1;

/// What an author signs begins with this.
const ENTRY: &[u8] = b"avatar/device-log/v1/entry";

/// What a new identity key signs begins with this.
const ROTATION: &[u8] = b"avatar/device-log/v1/rotation";

/// What a device signs to join begins with this.
const JOIN: &[u8] = b"avatar/device-log/v1/join";

const GENESIS: u8 = 1;
const ADD: u8 = 2;
const REMOVE: u8 = 3;
const RENAME: u8 = 4;
const ROTATE: u8 = 5;

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The account begins. Its author is the identity key.
    Genesis {
        /// The first identity key.
        identity: PublicKey,
        /// When.
        created_ms: u64,
    },
    /// A device joins.
    AddDevice {
        /// The device's own key, with which it signs.
        device: PublicKey,
        /// Its X25519 key, with which it agrees on keys.
        agreement: PublicKey,
        /// Its name for people: at most [`MAX_NAME_CHARS`], no control characters.
        name: String,
        /// When.
        at_ms: u64,
        /// The device's signature of [`join_statement`]: nobody claims a device that does not agree.
        consent: Signature,
    },
    /// A device leaves for good.
    RemoveDevice {
        /// The device's key.
        device: PublicKey,
        /// When.
        at_ms: u64,
    },
    /// A device gets another name.
    RenameDevice {
        /// The device's key.
        device: PublicKey,
        /// As in `AddDevice`.
        name: String,
        /// When.
        at_ms: u64,
    },
    /// The identity key hands over to another. The old one's DID leads to the new one's from now on.
    Rotate {
        /// The new identity key, which was none before and is no device's.
        identity: PublicKey,
        /// When.
        at_ms: u64,
    },
}

/// What a device signs to join an account: the account, its own key and its agreement key.
pub fn join_statement(account: &Id, device: &PublicKey, agreement: &PublicKey) -> Vec<u8> {
    [JOIN, account, device, agreement].concat()
}

/// An entry that is not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    statement: Vec<u8>,
    needs_new_key: bool,
}

impl Draft {
    /// The genesis of an account, to be signed by its identity key.
    pub fn genesis(identity: PublicKey, created_ms: u64) -> Self {
        let action = Action::Genesis { identity, created_ms };
        Self::new(Vec::new(), identity, action).expect("there is no name in a genesis")
    }

    pub(super) fn new(parents: Vec<Id>, author: PublicKey, action: Action) -> Result<Self, LogError> {
        let mut statement = vec![VERSION, parents.len() as u8];
        statement.extend(parents.iter().flatten());
        statement.extend_from_slice(&author);
        action.encode(&mut statement)?;
        Ok(Self {
            statement,
            needs_new_key: matches!(action, Action::Rotate { .. }),
        })
    }

    /// What the author signs.
    pub fn to_sign(&self) -> Vec<u8> {
        [ENTRY, &self.statement].concat()
    }

    /// What the new identity key signs, if this is a rotation.
    pub fn to_sign_by_new_key(&self) -> Option<Vec<u8>> {
        self.needs_new_key.then(|| [ROTATION, &self.statement].concat())
    }

    /// The entry, once it is signed: by its author, and if it is a rotation by the new key, too. The signatures are verified.
    pub fn sign(&self, by_author: &Signature, by_new_key: Option<&Signature>) -> Result<Entry, LogError> {
        if by_new_key.is_some() != self.needs_new_key {
            return Err(LogError::Signature);
        }
        let by_new_key = by_new_key.map_or(&[][..], |signature| signature);
        Entry::decode(&[&self.statement, by_new_key, by_author].concat())
    }
}

/// A signed entry. Its signatures are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    id: Id,
    parents: Vec<Id>,
    author: PublicKey,
    action: Action,
    bytes: Vec<u8>,
}

impl Entry {
    /// Its id: the SHA-256 of its bytes.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// The entries that its author built upon, in ascending order. None of a genesis.
    pub fn parents(&self) -> &[Id] {
        &self.parents
    }

    /// Who says it.
    pub fn author(&self) -> &PublicKey {
        &self.author
    }

    /// What it says.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Its bytes, of which there is only one form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry of bytes from outside. Its signatures are verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(LogError::Malformed);
        }
        let mut reader = Reader::new(bytes);
        let (parents, author, action) = read(&mut reader).ok_or(LogError::Malformed)?;
        let statement = &bytes[..bytes.len() - reader.remaining()];
        if let Action::Rotate { identity, .. } = &action {
            let by_new_key = reader.array().ok_or(LogError::Malformed)?;
            verify(identity, &[ROTATION, statement].concat(), &by_new_key)?;
        }
        let by_author = reader.array().ok_or(LogError::Malformed)?;
        reader.end().ok_or(LogError::Malformed)?;
        verify(&author, &[ENTRY, statement].concat(), &by_author)?;
        Ok(Self {
            id: Sha256::digest(bytes).into(),
            parents,
            author,
            action,
            bytes: bytes.to_vec(),
        })
    }

    /// That a device that is added agreed to join this account.
    pub(super) fn verify_consent(&self, account: &Id) -> Result<(), LogError> {
        match &self.action {
            Action::AddDevice {
                device,
                agreement,
                consent,
                ..
            } => verify(device, &join_statement(account, device, agreement), consent),
            _ => Ok(()),
        }
    }
}

impl Action {
    /// When, by the author's clock.
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Genesis { created_ms: at_ms, .. }
            | Self::AddDevice { at_ms, .. }
            | Self::RemoveDevice { at_ms, .. }
            | Self::RenameDevice { at_ms, .. }
            | Self::Rotate { at_ms, .. } => *at_ms,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), LogError> {
        match self {
            Self::Genesis { identity, created_ms } => put(out, GENESIS, identity, None, *created_ms),
            Self::RemoveDevice { device, at_ms } => put(out, REMOVE, device, None, *at_ms),
            Self::RenameDevice { device, name, at_ms } => put(out, RENAME, device, Some(checked(name)?), *at_ms),
            Self::Rotate { identity, at_ms } => put(out, ROTATE, identity, None, *at_ms),
            Self::AddDevice {
                device,
                agreement,
                name,
                at_ms,
                consent,
            } => {
                out.push(ADD);
                out.extend_from_slice(device);
                out.extend_from_slice(agreement);
                put_block(out, checked(name)?.as_bytes());
                out.extend_from_slice(&at_ms.to_le_bytes());
                out.extend_from_slice(consent);
            }
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let kind = reader.u8()?;
        let key = reader.array()?;
        Some(match kind {
            GENESIS => Self::Genesis {
                identity: key,
                created_ms: reader.u64()?,
            },
            ADD => Self::AddDevice {
                device: key,
                agreement: reader.array()?,
                name: read_name(reader)?,
                at_ms: reader.u64()?,
                consent: reader.array()?,
            },
            REMOVE => Self::RemoveDevice {
                device: key,
                at_ms: reader.u64()?,
            },
            RENAME => Self::RenameDevice {
                device: key,
                name: read_name(reader)?,
                at_ms: reader.u64()?,
            },
            ROTATE => Self::Rotate {
                identity: key,
                at_ms: reader.u64()?,
            },
            _ => return None,
        })
    }
}

/// An action of one key, at most a name, and a time.
fn put(out: &mut Vec<u8>, kind: u8, key: &PublicKey, name: Option<&str>, at_ms: u64) {
    out.push(kind);
    out.extend_from_slice(key);
    if let Some(name) = name {
        put_block(out, name.as_bytes());
    }
    out.extend_from_slice(&at_ms.to_le_bytes());
}

/// All of an entry before its signatures.
fn read(reader: &mut Reader<'_>) -> Option<(Vec<Id>, PublicKey, Action)> {
    if reader.u8()? != VERSION {
        return None;
    }
    let count = usize::from(reader.u8()?);
    if count > MAX_PARENTS {
        return None;
    }
    let parents = (0..count).map(|_| reader.array()).collect::<Option<Vec<Id>>>()?;
    let author = reader.array()?;
    let action = Action::read(reader)?;
    let is_in_order = parents.is_sorted_by(|one, next| one < next);
    let is_at_its_place = match &action {
        Action::Genesis { identity, .. } => parents.is_empty() && author == *identity,
        _ => !parents.is_empty(),
    };
    (is_in_order && is_at_its_place).then_some((parents, author, action))
}

fn read_name(reader: &mut Reader<'_>) -> Option<String> {
    let name = reader.text(4 * MAX_NAME_CHARS)?;
    Some(checked(name).ok()?.to_owned())
}

fn checked(name: &str) -> Result<&str, LogError> {
    let is_good = name.chars().count() <= MAX_NAME_CHARS && !name.chars().any(char::is_control);
    if is_good { Ok(name) } else { Err(LogError::Name) }
}

/// RFC 8032 without its leeway: no key of small order, and only one signature's form.
fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), LogError> {
    VerifyingKey::from_bytes(key)
        .and_then(|key| key.verify_strict(message, &signature.into()))
        .map_err(|_| LogError::Signature)
}
