//! The built file under wasmtime: its memory begins as a copy-on-write image of the module's data, so that a thousand units share what they have not changed.

use std::path::Path;
use std::rc::Rc;

use meta_unit::abi::imports::Imports;
use wasmtime::{Caller, Config, Engine, InstancePre, Linker, Memory, Store, TypedFunc};

use super::{Trap, Unit};
use crate::boundary::Boundary;

const IMPORTS: &str = avatar_proto::IMPORT_MODULE;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct LoadError(wasmtime::Error);

/// A compiled file with its imports linked.
#[derive(Clone)]
pub struct Module(InstancePre<Rc<Boundary>>);

impl Module {
    /// Compiles a file.
    ///
    /// # Errors
    /// It cannot be read, is no module, or imports what ABI.md does not have.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let compile = || {
            let mut config = Config::new();
            config.memory_init_cow(true);
            let engine = Engine::new(&config)?;
            let module = wasmtime::Module::from_file(&engine, path)?;
            linker(&engine)?.instantiate_pre(&module)
        };
        compile().map(Self).map_err(LoadError)
    }

    /// A new life behind this boundary.
    ///
    /// # Errors
    /// It cannot be instantiated.
    pub fn start(&self, boundary: Rc<Boundary>) -> Result<Box<dyn Unit>, Trap> {
        Ok(Box::new(Wasm::new(&self.0, boundary).map_err(died)?))
    }
}

fn died(error: wasmtime::Error) -> Trap {
    Trap(format!("{error:#}"))
}

type Host<'a> = Caller<'a, Rc<Boundary>>;

fn memory(caller: &mut Host<'_>) -> wasmtime::Result<Memory> {
    let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    memory.ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))
}

/// A lent buffer. One outside the memory ends the unit: it is a bug, which must not go unseen.
fn lent(caller: &mut Host<'_>, ptr: i32, len: i32) -> wasmtime::Result<Vec<u8>> {
    let (start, len) = (ptr as u32 as usize, len as u32 as usize);
    let bytes = memory(caller)?.data(&*caller).get(start..start.saturating_add(len));
    let bytes = bytes.ok_or_else(|| wasmtime::Error::msg("a lent buffer lies outside the memory"))?;
    Ok(bytes.to_vec())
}

fn text(caller: &mut Host<'_>, ptr: i32, len: i32) -> wasmtime::Result<String> {
    String::from_utf8(lent(caller, ptr, len)?).map_err(wasmtime::Error::from)
}

/// `avatar_storage` and those with the same parameters.
type Operation = fn(&Boundary, u64, &[u8], &[u8]) -> i32;

/// `avatar_keys` and those with the same parameters.
type Command = fn(&Boundary, u64, &[u8]) -> i32;

fn linker(engine: &Engine) -> wasmtime::Result<Linker<Rc<Boundary>>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        IMPORTS,
        "avatar_log",
        |mut host: Host<'_>, level: i32, ptr: i32, len: i32| -> wasmtime::Result<()> {
            let message = text(&mut host, ptr, len)?;
            host.data().log(level, &message);
            Ok(())
        },
    )?;
    linker.func_wrap(IMPORTS, "avatar_clock_unix_us", |host: Host<'_>| {
        host.data().clock_unix_us()
    })?;
    linker.func_wrap(IMPORTS, "avatar_clock_monotonic_us", |host: Host<'_>| {
        host.data().clock_monotonic_us()
    })?;
    linker.func_wrap(
        IMPORTS,
        "avatar_random",
        |mut host: Host<'_>, ptr: i32, len: i32| -> wasmtime::Result<i32> {
            let mut bytes = lent(&mut host, ptr, len)?;
            let code = host.data().random(&mut bytes);
            memory(&mut host)?.write(&mut host, ptr as u32 as usize, &bytes)?;
            Ok(code)
        },
    )?;
    linker.func_wrap(
        IMPORTS,
        "avatar_panic",
        |mut host: Host<'_>, ptr: i32, len: i32| -> wasmtime::Result<()> {
            let words = text(&mut host, ptr, len)?;
            host.data().panic(&words);
            Ok(())
        },
    )?;
    linker.func_wrap(
        IMPORTS,
        "avatar_respond",
        |mut host: Host<'_>, req: i64, flags: i32, head_ptr: i32, head_len: i32, body_ptr: i32, body_len: i32| {
            let head = lent(&mut host, head_ptr, head_len)?;
            let body = lent(&mut host, body_ptr, body_len)?;
            wasmtime::Result::Ok(host.data().respond(req as u64, flags, &head, &body))
        },
    )?;
    linker.func_wrap(
        IMPORTS,
        "avatar_emit",
        |mut host: Host<'_>, topic: i32, ptr: i32, len: i32| -> wasmtime::Result<i32> {
            let message = lent(&mut host, ptr, len)?;
            Ok(host.data().emit(topic, &message))
        },
    )?;
    let operations: [(&str, Operation); 3] = [
        ("avatar_storage", |host, op, head, body| host.storage(op, head, body)),
        ("avatar_net_request", |host, op, head, body| {
            host.net_request(op, head, body)
        }),
        ("avatar_infer", |host, op, head, body| host.infer(op, head, body)),
    ];
    for (name, begin) in operations {
        linker.func_wrap(
            IMPORTS,
            name,
            move |mut host: Host<'_>, op: i64, head_ptr: i32, head_len: i32, body_ptr: i32, body_len: i32| {
                let head = lent(&mut host, head_ptr, head_len)?;
                let body = lent(&mut host, body_ptr, body_len)?;
                wasmtime::Result::Ok(begin(host.data(), op as u64, &head, &body))
            },
        )?;
    }
    let commands: [(&str, Command); 2] = [
        ("avatar_p2p", |host, op, command| host.p2p(op, command)),
        ("avatar_keys", |host, op, command| host.keys(op, command)),
    ];
    for (name, begin) in commands {
        linker.func_wrap(
            IMPORTS,
            name,
            move |mut host: Host<'_>, op: i64, ptr: i32, len: i32| -> wasmtime::Result<i32> {
                let command = lent(&mut host, ptr, len)?;
                Ok(begin(host.data(), op as u64, &command))
            },
        )?;
    }
    linker.func_wrap(IMPORTS, "avatar_cancel", |host: Host<'_>, op: i64| {
        host.data().cancel(op as u64)
    })?;
    linker.func_wrap(
        IMPORTS,
        "avatar_stream_write",
        |mut host: Host<'_>, stream: i32, iov_ptr: i32, iov_cnt: i32| -> wasmtime::Result<i32> {
            let iov = lent(&mut host, iov_ptr, iov_cnt.saturating_mul(8))?;
            let mut parts = Vec::new();
            for pair in iov.chunks_exact(8) {
                let (ptr, len) = pair.split_at(4);
                let number = |bytes: &[u8]| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                parts.push(lent(&mut host, number(ptr), number(len))?);
            }
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            Ok(host.data().stream_write(stream, &parts))
        },
    )?;
    linker.func_wrap(
        IMPORTS,
        "avatar_stream_grant",
        |host: Host<'_>, stream: i32, bytes: i32| host.data().stream_grant(stream, bytes),
    )?;
    linker.func_wrap(
        IMPORTS,
        "avatar_stream_close",
        |host: Host<'_>, stream: i32, how: i32| host.data().stream_close(stream, how),
    )?;
    Ok(linker)
}

/// `yuan_complete`.
type Complete = TypedFunc<(i64, i32, i32, i32, i32, i32), i32>;

/// One life.
struct Wasm {
    store: Store<Rc<Boundary>>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    init: TypedFunc<(i32, i32), i32>,
    handle_request: TypedFunc<(i64, i32, i32), i32>,
    cancel_request: TypedFunc<i64, i32>,
    complete: Complete,
    stream_event: TypedFunc<(i32, i32, i64, i32, i32), i32>,
    turn: TypedFunc<i32, i64>,
    shutdown: TypedFunc<i64, i32>,
}

impl Wasm {
    fn new(module: &InstancePre<Rc<Boundary>>, boundary: Rc<Boundary>) -> wasmtime::Result<Self> {
        let mut store = Store::new(module.module().engine(), boundary);
        let instance = module.instantiate(&mut store)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))?;
        Ok(Self {
            memory,
            alloc: instance.get_typed_func(&mut store, "yuan_alloc")?,
            init: instance.get_typed_func(&mut store, "yuan_init")?,
            handle_request: instance.get_typed_func(&mut store, "yuan_handle_request")?,
            cancel_request: instance.get_typed_func(&mut store, "yuan_cancel_request")?,
            complete: instance.get_typed_func(&mut store, "yuan_complete")?,
            stream_event: instance.get_typed_func(&mut store, "yuan_stream_event")?,
            turn: instance.get_typed_func(&mut store, "yuan_turn")?,
            shutdown: instance.get_typed_func(&mut store, "yuan_shutdown")?,
            store,
        })
    }

    /// A buffer of the unit with these bytes.
    fn give(&mut self, bytes: &[u8]) -> Result<(i32, i32), Trap> {
        if bytes.is_empty() {
            return Ok((0, 0));
        }
        let len = i32::try_from(bytes.len()).map_err(|_| Trap("a buffer of more than 2 GiB".to_owned()))?;
        let ptr = self.alloc.call(&mut self.store, len).map_err(died)?;
        if ptr == 0 {
            return Err(Trap(format!("no buffer of {len} bytes")));
        }
        let written = self.memory.write(&mut self.store, ptr as u32 as usize, bytes);
        written.map_err(|error| Trap(error.to_string()))?;
        Ok((ptr, len))
    }
}

impl Unit for Wasm {
    fn init(&mut self, hello: &[u8]) -> Result<i32, Trap> {
        let buffer = self.give(hello)?;
        self.init.call(&mut self.store, buffer).map_err(died)
    }

    fn handle_request(&mut self, req: i64, request: &[u8]) -> Result<i32, Trap> {
        let (ptr, len) = self.give(request)?;
        self.handle_request.call(&mut self.store, (req, ptr, len)).map_err(died)
    }

    fn cancel_request(&mut self, req: i64) -> Result<i32, Trap> {
        self.cancel_request.call(&mut self.store, req).map_err(died)
    }

    fn complete(&mut self, op: u64, status: i32, head: &[u8], body: &[u8]) -> Result<i32, Trap> {
        let ((head_ptr, head_len), (body_ptr, body_len)) = (self.give(head)?, self.give(body)?);
        let arguments = (op as i64, status, head_ptr, head_len, body_ptr, body_len);
        self.complete.call(&mut self.store, arguments).map_err(died)
    }

    fn stream_event(&mut self, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<i32, Trap> {
        let (ptr, len) = self.give(data)?;
        let arguments = (stream, kind, arg, ptr, len);
        self.stream_event.call(&mut self.store, arguments).map_err(died)
    }

    fn turn(&mut self, budget_us: i32) -> Result<i64, Trap> {
        self.turn.call(&mut self.store, budget_us).map_err(died)
    }

    fn shutdown(&mut self, deadline_us: i64) -> Result<i32, Trap> {
        self.shutdown.call(&mut self.store, deadline_us).map_err(died)
    }

    fn memory_bytes(&mut self) -> Option<u64> {
        Some(self.memory.data_size(&self.store) as u64)
    }
}
