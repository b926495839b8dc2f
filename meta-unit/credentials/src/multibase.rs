//! Multibase (Controlled Identifiers 1.0 §2.4) in base58-btc (`z`): keys and signatures. Status lists are in base64url (`u`) and read that themselves.

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
