//! The keys of all records: one namespace a kind, numbers big endian, so that the order of the keys is that of the numbers.
//!
//! | key | record |
//! |---|---|
//! | `m` `schema` | version of the storage schema |
//! | `m` `vault` copy (1) | what opens the data key, twice |
//! | `s` name | a secret of the identity, or what belongs to it |
//! | `c` credential id (16) | a kept credential |
//! | `l` random id (16) | a status list of credentials issued here |
//! | `i` number (8) | an index segment |
//! | `d` document id (16) number (8) | changes of a document, in their order |
//! | `t` document id (16) | a tombstone: the document was deleted on this device |
//!
//! Records under `m` are stored as they are, all others sealed. No key tells anything of a content: ids and numbers are random or count.

use avatar_proto::StorageRange;

const INDEX: u8 = b'i';
const DOCUMENT: u8 = b'd';
const TOMBSTONE: u8 = b't';
const META: u8 = b'm';
const SECRET: u8 = b's';
const CREDENTIAL: u8 = b'c';
const STATUS_LIST: u8 = b'l';

/// The length of a document's id, in bytes.
const ID: usize = 16;

/// The version of the schema.
pub fn schema() -> Vec<u8> {
    b"mschema".to_vec()
}

/// Whether this is the key of a secret of the identity.
pub fn is_secret(key: &[u8]) -> bool {
    key.first() == Some(&SECRET)
}

/// Whether the record of this key is stored unsealed.
pub fn is_clear(key: &[u8]) -> bool {
    key.first() == Some(&META)
}

/// Everything but what is stored unsealed: from here to [`META`], and behind it.
pub fn sealed() -> [StorageRange; 2] {
    [
        StorageRange {
            start: vec![0],
            end: vec![META],
        },
        StorageRange {
            start: vec![META + 1],
            end: vec![],
        },
    ]
}

/// What belongs to the person, and not to this device: the ranges of what goes into a backup.
pub fn portable() -> [StorageRange; 7] {
    let one = |key: Vec<u8>| StorageRange {
        end: [key.as_slice(), &[0]].concat(),
        start: key,
    };
    let [identity, words, devices] = PORTABLE_SECRETS.map(|name| one(secret(name)));
    let [documents, tombstones, credentials, status_lists] = PORTABLE_KINDS.map(all);
    [
        identity,
        words,
        devices,
        documents,
        tombstones,
        credentials,
        status_lists,
    ]
}

/// Whether a record of this key goes into a backup.
pub fn is_portable(key: &[u8]) -> bool {
    match key.split_first() {
        Some((&SECRET, name)) => PORTABLE_SECRETS.iter().any(|portable| portable.as_bytes() == name),
        Some((kind, _)) => PORTABLE_KINDS.contains(kind),
        None => false,
    }
}

/// All records of a kind.
fn all(kind: u8) -> StorageRange {
    StorageRange {
        start: vec![kind],
        end: vec![kind + 1],
    }
}

/// The owner's key, in schema 1.
pub fn identity_of_schema_1() -> Vec<u8> {
    b"midentity".to_vec()
}

/// A copy of the record of what opens the data key.
pub fn vault(copy: u8) -> Vec<u8> {
    [b"mvault".as_slice(), &[copy]].concat()
}

/// The names of the identity's records: its key, its words until they are confirmed, this device's key, and the log of devices.
pub const IDENTITY: &str = "identity";
/// See [`IDENTITY`].
pub const WORDS: &str = "words";
/// See [`IDENTITY`].
pub const DEVICE: &str = "device";
/// See [`IDENTITY`].
pub const DEVICES: &str = "devices";

/// The secrets that belong to the person, and the kinds of records that do.
const PORTABLE_SECRETS: [&str; 3] = [IDENTITY, WORDS, DEVICES];
const PORTABLE_KINDS: [u8; 4] = [DOCUMENT, TOMBSTONE, CREDENTIAL, STATUS_LIST];

/// How this device is on the network.
pub const PEERS: &str = "peers";

/// Here a backup is being restored: what there is of it counts once this is gone.
pub const RESTORING: &str = "restoring";

/// A secret of the identity, by its name.
pub fn secret(name: &str) -> Vec<u8> {
    [&[SECRET], name.as_bytes()].concat()
}

/// A kept credential.
pub fn credential(id: &[u8; ID]) -> Vec<u8> {
    [&[CREDENTIAL][..], id].concat()
}

/// The id in the key of a kept credential.
pub fn parse_credential(key: &[u8]) -> Option<[u8; ID]> {
    key.strip_prefix(&[CREDENTIAL])?.try_into().ok()
}

/// All kept credentials.
pub fn credentials() -> StorageRange {
    all(CREDENTIAL)
}

/// A status list.
pub fn status_list(id: &[u8; ID]) -> Vec<u8> {
    [&[STATUS_LIST][..], id].concat()
}

/// The id in the key of a status list.
pub fn parse_status_list(key: &[u8]) -> Option<[u8; ID]> {
    key.strip_prefix(&[STATUS_LIST])?.try_into().ok()
}

/// All status lists.
pub fn status_lists() -> StorageRange {
    all(STATUS_LIST)
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
    all(INDEX)
}

/// A record of a document.
pub fn document_record(id: &[u8; ID], number: u64) -> Vec<u8> {
    [&[DOCUMENT][..], id, &number.to_be_bytes()].concat()
}

/// The document and the number in the key of a document's record.
pub fn parse_document_record(key: &[u8]) -> Option<([u8; ID], u64)> {
    let (id, number) = key.strip_prefix(&[DOCUMENT])?.split_first_chunk()?;
    Some((*id, u64::from_be_bytes(number.try_into().ok()?)))
}

/// All records of a document.
pub fn document_records(id: &[u8; ID]) -> StorageRange {
    let start = [&[DOCUMENT][..], id].concat();
    let end = successor(&start);
    StorageRange { start, end }
}

/// All records of all documents.
pub fn documents() -> StorageRange {
    all(DOCUMENT)
}

/// The tombstone of a document.
pub fn tombstone(id: &[u8; ID]) -> Vec<u8> {
    [&[TOMBSTONE][..], id].concat()
}

/// The document in the key of a tombstone.
pub fn parse_tombstone(key: &[u8]) -> Option<[u8; ID]> {
    key.strip_prefix(&[TOMBSTONE])?.try_into().ok()
}

/// All tombstones.
pub fn tombstones() -> StorageRange {
    all(TOMBSTONE)
}

/// The first key behind all that begin with `prefix`, whose first byte is not 0xff.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&0xff) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_document_holds_all_its_records_and_no_others() {
        for id in [[0; 16], [7; 16], [0xff; 16]] {
            let StorageRange { start, end } = document_records(&id);
            for number in [0, 1, u64::MAX] {
                let key = document_record(&id, number);
                assert!(start <= key && key < end);
                assert_eq!(parse_document_record(&key), Some((id, number)));
            }
            let mut next = id;
            if let Some(last) = next.iter_mut().rev().find(|byte| **byte != 0xff) {
                *last += 1;
                assert!(document_record(&next, 0) >= end);
            }
        }
    }
}
