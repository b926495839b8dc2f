//! What the merging of segments promises.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use avatar_proto::{Durability, OpErrorCode};
use proptest::prelude::*;

use super::{content, random};
use crate::data::{keys, records};
use crate::index::maintenance::{Loaded, MIN_RUN, Segments, load, merge_if_due, rewrite};
use crate::index::{DocId, FieldsBuilder, Index, IndexRow, IndexScalar, Version};
use crate::platform::{Batch, Level, Platform, TestPlatform};

/// What the group commit does with the index.
struct Node {
    world: Rc<TestPlatform>,
    platform: Rc<dyn Platform>,
    index: Index,
    segments: Rc<RefCell<Segments>>,
}

impl Node {
    fn new(world: Rc<TestPlatform>) -> Self {
        let platform = world.handle();
        Self {
            world,
            platform,
            index: Index::new(),
            segments: Rc::default(),
        }
    }

    /// Begins a commit, and runs what is due after it.
    fn commit(&mut self) {
        let Some(segment) = self.index.take_segment() else {
            return;
        };
        let (number, link) = self.segments.borrow_mut().next_link();
        let record = link.record(&segment);
        let mut batch = Batch::new(Durability::Strict);
        batch.put(keys::index_segment(number), &record);
        let written = batch.run(&*self.platform);
        let (platform, segments) = (Rc::clone(&self.platform), Rc::clone(&self.segments));
        self.platform.spawn(Box::pin(async move {
            written.await.expect("the test's commits do not fail");
            segments.borrow_mut().add(number, record.len());
            merge_if_due(&platform, &segments);
        }));
    }

    fn stored(&self) -> Loaded {
        let platform = self.world.handle();
        self.world
            .block_on(async move { load(&platform).await })
            .expect("storage works")
    }
}

fn row(number: u32, version: u32, text_bytes: usize) -> IndexRow {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let mut fields = FieldsBuilder::new();
    fields.scalar("version", IndexScalar::Int(version.into()));
    fields.scalar("text", IndexScalar::String(&"x".repeat(text_bytes)));
    IndexRow {
        id,
        type_name: "note".to_owned(),
        created_ms: 0,
        updated_ms: version.into(),
        version: Version::default(),
        fields: fields.finish(),
    }
}

#[test]
fn ten_thousand_commits_leave_few_segments_and_the_same_rows() {
    let mut node = Node::new(TestPlatform::new(1));
    let mut most = 0;
    for version in 0..10_000 {
        node.index.upsert(&row(version % 700, version, 100));
        if version % 5 == 0 {
            node.index.remove(row(version % 300, 0, 0).id);
        }
        node.commit();
        node.world.run_until_idle();
        most = most.max(node.segments.borrow().len());
    }
    assert!(most <= 64, "{most} segments at once");
    let stored = node.stored();
    assert_eq!(stored.segments.borrow().len(), node.segments.borrow().len());
    assert_eq!(content(&stored.index.expect("sound segments")), content(&node.index));
}

#[derive(Clone, Debug)]
enum Step {
    Upsert(IndexRow),
    Remove(DocId),
    Commit,
    /// The host executes a batch, if one waits, and the node goes on.
    Execute,
    Crash,
    Rewrite,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => random::row().prop_map(Step::Upsert),
        6 => (0_u8..30).prop_map(|number| Step::Remove(random::id(number))),
        20 => Just(Step::Commit),
        30 => Just(Step::Execute),
        1 => Just(Step::Crash),
        1 => Just(Step::Rewrite),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Commits, merges and rewrites interleave in any way, and the process dies at any moment: what is stored is the index after some commit, no older than the last
    /// one known to be durable.
    #[test]
    fn merging_preserves_content_whenever_the_process_dies(steps in steps()) {
        let mut node = Node::new(TestPlatform::new(1));
        node.world.hold_storage(true);
        // The content after each commit since the last one known to be durable.
        let mut possible = vec![BTreeMap::new()];
        for step in steps.into_iter().chain([Step::Crash]) {
            match step {
                Step::Upsert(row) => node.index.upsert(&row),
                Step::Remove(id) => node.index.remove(id),
                // One batch of commits is in flight at a time.
                Step::Commit if possible.len() == 1 => {
                    node.commit();
                    possible.push(content(&node.index));
                }
                Step::Commit => {}
                Step::Execute => {
                    let was_waiting = node.world.waiting_batches();
                    node.world.release_one_batch();
                    node.world.run_until_idle();
                    if was_waiting > 0 && node.world.waiting_batches() == 0 {
                        possible.drain(..possible.len() - 1);
                    }
                }
                Step::Rewrite if possible.len() == 1 && content(&node.index) == possible[0] => {
                    let rewritten = rewrite(&node.platform, &node.index, &node.segments);
                    node.platform.spawn(Box::pin(async move { rewritten.await.expect("storage works") }));
                    node.world.run_until_idle();
                }
                Step::Rewrite => {}
                Step::Crash => {
                    let world = node.world.restarted();
                    let platform = world.handle();
                    let loaded = world.block_on(async move { load(&platform).await }).expect("storage works");
                    let index = loaded.index.expect("sound segments");
                    prop_assert!(possible.contains(&content(&index)));
                    possible = vec![content(&index)];
                    node = Node { platform: world.handle(), world, index, segments: loaded.segments };
                    node.world.hold_storage(true);
                }
            }
        }
    }
}

#[test]
fn a_merge_that_fails_loses_nothing_and_is_tried_again_later() {
    let mut node = Node::new(TestPlatform::new(1));
    // The commits and the reading of their segments succeed; the writing of the merged one does not.
    node.world.fail_storage_after(MIN_RUN + 1, OpErrorCode::QuotaExceeded);
    for version in 0..MIN_RUN as u32 {
        node.index.upsert(&row(version % 3, version, 10));
        node.commit();
        node.world.run_until_idle();
    }
    assert_eq!(node.segments.borrow().len(), MIN_RUN);
    assert!(
        node.world
            .take_log()
            .iter()
            .any(|(level, line)| *level == Level::Warn && line.contains("unmerged"))
    );
    assert_eq!(
        content(&node.stored().index.expect("sound segments")),
        content(&node.index)
    );
    for version in MIN_RUN as u32..2 * MIN_RUN as u32 {
        node.index.upsert(&row(version % 3, version, 10));
        node.commit();
        node.world.run_until_idle();
    }
    assert_eq!(node.segments.borrow().len(), 1);
    assert_eq!(
        content(&node.stored().index.expect("sound segments")),
        content(&node.index)
    );
}

#[test]
fn a_damaged_segment_is_told_and_the_index_can_be_stored_anew() {
    let mut node = Node::new(TestPlatform::new(1));
    for number in 0..5 {
        node.index.upsert(&row(number, 0, 10));
        node.commit();
        node.world.run_until_idle();
    }
    let mut damage = Batch::new(Durability::Strict);
    damage.put(keys::index_segment(2), b"damaged");
    let damage = damage.run(&*node.platform);
    node.world.block_on(damage).expect("storage works");

    let loaded = node.stored();
    assert_eq!(loaded.index.map(drop).map_err(|damaged| damaged.number), Err(2));
    let rewritten = rewrite(&node.platform, &node.index, &loaded.segments);
    node.world.block_on(rewritten).expect("storage works");
    let loaded = node.stored();
    assert_eq!(content(&loaded.index.expect("sound segments")), content(&node.index));
    assert_eq!(loaded.segments.borrow().len(), 1);
}

#[test]
fn removals_are_forgotten_once_nothing_older_is_left() {
    let mut node = Node::new(TestPlatform::new(1));
    for number in 0..MIN_RUN as u32 {
        node.index.upsert(&row(number / 2, 0, 10));
        if number % 2 == 1 {
            node.index.remove(row(number / 2, 0, 10).id);
        }
        node.commit();
        node.world.run_until_idle();
    }
    assert!(node.index.is_empty());
    let read = node.world.block_on({
        let mut read = Batch::new(Durability::Relaxed);
        read.get(keys::index_segment(0));
        read.run(&*node.platform)
    });
    let read = read.expect("storage works");
    let content = records::open(read.value(0).expect("the merged segment")).expect("a sound record");
    // Its version, and the number of its entries.
    assert!(content.ends_with(&[3, 0]) && content.len() == 5, "{content:?}");
}

#[test]
fn a_segment_that_was_taken_away_is_missed_unless_it_is_the_newest() {
    const COMMITS: u32 = MIN_RUN as u32 + 5;
    let committed = || {
        let mut node = Node::new(TestPlatform::new(1));
        for number in 0..COMMITS {
            node.index.upsert(&row(number, 0, 10));
            node.commit();
            node.world.run_until_idle();
        }
        node
    };
    let numbers: Vec<u64> = (MIN_RUN as u64..u64::from(COMMITS)).chain([0]).collect();
    assert_eq!(
        committed().segments.borrow().len(),
        numbers.len(),
        "one merged, and those after it"
    );
    for number in numbers {
        let node = committed();
        let mut theft = Batch::new(Durability::Strict);
        theft.delete(keys::index_segment(number));
        let theft = theft.run(&*node.platform);
        node.world.block_on(theft).expect("storage works");
        assert_eq!(
            node.stored().index.is_ok(),
            number == u64::from(COMMITS) - 1,
            "{number}"
        );
    }
}

#[test]
fn a_segment_under_the_number_of_another_is_found_out() {
    let mut node = Node::new(TestPlatform::new(1));
    for number in 0..3 {
        node.index.upsert(&row(number, 0, 10));
        node.commit();
        node.world.run_until_idle();
    }
    let store = node.world.store();
    let first = store.borrow().records[&keys::index_segment(0)].clone();
    store.borrow_mut().records.insert(keys::index_segment(1), first);
    assert_eq!(node.stored().index.map(drop).map_err(|damaged| damaged.number), Err(1));
}
