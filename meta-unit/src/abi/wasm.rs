//! THE boundary file: each function that crosses it, in both directions. ABI.md is the specification; nothing is decided here.
//!
//! Exports are called by the host, on the one thread there is, never from inside an import. Pointers of exports are addresses of buffers that `yuan_alloc`
//! gave, and given away by the call; pointers of imports are lent to the host for the call.

use std::rc::Rc;

use super::Instance;
use super::imports::Imports;

/// Major, minor, and minimum host minor of the ABI: what a host reads before it compiles the module.
#[used]
#[unsafe(link_section = "avatar:abi")]
static ABI: [u8; 6] = {
    let (major, minor, min_host_minor) = (
        avatar_proto::ABI_MAJOR.to_le_bytes(),
        avatar_proto::ABI_MINOR.to_le_bytes(),
        0_u16.to_le_bytes(),
    );
    [
        major[0],
        major[1],
        minor[0],
        minor[1],
        min_host_minor[0],
        min_host_minor[1],
    ]
};

thread_local! {
    static INSTANCE: Instance = {
        std::panic::set_hook(Box::new(|info| Host.panic(&info.to_string())));
        Instance::new(Rc::new(Host))
    };
}

/// Legal always. A zeroed buffer, which the host fills and gives back to another export; 0 when there is none.
#[unsafe(no_mangle)]
extern "C" fn yuan_alloc(len: usize) -> usize {
    INSTANCE.with(|instance| instance.alloc(len))
}

/// Legal once, first. The buffer is a HostHello.
#[unsafe(no_mangle)]
extern "C" fn yuan_init(ptr: usize, len: usize) -> i32 {
    INSTANCE.with(|instance| instance.init(ptr, len))
}

/// Legal from init to shutdown. The buffer is a Request. The entry point.
#[unsafe(no_mangle)]
extern "C" fn yuan_handle_request(req: i64, ptr: usize, len: usize) -> i32 {
    INSTANCE.with(|instance| instance.handle_request(req, ptr, len))
}

/// Legal from init to shutdown.
#[unsafe(no_mangle)]
extern "C" fn yuan_cancel_request(req: i64) -> i32 {
    INSTANCE.with(|instance| instance.cancel_request(req))
}

/// Legal from init on. The buffers are the result of a host operation.
#[unsafe(no_mangle)]
extern "C" fn yuan_complete(
    op: i64,
    status: i32,
    head_ptr: usize,
    head_len: usize,
    body_ptr: usize,
    body_len: usize,
) -> i32 {
    INSTANCE.with(|instance| instance.complete(op, status, (head_ptr, head_len), (body_ptr, body_len)))
}

/// Legal from init to shutdown. The buffer is what the event's kind says.
#[unsafe(no_mangle)]
extern "C" fn yuan_stream_event(stream: i32, kind: i32, arg: i64, ptr: usize, len: usize) -> i32 {
    INSTANCE.with(|instance| instance.stream_event(stream, kind, arg, ptr, len))
}

/// Legal from init on. Works for about `budget_us`.
#[unsafe(no_mangle)]
extern "C" fn yuan_turn(budget_us: i32) -> i64 {
    INSTANCE.with(|instance| instance.turn(budget_us))
}

/// Legal once, after init.
#[unsafe(no_mangle)]
extern "C" fn yuan_shutdown(deadline_us: i64) -> i32 {
    INSTANCE.with(|instance| instance.shutdown(deadline_us))
}

/// What getrandom calls for all crates of the module.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(dest: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    // SAFETY: getrandom's contract: `dest` is valid for writes of `len` bytes. The host writes, and only during the call.
    match unsafe { import::avatar_random(dest, len) } {
        0 => Ok(()),
        _ => Err(getrandom::Error::UNEXPECTED),
    }
}

/// The functions of the host, one by one.
mod import {
    #[link(wasm_import_module = "avatar_v1")]
    unsafe extern "C" {
        pub fn avatar_log(level: i32, ptr: *const u8, len: usize);
        pub safe fn avatar_clock_unix_us() -> i64;
        pub safe fn avatar_clock_monotonic_us() -> i64;
        pub fn avatar_random(ptr: *mut u8, len: usize) -> i32;
        pub fn avatar_panic(ptr: *const u8, len: usize);
        pub fn avatar_respond(
            req: i64,
            flags: i32,
            head_ptr: *const u8,
            head_len: usize,
            body_ptr: *const u8,
            body_len: usize,
        ) -> i32;
        pub fn avatar_emit(topic: i32, ptr: *const u8, len: usize) -> i32;
        pub fn avatar_storage(
            op: i64,
            head_ptr: *const u8,
            head_len: usize,
            body_ptr: *const u8,
            body_len: usize,
        ) -> i32;
        pub fn avatar_net_request(
            op: i64,
            head_ptr: *const u8,
            head_len: usize,
            body_ptr: *const u8,
            body_len: usize,
        ) -> i32;
        pub fn avatar_infer(op: i64, head_ptr: *const u8, head_len: usize, body_ptr: *const u8, body_len: usize)
        -> i32;
        pub fn avatar_p2p(op: i64, ptr: *const u8, len: usize) -> i32;
        pub fn avatar_keys(op: i64, ptr: *const u8, len: usize) -> i32;
        pub safe fn avatar_cancel(op: i64) -> i32;
        pub fn avatar_stream_write(stream: i32, iov_ptr: *const u32, iov_cnt: usize) -> i32;
        pub safe fn avatar_stream_grant(stream: i32, bytes: i32) -> i32;
        pub safe fn avatar_stream_close(stream: i32, how: i32) -> i32;
    }
}

/// The host behind the imports.
struct Host;

/// Pointer and length of a lent buffer; the absent buffer is `(0, 0)`, not a dangling pointer.
fn lent(bytes: &[u8]) -> (*const u8, usize) {
    if bytes.is_empty() {
        (std::ptr::null(), 0)
    } else {
        (bytes.as_ptr(), bytes.len())
    }
}

/// In what follows, *lent* means: the buffers outlive the call, and the host touches nothing else, in the direction that the pointer's type says (ABI.md H1, H3).
impl Imports for Host {
    fn log(&self, level: i32, message: &str) {
        let (ptr, len) = lent(message.as_bytes());
        // SAFETY: lent.
        unsafe { import::avatar_log(level, ptr, len) }
    }

    fn clock_unix_us(&self) -> i64 {
        import::avatar_clock_unix_us()
    }

    fn clock_monotonic_us(&self) -> i64 {
        import::avatar_clock_monotonic_us()
    }

    fn random(&self, out: &mut [u8]) -> i32 {
        // SAFETY: lent.
        unsafe { import::avatar_random(out.as_mut_ptr(), out.len()) }
    }

    fn panic(&self, message: &str) {
        let (ptr, len) = lent(message.as_bytes());
        // SAFETY: lent.
        unsafe { import::avatar_panic(ptr, len) }
    }

    fn respond(&self, request: u64, flags: i32, head: &[u8], body: &[u8]) -> i32 {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (lent(head), lent(body));
        // SAFETY: lent.
        unsafe { import::avatar_respond(request as i64, flags, head_ptr, head_len, body_ptr, body_len) }
    }

    fn emit(&self, topic: i32, message: &[u8]) -> i32 {
        let (ptr, len) = lent(message);
        // SAFETY: lent.
        unsafe { import::avatar_emit(topic, ptr, len) }
    }

    fn storage(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (lent(head), lent(body));
        // SAFETY: lent.
        unsafe { import::avatar_storage(op as i64, head_ptr, head_len, body_ptr, body_len) }
    }

    fn net_request(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (lent(head), lent(body));
        // SAFETY: lent.
        unsafe { import::avatar_net_request(op as i64, head_ptr, head_len, body_ptr, body_len) }
    }

    fn infer(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (lent(head), lent(body));
        // SAFETY: lent.
        unsafe { import::avatar_infer(op as i64, head_ptr, head_len, body_ptr, body_len) }
    }

    fn p2p(&self, op: u64, command: &[u8]) -> i32 {
        let (ptr, len) = lent(command);
        // SAFETY: lent.
        unsafe { import::avatar_p2p(op as i64, ptr, len) }
    }

    fn keys(&self, op: u64, command: &[u8]) -> i32 {
        let (ptr, len) = lent(command);
        // SAFETY: lent.
        unsafe { import::avatar_keys(op as i64, ptr, len) }
    }

    fn cancel(&self, op: u64) -> i32 {
        import::avatar_cancel(op as i64)
    }

    fn stream_write(&self, stream: i32, parts: &[&[u8]]) -> i32 {
        // Addresses fit: this file is compiled for 32-bit memories only.
        let iov: Vec<u32> = parts
            .iter()
            .flat_map(|part| [part.as_ptr() as u32, part.len() as u32])
            .collect();
        // SAFETY: lent.
        unsafe { import::avatar_stream_write(stream, iov.as_ptr(), parts.len()) }
    }

    fn stream_grant(&self, stream: i32, bytes: i32) -> i32 {
        import::avatar_stream_grant(stream, bytes)
    }

    fn stream_close(&self, stream: i32, how: i32) -> i32 {
        import::avatar_stream_close(stream, how)
    }
}
