//! IRIs: whether one is well-formed, and the resolution of a relative one (RFC 3986 §5.2).

/// The scheme that the text begins with, if it does.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let well_formed = bytes.next()?.is_ascii_alphabetic()
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    well_formed.then_some(scheme)
}

/// Whether the text has a scheme, at most one fragment, and no character that an IRI cannot have (RFC 3987 §2.2).
pub(crate) fn is_absolute(text: &str) -> bool {
    scheme(text).is_some() && !text.bytes().any(is_forbidden) && text.bytes().filter(|&byte| byte == b'#').count() < 2
}

fn is_forbidden(byte: u8) -> bool {
    matches!(
        byte,
        0..=0x20 | b'<' | b'>' | b'"' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`' | 0x7f
    )
}

pub(super) fn is_blank(text: &str) -> bool {
    text.starts_with("_:")
}

/// `@` and letters: what looks like a keyword is kept for those of later versions.
pub(super) fn looks_like_keyword(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

pub(super) fn is_keyword(text: &str) -> bool {
    text.starts_with('@')
        && matches!(
            text,
            "@id"
                | "@type"
                | "@value"
                | "@context"
                | "@graph"
                | "@language"
                | "@list"
                | "@set"
                | "@container"
                | "@index"
                | "@reverse"
                | "@vocab"
                | "@base"
                | "@nest"
                | "@none"
                | "@json"
                | "@prefix"
                | "@protected"
                | "@propagate"
                | "@version"
                | "@import"
                | "@included"
                | "@direction"
        )
}

/// The five parts of a reference.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

fn parts(text: &str) -> Parts<'_> {
    let scheme = scheme(text);
    let rest = scheme.map_or(text, |scheme| &text[scheme.len() + 1..]);
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(authority), path)
        }
        None => (None, rest),
    };
    Parts {
        scheme,
        authority,
        path,
        query,
        fragment,
    }
}

/// Resolves a reference against an absolute IRI.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let (base, reference) = (parts(base), parts(reference));
    if reference.scheme.is_some() {
        return join(&reference, &without_dots(reference.path), reference.query);
    }
    if reference.authority.is_some() {
        let path = without_dots(reference.path);
        return join(
            &Parts {
                scheme: base.scheme,
                ..reference
            },
            &path,
            reference.query,
        );
    }
    let fragment = reference.fragment;
    if reference.path.is_empty() {
        let query = reference.query.or(base.query);
        return join(&Parts { fragment, ..base }, base.path, query);
    }
    let path = if reference.path.starts_with('/') {
        without_dots(reference.path)
    } else if base.authority.is_some() && base.path.is_empty() {
        without_dots(&format!("/{}", reference.path))
    } else {
        let folder = &base.path[..base.path.rfind('/').map_or(0, |at| at + 1)];
        without_dots(&format!("{folder}{}", reference.path))
    };
    join(&Parts { fragment, ..base }, &path, reference.query)
}

fn join(parts: &Parts<'_>, path: &str, query: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(scheme) = parts.scheme {
        out.push_str(scheme);
        out.push(':');
    }
    if let Some(authority) = parts.authority {
        out.push_str("//");
        out.push_str(authority);
    }
    out.push_str(path);
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = parts.fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let rooted = path.starts_with('/');
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let joined = kept.join("/");
    if rooted { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 §5.4.
    #[test]
    fn references_are_resolved_as_the_rfc_shows() {
        for (reference, expected) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("g#s", "http://a/b/c/g#s"),
            ("g?y#s", "http://a/b/c/g?y#s"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("./../g", "http://a/b/g"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
        ] {
            assert_eq!(resolve("http://a/b/c/d;p?q", reference), expected, "{reference}");
        }
    }

    #[test]
    fn an_iri_has_a_scheme_and_no_forbidden_character() {
        for text in ["https://a.example/é", "did:key:z6Mk", "urn:uuid:x", "a+b-c.d:e"] {
            assert!(is_absolute(text), "{text}");
        }
        for text in ["", "a", ":a", "1a:b", "a b:c", "a:b c", "a:<b>", "a:\u{7f}", "_:b"] {
            assert!(!is_absolute(text), "{text}");
        }
    }
}
