//! See `avatar_fuzz::targets::hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::targets::hello(data));
