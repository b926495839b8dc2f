//! Reading backups as their bytes come. What was read counts once its end was there.

use avatar_proto::BackupOpen;
use avatar_proto::backup_open::Secret;
use avatar_vault::age::{Identities, Identity, Reader};
use avatar_vault::words::RecoveryWords;
use zeroize::Zeroizing;

use super::{BackupError, Contents};

/// Backups that are read at once, at most: one more ends the oldest.
const MAX_READINGS: usize = 2;

/// The longest part.
const MAX_PART_BYTES: usize = 1024 * 1024;

/// Backups that are being read, by number.
#[derive(Default)]
pub struct Readings {
    last: u64,
    /// Oldest first.
    open: Vec<Reading>,
}

struct Reading {
    number: u64,
    reader: Reader,
    plain: Vec<u8>,
    begun: bool,
    ended: bool,
    contents: Contents,
    by_words: bool,
}

impl Readings {
    /// Begins to read one.
    ///
    /// # Errors
    /// There is no secret, or the words are none.
    pub fn open(&mut self, open: &BackupOpen) -> Result<u64, BackupError> {
        let (identities, by_words) = match &open.secret {
            Some(Secret::Passphrase(passphrase)) if !passphrase.is_empty() => {
                (Identities::Passphrase(Zeroizing::new(passphrase.clone())), false)
            }
            Some(Secret::Words(words)) => {
                let words = RecoveryWords::parse(words).map_err(|_| avatar_vault::age::AgeError::NoMatch)?;
                (
                    Identities::Keys(vec![Identity::from_bytes(&words.backup_secret())]),
                    true,
                )
            }
            _ => return Err(BackupError::Invalid("a passphrase or words are needed")),
        };
        if self.open.len() >= MAX_READINGS {
            self.open.remove(0);
        }
        self.last += 1;
        self.open.push(Reading {
            number: self.last,
            reader: Reader::new(identities),
            plain: Vec::new(),
            begun: false,
            ended: false,
            contents: Contents::default(),
            by_words,
        });
        Ok(self.last)
    }

    /// Takes the next bytes of the file. After an error the reading is over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn feed(&mut self, number: u64, data: &[u8]) -> Result<(), BackupError> {
        let at = self.position(number)?;
        let reading = &mut self.open[at];
        let fed = match data.len() > MAX_PART_BYTES {
            true => Err(BackupError::Invalid("a part has at most 1 MiB")),
            false => reading.feed(data),
        };
        if fed.is_err() {
            self.open.remove(at);
        }
        fed
    }

    fn position(&self, number: u64) -> Result<usize, BackupError> {
        let found = self.open.iter().position(|reading| reading.number == number);
        found.ok_or(BackupError::Invalid("no such backup is being read"))
    }

    /// The file is over: what it holds, and whether the words opened it.
    ///
    /// # Errors
    /// It is cut off, or damaged.
    pub fn finish(&mut self, number: u64) -> Result<(Contents, bool), BackupError> {
        let at = self.position(number)?;
        let mut reading = self.open.remove(at);
        let reader = std::mem::replace(&mut reading.reader, Reader::new(Identities::Keys(Vec::new())));
        reader.finish(&mut reading.plain)?;
        reading.take()?;
        match reading.ended {
            true => Ok((reading.contents, reading.by_words)),
            false => Err(BackupError::Damaged("its end is missing".to_owned())),
        }
    }
}

impl Reading {
    fn feed(&mut self, data: &[u8]) -> Result<(), BackupError> {
        self.reader.push(data, &mut self.plain)?;
        self.take()
    }

    fn take(&mut self) -> Result<(), BackupError> {
        if self.ended && !self.plain.is_empty() {
            return Err(BackupError::Damaged("something follows its end".to_owned()));
        }
        if !self.ended {
            self.ended = self.contents.take(&mut self.plain, &mut self.begun)?;
        }
        Ok(())
    }
}
