//! Bytes as hexadecimal digits.

/// Lower case, two digits a byte.
pub fn encode(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Fills `out` with what the digits say; `None` if they are not exactly so many.
pub fn decode_into(digits: &str, out: &mut [u8]) -> Option<()> {
    let digits = digits.as_bytes();
    (digits.len() == out.len() * 2).then_some(())?;
    let value = |digit: u8| char::from(digit).to_digit(16);
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
    }
    Some(())
}
