//! Segments: the persisted form of the index. Each holds what one group of commits changed; applied in order, later ones win.
//!
//! ```text
//! segment = version:u8=3  count:varint  entry*count
//! entry   = 1 last_record:varint len:varint row   the document's newest record, and its row, as a `Row` of query.proto
//!         | 2 digest:16 bytes last_record:varint len:varint row   the same, of a document that has changes
//!         | 0 id:16 bytes                         the document is gone
//! ```
//!
//! The record that holds a segment carries the checksum (`data::records`), so flipped bits are found there. The decoder here still trusts nothing: whatever
//! the bytes, it gives well-formed rows or an error, and allocates no more than it was given.

use super::DocId;
use super::row::{Digest, RowHead, Version};
use super::wire::{put_varint, take_byte, take_bytes, take_varint};

const VERSION: u8 = 3;
const REMOVE: u8 = 0;
const UPSERT: u8 = 1;
const UPSERT_CHANGED: u8 = 2;

/// What a segment takes beside the rows in it, at most, for one more row: its head and the entry's.
pub(super) const OVERHEAD_BYTES: usize = 42;

/// Why a segment was refused. The index has to be made again from the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A version that this build does not know.
    #[error("index segment of unknown version {0}")]
    UnknownVersion(u8),
    /// The bytes are not those of a segment.
    #[error("index segment is damaged")]
    Damaged,
}

/// One entry of a segment.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Upsert {
        head: RowHead<'a>,
        version: Version,
        row: &'a [u8],
    },
    Remove(DocId),
}

/// Reads a segment from its first to its last entry; after an error nothing follows.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    left: u64,
}

impl<'a> Entries<'a> {
    /// Reads the head.
    pub fn new(segment: &'a [u8]) -> Result<Self, SegmentError> {
        let mut rest = segment;
        match take_byte(&mut rest) {
            Some(VERSION) => {}
            Some(version) => return Err(SegmentError::UnknownVersion(version)),
            None => return Err(SegmentError::Damaged),
        }
        let left = take_varint(&mut rest).ok_or(SegmentError::Damaged)?;
        Ok(Self { rest, left })
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        match take_byte(&mut self.rest)? {
            UPSERT => self.upsert(None),
            UPSERT_CHANGED => {
                let (digest, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                self.upsert(Some(*digest))
            }
            REMOVE => {
                let (id, rest) = self.rest.split_first_chunk::<16>()?;
                self.rest = rest;
                Some(Entry::Remove(DocId::from(*id)))
            }
            _ => None,
        }
    }

    fn upsert(&mut self, digest: Option<Digest>) -> Option<Entry<'a>> {
        let last_record = take_varint(&mut self.rest)?;
        let row = take_bytes(&mut self.rest)?;
        Some(Entry::Upsert {
            head: RowHead::check(row)?,
            version: Version { last_record, digest },
            row,
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let trailing = !std::mem::take(&mut self.rest).is_empty();
            return trailing.then_some(Err(SegmentError::Damaged));
        }
        self.left -= 1;
        match self.entry() {
            Some(entry) => Some(Ok(entry)),
            None => {
                *self = Self { rest: &[], left: 0 };
                Some(Err(SegmentError::Damaged))
            }
        }
    }
}

/// Builds a segment.
#[derive(Debug, Default)]
pub(super) struct SegmentBuilder {
    count: u64,
    entries: Vec<u8>,
}

impl SegmentBuilder {
    pub fn upsert(&mut self, version: Version, row: &[u8]) {
        self.count += 1;
        match version.digest {
            None => self.entries.push(UPSERT),
            Some(digest) => {
                self.entries.push(UPSERT_CHANGED);
                self.entries.extend_from_slice(&digest);
            }
        }
        put_varint(&mut self.entries, version.last_record);
        put_varint(&mut self.entries, row.len() as u64);
        self.entries.extend_from_slice(row);
    }

    pub fn remove(&mut self, id: &DocId) {
        self.count += 1;
        self.entries.push(REMOVE);
        self.entries.extend_from_slice(id.as_ref());
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries so far, in bytes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The segment.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() + 8);
        out.push(VERSION);
        put_varint(&mut out, self.count);
        out.extend_from_slice(&self.entries);
        out
    }
}
