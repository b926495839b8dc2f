//! The Meta Unit as the simulator sees it: its exports, over whichever way it was built.

mod native;
#[cfg(feature = "wasm")]
mod wasm;

use std::rc::Rc;

use crate::boundary::Boundary;

#[cfg(feature = "wasm")]
pub use wasm::{LoadError, Module};

/// A unit died.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trap(pub String);

/// The exports of one life, with the buffers by value. None may be called after one of them gave a [`Trap`].
pub trait Unit {
    /// `yuan_init`.
    fn init(&mut self, hello: &[u8]) -> Result<i32, Trap>;
    /// `yuan_handle_request`.
    fn handle_request(&mut self, req: i64, request: &[u8]) -> Result<i32, Trap>;
    /// `yuan_cancel_request`.
    fn cancel_request(&mut self, req: i64) -> Result<i32, Trap>;
    /// `yuan_complete`.
    fn complete(&mut self, op: u64, status: i32, head: &[u8], body: &[u8]) -> Result<i32, Trap>;
    /// `yuan_stream_event`.
    fn stream_event(&mut self, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<i32, Trap>;
    /// `yuan_turn`.
    fn turn(&mut self, budget_us: i32) -> Result<i64, Trap>;
    /// `yuan_shutdown`.
    fn shutdown(&mut self, deadline_us: i64) -> Result<i32, Trap>;
    /// The size of the linear memory, in bytes; None where there is none.
    fn memory_bytes(&mut self) -> Option<u64>;
}

/// What starts units.
#[derive(Clone, Default)]
pub enum Backend {
    /// The Meta Unit compiled for this machine.
    #[default]
    Native,
    /// The built file, under wasmtime.
    #[cfg(feature = "wasm")]
    Wasm(Module),
}

impl Backend {
    /// A new life behind this boundary, before `yuan_init`.
    ///
    /// # Errors
    /// It cannot be instantiated.
    pub fn start(&self, boundary: Rc<Boundary>) -> Result<Box<dyn Unit>, Trap> {
        match self {
            Self::Native => Ok(Box::new(native::Native::new(boundary))),
            #[cfg(feature = "wasm")]
            Self::Wasm(module) => module.start(boundary),
        }
    }
}
