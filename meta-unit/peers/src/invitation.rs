//! An invitation for a new device: a secret that two devices share by way of a person's eyes, and where to meet.
//!
//! As text it is base64url of: version, secret, and the addresses of relays, each behind its length.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// The length of the secret, bytes.
pub const SECRET_BYTES: usize = 16;

/// An invitation names at most so many relays, of at most so many bytes.
const MAX_RELAYS: usize = 4;
const MAX_RELAY_BYTES: usize = 255;

/// The longest text of an invitation.
const MAX_TEXT_BYTES: usize = 2 * (1 + SECRET_BYTES + MAX_RELAYS * (1 + MAX_RELAY_BYTES));

/// What is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no invitation")]
pub struct InvitationError;

/// See the module's documentation.
pub struct Invitation {
    /// Whoever has it can become a device of the person.
    pub secret: Zeroizing<[u8; SECRET_BYTES]>,
    /// Where both are to meet, as multiaddrs.
    pub relays: Vec<String>,
}

impl Invitation {
    /// As text, with as many relays as it may have.
    pub fn encode(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![VERSION]);
        bytes.extend_from_slice(self.secret.as_slice());
        let fitting = self.relays.iter().filter(|relay| relay.len() <= MAX_RELAY_BYTES);
        for relay in fitting.take(MAX_RELAYS) {
            bytes.push(relay.len() as u8);
            bytes.extend_from_slice(relay.as_bytes());
        }
        Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes))
    }

    /// From text.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(text: &str) -> Result<Self, InvitationError> {
        let text = text.trim();
        if text.len() > MAX_TEXT_BYTES {
            return Err(InvitationError);
        }
        let bytes = Zeroizing::new(Base64UrlUnpadded::decode_vec(text).map_err(|_| InvitationError)?);
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(InvitationError)?;
        let (secret, mut rest) = rest.split_first_chunk().ok_or(InvitationError)?;
        let mut relays = Vec::new();
        while let Some((&len, behind)) = rest.split_first() {
            let (relay, behind) = behind.split_at_checked(usize::from(len)).ok_or(InvitationError)?;
            if relays.len() == MAX_RELAYS {
                return Err(InvitationError);
            }
            relays.push(str::from_utf8(relay).map_err(|_| InvitationError)?.to_owned());
            rest = behind;
        }
        Ok(Self {
            secret: Zeroizing::new(*secret),
            relays,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_invitation_is_read_as_it_was_written(secret: [u8; SECRET_BYTES], relays in prop::collection::vec("[a-z0-9/]{0,255}", 0..=4)) {
            let text = Invitation { secret: Zeroizing::new(secret), relays: relays.clone() }.encode();
            let read = Invitation::decode(&format!(" {}\n", *text)).expect("it is one");
            prop_assert_eq!((*read.secret, read.relays), (secret, relays));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Invitation::decode(&text), Invitation::decode(&Base64UrlUnpadded::encode_string(&bytes)));
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_no_invitation() {
        let text = Invitation {
            secret: Zeroizing::new([7; SECRET_BYTES]),
            relays: vec!["/ip4/192.0.2.1/tcp/1".to_owned()],
        }
        .encode();
        for len in 0..text.len() {
            let cut = Invitation::decode(&text[..len]);
            // Behind the secret it may end, without any relay.
            assert!(cut.is_err() || cut.is_ok_and(|cut| cut.relays.is_empty()), "{len}");
        }
        assert!(Invitation::decode(&"A".repeat(MAX_TEXT_BYTES + 1)).is_err());
    }
}
