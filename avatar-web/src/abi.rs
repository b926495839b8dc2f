//! The parts of ABI.md that need no engine: the custom sections.

use avatar_proto::{ABI_MAJOR, ABI_MINOR};

use crate::error::{HostError, HostErrorCode};

/// The section that says which ABI a module speaks.
pub const ABI_SECTION: &str = "avatar:abi";

/// The section that identifies a build.
pub const BUILD_SECTION: &str = "avatar:build";

const BUILD_ID_BYTES: usize = 32;

/// Checks `avatar:abi` (H6): three u16, little endian: major, minor, the least minor of a host that will do.
pub fn check_abi(section: &[u8]) -> Result<(), HostError> {
    let wrong = |message: String| HostError::new(HostErrorCode::WrongModule, message);
    let [major, minor, least_host_minor] = match section {
        [a, b, c, d, e, f] => [[*a, *b], [*c, *d], [*e, *f]].map(u16::from_le_bytes),
        _ => {
            return Err(wrong(format!(
                "its section {ABI_SECTION} has {} bytes, not 6",
                section.len()
            )));
        }
    };
    if major != ABI_MAJOR {
        return Err(wrong(format!(
            "it speaks Avatar ABI {major}.{minor}, this host {ABI_MAJOR}"
        )));
    }
    if least_host_minor > ABI_MINOR {
        return Err(wrong(format!(
            "it needs a host of Avatar ABI {major}.{least_host_minor}, this one is {ABI_MAJOR}.{ABI_MINOR}"
        )));
    }
    Ok(())
}

/// Reads `avatar:build` as hex, and compares it with what was asked for.
pub fn check_build(section: &[u8], expected_hex: Option<&str>) -> Result<String, HostError> {
    if section.len() != BUILD_ID_BYTES {
        return Err(HostError::new(
            HostErrorCode::WrongModule,
            format!(
                "its section {BUILD_SECTION} has {} bytes, not {BUILD_ID_BYTES}",
                section.len()
            ),
        ));
    }
    let actual = hex(section);
    match expected_hex {
        Some(expected) if !expected.eq_ignore_ascii_case(&actual) => Err(HostError::new(
            HostErrorCode::WrongBuild,
            format!("it is build {actual}, and {expected} was asked for"),
        )),
        _ => Ok(actual),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_another_major_is_refused() {
        assert_eq!(check_abi(&[1, 0, 0, 0, 0, 0]), Ok(()));
        assert_eq!(
            check_abi(&[1, 0, 255, 0, 0, 0]),
            Ok(()),
            "a newer guest that asks no more"
        );
        for wrong in [&[2, 0, 0, 0, 0, 0][..], &[0, 1, 0, 0, 0, 0], &[1, 0, 0, 0, 0], &[]] {
            let error = check_abi(wrong).expect_err("must be refused");
            assert_eq!(error.code, HostErrorCode::WrongModule);
        }
    }

    #[test]
    fn h6_a_guest_that_needs_a_newer_host_is_refused() {
        let least = (ABI_MINOR + 1).to_le_bytes();
        let error = check_abi(&[1, 0, 9, 0, least[0], least[1]]).expect_err("must be refused");
        assert_eq!(error.code, HostErrorCode::WrongModule);
    }

    #[test]
    fn another_build_is_refused() {
        let id = [0xabu8; 32];
        let text = "ab".repeat(32);
        assert_eq!(check_build(&id, None), Ok(text.clone()));
        assert_eq!(check_build(&id, Some(&text.to_uppercase())), Ok(text.clone()));
        let error = check_build(&id, Some(&"cd".repeat(32))).expect_err("must be refused");
        assert_eq!(error.code, HostErrorCode::WrongBuild);
        assert!(check_build(&id[1..], None).is_err());
    }
}
