//! The texts of DIDs and DID URLs (DID Core §3).

/// Longer ones than this are refused before anything else: a P-521 key as did:jwk has 300 characters.
const MAX_LENGTH: usize = 2048;

/// Why a text is no DID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// More than 2048 characters.
    #[error("the DID is longer than 2048 characters")]
    TooLong,
    /// Not `did:method:…` with the characters that are allowed.
    #[error("the text is no DID")]
    Syntax,
    /// What follows the DID in a DID URL has characters that a URL cannot have.
    #[error("the text is no DID URL")]
    Url,
}

/// A DID, of whatever method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Did<'a> {
    /// All of it.
    pub text: &'a str,
    /// The method's name.
    pub method: &'a str,
    /// What follows the method.
    pub id: &'a str,
}

impl<'a> Did<'a> {
    /// Reads a DID without path, query or fragment.
    pub fn parse(text: &'a str) -> Result<Self, DidError> {
        if text.len() > MAX_LENGTH {
            return Err(DidError::TooLong);
        }
        let (method, id) = text
            .strip_prefix("did:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(DidError::Syntax)?;
        let method_fits = !method.is_empty()
            && method
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if method_fits && is_method_specific_id(id) {
            Ok(Self { text, method, id })
        } else {
            Err(DidError::Syntax)
        }
    }
}

fn is_method_specific_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at += match bytes[at] {
            b'%' if bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                3
            }
            b'.' | b'-' | b'_' | b':' => 1,
            byte if byte.is_ascii_alphanumeric() => 1,
            _ => return false,
        };
    }
    !id.is_empty() && !id.ends_with(':')
}

/// RFC 3986, §3.3 to §3.5.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&byte)
}

/// A DID URL: a DID, and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DidUrl<'a> {
    /// The DID.
    pub did: Did<'a>,
    /// Path and query, if there are any.
    pub path_and_query: &'a str,
    /// What follows `#`.
    pub fragment: Option<&'a str>,
}

impl<'a> DidUrl<'a> {
    /// Reads a DID URL.
    pub fn parse(text: &'a str) -> Result<Self, DidError> {
        if text.len() > MAX_LENGTH {
            return Err(DidError::TooLong);
        }
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (text, None),
        };
        let (did, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let did = Did::parse(did)?;
        let is_clean = |part: &str| part.bytes().all(is_url_byte);
        if !is_clean(path_and_query) || !fragment.is_none_or(is_clean) {
            return Err(DidError::Url);
        }
        Ok(Self {
            did,
            path_and_query,
            fragment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dids_are_split_into_their_parts() {
        let did = Did::parse("did:web:example.com%3A3000:user:alice").expect("a DID");
        assert_eq!((did.method, did.id), ("web", "example.com%3A3000:user:alice"));
        let url = DidUrl::parse("did:example:1/path?query=x#key-1").expect("a DID URL");
        assert_eq!(
            (url.did.text, url.path_and_query, url.fragment),
            ("did:example:1", "/path?query=x", Some("key-1"))
        );
    }

    #[test]
    fn what_is_no_did_is_refused() {
        for text in [
            "",
            "did",
            "did:",
            "did:key",
            "did:key:",
            "did::x",
            "DID:key:x",
            "did:Key:x",
            "did:key:a b",
            "did:key:x:",
            "did:key:%4",
            "did:key:%zz",
            "did:key:é",
            "did:key:x#y",
            "did:key:x/y",
            "urn:key:x",
        ] {
            assert_eq!(Did::parse(text), Err(DidError::Syntax), "{text}");
        }
        assert_eq!(
            Did::parse(&format!("did:key:{}", "x".repeat(3000))),
            Err(DidError::TooLong)
        );
        for text in ["did:key:x#a#b", "did:key:x/^bar^/?query=`#x", "did:key:x?a b"] {
            assert_eq!(DidUrl::parse(text), Err(DidError::Url), "{text}");
        }
    }
}
