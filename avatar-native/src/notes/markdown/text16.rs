//! Strings as JavaScript has them: UTF-16 code units, not always whole characters.

use std::sync::LazyLock;

use regress::{Flags, Match, Regex};

pub type Text16 = Vec<u16>;

/// A pattern that is compiled when it is used first.
pub type Pattern = LazyLock<Regex>;

/// A string's code units.
pub fn utf16(text: &str) -> Text16 {
    text.encode_utf16().collect()
}

/// The string; half a character becomes U+FFFD, as a browser writes it into UTF-8.
pub fn lossy(text: &[u16]) -> String {
    String::from_utf16_lossy(text)
}

/// Compiles a pattern of this crate. With the flag `u` it is matched by characters, otherwise by code units.
pub fn compile(pattern: &str, flags: &str) -> Regex {
    // A pattern that does not compile is a mistake in this crate, and every test that uses it says so.
    Regex::with_flags(pattern, Flags::new(flags.chars().map(u32::from))).expect("a pattern of this crate")
}

/// Declares patterns.
macro_rules! patterns {
    ($($name:ident = $pattern:expr, $flags:literal;)*) => {
        $(static $name: $crate::notes::markdown::text16::Pattern =
            std::sync::LazyLock::new(|| $crate::notes::markdown::text16::compile($pattern, $flags));)*
    };
}
pub(super) use patterns;

/// All matches by code units.
pub fn find_all<'t>(pattern: &'t Regex, text: &'t [u16]) -> impl Iterator<Item = Match> + 't {
    pattern.find_from_ucs2(text, 0)
}

/// The first match by code units.
pub fn find(pattern: &Regex, text: &[u16]) -> Option<Match> {
    find_all(pattern, text).next()
}

/// Replaces all matches by code units.
pub fn replace(pattern: &Regex, text: &[u16], mut with: impl FnMut(&Match, &mut Text16)) -> Text16 {
    let mut replaced = Text16::with_capacity(text.len());
    let mut done = 0;
    for found in find_all(pattern, text) {
        replaced.extend_from_slice(&text[done..found.start()]);
        with(&found, &mut replaced);
        done = found.end();
    }
    replaced.extend_from_slice(&text[done..]);
    replaced
}

/// Replaces all matches of a pattern for whole characters.
pub fn replace_by_character(pattern: &Regex, text: &[u16], with: &str) -> Text16 {
    let mut replaced = Text16::with_capacity(text.len());
    let mut done = 0;
    for found in pattern.find_from_utf16(text, 0) {
        replaced.extend_from_slice(&text[done..found.start()]);
        replaced.extend(with.encode_utf16());
        done = found.end();
    }
    replaced.extend_from_slice(&text[done..]);
    replaced
}

/// A group's part of the text.
pub fn group<'t>(found: &Match, number: usize, text: &'t [u16]) -> Option<&'t [u16]> {
    found.group(number).map(|range| &text[range])
}

/// ECMAScript's white space and line ends.
pub fn is_space(unit: u16) -> bool {
    matches!(
        unit,
        0x09..=0x0d | 0x20 | 0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 | 0xfeff
    )
}

/// Without white space at both ends.
pub fn trim(text: &[u16]) -> &[u16] {
    let start = text.iter().position(|unit| !is_space(*unit)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|unit| !is_space(*unit))
        .map_or(start, |last| last + 1);
    &text[start..end]
}

/// [`trim`] of a whole string.
pub fn trim_str(text: &str) -> &str {
    text.trim_matches(|c: char| u16::try_from(u32::from(c)).is_ok_and(is_space))
}

/// Runs of white space become one space each.
pub fn collapse(text: &[u16]) -> Text16 {
    let mut collapsed = Text16::with_capacity(text.len());
    let mut in_space = false;
    for unit in text {
        let space = is_space(*unit);
        if !space {
            collapsed.push(*unit);
        } else if !in_space {
            collapsed.push(u16::from(b' '));
        }
        in_space = space;
    }
    collapsed
}

/// The length that JavaScript says.
pub fn len16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Whether it has these units anywhere.
pub fn contains(text: &[u16], part: &str) -> bool {
    let part = utf16(part);
    text.windows(part.len()).any(|window| window == part)
}
