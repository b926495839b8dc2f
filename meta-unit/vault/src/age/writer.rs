//! Writing a file.

use zeroize::{Zeroize as _, Zeroizing};

use super::stream::{CHUNK_BYTES, NONCE_BYTES, Stream};
use super::{AgeError, Recipient, content_key, header, passphrase};
use crate::Random;

/// The most keys that a file is encrypted for.
pub const MAX_RECIPIENTS: usize = 64;

/// For whom a file is encrypted.
#[derive(Clone, Copy)]
pub enum Recipients<'a> {
    /// Each of these keys opens it.
    Keys(&'a [Recipient]),
    /// A passphrase opens it.
    Passphrase {
        /// Normalised to NFKD, not empty.
        passphrase: &'a str,
        /// What one guess costs, as a power of two: 1 to [`super::MAX_LOG_N`].
        log_n: u8,
    },
}

/// Encrypts a file as its bytes come.
pub struct Writer {
    stream: Stream,
    /// Less than a chunk, or a whole one that may be the last.
    pending: Zeroizing<Vec<u8>>,
}

impl Writer {
    /// Begins a file: appends its header.
    pub fn new(recipients: Recipients<'_>, random: &mut Random<'_>, out: &mut Vec<u8>) -> Result<Self, AgeError> {
        let mut file_key = Zeroizing::new([0; 16]);
        random(file_key.as_mut_slice());
        let stanzas = match recipients {
            Recipients::Keys(keys) if (1..=MAX_RECIPIENTS).contains(&keys.len()) => keys
                .iter()
                .map(|key| key.wrap(&file_key, random))
                .collect::<Result<Vec<_>, _>>()?,
            Recipients::Passphrase { passphrase, log_n } if !passphrase.is_empty() => {
                vec![passphrase::wrap(passphrase, log_n, &file_key, random)?]
            }
            _ => return Err(AgeError::Recipients),
        };
        header::write(&stanzas, &file_key, out);
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce);
        out.extend_from_slice(&nonce);
        Ok(Self {
            stream: Stream::new(&content_key(&file_key, &nonce)),
            pending: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
        })
    }

    /// Takes the next bytes of the content, and appends what can be written of it.
    pub fn push(&mut self, mut content: &[u8], out: &mut Vec<u8>) {
        while !content.is_empty() {
            if self.pending.len() == CHUNK_BYTES {
                self.stream.encrypt(&self.pending, false, out);
                self.pending.zeroize();
            }
            let (now, rest) = content.split_at(content.len().min(CHUNK_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            content = rest;
        }
    }

    /// Ends the file: appends the rest. Without it the file does not open.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.stream.encrypt(&self.pending, true, out);
    }
}

/// Encrypts a whole file at once.
pub fn encrypt(recipients: Recipients<'_>, content: &[u8], random: &mut Random<'_>) -> Result<Vec<u8>, AgeError> {
    let mut out = Vec::new();
    let mut writer = Writer::new(recipients, random, &mut out)?;
    writer.push(content, &mut out);
    writer.finish(&mut out);
    Ok(out)
}
