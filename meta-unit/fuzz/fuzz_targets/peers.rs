//! See `avatar_fuzz::peers::peers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avatar_fuzz::peers::peers(data));
