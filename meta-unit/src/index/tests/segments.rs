//! What the persisted form promises.

use avatar_proto::{Message, Row};
use proptest::prelude::*;

use super::{content, index_of, random};
use crate::index::{DocId, FieldsBuilder, Index, IndexRow, IndexScalar, SegmentError, Version};

fn load(segments: &[Vec<u8>]) -> Result<Index, SegmentError> {
    let mut index = Index::new();
    segments.iter().try_for_each(|segment| index.load_segment(segment))?;
    Ok(index)
}

#[derive(Clone, Debug)]
enum Step {
    Upsert(IndexRow),
    Remove(DocId),
    Commit,
    FailedCommit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => random::row().prop_map(Step::Upsert),
        2 => (0_u8..30).prop_map(|number| Step::Remove(random::id(number))),
        2 => Just(Step::Commit),
        1 => Just(Step::FailedCommit),
    ];
    prop::collection::vec(step, 0..50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_segments_of_all_commits_bring_the_index_back(steps in steps()) {
        let mut index = Index::new();
        let mut stored = Vec::new();
        for step in steps.into_iter().chain([Step::Commit]) {
            match step {
                Step::Upsert(row) => index.upsert(&row),
                Step::Remove(id) => index.remove(id),
                Step::Commit => stored.extend(index.take_segment()),
                Step::FailedCommit => {
                    index.take_segment();
                    index.segment_failed();
                }
            }
        }
        prop_assert!(index.take_segment().is_none());
        let loaded = load(&stored).expect("what was written can be read");
        prop_assert_eq!(content(&loaded), content(&index));
        prop_assert_eq!(loaded.len(), index.len());
    }

    #[test]
    fn a_dump_holds_everything_in_segments_of_bounded_size(rows in random::rows(), max_bytes in 1_000_usize..5_000) {
        let index = index_of(&rows);
        let dump = index.dump_segments(max_bytes);
        // A row is never cut: one that is larger by itself has a segment of its own.
        for segment in dump.iter().filter(|segment| segment.len() > max_bytes) {
            prop_assert_eq!(load(std::slice::from_ref(segment)).expect("what was written can be read").len(), 1);
        }
        prop_assert_eq!(content(&load(&dump).expect("what was written can be read")), content(&index));
    }

    #[test]
    fn a_damaged_segment_is_an_error_or_loads_rows_that_are_well_formed(
        rows in random::rows(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut segment = index_of(&rows).dump_segments(usize::MAX).pop().unwrap_or_default();
        if let Some(cut) = cut && !segment.is_empty() {
            segment.truncate(cut.index(segment.len()));
        }
        for (at, bit) in flips {
            if !segment.is_empty() {
                let at = at.index(segment.len());
                segment[at] ^= 1 << bit;
            }
        }
        let mut index = Index::new();
        if index.load_segment(&segment).is_ok() {
            for (_, row) in index.rows() {
                prop_assert!(Row::decode(row.bytes()).is_ok());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut index = Index::new();
        let _: Result<(), SegmentError> = index.load_segment(&[&[1, 2, 1], bytes.as_slice()].concat());
        let _: Result<(), SegmentError> = index.load_segment(&bytes);
    }
}

#[test]
fn a_truncated_segment_is_an_error_at_every_length() {
    let mut index = index_of(&[row(1), row(2)]);
    index.remove(random::id(2));
    let segment = index.take_segment().expect("there are changes");
    assert!(load(std::slice::from_ref(&segment)).is_ok());
    for len in 0..segment.len() {
        assert!(
            load(&[segment[..len].to_vec()]).is_err(),
            "{len} of {} bytes",
            segment.len()
        );
    }
    assert_eq!(
        load(&[[segment, vec![0]].concat()]).map(drop),
        Err(SegmentError::Damaged)
    );
}

fn row(number: u8) -> IndexRow {
    let mut fields = FieldsBuilder::new();
    fields.scalar("title", IndexScalar::String("x"));
    fields.list("tags", [Some(IndexScalar::Int(1)), Some(IndexScalar::Null)]);
    let fields = fields.finish();
    IndexRow {
        id: random::id(number),
        type_name: "note".to_owned(),
        created_ms: 1,
        updated_ms: 2,
        version: Version::default(),
        fields,
    }
}

#[test]
fn a_segment_of_a_later_version_is_told_apart_from_a_damaged_one() {
    assert_eq!(load(&[vec![4, 0]]).map(drop), Err(SegmentError::UnknownVersion(4)));
}

#[test]
fn a_row_that_did_not_change_writes_nothing() {
    let mut index = index_of(&[row(1)]);
    assert!(index.take_segment().is_some());
    index.upsert(&row(1));
    index.remove(random::id(9));
    assert!(index.take_segment().is_none());
}

#[test]
fn ten_thousand_rows_of_five_hundred_bytes_take_less_than_ten_megabytes() {
    let index = index_of(&super::bench::rows(10_000));
    let average = index.rows().map(|(_, row)| row.bytes().len()).sum::<usize>() / index.len();
    assert!((450..600).contains(&average), "{average}");
    assert!(index.memory_bytes() < 10_000_000, "{}", index.memory_bytes());
}
