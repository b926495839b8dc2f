//! The list itself: bits, the leftmost first (Bitstring Status List §3).

use super::StatusError;
use super::gzip::{self, GzipError};
use crate::base64url;
use crate::json::{Object, Value};

/// With fewer entries a list would tell too much about each (§6.1).
pub const MIN_ENTRIES: usize = 131_072;

/// Bytes of the largest list that is looked at: 256 times the smallest.
const MAX_BYTES: usize = 4 << 20;

/// A list of one bit for each credential: set once it is revoked, or suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: Vec<u8>,
}

impl StatusList {
    /// A list of so many entries, none of them set: at least [`MIN_ENTRIES`], and at most 2²⁵.
    pub fn new(entries: usize) -> Result<Self, StatusError> {
        let bytes = entries.max(MIN_ENTRIES).div_ceil(8);
        if bytes > MAX_BYTES {
            return Err(StatusError::TooLarge);
        }
        Ok(Self { bits: vec![0; bytes] })
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.bits.len() * 8
    }

    /// One entry.
    pub fn get(&self, index: usize) -> Result<bool, StatusError> {
        self.value(index, 1).map(|value| value == 1)
    }

    /// The value of an entry of several bits (§2.1, statusSize), at most 8.
    pub(super) fn value(&self, index: usize, size: usize) -> Result<u8, StatusError> {
        let end = index
            .checked_add(1)
            .and_then(|count| count.checked_mul(size))
            .ok_or(StatusError::Range)?;
        let mut value = 0;
        for at in end - size..end {
            let byte = self.bits.get(at / 8).ok_or(StatusError::Range)?;
            value = value << 1 | byte >> (7 - at % 8) & 1;
        }
        Ok(value)
    }

    /// Sets or clears one entry.
    pub fn set(&mut self, index: usize, value: bool) -> Result<(), StatusError> {
        let byte = self.bits.get_mut(index / 8).ok_or(StatusError::Range)?;
        let bit = 0x80 >> (index % 8);
        *byte = if value { *byte | bit } else { *byte & !bit };
        Ok(())
    }

    /// The list as it stands in a credential: gzip, then base64url behind a `u`.
    pub fn encode(&self) -> String {
        format!("u{}", base64url::encode(&gzip::compress(&self.bits)))
    }

    /// Reads such a text. At most 4 MiB come out of it, whatever it would inflate to.
    pub fn decode(text: &str) -> Result<Self, StatusError> {
        let digits = text.strip_prefix('u').ok_or(StatusError::Malformed("encodedList"))?;
        if digits.len() > MAX_BYTES {
            return Err(StatusError::TooLarge);
        }
        let compressed = base64url::decode(digits).ok_or(StatusError::Malformed("encodedList"))?;
        let bits = gzip::inflate(&compressed, MAX_BYTES).map_err(|error| match error {
            GzipError::Malformed => StatusError::Compression,
            GzipError::TooLarge => StatusError::TooLarge,
        })?;
        Ok(Self { bits })
    }

    /// The credential of this list, to be issued. `id` is where it will be found; the purpose is `revocation` or `suspension`.
    pub fn to_credential(&self, id: &str, issuer: &str, purpose: &str) -> Object {
        Object::from([
            ("@context", Value::Array(vec![crate::model::CREDENTIALS_V2.into()])),
            ("id", id.into()),
            (
                "type",
                Value::Array(vec![
                    "VerifiableCredential".into(),
                    "BitstringStatusListCredential".into(),
                ]),
            ),
            ("issuer", issuer.into()),
            (
                "credentialSubject",
                Value::from([
                    ("id", Value::from(format!("{id}#list"))),
                    ("type", "BitstringStatusList".into()),
                    ("statusPurpose", purpose.into()),
                    ("encodedList", self.encode().into()),
                ]),
            ),
        ])
    }
}

/// The `credentialStatus` of a credential that has that place in a list.
pub fn status_entry(list: &str, index: usize, purpose: &str) -> Value {
    Value::from([
        ("id", Value::from(format!("{list}#{index}"))),
        ("type", "BitstringStatusListEntry".into()),
        ("statusPurpose", purpose.into()),
        ("statusListIndex", index.to_string().into()),
        ("statusListCredential", list.into()),
    ])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn entries_are_counted_from_the_left() {
        let mut list = StatusList::new(0).expect("the smallest");
        assert_eq!(list.entries(), MIN_ENTRIES);
        list.set(0, true).expect("within");
        list.set(9, true).expect("within");
        list.set(131_071, true).expect("within");
        assert_eq!((list.bits[0], list.bits[1], list.bits[16_383]), (0x80, 0x40, 0x01));
        assert_eq!(list.get(9), Ok(true));
        list.set(9, false).expect("within");
        assert_eq!(list.get(9), Ok(false));
        assert_eq!(list.set(131_072, true), Err(StatusError::Range));
        assert_eq!(list.get(usize::MAX), Err(StatusError::Range));
        assert_eq!(list.value(usize::MAX / 2, 8), Err(StatusError::Range));
        assert_eq!(StatusList::decode(&list.encode()), Ok(list));
    }

    /// Bitstring Status List, example of a status list credential.
    #[test]
    fn the_specifications_own_list_is_one_of_zeros() {
        let list = StatusList::decode("uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA")
            .expect("the example");
        assert_eq!(list, StatusList::new(MIN_ENTRIES).expect("the smallest"));
    }

    #[test]
    fn bombs_and_rubbish_are_refused_quickly() {
        let bomb = {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let zeros = vec![0; 1 << 20];
            for _ in 0..200 {
                encoder.write_all(&zeros).expect("a vector takes all bytes");
            }
            format!("u{}", base64url::encode(&encoder.finish().expect("a vector")))
        };
        let start = std::time::Instant::now();
        assert_eq!(StatusList::decode(&bomb), Err(StatusError::TooLarge));
        assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
        assert_eq!(StatusList::decode("zabc"), Err(StatusError::Malformed("encodedList")));
        assert_eq!(StatusList::decode("u!"), Err(StatusError::Malformed("encodedList")));
        assert_eq!(StatusList::decode("uAAAA"), Err(StatusError::Compression));
        let whole = StatusList::new(0).expect("the smallest").encode();
        assert_eq!(
            StatusList::decode(&whole[..whole.len() - 8]),
            Err(StatusError::Compression)
        );
        assert_eq!(StatusList::new(usize::MAX / 2), Err(StatusError::TooLarge));
    }
}
