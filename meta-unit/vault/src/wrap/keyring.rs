//! All wrappings of one data key. It is stored as one record, so that a change of passphrase (add the new one, remove the old one, write) happens wholly or not at
//! all.

use super::{ID_BYTES, Kind, Lock, Secret, WrapError, Wrapping};
use crate::wire::{Reader, put_block};
use crate::{DataKey, Random};

/// The most wrappings of one data key.
pub const MAX_WRAPPINGS: usize = 16;

/// The version of the encoding.
const VERSION: u8 = 1;

/// The longest encoding of a wrapping, in bytes: far above the true one, which a passkey's has.
const MAX_WRAPPING_BYTES: usize = 4_096;

/// The domain of the name by which a keyring knows its key.
const KEY_NAME: &str = "keyring";

/// Why a keyring does not change, open or decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// A wrapping could not be made or opened.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The words or passphrase to be removed are the last: without them, whoever loses the platform's key loses everything.
    #[error("one recovery secret of the owner's own, words or a passphrase, has to remain")]
    LastOwners,
    /// There are as many wrappings as there may be.
    #[error("there are {MAX_WRAPPINGS} wrappings already")]
    Full,
    /// There is no wrapping of this id, or none of this kind.
    #[error("there is no such wrapping")]
    NotFound,
    /// The data key is not the one that all other wrappings hold.
    #[error("this is another data key than the keyring's")]
    OtherKey,
    /// The bytes are no keyring of a version that this build can read.
    #[error("the keyring is damaged, or of a later version")]
    Malformed,
}

/// The wrappings of one data key; at least one of them opens with words or a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// The data key's own name for itself.
    key_name: [u8; 16],
    pub(super) wrappings: Vec<Wrapping>,
}

impl Keyring {
    /// A keyring with its first wrapping, which opens with words or a passphrase.
    pub fn new(key: &DataKey, lock: Lock<'_>, label: &str, random: &mut Random<'_>) -> Result<Self, KeyringError> {
        let wrapping = Wrapping::new(key, lock, label, random)?;
        if !wrapping.kind().is_owners() {
            return Err(KeyringError::LastOwners);
        }
        Ok(Self {
            key_name: key.blind(KEY_NAME, &[]),
            wrappings: vec![wrapping],
        })
    }

    /// The wrappings, in the order of their making.
    pub fn wrappings(&self) -> &[Wrapping] {
        &self.wrappings
    }

    /// Adds a wrapping of the same data key, and tells its id.
    pub fn add(
        &mut self,
        key: &DataKey,
        lock: Lock<'_>,
        label: &str,
        random: &mut Random<'_>,
    ) -> Result<[u8; ID_BYTES], KeyringError> {
        if key.blind(KEY_NAME, &[]) != self.key_name {
            return Err(KeyringError::OtherKey);
        }
        if self.wrappings.len() >= MAX_WRAPPINGS {
            return Err(KeyringError::Full);
        }
        let wrapping = Wrapping::new(key, lock, label, random)?;
        let id = *wrapping.id();
        self.wrappings.push(wrapping);
        Ok(id)
    }

    /// Removes a wrapping, unless it is the last that opens with words or a passphrase.
    pub fn remove(&mut self, id: &[u8; ID_BYTES]) -> Result<(), KeyringError> {
        let at = self.position(id)?;
        let is_last = |kept: &[Wrapping]| !kept.iter().any(|wrapping| wrapping.kind().is_owners());
        if is_last(&self.wrappings[..at]) && is_last(&self.wrappings[at + 1..]) {
            return Err(KeyringError::LastOwners);
        }
        self.wrappings.remove(at);
        Ok(())
    }

    /// The data key, by the wrapping of this id.
    pub fn open(&self, id: &[u8; ID_BYTES], secret: Secret<'_>) -> Result<DataKey, KeyringError> {
        self.checked(&self.wrappings[self.position(id)?], secret)
    }

    /// The data key, by whichever wrapping of the secret's kind opens. Several passphrases cost several times as much.
    pub fn unlock(&self, secret: Secret<'_>) -> Result<DataKey, KeyringError> {
        let mut result = Err(KeyringError::NotFound);
        for wrapping in self
            .wrappings
            .iter()
            .filter(|wrapping| wrapping.kind() == secret.kind())
        {
            result = self.checked(wrapping, secret);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// The keyring as bytes: the version, the key's name, the number of wrappings, and each behind its length.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.key_name);
        out.push(self.wrappings.len() as u8);
        for wrapping in &self.wrappings {
            put_block(&mut out, &wrapping.encode());
        }
        out
    }

    /// The keyring of bytes from outside.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyringError> {
        Self::read(bytes).ok_or(KeyringError::Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let key_name = reader.array()?;
        let count = usize::from(reader.u8()?);
        if count > MAX_WRAPPINGS {
            return None;
        }
        let mut wrappings: Vec<Wrapping> = Vec::with_capacity(count);
        for _ in 0..count {
            let wrapping = Wrapping::decode(reader.block(MAX_WRAPPING_BYTES)?)?;
            if wrappings.iter().any(|other| other.id() == wrapping.id()) {
                return None;
            }
            wrappings.push(wrapping);
        }
        reader.end()?;
        let has_owners = wrappings.iter().any(|wrapping| wrapping.kind().is_owners());
        has_owners.then_some(Self { key_name, wrappings })
    }

    fn position(&self, id: &[u8; ID_BYTES]) -> Result<usize, KeyringError> {
        let found = self.wrappings.iter().position(|wrapping| wrapping.id() == id);
        found.ok_or(KeyringError::NotFound)
    }

    /// What a wrapping opens to, if it is the keyring's key.
    fn checked(&self, wrapping: &Wrapping, secret: Secret<'_>) -> Result<DataKey, KeyringError> {
        let key = wrapping.open(secret)?;
        if key.blind(KEY_NAME, &[]) == self.key_name {
            Ok(key)
        } else {
            Err(KeyringError::OtherKey)
        }
    }
}

impl Secret<'_> {
    /// The kind of wrappings that it may open.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Platform(_) => Kind::Platform,
            Self::Words(_) | Self::KeptWords(_) => Kind::Words,
            Self::Passphrase(_) => Kind::Passphrase,
            Self::Passkey(_) => Kind::Passkey,
        }
    }
}
