//! The YAML block at the head of a note.

use super::text16::{Text16, find, find_all, lossy, patterns, trim_str, utf16};
use super::yaml;

/// Above this the block is text, not front matter: a parser of outside bytes needs a bound.
const MAX_UNITS: usize = 64 * 1024;

patterns! {
    OPENING = r"^\uFEFF?---[ \t]*\r?\n", "";
    MEANT = r"^\uFEFF?---[ \t]*\r?\n[A-Za-z_][\w-]*[ \t]*:", "";
    CLOSING = r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", "m";
    BETWEEN_TAGS = r"[\s,]+", "";
}

/// What the block says. All empty when there is none, or when it cannot be read: it is text then.
#[derive(Debug, Default)]
pub struct FrontMatter {
    /// Where the note's text begins, behind the block.
    pub end: usize,
    pub title: Option<Text16>,
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    /// Why the block could not be read, for people.
    pub problem: Option<String>,
}

/// Why a note's front matter cannot be read, if it has one that cannot.
pub fn problem_of(body: &str) -> Option<String> {
    read(&utf16(body)).problem
}

/// Reads the front matter of a text.
pub fn read(text: &[u16]) -> FrontMatter {
    let problem = |problem: String| FrontMatter {
        problem: Some(problem),
        ..FrontMatter::default()
    };
    let Some(opening) = find(&OPENING, text) else {
        return FrontMatter::default();
    };
    let from = opening.end();
    let within = &text[..text.len().min(from + MAX_UNITS)];
    let closing = CLOSING.find_from_ucs2(within, from).next();
    let Some(closing) = closing else {
        // A lone line may just go across the page; a key right behind it says that it was meant as front matter.
        return match find(&MEANT, text) {
            Some(_) => problem("The front matter has no closing “---” line.".to_owned()),
            None => FrontMatter::default(),
        };
    };
    let fields = match yaml::read(&lossy(&text[from..closing.start()])) {
        Ok(fields) => fields,
        Err(error) => return problem(error.to_string()),
    };
    let lists = |names: [&'static str; 2]| names.into_iter().flat_map(|name| list_of(&fields, name));
    FrontMatter {
        end: closing.end(),
        title: fields.scalar("title").map(|title| utf16(&title)),
        tags: lists(["tags", "tag"]).flat_map(|tag| split(&tag)).collect(),
        aliases: lists(["aliases", "alias"]).collect(),
        problem: None,
    }
}

/// The parts between white space and commas, empty ones too.
fn split(tags: &str) -> Vec<String> {
    let text = utf16(tags);
    let mut parts = Vec::new();
    let mut done = 0;
    for between in find_all(&BETWEEN_TAGS, &text) {
        parts.push(lossy(&text[done..between.start()]));
        done = between.end();
    }
    parts.push(lossy(&text[done..]));
    parts
}

/// A list of texts: a YAML list, or words with commas between them.
fn list_of(fields: &yaml::Fields, name: &str) -> Vec<String> {
    if let Some(items) = fields.list(name) {
        return items;
    }
    let one = fields.scalar(name).unwrap_or_default();
    one.split(',')
        .map(|part| trim_str(part).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
