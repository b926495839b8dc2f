//! N-Quads: written in the one canonical form (RDFC-1.0 §5, RDF 1.2 N-Quads §4), read in any.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use super::{LANG_STRING, Literal, Quad, Term, XSD_STRING};

/// Why a text is no N-Quads document. Lines are counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NQuadsError {
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A line that is no statement.
    #[error("line {0} is no statement")]
    Syntax(usize),
}

/// Appends a statement. `label` names the blank nodes, without `_:`.
pub(super) fn write_quad(quad: &Quad, out: &mut String, label: &mut dyn FnMut(u32, &mut String)) {
    write_term(&quad.subject, out, label);
    out.push_str(" <");
    out.push_str(&quad.predicate);
    out.push_str("> ");
    write_term(&quad.object, out, label);
    if let Some(graph) = &quad.graph {
        out.push(' ');
        write_term(graph, out, label);
    }
    out.push_str(" .\n");
}

fn write_term(term: &Term, out: &mut String, label: &mut dyn FnMut(u32, &mut String)) {
    match term {
        Term::Iri(iri) => {
            out.push('<');
            out.push_str(iri);
            out.push('>');
        }
        Term::Blank(node) => {
            out.push_str("_:");
            label(*node, out);
        }
        Term::Literal(literal) => {
            out.push('"');
            write_escaped(&literal.value, out);
            out.push('"');
            if let Some(language) = &literal.language {
                out.push('@');
                out.push_str(language);
            } else if &*literal.datatype != XSD_STRING {
                out.push_str("^^<");
                out.push_str(&literal.datatype);
                out.push('>');
            }
        }
    }
}

fn write_escaped(text: &str, out: &mut String) {
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        let short = match c {
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => "",
            _ => continue,
        };
        out.push_str(&text[copied..at]);
        copied = at + c.len_utf8();
        if short.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{:04X}", u32::from(c));
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[copied..]);
}

/// Reads an N-Quads document. Blank nodes are numbered as they are met.
pub fn parse_nquads(bytes: &[u8]) -> Result<Vec<Quad>, NQuadsError> {
    let text = std::str::from_utf8(bytes).map_err(|_| NQuadsError::NotUtf8)?;
    let mut nodes = BTreeMap::new();
    let mut quads = Vec::new();
    for (at, line) in text.split(['\n', '\r']).enumerate() {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut reader = Reader {
            rest: line,
            nodes: &mut nodes,
        };
        quads.push(reader.quad().ok_or(NQuadsError::Syntax(at + 1))?);
    }
    Ok(quads)
}

struct Reader<'a, 'n> {
    rest: &'a str,
    nodes: &'n mut BTreeMap<&'a str, u32>,
}

impl<'a> Reader<'a, '_> {
    fn quad(&mut self) -> Option<Quad> {
        let subject = self.resource()?;
        let predicate = self.iri()?;
        let object = match self.rest.starts_with('"') {
            true => self.literal()?,
            false => self.resource()?,
        };
        let graph = match self.rest.starts_with('.') {
            true => None,
            false => Some(self.resource()?),
        };
        let end = self.rest.strip_prefix('.')?.trim_start_matches([' ', '\t']);
        (end.is_empty() || end.starts_with('#')).then_some(Quad {
            subject,
            predicate,
            object,
            graph,
        })
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn resource(&mut self) -> Option<Term> {
        if !self.rest.starts_with("_:") {
            return Some(Term::Iri(self.iri()?));
        }
        let label = &self.rest[2..];
        let len = label
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
            .unwrap_or(label.len());
        let label = label[..len].trim_end_matches('.');
        if label.is_empty() {
            return None;
        }
        self.rest = &self.rest[2 + label.len()..];
        self.space();
        let next = self.nodes.len() as u32;
        Some(Term::Blank(*self.nodes.entry(label).or_insert(next)))
    }

    fn iri(&mut self) -> Option<Rc<str>> {
        let (iri, rest) = self.rest.strip_prefix('<')?.split_once('>')?;
        let iri = unescape(iri)?;
        if iri
            .bytes()
            .any(|byte| matches!(byte, 0..=0x20 | b'<' | b'"' | b'{' | b'}' | b'|' | b'^' | b'`' | b'\\'))
        {
            return None;
        }
        self.rest = rest;
        self.space();
        Some(iri.into())
    }

    fn literal(&mut self) -> Option<Term> {
        let text = self.rest.strip_prefix('"')?;
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let value = unescape(&text[..end])?.into();
        self.rest = &text[end + 1..];
        let (datatype, language) = if let Some(rest) = self.rest.strip_prefix("^^") {
            self.rest = rest;
            (self.iri()?, None)
        } else if let Some(rest) = self.rest.strip_prefix('@') {
            let len = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .unwrap_or(rest.len());
            self.rest = &rest[len..];
            (LANG_STRING.into(), Some(rest[..len].into()).filter(|_| len > 0))
        } else {
            (XSD_STRING.into(), None)
        };
        self.space();
        Some(Term::Literal(Literal {
            value,
            datatype,
            language,
        }))
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = match chars.next()? {
            'b' => Ok('\u{8}'),
            't' => Ok('\t'),
            'n' => Ok('\n'),
            'f' => Ok('\u{c}'),
            'r' => Ok('\r'),
            c @ ('"' | '\'' | '\\') => Ok(c),
            'u' => Err(4),
            'U' => Err(8),
            _ => return None,
        };
        out.push(match digits {
            Ok(c) => c,
            Err(count) => {
                let mut code = 0;
                for _ in 0..count {
                    code = code << 4 | chars.next()?.to_digit(16)?;
                }
                char::from_u32(code)?
            }
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_in_their_canonical_escapes() {
        let mut out = String::new();
        write_escaped("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\\u{7f}é\u{85}\u{ffff}😀", &mut out);
        assert_eq!(
            out,
            "\\u0000\\b\\t\\n\\u000B\\f\\r\\u001F\\\"\\\\\\u007Fé\u{85}\\uFFFF😀"
        );
    }

    #[test]
    fn lines_that_are_no_statements_are_refused() {
        for line in [
            "x",
            "<a:b> <a:b>",
            "<a:b> _:p <a:b> .",
            "\"l\" <a:b> <a:b> .",
            "<a:b> <a:b> \"x .",
            "<a:b> <a:b> <a:b> . x",
        ] {
            assert_eq!(parse_nquads(line.as_bytes()), Err(NQuadsError::Syntax(1)), "{line}");
        }
        assert!(parse_nquads(b"# nothing\n\n <a:b>\t<c:d> \"x\\\"y\"@en-GB _:g. # more\n").is_ok());
    }
}
