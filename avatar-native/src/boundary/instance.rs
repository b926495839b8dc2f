//! One running guest.

use std::time::Duration;

use avatar_proto::{AbiStatus, DEFAULT_MAX_BUFFER_BYTES, IMPORT_MODULE};
use wasmtime::{Caller, Func, FuncType, Linker, Memory, Store, StoreLimits, StoreLimitsBuilder, Val, ValType};

use super::functions::{Export, Import, Signature, Type};
use crate::error::{HostError, HostErrorCode};
use crate::module::{EPOCH_TICK, MetaUnit};
use crate::trace::Recorder;

/// What an instance may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Linear memory, bytes. Growth beyond it fails in the guest.
    pub memory_bytes: usize,
    /// How long one call may take, turns included, before the instance is ended.
    pub call: Duration,
}

impl Default for Limits {
    /// 2 GiB and 10 seconds.
    fn default() -> Self {
        Self {
            memory_bytes: 2 * 1024 * 1024 * 1024,
            call: Duration::from_secs(10),
        }
    }
}

/// What the imports mean. Each method runs inside a call of an export: it must not call one, nor block (rule 1). Buffers are lent for the call (rule 2).
pub trait Imports: 'static {
    /// A call of any import but `avatar_random`. `lent` are its buffers in order, checked against the memory (H4), or why they are refused, which is then the answer of
    /// a host that has nothing to add. Returns what the import returns; 0 where it returns nothing.
    fn call(&mut self, import: Import, args: &[i64], lent: Result<&[&[u8]], AbiStatus>) -> i64;
    /// `avatar_random`: fills the buffer, of any length (H13).
    fn random(&mut self, args: &[i64], out: Result<&mut [u8], AbiStatus>) -> i64;
    /// Asked after each call: whether the guest is to be ended here, as by a trap.
    fn stopped(&self) -> bool {
        false
    }
}

/// The instance died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The engine's words.
    pub reason: String,
    /// The host ended it, because a call took too long.
    pub interrupted: bool,
}

/// What an export answered, or why it cannot any more.
pub type Answer<T> = Result<T, Trap>;

struct State {
    imports: Box<dyn Imports>,
    memory: Option<Memory>,
    limits: StoreLimits,
    recorder: Option<Recorder>,
}

/// A running guest. Dropping it drops the last way to run its code.
pub struct Instance {
    store: Store<State>,
    memory: Memory,
    exports: Vec<Func>,
    ticks_per_call: u64,
    dead: bool,
}

impl Instance {
    /// Instantiates the module. One whose imports or exports are not those of the ABI is [`HostErrorCode::WrongModule`]. Every call is told to `recorder`.
    pub fn start(
        unit: &MetaUnit,
        limits: Limits,
        imports: Box<dyn Imports>,
        recorder: Option<Recorder>,
    ) -> Result<Self, HostError> {
        let mut linker = Linker::new(unit.engine());
        for import in Import::ALL {
            link(&mut linker, unit, *import).map_err(|error| wrong_module(&error))?;
        }
        let state = State {
            imports,
            memory: None,
            limits: StoreLimitsBuilder::new()
                .memory_size(limits.memory_bytes)
                .table_elements(1_000_000)
                .instances(1)
                .memories(1)
                .tables(4)
                .build(),
            recorder,
        };
        let mut store = Store::new(unit.engine(), state);
        store.limiter(|state| &mut state.limits);
        let ticks_per_call =
            u64::try_from(limits.call.as_millis() / EPOCH_TICK.as_millis()).unwrap_or(u64::MAX >> 1) + 1;
        store.set_epoch_deadline(ticks_per_call);
        let instance = linker
            .instantiate(&mut store, unit.module())
            .map_err(|error| wrong_module(&error))?;
        let mut exports = Vec::new();
        for export in Export::ALL {
            let signature = export.signature();
            let func = instance
                .get_func(&mut store, signature.name)
                .filter(|func| has_type(&func.ty(&store), signature))
                .ok_or_else(|| {
                    HostError::new(
                        HostErrorCode::WrongModule,
                        format!("it does not export {} as the contract says", signature.name),
                    )
                })?;
            exports.push(func);
        }
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| HostError::new(HostErrorCode::WrongModule, "it does not export its memory"))?;
        store.data_mut().memory = Some(memory);
        if let Some(recorder) = &store.data().recorder {
            recorder.instance();
        }
        Ok(Self {
            store,
            memory,
            exports,
            ticks_per_call,
            dead: false,
        })
    }

    /// Calls an export with its arguments as they are. `given` are the bytes of its buffers, which are written there first: each has to lie where `yuan_alloc` gave room.
    pub fn call(&mut self, export: Export, args: &[i64], given: &[&[u8]]) -> Answer<i64> {
        if self.dead {
            return Err(trap("the instance is dead"));
        }
        let signature = export.signature();
        for (at, bytes) in signature.buffers.iter().zip(given) {
            self.write(args[*at], bytes)?;
        }
        if let Some(recorder) = &self.store.data().recorder {
            recorder.export(export, args, given);
        }
        let params: Vec<Val> = signature
            .params
            .iter()
            .zip(args)
            .map(|(of, value)| to_val(*of, *value))
            .collect();
        let mut results = [Val::I64(0)];
        self.store.set_epoch_deadline(self.ticks_per_call);
        let outcome = self.exports[export as usize].call(&mut self.store, &params, &mut results);
        let answer = match outcome {
            Ok(()) => Ok(from_val(&results[0])),
            Err(error) => {
                self.dead = true;
                Err(Trap {
                    interrupted: error.downcast_ref() == Some(&wasmtime::Trap::Interrupt),
                    reason: match error.downcast_ref::<wasmtime::Trap>() {
                        Some(reason) => reason.to_string(),
                        None => format!("{error:#}"),
                    },
                })
            }
        };
        if let Some(recorder) = &self.store.data().recorder {
            recorder.returned(&answer);
        }
        answer
    }

    fn write(&mut self, ptr: i64, bytes: &[u8]) -> Answer<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let start = ptr as u32 as usize;
        let memory = self.memory.data_mut(&mut self.store);
        match start
            .checked_add(bytes.len())
            .and_then(|end| memory.get_mut(start..end))
        {
            Some(room) => {
                room.copy_from_slice(bytes);
                Ok(())
            }
            // A guest that hands out what it does not have cannot be trusted with anything further (H1).
            None => {
                self.dead = true;
                Err(trap("yuan_alloc gave a buffer outside of the memory"))
            }
        }
    }

    /// Room for `len` bytes: 0 for none, `None` when the guest cannot.
    fn alloc(&mut self, len: usize) -> Answer<Option<i64>> {
        if len == 0 {
            return Ok(Some(0));
        }
        let Ok(wire_len) = i32::try_from(len) else {
            return Ok(None);
        };
        let ptr = self.call(Export::Alloc, &[wire_len.into()], &[])?;
        Ok(Some(ptr).filter(|ptr| *ptr != 0))
    }

    /// `yuan_init`.
    pub fn init(&mut self, hello: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(ptr) = self.alloc(hello.len())? else {
            return Ok(Err(AbiStatus::Limit));
        };
        self.status(Export::Init, &[ptr, hello.len() as i64], &[hello])
    }

    /// `yuan_handle_request`.
    pub fn handle_request(&mut self, req: u64, request: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(ptr) = self.alloc(request.len())? else {
            return Ok(Err(AbiStatus::Limit));
        };
        self.status(
            Export::HandleRequest,
            &[req as i64, ptr, request.len() as i64],
            &[request],
        )
    }

    /// `yuan_cancel_request`.
    pub fn cancel_request(&mut self, req: u64) -> Answer<Result<(), AbiStatus>> {
        self.status(Export::CancelRequest, &[req as i64], &[])
    }

    /// `yuan_complete`. `code` is 0 or a negative AbiStatus.
    pub fn complete(&mut self, op: u64, code: i32, head: &[u8], body: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(head_ptr) = self.alloc(head.len())? else {
            // No room for what happened: that it ended is said all the same (H14).
            let args = [op as i64, AbiStatus::Limit.code().into(), 0, 0, 0, 0];
            return self.status(Export::Complete, &args, &[]);
        };
        let head_len = head.len() as i64;
        let Some(body_ptr) = self.alloc(body.len())? else {
            let args = [op as i64, AbiStatus::Limit.code().into(), head_ptr, head_len, 0, 0];
            return self.status(Export::Complete, &args, &[head, &[]]);
        };
        let args = [op as i64, code.into(), head_ptr, head_len, body_ptr, body.len() as i64];
        self.status(Export::Complete, &args, &[head, body])
    }

    /// `yuan_stream_event`.
    pub fn stream_event(&mut self, stream: u32, kind: i32, arg: i64, data: &[u8]) -> Answer<Result<(), AbiStatus>> {
        let Some(ptr) = self.alloc(data.len())? else {
            return Ok(Err(AbiStatus::Limit));
        };
        let args = [stream.into(), kind.into(), arg, ptr, data.len() as i64];
        self.status(Export::StreamEvent, &args, &[data])
    }

    /// `yuan_turn`: 0 = more work, n > 0 = µs to the next timer, negative = idle.
    pub fn turn(&mut self, budget_us: i32) -> Answer<i64> {
        self.call(Export::Turn, &[budget_us.into()], &[])
    }

    /// `yuan_shutdown`.
    pub fn shutdown(&mut self, deadline_us: i64) -> Answer<Result<(), AbiStatus>> {
        self.status(Export::Shutdown, &[deadline_us], &[])
    }

    fn status(&mut self, export: Export, args: &[i64], given: &[&[u8]]) -> Answer<Result<(), AbiStatus>> {
        let code = self.call(export, args, given)?;
        Ok(AbiStatus::check(code as i32).map(|_| ()))
    }
}

fn trap(reason: &str) -> Trap {
    Trap {
        reason: reason.to_owned(),
        interrupted: false,
    }
}

fn wrong_module(error: &wasmtime::Error) -> HostError {
    HostError::new(HostErrorCode::WrongModule, format!("{error:#}"))
}

fn to_val(of: Type, value: i64) -> Val {
    match of {
        Type::I32 => Val::I32(value as i32),
        Type::I64 => Val::I64(value),
    }
}

/// 32 bits become 64 with their sign: both sides of a trace write numbers the same way.
fn from_val(value: &Val) -> i64 {
    match value {
        Val::I32(value) => (*value).into(),
        Val::I64(value) => *value,
        // Types were checked when the instance started.
        _ => 0,
    }
}

fn val_type(of: Type) -> ValType {
    match of {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
    }
}

fn has_type(func: &FuncType, signature: &Signature) -> bool {
    let same = |have: ValType, want: Type| ValType::eq(&have, &val_type(want));
    func.params().len() == signature.params.len()
        && func
            .params()
            .zip(signature.params)
            .all(|(have, want)| same(have, *want))
        && func.results().len() == usize::from(signature.result.is_some())
        && func
            .results()
            .zip(signature.result)
            .all(|(have, want)| same(have, want))
}

fn link(linker: &mut Linker<State>, unit: &MetaUnit, import: Import) -> wasmtime::Result<()> {
    let signature = import.signature();
    let ty = FuncType::new(
        unit.engine(),
        signature.params.iter().map(|of| val_type(*of)),
        signature.result.map(val_type),
    );
    linker.func_new(IMPORT_MODULE, signature.name, ty, move |mut caller, params, results| {
        let mut args = [0i64; 6];
        for (arg, param) in args.iter_mut().zip(params) {
            *arg = from_val(param);
        }
        let answer = imported(&mut caller, import, &args[..params.len()]);
        if let (Some(result), Some(of)) = (results.first_mut(), signature.result) {
            *result = to_val(of, answer);
        }
        match caller.data().imports.stopped() {
            true => Err(wasmtime::Error::msg("ended by the host")),
            false => Ok(()),
        }
    })?;
    Ok(())
}

/// Every call of the guest comes through here.
fn imported(caller: &mut Caller<'_, State>, import: Import, args: &[i64]) -> i64 {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        // A start function that calls out: no module of this ABI has one, and none is served.
        None => return AbiStatus::BadState.code().into(),
    };
    let (bytes, state) = memory.data_and_store_mut(&mut *caller);
    if import == Import::Random {
        let range = range_of(bytes.len(), args[0], args[1]);
        let out = range.clone().map(|range| &mut bytes[range]);
        let answer = state.imports.random(args, out);
        if let Some(recorder) = &state.recorder {
            let filled = range.map_or(&[][..], |range| &bytes[range]);
            recorder.import(import, args, &[], answer, filled);
        }
        return answer;
    }
    let lent = match import {
        Import::StreamWrite => gather(bytes, args[1], args[2]),
        _ => import
            .signature()
            .buffers
            .iter()
            .map(|at| lend(bytes, args[*at], args[*at + 1]))
            .collect(),
    };
    let answer = state
        .imports
        .call(import, args, lent.as_ref().map(Vec::as_slice).map_err(|status| *status));
    if let Some(recorder) = &state.recorder {
        recorder.import(import, args, &lent.unwrap_or_default(), answer, &[]);
    }
    answer
}

/// Where a buffer lies (H4). Pointers and lengths are unsigned numbers in an i32 (§2).
fn range_of(memory_len: usize, ptr: i64, len: i64) -> Result<std::ops::Range<usize>, AbiStatus> {
    let (start, len) = (ptr as u32 as usize, len as u32 as usize);
    match start.checked_add(len) {
        Some(end) if end <= memory_len => Ok(start..end),
        _ => Err(AbiStatus::BadBuffer),
    }
}

fn lend(memory: &[u8], ptr: i64, len: i64) -> Result<&[u8], AbiStatus> {
    let range = range_of(memory.len(), ptr, len)?;
    if range.len() > DEFAULT_MAX_BUFFER_BYTES as usize {
        return Err(AbiStatus::Limit);
    }
    Ok(&memory[range])
}

/// The buffers of `avatar_stream_write`: the vector of (pointer, length) pairs has to lie inside the memory, and so does each of them.
fn gather(memory: &[u8], iov_ptr: i64, iov_count: i64) -> Result<Vec<&[u8]>, AbiStatus> {
    let iov_len = (iov_count as u32).checked_mul(8).ok_or(AbiStatus::BadBuffer)?;
    let iov = lend(memory, iov_ptr, iov_len.into())?;
    let mut total = 0;
    iov.chunks_exact(8)
        .map(|pair| {
            let word = |at: usize| i64::from(u32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]]));
            let part = lend(memory, word(0), word(4))?;
            total += part.len();
            // The same bytes may be named many times over: what they add up to is bounded, too.
            match total <= DEFAULT_MAX_BUFFER_BYTES as usize {
                true => Ok(part),
                false => Err(AbiStatus::Limit),
            }
        })
        .collect()
}
