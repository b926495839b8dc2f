//! Titles: the first heading, or the file's name.

use std::ops::Range;

use super::links::without_extension;
use super::plain_text::plain_text;
use super::text16::{collapse, find, lossy, patterns, trim, utf16};

const MAX_TITLE_UNITS: usize = 200;

/// A heading further down names a section, not the note; and looking further costs time on huge files.
const HEADING_WITHIN: usize = 16 * 1024;

patterns! {
    ATX = r"^ {0,3}#[ \t]+(\S[^\r\n]*?)(?:[ \t]+#+)?[ \t]*(?=\r?$)", "m";
    SETEXT = r"^ {0,3}(?![-*+>#|]|\d+[.)]\s)(\S[^\r\n]*?)[ \t]*\r?\n {0,3}=+[ \t]*(?=\r?$)", "m";
}

/// Where the first heading of level 1 stands in the text.
pub struct Heading {
    /// Its words, without signs.
    pub words: Range<usize>,
    /// From the words to the end of its line or lines.
    pub line: Range<usize>,
}

/// Looks in `masked` from `from` on.
pub fn find_heading(masked: &[u16], from: usize) -> Option<Heading> {
    let head = &masked[from..masked.len().min(from + HEADING_WITHIN)];
    let (atx, setext) = (find(&ATX, head), find(&SETEXT, head));
    let found = match (atx, setext) {
        (Some(atx), Some(setext)) if setext.start() <= atx.start() => setext,
        (Some(atx), _) => atx,
        (None, setext) => setext?,
    };
    // As the app does: where the words stand first in the match.
    let words = &head[found.group(1)?];
    let whole = &head[found.range()];
    let at = whole.windows(words.len()).position(|window| window == words)?;
    let start = from + found.start() + at;
    let words = start..start + words.len();
    Some(Heading {
        line: words.start..from + found.end(),
        words,
    })
}

/// A title of sensible length, or `None`.
pub fn clean_title(title: &[u16]) -> Option<String> {
    let collapsed = collapse(title);
    let clean = trim(&collapsed);
    if clean.is_empty() {
        return None;
    }
    if clean.len() <= MAX_TITLE_UNITS {
        return Some(lossy(clean));
    }
    // Without its last character, which half a character is, too.
    let mut chars: Vec<char> = char::decode_utf16(clean[..MAX_TITLE_UNITS].iter().copied())
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    chars.pop();
    chars.push('…');
    Some(chars.into_iter().collect())
}

/// The words of a heading as a title; `None` when nothing readable is there (an image alone).
pub fn heading_title(words: &[u16]) -> Option<String> {
    clean_title(&plain_text(words))
}

/// The file's name, for notes whose text names no title.
pub fn title_from_path(path: &str) -> Option<String> {
    let file = path.rsplit('/').next().unwrap_or_default();
    clean_title(&utf16(without_extension(file)))
}
