//! See `avatar_fuzz::targets::record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::targets::record(data));
