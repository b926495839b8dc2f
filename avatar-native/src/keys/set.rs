//! One key set, in this process's memory: wiped when it is dropped, and without `Debug`.

use avatar_proto::{AbiStatus, OpErrorCode};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ed25519_dalek::{Signer, SigningKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::KeysError;

/// The secrets of a key set, in bytes: Ed25519, X25519, XChaCha20-Poly1305.
pub const SECRET_BYTES: usize = 3 * KEY_BYTES;

const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// See the module's documentation.
#[derive(Clone)]
pub struct KeySet {
    secrets: Zeroizing<[u8; SECRET_BYTES]>,
}

impl KeySet {
    /// New keys.
    pub fn generate() -> Result<Self, KeysError> {
        let mut secrets = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secrets.as_mut_slice()).map_err(|_| no_randomness())?;
        Ok(Self { secrets })
    }

    /// The key set of these secrets.
    pub fn of(secrets: Zeroizing<[u8; SECRET_BYTES]>) -> Self {
        Self { secrets }
    }

    /// What [`of`](Self::of) takes.
    pub fn secrets(&self) -> &[u8; SECRET_BYTES] {
        &self.secrets
    }

    fn secret(&self, nth: usize) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(&self.secrets[nth * KEY_BYTES..][..KEY_BYTES]);
        key
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.secret(0))
    }

    fn agreement_key(&self) -> StaticSecret {
        StaticSecret::from(*self.secret(1))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.secret(2)).into())
    }

    /// The Ed25519 public key.
    pub fn sign_public_key(&self) -> Vec<u8> {
        self.signing_key().verifying_key().to_bytes().to_vec()
    }

    /// The X25519 public key.
    pub fn agree_public_key(&self) -> Vec<u8> {
        PublicKey::from(&self.agreement_key()).to_bytes().to_vec()
    }

    /// An Ed25519 signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing_key().sign(message).to_bytes().to_vec()
    }

    /// The shared secret with the owner of an X25519 public key.
    pub fn agree(&self, public_key: &[u8]) -> Result<Vec<u8>, KeysError> {
        let theirs = <[u8; KEY_BYTES]>::try_from(public_key).map_err(|_| KeysError::invalid())?;
        let shared = self.agreement_key().diffie_hellman(&PublicKey::from(theirs));
        if !shared.was_contributory() {
            return Err(KeysError::invalid());
        }
        Ok(shared.as_bytes().to_vec())
    }

    /// Nonce, ciphertext, tag.
    pub fn wrap(&self, secret: &[u8], context: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| no_randomness())?;
        let payload = Payload {
            msg: secret,
            aad: context,
        };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        // Fails only for messages of many gigabytes.
        let sealed = sealed.map_err(|_| KeysError::new(AbiStatus::Io, OpErrorCode::Other, "the cipher failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The secret that was wrapped.
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Vec<u8>, KeysError> {
        let corrupt = || KeysError::corrupt("not wrapped by this key set with this context");
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or_else(corrupt)?;
        let payload = Payload {
            msg: sealed,
            aad: context,
        };
        self.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| corrupt())
    }
}

fn no_randomness() -> KeysError {
    let words = "the operating system gave no randomness";
    KeysError::new(AbiStatus::Io, OpErrorCode::Other, words)
}
