//! What stands behind the imports of one life of a unit: it hands out chance and time, gathers what the unit says, and checks every MUST of ABI.md that a guest can break.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use avatar_proto::response::Response as Answer;
use avatar_proto::storage_op::Op;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_BUFFER_BYTES, Event, GuestHello, KeysCommand, Message, P2pCommand, Response, StatusResult,
    StorageBatch,
};
use meta_unit::abi::imports::{Imports, RESPOND_FIN, RESPOND_MORE, TOPIC_EVENT};

use crate::clock::Clock;
use crate::network::{Network, NodeId, how as ways};
use crate::random::{Dice, Stream};
use crate::traffic::{Call, Traffic};
use crate::violation::{Broken, hold};

/// What each sealed record takes: batches draw a multiple of it.
const NONCE_BYTES: usize = 24;

/// What a crate draws for each document that it makes, and throws away.
const ACTOR_BYTES: usize = 16;

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The request's number.
    pub req: i64,
    /// Nothing follows.
    pub is_last: bool,
    /// The answer.
    pub response: Response,
    /// What stands beside it.
    pub body: Vec<u8>,
}

/// An operation that the host accepted.
#[derive(Debug)]
pub struct Operation {
    /// Its number.
    pub op: u64,
    /// What is to be done.
    pub asked: Asked,
}

/// What a unit asks its host to do.
#[derive(Debug)]
pub enum Asked {
    /// A batch, with the values of its puts.
    Storage(StorageBatch, Vec<u8>),
    /// A command for the keys.
    Keys(KeysCommand),
}

/// What a unit has said and nobody has taken yet.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The greeting.
    pub greeting: Option<GuestHello>,
    /// Answers, in their order.
    pub answers: Vec<Answered>,
    /// Events for every client.
    pub events: Vec<Event>,
    /// Operations, in their order.
    pub operations: Vec<Operation>,
    /// Operations that the host is asked to stop.
    pub cancelled: Vec<u64>,
    /// Last words.
    pub last_words: Option<String>,
    /// Promises that the unit broke.
    pub broken: Vec<Broken>,
}

/// What `avatar_random` gives to a unit in one of its lives, by what it is for.
pub struct Chance {
    nonces: RefCell<Dice>,
    actors: RefCell<Dice>,
    others: RefCell<Dice>,
}

impl Chance {
    /// That of a unit's life.
    pub fn new(seed: u64, unit: usize, life: u64) -> Self {
        let dice = |stream| RefCell::new(Dice::new(seed, stream));
        Self {
            nonces: dice(Stream::Nonces(unit, life)),
            actors: dice(Stream::Actors(unit, life)),
            others: dice(Stream::Unit(unit, life)),
        }
    }
}

/// A unit's place in a network.
#[derive(Clone)]
pub struct Port {
    /// The network.
    pub network: Rc<RefCell<Network>>,
    /// The unit's host in it.
    pub node: NodeId,
}

/// See the module's documentation.
pub struct Boundary {
    unit: usize,
    max_ops: usize,
    traffic: Rc<RefCell<Traffic>>,
    clock: Rc<RefCell<Clock>>,
    chance: Chance,
    port: Option<Port>,
    outbox: RefCell<Outbox>,
    /// Requests that were accepted and have not had their last answer.
    requests: RefCell<BTreeSet<i64>>,
    /// Operations that are not completed.
    ops: RefCell<BTreeSet<u64>>,
    /// Those among them that wait for the network, which may take for ever.
    patient_ops: RefCell<BTreeSet<u64>>,
    /// Streams that a peer opened and the unit has not reset.
    streams: RefCell<BTreeSet<i32>>,
    /// The life is over. What a native unit says while it is dropped, no host hears.
    is_over: Cell<bool>,
}

impl Boundary {
    /// The boundary of a new life. `max_ops` is what the host's Hello says.
    pub fn new(
        unit: usize,
        max_ops: usize,
        traffic: Rc<RefCell<Traffic>>,
        clock: Rc<RefCell<Clock>>,
        chance: Chance,
        port: Option<Port>,
    ) -> Self {
        Self {
            unit,
            max_ops,
            traffic,
            clock,
            chance,
            port,
            outbox: RefCell::default(),
            requests: RefCell::default(),
            ops: RefCell::default(),
            patient_ops: RefCell::default(),
            streams: RefCell::default(),
            is_over: Cell::new(false),
        }
    }

    /// What the unit has said since the last call.
    pub fn take(&self) -> Outbox {
        self.outbox.take()
    }

    /// The life is over.
    pub fn end(&self) {
        self.is_over.set(true);
    }

    /// An export was called, or an import.
    pub fn called(&self, name: &'static str, numbers: &[i64], buffers: &[&[u8]], result: i64) {
        if self.is_over.get() {
            return;
        }
        self.traffic.borrow_mut().add(&Call {
            unit: self.unit,
            name,
            numbers,
            buffers,
            result,
        });
    }

    /// The unit accepted a request.
    pub fn accepted(&self, req: i64) {
        self.requests.borrow_mut().insert(req);
    }

    /// The unit took the completion of an operation.
    pub fn completed(&self, op: u64) {
        self.ops.borrow_mut().remove(&op);
        self.patient_ops.borrow_mut().remove(&op);
    }

    /// A peer opened a stream.
    pub fn opened(&self, stream: i32) {
        self.streams.borrow_mut().insert(stream);
    }

    /// Requests without their last answer.
    pub fn unanswered(&self) -> Vec<i64> {
        self.requests.borrow().iter().copied().collect()
    }

    /// Operations that are not completed, those for the network not counted.
    pub fn pending_ops(&self) -> usize {
        self.ops.borrow().len() - self.patient_ops.borrow().len()
    }

    /// Operations for the network that are not completed.
    pub fn patient_ops(&self) -> usize {
        self.patient_ops.borrow().len()
    }

    /// Whether every stream that a peer opened was reset.
    pub fn has_reset_streams(&self) -> bool {
        self.streams.borrow().is_empty()
    }

    fn check(&self, kept: bool, promise: &'static str, detail: impl FnOnce() -> String) {
        if let Err(broken) = hold(kept, promise, detail) {
            self.outbox.borrow_mut().broken.push(broken);
        }
    }

    fn respond_request(&self, req: i64, is_last: bool, head: &[u8], body: &[u8]) {
        let is_known = if is_last {
            self.requests.borrow_mut().remove(&req)
        } else {
            self.requests.borrow().contains(&req)
        };
        self.check(
            is_known,
            "G4: a request has exactly one last answer, and none after it",
            || format!("request {req}, last: {is_last}"),
        );
        match Response::decode(head) {
            Ok(response) => self.outbox.borrow_mut().answers.push(Answered {
                req,
                is_last,
                response,
                body: body.to_vec(),
            }),
            Err(error) => self.check(false, "the head of an answer is a Response", || error.to_string()),
        }
    }

    fn greet(&self, is_last: bool, head: &[u8]) {
        let is_first = self.outbox.borrow().greeting.is_none();
        self.check(is_last && is_first, "the greeting comes once, with FIN", || {
            format!("last: {is_last}, first: {is_first}")
        });
        match GuestHello::decode(head) {
            Ok(hello) => self.outbox.borrow_mut().greeting = Some(hello),
            Err(error) => self.check(false, "the greeting is a GuestHello", || error.to_string()),
        }
    }

    /// Takes an operation, if `begin` does; what that gives is for the disk.
    fn accept(&self, op: u64, begin: impl FnOnce() -> Result<Option<Asked>, AbiStatus>) -> i32 {
        let is_new = !self.ops.borrow().contains(&op);
        self.check(
            op != 0 && is_new,
            "operation numbers are not 0 and unique among the pending ones",
            || op.to_string(),
        );
        let pending = self.ops.borrow().len();
        self.check(
            pending < self.max_ops,
            "H16: no more operations than the host's limit",
            || format!("{pending} are pending"),
        );
        if pending >= self.max_ops {
            return AbiStatus::Limit.code();
        }
        match begin() {
            Ok(asked) => {
                self.ops.borrow_mut().insert(op);
                let operation = asked.map(|asked| Operation { op, asked });
                self.outbox.borrow_mut().operations.extend(operation);
                0
            }
            Err(status) => {
                self.check(false, "no operation is malformed", || {
                    format!("operation {op}: {status:?}")
                });
                status.code()
            }
        }
    }

    /// Hands a command to the network, which completes it itself.
    fn ask_network(&self, port: &Port, op: u64, command: &[u8]) -> i32 {
        self.accept(op, || {
            let command = P2pCommand::decode(command).map_err(|_| AbiStatus::Invalid)?;
            command.check()?;
            port.network.borrow_mut().command(port.node, op, command)?;
            self.patient_ops.borrow_mut().insert(op);
            Ok(None)
        })
    }

    /// Asks the network for something that a stream of it does.
    fn on_stream(&self, ask: impl FnOnce(&mut Network, NodeId) -> Result<i32, AbiStatus>) -> i32 {
        let Some(port) = &self.port else {
            return AbiStatus::NotFound.code();
        };
        ask(&mut port.network.borrow_mut(), port.node).unwrap_or_else(AbiStatus::code)
    }
}

fn storage_batch(head: &[u8], body: &[u8]) -> Result<Asked, AbiStatus> {
    let batch = StorageBatch::decode(head).map_err(|_| AbiStatus::Invalid)?;
    check_batch(&batch, body)?;
    Ok(Asked::Storage(batch, body.to_vec()))
}

fn keys_command(command: &[u8]) -> Result<Asked, AbiStatus> {
    let command = KeysCommand::decode(command).map_err(|_| AbiStatus::Invalid)?;
    command.check()?;
    Ok(Asked::Keys(command))
}

/// What H16 has a host refuse.
fn check_batch(batch: &StorageBatch, body: &[u8]) -> Result<(), AbiStatus> {
    let is_key = |key: &[u8]| (1..=512).contains(&key.len());
    let mut values = 0_usize;
    for op in &batch.ops {
        let is_sound = match op.op.as_ref().ok_or(AbiStatus::Invalid)? {
            Op::Put(put) => {
                values += put.value_len as usize;
                is_key(&put.key)
            }
            Op::Delete(key) | Op::Get(key) => is_key(key),
            Op::DeleteRange(range) => range.end.is_empty() || range.start <= range.end,
            Op::Scan(scan) => scan.range.is_some(),
        };
        if !is_sound {
            return Err(AbiStatus::Invalid);
        }
    }
    if values == body.len() {
        Ok(())
    } else {
        Err(AbiStatus::Invalid)
    }
}

/// The answer as it counts for the hash: the size of the linear memory is left out.
fn comparable(head: &[u8]) -> Option<Vec<u8>> {
    let Some(Answer::Status(status)) = Response::decode(head).ok()?.response else {
        return None;
    };
    let response = Some(Answer::Status(StatusResult {
        memory_bytes: 0,
        ..status
    }));
    Some(Response { response }.encode_to_vec())
}

impl Imports for Boundary {
    fn log(&self, level: i32, message: &str) {
        self.check((1..=5).contains(&level), "a log line has a level of 1 to 5", || {
            level.to_string()
        });
        self.called("avatar_log", &[level.into()], &[message.as_bytes()], 0);
    }

    fn clock_unix_us(&self) -> i64 {
        let now = self.clock.borrow_mut().unix_us();
        self.called("avatar_clock_unix_us", &[], &[], now);
        now
    }

    fn clock_monotonic_us(&self) -> i64 {
        let now = self.clock.borrow_mut().monotonic_us();
        self.called("avatar_clock_monotonic_us", &[], &[], now);
        now
    }

    fn random(&self, out: &mut [u8]) -> i32 {
        // Natively, a crate draws what it throws away elsewhere; what is drawn after it must be the same all the same.
        let dice = match out.len() {
            ACTOR_BYTES => &self.chance.actors,
            len if len % NONCE_BYTES == 0 => &self.chance.nonces,
            _ => &self.chance.others,
        };
        dice.borrow_mut().fill(out);
        0
    }

    fn panic(&self, message: &str) {
        self.outbox.borrow_mut().last_words = Some(message.to_owned());
    }

    fn respond(&self, request: u64, flags: i32, head: &[u8], body: &[u8]) -> i32 {
        let req = request as i64;
        let normalized = comparable(head);
        let counted = normalized.as_deref().unwrap_or(head);
        self.called("avatar_respond", &[req, flags.into()], &[counted, body], 0);
        self.check(
            flags == RESPOND_MORE || flags == RESPOND_FIN,
            "the flags of an answer are MORE or FIN",
            || flags.to_string(),
        );
        self.check(
            head.len() <= DEFAULT_MAX_BUFFER_BYTES as usize,
            "no buffer is over the limit",
            || head.len().to_string(),
        );
        let is_last = flags == RESPOND_FIN;
        if req == 0 {
            self.greet(is_last, head);
        } else {
            self.respond_request(req, is_last, head, body);
        }
        0
    }

    fn emit(&self, topic: i32, message: &[u8]) -> i32 {
        self.called("avatar_emit", &[topic.into()], &[message], 0);
        self.check(topic == TOPIC_EVENT, "topic 1 is the only one", || topic.to_string());
        match Event::decode(message) {
            Ok(event) => self.outbox.borrow_mut().events.push(event),
            Err(error) => self.check(false, "what is emitted is an Event", || error.to_string()),
        }
        0
    }

    fn storage(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let code = self.accept(op, || storage_batch(head, body).map(Some));
        self.called("avatar_storage", &[op as i64], &[head, body], code.into());
        code
    }

    fn net_request(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let code = AbiStatus::Unsupported.code();
        self.called("avatar_net_request", &[op as i64], &[head, body], code.into());
        code
    }

    fn infer(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        let code = AbiStatus::Unsupported.code();
        self.called("avatar_infer", &[op as i64], &[head, body], code.into());
        code
    }

    fn p2p(&self, op: u64, command: &[u8]) -> i32 {
        let code = match &self.port {
            Some(port) => self.ask_network(port, op, command),
            None => AbiStatus::Unsupported.code(),
        };
        self.called("avatar_p2p", &[op as i64], &[command], code.into());
        code
    }

    fn keys(&self, op: u64, command: &[u8]) -> i32 {
        let code = self.accept(op, || keys_command(command).map(Some));
        self.called("avatar_keys", &[op as i64], &[command], code.into());
        code
    }

    fn cancel(&self, op: u64) -> i32 {
        let is_pending = self.ops.borrow().contains(&op);
        self.check(is_pending, "only pending operations are cancelled", || op.to_string());
        let code = match is_pending {
            true => 0,
            false => AbiStatus::NotFound.code(),
        };
        self.called("avatar_cancel", &[op as i64], &[], code.into());
        if is_pending {
            self.outbox.borrow_mut().cancelled.push(op);
        }
        code
    }

    fn stream_write(&self, stream: i32, parts: &[&[u8]]) -> i32 {
        let code = self.on_stream(|network, node| {
            let taken = network.write(node, stream, parts)?;
            i32::try_from(taken).map_err(|_| AbiStatus::Limit)
        });
        self.called("avatar_stream_write", &[stream.into()], parts, code.into());
        code
    }

    fn stream_grant(&self, stream: i32, bytes: i32) -> i32 {
        let code = self.on_stream(|network, node| network.grant(node, stream, bytes).map(|()| 0));
        self.called("avatar_stream_grant", &[stream.into(), bytes.into()], &[], code.into());
        code
    }

    fn stream_close(&self, stream: i32, how: i32) -> i32 {
        let code = match &self.port {
            Some(_) => self.on_stream(|network, node| network.close(node, stream, how).map(|()| 0)),
            None => {
                let was_open = self.streams.borrow_mut().remove(&stream);
                self.check(
                    was_open && how == ways::RESET,
                    "G7: a stream that nobody serves is reset, once",
                    || format!("stream {stream}, {how}"),
                );
                0
            }
        };
        self.called("avatar_stream_close", &[stream.into(), how.into()], &[], code.into());
        code
    }
}
