//! Runs a trace again: the host's side comes from the file, and the guest has to do what it did.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use avatar_proto::{AbiStatus, ErrorCode};

use super::wire::{Imported, Reader, Record, TraceError, describe};
use crate::boundary::{Import, Imports, Instance, Limits, Trap};
use crate::error::HostError;
use crate::hex;
use crate::module::{MAX_WASM_STACK_BYTES, MetaUnit};

/// A machine that replays may be much slower than the one that recorded.
const CALL_PATIENCE: Duration = Duration::from_secs(300);

/// A replay that saw the same calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Records compared: calls of both directions, returns, new instances.
    pub calls: u64,
    /// Instances that ran.
    pub instances: u64,
    /// The trace ends inside a call: whoever recorded was killed there.
    pub cut_short: bool,
}

/// Why a replay did not get to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It was recorded with another module.
    #[error("the trace is of the module {recorded}, and this one is {given}")]
    OtherModule {
        /// SHA-256, hex.
        recorded: String,
        /// SHA-256, hex.
        given: String,
    },
    /// The module does not start here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The guest did something else.
    #[error("call {call} differs.\n  recorded: {recorded}\n  replayed: {replayed}")]
    Differs {
        /// The number of the record, from 1.
        call: u64,
        /// What the trace has.
        recorded: String,
        /// What happened now.
        replayed: String,
    },
}

/// Where the replay stands in the trace; shared with the imports of the instance that runs.
struct Cursor<R> {
    reader: Reader<R>,
    /// The record that comes next; `None` at the end.
    next: Option<Record>,
    /// Of the record that was taken last, from 1.
    number: u64,
    /// An export was called and has not returned.
    inside_call: bool,
    failure: Option<ReplayError>,
}

impl<R: Read> Cursor<R> {
    fn advance(&mut self) -> Option<Record> {
        let taken = self.next.take()?;
        match self.reader.next_record() {
            Ok(next) => self.next = next,
            Err(error) => self.fail(error.into()),
        }
        self.number += 1;
        match taken {
            Record::Export { .. } => self.inside_call = true,
            Record::Return(_) | Record::Trap { .. } => self.inside_call = false,
            Record::Instance | Record::Import(_) => {}
        }
        Some(taken)
    }

    fn fail(&mut self, failure: ReplayError) {
        self.failure.get_or_insert(failure);
    }

    fn differs(&mut self, recorded: &Record, replayed: String) {
        let failure = ReplayError::Differs {
            call: self.number,
            recorded: describe(recorded),
            replayed,
        };
        self.fail(failure);
    }

    /// Whether there is nothing to run the guest for: the end of the trace, the moment at which the host ended the instance, or a failure.
    fn at_stop(&self) -> bool {
        self.failure.is_some() || matches!(self.next, None | Some(Record::Trap { interrupted: true, .. }))
    }

    /// What the trace answers to this call of an import, when it is the one that comes next.
    fn import(&mut self, import: Import, args: &[i64], lent: &[&[u8]]) -> Option<Imported> {
        let recorded = self.advance()?;
        if let Record::Import(imported) = &recorded
            && imported.import == import
            && imported.args == args
            && imported.lent == lent
        {
            return Some(imported.clone());
        }
        let replayed = Record::Import(Imported {
            import,
            args: args.to_vec(),
            lent: lent.iter().map(|part| part.to_vec()).collect(),
            answer: 0,
            written: Vec::new(),
        });
        let words = describe(&replayed);
        self.differs(&recorded, words.trim_end_matches(" -> 0").to_owned());
        None
    }
}

/// The imports of a guest that runs again.
struct Past<R>(Rc<RefCell<Cursor<R>>>);

impl<R: Read + 'static> Imports for Past<R> {
    fn call(&mut self, import: Import, args: &[i64], lent: Result<&[&[u8]], AbiStatus>) -> i64 {
        let imported = self.0.borrow_mut().import(import, args, lent.unwrap_or_default());
        imported.map_or(0, |imported| imported.answer)
    }

    fn random(&mut self, args: &[i64], out: Result<&mut [u8], AbiStatus>) -> i64 {
        let Some(imported) = self.0.borrow_mut().import(Import::Random, args, &[]) else {
            return 0;
        };
        // The same arguments and the same memory: a length that differs is a trace that lies.
        match out {
            Ok(out) if out.len() == imported.written.len() => out.copy_from_slice(&imported.written),
            Err(_) if imported.written.is_empty() => {}
            _ => {
                let mut cursor = self.0.borrow_mut();
                let record = cursor.number;
                cursor.fail(TraceError::Damaged { record }.into());
            }
        }
        imported.answer
    }

    fn stopped(&self) -> bool {
        self.0.borrow().at_stop()
    }
}

/// Replays a trace with the module that it was recorded with, on a thread of its own that has room for the guest's stack.
pub fn replay(unit: &MetaUnit, source: impl Read + Send + 'static) -> Result<Outcome, ReplayError> {
    let unit = unit.clone();
    let failed = |what: &str| HostError::app(ErrorCode::Internal, what);
    std::thread::Builder::new()
        .name("avatar-replay".into())
        .stack_size(4 * MAX_WASM_STACK_BYTES)
        .spawn(move || run(&unit, source))
        .map_err(|error| failed(&format!("a thread for the replay: {error}")))?
        .join()
        .map_err(|_| failed("the replay panicked"))?
}

fn run<R: Read + 'static>(unit: &MetaUnit, source: R) -> Result<Outcome, ReplayError> {
    let mut reader = Reader::new(source)?;
    let header = reader.header().clone();
    if header.sha256 != unit.sha256() {
        return Err(ReplayError::OtherModule {
            recorded: hex::encode(&header.sha256),
            given: hex::encode(&unit.sha256()),
        });
    }
    let limits = Limits {
        memory_bytes: usize::try_from(header.memory_bytes).unwrap_or(usize::MAX),
        call: CALL_PATIENCE,
    };
    let first = reader.next_record()?;
    let cursor = Rc::new(RefCell::new(Cursor {
        reader,
        next: first,
        number: 0,
        inside_call: false,
        failure: None,
    }));
    let mut running: Option<Instance> = None;
    let mut outcome = Outcome {
        calls: 0,
        instances: 0,
        cut_short: false,
    };
    loop {
        let record = cursor.borrow_mut().advance();
        let Some(record) = record else { break };
        let number = cursor.borrow().number;
        match (record, &mut running) {
            (Record::Instance, before) => {
                drop(before.take());
                *before = Some(Instance::start(unit, limits, Box::new(Past(cursor.clone())), None)?);
                outcome.instances += 1;
            }
            (Record::Export { export, args, given }, Some(instance)) => {
                // A guest that was ended while it called nobody: all that could be compared is behind us.
                let stops_here = cursor.borrow().at_stop();
                let given: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
                let answer = (!stops_here).then(|| instance.call(export, &args, &given));
                finish_call(&cursor, answer);
            }
            _ => return Err(TraceError::Damaged { record: number }.into()),
        }
        if let Some(failure) = cursor.borrow_mut().failure.take() {
            return Err(failure);
        }
    }
    let cursor = cursor.borrow();
    outcome.calls = cursor.number;
    outcome.cut_short = cursor.inside_call || cursor.reader.is_cut();
    Ok(outcome)
}

/// The guest came back, or did not: as it did then?
fn finish_call<R: Read>(cursor: &RefCell<Cursor<R>>, answer: Option<Result<i64, Trap>>) {
    let mut cursor = cursor.borrow_mut();
    if cursor.failure.is_some() {
        return;
    }
    let Some(recorded) = cursor.advance() else { return };
    let replayed = match (&recorded, answer) {
        (Record::Return(then), Some(Ok(now))) if *then == now => return,
        (Record::Trap { interrupted: true, .. }, _) => return,
        (Record::Trap { interrupted: false, .. }, Some(Err(trap))) if !trap.interrupted => return,
        (_, Some(Ok(now))) => format!("return {now}"),
        (_, Some(Err(trap))) => format!("trap: {}", trap.reason),
        (_, None) => "nothing".to_owned(),
    };
    cursor.differs(&recorded, replayed);
}
