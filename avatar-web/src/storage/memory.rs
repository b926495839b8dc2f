//! Storage that ends with the thread: private windows, blocked storage, Node without a folder.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use avatar_proto::StorageKind;
use js_sys::Uint8Array;

use super::{Backend, Batch, LocalBoxFuture, Op, Range, Read, Scan, StorageError, check_size};

/// What each write of a batch replaced, in order.
type Undo = Vec<(Vec<u8>, Option<Uint8Array>)>;

/// Records in a sorted map. The values stay in JavaScript's memory, where they come from and go to.
pub struct Memory {
    records: RefCell<BTreeMap<Vec<u8>, Uint8Array>>,
    reason: String,
}

impl Memory {
    /// Empty storage, and why it is not a better kind.
    pub fn new(reason: &str) -> Self {
        Self {
            records: RefCell::default(),
            reason: reason.to_owned(),
        }
    }

    fn scan(&self, scan: &Scan) -> Read {
        let mut read = Read::default();
        if scan.range.is_empty() {
            return read;
        }
        let mut bytes = 0u64;
        for (key, value) in self.records.borrow().range(bounds(&scan.range)) {
            let with_this = bytes + u64::from(value.length());
            let full = !scan.keys_only && with_this > u64::from(scan.max_bytes) && !read.keys.is_empty();
            if full || read.keys.len() as u64 == u64::from(scan.limit) {
                read.more = true;
                break;
            }
            read.keys.push(key.clone());
            if !scan.keys_only {
                bytes = with_this;
                read.values.push(value.clone());
            }
        }
        read
    }

    fn delete_range(&self, range: &Range, undo: &mut Undo) {
        if range.is_empty() {
            return;
        }
        let mut records = self.records.borrow_mut();
        let doomed: Vec<Vec<u8>> = records.range(bounds(range)).map(|(key, _)| key.clone()).collect();
        for key in doomed {
            let before = records.remove(&key);
            undo.push((key, before));
        }
    }

    fn roll_back(&self, undo: Undo) {
        let mut records = self.records.borrow_mut();
        for (key, before) in undo.into_iter().rev() {
            match before {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
    }
}

fn bounds(range: &Range) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
    (Bound::Included(range.start.clone()), end)
}

impl Backend for Memory {
    fn batch(&self, batch: Batch) -> LocalBoxFuture<Result<Vec<Read>, StorageError>> {
        // Nothing can come between, and only what was read can be too much.
        let (mut reads, mut undo) = (Vec::new(), Undo::new());
        for op in batch.ops {
            match op {
                Op::Put(key, value) => {
                    let before = self.records.borrow_mut().insert(key.clone(), value);
                    undo.push((key, before));
                }
                Op::Delete(key) => {
                    let before = self.records.borrow_mut().remove(&key);
                    undo.push((key, before));
                }
                Op::DeleteRange(range) => self.delete_range(&range, &mut undo),
                Op::Get(key) => {
                    let found = self.records.borrow().get(&key).cloned();
                    reads.push(found.map_or_else(Read::default, |value| Read {
                        keys: vec![key],
                        values: vec![value],
                        more: false,
                    }));
                }
                Op::Scan(scan) => reads.push(self.scan(&scan)),
            }
        }
        let checked = check_size(&reads, Uint8Array::length);
        if checked.is_err() {
            self.roll_back(undo);
        }
        Box::pin(std::future::ready(checked.map(|()| reads)))
    }

    fn kind(&self) -> StorageKind {
        StorageKind::Memory
    }

    fn reason(&self) -> String {
        self.reason.clone()
    }

    fn close(&self) -> LocalBoxFuture<()> {
        self.records.borrow_mut().clear();
        Box::pin(std::future::ready(()))
    }
}
