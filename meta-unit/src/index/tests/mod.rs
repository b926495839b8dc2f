//! The promises of the index, held against naive evaluations over decoded rows.

mod bench;
mod live;
mod maintenance;
mod naive;
mod projection;
mod queries;
mod random;
mod segments;

use std::collections::BTreeMap;

use super::{DocId, Index, IndexRow, Version};

/// An index of these rows.
fn index_of(rows: &[IndexRow]) -> Index {
    let mut index = Index::new();
    rows.iter().for_each(|row| index.upsert(row));
    index
}

/// All rows, encoded, and what they were made from.
fn content(index: &Index) -> BTreeMap<DocId, (Version, Vec<u8>)> {
    index
        .rows()
        .map(|(_, row)| (row.id, (row.version, row.bytes().to_vec())))
        .collect()
}
