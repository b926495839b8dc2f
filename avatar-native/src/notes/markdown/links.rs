//! Links between notes: `[[name]]` and `[words](some/file.md)`.

use std::collections::HashSet;

use super::fold::fold_name;
use super::text16::{find_all, group, len16, lossy, patterns, trim_str};

/// Index lists hold at most so many items.
const MAX_LINKS: usize = 256;

/// Keys of one note.
const MAX_NAMES: usize = 32;

/// Longer names are no names; the index would cut them.
const MAX_TARGET_UNITS: usize = 200;

patterns! {
    WIKI_LINK = r"\[\[([^[\]\r\n|]+)(?:\|([^[\]\r\n]*))?\]\]", "";
    MARKDOWN_LINK = r#"\]\(\s*<?([^()\s<>]+)>?(?:\s+["'(][^\r\n]*?["')])?\s*\)"#, "";
    SCHEME = r"^[a-z][a-z\d+.-]*:", "i";
}

const MARKDOWN_ENDINGS: [&str; 4] = [".md", ".markdown", ".mdown", ".mkd"];

fn strip_ending<'a>(path: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        let at = path.len().checked_sub(ending.len())?;
        let (stem, end) = path.split_at_checked(at)?;
        end.eq_ignore_ascii_case(ending).then_some(stem)
    })
}

/// The file name or path without its Markdown ending.
pub fn without_extension(path: &str) -> &str {
    strip_ending(path, &MARKDOWN_ENDINGS)
        .or_else(|| strip_ending(path, &[".txt"]))
        .unwrap_or(path)
}

/// Where `[words](target)` in a note at `path` points to: a path without ending; `None` for anything but a note.
fn resolve(target: &str, path: &str) -> Option<String> {
    if SCHEME.find(target).is_some() || target.starts_with("//") || target.starts_with('#') {
        return None;
    }
    let file = target.split(['?', '#']).next().unwrap_or_default();
    let file = file.strip_prefix('<').unwrap_or(file);
    let file = file.strip_suffix('>').unwrap_or(file);
    strip_ending(file, &MARKDOWN_ENDINGS)?;
    // A stray percent sign: the target is what is written.
    let decoded = decode_uri_component(file).unwrap_or_else(|| file.to_owned());
    let mut parts: Vec<&str> = match decoded.starts_with('/') {
        true => Vec::new(),
        false => path
            .rsplit_once('/')
            .map_or(Vec::new(), |(folder, _)| folder.split('/').collect()),
    };
    for part in decoded.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "" | "." => {}
            part => parts.push(part),
        }
    }
    Some(without_extension(&parts.join("/")).to_owned())
}

/// ECMAScript's decodeURIComponent; `None` where that throws.
fn decode_uri_component(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        bytes.push((digit(0)? * 16 + digit(1)?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

/// How a link target is stored and looked up.
fn link_key(target: &str) -> String {
    fold_name(without_extension(target.trim_start_matches('/')))
}

/// Each that is not empty, once.
fn unique(keys: impl Iterator<Item = String>, limit: usize) -> Vec<String> {
    let mut seen = HashSet::new();
    keys.filter(|key| !key.is_empty() && seen.insert(key.clone()))
        .take(limit)
        .collect()
}

/// Keys of everything that a note's text links to.
pub fn link_keys(masked: &[u16], path: &str) -> Vec<String> {
    let wiki = find_all(&WIKI_LINK, masked).filter_map(|found| {
        let inside = lossy(group(&found, 1, masked)?);
        let target = trim_str(inside.split('#').next().unwrap_or_default());
        (!target.is_empty() && len16(target) <= MAX_TARGET_UNITS).then(|| link_key(target))
    });
    let markdown = find_all(&MARKDOWN_LINK, masked).filter_map(|found| {
        let target = resolve(&lossy(group(&found, 1, masked)?), path)?;
        (len16(&target) <= MAX_TARGET_UNITS).then(|| link_key(&target))
    });
    unique(wiki.chain(markdown), MAX_LINKS)
}

/// Keys by which others may link to a note.
pub fn name_keys(title: &str, path: &str, aliases: &[String]) -> Vec<String> {
    let file = path.rsplit('/').next().unwrap_or_default();
    let names = [title, file, path]
        .into_iter()
        .chain(aliases.iter().map(String::as_str));
    unique(
        names.filter(|name| len16(name) <= MAX_TARGET_UNITS).map(link_key),
        MAX_NAMES,
    )
}
