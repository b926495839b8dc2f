//! See `avatar_fuzz::secrets::vault_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::secrets::vault_record(data));
