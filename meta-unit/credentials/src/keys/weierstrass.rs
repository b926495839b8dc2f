//! Whether a compressed point is one: the square root on the NIST curves and secp256k1. Keys are public, so nothing here needs constant time, and
//! nothing is computed but this.

use super::KeyError;

/// A curve y² = x³ + ax + b over a prime field with p ≡ 3 (mod 4), where a root is one power.
pub(super) struct Curve {
    /// The prime, big-endian, without leading zero bytes.
    p: &'static [u8],
    /// −a, which is small on these curves.
    minus_a: u8,
    /// b, big-endian.
    b: &'static [u8],
}

macro_rules! hex {
    ($text:literal) => {{
        const BYTES: [u8; $text.len() / 2] = unhex($text.as_bytes());
        &BYTES
    }};
}

const fn unhex<const N: usize>(text: &[u8]) -> [u8; N] {
    const fn digit(byte: u8) -> u8 {
        if byte <= b'9' { byte - b'0' } else { byte - b'a' + 10 }
    }
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

/// FIPS 186-4, D.1.2.3.
pub(super) static P256: Curve = Curve {
    p: hex!("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
    minus_a: 3,
    b: hex!("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
};

/// FIPS 186-4, D.1.2.4.
pub(super) static P384: Curve = Curve {
    p: hex!("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"),
    minus_a: 3,
    b: hex!("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef"),
};

/// FIPS 186-4, D.1.2.5.
pub(super) static P521: Curve = Curve {
    p: hex!(
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    ),
    minus_a: 3,
    b: hex!(
        "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00"
    ),
};

/// SEC 2, 2.4.1.
pub(super) static SECP256K1: Curve = Curve {
    p: hex!("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
    minus_a: 0,
    b: hex!("0000000000000000000000000000000000000000000000000000000000000007"),
};

/// 521 bits take 17, and products two more for a while.
const WORDS: usize = 19;

/// Words of 32 bits, the lowest first.
type Number = [u32; WORDS];

impl Curve {
    /// How many bytes a coordinate has.
    pub(super) fn coordinate_bytes(&self) -> usize {
        self.p.len()
    }

    /// The y of a compressed point (SEC 1 §2.3.4), big-endian.
    pub(super) fn decompress(&self, point: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (sign, x) = match point {
            [sign @ (2 | 3), x @ ..] if x.len() == self.coordinate_bytes() => (sign & 1, x),
            [2 | 3, ..] | [] => return Err(KeyError::Length),
            _ if point.len() != self.coordinate_bytes() + 1 => return Err(KeyError::Length),
            _ => return Err(KeyError::NotOnCurve),
        };
        let field = Field::new(self.p);
        let x = from_bytes(x);
        if !less(&x, &field.p) {
            return Err(KeyError::NotOnCurve);
        }
        let square = self.right_side(&field, &field.enter(&x));
        let root = field.root(&square);
        if field.multiply(&root, &root) != square {
            return Err(KeyError::NotOnCurve);
        }
        let mut y = field.leave(&root);
        if y[0] as u8 & 1 != sign {
            // p − y; a y of zero has no other sign.
            y = subtract(&field.p, &y);
            if y == field.p {
                return Err(KeyError::NotOnCurve);
            }
        }
        Ok(to_bytes(&y, self.coordinate_bytes()))
    }

    /// Compresses the point of two coordinates, if it is on the curve.
    pub(super) fn compress(&self, x: &[u8], y: &[u8]) -> Result<Vec<u8>, KeyError> {
        if x.len() != self.coordinate_bytes() || y.len() != self.coordinate_bytes() {
            return Err(KeyError::Length);
        }
        let sign = 2 + (y[y.len() - 1] & 1);
        let point = [&[sign], x].concat();
        if self.decompress(&point)? == y {
            Ok(point)
        } else {
            Err(KeyError::NotOnCurve)
        }
    }

    /// x³ + ax + b
    fn right_side(&self, field: &Field, x: &Number) -> Number {
        let cube = field.multiply(&field.multiply(x, x), x);
        let mut sum = field.add(&cube, &field.enter(&from_bytes(self.b)));
        for _ in 0..self.minus_a {
            sum = field.subtract(&sum, x);
        }
        sum
    }
}

/// Arithmetic modulo p, in Montgomery's form: a number n is kept as nR, where R = 2^(32 · words).
struct Field {
    p: Number,
    /// How many words p takes.
    words: usize,
    /// −1/p modulo 2³².
    minus_inverse: u32,
    /// R² modulo p.
    r_squared: Number,
}

impl Field {
    fn new(p: &[u8]) -> Self {
        let words = p.len().div_ceil(4);
        let p = from_bytes(p);
        // Newton's iteration: each step doubles the bits that are right, of which an odd number is three of its own inverse.
        let inverse = (0..4).fold(p[0], |x, _| x.wrapping_mul(2_u32.wrapping_sub(p[0].wrapping_mul(x))));
        let mut field = Self {
            p,
            words,
            minus_inverse: inverse.wrapping_neg(),
            r_squared: one(),
        };
        for _ in 0..64 * words {
            field.r_squared = field.add(&field.r_squared, &field.r_squared);
        }
        field
    }

    /// Into Montgomery's form.
    fn enter(&self, n: &Number) -> Number {
        self.multiply(n, &self.r_squared)
    }

    /// And out of it.
    fn leave(&self, n: &Number) -> Number {
        self.multiply(n, &one())
    }

    fn add(&self, a: &Number, b: &Number) -> Number {
        let sum = add(a, b);
        if less(&sum, &self.p) {
            sum
        } else {
            subtract(&sum, &self.p)
        }
    }

    fn subtract(&self, a: &Number, b: &Number) -> Number {
        if less(a, b) {
            subtract(&add(a, &self.p), b)
        } else {
            subtract(a, b)
        }
    }

    /// abR⁻¹: Montgomery's product, a word at a time.
    fn multiply(&self, a: &Number, b: &Number) -> Number {
        let mut sum = [0; WORDS];
        for &word in &a[..self.words] {
            add_product(&mut sum, b, word);
            let factor = sum[0].wrapping_mul(self.minus_inverse);
            add_product(&mut sum, &self.p, factor);
            sum.copy_within(1.., 0);
            sum[WORDS - 1] = 0;
        }
        if less(&sum, &self.p) {
            sum
        } else {
            subtract(&sum, &self.p)
        }
    }

    /// The power (p + 1) / 4, which is a root of every square.
    fn root(&self, square: &Number) -> Number {
        let exponent = add(&self.p, &one());
        let mut result = self.enter(&one());
        for bit in (2..32 * WORDS).rev() {
            result = self.multiply(&result, &result);
            if exponent[bit / 32] >> (bit % 32) & 1 == 1 {
                result = self.multiply(&result, square);
            }
        }
        result
    }
}

/// Adds `number` · `factor`.
fn add_product(sum: &mut Number, number: &Number, factor: u32) {
    let mut carry = 0;
    for (word, &other) in sum.iter_mut().zip(number) {
        let product = u64::from(other) * u64::from(factor) + u64::from(*word) + carry;
        *word = product as u32;
        carry = product >> 32;
    }
}

fn one() -> Number {
    let mut number = [0; WORDS];
    number[0] = 1;
    number
}

fn from_bytes(bytes: &[u8]) -> Number {
    let mut number = [0; WORDS];
    for (at, &byte) in bytes.iter().rev().enumerate() {
        number[at / 4] |= u32::from(byte) << (8 * (at % 4));
    }
    number
}

fn to_bytes(number: &Number, len: usize) -> Vec<u8> {
    (0..len)
        .rev()
        .map(|at| (number[at / 4] >> (8 * (at % 4))) as u8)
        .collect()
}

fn less(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn add(a: &Number, b: &Number) -> Number {
    let mut carry = 0;
    std::array::from_fn(|at| {
        let sum = u64::from(a[at]) + u64::from(b[at]) + carry;
        carry = sum >> 32;
        sum as u32
    })
}

/// a − b, which is not below zero.
fn subtract(a: &Number, b: &Number) -> Number {
    let mut borrow = 0;
    std::array::from_fn(|at| {
        let difference = i64::from(a[at]) - i64::from(b[at]) + borrow;
        borrow = difference >> 32;
        difference as u32
    })
}
