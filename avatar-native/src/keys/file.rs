//! The file of the key sets. A line a set, and a checksum that tells damage from keys:
//!
//! ```text
//! avatar keys 1
//! <name> <the set's secrets, 192 hexadecimal digits>
//! sha256 <of everything before this line, 64 hexadecimal digits>
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use avatar_proto::{AbiStatus, OpErrorCode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::KeysError;
use super::set::{KeySet, SECRET_BYTES};
use crate::hex;

const FIRST_LINE: &str = "avatar keys 1\n";

/// Thousands of key sets: nobody has so many.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The key sets by their names.
pub type Sets = BTreeMap<String, KeySet>;

/// See the module's documentation.
pub struct KeyFile {
    path: PathBuf,
    /// What the file holds, once it has been read.
    sets: Option<Sets>,
}

impl KeyFile {
    /// The file at `path`, which nobody else changes. It is not read before somebody asks.
    pub fn new(path: PathBuf) -> Self {
        Self { path, sets: None }
    }

    /// All key sets.
    pub fn sets(&mut self) -> Result<&Sets, KeysError> {
        match &mut self.sets {
            Some(sets) => Ok(sets),
            unread => Ok(unread.insert(read(&self.path)?)),
        }
    }

    /// Adds a key set, durably.
    pub fn add(&mut self, name: String, set: KeySet) -> Result<KeySet, KeysError> {
        let mut sets = self.sets()?.clone();
        sets.insert(name, set.clone());
        self.replace(sets)?;
        Ok(set)
    }

    /// Removes a key set, durably; absent is no error.
    pub fn remove(&mut self, name: &str) -> Result<(), KeysError> {
        let mut sets = self.sets()?.clone();
        match sets.remove(name) {
            Some(_) => self.replace(sets),
            None => Ok(()),
        }
    }

    fn replace(&mut self, sets: Sets) -> Result<(), KeysError> {
        let bytes = encode(&sets);
        if bytes.len() > MAX_FILE_BYTES {
            let words = "there are too many key sets";
            return Err(KeysError::new(AbiStatus::Limit, OpErrorCode::TooLarge, words));
        }
        // Whether a write that failed took effect, the next read tells.
        self.sets = None;
        private_file::write(&self.path, &bytes).map_err(|error| failed(&self.path, &error))?;
        self.sets = Some(sets);
        Ok(())
    }
}

fn encode(sets: &Sets) -> Zeroizing<Vec<u8>> {
    let line = " \n".len() + avatar_proto::MAX_KEY_SET_NAME_BYTES + 2 * SECRET_BYTES;
    // All of it at once: what grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FIRST_LINE.len() + (sets.len() + 1) * line));
    bytes.extend_from_slice(FIRST_LINE.as_bytes());
    for (name, set) in sets {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(Zeroizing::new(hex::encode(set.secrets())).as_bytes());
        bytes.push(b'\n');
    }
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

fn checksum(bytes: &[u8]) -> String {
    format!("sha256 {}\n", hex::encode(&Sha256::digest(bytes)))
}

fn decode(bytes: &[u8]) -> Option<Sets> {
    let text = str::from_utf8(bytes).ok()?;
    let at = text.rfind("sha256 ")?;
    let (whole, sum) = text.split_at(at);
    (checksum(whole.as_bytes()) == sum).then_some(())?;
    let lines = whole.strip_prefix(FIRST_LINE)?.lines();
    lines
        .map(|line| {
            let (name, digits) = line.split_once(' ')?;
            let mut secrets = Zeroizing::new([0; SECRET_BYTES]);
            hex::decode_into(digits, secrets.as_mut_slice())?;
            Some((name.to_owned(), KeySet::of(secrets)))
        })
        .collect()
}

fn read(path: &Path) -> Result<Sets, KeysError> {
    let damaged = || KeysError::corrupt(format!("{} is damaged", path.display()));
    match private_file::read(path, MAX_FILE_BYTES) {
        Ok(None) => Ok(Sets::new()),
        Ok(Some(bytes)) => decode(&Zeroizing::new(bytes)).ok_or_else(damaged),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged()),
        Err(error) => Err(failed(path, &error)),
    }
}

fn failed(path: &Path, error: &io::Error) -> KeysError {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpErrorCode::QuotaExceeded,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => OpErrorCode::StorageBlocked,
        _ => OpErrorCode::Other,
    };
    KeysError::new(AbiStatus::Io, code, format!("{}: {error}", path.display()))
}
