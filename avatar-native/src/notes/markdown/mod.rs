//! What the text of a note says: title, tags, links, excerpt. The app's patterns as they stand there (`www/src/markdown`), on UTF-16 as there, so that every note gets the same
//! fields.

mod code_mask;
mod encoding;
mod fold;
mod front_matter;
mod links;
mod paths;
mod plain_text;
mod tags;
mod text16;
mod title;
mod yaml;

pub use encoding::{Decoded, Encoding, decode_file, encode_file};
pub use front_matter::problem_of;
pub use paths::{clean_path, export_paths, is_note_path};

use fold::{cut_to_bytes, fold_text};
use text16::{Text16, utf16};

const EXCERPT_CHARS: usize = 180;

/// So much of a text is looked at for the excerpt.
const WORDS_WITHIN: usize = 4_096;

/// The index cuts strings here: what lies behind could be shown but not found.
const FIND_BYTES: usize = 256;

/// The fields that the index asks for; they follow from text and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// From front matter, heading, or file name.
    pub title: String,
    /// Of front matter and text.
    pub tags: Vec<String>,
    /// Keys of what the text links to.
    pub links: Vec<String>,
    /// Keys by which others may link to it.
    pub names: Vec<String>,
    /// The first words.
    pub excerpt: String,
    /// What the filter looks in.
    pub find: String,
}

/// All derived fields of a note. Linear in the text's length.
pub fn derive(body: &str, path: &str) -> Derived {
    let body = utf16(body);
    let front_matter = front_matter::read(&body);
    let masked = code_mask::mask(&body);
    let end = front_matter.end;
    let heading = title::find_heading(&masked, end);
    let own_title = front_matter
        .title
        .as_deref()
        .and_then(title::clean_title)
        .or_else(|| title::heading_title(&body[heading.as_ref()?.words.clone()]));
    let excerpt = excerpt(
        &body[end..],
        heading.map(|heading| heading.line.start - end..heading.line.end - end),
    );
    let title = own_title.or_else(|| title::title_from_path(path)).unwrap_or_default();
    let inline = tags::inline_tags(&masked[end..]);
    let tags = tags::unique_tags(front_matter.tags.iter().cloned().chain(inline));
    let links = links::link_keys(&masked, path);
    let names = links::name_keys(&title, path, &front_matter.aliases);
    let find = find_text(&title, &tags, path, &excerpt);
    Derived {
        title,
        tags,
        links,
        names,
        excerpt,
        find,
    }
}

/// The first words behind the front matter, without the heading that is the title.
fn excerpt(text: &[u16], heading: Option<std::ops::Range<usize>>) -> String {
    let words = &text[..text.len().min(WORDS_WITHIN)];
    let words: Text16 = match heading {
        Some(line) if line.end <= words.len() => [&words[..line.start], &words[line.end..]].concat(),
        _ => words.to_vec(),
    };
    let plain = plain_text::plain_text(&words);
    let cut = &plain[..plain.len().min(EXCERPT_CHARS + 1)];
    char::decode_utf16(cut.iter().copied())
        .take(EXCERPT_CHARS)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The one string that the filter looks in; the title comes first, so that it also sorts by title.
fn find_text(title: &str, tags: &[String], path: &str, excerpt: &str) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| format!("#{tag}")).collect();
    let parts: Vec<String> = [title, &tags.join(" "), path, excerpt]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(fold_text)
        .collect();
    cut_to_bytes(&parts.join(" · "), FIND_BYTES).to_owned()
}
