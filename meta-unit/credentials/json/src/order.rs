//! One sort for everything. Each type that the standard library sorts costs two kilobytes of code, and where speed comes before size nine.

use std::cmp::Ordering;

/// The places of `len` items in the order that `compare` gives; equal ones stay in theirs. Merges runs that are twice as long each time.
pub fn order(len: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    let mut merged = places.clone();
    let mut run = 1;
    while run < len {
        for (from, to) in places.chunks(2 * run).zip(merged.chunks_mut(2 * run)) {
            let (mut left, mut right) = from.split_at(run.min(from.len()));
            for place in to {
                let from_right = match (left, right) {
                    (&[a, ..], &[b, ..]) => compare(b, a).is_lt(),
                    _ => left.is_empty(),
                };
                let side = if from_right { &mut right } else { &mut left };
                if let Some((&first, rest)) = side.split_first() {
                    *place = first;
                    *side = rest;
                }
            }
        }
        std::mem::swap(&mut places, &mut merged);
        run *= 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_stable_one_whatever_the_length() {
        let mut noise = 1u32;
        for len in (0..70).chain([255, 256, 257, 1000]) {
            for different in [1, 2, 7, u32::MAX] {
                let items: Vec<u32> = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 8) % different
                })
                .take(len)
                .collect();
                let mut expected: Vec<usize> = (0..len).collect();
                expected.sort_by_key(|&place| items[place]);
                assert_eq!(order(len, &mut |a, b| items[a].cmp(&items[b])), expected);
            }
        }
    }

    #[test]
    fn what_is_sorted_already_or_backwards_takes_no_longer() {
        for backwards in [false, true] {
            let mut comparisons = 0;
            order(1 << 16, &mut |a, b| {
                comparisons += 1;
                if backwards { b.cmp(&a) } else { a.cmp(&b) }
            });
            assert!(comparisons <= 16 << 16, "{comparisons}");
        }
    }
}
