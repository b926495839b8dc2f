//! The recovery words: BIP-39 with its English list. 24 words stand for 32 random bytes and 8 bits of checksum.
//!
//! The words are the owner's last resort, so all that it takes to be the owner again follows from them: the identity's first key, the key that wraps the data
//! key, and the key that opens backups. Each is derived with HKDF from the 32 bytes themselves, not from the seed that BIP-39 makes for wallets.

mod phrase;

use zeroize::Zeroizing;

pub use phrase::{WordsError, decode, encode};

use crate::{Random, kdf};

/// What the identity's seed is derived for.
const IDENTITY: &[u8] = b"avatar/vault/v1/words/identity";

/// What the key for wrapping is derived for.
const WRAPPING: &[u8] = b"avatar/vault/v1/words/wrapping";

/// What the backups' secret is derived for.
const BACKUP: &[u8] = b"avatar/vault/v1/words/backup";

/// How many words there are.
pub const WORDS: usize = 24;

/// The 24 words, as the 32 bytes that they stand for. Wiped when dropped.
pub struct RecoveryWords {
    entropy: Zeroizing<[u8; 32]>,
}

impl RecoveryWords {
    /// New words.
    pub fn generate(random: &mut Random<'_>) -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        random(entropy.as_mut_slice());
        Self { entropy }
    }

    /// The words that stand for these bytes, which were kept.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self {
            entropy: Zeroizing::new(*entropy),
        }
    }

    /// The words that somebody typed, in the forgiving manner of [`decode`]. There have to be 24.
    pub fn parse(phrase: &str) -> Result<Self, WordsError> {
        let entropy = decode(phrase)?;
        let entropy = entropy.as_slice().try_into().map_err(|_| WordsError::Count {
            found: entropy.len() * 3 / 4,
        })?;
        Ok(Self::from_entropy(entropy))
    }

    /// The words, one space between two.
    pub fn phrase(&self) -> Zeroizing<String> {
        encode(self.entropy.as_slice()).expect("32 bytes are one of BIP-39's lengths")
    }

    /// The bytes, for keeping them sealed until the owner has written down the words.
    pub fn entropy(&self) -> &[u8; 32] {
        &self.entropy
    }

    /// The seed of the identity's first Ed25519 key.
    pub fn identity_seed(&self) -> Zeroizing<[u8; 32]> {
        kdf::derive(self.entropy.as_slice(), &[], IDENTITY)
    }

    /// The X25519 secret for which backups are encrypted.
    pub fn backup_secret(&self) -> Zeroizing<[u8; 32]> {
        kdf::derive(self.entropy.as_slice(), &[], BACKUP)
    }

    /// What the wrapping's key is derived from: opens what the words open at rest, for a node that does not keep the words.
    pub fn wrapping_secret(&self) -> Zeroizing<[u8; 32]> {
        kdf::derive(self.entropy.as_slice(), &[], WRAPPING)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_words_lead_back_to_themselves() {
        let words = RecoveryWords::generate(&mut |bytes| bytes.fill(0xa5));
        let parsed = RecoveryWords::parse(&words.phrase()).expect("they are words");
        assert_eq!(parsed.entropy(), &[0xa5; 32]);
        assert_eq!(words.phrase().split(' ').count(), WORDS);
    }

    #[test]
    fn fewer_than_24_words_are_no_recovery_words_even_with_a_good_checksum() {
        let twelve = encode(&[7; 16]).expect("16 bytes are one of the lengths");
        assert_eq!(
            RecoveryWords::parse(&twelve).err(),
            Some(WordsError::Count { found: 12 })
        );
    }

    /// Golden: whoever wrote the words down must come back to the same keys with every later build.
    #[test]
    fn what_is_derived_from_the_words_stays_what_it_is() {
        let words = RecoveryWords::from_entropy(&[7; 32]);
        let derived = [
            *words.identity_seed(),
            *words.backup_secret(),
            *words.wrapping_secret(),
            [7; 32],
        ];
        assert_eq!(BTreeSet::from(derived).len(), derived.len());
        let beginnings = derived.map(|key| [key[0], key[1], key[2], key[3]]);
        assert_eq!(
            beginnings[..3],
            [[194, 49, 161, 83], [87, 48, 61, 75], [212, 198, 47, 232]]
        );
    }
}
