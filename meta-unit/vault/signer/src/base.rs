//! The base point times a scalar, from a table of its multiples.

use std::sync::OnceLock;

use curve25519_dalek::scalar::Scalar;
use subtle::Choice;
use zeroize::Zeroize as _;

use crate::point::{Known, Point};

/// 1, 3, 5 … 15 times the same point.
type Row = [Known; 8];

/// How many digits a scalar has.
const DIGITS: usize = 64;

/// Row i has the odd multiples of 16^i times the base point.
fn table() -> &'static [Row] {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut points = Vec::with_capacity(8 * DIGITS);
        let mut first = Point::base();
        for _ in 0..DIGITS {
            let twice = first.plus(&first);
            points.extend(std::iter::successors(Some(first), |point| Some(point.plus(&twice))).take(8));
            first = (0..4).fold(first, |point, _| point.plus(&point));
        }
        Known::of(&points).as_chunks().0.to_vec()
    })
}

/// The base point times a scalar, in a time and with accesses to memory that do not depend on it: the sum of one point for each digit.
pub fn multiply(scalar: &Scalar) -> Point {
    let mut digits = odd_digits(scalar);
    let sum = std::iter::zip(table(), &digits).fold(Point::ZERO, |sum, (row, &digit)| {
        let negative = digit.cast_unsigned() >> 7;
        let place = digit.unsigned_abs() >> 1;
        let bits = std::array::from_fn(|i| Choice::from(place >> i & 1));
        sum.plus_known(&Known::select(row, bits), Choice::from(negative))
    });
    digits.zeroize();
    sum
}

/// The digits of a scalar to the base of 16, each an odd number from -15 to 15: none is zero, so all are looked up alike, and half of their multiples need no table.
///
/// Only an odd number has such digits. An even one is taken with the order of the group added, which is odd and leads to the same point. (Joye and Tunstall, "Exponent
/// Recoding and Regular Exponentiation Algorithms", 2009, algorithm 6.)
fn odd_digits(scalar: &Scalar) -> [i8; DIGITS] {
    let bytes = odd(scalar.as_bytes());
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [(byte & 15) as i8, (byte >> 4) as i8];
    }
    for i in 1..DIGITS {
        // An even digit becomes odd, and the one before, which is odd, becomes less by 16.
        let is_even = 1 - (digits[i] & 1);
        digits[i] += is_even;
        digits[i - 1] -= is_even << 4;
    }
    digits
}

/// The order of the group: 2^252 + 27742317777372353535851937790883648493, little endian (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn odd(number: &[u8; 32]) -> [u8; 32] {
    let mask = (number[0] & 1).wrapping_sub(1);
    let mut carry = 0;
    std::array::from_fn(|i| {
        let sum = u16::from(number[i]) + u16::from(ORDER[i] & mask) + carry;
        carry = sum >> 8;
        sum as u8
    })
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::edwards::EdwardsPoint;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_and_the_largest_scalars_are_multiplied_too() {
        for scalar in [
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            Scalar::from(2u8),
            Scalar::from(8u8),
            Scalar::from(9u8),
            Scalar::from(15u8),
            Scalar::from(16u8),
        ] {
            assert_eq!(
                multiply(&scalar).compress(),
                EdwardsPoint::mul_base(&scalar).compress().to_bytes()
            );
        }
    }

    proptest! {
        #[test]
        fn multiplies_as_curve25519_dalek_does(bytes: [u8; 32]) {
            let scalar = Scalar::from_bytes_mod_order(bytes);
            prop_assert_eq!(multiply(&scalar).compress(), EdwardsPoint::mul_base(&scalar).compress().to_bytes());
        }
    }
}
