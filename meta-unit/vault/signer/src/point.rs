//! Points of edwards25519 (RFC 8032, 5.1), and their addition.
//!
//! There is one formula for any two points, equal ones and neutral ones too: Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited", 2008, 3.1, where k is 2d.

use subtle::{Choice, ConditionallySelectable};

use crate::field::{Element, Sum, difference, product, sum};

/// A point in extended coordinates: x = X/Z, y = Y/Z and xy = T/Z.
#[derive(Clone, Copy)]
pub struct Point {
    x: Element,
    y: Element,
    z: Element,
    t: Element,
}

/// What an addition needs of a point of which Z is 1: (y + x)/2, (y - x)/2 and dxy, in words. Without the halves, the other point's Z would have to be doubled.
#[derive(Clone, Copy)]
pub struct Known([u64; Known::WORDS]);

/// d of the curve's equation.
const D: Element = Element::from_bytes(&[
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00, 0x98, 0xe8, 0x79,
    0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);

const BASE_X: Element = Element::from_bytes(&[
    0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69, 0x5c, 0xdc, 0xd6,
    0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
]);

impl Point {
    /// The neutral one.
    pub const ZERO: Self = Self {
        x: Element::new(0),
        y: Element::new(1),
        z: Element::new(1),
        t: Element::new(0),
    };

    /// The base point, of which y is 4/5.
    pub fn base() -> Self {
        let y = product(&Element::new(4), &Element::new(5).inverse());
        Self {
            x: BASE_X,
            y,
            z: Element::new(1),
            t: product(&BASE_X, &y),
        }
    }

    /// Added to another point.
    pub fn plus(&self, other: &Self) -> Self {
        let high = sum(&other.y, &other.x);
        let low = difference(&other.y, &other.x);
        let third = product(&other.t, &sum(&D, &D));
        let z = product(&sum(&self.z, &self.z), &other.z);
        self.added(&z, [high, low], &third, Choice::from(0))
    }

    /// Added to a known point, or to its negative.
    #[inline(always)]
    pub fn plus_known(&self, known: &Known, negative: Choice) -> Self {
        let parts = known.0.as_chunks::<{ Element::WORDS }>().0;
        let [high, low, third] = std::array::from_fn(|i| Element::from_words(&parts[i]));
        self.added(&self.z, [high.into(), low.into()], &third, negative)
    }

    /// The negative of a point has -x in the place of x. So its sum and its difference change places, and its third number its sign.
    fn added(&self, z: &Element, [mut high, mut low]: [Sum; 2], third: &Element, negative: Choice) -> Self {
        Sum::conditional_swap(&mut high, &mut low, negative);
        let a = product(&difference(&self.y, &self.x), &low);
        let b = product(&sum(&self.y, &self.x), &high);
        let c = product(&self.t, third);
        let (e, h) = (difference(&b, &a), sum(&b, &a));
        let (mut f, mut g) = (difference(z, &c), sum(z, &c));
        Sum::conditional_swap(&mut f, &mut g, negative);
        Self {
            x: product(&e, &f),
            y: product(&g, &h),
            z: product(&f, &g),
            t: product(&e, &h),
        }
    }

    /// As RFC 8032 writes it (5.1.2): y, and whether x is odd.
    pub fn compress(&self) -> [u8; 32] {
        let inverse = self.z.inverse();
        let x = product(&self.x, &inverse).to_bytes();
        let mut bytes = product(&self.y, &inverse).to_bytes();
        bytes[31] |= x[0] << 7;
        bytes
    }
}

impl Known {
    const WORDS: usize = 3 * Element::WORDS;

    /// What is to be known of all these points, with one inversion for all (Montgomery's trick).
    pub fn of(points: &[Point]) -> Vec<Self> {
        let mut all = Element::new(1);
        // Of each the product of those before it.
        let before: Vec<Element> = points
            .iter()
            .map(|point| {
                let before = all;
                all = product(&before, &point.z);
                before
            })
            .collect();
        let mut inverse = all.inverse();
        let half = Element::new(2).inverse();
        let mut known: Vec<Self> = std::iter::zip(points, before)
            .rev()
            .map(|(point, before)| {
                let own = product(&inverse, &before);
                inverse = product(&inverse, &point.z);
                Self::with(&product(&point.x, &own), &product(&point.y, &own), &half)
            })
            .collect();
        known.reverse();
        known
    }

    fn with(x: &Element, y: &Element, half: &Element) -> Self {
        let high = product(&sum(y, x), half);
        let low = product(&difference(y, x), half);
        let third = product(&product(x, y), &D);
        let words = [high, low, third].map(Element::to_words);
        Self(std::array::from_fn(|i| words[i / Element::WORDS][i % Element::WORDS]))
    }

    /// One of eight, of which the place is given in bits, the lowest first. All of them are read, whatever the place.
    #[inline(always)]
    pub fn select(all: &[Self; 8], place: [Choice; 3]) -> Self {
        Self(std::array::from_fn(|word| {
            let one = |i: usize| all[i].0[word];
            let of_two = |i| u64::conditional_select(&one(i), &one(i + 1), place[0]);
            let of_four = |i| u64::conditional_select(&of_two(i), &of_two(i + 2), place[1]);
            u64::conditional_select(&of_four(0), &of_four(4), place[2])
        }))
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::edwards::EdwardsPoint;
    use curve25519_dalek::scalar::Scalar;

    use super::*;

    fn times_base(number: u8) -> [u8; 32] {
        EdwardsPoint::mul_base(&Scalar::from(number)).compress().to_bytes()
    }

    #[test]
    fn addition_has_no_exceptions() {
        let one = Point::base();
        let two = one.plus(&one);
        let sums = [
            (Point::ZERO, 0),
            (Point::ZERO.plus(&one), 1),
            (one.plus(&Point::ZERO), 1),
            (two, 2),
            (two.plus(&one), 3),
            (two.plus(&two), 4),
        ];
        for (sum, number) in sums {
            assert_eq!(sum.compress(), times_base(number));
        }
    }

    #[test]
    fn a_known_point_is_added_and_taken_away() {
        let one = Point::base();
        let two = one.plus(&one);
        let three = two.plus(&one);
        let known = Known::of(&[one, two, three]);
        for (i, number) in (0..).zip([1, 2, 3]) {
            assert_eq!(
                three.plus_known(&known[i], Choice::from(0)).compress(),
                times_base(3 + number)
            );
            assert_eq!(
                three.plus_known(&known[i], Choice::from(1)).compress(),
                times_base(3 - number)
            );
        }
    }
}
