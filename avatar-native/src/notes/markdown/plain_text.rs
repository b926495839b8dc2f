//! What Markdown says, without its signs.

use super::text16::{Text16, collapse, group, lossy, patterns, replace, trim, utf16};

patterns! {
    COMMENT = r"<!--[^]*?(?:-->|$)", "";
    FENCE = r"^ {0,3}(`{3,}|~{3,})[^\n]*$", "m";
    IMAGE = r"!\[([^\]\n]*)\]\([^)\n]*\)", "";
    IMAGE_REFERENCE = r"!\[([^\]\n]*)\]\[[^\]\n]*\]", "";
    WIKI_ALIAS = r"!?\[\[([^[\]|\n]+)\|([^[\]\n]+)\]\]", "";
    WIKI = r"!?\[\[([^[\]\n]+)\]\]", "";
    LINK = r"\[([^\]\n]*)\]\([^)\n]*\)", "";
    LINK_REFERENCE = r"\[([^\]\n]+)\]\[[^\]\n]*\]", "";
    DEFINITION = r"^ {0,3}\[[^\]\n]+\]:[^\n]*$", "m";
    ELEMENT = r"<\/?[A-Za-z][^<>\n]*>", "";
    HEADING = r"^\s{0,3}#{1,6}\s+", "m";
    QUOTE = r"^\s*(?:>\s?)+", "m";
    ITEM = r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?", "m";
    RULE = r"^[\s|:=*_-]{3,}$", "m";
    STRONG = r"(\*\*|__|~~)(?=\S)([^\n]*?\S)\1", "";
    EMPHASIS = r"(^|[\s(])([*_])(?=\S)([^*_\n]*?\S)\2(?=$|[\s).,;:!?])", "";
    CODE = r"`+([^`\n]*)`+", "";
    ENTITY = r"&(amp|lt|gt|quot|nbsp);", "";
    ESCAPE = r"\\([!-\/:-@[-`{-~])", "";
}

/// The words alone. Approximate on purpose: a list needs no parser.
pub fn plain_text(markdown: &[u16]) -> Text16 {
    // Each step: a pattern, and the groups that stay in its place; none: a space.
    let steps: [(&regress::Regex, &[usize]); 10] = [
        (&COMMENT, &[]),
        (&FENCE, &[]),
        (&IMAGE, &[1]),
        (&IMAGE_REFERENCE, &[1]),
        (&WIKI_ALIAS, &[2]),
        (&WIKI, &[1]),
        (&LINK, &[1]),
        (&LINK_REFERENCE, &[1]),
        (&DEFINITION, &[]),
        (&ELEMENT, &[]),
    ];
    let mut text = markdown.to_vec();
    for (pattern, groups) in steps {
        text = keep(pattern, &text, groups);
    }
    for pattern in [&HEADING, &QUOTE, &ITEM] {
        text = replace(pattern, &text, |_, _| {});
    }
    text = keep(&RULE, &text, &[]);
    text = keep(&STRONG, &text, &[2]);
    text = keep(&EMPHASIS, &text, &[1, 3]);
    text = keep(&CODE, &text, &[1]);
    text = replace(&ENTITY, &text, |found, out| {
        let name = group(found, 1, &text).map(lossy).unwrap_or_default();
        out.extend(utf16(match name.as_str() {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            _ => " ",
        }));
    });
    text = keep(&ESCAPE, &text, &[1]);
    trim(&collapse(&text)).to_vec()
}

fn keep(pattern: &regress::Regex, text: &[u16], groups: &[usize]) -> Text16 {
    replace(pattern, text, |found, out| {
        if groups.is_empty() {
            out.push(u16::from(b' '));
        }
        for number in groups {
            out.extend_from_slice(group(found, *number, text).unwrap_or_default());
        }
    })
}
