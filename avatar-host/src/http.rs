//! What a net request may say, and what becomes of it when it is redirected (ABI.md H17; the Fetch standard's HTTP-redirect fetch).

/// Redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;

/// Milliseconds from the call to the last byte where the request says nothing.
pub const DEFAULT_TIMEOUT_MS: u32 = 30_000;

/// The longest response where the request says nothing, in bytes.
pub const DEFAULT_MAX_RESPONSE_BYTES: u64 = 16 * 1024 * 1024;

/// A piece of DATA at most, in bytes: small enough to share a turn with others.
pub const MAX_PIECE_BYTES: usize = 256 * 1024;

/// Whether a request may have this method.
pub fn method_allowed(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE")
}

/// Whether a request may have this header: nothing that carries ambient authority or changes the connection.
pub fn header_allowed(name: &str) -> bool {
    const REFUSED: [&str; 14] = [
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let lower = name.to_ascii_lowercase();
    !lower.is_empty()
        && !REFUSED.contains(&lower.as_str())
        && !lower.starts_with("proxy-")
        && !lower.starts_with("sec-")
}

/// Whether a response of this status leads on to its `location`.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Whether a request of this method is a GET after a redirect of this status: what was sent is not sent to where one is told to look, and neither is its content-type.
pub fn becomes_get(status: u16, method: &str) -> bool {
    (status == 303 && method != "HEAD") || (matches!(status, 301 | 302) && method == "POST")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h17_no_headers_that_carry_credentials_or_change_the_connection() {
        for name in [
            "Cookie",
            "HOST",
            "Origin",
            "Referer",
            "Proxy-Authorization",
            "Sec-Fetch-Site",
            "Transfer-Encoding",
            "",
        ] {
            assert!(!header_allowed(name), "{name}");
        }
        assert!(header_allowed("Accept") && header_allowed("content-type"));
        assert!(
            method_allowed("GET") && !method_allowed("TRACE") && !method_allowed("CONNECT") && !method_allowed("get")
        );
    }

    #[test]
    fn a_redirect_sends_a_body_on_only_where_the_standard_says_so() {
        for status in [301, 302] {
            assert!(becomes_get(status, "POST"));
            assert!(!becomes_get(status, "PUT"));
        }
        assert!(becomes_get(303, "PUT") && !becomes_get(303, "HEAD"));
        for status in [307, 308] {
            assert!(is_redirect(status) && !becomes_get(status, "POST"));
        }
        for status in [200, 300, 304, 305, 306, 404] {
            assert!(!is_redirect(status));
        }
    }
}
