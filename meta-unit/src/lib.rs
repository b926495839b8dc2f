//! The Meta Unit: the portable core of Avatar.
//!
//! Data, identity and queries live here, with **no access to the world** but the `avatar_*` functions that a host links
//! (`../proto/ABI.md` is the specification). The layers, from the outside in:
//!
//! - [`abi`]: the boundary. The only place that knows WebAssembly, pointers and the bytes of messages.
//! - [`runtime`]: one thread's executor with a time budget, timers, and the requests in flight.
//! - [`platform`]: the seam. Domains reach the world through the trait [`platform::Platform`] and nothing else.
//! - [`node`]: start-up, the way of a request to its domain, and the stream of its answers.
//! - [`identity`], [`data`], [`index`]: the domains.
//!
//! Everything but the exports themselves is compiled and tested natively.

pub mod abi;
pub mod backup;
pub mod credentials;
pub mod data;
pub mod documents;
pub mod identity;
pub mod index;
pub mod node;
pub mod peers;
pub mod platform;
pub mod runtime;
pub mod vault;
