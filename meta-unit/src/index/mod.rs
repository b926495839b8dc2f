//! The index: what lists and queries are answered from, without loading a document.
//!
//! It holds one [row] for each document (its type, its times, and the scalars of its content), all of them in memory, and is persisted beside the documents
//! as [segments](segment), in the same atomic batches. The parts:
//!
//! - [`fields`], [`mod@project`]: what of a document goes into a row, and the limits.
//! - [`row`], [`value`], [`wire`]: rows are kept in the encoding in which they are sent; values are read in place.
//! - [`segment`], [`maintenance`]: the persisted form, and the merging of many small segments into few.
//! - [`filter`], [`query`]: a checked query and its evaluation. [`answer`]: its pages.
//! - [`live`]: queries that tell how their result changes.
//!
//! Everything but `maintenance` and the streams of `live` is synchronous, and does no I/O.

mod answer;
mod fields;
mod filter;
pub mod live;
pub mod maintenance;
mod names;
mod project;
mod query;
mod row;
mod segment;
mod value;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

pub use answer::rows_pages;
pub use fields::{
    Fields, FieldsBuilder, IndexScalar, MAX_FIELDS, MAX_LIST_ITEMS, MAX_LISTS_BYTES, MAX_NAME_BYTES, MAX_STRING_BYTES,
};
pub use project::{project, project_content};
pub use query::{QueryError, QueryPlan};
pub use row::{Digest, IndexRow, MAX_ROW_BYTES, MAX_TYPE_BYTES, Version};
pub use segment::SegmentError;

use row::{RowHead, StoredRow};
use segment::{Entries, Entry, SegmentBuilder};

/// A document's id.
pub type DocId = [u8; 16];

/// The rows of all documents.
#[derive(Debug, Default)]
pub struct Index {
    /// Rows have a place for as long as they live; the places of removed ones are used again.
    places: Vec<Option<StoredRow>>,
    free: Vec<u32>,
    by_id: HashMap<DocId, u32>,
    types: names::Names,
    /// What no segment holds yet.
    dirty: BTreeSet<DocId>,
    /// What the segment in flight holds.
    taken: BTreeSet<DocId>,
    changes: Changes,
}

/// The places whose rows changed since the live queries were last told.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub places: BTreeSet<u32>,
    /// Too much to tell apart: it was loaded, or replaced as a whole.
    pub all: bool,
}

impl Changes {
    fn is_empty(&self) -> bool {
        !self.all && self.places.is_empty()
    }

    fn note(&mut self, place: u32) {
        if !self.all {
            self.places.insert(place);
        }
    }
}

/// A row, read-only.
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    row: &'a StoredRow,
    type_name: &'a str,
}

impl<'a> RowRef<'a> {
    /// The document's type.
    pub fn type_name(&self) -> &'a str {
        self.type_name
    }

    /// Milliseconds since the Unix epoch.
    pub fn created_ms(&self) -> i64 {
        self.row.created_ms
    }

    /// Milliseconds since the Unix epoch.
    pub fn updated_ms(&self) -> i64 {
        self.row.updated_ms
    }

    /// What the row was made from.
    pub fn version(&self) -> Version {
        self.row.version
    }

    /// The row as an encoded `Row` of query.proto.
    pub fn bytes(&self) -> &'a [u8] {
        self.row.bytes()
    }
}

impl Index {
    /// An index of no documents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Inserts or replaces a document's row, for the next segment and the live queries. A row that is there already changes nothing.
    ///
    /// # Panics
    /// If the type is empty or longer than [`MAX_TYPE_BYTES`]: whoever makes a document has checked that.
    pub fn upsert(&mut self, row: &IndexRow) {
        let bytes = row.encode();
        let head = RowHead::check(&bytes).expect("rows are built within the limits, with a type of 1 to 128 bytes");
        let same = self
            .place(&row.id)
            .and_then(|place| self.row(place))
            .is_some_and(|stored| stored.version == row.version && stored.bytes() == bytes);
        if !same {
            self.put(&head, row.version, &bytes);
            self.dirty.insert(row.id);
        }
    }

    /// Removes a document's row; the next segment says so.
    pub fn remove(&mut self, id: DocId) {
        if self.take(&id) {
            self.dirty.insert(id);
        }
    }

    /// A document's row.
    pub fn get(&self, id: &DocId) -> Option<RowRef<'_>> {
        let row = self.row(self.place(id)?)?;
        Some(RowRef {
            row,
            type_name: self.types.name(row.type_number),
        })
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The ids of all documents, in no order.
    pub fn ids(&self) -> impl Iterator<Item = DocId> {
        self.by_id.keys().copied()
    }

    /// The memory that the rows take, in bytes, roughly.
    pub fn memory_bytes(&self) -> usize {
        let rows: usize = self.rows().map(|(_, row)| row.bytes().len()).sum();
        rows + self.places.capacity() * size_of::<Option<StoredRow>>()
            + self.by_id.capacity() * (size_of::<(DocId, u32)>() + 1)
    }

    /// The segment of everything that changed since the last call, for the same atomic batch as the documents' changes; None if nothing did. At most one segment is
    /// in flight: when its batch failed, [`segment_failed`](Self::segment_failed) has to be called before the next one is taken.
    pub fn take_segment(&mut self) -> Option<Vec<u8>> {
        self.taken = std::mem::take(&mut self.dirty);
        if self.taken.is_empty() {
            return None;
        }
        let mut segment = SegmentBuilder::default();
        for id in &self.taken {
            match self.get(id) {
                Some(row) => segment.upsert(row.version(), row.bytes()),
                None => segment.remove(id),
            }
        }
        Some(segment.finish())
    }

    /// The batch with the last segment taken did not become durable: the next segment will hold its changes too.
    pub fn segment_failed(&mut self) {
        self.dirty.append(&mut self.taken);
    }

    /// Applies a stored segment, after all older ones.
    ///
    /// # Errors
    /// The segment is damaged. A part of it may have been applied: this index is of no use any more.
    pub fn load_segment(&mut self, segment: &[u8]) -> Result<(), SegmentError> {
        self.changes.all = true;
        for entry in Entries::new(segment)? {
            match entry? {
                Entry::Upsert { head, version, row } => self.put(&head, version, row),
                Entry::Remove(id) => {
                    self.take(&id);
                }
            }
        }
        Ok(())
    }

    /// Everything, as segments of at most `max_bytes` each (a larger row has one of its own), in the order of ids.
    pub fn dump_segments(&self, max_bytes: usize) -> Vec<Vec<u8>> {
        let mut ids: Vec<DocId> = self.ids().collect();
        ids.sort_unstable();
        let rows = ids.iter().filter_map(|id| self.get(id));
        let mut segments = Vec::new();
        let mut segment = SegmentBuilder::default();
        for row in rows {
            if !segment.is_empty() && segment.len() + row.bytes().len() + segment::OVERHEAD_BYTES > max_bytes {
                segments.push(std::mem::take(&mut segment).finish());
            }
            segment.upsert(row.version(), row.bytes());
        }
        if !segment.is_empty() {
            segments.push(segment.finish());
        }
        segments
    }

    /// Takes over the content of an index that was made anew from the documents; live queries will see the difference. Nothing of it counts as dirty: the caller
    /// stores a dump of it.
    pub fn replace(&mut self, rebuilt: Index) {
        *self = Index {
            changes: Changes {
                all: true,
                places: BTreeSet::new(),
            },
            ..rebuilt
        };
        self.dirty.clear();
    }

    /// All rows with their places.
    fn rows(&self) -> impl Iterator<Item = (u32, &StoredRow)> {
        (0..)
            .zip(&self.places)
            .filter_map(|(place, row)| Some((place, row.as_ref()?)))
    }

    fn row(&self, place: u32) -> Option<&StoredRow> {
        self.places.get(place as usize)?.as_ref()
    }

    fn place(&self, id: &DocId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    fn put(&mut self, head: &RowHead<'_>, version: Version, bytes: &[u8]) {
        let type_number = self.types.intern(head.type_name);
        let row = Some(StoredRow::new(head, type_number, version, bytes.into()));
        let place = match self.by_id.get(&head.id) {
            Some(place) => *place,
            None => {
                let place = self.free.pop().unwrap_or_else(|| {
                    self.places.push(None);
                    u32::try_from(self.places.len() - 1).expect("fewer documents than 2^32")
                });
                self.by_id.insert(head.id, place);
                place
            }
        };
        self.places[place as usize] = row;
        self.changes.note(place);
    }

    fn take(&mut self, id: &DocId) -> bool {
        let Some(place) = self.by_id.remove(id) else {
            return false;
        };
        self.places[place as usize] = None;
        self.free.push(place);
        self.changes.note(place);
        true
    }

    /// What changed since the last call.
    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }
}
