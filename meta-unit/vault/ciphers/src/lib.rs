//! The two ciphers of the vault, in place: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) for what has random nonces, ChaCha20-Poly1305 (RFC 8439) for the chunks
//! of backups.
//!
//! They are generic in the crate that has them, so they are compiled where they are used; and Cargo sets the level of optimization for a crate. Hence this one:
//! every record of the store goes through it, and the rest of the vault would be 10 KB (brotli) larger at its level. Nothing here is inlined, since it would then
//! be compiled as its caller is.

use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, KeyInit as _, Tag, XChaCha20Poly1305};

/// The length of a tag, in bytes.
pub const TAG_BYTES: usize = 16;

/// The content is not what was encrypted with this key, nonce and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this was not encrypted with this key, or it was changed")]
pub struct Forged;

/// XChaCha20-Poly1305 with a key, which is wiped when this is dropped.
pub struct XChaCha(XChaCha20Poly1305);

/// ChaCha20-Poly1305 with a key, which is wiped when this is dropped.
pub struct ChaCha(ChaCha20Poly1305);

impl XChaCha {
    /// The length of a nonce, in bytes. A random one may be taken for each message.
    pub const NONCE_BYTES: usize = 24;

    /// With a key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts the content where it lies, and returns its tag. At most 256 GiB.
    #[inline(never)]
    pub fn encrypt(&self, nonce: &[u8; Self::NONCE_BYTES], associated: &[u8], content: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self.0.encrypt_inout_detached(nonce.into(), associated, content.into());
        tag.expect("the content is shorter than 256 GiB").into()
    }

    /// Decrypts the content where it lies, if the tag is its own. Otherwise the content stays as it is.
    #[inline(never)]
    pub fn decrypt(
        &self,
        nonce: &[u8; Self::NONCE_BYTES],
        associated: &[u8],
        content: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), Forged> {
        self.0
            .decrypt_inout_detached(nonce.into(), associated, content.into(), &Tag::from(*tag))
            .map_err(|_| Forged)
    }
}

impl ChaCha {
    /// The length of a nonce, in bytes. No two messages may have the same one.
    pub const NONCE_BYTES: usize = 12;

    /// With a key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts the content where it lies, and returns its tag. At most 256 GiB.
    #[inline(never)]
    pub fn encrypt(&self, nonce: &[u8; Self::NONCE_BYTES], associated: &[u8], content: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self.0.encrypt_inout_detached(nonce.into(), associated, content.into());
        tag.expect("the content is shorter than 256 GiB").into()
    }

    /// Decrypts the content where it lies, if the tag is its own. Otherwise the content stays as it is.
    #[inline(never)]
    pub fn decrypt(
        &self,
        nonce: &[u8; Self::NONCE_BYTES],
        associated: &[u8],
        content: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), Forged> {
        self.0
            .decrypt_inout_detached(nonce.into(), associated, content.into(), &Tag::from(*tag))
            .map_err(|_| Forged)
    }
}
