//! `avatar_keys` in plain memory, for tests and the simulator: what a host does, with real cryptography and nothing that guards it.

use std::collections::BTreeMap;

use avatar_proto::keys_command::Command;
use avatar_proto::{AbiStatus, KeyProtection, KeysCommand, KeysResult, OpError, OpErrorCode};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use ed25519_dalek::{Signer, SigningKey};
use x25519_dalek::{PublicKey, StaticSecret};

const NONCE_BYTES: usize = 12;

/// The key sets of one database.
#[derive(Clone, Default)]
pub struct SoftKeys {
    sets: BTreeMap<String, KeySet>,
}

#[derive(Clone)]
struct KeySet {
    sign: [u8; 32],
    agree: [u8; 32],
    wrap: [u8; 32],
}

impl SoftKeys {
    /// Does what the command says; new keys and nonces come from `random`. The error is what a completion says.
    /// The command has been [checked](KeysCommand::check).
    pub fn execute(
        &mut self,
        command: &KeysCommand,
        mut random: impl FnMut(&mut [u8]),
    ) -> Result<KeysResult, (AbiStatus, OpError)> {
        let name = &command.name;
        let data = match command.command.as_ref() {
            Some(Command::Open(_)) => return Ok(self.open(name, random)),
            Some(Command::Sign(sign)) => {
                let key = SigningKey::from_bytes(&self.get(name)?.sign);
                key.sign(&sign.message).to_bytes().to_vec()
            }
            Some(Command::Agree(agree)) => {
                let key = StaticSecret::from(self.get(name)?.agree);
                let theirs = <[u8; 32]>::try_from(agree.public_key.as_slice()).map_err(|_| invalid())?;
                let shared = key.diffie_hellman(&PublicKey::from(theirs));
                if !shared.was_contributory() {
                    return Err(invalid());
                }
                shared.to_bytes().to_vec()
            }
            Some(Command::Wrap(wrap)) => {
                let cipher = ChaCha20Poly1305::new(&self.get(name)?.wrap.into());
                let mut nonce = [0; NONCE_BYTES];
                random(&mut nonce);
                let payload = Payload {
                    msg: &wrap.secret,
                    aad: &wrap.context,
                };
                let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| invalid())?;
                [nonce.as_slice(), &sealed].concat()
            }
            Some(Command::Unwrap(unwrap)) => {
                let cipher = ChaCha20Poly1305::new(&self.get(name)?.wrap.into());
                let (nonce, sealed) = unwrap.wrapped.split_first_chunk::<NONCE_BYTES>().ok_or_else(corrupt)?;
                let payload = Payload {
                    msg: sealed,
                    aad: &unwrap.context,
                };
                cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| corrupt())?
            }
            Some(Command::Erase(_)) => {
                self.sets.remove(name);
                Vec::new()
            }
            None => return Err(invalid()),
        };
        Ok(KeysResult {
            data,
            ..KeysResult::default()
        })
    }

    fn open(&mut self, name: &str, mut random: impl FnMut(&mut [u8])) -> KeysResult {
        let created = !self.sets.contains_key(name);
        let set = self.sets.entry(name.to_owned()).or_insert_with(|| {
            let mut fresh = || {
                let mut key = [0; 32];
                random(&mut key);
                key
            };
            KeySet {
                sign: fresh(),
                agree: fresh(),
                wrap: fresh(),
            }
        });
        KeysResult {
            protection: KeyProtection::File.into(),
            sign_public_key: SigningKey::from_bytes(&set.sign).verifying_key().to_bytes().to_vec(),
            agree_public_key: PublicKey::from(&StaticSecret::from(set.agree)).to_bytes().to_vec(),
            data: Vec::new(),
            created,
        }
    }

    fn get(&self, name: &str) -> Result<&KeySet, (AbiStatus, OpError)> {
        self.sets
            .get(name)
            .ok_or_else(|| failed(AbiStatus::NotFound, OpErrorCode::NotFound, "no such key set"))
    }
}

fn invalid() -> (AbiStatus, OpError) {
    failed(AbiStatus::Invalid, OpErrorCode::Invalid, "a public key of low order")
}

fn corrupt() -> (AbiStatus, OpError) {
    failed(
        AbiStatus::Corrupt,
        OpErrorCode::Corrupt,
        "not wrapped by this key set with this context",
    )
}

fn failed(status: AbiStatus, code: OpErrorCode, words: &str) -> (AbiStatus, OpError) {
    let (code, message) = (code.into(), words.to_owned());
    (status, OpError { code, message })
}
