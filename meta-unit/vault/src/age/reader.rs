//! Reading a file.

use zeroize::Zeroizing;

use super::header::{self, Header};
use super::stream::{CHUNK_BYTES, NONCE_BYTES, Stream, TAG_BYTES};
use super::{AgeError, FileKey, Identity, MAX_HEADER_BYTES, content_key, keys, passphrase};

/// What may open a file.
pub enum Identities {
    /// One of these keys.
    Keys(Vec<Identity>),
    /// A passphrase, normalised to NFKD.
    Passphrase(Zeroizing<String>),
}

/// Decrypts a file as its bytes come. What it gives out was written by one who knew the file's key, each byte at its place; but that nothing is missing at the
/// end is only known once [`Reader::finish`] says so.
pub struct Reader {
    state: State,
    /// What came and could not be used yet: at most a header, or one chunk.
    pending: Vec<u8>,
}

enum State {
    /// In the header. So many bytes of it were searched for its end.
    Header {
        identities: Identities,
        searched: usize,
    },
    /// Between the header and the content.
    Nonce {
        file_key: FileKey,
    },
    Content {
        stream: Stream,
    },
    Failed(AgeError),
}

impl Reader {
    /// Begins to read a file.
    pub fn new(identities: Identities) -> Self {
        Self {
            state: State::Header {
                identities,
                searched: 0,
            },
            pending: Vec::new(),
        }
    }

    /// Takes the next bytes of the file, and appends what they make known of the content. After an error there is only that error. The bytes that complete the
    /// header cost what its passphrase costs.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), AgeError> {
        let result = self.advance(bytes, out);
        if let Err(error) = result {
            self.state = State::Failed(error);
            self.pending = Vec::new();
        }
        result
    }

    /// Ends the file: appends the rest of the content. Without it, what was read may be cut short.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), AgeError> {
        match &mut self.state {
            State::Header { .. } if !header::may_begin(&self.pending) => Err(AgeError::NotAge),
            State::Header { .. } | State::Nonce { .. } => Err(AgeError::Truncated),
            State::Failed(error) => Err(*error),
            State::Content { stream } => {
                // Only a file without content has a chunk without content.
                if self.pending.len() <= TAG_BYTES && !stream.is_at_start() {
                    return Err(AgeError::Truncated);
                }
                stream.decrypt(&self.pending, true, out)
            }
        }
    }

    fn advance(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), AgeError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Header { identities, searched } => {
                    let now = bytes.len().min(MAX_HEADER_BYTES - self.pending.len());
                    self.pending.extend_from_slice(&bytes[..now]);
                    if !header::may_begin(&self.pending) {
                        return Err(AgeError::NotAge);
                    }
                    let Some(end) = header::end(&self.pending, *searched) else {
                        *searched = self.pending.len();
                        let is_full = self.pending.len() == MAX_HEADER_BYTES;
                        return if is_full { Err(AgeError::HeaderTooLong) } else { Ok(()) };
                    };
                    let file_key = open(&Header::parse(&self.pending[..end])?, identities)?;
                    // What is behind the header came with these bytes.
                    bytes = &bytes[now - (self.pending.len() - end)..];
                    self.pending.clear();
                    self.state = State::Nonce { file_key };
                }
                State::Nonce { file_key } => {
                    bytes = fill(&mut self.pending, bytes, NONCE_BYTES);
                    let Ok(nonce) = self.pending.as_slice().try_into() else {
                        return Ok(());
                    };
                    let stream = Stream::new(&content_key(file_key, nonce));
                    self.pending.clear();
                    self.state = State::Content { stream };
                }
                State::Content { stream } => {
                    bytes = fill(&mut self.pending, bytes, CHUNK_BYTES + TAG_BYTES);
                    // A full chunk is the last one unless something follows.
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    stream.decrypt(&self.pending, false, out)?;
                    self.pending.clear();
                }
            }
        }
    }
}

/// Moves bytes until so many are pending, and gives those that are left.
fn fill<'a>(pending: &mut Vec<u8>, bytes: &'a [u8], length: usize) -> &'a [u8] {
    let (now, rest) = bytes.split_at(bytes.len().min(length - pending.len()));
    pending.extend_from_slice(now);
    rest
}

/// The file key of a header that one of the identities opens, and that is as it was written.
fn open(header: &Header<'_>, identities: &Identities) -> Result<FileKey, AgeError> {
    let has_passphrase = header.stanzas.iter().any(|stanza| stanza.kind() == passphrase::KIND);
    if has_passphrase && header.stanzas.len() > 1 {
        return Err(AgeError::Header);
    }
    for stanza in &header.stanzas {
        let found = match identities {
            Identities::Keys(keys) if stanza.kind() == keys::KIND => {
                keys.iter().find_map(|key| key.unwrap(stanza).transpose()).transpose()?
            }
            Identities::Passphrase(text) if stanza.kind() == passphrase::KIND => passphrase::unwrap(text, stanza)?,
            _ => None,
        };
        if let Some(file_key) = found {
            header.verify(&file_key)?;
            return Ok(file_key);
        }
    }
    Err(AgeError::NoMatch)
}

/// Decrypts a whole file at once.
pub fn decrypt(identities: Identities, file: &[u8]) -> Result<Vec<u8>, AgeError> {
    let mut out = Vec::new();
    let mut reader = Reader::new(identities);
    reader.push(file, &mut out)?;
    reader.finish(&mut out)?;
    Ok(out)
}
