//! Deterministic simulation of whole Meta Units.
//!
//! All that is not deterministic enters a Meta Unit through its imports. So any number of them can live in one thread, on one simulated time line, with disks, clocks
//! and operators that fail on purpose; and one seed is one run, call for call.
//!
//! - [`world`]: the events and their order. [`avatar`]: one unit with its host. [`boundary`]: what stands behind its imports. [`mod@unit`]: how it was built.
//! - [`disk`], [`clock`], [`network`]: what fails.
//! - [`client`], [`workload`]: who works with it. [`truth`], [`rows`], [`check`]: what must come of it.
//! - [`run()`]: one run from its plan to its outcome.
//! - [`peers`], [`weather`], [`person`], [`meeting`], [`growth`]: runs with a network.

pub mod avatar;
pub mod boundary;
pub mod check;
pub mod client;
pub mod clock;
pub mod disk;
pub mod growth;
pub mod meeting;
pub mod network;
pub mod peers;
pub mod person;
pub mod plan;
pub mod random;
pub mod rows;
pub mod run;
pub mod traffic;
pub mod truth;
pub mod unit;
pub mod value;
pub mod violation;
pub mod weather;
pub mod workload;
pub mod world;

pub use plan::Plan;
pub use run::{Outcome, run};
