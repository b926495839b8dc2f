//! Passphrases: Argon2id (RFC 9106), one lane.
//!
//! A passphrase comes normalised to NFKD, since two keyboards may write the same letter in different bytes: whoever reads it from the keyboard does that (every
//! JavaScript engine can). The tables for it would be 43 KB (brotli) here, a tenth of the Meta Unit.

use argon2::{Algorithm, Argon2, Block, Version};
use zeroize::{Zeroize as _, Zeroizing};

use super::WrapError;

/// The longest passphrase, in bytes.
pub const MAX_PASSPHRASE_BYTES: usize = 1_024;

/// The most memory that a stored cost may ask for, in KiB.
pub const MAX_MEMORY_KIB: u32 = 256 * 1_024;

/// The most passes that a stored cost may ask for.
pub const MAX_PASSES: u32 = 10;

/// What one guess at the passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The memory, in KiB: 8 to [`MAX_MEMORY_KIB`].
    pub memory_kib: u32,
    /// How many times it is passed over: 1 to [`MAX_PASSES`].
    pub passes: u32,
}

impl Cost {
    /// What new wrappings take: what RFC 9106 §4 recommends where memory is scarce, in one lane. In a browser of a desktop computer 0.2 s, measured.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 * 1_024,
        passes: 3,
    };

    /// The same for Argon2, if it is within bounds.
    pub(super) fn params(self) -> Result<argon2::Params, WrapError> {
        if self.memory_kib > MAX_MEMORY_KIB || self.passes > MAX_PASSES {
            return Err(WrapError::Cost);
        }
        argon2::Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| WrapError::Cost)
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Stretches a passphrase.
pub(super) fn stretch(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<Zeroizing<[u8; 32]>, WrapError> {
    if passphrase.is_empty() {
        return Err(WrapError::EmptyPassphrase);
    }
    if passphrase.len() > MAX_PASSPHRASE_BYTES {
        return Err(WrapError::TooLong);
    }
    let params = cost.params()?;
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| WrapError::Memory)?;
    memory.resize(params.block_count(), Block::new());

    let mut stretched = Zeroizing::new([0; 32]);
    let result = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        passphrase.as_bytes(),
        salt,
        stretched.as_mut_slice(),
        memory.as_mut_slice(),
    );
    memory.zeroize();
    result.map_err(|_| WrapError::Cost)?;
    Ok(stretched)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
    };

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_any_memory_is_taken() {
        for (memory_kib, passes) in [
            (MAX_MEMORY_KIB + 1, 1),
            (u32::MAX, 1),
            (8, MAX_PASSES + 1),
            (8, u32::MAX),
            (7, 1),
            (8, 0),
            (0, 0),
        ] {
            let cost = Cost { memory_kib, passes };
            assert_eq!(stretch("p", &[1; 16], cost).err(), Some(WrapError::Cost));
        }
    }

    #[test]
    fn an_empty_or_endless_passphrase_is_refused() {
        assert_eq!(stretch("", &[1; 16], CHEAP).err(), Some(WrapError::EmptyPassphrase));
        let endless = "a".repeat(MAX_PASSPHRASE_BYTES + 1);
        assert_eq!(stretch(&endless, &[1; 16], CHEAP).err(), Some(WrapError::TooLong));
    }
}
