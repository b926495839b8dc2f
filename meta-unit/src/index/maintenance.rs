//! The stored segments: loading them, and merging many small ones into few.
//!
//! Every group of commits appends a segment, so they would become ever more. In the background the newest ones are merged into one as soon as there are
//! [`MIN_RUN`], and an older one joins them when it is not much larger than they are together: so sizes grow towards the oldest by factors, the number of
//! segments stays small, and each row is rewritten a few times only. A merge reads what is stored (never what is in memory, which may be ahead of it) and
//! replaces it in one atomic batch; commits go on meanwhile, behind the run.
//!
//! Each record begins with its [`Link`]: which numbers it stands for, and which segment was the newest when it was made. So a segment that was taken away is
//! missed, unless it is the newest; and then the documents are ahead of their rows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use avatar_proto::Durability;

use crate::data::{keys, records};
use crate::platform::{Batch, Level, Pages, Platform, PlatformError, holds_any};

use super::segment::{Entries, Entry, SegmentBuilder};
use super::wire::{put_varint, take_varint};
use super::{DocId, Index, SegmentError, Version};

/// So many segments are merged, at least.
pub(super) const MIN_RUN: usize = 32;

/// Segments up to this size always join a merge.
const SMALL_BYTES: usize = 64 * 1024;

/// Segments of one merge together, at most: what a batch can carry, with room to spare.
const MAX_RUN_BYTES: usize = 12 * 1024 * 1024;

/// How much is read at once at the start.
const LOAD_BYTES: u32 = 4 * 1024 * 1024;

/// Beyond this, and [`WASTE_FACTOR`] times what the rows need, all segments are written anew at the start.
const WASTE_FROM_BYTES: usize = 8 * 1024 * 1024;
const WASTE_FACTOR: usize = 4;

/// The size of the segments when all are written anew.
const REWRITE_BYTES: usize = 4 * 1024 * 1024;

/// A segment is damaged: the index has to be made again from the documents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index segment {number}: {reason}")]
pub struct SegmentDamaged {
    /// The segment's number.
    pub number: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Why a merge was given up. What is stored is as it was.
#[derive(Debug, thiserror::Error)]
enum MergeError {
    #[error(transparent)]
    Storage(#[from] PlatformError),
    #[error(transparent)]
    Damaged(#[from] SegmentDamaged),
    #[error("the index was written anew meanwhile")]
    Overtaken,
}

/// What the record of a segment begins with: its place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The oldest number that it stands for: what those segments said, it says.
    from: u64,
    /// The newest number that it stands for.
    to: u64,
    /// The newest number that was stored for when it was made.
    previous: Option<u64>,
}

impl Link {
    /// The record of a segment with this link.
    pub fn record(&self, segment: &[u8]) -> Vec<u8> {
        let mut content = Vec::with_capacity(segment.len() + 12);
        put_varint(&mut content, self.from);
        put_varint(&mut content, self.to);
        put_varint(
            &mut content,
            self.previous.map_or(0, |previous| previous.saturating_add(1)),
        );
        content.extend_from_slice(segment);
        records::seal(&content)
    }

    fn take(content: &mut &[u8]) -> Option<Self> {
        let (from, to, previous) = (take_varint(content)?, take_varint(content)?, take_varint(content)?);
        let previous = previous.checked_sub(1);
        (from <= to && previous.is_none_or(|previous| previous < to)).then_some(Self { from, to, previous })
    }

    fn covers(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

/// Which segments are stored.
#[derive(Debug, Default)]
pub struct Segments {
    /// The size of each, by its number: older ones have smaller numbers.
    stored: BTreeMap<u64, usize>,
    /// The newest number that one of them stands for.
    newest: Option<u64>,
    next_number: u64,
    merging: bool,
    /// After a merge failed: not again before there are so many.
    pause_until: usize,
}

impl Segments {
    /// None stored.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many are stored.
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether none is stored.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The number for the next segment, larger than all before. It may stay unused, when its batch fails.
    fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// For a segment that says what changed since all that are stored: its number, and its link.
    pub fn next_link(&mut self) -> (u64, Link) {
        let number = self.next_number();
        let link = Link {
            from: number,
            to: number,
            previous: self.newest,
        };
        (number, link)
    }

    /// The segment's batch is durable; its record has so many bytes.
    pub fn add(&mut self, number: u64, bytes: usize) {
        self.stored.insert(number, bytes);
        self.newest = self.newest.max(Some(number));
        self.next_number = self.next_number.max(number.saturating_add(1));
    }

    /// As [`add`](Self::add), for a segment that stands for numbers up to `to`.
    fn add_through(&mut self, number: u64, to: u64, bytes: usize) {
        self.add(number, bytes);
        self.newest = self.newest.max(Some(to));
        self.next_number = self.next_number.max(to.saturating_add(1));
    }

    fn total_bytes(&self) -> usize {
        self.stored.values().sum()
    }

    /// The newest segments, oldest first, if it is time to merge them.
    fn run_to_merge(&self) -> Option<Vec<u64>> {
        if self.merging || self.stored.len() < self.pause_until {
            return None;
        }
        let mut run_bytes = 0;
        let mut run = Vec::new();
        for (number, bytes) in self.stored.iter().rev() {
            let joins = *bytes <= SMALL_BYTES || *bytes <= 2 * run_bytes;
            if !joins || run_bytes + bytes > MAX_RUN_BYTES {
                break;
            }
            run_bytes += bytes;
            run.push(*number);
        }
        run.reverse();
        (run.len() >= MIN_RUN).then_some(run)
    }

    fn is_oldest(&self, number: u64) -> bool {
        self.stored
            .first_key_value()
            .is_some_and(|(oldest, _)| *oldest == number)
    }
}

/// What was found in storage.
#[derive(Debug)]
pub struct Loaded {
    /// Damaged segments count as stored too.
    pub segments: Rc<RefCell<Segments>>,
    /// The rows of all documents, or why they have to be gathered from the documents (and stored by [`rewrite`]).
    pub index: Result<Index, SegmentDamaged>,
}

/// Reads all stored segments. If far more is stored than the rows need, it is written anew before anything else can happen.
///
/// # Errors
/// Storage failed.
pub async fn load(platform: &Rc<dyn Platform>) -> Result<Loaded, PlatformError> {
    let mut index = Ok(Index::new());
    let mut segments = Segments::new();
    let mut links = Vec::new();
    let mut pages = Pages::new(keys::index_segments(), LOAD_BYTES);
    while let Some(page) = pages.next(&**platform).await? {
        for (key, record) in page.entries(0) {
            // A key of another form was not written by this build, and goes when all is written anew.
            let number = keys::index_segment_number(key).unwrap_or(segments.next_number);
            segments.add(number, record.len());
            index = index.and_then(|index| {
                let (link, segment) = open(number, record)?;
                segments.add_through(number, link.to, record.len());
                check_link(number, link, &mut links)?;
                load_segment(index, number, segment)
            });
        }
    }
    if segments.is_empty() && holds_any(&**platform, [keys::documents()]).await? {
        index = Err(SegmentDamaged {
            number: 0,
            reason: "there are documents, and no segment".to_owned(),
        });
    }
    let segments = Rc::new(RefCell::new(segments));
    if let Ok(index) = &index
        && segments.borrow().total_bytes() > WASTE_FROM_BYTES.max(WASTE_FACTOR * index.memory_bytes())
    {
        rewrite(platform, index, &segments).await?;
    }
    Ok(Loaded { segments, index })
}

fn load_segment(mut index: Index, number: u64, segment: &[u8]) -> Result<Index, SegmentDamaged> {
    index.load_segment(segment).map_err(|error| SegmentDamaged {
        number,
        reason: error.to_string(),
    })?;
    Ok(index)
}

/// Whether the segment that was the newest when this one was made is there, or one that stands for it. `links`: those of the segments before.
fn check_link(number: u64, link: Link, links: &mut Vec<Link>) -> Result<(), SegmentDamaged> {
    let missing = |reason: String| Err(SegmentDamaged { number, reason });
    match link.previous {
        _ if link.to < number || link.from > number => {
            return missing("it is under another number than its own".to_owned());
        }
        Some(previous) if !links.iter().rev().any(|link| link.covers(previous)) => {
            return missing(format!("segment {previous} before it is missing"));
        }
        _ => links.push(link),
    }
    Ok(())
}

fn open(number: u64, record: &[u8]) -> Result<(Link, &[u8]), SegmentDamaged> {
    let mut content = records::open(record).map_err(|error| SegmentDamaged {
        number,
        reason: error.to_string(),
    })?;
    let link = Link::take(&mut content).ok_or_else(|| SegmentDamaged {
        number,
        reason: SegmentError::Damaged.to_string(),
    })?;
    Ok((link, content))
}

/// Stores the whole index anew, and deletes all segments stored before. Commits may go on meanwhile, behind it; but no row of the index may be ahead of its document now.
/// Each batch leaves a complete index behind: the new segments say again what the old ones say, and these go last.
///
/// # Errors
/// Storage failed; what is stored is no worse than before.
pub fn rewrite(
    platform: &Rc<dyn Platform>,
    index: &Index,
    segments: &Rc<RefCell<Segments>>,
) -> impl Future<Output = Result<(), PlatformError>> + use<> {
    let (platform, segments) = (Rc::clone(platform), Rc::clone(segments));
    // What is committed from here on has larger numbers, and so wins.
    let first = segments.borrow().next_number;
    let mut previous = None;
    let records: Vec<(u64, Vec<u8>)> = index
        .dump_segments(REWRITE_BYTES)
        .iter()
        .map(|segment| {
            let number = segments.borrow_mut().next_number();
            // The first one stands for all that is going to be deleted: what is committed meanwhile may have been made after any of that.
            let from = previous.map_or(0, |_| number);
            let link = Link {
                from,
                to: number,
                previous,
            };
            previous = Some(number);
            (number, link.record(segment))
        })
        .collect();
    async move {
        for (number, record) in records {
            let mut batch = Batch::new(Durability::Relaxed);
            batch.put(keys::index_segment(number), &record);
            batch.run(&*platform).await?;
            segments.borrow_mut().add(number, record.len());
        }
        // A merge under way notices that its segments are no longer known.
        let old = {
            let mut segments = segments.borrow_mut();
            let kept = segments.stored.split_off(&first);
            std::mem::replace(&mut segments.stored, kept)
        };
        let mut batch = Batch::new(Durability::Relaxed);
        batch.delete_range(keys::index_segments().start, keys::index_segment(first));
        let deleted = batch.run(&*platform).await;
        if deleted.is_err() {
            segments.borrow_mut().stored.extend(old);
        }
        deleted.map(drop)
    }
}

/// Starts a merge in the background if it is time for one and none is under way. To be called after each commit.
pub fn merge_if_due(platform: &Rc<dyn Platform>, segments: &Rc<RefCell<Segments>>) {
    let Some(run) = segments.borrow().run_to_merge() else {
        return;
    };
    segments.borrow_mut().merging = true;
    let (platform, segments) = (Rc::clone(platform), Rc::clone(segments));
    platform.clone().spawn(Box::pin(async move {
        let result = merge(&*platform, &run, &segments).await;
        let mut segments = segments.borrow_mut();
        segments.merging = false;
        segments.pause_until = 0;
        if let Err(error) = result {
            segments.pause_until = segments.len() + MIN_RUN;
            platform.log(Level::Warn, &format!("index segments stay unmerged: {error}"));
        }
    }));
}

/// Replaces the segments with these numbers, which follow each other, by one under the first number.
async fn merge(platform: &dyn Platform, run: &[u64], segments: &RefCell<Segments>) -> Result<(), MergeError> {
    let mut read = Batch::new(Durability::Relaxed);
    for number in run {
        read.get(keys::index_segment(*number));
    }
    let reply = read.run(platform).await?;
    // No await between this and the next batch: whoever deletes segments either did it before, and they are not known any more, or does it after that batch.
    if !run.iter().all(|number| segments.borrow().stored.contains_key(number)) {
        return Err(MergeError::Overtaken);
    }
    let (mut links, mut parts) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
    for (at, number) in run.iter().enumerate() {
        let gone = || SegmentDamaged {
            number: *number,
            reason: "it is gone".to_owned(),
        };
        let (link, segment) = open(*number, reply.value(at).ok_or_else(gone)?)?;
        links.push(link);
        parts.push((*number, segment));
    }
    let first = run[0];
    let link = Link {
        from: links[0].from,
        to: links.iter().map(|link| link.to).max().unwrap_or(first),
        previous: links[0].previous,
    };
    let record = link.record(&merge_segments(&parts, segments.borrow().is_oldest(first))?);
    let mut write = Batch::new(Durability::Relaxed);
    write.put(keys::index_segment(first), &record);
    // No other segment lies between those of a run. One operation costs a store a fraction of what many cost.
    if let Some(last) = run.last() {
        write.delete_range(keys::index_segment(first + 1), keys::index_segment(last + 1));
    }
    write.run(platform).await?;
    let mut segments = segments.borrow_mut();
    // A rewrite may have deleted them in the meantime.
    if segments.stored.contains_key(&first) {
        segments.stored.retain(|number, _| !run.contains(number));
        segments.add(first, record.len());
    }
    Ok(())
}

/// One segment that says what `segments` say one after another. Nothing older is left for a removal to remove if they are the oldest.
fn merge_segments(segments: &[(u64, &[u8])], are_oldest: bool) -> Result<Vec<u8>, SegmentDamaged> {
    let mut latest: BTreeMap<DocId, Option<(Version, &[u8])>> = BTreeMap::new();
    for (number, segment) in segments {
        let damaged = |error: SegmentError| SegmentDamaged {
            number: *number,
            reason: error.to_string(),
        };
        for entry in Entries::new(segment).map_err(damaged)? {
            match entry.map_err(damaged)? {
                Entry::Upsert { head, version, row } => latest.insert(head.id, Some((version, row))),
                Entry::Remove(id) => latest.insert(id, None),
            };
        }
    }
    let mut merged = SegmentBuilder::default();
    for (id, row) in &latest {
        match row {
            Some((version, row)) => merged.upsert(*version, row),
            None if are_oldest => {}
            None => merged.remove(id),
        }
    }
    Ok(merged.finish())
}
