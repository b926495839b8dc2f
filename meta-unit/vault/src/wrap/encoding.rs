//! Wrappings as bytes. Lengths are two bytes, little endian.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version: 1 |
//! | 1 | kind: 1 platform, 2 words, 3 passphrase, 4 passkey |
//! | 16 | id |
//! | 2 + n | label |
//! | 2 + n | platform: its blob |
//! | 16, 4, 4 | passphrase: salt, memory in KiB, passes |
//! | 32, 2 + n | passkey: salt, credential id |
//! | 24, 32, 16 | nonce, the encrypted key, tag |

use super::{Cost, MAX_CREDENTIAL_BYTES, MAX_LABEL_BYTES, MAX_PLATFORM_BLOB_BYTES, Params, Wrapping};
use crate::wire::{Reader, put_block};

/// The version of the encoding.
const VERSION: u8 = 1;

const PLATFORM: u8 = 1;
const WORDS: u8 = 2;
const PASSPHRASE: u8 = 3;
const PASSKEY: u8 = 4;

impl Wrapping {
    /// The wrapping as bytes, which reveal its label and parameters, and nothing of the key.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.header();
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.sealed);
        out.extend_from_slice(&self.tag);
        out
    }

    /// The wrapping of bytes from outside. `None` if they are not one that this build would write. Costs nothing beyond their length: the passphrase's cost is
    /// checked here, and only paid by `open`.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return None;
        }
        let kind = reader.u8()?;
        let id = reader.array()?;
        let label = reader.text(MAX_LABEL_BYTES)?.to_owned();
        let params = match kind {
            PLATFORM => Params::Platform {
                blob: reader.block(MAX_PLATFORM_BLOB_BYTES)?.to_vec(),
            },
            WORDS => Params::Words,
            PASSPHRASE => {
                let salt = reader.array()?;
                let cost = Cost {
                    memory_kib: reader.u32()?,
                    passes: reader.u32()?,
                };
                cost.params().ok()?;
                Params::Passphrase { salt, cost }
            }
            PASSKEY => Params::Passkey {
                salt: reader.array()?,
                credential: reader.block(MAX_CREDENTIAL_BYTES)?.to_vec(),
            },
            _ => return None,
        };
        let (nonce, sealed, tag) = (reader.array()?, reader.array()?, reader.array()?);
        reader.end()?;
        Some(Self {
            id,
            label,
            params,
            nonce,
            sealed,
            tag,
        })
    }

    /// All before the nonce.
    pub(super) fn header(&self) -> Vec<u8> {
        let kind = match self.params {
            Params::Platform { .. } => PLATFORM,
            Params::Words => WORDS,
            Params::Passphrase { .. } => PASSPHRASE,
            Params::Passkey { .. } => PASSKEY,
        };
        let mut out = vec![VERSION, kind];
        out.extend_from_slice(&self.id);
        put_block(&mut out, self.label.as_bytes());
        match &self.params {
            Params::Platform { blob } => put_block(&mut out, blob),
            Params::Words => {}
            Params::Passphrase { salt, cost } => {
                out.extend_from_slice(salt);
                out.extend_from_slice(&cost.memory_kib.to_le_bytes());
                out.extend_from_slice(&cost.passes.to_le_bytes());
            }
            Params::Passkey { salt, credential } => {
                out.extend_from_slice(salt);
                put_block(&mut out, credential);
            }
        }
        out
    }
}
