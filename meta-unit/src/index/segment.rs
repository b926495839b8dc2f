//! Segments: the persisted form of the index. Each holds what one group of commits changed; applied in order, later ones win.
//!
//! ```text
//! segment = version:u8=2  count:varint  entry*count
//! entry   = 1 last_record:varint len:varint row   the document's newest record, and its row, as a `Row` of query.proto
//!         | 0 id:16 bytes                         the document is gone
//! ```
//!
//! The record that holds a segment carries the checksum (`data::records`), so flipped bits are found there. The decoder here still trusts nothing: whatever
//! the bytes, it gives well-formed rows or an error, and allocates no more than it was given.

use super::DocId;
use super::row::RowHead;
use super::wire::{put_varint, take_byte, take_bytes, take_varint};

const VERSION: u8 = 2;
const REMOVE: u8 = 0;
const UPSERT: u8 = 1;

/// What a segment takes beside the rows in it, at most, for one more row: its head and the entry's.
pub(super) const OVERHEAD_BYTES: usize = 26;

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
        last_record: u64,
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
            UPSERT => {
                let last_record = take_varint(&mut self.rest)?;
                let row = take_bytes(&mut self.rest)?;
                Some(Entry::Upsert {
                    head: RowHead::check(row)?,
                    last_record,
                    row,
                })
            }
            REMOVE => {
                let (id, rest) = self.rest.split_first_chunk::<16>()?;
                self.rest = rest;
                Some(Entry::Remove(DocId::from(*id)))
            }
            _ => None,
        }
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
    pub fn upsert(&mut self, last_record: u64, row: &[u8]) {
        self.count += 1;
        self.entries.push(UPSERT);
        put_varint(&mut self.entries, last_record);
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
