//! base64url without padding (RFC 4648 §5, RFC 7515 §2): strict, so that one value has one text.

use base64ct::{Base64UrlUnpadded, Encoding as _};

/// The text of these bytes.
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes of such a text. Padding, other alphabets, white space and stray bits at the end are refused.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_their_bytes_and_each_value_has_one_text() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (&[0xff, 0xef, 0xfe], "_-_-"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        for text in ["Z", "Zh", "Zm9", "Zg==", "Zm9v\n", "+/+/", "Zm 9", "Zm9vZ"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
