//! See `avatar_fuzz::targets::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::targets::frames(data));
