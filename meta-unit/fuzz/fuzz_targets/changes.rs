//! See `avatar_fuzz::targets::changes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::targets::changes(data));
