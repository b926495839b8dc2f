//! Passphrases: scrypt (RFC 7914), as the format has it, with r = 8 and p = 1.

use base64ct::{Base64Unpadded, Encoding as _};
use zeroize::Zeroizing;

use super::header::{Stanza, base64};
use super::stream::{unwrap_file_key, wrap_file_key};
use super::{AgeError, FileKey};
use crate::Random;

/// The type of a stanza for a passphrase.
pub(super) const KIND: &str = "scrypt";

/// What the salt begins with.
const SALT: &[u8] = b"age-encryption.org/v1/scrypt";

/// The highest cost that is paid, as a power of two: 256 MiB of memory.
pub const MAX_LOG_N: u8 = 18;

/// What new files cost, as a power of two: 64 MiB of memory, and half a second in a browser of a desktop computer.
pub const DEFAULT_LOG_N: u8 = 16;

/// scrypt's r.
const R: u32 = 8;

/// Wraps a file key with a passphrase.
pub(super) fn wrap(
    passphrase: &str,
    log_n: u8,
    file_key: &FileKey,
    random: &mut Random<'_>,
) -> Result<Stanza, AgeError> {
    let mut salt = [0; 16];
    random(&mut salt);
    let key = stretch(passphrase, &salt, log_n)?;
    Ok(Stanza {
        args: vec![KIND.to_owned(), Base64Unpadded::encode_string(&salt), log_n.to_string()],
        body: wrap_file_key(&key, file_key),
    })
}

/// The file key, if the passphrase is the right one.
pub(super) fn unwrap(passphrase: &str, stanza: &Stanza) -> Result<Option<FileKey>, AgeError> {
    let [_, salt, log_n] = &stanza.args[..] else {
        return Err(AgeError::Header);
    };
    let salt = base64(salt.as_bytes()).ok_or(AgeError::Header)?;
    let body = stanza.body.as_slice().try_into().map_err(|_| AgeError::Header)?;
    let digits = !log_n.starts_with('0') && log_n.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(AgeError::Header);
    }
    let log_n = log_n.parse().map_err(|_| AgeError::Cost)?;
    Ok(unwrap_file_key(&*stretch(passphrase, &salt, log_n)?, body))
}

fn stretch(passphrase: &str, salt: &[u8; 16], log_n: u8) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    if !(1..=MAX_LOG_N).contains(&log_n) {
        return Err(AgeError::Cost);
    }
    let params = scrypt::Params::new(log_n, R, 1).map_err(|_| AgeError::Cost)?;
    // The crate allocates without asking whether there is room: better to ask.
    let bytes = 128 * R as usize * ((1 << log_n) + 2);
    Vec::<u8>::new()
        .try_reserve_exact(bytes)
        .map_err(|_| AgeError::Memory)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(
        passphrase.as_bytes(),
        &[SALT, salt].concat(),
        &params,
        key.as_mut_slice(),
    )
    .map_err(|_| AgeError::Cost)?;
    Ok(key)
}
