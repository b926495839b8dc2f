//! Decimal digits to the nearest double, as IEEE 754 and ECMAScript have it. The standard library does the same faster for long numbers, with a table
//! that weighs more than all of JSON here: ten kilobytes that nothing compresses.

/// The double that is nearest to such a number, of two that are as near the even one; infinite if it is too large. The text is a JSON number.
pub fn read_number(text: &str) -> f64 {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = (whole.bytes())
        .chain(fraction.bytes())
        .map(|byte| byte - b'0')
        .skip_while(|digit| *digit == 0)
        .collect();
    let exponent = read_exponent(exponent) - fraction.len() as i64;
    let magnitude = nearest(&digits, exponent);
    if negative { -magnitude } else { magnitude }
}

/// The exponent, held where no number with as many digits as a text may have is anything but zero or infinite.
fn read_exponent(text: &str) -> i64 {
    const FAR: i64 = 1 << 40;
    let (sign, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    let held = |all: i64, digit: &u8| (all * 10 + i64::from(digit - b'0')).min(FAR);
    sign * digits.iter().fold(0, held)
}

/// 0.d₁d₂…·10^… — the digits, which do not begin with zero, times a power of ten.
fn nearest(digits: &[u8], exponent: i64) -> f64 {
    /// With as many digits as these, one more that is not zero says as much as all that follow: halfway points of doubles have fewer.
    const MAX_DIGITS: usize = 800;
    if digits.is_empty() {
        return 0.0;
    }
    let point = digits.len() as i64 + exponent;
    if point > 310 {
        return f64::INFINITY;
    }
    if point < -330 {
        return 0.0;
    }
    // Up to fifteen digits, and a power of ten that is a double: both are exact, and so is what IEEE makes of them.
    if digits.len() <= 15 && (-22..=22).contains(&exponent) {
        let number = digits.iter().fold(0.0, |all, digit| all * 10.0 + f64::from(*digit));
        let power = (0..exponent.abs()).fold(1.0, |power, _| power * 10.0);
        return if exponent < 0 { number / power } else { number * power };
    }
    let kept = digits.len().min(MAX_DIGITS);
    let mut numerator = Big::default();
    for chunk in digits[..kept].chunks(9) {
        let value = chunk.iter().fold(0, |all, digit| all * 10 + u32::from(*digit));
        numerator.multiply_add(10_u32.pow(chunk.len() as u32), value);
    }
    let mut exponent = exponent + (digits.len() - kept) as i64;
    if digits[kept..].iter().any(|digit| *digit != 0) {
        numerator.multiply_add(10, 1);
        exponent -= 1;
    }
    let mut denominator = Big::one();
    let scaled = if exponent < 0 { &mut denominator } else { &mut numerator };
    scaled.raise(exponent.unsigned_abs() as u32);
    divide(numerator, denominator)
}

/// The quotient of two whole numbers, rounded to a double.
fn divide(mut numerator: Big, mut denominator: Big) -> f64 {
    // numerator / denominator · 2^shift has 53 bits before its point, or fewer where doubles have fewer.
    let mut shift = 53 - (numerator.bits() - denominator.bits());
    if shift > 1074 {
        shift = 1074;
    }
    let scaled = if shift > 0 { &mut numerator } else { &mut denominator };
    scaled.shift_left(shift.unsigned_abs() as usize);
    let mut mantissa = 0_u64;
    // By long division, a bit at a time. The quotient has 53 or 54 bits.
    denominator.shift_left(54);
    for _ in 0..=53 {
        denominator.halve();
        mantissa <<= 1;
        if numerator.at_least(&denominator) {
            numerator.subtract(&denominator);
            mantissa |= 1;
        }
    }
    if mantissa >> 53 != 0 {
        // One bit too many: half of it, with what is lost as part of the rest.
        let lost = mantissa & 1;
        mantissa >>= 1;
        shift -= 1;
        let is_above_half = lost == 1 && !numerator.is_zero();
        let is_half = lost == 1 && numerator.is_zero();
        mantissa += u64::from(is_above_half || (is_half && mantissa & 1 == 1));
    } else {
        numerator.shift_left(1);
        let is_above_half = numerator.at_least(&denominator) && !denominator.at_least(&numerator);
        let is_half = numerator.at_least(&denominator) && denominator.at_least(&numerator);
        mantissa += u64::from(is_above_half || (is_half && mantissa & 1 == 1));
    }
    scale(mantissa, -shift)
}

/// mantissa · 2^exponent, which is a double or too large for one. The mantissa has at most 53 bits, or is 2^53.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    let (mut mantissa, mut exponent) = (mantissa, exponent);
    if mantissa == 1 << 53 {
        mantissa >>= 1;
        exponent += 1;
    }
    if mantissa >> 52 == 0 {
        // Below the normal ones: the exponent is the least there is.
        return f64::from_bits(mantissa);
    }
    let biased = exponent + 1075;
    match biased {
        1..=2046 => f64::from_bits((biased as u64) << 52 | (mantissa & ((1 << 52) - 1))),
        _ => f64::INFINITY,
    }
}

/// A whole number in words of 32 bits, the lowest first, without zeros at its end.
#[derive(Clone, Default)]
struct Big {
    words: Vec<u32>,
}

impl Big {
    fn one() -> Self {
        Self { words: vec![1] }
    }

    fn is_zero(&self) -> bool {
        self.words.is_empty()
    }

    fn bits(&self) -> i64 {
        match self.words.last() {
            Some(top) => self.words.len() as i64 * 32 - i64::from(top.leading_zeros()),
            None => 0,
        }
    }

    fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for word in &mut self.words {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.words.push(carry as u32);
        }
    }

    /// Times ten, so often.
    fn raise(&mut self, tens: u32) {
        for _ in 0..tens / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10_u32.pow(tens % 9), 0);
    }

    /// Half of an even number.
    fn halve(&mut self) {
        let mut above = 0;
        for word in self.words.iter_mut().rev() {
            let low = *word & 1;
            *word = *word >> 1 | above << 31;
            above = low;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    fn shift_left(&mut self, bits: usize) {
        if self.is_zero() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        self.words.splice(0..0, std::iter::repeat_n(0, bits / 32));
    }

    fn at_least(&self, other: &Self) -> bool {
        match self.words.len().cmp(&other.words.len()) {
            std::cmp::Ordering::Equal => self.words.iter().rev().ge(other.words.iter().rev()),
            order => order.is_gt(),
        }
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (at, word) in self.words.iter_mut().enumerate() {
            let taken = other.words.get(at).copied().unwrap_or(0);
            let difference = i64::from(*word) - i64::from(taken) + borrow;
            *word = difference as u32;
            borrow = difference >> 32;
        }
        self.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let expected: f64 = text.parse().expect(text);
        assert_eq!(
            read_number(text).to_bits(),
            expected.to_bits(),
            "{text}: {} is not {expected}",
            read_number(text)
        );
    }

    #[test]
    fn numbers_that_are_hard_to_round_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-0",
            "0.0",
            "0e5",
            "1",
            "10",
            "1e22",
            "1e23",
            "-1.5",
            "123456789012345678",
            "9007199254740993",
            "9007199254740992",
            "9007199254740991.5",
            "5e-324",
            "2.5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "4.9e-324",
            "1e-400",
            "1e-330",
            "2.2250738585072014e-308",
            "2.2250738585072011e-308",
            "2.225073858507201e-308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "1.797693134862315807e308",
            "1e309",
            "1e310",
            "1e400",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "0.000000000000000000000000000000000000000000001",
            "1424953923781206.25",
            "333333333.33333329",
            "0.1",
            "0.30000000000000004",
            "8.98846567431158e307",
            "6.631236846766476e-316",
            "3.237883913302901e-319",
            "1.00000000000000011102230246251565404236316680908203125",
            "1.00000000000000011102230246251565404236316680908203124",
            "1.00000000000000011102230246251565404236316680908203126",
        ] {
            check(text);
            check(&format!("-{}", text.trim_start_matches('-')));
        }
        check(&format!("1{}", "0".repeat(400)));
        check(&format!("0.{}1", "0".repeat(400)));
        check(&format!("1.{}1", "0".repeat(2000)));
        check(&format!("9007199254740993{}1e-2001", "0".repeat(2000)));
        check(&format!("{}e-1000", "9".repeat(1300)));
    }

    #[test]
    fn numbers_that_take_long_to_read_take_no_more_than_moments() {
        let nines = "9".repeat(800);
        let start = std::time::Instant::now();
        for _ in 0..5_000 {
            assert!(read_number(&format!("{nines}e-1100")) > 0.0);
        }
        for _ in 0..100_000 {
            assert!(read_number("1e-300") > 0.0);
        }
        assert!(start.elapsed().as_millis() < 3000, "{:?}", start.elapsed());
    }

    #[test]
    fn any_number_is_read_as_the_standard_library_reads_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d)
        };
        for _ in 0..40_000 {
            let number = f64::from_bits(next());
            if number.is_finite() {
                check(&format!("{number:e}"));
                check(&format!("{number:.25e}"));
                // Halfway to the next one, exactly.
                let above = f64::from_bits(number.to_bits() ^ 1);
                check(&format!("{:.17e}", number / 2.0 + above / 2.0));
            }
            let (mantissa, digits, exponent) = (next(), next() % 20, next() % 80);
            check(&format!("{mantissa}e{}", exponent as i64 - 50));
            check(&format!("0.{:0width$}", mantissa, width = digits as usize));
            check(&format!("{}.{}", mantissa >> 40, mantissa & 0xffff));
        }
    }
}
