//! The buffers that `yuan_alloc` gave and no export has taken back yet: the reason why a wrong pointer is a status, and not undefined behaviour.

use std::alloc::Layout;
use std::collections::HashMap;

use avatar_proto::AbiStatus;

/// Buffers that wait in the ledger, in bytes, at most: a host that allocates and never calls must not eat the memory.
const MAX_LENT_BYTES: usize = 256 * 1024 * 1024;

/// Owns each lent buffer under its address.
#[derive(Default)]
pub struct Ledger {
    lent: HashMap<usize, Buffer>,
    lent_bytes: usize,
}

/// A live allocation of `len` initialised bytes of the global allocator, with alignment 1.
struct Buffer {
    ptr: *mut u8,
    len: usize,
}

impl Buffer {
    fn zeroed(len: usize) -> Option<Self> {
        debug_assert_ne!(len, 0);
        let layout = Layout::array::<u8>(len).ok()?;
        // SAFETY: the layout's size is not 0, as every caller checks.
        let ptr = unsafe { std::alloc::alloc_zeroed(layout) };
        (!ptr.is_null()).then_some(Self { ptr, len })
    }

    fn into_vec(self) -> Vec<u8> {
        let buffer = std::mem::ManuallyDrop::new(self);
        // SAFETY: by the type's invariant `ptr` is an allocation of the global allocator with this size and alignment 1, all bytes are initialised
        // (zeroed, then perhaps written by the host), and `ManuallyDrop` leaves the vector its only owner.
        unsafe { Vec::from_raw_parts(buffer.ptr, buffer.len, buffer.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: as in `into_vec`; nobody else frees it, because `into_vec` does not drop.
        drop(unsafe { Vec::from_raw_parts(self.ptr, self.len, self.len) });
    }
}

impl Ledger {
    /// The address of a zeroed buffer of `len` bytes; `None` for a length of 0 or over `max_len`, or when memory is short.
    pub fn alloc(&mut self, len: usize, max_len: usize) -> Option<usize> {
        if len == 0 || len > max_len || self.lent_bytes + len > MAX_LENT_BYTES {
            return None;
        }
        let buffer = Buffer::zeroed(len)?;
        let address = buffer.ptr.expose_provenance();
        self.lent_bytes += len;
        self.lent.insert(address, buffer);
        Some(address)
    }

    /// Takes the buffer that the host gives away. `(0, 0)` is the absent buffer; anything that is not exactly a lent one is `BadBuffer`.
    pub fn take(&mut self, address: usize, len: usize) -> Result<Vec<u8>, AbiStatus> {
        if address == 0 && len == 0 {
            return Ok(Vec::new());
        }
        match self.lent.get(&address) {
            Some(buffer) if buffer.len == len => {}
            _ => return Err(AbiStatus::BadBuffer),
        }
        let buffer = self.lent.remove(&address).ok_or(AbiStatus::BadBuffer)?;
        self.lent_bytes -= len;
        Ok(buffer.into_vec())
    }

    /// Takes a head and a body. If one of them is no buffer of the ledger, the other one is freed all the same: the host gave it away.
    pub fn take_two(&mut self, head: (usize, usize), body: (usize, usize)) -> Result<(Vec<u8>, Vec<u8>), AbiStatus> {
        let (head, body) = (self.take(head.0, head.1), self.take(body.0, body.1));
        Ok((head?, body?))
    }

    /// Buffers in the ledger.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.lent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1024;

    #[test]
    fn g1_a_buffer_is_zeroed_and_taken_once() {
        let mut ledger = Ledger::default();
        let address = ledger.alloc(5, MAX).expect("memory");
        assert_eq!(ledger.take(address, 5), Ok(vec![0; 5]));
        assert_eq!(ledger.take(address, 5), Err(AbiStatus::BadBuffer));
    }

    #[test]
    fn g1_what_is_not_exactly_a_lent_buffer_is_bad() {
        let mut ledger = Ledger::default();
        let address = ledger.alloc(8, MAX).expect("memory");
        for (address, len) in [
            (address, 7),
            (address, 9),
            (address + 1, 7),
            (address, 0),
            (0, 8),
            (0, 1),
            (usize::MAX, usize::MAX),
            (1, 0),
        ] {
            assert_eq!(
                ledger.take(address, len),
                Err(AbiStatus::BadBuffer),
                "({address}, {len})"
            );
        }
        assert!(ledger.take(address, 8).is_ok(), "the wrong calls did nothing to it");
        assert_eq!(ledger.take(0, 0), Ok(Vec::new()));
    }

    #[test]
    fn g2_of_two_buffers_the_good_one_is_owned_even_when_the_other_is_bad() {
        let mut ledger = Ledger::default();
        let (head, body) = (
            ledger.alloc(4, MAX).expect("memory"),
            ledger.alloc(4, MAX).expect("memory"),
        );
        assert_eq!(
            ledger.take_two((head, 4), (head, 4)),
            Err(AbiStatus::BadBuffer),
            "one buffer is not two"
        );
        assert_eq!(ledger.take_two((1, 1), (body, 4)), Err(AbiStatus::BadBuffer));
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn lengths_out_of_bounds_give_no_buffer() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.alloc(0, MAX), None);
        assert_eq!(ledger.alloc(MAX + 1, MAX), None);
        assert_eq!(ledger.alloc(usize::MAX, usize::MAX - 1), None);
    }

    #[test]
    fn a_host_that_only_allocates_meets_a_limit() {
        let mut ledger = Ledger::default();
        let each = 16 * 1024 * 1024;
        let given = std::iter::from_fn(|| ledger.alloc(each, each)).take(100).count();
        assert_eq!(given, MAX_LENT_BYTES / each);
    }
}
