//! The decoders of the browser's host that know no browser. They are private to their crate, which needs one: so their files are compiled here.

#[path = "../../../avatar-web/src/frames.rs"]
#[expect(dead_code, reason = "only what reads bytes from outside is fuzzed")]
pub mod frames;
