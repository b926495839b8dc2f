//! One Avatar of the world: a Meta Unit in its present life, with its disk and clock. Calls the exports, checks what they return, and counts them into the traffic.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::{AbiStatus, Capability, HostHello, Limits, Message};

use crate::boundary::{Boundary, Chance, Outbox, Port};
use crate::clock::Clock;
use crate::disk::{Completion, Disk};
use crate::network::{Told, how, kind};
use crate::random::{Dice, Stream};
use crate::traffic::Traffic;
use crate::unit::{Backend, Trap, Unit};
use crate::violation::{Broken, hold};

const NEVER_DIES: &str = "no unit traps";

/// What a turn may take, in microseconds.
const BUDGET_US: i32 = 4_000;

/// What a host gives a unit to finish, in microseconds.
const SHUTDOWN_US: i64 = 5_000_000;

/// Operations that are taken where some of them wait for the network.
const MAX_OPS: usize = 1_024;

/// A life's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Between two lives.
    Down,
    /// It has not greeted.
    Starting,
    /// It takes requests.
    Up,
    /// It finishes.
    ShuttingDown,
}

/// See the module's documentation.
pub struct Avatar {
    /// The number of its unit.
    pub number: usize,
    /// Its disk, which survives crashes.
    pub disk: Disk,
    /// Its clock, which survives crashes.
    pub clock: Rc<RefCell<Clock>>,
    /// The present life's state.
    pub state: State,
    /// Counts lives: what belongs to an earlier one comes too late.
    pub life: u64,
    seed: u64,
    max_ops: usize,
    traffic: Rc<RefCell<Traffic>>,
    /// Its place in the network, where there is one.
    pub port: Option<Port>,
    unit: Option<Box<dyn Unit>>,
    boundary: Option<Rc<Boundary>>,
    last_req: i64,
    last_stream: i32,
}

impl Avatar {
    /// An Avatar that is down.
    pub fn new(number: usize, seed: u64, disk: Disk, traffic: Rc<RefCell<Traffic>>, port: Option<Port>) -> Self {
        let clock = Clock::new(Dice::new(seed, Stream::Clock(number)));
        Self {
            number,
            disk,
            clock: Rc::new(RefCell::new(clock)),
            state: State::Down,
            life: 0,
            seed,
            // Few for some: then operations wait in the unit. Those that wait for the network may take for ever.
            max_ops: match port {
                Some(_) => MAX_OPS,
                None => [1, 2, MAX_OPS][(seed as usize + number) % 3],
            },
            traffic,
            port,
            unit: None,
            boundary: None,
            last_req: 0,
            last_stream: 0,
        }
    }

    /// Begins a new life.
    ///
    /// # Errors
    /// A broken promise.
    pub fn start(&mut self, backend: &Backend, now_us: u64) -> Result<(), Broken> {
        self.life += 1;
        let boundary = Rc::new(Boundary::new(
            self.number,
            self.max_ops,
            Rc::clone(&self.traffic),
            Rc::clone(&self.clock),
            Chance::new(self.seed, self.number, self.life),
            self.port.clone(),
        ));
        let mut capabilities = vec![Capability::Storage.into(), Capability::Keys.into()];
        if let Some(port) = &self.port {
            port.network.borrow_mut().begin_life(port.node);
            capabilities.push(Capability::P2p.into());
        }
        self.unit = Some(backend.start(Rc::clone(&boundary)).map_err(died)?);
        self.boundary = Some(boundary);
        self.state = State::Starting;
        let hello = HostHello {
            host: "avatar-sim".to_owned(),
            capabilities,
            limits: Some(Limits {
                max_inflight: self.max_ops as u32,
                ..Limits::default()
            }),
            name: format!("unit {}", self.number),
            ..HostHello::default()
        }
        .encode_to_vec();
        let code = self.call(now_us, |unit| unit.init(&hello))?;
        self.called("yuan_init", &[], &[&hello], code.into());
        hold(code == 0, "a HostHello is taken", || code.to_string())
    }

    /// The process dies.
    pub fn crash(&mut self) {
        self.disk.crash();
        self.end_life();
    }

    /// The process ends, after [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// A broken promise.
    pub fn stop(&mut self) -> Result<(), Broken> {
        let unanswered = self
            .boundary
            .as_ref()
            .map(|boundary| boundary.unanswered())
            .unwrap_or_default();
        self.end_life();
        hold(unanswered.is_empty(), "a shutdown ends every request", || {
            format!("{unanswered:?}")
        })
    }

    fn end_life(&mut self) {
        if let Some(boundary) = self.boundary.take() {
            boundary.end();
        }
        if let Some(port) = &self.port {
            port.network.borrow_mut().end_life(port.node);
        }
        self.unit = None;
        self.state = State::Down;
        // Whatever is still on its way to the old life finds another one.
        self.life += 1;
    }

    /// Sends a request: its number.
    ///
    /// # Errors
    /// A broken promise.
    pub fn request(&mut self, now_us: u64, bytes: &[u8]) -> Result<i64, Broken> {
        self.last_req += 1;
        let req = self.last_req;
        if let Some(boundary) = &self.boundary {
            boundary.accepted(req);
        }
        let code = self.call(now_us, |unit| unit.handle_request(req, bytes))?;
        self.called("yuan_handle_request", &[req], &[bytes], code.into());
        hold(code == 0, "G4: a request within the limits is taken", || {
            code.to_string()
        })?;
        Ok(req)
    }

    /// Nobody waits for a request any more.
    ///
    /// # Errors
    /// A broken promise.
    pub fn cancel_request(&mut self, now_us: u64, req: i64) -> Result<(), Broken> {
        let code = self.call(now_us, |unit| unit.cancel_request(req))?;
        self.called("yuan_cancel_request", &[req], &[], code.into());
        hold(code == 0, "G6: a request in flight can be cancelled", || {
            code.to_string()
        })
    }

    /// An operation has ended.
    ///
    /// # Errors
    /// A broken promise.
    pub fn complete(&mut self, now_us: u64, completion: &Completion) -> Result<(), Broken> {
        let Completion { op, status, head, body } = completion;
        let code = self.call(now_us, |unit| unit.complete(*op, *status, head, body))?;
        let numbers = [*op as i64, (*status).into()];
        self.called("yuan_complete", &numbers, &[head, body], code.into());
        if let Some(boundary) = &self.boundary {
            boundary.completed(*op);
        }
        hold(code == 0, "G6: a pending operation can be completed", || {
            format!("operation {op}: {code}")
        })
    }

    /// A peer opens a stream, which nothing in this build serves.
    ///
    /// # Errors
    /// A broken promise.
    pub fn open_stream(&mut self, now_us: u64) -> Result<(), Broken> {
        self.last_stream += 2;
        let stream = self.last_stream;
        if let Some(boundary) = &self.boundary {
            boundary.opened(stream);
        }
        let code = self.call(now_us, |unit| unit.stream_event(stream, kind::INBOUND, 65_536, &[]))?;
        self.called(
            "yuan_stream_event",
            &[stream.into(), kind::INBOUND.into(), 65_536],
            &[],
            code.into(),
        );
        hold(code == 0, "G7: a stream is taken, and then reset", || code.to_string())
    }

    /// The host tells what the network brought.
    ///
    /// # Errors
    /// A broken promise.
    pub fn tell(&mut self, now_us: u64, told: &Told) -> Result<(), Broken> {
        let (stream, kind, arg, data) = match told {
            Told::Complete(completion) => return self.complete(now_us, completion),
            // Not legal any more.
            Told::Stream { .. } if self.state == State::ShuttingDown => return Ok(()),
            Told::Stream {
                stream,
                kind,
                arg,
                data,
            } => (*stream, *kind, *arg, data),
        };
        let code = self.call(now_us, |unit| unit.stream_event(stream, kind, arg, data))?;
        let numbers = [stream.into(), kind.into(), arg];
        self.called("yuan_stream_event", &numbers, &[data], code.into());
        if kind == kind::INBOUND
            && code != 0
            && let Some(port) = &self.port
        {
            // The stream may be gone already.
            let _ = port.network.borrow_mut().close(port.node, stream, how::RESET);
        }
        let is_refused = code == AbiStatus::NotFound.code() || code == AbiStatus::Limit.code();
        hold(code == 0 || is_refused, "what happens to a stream is taken", || {
            format!("stream {stream}, event {kind}: {code}")
        })
    }

    /// Begins to finish.
    ///
    /// # Errors
    /// A broken promise.
    pub fn shutdown(&mut self, now_us: u64) -> Result<(), Broken> {
        let code = self.call(now_us, |unit| unit.shutdown(SHUTDOWN_US))?;
        self.called("yuan_shutdown", &[SHUTDOWN_US], &[], code.into());
        self.state = State::ShuttingDown;
        hold(code == 0, "a unit that is up can be shut down", || code.to_string())
    }

    /// A turn: what it returned, and how long it took.
    ///
    /// # Errors
    /// A broken promise.
    pub fn turn(&mut self, now_us: u64) -> Result<(i64, u64), Broken> {
        let next = self.call(now_us, |unit| unit.turn(BUDGET_US))?;
        self.called("yuan_turn", &[BUDGET_US.into()], &[], next);
        hold(next >= -1, "a turn returns when the next one is due", || {
            next.to_string()
        })?;
        Ok((next, self.clock.borrow().spent_us()))
    }

    /// What the unit has said since the last call.
    pub fn take(&self) -> Outbox {
        self.boundary
            .as_ref()
            .map(|boundary| boundary.take())
            .unwrap_or_default()
    }

    /// Requests without their last answer.
    pub fn unanswered(&self) -> Vec<i64> {
        self.boundary
            .as_ref()
            .map(|boundary| boundary.unanswered())
            .unwrap_or_default()
    }

    /// Whether no operation at all is pending, as it must be at the end.
    pub fn is_over(&self) -> bool {
        self.is_quiet()
            && self
                .boundary
                .as_ref()
                .is_none_or(|boundary| boundary.patient_ops() == 0)
    }

    /// Whether no operation is pending that will end by itself, and every stream that nobody serves was reset.
    pub fn is_quiet(&self) -> bool {
        self.boundary
            .as_ref()
            .is_none_or(|boundary| boundary.pending_ops() == 0 && boundary.has_reset_streams())
    }

    /// The size of the linear memory, in bytes; None where there is none.
    pub fn memory_bytes(&mut self) -> Option<u64> {
        self.unit.as_mut()?.memory_bytes()
    }

    fn call<T>(&mut self, now_us: u64, call: impl FnOnce(&mut dyn Unit) -> Result<T, Trap>) -> Result<T, Broken> {
        self.clock.borrow_mut().begin(now_us);
        let unit = self
            .unit
            .as_mut()
            .ok_or_else(|| Broken::new(NEVER_DIES, "it is down"))?;
        call(unit.as_mut()).map_err(died)
    }

    fn called(&self, name: &'static str, numbers: &[i64], buffers: &[&[u8]], result: i64) {
        if let Some(boundary) = &self.boundary {
            boundary.called(name, numbers, buffers, result);
        }
    }
}

fn died(trap: Trap) -> Broken {
    Broken::new(NEVER_DIES, trap.0)
}
