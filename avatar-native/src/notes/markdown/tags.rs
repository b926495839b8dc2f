//! Tags: `#word` in the text and `tags:` in the front matter.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use super::text16::{Text16, lossy, patterns, replace_by_character, trim_str, utf16};

/// Index lists hold at most so many items.
const MAX_TAGS: usize = 64;

const MAX_TAG_UNITS: usize = 64;

patterns! {
    INLINE = r"(^|[\s([{,;])#([\p{L}\p{N}_/-]*[\p{L}_][\p{L}\p{N}_/-]*)", "u";
    OTHER = r"[^\p{L}\p{M}\p{N}_/-]+", "u";
}

/// How a tag is stored: lower case, without `#`; `None` when nothing is left.
fn normalise(tag: &str) -> Option<String> {
    let composed: String = tag.nfc().collect();
    let lower = trim_str(&composed).trim_start_matches('#').to_lowercase();
    let clean: Text16 = replace_by_character(&OTHER, &utf16(&lower), "-");
    let clean = lossy(&clean);
    let clean = utf16(clean.trim_matches(['-', '/']));
    let clean = lossy(&clean[..clean.len().min(MAX_TAG_UNITS)]);
    Some(clean).filter(|clean| !clean.is_empty())
}

/// Tags in a masked text, as they are stored.
pub fn inline_tags(masked: &[u16]) -> Vec<String> {
    INLINE
        .find_from_utf16(masked, 0)
        .filter_map(|found| normalise(&lossy(&masked[found.group(2)?])))
        .collect()
}

/// Each once, in order of appearance.
pub fn unique_tags(tags: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    tags.filter_map(|tag| normalise(&tag))
        .filter(|tag| seen.insert(tag.clone()))
        .take(MAX_TAGS)
        .collect()
}
