//! did:web: the document lies on a web server.

use super::address::{AddressError, check_url};
use super::syntax::Did;

/// The URL of a did:web's document. What points into a private network is refused, however it is written.
pub fn web_url(did: &Did<'_>) -> Result<String, AddressError> {
    let (host, path) = match did.id.split_once(':') {
        Some((host, path)) => (host, Some(path)),
        None => (did.id, None),
    };
    let mut url = String::from("https://");
    match host.to_ascii_lowercase().split_once("%3a") {
        Some((host, port)) => {
            url.push_str(host);
            url.push(':');
            url.push_str(port);
        }
        None => url.push_str(&host.to_ascii_lowercase()),
    }
    match path {
        None => url.push_str("/.well-known"),
        Some(path) => {
            for segment in path.split(':') {
                if !is_segment(segment) {
                    return Err(AddressError::Malformed);
                }
                url.push('/');
                url.push_str(segment);
            }
        }
    }
    url.push_str("/did.json");
    check_url(&url)?;
    Ok(url)
}

/// Whether this is one step of a path and stays one, however often a server decodes it.
fn is_segment(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let decoded_is_plain = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| {
            let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            decoded.is_some_and(|byte| {
                byte > 0x20 && byte != 0x7f && !matches!(byte, b'.' | b'/' | b'\\' | b'%' | b'?' | b'#')
            })
        });
    !segment.is_empty() && !segment.bytes().all(|byte| byte == b'.') && decoded_is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(did: &str) -> Result<String, AddressError> {
        web_url(&Did::parse(did).expect(did))
    }

    /// The method's own examples (did:web §2.5.2).
    #[test]
    fn the_documents_lie_where_the_method_says() {
        for (did, expected) in [
            (
                "did:web:w3c-ccg.github.io",
                "https://w3c-ccg.github.io/.well-known/did.json",
            ),
            (
                "did:web:w3c-ccg.github.io:user:alice",
                "https://w3c-ccg.github.io/user/alice/did.json",
            ),
            (
                "did:web:example.com%3A3000:user:alice",
                "https://example.com:3000/user/alice/did.json",
            ),
            ("did:web:EXAMPLE.com", "https://example.com/.well-known/did.json"),
        ] {
            assert_eq!(url(did).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn paths_that_could_become_others_are_refused() {
        for did in [
            "did:web:example.com:..:x",
            "did:web:example.com:.:x",
            "did:web:example.com:%2e%2e:x",
            "did:web:example.com:a%2Fb",
            "did:web:example.com:a%5cb",
            "did:web:example.com:a%252fb",
            "did:web:example.com:a%00b",
            "did:web:example.com:a%3Fb",
            "did:web:example.com:a%23b",
            "did:web:example.com::a",
        ] {
            assert_eq!(url(did), Err(AddressError::Malformed), "{did}");
        }
    }
}
