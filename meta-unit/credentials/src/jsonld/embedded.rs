//! The contexts that every document may use. `contexts/README.md` says where they are from.

macro_rules! contexts {
    ($($url:literal => $file:literal,)*) => {
        &[$(($url, include_str!(concat!("../../contexts/", $file, ".jsonld"))),)*]
    };
}

/// Sorted by their URLs.
const CONTEXTS: &[(&str, &str)] = contexts! {
    "https://w3id.org/security/data-integrity/v1" => "data-integrity-v1",
    "https://w3id.org/security/data-integrity/v2" => "data-integrity-v2",
    "https://w3id.org/security/jwk/v1" => "jwk-v1",
    "https://w3id.org/security/multikey/v1" => "multikey-v1",
    "https://www.w3.org/2018/credentials/v1" => "credentials-v1",
    "https://www.w3.org/ns/credentials/examples/v2" => "credentials-examples-v2",
    "https://www.w3.org/ns/credentials/status/v1" => "status-list-v1",
    "https://www.w3.org/ns/credentials/undefined-terms/v2" => "credentials-undefined-terms-v2",
    "https://www.w3.org/ns/credentials/v2" => "credentials-v2",
    "https://www.w3.org/ns/did/v1" => "did-v1",
};

/// The text of an embedded context.
pub(super) fn find(url: &str) -> Option<&'static str> {
    let at = CONTEXTS.binary_search_by_key(&url, |(known, _)| known).ok()?;
    Some(CONTEXTS[at].1)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_embedded_contexts_are_the_bytes_that_were_checked() {
        assert!(CONTEXTS.is_sorted());
        let hashes = [
            (
                "https://w3id.org/security/data-integrity/v1",
                "513e0d99a67c8cad01a66bca69bc8c6cfddcc4f53be6fd3b4e1e3342c2ae3a02",
            ),
            (
                "https://w3id.org/security/data-integrity/v2",
                "5ba3cf5c5d1b3b5e5d3988c5ed9041018d42d3d5d19bf831bbbde6d640a05d37",
            ),
            (
                "https://w3id.org/security/jwk/v1",
                "e33c78bf08ded5253e3ec6d848ae3038212e6816804abfe83d68d7fb226b0d32",
            ),
            (
                "https://w3id.org/security/multikey/v1",
                "12f8237bcaf956307519d9207caadf6a2adf3d492cf6440111bf623c94734069",
            ),
            (
                "https://www.w3.org/2018/credentials/v1",
                "4ffd74f87a9838fc6302980b74c6cac1001d1b4ca1d4ddfac2df9b331766ce74",
            ),
            (
                "https://www.w3.org/ns/credentials/examples/v2",
                "0a9fc589ab6ab89ca41a9001b50e69e35e62f20245679ae4b6801626720a0e07",
            ),
            (
                "https://www.w3.org/ns/credentials/status/v1",
                "53af069847230c92caf4321aa19a28178af2461172a80d52f5611fead595b5ed",
            ),
            (
                "https://www.w3.org/ns/credentials/undefined-terms/v2",
                "2ba676d20eb43fba01470bb4fa81ba5371372dc0720751423aa58834181c3675",
            ),
            (
                "https://www.w3.org/ns/credentials/v2",
                "4b8c3c257df2ebbd6a5f188f95639404cb5db3951b59408ad7c49c40e46f6f48",
            ),
            (
                "https://www.w3.org/ns/did/v1",
                "3a72f751d6e7c672ba988d30ac2176af62073114cd5696a9e54f02a465a0e75f",
            ),
        ];
        assert_eq!(CONTEXTS.len(), hashes.len());
        for (url, hash) in hashes {
            let text = find(url).expect(url);
            let hex: String = Sha256::digest(text.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hex, hash, "{url}");
        }
    }
}
