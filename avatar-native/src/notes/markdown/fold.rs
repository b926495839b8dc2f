//! Folding: how names and texts are made comparable.

use unicode_normalization::UnicodeNormalization;

use super::text16::{collapse, lossy, trim, utf16};

/// Names of notes and link targets: case, width of white space and normalisation form do not matter; accents do.
pub fn fold_name(name: &str) -> String {
    let lower = name.nfc().collect::<String>().to_lowercase();
    lossy(trim(&collapse(&utf16(&lower))))
}

/// Text that the filter looks in: accents do not matter either.
pub fn fold_text(text: &str) -> String {
    let bare: String = text
        .nfkd()
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .nfc()
        .collect();
    lossy(trim(&collapse(&utf16(&bare.to_lowercase()))))
}

/// Cuts to at most `max_bytes` of UTF-8, between characters.
pub fn cut_to_bytes(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
