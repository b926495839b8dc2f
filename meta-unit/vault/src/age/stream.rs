//! The content: ChaCha20-Poly1305 in chunks of 64 KiB, each with its number and whether it is the last as its nonce (STREAM). And the wrapped file key, which is
//! encrypted in the same way as one chunk.

use avatar_ciphers::ChaCha;
pub(super) use avatar_ciphers::TAG_BYTES;
use zeroize::Zeroizing;

use super::{AgeError, FileKey};

/// The content of a chunk that is not the last, in bytes.
pub(super) const CHUNK_BYTES: usize = 64 * 1_024;

/// The length of the nonce before the chunks, in bytes.
pub(super) const NONCE_BYTES: usize = 16;

/// The length of a wrapped file key, in bytes.
const WRAPPED_BYTES: usize = 32;

/// Encrypts or decrypts one chunk after the other.
pub(super) struct Stream {
    cipher: ChaCha,
    chunks: u64,
}

impl Stream {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha::new(key),
            chunks: 0,
        }
    }

    /// Whether no chunk was encrypted or decrypted yet.
    pub(super) fn is_at_start(&self) -> bool {
        self.chunks == 0
    }

    /// Appends the chunk of this content.
    pub(super) fn encrypt(&mut self, content: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let nonce = self.nonce(is_last);
        out.reserve(content.len() + TAG_BYTES);
        let start = out.len();
        out.extend_from_slice(content);
        let tag = self.cipher.encrypt(&nonce, &[], &mut out[start..]);
        out.extend_from_slice(&tag);
    }

    /// Appends the content of this chunk.
    pub(super) fn decrypt(&mut self, chunk: &[u8], is_last: bool, out: &mut Vec<u8>) -> Result<(), AgeError> {
        let (content, tag) = chunk.split_last_chunk::<TAG_BYTES>().ok_or(AgeError::Truncated)?;
        let nonce = self.nonce(is_last);
        let start = out.len();
        out.extend_from_slice(content);
        let decrypted = self.cipher.decrypt(&nonce, &[], &mut out[start..], tag);
        decrypted.map_err(|_| {
            out.truncate(start);
            AgeError::Content
        })
    }

    /// The next nonce: eleven bytes of the chunk's number, big endian, and one that says whether it is the last.
    fn nonce(&mut self, is_last: bool) -> [u8; ChaCha::NONCE_BYTES] {
        let mut nonce = [0; ChaCha::NONCE_BYTES];
        nonce[3..11].copy_from_slice(&self.chunks.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.chunks += 1;
        nonce
    }
}

/// The file key, encrypted. The key is used this once.
pub(super) fn wrap_file_key(key: &[u8; 32], file_key: &FileKey) -> Vec<u8> {
    let mut wrapped = Vec::with_capacity(WRAPPED_BYTES);
    Stream::new(key).encrypt(file_key.as_slice(), false, &mut wrapped);
    wrapped
}

/// The file key, if it was wrapped with this key.
pub(super) fn unwrap_file_key(key: &[u8; 32], wrapped: &[u8; WRAPPED_BYTES]) -> Option<FileKey> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16));
    Stream::new(key).decrypt(wrapped, false, &mut bytes).ok()?;
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}
