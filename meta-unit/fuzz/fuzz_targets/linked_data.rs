//! See `avatar_fuzz::secrets::linked_data`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::secrets::linked_data(data));
