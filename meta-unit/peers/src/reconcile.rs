//! Which documents differ between two devices, told by ranges of their ids: two ranges with the same fingerprint hold the same and are done; others are cut into smaller ones, until they are so
//! small that their items are told. (The idea: A. Meyer, "Range-Based Set Reconciliation", 2023.) Ten thousand documents that are the same cost one fingerprint; each one that differs
//! costs some hundred bytes.
//!
//! Neither side keeps anything about the other: a message says all that its answer needs.

use std::ops::Range as Places;

use prost::Message;
use sha2::{Digest as _, Sha256};

/// A document's id.
pub type Id = [u8; 16];

/// What stands for a document's content: documents with the same digest are the same.
pub type ItemDigest = [u8; 16];

/// A message has at most so many bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A message has at most so many ranges, and at most so many items.
const MAX_PARTS: usize = 1_024;

/// An exchange has at most so many messages, and one more for every [`ITEMS_A_MESSAGE`]: each range of one is a sixteenth of what it answers, and there are 2^128 ids.
const MAX_MESSAGES: usize = 40;

/// So many items, of both sides, account for one more message.
const ITEMS_A_MESSAGE: usize = 128;

/// A range with so many items or fewer is told item by item.
const FEW: usize = 16;

/// Into how many a larger one is cut.
const CUT: usize = 16;

const FINGERPRINT_BYTES: usize = 16;

/// Whose documents are compared, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The document.
    pub id: Id,
    /// Its content.
    pub digest: ItemDigest,
}

/// What is not a message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// It cannot be read, or breaks a limit.
    #[error("the message has another form")]
    Malformed,
    /// Its ranges, or the items in them, are not in order.
    #[error("the ranges of a message are not in order")]
    Order,
    /// There is no end to it.
    #[error("the exchange takes more messages than its items account for")]
    TooMany,
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(message, repeated, tag = "1")]
    ranges: Vec<WireRange>,
}

/// From where the one before ends.
#[derive(Clone, PartialEq, Message)]
struct WireRange {
    /// The first id behind it, without the zeros at its end; empty = behind the last one.
    #[prost(bytes = "vec", tag = "1")]
    end: Vec<u8>,
    /// None and no items: nothing is said of it.
    #[prost(bytes = "vec", tag = "2")]
    fingerprint: Vec<u8>,
    /// 32 bytes each.
    #[prost(bytes = "vec", tag = "3")]
    items: Vec<u8>,
    /// These are all items, also if there are none.
    #[prost(bool, tag = "4")]
    told: bool,
}

/// What differs, as far as it is known. Each document once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Here and not there.
    pub here: Vec<Id>,
    /// There and not here.
    pub there: Vec<Id>,
    /// On both sides, and not the same.
    pub differing: Vec<Id>,
}

/// One side of an exchange.
#[derive(Debug)]
pub struct Reconciler {
    /// In order of their ids.
    items: Vec<Item>,
    messages: usize,
    /// How many items the other side has told.
    told: usize,
}

impl Reconciler {
    /// With these items; of two with the same id, one counts.
    pub fn new(mut items: Vec<Item>) -> Self {
        items.sort_unstable();
        items.dedup_by_key(|item| item.id);
        Self {
            items,
            messages: 0,
            told: 0,
        }
    }

    /// The first message.
    pub fn begin(&mut self) -> Vec<u8> {
        self.messages += 1;
        let all = WireRange {
            fingerprint: self.fingerprint(0..self.items.len()),
            ..WireRange::default()
        };
        Wire { ranges: vec![all] }.encode_to_vec()
    }

    /// Takes a message of the other side. Gives what became known by it, and the answer, if one is due: without one, this side has said all that it has to say.
    ///
    /// # Errors
    /// It is no message; then nothing of it counts.
    pub fn receive(&mut self, message: &[u8]) -> Result<(Differences, Option<Vec<u8>>), ReconcileError> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES + (self.items.len() + self.told) / ITEMS_A_MESSAGE {
            return Err(ReconcileError::TooMany);
        }
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(ReconcileError::Malformed);
        }
        let wire = Wire::decode(message).map_err(|_| ReconcileError::Malformed)?;
        let items: usize = wire.ranges.iter().map(|range| range.items.len() / ITEM_BYTES).sum();
        if wire.ranges.len() > MAX_PARTS || items > MAX_PARTS {
            return Err(ReconcileError::Malformed);
        }
        self.told += items;
        let mut differences = Differences::default();
        let mut answer = Answer::default();
        let mut start = Some([0; 16]);
        for range in &wire.ranges {
            let from = start.ok_or(ReconcileError::Order)?;
            let end = read_end(&range.end)?;
            if end.is_some_and(|end| end <= from) {
                return Err(ReconcileError::Order);
            }
            let places = self.places(&from, end.as_ref());
            match (range.fingerprint.len(), range.told) {
                (0, true) => compare(
                    &self.items[places],
                    &read_items(&range.items, &from, end.as_ref())?,
                    &mut differences,
                ),
                (0, false) if range.items.is_empty() => answer.skip(end),
                (FINGERPRINT_BYTES, false) if range.items.is_empty() => {
                    if self.fingerprint(places.clone()) == range.fingerprint {
                        answer.skip(end);
                    } else {
                        self.cut(places, end, &mut answer);
                    }
                }
                _ => return Err(ReconcileError::Malformed),
            }
            if range.told {
                answer.skip(end);
            }
            start = end;
        }
        Ok((differences, answer.encode()))
    }

    fn places(&self, from: &Id, end: Option<&Id>) -> Places<usize> {
        let start = self.items.partition_point(|item| item.id < *from);
        let end = end.map_or(self.items.len(), |end| {
            self.items.partition_point(|item| item.id < *end)
        });
        start..end
    }

    fn fingerprint(&self, places: Places<usize>) -> Vec<u8> {
        let mut hash = Sha256::new();
        for item in &self.items[places] {
            hash.update(item.id);
            hash.update(item.digest);
        }
        hash.finalize()[..FINGERPRINT_BYTES].to_vec()
    }

    /// Says more of a range that differs.
    fn cut(&self, places: Places<usize>, end: Option<Id>, answer: &mut Answer) {
        let few = if answer.is_full() { 0 } else { FEW };
        if places.len() <= few {
            let items = &self.items[places];
            answer.say(
                end,
                WireRange {
                    items: items.iter().flat_map(|item| [item.id, item.digest].concat()).collect(),
                    told: true,
                    ..WireRange::default()
                },
            );
            return;
        }
        // In a full message, the same range stays for the answer to it.
        let parts = if answer.is_full() { 1 } else { CUT };
        for part in 0..parts {
            let cut = places.start + places.len() * part / parts..places.start + places.len() * (part + 1) / parts;
            let end = if part + 1 == parts {
                end
            } else {
                Some(self.items[cut.end].id)
            };
            let fingerprint = self.fingerprint(cut);
            answer.say(
                end,
                WireRange {
                    fingerprint,
                    ..WireRange::default()
                },
            );
        }
    }
}

const ITEM_BYTES: usize = 32;

/// A message that grows range by range.
#[derive(Default)]
struct Answer {
    ranges: Vec<WireRange>,
    items: usize,
    says_something: bool,
}

impl Answer {
    /// Whether one more cut, or its items, could break a limit.
    fn is_full(&self) -> bool {
        self.ranges.len() + 2 * CUT > MAX_PARTS / 2 || self.items + FEW > MAX_PARTS / 2
    }

    fn skip(&mut self, end: Option<Id>) {
        let end = written_end(end);
        match self.ranges.last_mut() {
            // Nothing is said of both: they are one.
            Some(last) if last.fingerprint.is_empty() && !last.told => last.end = end,
            _ => self.ranges.push(WireRange {
                end,
                ..WireRange::default()
            }),
        }
    }

    fn say(&mut self, end: Option<Id>, range: WireRange) {
        self.says_something = true;
        self.items += range.items.len() / ITEM_BYTES;
        self.ranges.push(WireRange {
            end: written_end(end),
            ..range
        });
    }

    fn encode(self) -> Option<Vec<u8>> {
        self.says_something
            .then(|| Wire { ranges: self.ranges }.encode_to_vec())
    }
}

/// Adds what differs between two lists of the same range, both in order.
fn compare(here: &[Item], there: &[Item], differences: &mut Differences) {
    let (mut here, mut there) = (here.iter().peekable(), there.iter().peekable());
    loop {
        match (here.peek(), there.peek()) {
            (Some(ours), Some(theirs)) if ours.id == theirs.id => {
                if ours.digest != theirs.digest {
                    differences.differing.push(ours.id);
                }
                here.next();
                there.next();
            }
            (Some(ours), theirs) if theirs.is_none_or(|theirs| ours.id < theirs.id) => {
                differences.here.push(ours.id);
                here.next();
            }
            (_, Some(theirs)) => {
                differences.there.push(theirs.id);
                there.next();
            }
            _ => return,
        }
    }
}

fn read_end(bytes: &[u8]) -> Result<Option<Id>, ReconcileError> {
    let mut end = [0; 16];
    match bytes {
        [] => Ok(None),
        // One end has one form.
        [.., 0] => Err(ReconcileError::Malformed),
        _ => {
            end.get_mut(..bytes.len())
                .ok_or(ReconcileError::Malformed)?
                .copy_from_slice(bytes);
            Ok(Some(end))
        }
    }
}

fn written_end(end: Option<Id>) -> Vec<u8> {
    let mut bytes = end.map(|end| end.to_vec()).unwrap_or_default();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn read_items(bytes: &[u8], from: &Id, end: Option<&Id>) -> Result<Vec<Item>, ReconcileError> {
    let (items, rest) = bytes.as_chunks::<ITEM_BYTES>();
    if !rest.is_empty() {
        return Err(ReconcileError::Malformed);
    }
    let items: Vec<Item> = items
        .iter()
        .map(|bytes| Item {
            id: std::array::from_fn(|at| bytes[at]),
            digest: std::array::from_fn(|at| bytes[16 + at]),
        })
        .collect();
    let is_in_order = items.windows(2).all(|pair| pair[0].id < pair[1].id);
    let is_within = |item: &Item| item.id >= *from && end.is_none_or(|end| item.id < *end);
    match is_in_order && items.iter().all(is_within) {
        true => Ok(items),
        false => Err(ReconcileError::Order),
    }
}

#[cfg(test)]
#[path = "reconcile/tests.rs"]
mod tests;
