//! The native Avatar: hosts `meta_unit.wasm`, the very file that browsers run, under wasmtime.
//!
//! [`MetaUnit`] is the checked and compiled module, [`Host`] one node in a folder, [`Client`] the facade's protocol over a channel of a host in this process or over
//! the local socket of another one. `proto/ABI.md` is the contract; the tests cite its numbers.

pub mod abi;
pub mod boundary;
pub mod client;
pub mod error;
pub mod folder;
pub mod hex;
pub mod host;
pub mod keys;
pub mod module;
pub mod net;
pub mod notes;
pub mod p2p;
#[cfg(unix)]
pub mod socket;
pub mod storage;
pub mod trace;
pub mod wire;

pub use client::Client;
pub use error::{HostError, HostErrorCode};
pub use host::{Host, Options};
pub use module::MetaUnit;

/// Product and version, as HostHello and HostStatus say it.
pub const HOST: &str = concat!("avatar-native/", env!("CARGO_PKG_VERSION"));
