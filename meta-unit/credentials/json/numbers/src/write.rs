//! Numbers as ECMAScript writes them (ECMA-262 §6.1.6.1.20), which is what RFC 8785 §3.2.2.3 asks for.

use std::fmt::Write;

/// Appends the shortest digits that read back as this number. It is finite: nothing else comes out of the parser.
pub fn write_number(number: f64, out: &mut String) {
    if number == 0.0 {
        out.push('0');
        return;
    }
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}", number as i64);
        return;
    }
    if number < 0.0 {
        out.push('-');
    }
    // Rust's shortest digits are ECMAScript's but for ties; where the point and the exponent stand differs.
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let mut digits: String = mantissa.chars().filter(|&c| c != '.').collect();
    break_tie(number.abs(), &mut digits);
    let count = digits.len() as i32;
    let point = 1 + exponent.parse::<i32>().expect("the exponent of a double");
    match point {
        _ if (count..=21).contains(&point) => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', (point - count) as usize));
        }
        1..=21 => {
            let (whole, fraction) = digits.split_at(point as usize);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        -5..=0 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', -point as usize));
            out.push_str(&digits);
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            out.push_str(first);
            if !rest.is_empty() {
                out.push('.');
                out.push_str(rest);
            }
            let sign = if point > 0 { '+' } else { '-' };
            let _ = write!(out, "e{sign}{}", (point - 1).abs());
        }
    }
}

/// Where the number lies in the middle between two texts that are as short, ECMAScript takes the even one. That can only be where digits are as
/// close to one another as doubles are.
fn break_tie(number: f64, digits: &mut String) {
    const CLOSE: usize = 16;
    if digits.len() < CLOSE {
        return;
    }
    let exact = format!("{number:.39e}");
    let exact: Vec<u8> = exact
        .bytes()
        .take_while(|&c| c != b'e')
        .filter(|&c| c != b'.')
        .collect();
    let (kept, rest) = exact.split_at(digits.len());
    if rest[0] == b'5' && rest[1..].iter().all(|&digit| digit == b'0') {
        let below = kept[kept.len() - 1];
        digits.pop();
        digits.push(char::from(below + (below & 1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8785, appendix B.
    #[test]
    fn the_number_table_of_rfc_8785() {
        for (bits, text) in [
            (0x0000000000000000_u64, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            let mut out = String::new();
            write_number(f64::from_bits(bits), &mut out);
            assert_eq!(out, text, "{bits:016x}");
        }
    }
}
