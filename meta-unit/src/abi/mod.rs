//! The boundary of ABI.md.
//!
//! - `wasm.rs` is the boundary file: each export and import, the custom section, the panic hook. Compiled for WebAssembly only, and without logic.
//! - [`imports`] is the imports as a trait.
//! - [`Instance`] is what stands behind the exports: the states, the ledger, the queues. Native code, natively tested.

pub mod imports;
mod instance;
mod ledger;
#[cfg(any(test, feature = "test-platform"))]
pub mod test_host;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use instance::Instance;
