//! The promises of the index, held against naive evaluations over decoded rows.

mod bench;
mod live;
mod naive;
mod projection;
mod queries;
mod random;
mod segments;

use super::{Index, IndexRow};

/// An index of these rows.
fn index_of(rows: &[IndexRow]) -> Index {
    let mut index = Index::new();
    rows.iter().for_each(|row| index.upsert(row));
    index
}
