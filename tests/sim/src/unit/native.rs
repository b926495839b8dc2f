//! The Meta Unit compiled for this machine: a panic is its trap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use meta_unit::abi::Instance;

use super::{Trap, Unit};
use crate::boundary::Boundary;

/// See the module's documentation.
pub struct Native {
    instance: Instance,
}

impl Native {
    /// A new life behind this boundary.
    pub fn new(boundary: Rc<Boundary>) -> Self {
        Self {
            instance: Instance::new(boundary),
        }
    }

    /// A buffer of the unit with these bytes.
    fn give(&self, bytes: &[u8]) -> Result<(usize, usize), Trap> {
        if bytes.is_empty() {
            return Ok((0, 0));
        }
        let address = self.instance.alloc(bytes.len());
        if address == 0 {
            return Err(Trap(format!("no buffer of {} bytes", bytes.len())));
        }
        // SAFETY: `alloc` gave `bytes.len()` bytes at this address, whose provenance the ledger exposed, and nobody else touches them before they are given back.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                std::ptr::with_exposed_provenance_mut(address),
                bytes.len(),
            );
        }
        Ok((address, bytes.len()))
    }
}

/// After a panic the instance is dropped, so nobody sees what it left half done.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Trap> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        Trap(
            words
                .or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()))
                .unwrap_or_default(),
        )
    })
}

impl Unit for Native {
    fn init(&mut self, hello: &[u8]) -> Result<i32, Trap> {
        let (ptr, len) = self.give(hello)?;
        caught(|| self.instance.init(ptr, len))
    }

    fn handle_request(&mut self, req: i64, request: &[u8]) -> Result<i32, Trap> {
        let (ptr, len) = self.give(request)?;
        caught(|| self.instance.handle_request(req, ptr, len))
    }

    fn cancel_request(&mut self, req: i64) -> Result<i32, Trap> {
        caught(|| self.instance.cancel_request(req))
    }

    fn complete(&mut self, op: u64, status: i32, head: &[u8], body: &[u8]) -> Result<i32, Trap> {
        let (head, body) = (self.give(head)?, self.give(body)?);
        caught(|| self.instance.complete(op as i64, status, head, body))
    }

    fn stream_event(&mut self, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<i32, Trap> {
        let (ptr, len) = self.give(data)?;
        caught(|| self.instance.stream_event(stream, kind, arg, ptr, len))
    }

    fn turn(&mut self, budget_us: i32) -> Result<i64, Trap> {
        caught(|| self.instance.turn(budget_us))
    }

    fn shutdown(&mut self, deadline_us: i64) -> Result<i32, Trap> {
        caught(|| self.instance.shutdown(deadline_us))
    }

    fn memory_bytes(&mut self) -> Option<u64> {
        None
    }
}
