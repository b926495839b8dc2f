//! **The boundary file of this side.** Nothing else in this crate touches the guest's memory, calls `yuan_*`, or is called as `avatar_*`.
//!
//! [`Instance`] makes the calls of `proto/ABI.md` §4. [`Imports`] says what the imports of §5 to §7 mean; here their arguments are checked and lent.
//! An exception out of an export is a [`Trap`]: the instance is dead from then on, and its owner drops it (H7).

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use avatar_proto::{AbiStatus, DEFAULT_MAX_BUFFER_BYTES, ErrorCode, IMPORT_MODULE, stream_event};
use js_sys::{BigInt, Object, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::abi;
use crate::engine;
use crate::error::{HostError, HostErrorCode, describe, name_of};

#[wasm_bindgen]
extern "C" {
    type Exports;
    #[wasm_bindgen(method, catch)]
    fn yuan_alloc(this: &Exports, len: i32) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_init(this: &Exports, ptr: i32, len: i32) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_handle_request(this: &Exports, req: i64, ptr: i32, len: i32) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_cancel_request(this: &Exports, req: i64) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_complete(
        this: &Exports,
        op: i64,
        status: i32,
        head_ptr: i32,
        head_len: i32,
        body_ptr: i32,
        body_len: i32,
    ) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_stream_event(this: &Exports, stream: i32, kind: i32, arg: i64, ptr: i32, len: i32) -> Result<i32, JsValue>;
    #[wasm_bindgen(method, catch)]
    // Not an i64: where the call throws, the glue would hand `undefined` back for it, which is no BigInt, and the trap would surface as a TypeError.
    fn yuan_turn(this: &Exports, budget_us: i32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn yuan_shutdown(this: &Exports, deadline_us: i64) -> Result<i32, JsValue>;
}

/// The exports of ABI.md §4 that are functions.
const EXPORTED_FUNCTIONS: [&str; 8] = [
    "yuan_alloc",
    "yuan_init",
    "yuan_handle_request",
    "yuan_cancel_request",
    "yuan_complete",
    "yuan_stream_event",
    "yuan_turn",
    "yuan_shutdown",
];

/// The most parts of one `avatar_stream_write`.
const MAX_WRITE_PARTS: u32 = 1_024;

/// Flags of `avatar_respond`.
pub mod respond_flags {
    /// More answers follow.
    pub const MORE: i32 = 1;
    /// The last answer.
    pub const FIN: i32 = 2;
}

/// Kinds of `yuan_stream_event` that this host sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum StreamEventKind {
    /// It is open; the argument is the first write credit.
    Opened = stream_event::OPENED,
    /// Bytes, at most the credit granted.
    Data = stream_event::DATA,
    /// The other side writes no more.
    Fin = stream_event::FIN,
    /// The stream is dead; the argument is an AbiStatus.
    Reset = stream_event::RESET,
    /// Further write credit.
    Writable = stream_event::WRITABLE,
    /// A peer opened it; the argument is the first write credit.
    Inbound = stream_event::INBOUND,
}

impl StreamEventKind {
    /// The kind of this number.
    pub fn from_code(code: i32) -> Option<Self> {
        use StreamEventKind::{Data, Fin, Inbound, Opened, Reset, Writable};
        [Opened, Data, Fin, Reset, Writable, Inbound]
            .into_iter()
            .find(|kind| *kind as i32 == code)
    }
}

/// What the imports mean. Each method runs inside a call of an export: it must not call one, nor block (rule 1). Buffers are lent for the call (rule 2).
pub trait Imports: 'static {
    /// `avatar_log`.
    fn log(&self, level: i32, text: &str);
    /// `avatar_panic`: the last words; a trap follows.
    fn panic(&self, text: &str);
    /// `avatar_respond`. `fin`, or else more follows.
    fn respond(&self, req: u64, fin: bool, head: Lent, body: Lent) -> AbiStatus;
    /// `avatar_emit`, topic 1.
    fn emit(&self, event: Lent) -> AbiStatus;
    /// `avatar_storage`.
    fn storage(&self, op: u64, head: Lent, body: Lent) -> AbiStatus;
    /// `avatar_net_request`.
    fn net_request(&self, op: u64, head: Lent, body: Lent) -> AbiStatus;
    /// `avatar_keys`.
    fn keys(&self, op: u64, command: Lent) -> AbiStatus;
    /// `avatar_p2p`.
    fn p2p(&self, op: u64, command: Lent) -> AbiStatus;
    /// `avatar_cancel`.
    fn cancel(&self, op: u64) -> AbiStatus;
    /// `avatar_stream_grant`.
    fn stream_grant(&self, stream: u32, bytes: u32) -> AbiStatus;
    /// `avatar_stream_close`, `how` in 1 to 3.
    fn stream_close(&self, stream: u32, how: i32) -> AbiStatus;
    /// `avatar_stream_write` of these parts together: how many bytes were taken.
    fn stream_write(&self, stream: u32, parts: Vec<Lent>) -> Result<u32, AbiStatus>;
}

/// A buffer of the guest, checked against its memory (H4) and readable until the import returns.
pub struct Lent {
    view: Uint8Array,
    start: u32,
    len: u32,
}

impl Lent {
    /// How many bytes.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy, in Rust.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends a copy.
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        if self.len == 0 {
            return;
        }
        let at = bytes.len();
        bytes.resize(at + self.len as usize, 0);
        self.view
            .subarray(self.start, self.start + self.len)
            .copy_to(&mut bytes[at..]);
    }

    /// The guest's own memory, for who copies it before the import returns (H3).
    pub fn view(&self) -> Uint8Array {
        self.view.subarray(self.start, self.start + self.len)
    }

    /// A copy of `len` bytes from `offset` on, in a JavaScript buffer of its own; never through Rust's memory. `None` when it has not so many.
    pub fn copy_to_js(&self, offset: u32, len: u32) -> Option<Uint8Array> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len)?;
        Some(self.view.slice(self.start + offset, self.start + end))
    }
}

/// The guest's linear memory.
struct GuestMemory {
    memory: RefCell<Option<WebAssembly::Memory>>,
    view: RefCell<Uint8Array>,
}

impl GuestMemory {
    /// A valid view of all of the memory (H2). Growth detaches the old buffer, and the length of a view of it is 0.
    fn view(&self) -> Uint8Array {
        let mut view = self.view.borrow_mut();
        if view.length() == 0
            && let Some(memory) = self.memory.borrow().as_ref()
        {
            *view = Uint8Array::new(&memory.buffer());
        }
        view.clone()
    }

    fn lend(&self, ptr: i32, len: i32) -> Result<Lent, AbiStatus> {
        // Unsigned numbers travel in an i32 (§2).
        let (start, len) = (ptr as u32, len as u32);
        let view = self.view();
        match start.checked_add(len) {
            Some(end) if end <= view.length() => {}
            _ => return Err(AbiStatus::BadBuffer),
        }
        if len > DEFAULT_MAX_BUFFER_BYTES {
            return Err(AbiStatus::Limit);
        }
        Ok(Lent { view, start, len })
    }
}

/// The instance died: an exception came out of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The engine's words.
    pub reason: String,
}

/// What an export answered, or why it cannot any more.
pub type Answer<T> = Result<T, Trap>;

/// A compiled module that passed the checks of ABI.md §3.
#[derive(Clone)]
pub struct CheckedModule {
    module: WebAssembly::Module,
    build_id: Rc<str>,
}

impl CheckedModule {
    /// Reads the custom sections, which needs no instance (H6).
    pub fn check(module: WebAssembly::Module, expected_build: Option<&str>) -> Result<Self, HostError> {
        let section = |name: &str| {
            WebAssembly::Module::custom_sections(&module, name)
                .get(0)
                .dyn_into::<js_sys::ArrayBuffer>()
                .map(|buffer| Uint8Array::new(&buffer).to_vec())
                .map_err(|_| HostError::new(HostErrorCode::WrongModule, format!("it has no section {name}")))
        };
        abi::check_abi(&section(abi::ABI_SECTION)?)?;
        let build_id = abi::check_build(&section(abi::BUILD_SECTION)?, expected_build)?;
        Ok(Self {
            module,
            build_id: build_id.into(),
        })
    }

    /// The build id, hex.
    pub fn build_id(&self) -> &str {
        &self.build_id
    }
}

/// A running guest. Dropping it drops the last way to run its code.
pub struct Instance {
    exports: Exports,
    memory: Rc<GuestMemory>,
    dead: Cell<bool>,
    _imports: Vec<Box<dyn Any>>,
}

impl Instance {
    /// Instantiates the module. A module whose imports or exports are not those of the ABI is [`HostErrorCode::WrongModule`].
    pub async fn start(module: &CheckedModule, imports: Rc<dyn Imports>) -> Result<Self, HostError> {
        let memory = Rc::new(GuestMemory {
            memory: RefCell::new(None),
            view: RefCell::new(Uint8Array::new_with_length(0)),
        });
        let linker = Linker::link(memory.clone(), imports);
        let import_object = Object::new();
        engine::set(&import_object, IMPORT_MODULE, &linker.functions);
        let instance = JsFuture::from(WebAssembly::instantiate_module(&module.module, &import_object))
            .await
            .map_err(|error| refused(&error))?
            .unchecked_into::<WebAssembly::Instance>();
        let exports = instance.exports();
        let export = |name: &str| js_sys::Reflect::get(&exports, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if let Some(missing) = EXPORTED_FUNCTIONS.iter().find(|name| !export(name).is_function()) {
            return Err(HostError::new(
                HostErrorCode::WrongModule,
                format!("it does not export {missing}"),
            ));
        }
        let linear: WebAssembly::Memory = export("memory")
            .dyn_into()
            .map_err(|_| HostError::new(HostErrorCode::WrongModule, "it does not export its memory"))?;
        memory.memory.replace(Some(linear));
        Ok(Self {
            exports: exports.unchecked_into(),
            memory,
            dead: Cell::new(false),
            _imports: linker.closures,
        })
    }

    fn call<T>(&self, result: Result<T, JsValue>) -> Answer<T> {
        result.map_err(|error| {
            self.dead.set(true);
            Trap {
                reason: describe(&error),
            }
        })
    }

    /// Gives the guest a buffer of `len` bytes that `fill` writes, and returns its pointer: 0 for none, `None` when the guest cannot.
    fn give(&self, len: usize, fill: impl FnOnce(&Uint8Array)) -> Answer<Option<i32>> {
        if self.dead.get() {
            return Err(Trap {
                reason: "the instance is dead".into(),
            });
        }
        if len == 0 {
            return Ok(Some(0));
        }
        let Ok(wire_len) = i32::try_from(len) else {
            return Ok(None);
        };
        let ptr = self.call(self.exports.yuan_alloc(wire_len))?;
        if ptr == 0 {
            return Ok(None);
        }
        let start = ptr as u32;
        let view = self.memory.view();
        match start.checked_add(len as u32) {
            Some(end) if end <= view.length() => fill(&view.subarray(start, end)),
            // A guest that hands out what it does not have cannot be trusted with anything further (H1).
            _ => {
                self.dead.set(true);
                return Err(Trap {
                    reason: "yuan_alloc gave a buffer outside of the memory".into(),
                });
            }
        }
        Ok(Some(ptr))
    }

    fn give_bytes(&self, bytes: &[u8]) -> Answer<Option<i32>> {
        self.give(bytes.len(), |guest| guest.copy_from(bytes))
    }

    /// `yuan_init`.
    pub fn init(&self, hello: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(ptr) = self.give_bytes(hello)? else {
            return Ok(Err(AbiStatus::Limit));
        };
        Ok(status(self.call(self.exports.yuan_init(ptr, hello.len() as i32))?))
    }

    /// `yuan_handle_request`.
    pub fn handle_request(&self, req: u64, request: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(ptr) = self.give_bytes(request)? else {
            return Ok(Err(AbiStatus::Limit));
        };
        Ok(status(self.call(self.exports.yuan_handle_request(
            req as i64,
            ptr,
            request.len() as i32,
        ))?))
    }

    /// `yuan_cancel_request`.
    pub fn cancel_request(&self, req: u64) -> Answer<Result<(), AbiStatus>> {
        Ok(status(self.call(self.exports.yuan_cancel_request(req as i64))?))
    }

    /// `yuan_complete`. `code` is 0 or a negative AbiStatus; the body's parts go from JavaScript's memory straight into the guest's, one after another.
    pub fn complete(&self, op: u64, code: i32, head: &[u8], body: &[Uint8Array]) -> Answer<Result<(), AbiStatus>> {
        let Some(head_ptr) = self.give_bytes(head)? else {
            // No room for what happened: that it ended is said all the same (H14).
            let ended = self
                .exports
                .yuan_complete(op as i64, AbiStatus::Limit.code(), 0, 0, 0, 0);
            return Ok(status(self.call(ended)?));
        };
        let body_len: usize = body.iter().map(|part| part.length() as usize).sum();
        let body_ptr = self.give(body_len, |guest| {
            let mut at = 0;
            for part in body {
                guest.set(part, at);
                at += part.length();
            }
        })?;
        let Some(body_ptr) = body_ptr else {
            // The head is the guest's already: an operation that ends without a result takes it along.
            return Ok(status(self.call(self.exports.yuan_complete(
                op as i64,
                AbiStatus::Limit.code(),
                head_ptr,
                head.len() as i32,
                0,
                0,
            ))?));
        };
        Ok(status(self.call(self.exports.yuan_complete(
            op as i64,
            code,
            head_ptr,
            head.len() as i32,
            body_ptr,
            body_len as i32,
        ))?))
    }

    /// `yuan_stream_event`.
    pub fn stream_event(
        &self,
        stream: u32,
        kind: StreamEventKind,
        arg: i64,
        data: Option<&Uint8Array>,
    ) -> Answer<Result<(), AbiStatus>> {
        let len = data.map_or(0, Uint8Array::length);
        let ptr = self.give(len as usize, |guest| {
            if let Some(data) = data {
                guest.set(data, 0);
            }
        })?;
        let Some(ptr) = ptr else {
            return Ok(Err(AbiStatus::Limit));
        };
        Ok(status(self.call(self.exports.yuan_stream_event(
            stream as i32,
            kind as i32,
            arg,
            ptr,
            len as i32,
        ))?))
    }

    /// `yuan_turn`: 0 = more work, n > 0 = µs to the next timer, negative = idle.
    pub fn turn(&self, budget_us: i32) -> Answer<i64> {
        let next = self.call(self.exports.yuan_turn(budget_us))?;
        i64::try_from(BigInt::unchecked_from_js(next)).map_err(|_| Trap {
            reason: "yuan_turn answered something that is no i64".into(),
        })
    }

    /// `yuan_shutdown`.
    pub fn shutdown(&self, deadline_us: i64) -> Answer<Result<(), AbiStatus>> {
        Ok(status(self.call(self.exports.yuan_shutdown(deadline_us))?))
    }
}

fn status(code: i32) -> Result<(), AbiStatus> {
    AbiStatus::check(code).map(|_| ())
}

/// Why a module was not instantiated.
fn refused(error: &JsValue) -> HostError {
    let words = describe(error);
    let code = match name_of(error).as_str() {
        "LinkError" => HostErrorCode::WrongModule,
        // A start function that trapped: no module of this ABI has one.
        "RuntimeError" => HostErrorCode::WrongModule,
        // Content-Security-Policy speaks as a CompileError; a lack of memory as a RangeError.
        "CompileError" => HostErrorCode::NoWasm,
        _ => HostErrorCode::App(ErrorCode::Internal),
    };
    HostError::new(code, words)
}

/// Makes the JavaScript functions of the import module, and keeps them alive.
struct Linker {
    functions: Object,
    closures: Vec<Box<dyn Any>>,
}

impl Linker {
    fn add<F: ?Sized + wasm_bindgen::closure::WasmClosure + 'static>(&mut self, name: &str, closure: Closure<F>) {
        engine::set(&self.functions, name, closure.as_ref());
        self.closures.push(Box::new(closure));
    }

    /// An operation with a head and a body.
    fn add_operation(
        &mut self,
        name: &str,
        memory: &Rc<GuestMemory>,
        run: impl Fn(u64, Lent, Lent) -> AbiStatus + 'static,
    ) {
        let memory = memory.clone();
        self.add(
            name,
            Closure::<dyn Fn(i64, i32, i32, i32, i32) -> i32>::new(
                move |op: i64, head_ptr: i32, head_len: i32, body_ptr: i32, body_len: i32| {
                    if op == 0 {
                        return AbiStatus::Invalid.code();
                    }
                    match (memory.lend(head_ptr, head_len), memory.lend(body_ptr, body_len)) {
                        (Ok(head), Ok(body)) => run(op as u64, head, body).code(),
                        (Err(status), _) | (_, Err(status)) => status.code(),
                    }
                },
            ),
        );
    }

    fn link(memory: Rc<GuestMemory>, imports: Rc<dyn Imports>) -> Self {
        let mut linker = Self {
            functions: Object::new(),
            closures: Vec::new(),
        };

        linker.add(
            "avatar_log",
            Closure::<dyn Fn(i32, i32, i32)>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |level, ptr, len| {
                    if let Ok(text) = memory.lend(ptr, len) {
                        imports.log(level, &String::from_utf8_lossy(&text.to_vec()));
                    }
                }
            }),
        );
        linker.add(
            "avatar_panic",
            Closure::<dyn Fn(i32, i32)>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |ptr, len| {
                    if let Ok(text) = memory.lend(ptr, len) {
                        imports.panic(&String::from_utf8_lossy(&text.to_vec()));
                    }
                }
            }),
        );
        linker.add("avatar_clock_unix_us", Closure::<dyn Fn() -> i64>::new(engine::unix_us));
        linker.add(
            "avatar_clock_monotonic_us",
            Closure::<dyn Fn() -> i64>::new(engine::monotonic_us),
        );
        linker.add(
            "avatar_random",
            Closure::<dyn Fn(i32, i32) -> i32>::new({
                let memory = memory.clone();
                move |ptr, len| {
                    let filled = memory.lend(ptr, len).and_then(|lent| {
                        engine::fill_random(&lent.view.subarray(lent.start, lent.start + lent.len))
                            .map_err(|_| AbiStatus::Io)
                    });
                    filled.err().unwrap_or(AbiStatus::Ok).code()
                }
            }),
        );
        linker.add(
            "avatar_respond",
            Closure::<dyn Fn(i64, i32, i32, i32, i32, i32) -> i32>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |req: i64, flags: i32, head_ptr: i32, head_len: i32, body_ptr: i32, body_len: i32| {
                    let fin = match flags {
                        respond_flags::MORE => false,
                        respond_flags::FIN => true,
                        _ => return AbiStatus::Invalid.code(),
                    };
                    match (memory.lend(head_ptr, head_len), memory.lend(body_ptr, body_len)) {
                        (Ok(head), Ok(body)) => imports.respond(req as u64, fin, head, body).code(),
                        (Err(status), _) | (_, Err(status)) => status.code(),
                    }
                }
            }),
        );
        linker.add(
            "avatar_emit",
            Closure::<dyn Fn(i32, i32, i32) -> i32>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |topic, ptr, len| {
                    if topic != 1 {
                        return AbiStatus::Unsupported.code();
                    }
                    match memory.lend(ptr, len) {
                        Ok(event) => imports.emit(event).code(),
                        Err(status) => status.code(),
                    }
                }
            }),
        );

        linker.add_operation("avatar_storage", &memory, {
            let imports = imports.clone();
            move |op, head, body| imports.storage(op, head, body)
        });
        linker.add_operation("avatar_net_request", &memory, {
            let imports = imports.clone();
            move |op, head, body| imports.net_request(op, head, body)
        });
        linker.add(
            "avatar_keys",
            Closure::<dyn Fn(i64, i32, i32) -> i32>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |op: i64, ptr: i32, len: i32| match memory.lend(ptr, len) {
                    _ if op == 0 => AbiStatus::Invalid.code(),
                    Ok(command) => imports.keys(op as u64, command).code(),
                    Err(status) => status.code(),
                }
            }),
        );
        linker.add(
            "avatar_p2p",
            Closure::<dyn Fn(i64, i32, i32) -> i32>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |op: i64, ptr: i32, len: i32| match memory.lend(ptr, len) {
                    _ if op == 0 => AbiStatus::Invalid.code(),
                    Ok(command) => imports.p2p(op as u64, command).code(),
                    Err(status) => status.code(),
                }
            }),
        );
        // A capability that this host lacks: H16.
        linker.add_operation("avatar_infer", &memory, |_, _, _| AbiStatus::Unsupported);
        linker.add(
            "avatar_cancel",
            Closure::<dyn Fn(i64) -> i32>::new({
                let imports = imports.clone();
                move |op: i64| imports.cancel(op as u64).code()
            }),
        );

        linker.add(
            "avatar_stream_write",
            Closure::<dyn Fn(i32, i32, i32) -> i32>::new({
                let (memory, imports) = (memory.clone(), imports.clone());
                move |stream: i32, iov_ptr: i32, iov_count: i32| {
                    // The vector of (pointer, length) pairs has to lie inside the memory, and so does each buffer.
                    let Some(iov_len) = (iov_count as u32).checked_mul(8) else {
                        return AbiStatus::BadBuffer.code();
                    };
                    let checked = memory.lend(iov_ptr, iov_len as i32).and_then(|iov| {
                        if iov_count as u32 > MAX_WRITE_PARTS {
                            return Err(AbiStatus::Limit);
                        }
                        let parts = iov.to_vec();
                        let parts: Result<Vec<_>, _> = (parts.chunks_exact(8))
                            .map(|pair| {
                                let word = |at: usize| {
                                    i32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]])
                                };
                                memory.lend(word(0), word(4))
                            })
                            .collect();
                        imports.stream_write(stream as u32, parts?)
                    });
                    match checked {
                        Ok(taken) => taken as i32,
                        Err(status) => status.code(),
                    }
                }
            }),
        );
        linker.add(
            "avatar_stream_grant",
            Closure::<dyn Fn(i32, i32) -> i32>::new({
                let imports = imports.clone();
                move |stream: i32, bytes: i32| imports.stream_grant(stream as u32, bytes as u32).code()
            }),
        );
        linker.add(
            "avatar_stream_close",
            Closure::<dyn Fn(i32, i32) -> i32>::new(move |stream: i32, how: i32| match how {
                1..=3 => imports.stream_close(stream as u32, how).code(),
                _ => AbiStatus::Invalid.code(),
            }),
        );
        linker
    }
}
