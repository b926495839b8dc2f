//! One sort for everything. Each type that the standard library sorts costs two kilobytes of code.

use std::cmp::Ordering;

/// The places of `len` items in the order that `compare` gives; equal ones stay in theirs.
pub fn order(len: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_unstable_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
    places
}
