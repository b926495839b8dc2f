//! The values that the index compares, read in place from a row's bytes, and their order.
//!
//! One total order over all of them, which `orderBy` sorts by and ranges compare within:
//!
//! 1. null
//! 2. false, true
//! 3. numbers: integers, doubles, counters and timestamps (as milliseconds since the Unix epoch), by what they stand for, so 1 and 1.0 are equal;
//!    NaN after all others
//! 4. strings, by code point
//! 5. bytes, bytewise
//! 6. lists, item by item
//!
//! Comparisons of a filter (`LT`, `GTE`, …) hold only between values of one kind, and never for NaN.

use std::cmp::Ordering;

use super::wire::{self, tag, take_bytes, take_sint, take_tag, take_varint};

/// One scalar. Strings and bytes are slices of the row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// Integers, counters, timestamps.
    Int(i64),
    Double(f64),
    /// UTF-8, which compares bytewise as by code points.
    String(&'a [u8]),
    Bytes(&'a [u8]),
}

/// A field's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum View<'a> {
    Scalar(Scalar<'a>),
    List(Items<'a>),
}

/// The items of a list that are not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> View<'a> {
    /// Reads an encoded `Value`; None = not a value that the index holds.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        match value.split_first()? {
            (&tag::VALUE_LIST, mut rest) => Some(View::List(Items(take_bytes(&mut rest)?))),
            _ => Scalar::read(value).map(View::Scalar),
        }
    }

    /// The order of the module's head.
    pub fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (View::Scalar(a), View::Scalar(b)) => a.order(b),
            (View::Scalar(_), View::List(_)) => Ordering::Less,
            (View::List(_), View::Scalar(_)) => Ordering::Greater,
            (View::List(mut a), View::List(mut b)) => loop {
                match (a.next(), b.next()) {
                    (Some(a), Some(b)) => match a.order(b) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                    (a, b) => return a.is_some().cmp(&b.is_some()),
                }
            },
        }
    }

    /// A number that orders as the values do, up to ties: `a.rank() < b.rank()` only if a is before b. Between 1 << 124 and 7 << 124.
    pub fn rank(self) -> u128 {
        let (kind, within) = match self {
            View::Scalar(Scalar::Null) => (1, 0),
            View::Scalar(Scalar::Bool(value)) => (2, u128::from(value)),
            View::Scalar(Scalar::Int(value)) => (3, double_rank(value as f64)),
            View::Scalar(Scalar::Double(value)) => (3, double_rank(value)),
            View::Scalar(Scalar::String(bytes)) => (4, bytes_rank(bytes)),
            View::Scalar(Scalar::Bytes(bytes)) => (5, bytes_rank(bytes)),
            View::List(_) => (6, 0),
        };
        kind << 124 | within
    }
}

/// The first 15 bytes, in 120 bits.
fn bytes_rank(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    let len = bytes.len().min(15);
    first[1..=len].copy_from_slice(&bytes[..len]);
    u128::from_be_bytes(first)
}

/// The bits of a double, turned so that they order as the numbers do.
fn double_rank(value: f64) -> u128 {
    if value.is_nan() {
        return u128::from(u64::MAX);
    }
    // 0.0 and -0.0 are one number.
    let bits = (value + 0.0).to_bits();
    u128::from(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
}

impl<'a> Scalar<'a> {
    /// Reads an encoded `Value` that is no list.
    pub fn read(mut value: &'a [u8]) -> Option<Self> {
        let input = &mut value;
        Some(match wire::take_byte(input)? {
            tag::VALUE_NULL => Scalar::Null,
            tag::VALUE_BOOL => Scalar::Bool(take_varint(input)? != 0),
            tag::VALUE_INT | tag::VALUE_TIMESTAMP_MS | tag::VALUE_COUNTER => Scalar::Int(take_sint(input)?),
            tag::VALUE_DOUBLE => Scalar::Double(f64::from_le_bytes(*input.first_chunk()?)),
            tag::VALUE_STRING => Scalar::String(take_bytes(input)?),
            tag::VALUE_BYTES => Scalar::Bytes(take_bytes(input)?),
            _ => return None,
        })
    }

    /// The total order.
    pub fn order(self, other: Self) -> Ordering {
        match self.compare(other) {
            Some(order) => order,
            None => {
                let not_number = |scalar| matches!(scalar, Scalar::Double(double) if double.is_nan());
                self.kind()
                    .cmp(&other.kind())
                    .then_with(|| not_number(self).cmp(&not_number(other)))
            }
        }
    }

    /// The order of two values of one kind; None for two kinds, and for NaN.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Scalar::Null, Scalar::Null) => Some(Ordering::Equal),
            (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(&b)),
            (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(&b)),
            (Scalar::Double(a), Scalar::Double(b)) => a.partial_cmp(&b),
            (Scalar::Int(a), Scalar::Double(b)) => compare_int_double(a, b),
            (Scalar::Double(a), Scalar::Int(b)) => compare_int_double(b, a).map(Ordering::reverse),
            (Scalar::String(a), Scalar::String(b)) | (Scalar::Bytes(a), Scalar::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    fn kind(self) -> u8 {
        match self {
            Scalar::Null => 1,
            Scalar::Bool(_) => 2,
            Scalar::Int(_) | Scalar::Double(_) => 3,
            Scalar::String(_) => 4,
            Scalar::Bytes(_) => 5,
        }
    }
}

/// Compares exactly: not every i64 is a double.
fn compare_int_double(int: i64, double: f64) -> Option<Ordering> {
    const BEYOND_I64: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        None
    } else if double >= BEYOND_I64 {
        Some(Ordering::Less)
    } else if double < -BEYOND_I64 {
        Some(Ordering::Greater)
    } else {
        let whole = double.trunc();
        match int.cmp(&(whole as i64)) {
            Ordering::Equal => 0.0.partial_cmp(&(double - whole)),
            unequal => Some(unequal),
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        if !take_tag(&mut self.0, tag::LIST_ITEM) {
            return None;
        }
        Scalar::read(take_bytes(&mut self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ascending, with equal neighbours in one group.
    fn ascending() -> Vec<Vec<Scalar<'static>>> {
        vec![
            vec![Scalar::Null],
            vec![Scalar::Bool(false)],
            vec![Scalar::Bool(true)],
            vec![Scalar::Double(f64::NEG_INFINITY)],
            vec![Scalar::Double(-1e300)],
            vec![Scalar::Int(i64::MIN), Scalar::Double(i64::MIN as f64)],
            vec![Scalar::Int(i64::MIN + 1)],
            vec![Scalar::Double(-1.5)],
            vec![Scalar::Int(-1), Scalar::Double(-1.0)],
            vec![Scalar::Double(-0.5)],
            vec![Scalar::Int(0), Scalar::Double(0.0), Scalar::Double(-0.0)],
            vec![Scalar::Double(5e-324)],
            vec![Scalar::Double(0.5)],
            vec![Scalar::Int(1), Scalar::Double(1.0)],
            vec![
                Scalar::Int(9_007_199_254_740_992),
                Scalar::Double(9_007_199_254_740_992.0),
            ],
            vec![Scalar::Int(9_007_199_254_740_993)],
            vec![Scalar::Int(i64::MAX - 1)],
            vec![Scalar::Int(i64::MAX)],
            vec![Scalar::Double(9_223_372_036_854_775_808.0)],
            vec![Scalar::Double(f64::INFINITY)],
            vec![Scalar::Double(f64::NAN)],
            vec![Scalar::String(b"")],
            vec![Scalar::String(b"\0")],
            vec![Scalar::String(b"Z")],
            vec![Scalar::String(b"a")],
            vec![Scalar::String(b"aaaaaaaaaaaaaaaaaaaaa")],
            vec![Scalar::String(b"aaaaaaaaaaaaaaaaaaaab")],
            vec![Scalar::String("é".as_bytes())],
            // In UTF-16 these two would stand the other way round.
            vec![Scalar::String("\u{ffee}".as_bytes())],
            vec![Scalar::String("😀".as_bytes())],
            vec![Scalar::Bytes(b"")],
            vec![Scalar::Bytes(b"\xff")],
        ]
    }

    #[test]
    fn the_documented_order_is_total_and_ranks_agree_with_it() {
        let groups = ascending();
        for (i, group) in groups.iter().enumerate() {
            for (j, other) in groups.iter().enumerate() {
                for a in group {
                    for b in other {
                        assert_eq!(a.order(*b), i.cmp(&j), "{a:?} {b:?}");
                        let ranks = View::Scalar(*a).rank().cmp(&View::Scalar(*b).rank());
                        assert!(ranks == Ordering::Equal || ranks == i.cmp(&j), "{a:?} {b:?}");
                        assert!(i != j || ranks == Ordering::Equal, "{a:?} {b:?}");
                    }
                }
            }
        }
    }
}
