//! Record and replay: every call over the boundary, in a file that any host can write and any host can run again. `REPLAY.md` is the specification.

mod record;
mod replay;
mod wire;

pub use record::Recorder;
pub use replay::{Outcome, ReplayError, replay};
pub use wire::{Header, Reader, Record, TraceError, describe};
