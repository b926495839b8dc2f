//! Multibase (Controlled Identifiers 1.0 §2.4) in base58-btc (`z`): keys and signatures. Status lists are in base64url (`u`) and read that themselves.

/// base58 takes work that grows with the square of the length; keys and signatures are far below this.
const MAX_BASE58: usize = 1024;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The digits that are made with one division.
const DIGITS: usize = 5;

const LIMB: u64 = 58u64.pow(DIGITS as u32);

/// Bytes as base58-btc with its prefix `z`.
///
/// Not by the `bs58` crate, which goes byte by byte and digit by digit: a tenth of what issuing a credential takes. This goes by four bytes and five digits.
pub fn base58(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    // Least significant first.
    let mut limbs = Vec::<u32>::with_capacity(bytes.len() / 3 + 1);
    let (first, words) = bytes.split_at(bytes.len() % 4);
    for word in std::iter::once(first).chain(words.chunks(4)) {
        let mut carry = word.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        for limb in &mut limbs {
            carry += u64::from(*limb) << (8 * word.len());
            *limb = (carry % LIMB) as u32;
            carry /= LIMB;
        }
        while carry > 0 {
            limbs.push((carry % LIMB) as u32);
            carry /= LIMB;
        }
    }
    let mut digits = Vec::with_capacity(DIGITS * limbs.len());
    for mut limb in limbs {
        for _ in 0..DIGITS {
            digits.push(ALPHABET[(limb % 58) as usize]);
            limb /= 58;
        }
    }
    while digits.last() == Some(&ALPHABET[0]) {
        digits.pop();
    }
    digits.resize(digits.len() + zeros, ALPHABET[0]);
    std::iter::once('z')
        .chain(digits.into_iter().rev().map(char::from))
        .collect()
}

/// The bytes of a base58-btc text with its prefix. `None` also for a text of more than 1024 characters: no key or signature has as many.
pub fn decode_base58(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('z').filter(|digits| digits.len() <= MAX_BASE58)?;
    bs58::decode(digits).into_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_bs58_does_whatever_the_length_and_the_zeros_in_front() {
        let mut noise = 1u32;
        for len in 0..=130 {
            for zeros in [0, 1, 3, len] {
                let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .take(len)
                .collect();
                bytes[..zeros.min(len)].fill(0);
                let text = base58(&bytes);
                assert_eq!(text[1..], bs58::encode(&bytes).into_string(), "{bytes:?}");
                assert_eq!(decode_base58(&text), Some(bytes));
            }
        }
        let largest = [0xff; 64];
        assert_eq!(base58(&largest)[1..], bs58::encode(largest).into_string());
    }
}
