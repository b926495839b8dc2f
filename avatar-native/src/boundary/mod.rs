//! **The boundary of this side.** Nothing else in this crate touches the guest's memory, calls `yuan_*`, or is called as `avatar_*`.
//!
//! [`Export`] and [`Import`] are the list of ABI.md §4 to §7; [`Instance`] makes the calls; [`Imports`] says what the guest's calls mean. Everything goes through two places, one for
//! each direction, so that both can be recorded ([`crate::trace`]).

mod functions;
mod instance;

pub use functions::{Export, Import, Type};
pub use instance::{Answer, Imports, Instance, Limits, Trap};
