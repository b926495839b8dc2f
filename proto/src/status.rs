//! The statuses that ABI functions return.

use crate::AbiStatus;

impl AbiStatus {
    /// What an ABI function returns for this status: `0`, or the status negated.
    pub const fn code(self) -> i32 {
        -(self as i32)
    }

    /// Reads what an ABI function returned. Positive numbers mean something only where the function says so, and are `Ok` here;
    /// a negative number outside the closed set is [`AbiStatus::Invalid`], because its sender breaks the contract.
    pub fn check(code: i32) -> Result<u32, Self> {
        match u32::try_from(code) {
            Ok(count) => Ok(count),
            Err(_) => Err(code
                .checked_neg()
                .and_then(|status| Self::try_from(status).ok())
                .unwrap_or(Self::Invalid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_the_boundary() {
        for number in 1..=12 {
            let status = AbiStatus::try_from(number).expect("the set is closed and dense");
            assert_eq!(AbiStatus::check(status.code()), Err(status));
        }
        assert_eq!(AbiStatus::check(AbiStatus::Ok.code()), Ok(0));
        assert_eq!(AbiStatus::check(7), Ok(7));
    }

    #[test]
    fn a_status_outside_the_set_is_invalid() {
        assert_eq!(AbiStatus::check(-13), Err(AbiStatus::Invalid));
        assert_eq!(AbiStatus::check(i32::MIN), Err(AbiStatus::Invalid));
    }
}
