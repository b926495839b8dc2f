//! X25519 keys: as text (Bech32, BIP-173), and as what wraps a file key.

use base64ct::{Base64Unpadded, Encoding as _};
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

use super::header::{Stanza, base64};
use super::stream::{unwrap_file_key, wrap_file_key};
use super::{AgeError, FileKey};
use crate::{Random, kdf};

/// The type of a stanza for a key.
pub(super) const KIND: &str = "X25519";

/// What the wrapping keys are derived for.
const INFO: &[u8] = b"age-encryption.org/v1/X25519";

/// What a recipient's text begins with, before `1`.
const RECIPIENT: Hrp = Hrp::parse_unchecked("age");

/// The same for an identity, whose text is in capitals.
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// A key for which files are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// A key that opens files. Wiped when dropped.
pub struct Identity(StaticSecret);

impl Recipient {
    /// The key of its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key of `age1…`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        let recipient = Self(*bech32_bytes(RECIPIENT, text)?);
        if recipient.to_string() == text {
            Ok(recipient)
        } else {
            Err(AgeError::Key)
        }
    }

    /// Wraps a file key for this key.
    pub(super) fn wrap(&self, file_key: &FileKey, random: &mut Random<'_>) -> Result<Stanza, AgeError> {
        let mut secret = Zeroizing::new([0; 32]);
        random(secret.as_mut_slice());
        let secret = StaticSecret::from(*secret);
        let share = PublicKey::from(&secret).to_bytes();
        let key = wrapping_key(&secret, &self.0, &share, &self.0).ok_or(AgeError::Recipients)?;
        Ok(Stanza {
            args: vec![KIND.to_owned(), Base64Unpadded::encode_string(&share)],
            body: wrap_file_key(&key, file_key),
        })
    }
}

/// `age1…`
impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, RECIPIENT, &self.0).map_err(|_| std::fmt::Error)
    }
}

impl Identity {
    /// The key of its bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*bytes))
    }

    /// The key of `AGE-SECRET-KEY-1…`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        let identity = Self::from_bytes(&*bech32_bytes(IDENTITY, text)?);
        if *identity.to_text() == text {
            Ok(identity)
        } else {
            Err(AgeError::Key)
        }
    }

    /// `AGE-SECRET-KEY-1…`
    pub fn to_text(&self) -> Zeroizing<String> {
        // As long as it will be: it never grows, so no copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(80));
        bech32::encode_upper_to_fmt::<Bech32, _>(&mut *text, IDENTITY, self.0.as_bytes())
            .expect("32 bytes are short enough for Bech32");
        text
    }

    /// The key for which to encrypt.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0).to_bytes())
    }

    /// The file key, if the stanza is for this key: `None` if it is for another.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, AgeError> {
        let [_, share] = &stanza.args[..] else {
            return Err(AgeError::Header);
        };
        let share = base64(share.as_bytes()).ok_or(AgeError::Header)?;
        let body = stanza.body.as_slice().try_into().map_err(|_| AgeError::Header)?;
        let key = wrapping_key(&self.0, &share, &share, &self.recipient().0).ok_or(AgeError::Header)?;
        Ok(unwrap_file_key(&key, body))
    }
}

/// What the file key is wrapped with. `None` where the other's key is one of the few that lead every secret to the same result.
fn wrapping_key(
    secret: &StaticSecret,
    theirs: &[u8; 32],
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> Option<Zeroizing<[u8; 32]>> {
    let shared = secret.diffie_hellman(&PublicKey::from(*theirs));
    if !shared.was_contributory() {
        return None;
    }
    let mut salt = [0; 64];
    salt[..32].copy_from_slice(share);
    salt[32..].copy_from_slice(recipient);
    Some(kdf::derive(shared.as_bytes(), &salt, INFO))
}

/// 32 bytes in Bech32, behind this beginning.
fn bech32_bytes(beginning: Hrp, text: &str) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| AgeError::Key)?;
    if checked.hrp() != beginning {
        return Err(AgeError::Key);
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let mut found = checked.byte_iter();
    for byte in bytes.iter_mut() {
        *byte = found.next().ok_or(AgeError::Key)?;
    }
    match found.next() {
        Some(mut more) => {
            more.zeroize();
            Err(AgeError::Key)
        }
        None => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECIPIENT_TEXT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const IDENTITY_TEXT: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    /// The pair of the reference implementation's tests: 32 times 0x42.
    #[test]
    fn keys_are_written_as_the_reference_writes_them() {
        let identity = Identity::from_bytes(&[0x42; 32]);
        assert_eq!(*identity.to_text(), IDENTITY_TEXT);
        assert_eq!(identity.recipient().to_string(), RECIPIENT_TEXT);
        assert_eq!(Recipient::parse(RECIPIENT_TEXT), Ok(identity.recipient()));
        let parsed = Identity::parse(IDENTITY_TEXT)
            .ok()
            .map(|parsed| *parsed.to_text() == IDENTITY_TEXT);
        assert_eq!(parsed, Some(true));
        assert!(identity.to_text().capacity() <= 80);
    }

    #[test]
    fn a_key_with_a_slip_of_the_pen_is_no_key() {
        for at in 0..RECIPIENT_TEXT.len() {
            let mut wrong = RECIPIENT_TEXT.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            assert_eq!(Recipient::parse(&wrong), Err(AgeError::Key));
        }
        for wrong in [
            &RECIPIENT_TEXT.to_uppercase(),
            IDENTITY_TEXT,
            "",
            "age1",
            &RECIPIENT_TEXT[..61],
        ] {
            assert_eq!(Recipient::parse(wrong), Err(AgeError::Key));
        }
        for wrong in [&IDENTITY_TEXT.to_lowercase(), RECIPIENT_TEXT, "", "AGE-SECRET-KEY-1"] {
            assert_eq!(Identity::parse(wrong).err(), Some(AgeError::Key));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text: String) {
            let _ = Recipient::parse(&text);
            let _ = Identity::parse(&text);
        }
    }
}
