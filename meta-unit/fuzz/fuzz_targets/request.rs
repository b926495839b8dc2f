//! See `avatar_fuzz::targets::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::targets::request(data));
