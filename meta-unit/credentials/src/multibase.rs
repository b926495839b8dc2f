//! Multibase (Controlled Identifiers 1.0 §2.4): the two bases that the signed formats use, base58-btc (`z`) and base64url without padding (`u`).

use crate::base64url;

/// base58 takes work that grows with the square of the length; keys and signatures are far below this.
const MAX_BASE58: usize = 1024;

/// Bytes as base58-btc with its prefix `z`.
pub fn base58(bytes: &[u8]) -> String {
    format!("z{}", bs58::encode(bytes).into_string())
}

/// The bytes of a base58-btc text with its prefix. `None` also for a text of more than 1024 characters: no key or signature has as many.
pub fn decode_base58(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('z').filter(|digits| digits.len() <= MAX_BASE58)?;
    bs58::decode(digits).into_vec().ok()
}

/// The bytes of a text in either base.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix('u') {
        Some(digits) => base64url::decode(digits),
        None => decode_base58(text),
    }
}
