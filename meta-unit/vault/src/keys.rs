//! The data key. It is made once, at random, and never changes its meaning: whoever changes a passphrase wraps the same key anew.

use avatar_ciphers::XChaCha;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Random, kdf};

/// What the key for records is derived for.
const RECORDS: &[u8] = b"avatar/vault/v1/records";

/// What the key for blinded names is derived for.
const NAMES: &[u8] = b"avatar/vault/v1/names";

/// What all other subkeys are derived for, before their own domain.
const SUBKEY: &[u8] = b"avatar/vault/v1/subkey/";

/// The length of a blinded name, in bytes.
pub const BLINDED_BYTES: usize = 16;

/// The key under which everything at rest is sealed. Never used itself: each use has a subkey of its own. Wiped when dropped.
pub struct DataKey {
    root: Zeroizing<[u8; 32]>,
    records: XChaCha,
    names: Hmac<Sha256>,
}

impl DataKey {
    /// A new key.
    pub fn generate(random: &mut Random<'_>) -> Self {
        let mut root = Zeroizing::new([0; 32]);
        random(root.as_mut_slice());
        Self::from_bytes(&root)
    }

    /// The key of 32 bytes, which were unwrapped.
    pub fn from_bytes(root: &[u8; 32]) -> Self {
        let records = kdf::derive(root, &[], RECORDS);
        let names = kdf::derive(root, &[], NAMES);
        Self {
            root: Zeroizing::new(*root),
            records: XChaCha::new(&records),
            names: Hmac::new_from_slice(names.as_slice()).expect("HMAC takes keys of any length"),
        }
    }

    /// A key for another purpose, which `domain` names. Nothing leads from it back to the data key, or to another domain's.
    pub fn subkey(&self, domain: &str) -> Zeroizing<[u8; 32]> {
        kdf::derive(self.root.as_slice(), &[], &[SUBKEY, domain.as_bytes()].concat())
    }

    /// A name that says nothing of `bytes` to those who lack the key, and is the same each time: for keys of records and indexes. Names of different domains
    /// have nothing in common. (HMAC-SHA-256, its first half.)
    pub fn blind(&self, domain: &str, bytes: &[u8]) -> [u8; BLINDED_BYTES] {
        let mut mac = self.names.clone();
        mac.update(&(domain.len() as u64).to_le_bytes());
        mac.update(domain.as_bytes());
        mac.update(bytes);
        let mut name = [0; BLINDED_BYTES];
        name.copy_from_slice(&mac.finalize().into_bytes()[..BLINDED_BYTES]);
        name
    }

    /// The key itself, for wrapping it.
    pub(crate) fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// The cipher of records.
    pub(crate) fn records(&self) -> &XChaCha {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_blinded_name_is_the_same_each_time_and_another_for_each_key_domain_and_content() {
        let (key, other) = (DataKey::from_bytes(&[1; 32]), DataKey::from_bytes(&[2; 32]));
        assert_eq!(
            key.blind("docs", b"a"),
            DataKey::from_bytes(&[1; 32]).blind("docs", b"a")
        );
        let names = [
            key.blind("docs", b"a"),
            key.blind("docs", b"b"),
            key.blind("doc", b"sa"),
            key.blind("", b"docsa"),
            other.blind("docs", b"a"),
        ];
        assert_eq!(BTreeSet::from(names).len(), names.len());
    }

    #[test]
    fn the_subkeys_of_two_domains_or_two_keys_differ() {
        let (key, other) = (DataKey::from_bytes(&[1; 32]), DataKey::from_bytes(&[2; 32]));
        let subkeys = [
            *key.subkey("a"),
            *key.subkey("b"),
            *key.subkey(""),
            *other.subkey("a"),
            *key.root(),
        ];
        assert_eq!(BTreeSet::from(subkeys).len(), subkeys.len());
        assert_eq!(*key.subkey("a"), *DataKey::from_bytes(&[1; 32]).subkey("a"));
    }

    /// What is stored under them has to be found again by every later build.
    #[test]
    fn derived_keys_and_names_stay_what_they_are() {
        let key = DataKey::from_bytes(&[7; 32]);
        assert_eq!(key.subkey("search")[..4], [201, 176, 161, 141]);
        assert_eq!(key.blind("search", b"word")[..4], [86, 9, 223, 81]);
    }
}
