//! See `avatar_fuzz::secrets::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::secrets::words(data));
