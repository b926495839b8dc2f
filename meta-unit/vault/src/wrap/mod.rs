//! The data key, wrapped: encrypted under a key that the platform, the owner's memory, a sheet of paper or a passkey leads to.
//!
//! Each [`Wrapping`] opens by itself; the [`Keyring`] holds all of one data key and sees to it that the owner is never left with those alone that a platform can
//! take away. A wrapping's key comes from its secret by HKDF-SHA-256, or by Argon2id where the secret is a passphrase, and is used for XChaCha20-Poly1305 with the
//! whole header as associated data: nothing about a wrapping can be changed without its secret.

mod encoding;
mod keyring;
mod passphrase;

use avatar_ciphers::XChaCha;
use zeroize::Zeroizing;

pub use keyring::{Keyring, KeyringError, MAX_WRAPPINGS};
pub use passphrase::{Cost, MAX_MEMORY_KIB, MAX_PASSES, MAX_PASSPHRASE_BYTES};

use crate::words::RecoveryWords;
use crate::{DataKey, Random, kdf};

/// The length of a wrapping's id, in bytes.
pub const ID_BYTES: usize = 16;

/// The longest label, in bytes.
pub const MAX_LABEL_BYTES: usize = 128;

/// The longest bytes that a platform may want back with its key.
pub const MAX_PLATFORM_BLOB_BYTES: usize = 1_024;

/// The longest id of a WebAuthn credential (WebAuthn Level 3, §4), in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 1_023;

/// What the tag covers first.
const DOMAIN: &[u8] = b"avatar/vault/wrapping";

/// What the wrapping keys are derived for.
const PLATFORM: &[u8] = b"avatar/vault/v1/wrapping/platform";
const WORDS: &[u8] = b"avatar/vault/v1/wrapping/words";
const PASSPHRASE: &[u8] = b"avatar/vault/v1/wrapping/passphrase";
const PASSKEY: &[u8] = b"avatar/vault/v1/wrapping/passkey";

/// What a wrapping opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key that the platform keeps: it opens without the owner, on this device.
    Platform,
    /// The 24 recovery words.
    Words,
    /// A passphrase.
    Passphrase,
    /// A passkey with WebAuthn's PRF extension.
    Passkey,
}

impl Kind {
    /// Whether the owner holds the secret themselves, so that no platform can take it away.
    pub fn is_owners(self) -> bool {
        matches!(self, Self::Words | Self::Passphrase)
    }
}

/// What is stored with a wrapping, so that its secret leads to its key again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    /// What the platform needs to find or unwrap its 32 bytes.
    Platform {
        /// Its own business; at most [`MAX_PLATFORM_BLOB_BYTES`].
        blob: Vec<u8>,
    },
    /// Nothing: the words are the whole secret.
    Words,
    /// How the passphrase is stretched.
    Passphrase {
        /// Random.
        salt: [u8; 16],
        /// Memory and passes.
        cost: Cost,
    },
    /// What the passkey is asked with.
    Passkey {
        /// The salt that the PRF evaluates (`eval.first`).
        salt: [u8; 32],
        /// The credential's id, for `allowCredentials`; at most [`MAX_CREDENTIAL_BYTES`].
        credential: Vec<u8>,
    },
}

/// A secret that may open a wrapping.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// The 32 bytes that the platform keeps or unwrapped.
    Platform(&'a [u8; 32]),
    /// The recovery words.
    Words(&'a RecoveryWords),
    /// What the recovery words lead to.
    KeptWords(&'a [u8; 32]),
    /// A passphrase, normalised to NFKD.
    Passphrase(&'a str),
    /// What the passkey's PRF gave for the stored salt.
    Passkey(&'a [u8; 32]),
}

/// A secret, and what is to be stored with the wrapping that it shall open.
#[derive(Clone, Copy)]
pub enum Lock<'a> {
    /// 32 random bytes, which the platform keeps.
    Platform {
        /// The bytes.
        key: &'a [u8; 32],
        /// What the platform needs to give them back.
        blob: &'a [u8],
    },
    /// The recovery words.
    Words(&'a RecoveryWords),
    /// What the recovery words lead to ([`RecoveryWords::wrapping_secret`]), where they themselves are not kept.
    KeptWords(&'a [u8; 32]),
    /// A passphrase.
    Passphrase {
        /// Normalised to NFKD; not empty, and at most [`MAX_PASSPHRASE_BYTES`].
        passphrase: &'a str,
        /// Memory and passes.
        cost: Cost,
    },
    /// A passkey.
    Passkey {
        /// What its PRF gave for the salt.
        output: &'a [u8; 32],
        /// The salt, which has to be random.
        salt: [u8; 32],
        /// The credential's id.
        credential: &'a [u8],
    },
}

/// Why there is no wrapping, or no data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The secret is not this wrapping's. (Or the wrapping was tampered with: there is no telling which.)
    #[error("the secret does not open this")]
    WrongSecret,
    /// The secret is of another kind than the wrapping's.
    #[error("this opens with another kind of secret")]
    WrongKind,
    /// A passphrase without a character.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A passphrase, a label or a parameter is longer than allowed.
    #[error("the passphrase, the label or a parameter is too long")]
    TooLong,
    /// More memory or passes than allowed, or less than Argon2 needs.
    #[error("the passphrase's cost is out of bounds")]
    Cost,
    /// There is not enough memory for the passphrase's cost.
    #[error("there is not enough memory to stretch the passphrase")]
    Memory,
}

/// The data key under one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapping {
    id: [u8; ID_BYTES],
    label: String,
    params: Params,
    nonce: [u8; 24],
    sealed: [u8; 32],
    tag: [u8; 16],
}

impl Wrapping {
    /// Wraps the data key. With a passphrase this takes as long as its cost says. The label is for people, and stored in the open.
    pub fn new(key: &DataKey, lock: Lock<'_>, label: &str, random: &mut Random<'_>) -> Result<Self, WrapError> {
        let mut id = [0; ID_BYTES];
        random(&mut id);
        let (params, secret) = lock.split(random);
        if label.len() > MAX_LABEL_BYTES || !params.are_within_limits() {
            return Err(WrapError::TooLong);
        }
        let wrapping_key = wrapping_key(&id, &params, secret)?;
        let mut nonce = [0; 24];
        random(&mut nonce);
        let mut wrapping = Self {
            id,
            label: label.to_owned(),
            params,
            nonce,
            sealed: *key.root(),
            tag: [0; 16],
        };
        let associated = wrapping.associated_data();
        wrapping.tag = XChaCha::new(&wrapping_key).encrypt(&nonce, &associated, &mut wrapping.sealed);
        Ok(wrapping)
    }

    /// Its id.
    pub fn id(&self) -> &[u8; ID_BYTES] {
        &self.id
    }

    /// What it opens with.
    pub fn kind(&self) -> Kind {
        match self.params {
            Params::Platform { .. } => Kind::Platform,
            Params::Words => Kind::Words,
            Params::Passphrase { .. } => Kind::Passphrase,
            Params::Passkey { .. } => Kind::Passkey,
        }
    }

    /// Its name for people.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What its secret is asked with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The data key. A wrong secret takes as long as the right one.
    pub fn open(&self, secret: Secret<'_>) -> Result<DataKey, WrapError> {
        let wrapping_key = wrapping_key(&self.id, &self.params, secret)?;
        let mut root = Zeroizing::new(self.sealed);
        XChaCha::new(&wrapping_key)
            .decrypt(&self.nonce, &self.associated_data(), root.as_mut_slice(), &self.tag)
            .map_err(|_| WrapError::WrongSecret)?;
        Ok(DataKey::from_bytes(&root))
    }

    /// What the tag covers beside the key: all that is stored before the nonce.
    fn associated_data(&self) -> Vec<u8> {
        [DOMAIN, &self.header()].concat()
    }
}

impl<'a> Lock<'a> {
    /// What is stored, and what is not.
    fn split(self, random: &mut Random<'_>) -> (Params, Secret<'a>) {
        match self {
            Self::Platform { key, blob } => (Params::Platform { blob: blob.to_vec() }, Secret::Platform(key)),
            Self::Words(words) => (Params::Words, Secret::Words(words)),
            Self::KeptWords(secret) => (Params::Words, Secret::KeptWords(secret)),
            Self::Passphrase { passphrase, cost } => {
                let mut salt = [0; 16];
                random(&mut salt);
                (Params::Passphrase { salt, cost }, Secret::Passphrase(passphrase))
            }
            Self::Passkey {
                output,
                salt,
                credential,
            } => {
                let credential = credential.to_vec();
                (Params::Passkey { salt, credential }, Secret::Passkey(output))
            }
        }
    }
}

impl Params {
    fn are_within_limits(&self) -> bool {
        match self {
            Self::Platform { blob } => blob.len() <= MAX_PLATFORM_BLOB_BYTES,
            Self::Passkey { credential, .. } => credential.len() <= MAX_CREDENTIAL_BYTES,
            Self::Words | Self::Passphrase { .. } => true,
        }
    }
}

/// The key that a secret leads to.
fn wrapping_key(id: &[u8], params: &Params, secret: Secret<'_>) -> Result<Zeroizing<[u8; 32]>, WrapError> {
    Ok(match (params, secret) {
        (Params::Platform { .. }, Secret::Platform(key)) => kdf::derive(key, id, PLATFORM),
        (Params::Words, Secret::Words(words)) => kdf::derive(words.wrapping_secret().as_slice(), id, WORDS),
        (Params::Words, Secret::KeptWords(secret)) => kdf::derive(secret, id, WORDS),
        (Params::Passphrase { salt, cost }, Secret::Passphrase(passphrase)) => {
            kdf::derive(passphrase::stretch(passphrase, salt, *cost)?.as_slice(), id, PASSPHRASE)
        }
        (Params::Passkey { salt, .. }, Secret::Passkey(output)) => kdf::derive(output, &[id, salt].concat(), PASSKEY),
        _ => return Err(WrapError::WrongKind),
    })
}

#[cfg(test)]
mod tests;
