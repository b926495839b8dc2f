//! See `avatar_fuzz::secrets::contents`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::secrets::contents(data));
