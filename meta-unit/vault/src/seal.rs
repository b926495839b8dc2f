//! Sealed records: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version of the envelope |
//! | 24 | the nonce |
//! | as many as the content | the content, encrypted |
//! | 16 | the tag |
//!
//! The tag also covers the version and the record's *place*: its storage key, and what else the caller puts there. So a record that is moved to another place
//! does not open. An older record of the same place does: that it is not the newest, only what the newest records say of each other can tell.

use avatar_ciphers::{TAG_BYTES, XChaCha};

use crate::DataKey;

/// What the tag covers first.
const DOMAIN: &[u8] = b"avatar/vault/record";

/// The length of a nonce, in bytes.
pub const NONCE_BYTES: usize = XChaCha::NONCE_BYTES;

/// Where the content begins, encrypted or, once it was opened in place, not.
pub const CONTENT_AT: usize = 1 + NONCE_BYTES;

/// What a seal adds to its content, in bytes.
pub const OVERHEAD_BYTES: usize = CONTENT_AT + TAG_BYTES;

/// Places up to this length, in bytes, cost no allocation.
const SHORT_PLACE_BYTES: usize = 96;

/// Why a record does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is another key's, or another place's, or not what was written: there is no telling which.
    #[error("the record was not sealed under this key for this place, or it is damaged")]
    Forged,
    /// It is shorter than an empty one.
    #[error("the record is cut off")]
    Truncated,
    /// It is of another version than the one expected.
    #[error("the record's envelope is of version {0}")]
    Version(u8),
}

/// Seals a record for its place. The nonce has to be random, and used for this record alone.
pub fn seal(key: &DataKey, place: &[u8], version: u8, nonce: &[u8; NONCE_BYTES], content: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(content.len() + OVERHEAD_BYTES);
    record.push(version);
    record.extend_from_slice(nonce);
    record.extend_from_slice(content);
    let tag = with_associated_data(place, version, |associated| {
        key.records().encrypt(nonce, associated, &mut record[CONTENT_AT..])
    });
    record.extend_from_slice(&tag);
    record
}

/// The content of a record that was sealed for this place.
pub fn open(key: &DataKey, place: &[u8], version: u8, record: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, content, tag) = parts(version, record)?;
    let mut content = content.to_vec();
    decrypt(key, place, version, nonce, &mut content, tag)?;
    Ok(content)
}

/// The same where the record lies, without a copy. If it does not open, its bytes are unspecified.
pub fn open_in_place<'a>(
    key: &DataKey,
    place: &[u8],
    version: u8,
    record: &'a mut [u8],
) -> Result<&'a mut [u8], SealError> {
    let (nonce, content, tag) = parts(version, record)?;
    let end = CONTENT_AT + content.len();
    let (nonce, tag) = (*nonce, *tag);
    let content = &mut record[CONTENT_AT..end];
    decrypt(key, place, version, &nonce, content, &tag)?;
    Ok(content)
}

/// Nonce, encrypted content and tag of a record.
type Parts<'a> = (&'a [u8; NONCE_BYTES], &'a [u8], &'a [u8; TAG_BYTES]);

fn parts(version: u8, record: &[u8]) -> Result<Parts<'_>, SealError> {
    let (&found, rest) = record.split_first().ok_or(SealError::Truncated)?;
    if found != version {
        return Err(SealError::Version(found));
    }
    let (nonce, rest) = rest.split_first_chunk().ok_or(SealError::Truncated)?;
    let (content, tag) = rest.split_last_chunk().ok_or(SealError::Truncated)?;
    Ok((nonce, content, tag))
}

fn decrypt(
    key: &DataKey,
    place: &[u8],
    version: u8,
    nonce: &[u8; NONCE_BYTES],
    content: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), SealError> {
    with_associated_data(place, version, |associated| {
        key.records()
            .decrypt(nonce, associated, content, tag)
            .map_err(|_| SealError::Forged)
    })
}

/// What a tag covers beside the content: the domain, the version, the length of the place and the place.
fn with_associated_data<T>(place: &[u8], version: u8, then: impl FnOnce(&[u8]) -> T) -> T {
    const PLACE_AT: usize = DOMAIN.len() + 1 + 8;
    let mut head = [0; PLACE_AT + SHORT_PLACE_BYTES];
    head[..DOMAIN.len()].copy_from_slice(DOMAIN);
    head[DOMAIN.len()] = version;
    head[DOMAIN.len() + 1..PLACE_AT].copy_from_slice(&(place.len() as u64).to_le_bytes());
    match head.get_mut(PLACE_AT..PLACE_AT + place.len()) {
        Some(room) => {
            room.copy_from_slice(place);
            then(&head[..PLACE_AT + place.len()])
        }
        None => then(&[&head[..PLACE_AT], place].concat()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

    fn key() -> DataKey {
        DataKey::from_bytes(&[1; 32])
    }

    #[test]
    fn a_record_opens_at_its_place_under_its_key_and_nowhere_else() {
        for place in [&b""[..], b"d1", &[7; 96], &[7; 97], &[7; 1_000]] {
            let record = seal(&key(), place, 2, &NONCE, b"content");
            assert_eq!(record.len(), 7 + OVERHEAD_BYTES);
            assert_eq!(open(&key(), place, 2, &record).as_deref(), Ok(&b"content"[..]));
            assert_eq!(
                open(&key(), &[place, b"x"].concat(), 2, &record),
                Err(SealError::Forged)
            );
            assert_eq!(
                open(&DataKey::from_bytes(&[2; 32]), place, 2, &record),
                Err(SealError::Forged)
            );
            assert_eq!(open(&key(), place, 3, &record), Err(SealError::Version(2)));
        }
    }

    #[test]
    fn a_record_whose_version_was_rewritten_does_not_open() {
        let mut record = seal(&key(), b"d1", 2, &NONCE, b"content");
        record[0] = 3;
        assert_eq!(open(&key(), b"d1", 3, &record), Err(SealError::Forged));
    }

    #[test]
    fn a_record_with_any_flipped_bit_does_not_open() {
        let record = seal(&key(), b"d1", 2, &NONCE, b"content");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&key(), b"d1", 2, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_record_cut_anywhere_does_not_open() {
        let record = seal(&key(), b"d1", 2, &NONCE, b"content");
        for length in 0..record.len() {
            assert!(open(&key(), b"d1", 2, &record[..length]).is_err());
        }
        assert_eq!(open(&key(), b"d1", 2, &[]), Err(SealError::Truncated));
        assert_eq!(
            open(&key(), b"d1", 2, &record[..OVERHEAD_BYTES - 1]),
            Err(SealError::Truncated)
        );
    }

    #[test]
    fn a_sealed_record_stays_readable_byte_for_byte() {
        let record = seal(&key(), b"d1", 2, &NONCE, b"content");
        let encrypted = [
            78, 218, 132, 25, 103, 128, 88, 111, 255, 81, 202, 87, 180, 144, 169, 98, 225, 138, 103, 247, 232, 157, 238,
        ];
        assert_eq!(record, [&[2][..], &NONCE, &encrypted].concat());
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again_also_in_place(place: Vec<u8>, content: Vec<u8>, nonce: [u8; NONCE_BYTES]) {
            let mut record = seal(&key(), &place, 2, &nonce, &content);
            prop_assert_eq!(open(&key(), &place, 2, &record), Ok(content.clone()));
            prop_assert_eq!(open_in_place(&key(), &place, 2, &mut record).map(|found| found.to_vec()), Ok(content));
        }

        #[test]
        fn no_bytes_make_open_panic(record: Vec<u8>) {
            prop_assert!(open(&key(), b"d1", 2, &record).is_err());
            prop_assert!(open_in_place(&key(), b"d1", 2, &mut record.clone()).is_err());
        }
    }
}
