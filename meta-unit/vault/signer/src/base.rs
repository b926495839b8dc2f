//! The base point times a scalar, from a table of its multiples.

use std::sync::OnceLock;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// 1, 3, 5 … 15 times the same point.
type Row = [EdwardsPoint; 8];

/// Row i has the odd multiples of 256^i times the base point.
fn table() -> &'static [Row] {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut point = EdwardsPoint::mul_base(&Scalar::ONE);
        let rows = (0..32).map(|_| {
            let mut row = [point; 8];
            let twice = point + point;
            for i in 1..8 {
                row[i] = row[i - 1] + twice;
            }
            point = times_2_to_the(8, point);
            row
        });
        rows.collect()
    })
}

/// The base point times a scalar, in a time and with accesses to memory that do not depend on it.
///
/// With the scalar as the sum of d_i * 16^i, the digits at odd places are added up first, times 16, and then those at even places: so one row serves two digits.
pub fn multiply(scalar: &Scalar) -> EdwardsPoint {
    let table = table();
    let digits = odd_digits(scalar);
    let pairs = digits.as_chunks::<2>().0;
    let at_odd_places = table.iter().zip(pairs).map(|(row, pair)| select(row, pair[1]));
    let sum = times_2_to_the(
        4,
        at_odd_places.fold(EdwardsPoint::identity(), |sum, point| sum + point),
    );
    let at_even_places = table.iter().zip(pairs).map(|(row, pair)| select(row, pair[0]));
    at_even_places.fold(sum, |sum, point| sum + point)
}

fn times_2_to_the(power: u32, point: EdwardsPoint) -> EdwardsPoint {
    (0..power).fold(point, |point, _| point + point)
}

/// The digits of a scalar to the base of 16, each an odd number from -15 to 15: none is zero, so all are looked up alike, and half of their multiples need no table.
///
/// Only an odd number has such digits. An even one is taken with the order of the group added, which is odd and leads to the same point. (Joye and Tunstall, "Exponent
/// Recoding and Regular Exponentiation Algorithms", 2009, algorithm 6.)
fn odd_digits(scalar: &Scalar) -> [i8; 64] {
    let bytes = odd(scalar.as_bytes());
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [(byte & 15) as i8, (byte >> 4) as i8];
    }
    for i in 1..64 {
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

/// The row's point times an odd digit from -15 to 15. All of the row is read, whatever the digit.
fn select(row: &Row, digit: i8) -> EdwardsPoint {
    let is_negative = Choice::from(digit.cast_unsigned() >> 7);
    let place = digit.unsigned_abs() >> 1;
    let mut point = row[0];
    for (i, multiple) in (1u8..).zip(&row[1..]) {
        point.conditional_assign(multiple, place.ct_eq(&i));
    }
    let negative = -point;
    point.conditional_assign(&negative, is_negative);
    point
}

#[cfg(test)]
mod tests {
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
            assert_eq!(multiply(&scalar), EdwardsPoint::mul_base(&scalar));
        }
    }

    proptest! {
        #[test]
        fn multiplies_as_curve25519_dalek_does(bytes: [u8; 32]) {
            let scalar = Scalar::from_bytes_mod_order(bytes);
            prop_assert_eq!(multiply(&scalar), EdwardsPoint::mul_base(&scalar));
        }
    }
}
