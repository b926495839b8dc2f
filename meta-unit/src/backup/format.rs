//! What is inside of a backup: a line that names it, and frames, each a protobuf message behind its length (varint): a header, the records of the store in plain form, and an end that
//! counts them. That the bytes are those that were written is age's business.

use prost::Message;

use super::BackupError;
use crate::data::{keys, schema};

/// How each begins.
pub const MAGIC: &[u8] = b"avatar-backup 1\n";

/// A frame has at most so many bytes: a record of the store, and its key.
const MAX_FRAME_BYTES: usize = 17 * 1024 * 1024;

/// All records of one backup together have at most so many bytes, because they are in memory before any of them counts.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// One frame.
#[derive(Clone, PartialEq, Message)]
pub struct Frame {
    #[prost(message, optional, tag = "1")]
    pub header: Option<Header>,
    #[prost(message, optional, tag = "2")]
    pub record: Option<Record>,
    #[prost(message, optional, tag = "3")]
    pub end: Option<End>,
}

/// The first frame.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// Whose it is.
    #[prost(string, tag = "1")]
    pub did: String,
    /// Milliseconds since the Unix epoch.
    #[prost(sint64, tag = "2")]
    pub created_ms: i64,
    /// The version of the storage schema of its records.
    #[prost(uint32, tag = "3")]
    pub schema: u32,
}

/// A record of the store.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// The last frame.
#[derive(Clone, PartialEq, Message)]
pub struct End {
    /// How many records there are.
    #[prost(uint64, tag = "1")]
    pub records: u64,
}

/// The records of one document, with their numbers, in their order.
pub type DocumentRecords<'a> = Vec<(u64, &'a [u8])>;

/// What a backup holds.
#[derive(Default)]
pub struct Contents {
    /// Its header.
    pub header: Header,
    /// Its records, in the order of their keys within each kind.
    pub records: Vec<Record>,
    /// The bytes of the records.
    pub bytes: u64,
}

impl Contents {
    /// Takes all whole frames off the front of `plain`. True once the end was among them.
    pub fn take(&mut self, plain: &mut Vec<u8>, begun: &mut bool) -> Result<bool, BackupError> {
        let mut at = 0;
        if !*begun {
            let Some(line) = plain.get(..MAGIC.len()) else {
                return Ok(false);
            };
            if line != MAGIC {
                return Err(match line.starts_with(b"avatar-backup ") {
                    true => BackupError::TooNew,
                    false => BackupError::Damaged("it is of another program".to_owned()),
                });
            }
            *begun = true;
            at = MAGIC.len();
        }
        let mut ended = false;
        while !ended {
            let mut rest = &plain[at..];
            let before = rest.len();
            let Ok(len) = prost::encoding::decode_varint(&mut rest) else {
                break;
            };
            if len > MAX_FRAME_BYTES as u64 {
                return Err(BackupError::Damaged("a frame is too long".to_owned()));
            }
            let head = before - rest.len();
            let Some(frame) = rest.get(..len as usize) else { break };
            let frame = Frame::decode(frame).map_err(|error| BackupError::Damaged(error.to_string()))?;
            at += head + len as usize;
            ended = self.add(frame)?;
        }
        plain.drain(..at);
        if ended && !plain.is_empty() {
            return Err(BackupError::Damaged("something follows its end".to_owned()));
        }
        Ok(ended)
    }

    fn add(&mut self, frame: Frame) -> Result<bool, BackupError> {
        let is_first = self.header == Header::default();
        match frame {
            Frame {
                header: Some(header),
                record: None,
                end: None,
            } if is_first && !header.did.is_empty() => {
                if header.schema > schema::CURRENT {
                    return Err(BackupError::TooNew);
                }
                self.header = header;
                Ok(false)
            }
            Frame {
                header: None,
                record: Some(record),
                end: None,
            } if !is_first && keys::is_portable(&record.key) && self.follows(&record.key) => {
                self.bytes += (record.key.len() + record.value.len()) as u64;
                if self.bytes > MAX_BYTES {
                    return Err(BackupError::TooLarge);
                }
                self.records.push(record);
                Ok(false)
            }
            Frame {
                header: None,
                record: None,
                end: Some(end),
            } if !is_first && end.records == self.records.len() as u64 => Ok(true),
            _ => Err(BackupError::Damaged("a frame is out of its place".to_owned())),
        }
    }

    /// Whether a record of this key may come next: those of one kind come in the order of their keys, each once.
    fn follows(&self, key: &[u8]) -> bool {
        match self.records.last() {
            Some(last) if last.key.first() == key.first() && !keys::is_secret(key) => last.key.as_slice() < key,
            _ => true,
        }
    }

    /// The record of this key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let found = self.records.iter().find(|record| record.key == key)?;
        Some(&found.value)
    }

    /// The records of each document, with their numbers.
    pub fn documents(&self) -> impl Iterator<Item = ([u8; 16], DocumentRecords<'_>)> {
        let id = |record: &Record| keys::parse_document_record(&record.key).map(|(id, _)| id);
        self.records
            .chunk_by(move |a, b| id(a) == id(b))
            .filter_map(move |records| {
                let numbered = records.iter().filter_map(|record| {
                    let (_, number) = keys::parse_document_record(&record.key)?;
                    Some((number, record.value.as_slice()))
                });
                Some((id(records.first()?)?, numbered.collect()))
            })
    }

    /// How many credentials there are.
    pub fn credentials(&self) -> usize {
        self.records
            .iter()
            .filter(|record| keys::parse_credential(&record.key).is_some())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(frames: &[Frame]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        frames
            .iter()
            .for_each(|frame| out.extend(frame.encode_length_delimited_to_vec()));
        out
    }

    fn header() -> Frame {
        Frame {
            header: Some(Header {
                did: "did:key:z".to_owned(),
                created_ms: 1,
                schema: schema::CURRENT,
            }),
            ..Frame::default()
        }
    }

    fn record(key: Vec<u8>) -> Frame {
        Frame {
            record: Some(Record {
                key,
                value: vec![1; 300],
            }),
            ..Frame::default()
        }
    }

    fn end(records: u64) -> Frame {
        Frame {
            end: Some(End { records }),
            ..Frame::default()
        }
    }

    fn read(bytes: &[u8], step: usize) -> Result<(Contents, bool), BackupError> {
        let (mut contents, mut plain, mut begun, mut ended) = (Contents::default(), Vec::new(), false, false);
        for part in bytes.chunks(step) {
            plain.extend_from_slice(part);
            ended = contents.take(&mut plain, &mut begun)?;
        }
        Ok((contents, ended))
    }

    #[test]
    fn frames_are_read_however_their_bytes_come() {
        let bytes = frames(&[
            header(),
            record(keys::document_record(&[1; 16], 0)),
            record(keys::credential(&[2; 16])),
            end(2),
        ]);
        for step in [1, 7, 100, bytes.len()] {
            let (contents, ended) = read(&bytes, step).expect("it is sound");
            assert!(
                ended
                    && contents.records.len() == 2
                    && contents.credentials() == 1
                    && contents.documents().count() == 1
            );
        }
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len], 13).is_ok_and(|(_, ended)| !ended), "cut at {len}");
        }
    }

    #[test]
    fn what_a_node_does_not_write_is_refused() {
        let (doc, clear, device) = (
            keys::document_record(&[1; 16], 0),
            keys::vault(0),
            keys::secret("device"),
        );
        for bad in [
            frames(&[record(doc.clone()), end(1)]),
            frames(&[end(0)]),
            frames(&[header(), header()]),
            frames(&[header(), record(clear), end(1)]),
            frames(&[header(), record(device), end(1)]),
            frames(&[header(), record(doc.clone()), end(2)]),
            [frames(&[header(), end(0)]), vec![0]].concat(),
            frames(&[header(), Frame::default()]),
            b"something else, and long enough".to_vec(),
            b"avatar-backup 9\n..............".to_vec(),
            [MAGIC, &[0xff; 9], &[1]].concat(),
        ] {
            assert!(read(&bad, bad.len()).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read(&[MAGIC, &bytes].concat(), 50);
        }
    }
}
