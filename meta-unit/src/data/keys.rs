//! The keys of all records: one namespace a kind, numbers big endian, so that the order of the keys is that of the numbers.
//!
//! | key | record |
//! |---|---|
//! | `m` `schema` | version of the storage schema |
//! | `m` `identity` | the owner's key |
//! | `i` number (8) | an index segment |
//! | `d` document id (16) … | what belongs to a document |

use avatar_proto::StorageRange;

const INDEX: u8 = b'i';

/// The version of the schema.
pub fn schema() -> Vec<u8> {
    b"mschema".to_vec()
}

/// The owner's key.
pub fn identity() -> Vec<u8> {
    b"midentity".to_vec()
}

/// An index segment.
pub fn index_segment(number: u64) -> Vec<u8> {
    [&[INDEX][..], &number.to_be_bytes()].concat()
}

/// The number in the key of an index segment.
pub fn index_segment_number(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(&[INDEX])?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}

/// All index segments.
pub fn index_segments() -> StorageRange {
    StorageRange {
        start: vec![INDEX],
        end: vec![INDEX + 1],
    }
}
