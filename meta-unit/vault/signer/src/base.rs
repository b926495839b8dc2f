//! The base point times a scalar, from a table of its multiples.

use std::sync::OnceLock;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// One to eight times the same point.
type Row = [EdwardsPoint; 8];

/// Row i has the multiples of 256^i times the base point.
fn table() -> &'static [Row] {
    static TABLE: OnceLock<Vec<Row>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut point = EdwardsPoint::mul_base(&Scalar::ONE);
        let rows = (0..32).map(|_| {
            let mut row = [point; 8];
            for i in 1..8 {
                row[i] = row[i - 1] + point;
            }
            point = times_2_to_the(5, row[7]);
            row
        });
        rows.collect()
    })
}

/// The base point times a scalar below 2^255, in a time and with accesses to memory that do not depend on it.
///
/// With the scalar as the sum of d_i * 16^i, the odd digits are added up first, times 16, and then the even ones: so one row serves two digits.
pub fn multiply(scalar: &Scalar) -> EdwardsPoint {
    let table = table();
    let digits = signed_digits(scalar.as_bytes());
    let mut sum = EdwardsPoint::identity();
    for (row, pair) in table.iter().zip(digits.as_chunks::<2>().0) {
        sum += select(row, pair[1]);
    }
    sum = times_2_to_the(4, sum);
    for (row, pair) in table.iter().zip(digits.as_chunks::<2>().0) {
        sum += select(row, pair[0]);
    }
    sum
}

fn times_2_to_the(power: u32, point: EdwardsPoint) -> EdwardsPoint {
    (0..power).fold(point, |point, _| point + point)
}

/// The digits of a number below 2^255 to the base of 16, each from -8 to 8 (only the last one is 8).
fn signed_digits(bytes: &[u8; 32]) -> [i8; 64] {
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [(byte & 15) as i8, (byte >> 4) as i8];
    }
    for i in 0..63 {
        let carry = (digits[i] + 8) >> 4;
        digits[i] -= carry << 4;
        digits[i + 1] += carry;
    }
    digits
}

/// The row's point times a digit from -8 to 8. All of the row is read, whatever the digit.
fn select(row: &Row, digit: i8) -> EdwardsPoint {
    let is_negative = Choice::from(digit.cast_unsigned() >> 7);
    let size = digit.unsigned_abs();
    let mut point = EdwardsPoint::identity();
    for (i, multiple) in (1u8..).zip(row) {
        point.conditional_assign(multiple, size.ct_eq(&i));
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
            Scalar::from(8u8),
            Scalar::from(9u8),
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
