//! The limits of `keys.proto`, for all hosts; and its messages for logs, without what is secret in them.

use std::fmt::{Debug, Formatter, Result as FormatResult};

use crate::keys_command::Command;
use crate::{AbiStatus, KeysCommand, KeysResult};

/// The longest name of a key set, in bytes.
pub const MAX_KEY_SET_NAME_BYTES: usize = 64;

/// The longest message that is signed.
pub const MAX_SIGNED_BYTES: usize = 32_768;

/// The longest secret that is wrapped.
pub const MAX_WRAPPED_SECRET_BYTES: usize = 4_096;

/// The longest context that a secret is bound to.
pub const MAX_WRAP_CONTEXT_BYTES: usize = 1_024;

/// By how much wrapping lengthens a secret at most.
pub const MAX_WRAP_OVERHEAD_BYTES: usize = 64;

impl KeysCommand {
    /// Whether a host takes it (ABI.md H16, H21); otherwise it returns INVALID.
    pub fn check(&self) -> Result<(), AbiStatus> {
        let name = self.name.as_bytes();
        let named = (1..=MAX_KEY_SET_NAME_BYTES).contains(&name.len())
            && name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let fits = match self.command.as_ref().ok_or(AbiStatus::Invalid)? {
            Command::Open(_) | Command::Erase(_) => true,
            Command::Sign(sign) => sign.message.len() <= MAX_SIGNED_BYTES,
            Command::Agree(agree) => agree.public_key.len() == 32,
            Command::Wrap(wrap) => {
                wrap.secret.len() <= MAX_WRAPPED_SECRET_BYTES && wrap.context.len() <= MAX_WRAP_CONTEXT_BYTES
            }
            Command::Unwrap(unwrap) => {
                unwrap.wrapped.len() <= MAX_WRAPPED_SECRET_BYTES + MAX_WRAP_OVERHEAD_BYTES
                    && unwrap.context.len() <= MAX_WRAP_CONTEXT_BYTES
            }
        };
        if named && fits { Ok(()) } else { Err(AbiStatus::Invalid) }
    }
}

impl Debug for KeysCommand {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        let command = match &self.command {
            None => "nothing",
            Some(Command::Open(_)) => "open",
            Some(Command::Sign(_)) => "sign",
            Some(Command::Agree(_)) => "agree",
            Some(Command::Wrap(_)) => "wrap",
            Some(Command::Unwrap(_)) => "unwrap",
            Some(Command::Erase(_)) => "erase",
        };
        write!(formatter, "{command} {:?}", self.name)
    }
}

impl Debug for KeysResult {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        formatter
            .debug_struct("KeysResult")
            .field("protection", &self.protection)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeysAgree, KeysOpen, KeysSign, KeysUnwrap, KeysWrap};

    fn check(name: &str, command: impl Into<Option<Command>>) -> Result<(), AbiStatus> {
        let (name, command) = (name.to_owned(), command.into());
        KeysCommand { name, command }.check()
    }

    #[test]
    fn secrets_are_not_printed() {
        let (secret, context) = (b"secret".to_vec(), Vec::new());
        let wrap = KeysCommand {
            name: "device".to_owned(),
            command: Some(Command::Wrap(KeysWrap { secret, context })),
        };
        let data = b"secret".to_vec();
        let result = KeysResult {
            data,
            ..KeysResult::default()
        };
        let printed = format!("{wrap:?} {result:?}");
        assert_eq!(
            printed,
            r#"wrap "device" KeysResult { protection: 0, created: false, .. }"#
        );
    }

    #[test]
    fn h21_names_and_lengths_outside_the_limits_are_invalid() {
        let open = || Command::Open(KeysOpen {});
        for name in ["a", "device-1", &"k".repeat(64)] {
            assert_eq!(check(name, open()), Ok(()), "{name}");
        }
        for name in ["", "A", "a b", "a/b", "../keys", "ä", &"k".repeat(65)] {
            assert_eq!(check(name, open()), Err(AbiStatus::Invalid), "{name}");
        }
        assert_eq!(check("a", None), Err(AbiStatus::Invalid), "no command");

        let sign = |len| Command::Sign(KeysSign { message: vec![1; len] });
        let agree = |len| {
            let public_key = vec![9; len];
            Command::Agree(KeysAgree { public_key })
        };
        let wrap = |secret, context| {
            let (secret, context) = (vec![1; secret], vec![2; context]);
            Command::Wrap(KeysWrap { secret, context })
        };
        let unwrap = |wrapped, context| {
            let (wrapped, context) = (vec![1; wrapped], vec![2; context]);
            Command::Unwrap(KeysUnwrap { wrapped, context })
        };
        for taken in [
            sign(0),
            sign(32_768),
            agree(32),
            wrap(0, 0),
            wrap(4_096, 1_024),
            unwrap(0, 0),
            unwrap(4_160, 1_024),
        ] {
            assert_eq!(check("a", taken), Ok(()));
        }
        for refused in [
            sign(32_769),
            agree(31),
            agree(33),
            agree(0),
            wrap(4_097, 0),
            wrap(0, 1_025),
            unwrap(4_161, 0),
            unwrap(0, 1_025),
        ] {
            assert_eq!(check("a", refused), Err(AbiStatus::Invalid));
        }
    }
}
