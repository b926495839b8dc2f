//! What ABI.md §3 says of the file itself: the custom sections that are read before anything is compiled.

use avatar_proto::{ABI_MAJOR, ABI_MINOR};
use wasmparser::{Parser, Payload};

use crate::error::{HostError, HostErrorCode};
use crate::hex;

const ABI_SECTION: &str = "avatar:abi";
const BUILD_SECTION: &str = "avatar:build";
const BUILD_ID_BYTES: usize = 32;

fn wrong(message: impl Into<String>) -> HostError {
    HostError::new(HostErrorCode::WrongModule, message)
}

/// Reads the sections of a module, refuses it if it is not for this host (H6), and returns its build id, hex.
pub fn check(wasm: &[u8]) -> Result<String, HostError> {
    let mut abi = None;
    let mut build = None;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| wrong(format!("it is no WebAssembly module: {error}")))? {
            Payload::CustomSection(section) if section.name() == ABI_SECTION => abi = abi.or(Some(section.data())),
            Payload::CustomSection(section) if section.name() == BUILD_SECTION => {
                build = build.or(Some(section.data()));
            }
            _ => {}
        }
    }
    check_abi(abi.ok_or_else(|| wrong(format!("it has no section {ABI_SECTION}")))?)?;
    let build = build.ok_or_else(|| wrong(format!("it has no section {BUILD_SECTION}")))?;
    if build.len() != BUILD_ID_BYTES {
        return Err(wrong(format!(
            "its section {BUILD_SECTION} has {} bytes, not {BUILD_ID_BYTES}",
            build.len()
        )));
    }
    Ok(hex::encode(build))
}

/// Three u16, little endian: major, minor, the least minor of a host that will do.
fn check_abi(section: &[u8]) -> Result<(), HostError> {
    let [a, b, c, d, e, f] = *section else {
        return Err(wrong(format!(
            "its section {ABI_SECTION} has {} bytes, not 6",
            section.len()
        )));
    };
    let [major, minor, least_host_minor] = [[a, b], [c, d], [e, f]].map(u16::from_le_bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        for (name, data) in sections {
            let len = 1 + name.len() + data.len();
            wasm.extend([
                0,
                u8::try_from(len).expect("short"),
                u8::try_from(name.len()).expect("short"),
            ]);
            wasm.extend(name.as_bytes());
            wasm.extend(*data);
        }
        wasm
    }

    #[test]
    fn h6_a_module_of_another_major_or_for_a_newer_host_is_refused() {
        let build = (BUILD_SECTION, &[0xab; 32][..]);
        let newer = (ABI_MINOR + 1).to_le_bytes();
        assert_eq!(
            check(&module(&[(ABI_SECTION, &[1, 0, 9, 0, 0, 0]), build])),
            Ok("ab".repeat(32)),
            "a newer guest that asks no more"
        );
        for abi in [
            &[2, 0, 0, 0, 0, 0][..],
            &[0, 1, 0, 0, 0, 0],
            &[1, 0, 9, 0, newer[0], newer[1]],
            &[1, 0, 0, 0, 0],
            &[],
        ] {
            let error = check(&module(&[(ABI_SECTION, abi), build])).expect_err("must be refused");
            assert_eq!(error.code, HostErrorCode::WrongModule, "{abi:?}");
        }
    }

    #[test]
    fn what_is_no_meta_unit_is_refused_and_never_panics() {
        let whole = module(&[(ABI_SECTION, &[1, 0, 0, 0, 0, 0]), (BUILD_SECTION, &[7; 32])]);
        assert!(check(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(check(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(check(b"<!doctype html>").is_err());
        assert!(
            check(&module(&[
                (ABI_SECTION, &[1, 0, 0, 0, 0, 0]),
                (BUILD_SECTION, &[7; 31])
            ]))
            .is_err()
        );
    }
}
