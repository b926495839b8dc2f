//! A target for every decoder of bytes from outside: whatever the bytes, no panic, and what is accepted is sound.
//!
//! The targets are plain functions ([`targets`], [`secrets`], [`peers`]): libFuzzer calls them by the programs in `fuzz_targets`, and the smoke run in `tests` calls them with the corpora and
//! with seeded mutations of these ([`mutate`]).

mod host;
pub mod mutate;
pub mod peers;
pub mod secrets;
pub mod targets;
pub mod unsealed;
