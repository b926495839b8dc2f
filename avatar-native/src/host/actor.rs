//! The thread of the instance: what waits goes in, the guest works, what it said goes out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use avatar_proto::client_frame::Frame as Ask;
use avatar_proto::host_frame::Frame;
use avatar_proto::host_response::Response as HostAnswer;
use avatar_proto::{
    AbiStatus, AppError, Capability, ClientBatch, Done, ErrorCode, GuestHello, HostFailed, HostHello, HostReady,
    HostRequest, HostRestarted, HostStatus, Limits as WireLimits, Message as _, StorageKind, host_request,
    stream_close, stream_event,
};
use tokio::sync::{oneshot, watch};
use zeroize::Zeroize;

use super::calls::{Address, Calls, ClientId, Refused};
use super::clients::Clients;
use super::ops::{OpEvent, Ops, Tell};
use super::supervise::{Digest, Next, Supervisor, Verdict};
use super::world::{Shared, World};
use super::{Input, Options, Standing};
use crate::boundary::{Answer, Instance, Trap};
use crate::error::{HostError, HostErrorCode, app_error};
use crate::folder::Folder;
use crate::keys::Keys;
use crate::net::Net;
use crate::p2p::P2p;
use crate::storage::Storage;
use crate::trace::{Header, Recorder};

/// One turn's budget. Other clients and completions get their chance in between.
const TURN_BUDGET_US: i32 = 8_000;

/// So many bytes of requests are handed over before the guest has a turn to work on them: its memory grows for them, and never shrinks.
const HAND_OVER_BYTES: usize = 4 * 1024 * 1024;

/// Inputs taken in before the guest has a turn.
const INPUTS_A_TURN: usize = 1_024;

/// What peers did, told before the guest has a turn.
const PEER_EVENTS_A_TURN: usize = 64;

/// How long the Meta Unit may take to make everything durable when the host closes.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// After that, and this, it is dropped as it is: what it acknowledged is durable anyway.
const CLOSE_LIMIT: Duration = Duration::from_secs(6);

/// How long others wait for the first answer to a request under suspicion.
const SUSPECT_PATIENCE: Duration = Duration::from_secs(1);

/// When the next turn comes if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(Instant),
    Never,
}

struct Running {
    instance: Instance,
    greeted: bool,
    shut_down: bool,
}

/// A request under suspicion that was handed over alone.
struct Alone {
    req: u64,
    until: Instant,
}

pub struct Actor {
    options: Options,
    folder: Folder,
    storage: Arc<Storage>,
    keys: Arc<Keys>,
    net: Net,
    p2p: Option<Rc<RefCell<P2p>>>,
    inputs: Sender<Input>,
    standing: watch::Sender<Standing>,
    recorder: Option<Recorder>,
    shared: Rc<RefCell<Shared>>,
    running: Option<Running>,
    generation: u64,
    supervisor: Supervisor,
    restarts: u32,
    crash_reason: Option<String>,
    restart_at: Option<Instant>,
    alone: Option<Alone>,
    events: VecDeque<OpEvent>,
    ready: HostReady,
    failure: Option<HostError>,
    closing: Vec<oneshot::Sender<()>>,
    close_limit: Option<Instant>,
    /// Clients that asked for the end, with their calls.
    close_calls: Vec<Address>,
    due: Due,
}

/// What an actor is made of.
pub struct Parts {
    pub folder: Folder,
    pub storage: Storage,
    pub keys: Keys,
    pub net: Net,
    pub p2p: Option<P2p>,
}

impl Actor {
    pub fn new(
        options: Options,
        parts: Parts,
        inputs: Sender<Input>,
        standing: watch::Sender<Standing>,
    ) -> Result<Self, HostError> {
        let Parts {
            folder,
            storage,
            keys,
            net,
            p2p,
        } = parts;
        let header = Header {
            sha256: options.unit.sha256(),
            memory_bytes: options.limits.memory_bytes as u64,
        };
        let recorder = options
            .record
            .as_deref()
            .map(|path| Recorder::create(path, &header))
            .transpose()?;
        let (storage, keys) = (Arc::new(storage), Arc::new(keys));
        let p2p = p2p.map(|p2p| Rc::new(RefCell::new(p2p)));
        let ready = HostReady {
            storage: StorageKind::Folder.into(),
            build_id: options.unit.build_id().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..HostReady::default()
        };
        let shared = Shared {
            calls: Calls::default(),
            clients: Clients::default(),
            ops: Ops::new(
                0,
                storage.clone(),
                keys.clone(),
                net.clone(),
                p2p.clone(),
                inputs.clone(),
            ),
            hello: None,
            last_words: String::new(),
            answered: None,
        };
        Ok(Self {
            options,
            folder,
            storage,
            keys,
            net,
            p2p,
            inputs,
            standing,
            recorder,
            shared: Rc::new(RefCell::new(shared)),
            running: None,
            generation: 0,
            supervisor: Supervisor::default(),
            restarts: 0,
            crash_reason: None,
            restart_at: None,
            alone: None,
            events: VecDeque::new(),
            ready,
            failure: None,
            closing: Vec::new(),
            close_limit: None,
            close_calls: Vec::new(),
            due: Due::Never,
        })
    }

    /// Works until the host is closed.
    pub fn run(mut self, received: &Receiver<Input>) {
        self.start_instance();
        loop {
            if !self.take_inputs(received) || self.is_over() {
                break;
            }
            if self.restart_at.is_some_and(|at| at <= Instant::now()) {
                self.restart_at = None;
                self.start_instance();
            }
            self.due = Due::Never;
            self.turn();
            let lost = self.shared.borrow_mut().clients.flush();
            for client in lost {
                self.detach(client);
            }
        }
        self.release();
    }

    /// Waits for something to do and takes in what there is. `false` when nobody can reach this host any more.
    fn take_inputs(&mut self, received: &Receiver<Input>) -> bool {
        let now = Instant::now();
        let deadlines = [
            self.restart_at,
            self.close_limit,
            self.alone.as_ref().map(|alone| alone.until),
        ];
        let due = match self.due {
            Due::Now => Some(now),
            Due::At(at) => Some(at),
            Due::Never => None,
        };
        let first = match deadlines.into_iter().flatten().chain(due).min() {
            Some(at) if at <= now => match received.try_recv() {
                Ok(input) => Ok(Some(input)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(()),
            },
            Some(at) => match received.recv_timeout(at - now) {
                Ok(input) => Ok(Some(input)),
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(RecvTimeoutError::Disconnected) => Err(()),
            },
            None => received.recv().map(Some).map_err(|_| ()),
        };
        let Ok(first) = first else { return false };
        let more = std::iter::from_fn(|| received.try_recv().ok()).take(INPUTS_A_TURN);
        for input in first.into_iter().chain(more) {
            self.take(input);
        }
        true
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Attach(client, outbox) => {
                let shared = &mut *self.shared.borrow_mut();
                shared.clients.attach(client, outbox);
                if let Some(error) = &self.failure {
                    shared.clients.tell(client, failed(error));
                } else if self.running.as_ref().is_some_and(|running| running.greeted) {
                    shared.clients.greet(&self.ready, None);
                }
            }
            Input::Message(client, message, permit) => {
                self.receive(client, &message.batch);
                drop(permit);
            }
            Input::Detach(client) => self.detach(client),
            // What an instance that is gone had asked for interests nobody.
            Input::Op { generation, event } if generation == self.generation => self.events.push_back(event),
            Input::Op { .. } => {}
            Input::Peers => {
                if let Some(p2p) = &self.p2p {
                    p2p.borrow().heard();
                }
            }
            Input::Close(tell) => {
                self.closing.push(tell);
                self.begin_close();
            }
        }
    }

    fn begin_close(&mut self) {
        if self.close_limit.is_none() {
            self.close_limit = Some(Instant::now() + CLOSE_LIMIT);
        }
    }

    fn is_closing(&self) -> bool {
        self.close_limit.is_some()
    }

    fn is_over(&self) -> bool {
        let can_shut_down = self.running.as_ref().is_some_and(|running| running.greeted);
        self.close_limit
            .is_some_and(|limit| !can_shut_down || limit <= Instant::now())
    }

    // ---- instances

    fn start_instance(&mut self) {
        self.generation += 1;
        self.events.clear();
        {
            let shared = &mut *self.shared.borrow_mut();
            shared.ops = Ops::new(
                self.generation,
                self.storage.clone(),
                self.keys.clone(),
                self.net.clone(),
                self.p2p.clone(),
                self.inputs.clone(),
            );
            shared.hello = None;
            shared.last_words.clear();
            shared.answered = self.supervisor.suspects_any().then(Vec::new);
        }
        if let Some(p2p) = &self.p2p {
            p2p.borrow_mut().attach();
        }
        let world = World {
            shared: self.shared.clone(),
            started: Instant::now(),
        };
        let started = Instance::start(
            &self.options.unit,
            self.options.limits,
            Box::new(world),
            self.recorder.clone(),
        );
        let mut instance = match started {
            Ok(instance) => instance,
            Err(error) => return self.fail(error),
        };
        let init = instance.init(&self.hello().encode_to_vec());
        self.running = Some(Running {
            instance,
            greeted: false,
            shut_down: false,
        });
        match init {
            Err(trap) => self.crashed(&trap),
            Ok(Err(status)) => self.fail(HostError::app(
                ErrorCode::Internal,
                format!("yuan_init returned {status:?}"),
            )),
            Ok(Ok(())) => self.due = Due::Now,
        }
    }

    fn hello(&self) -> HostHello {
        HostHello {
            abi_minor: avatar_proto::ABI_MINOR.into(),
            host: crate::HOST.into(),
            capabilities: self.capabilities().map(|(capability, _)| capability.into()).collect(),
            limits: Some(WireLimits {
                max_buffer_bytes: avatar_proto::DEFAULT_MAX_BUFFER_BYTES,
                max_inflight: avatar_proto::DEFAULT_MAX_INFLIGHT_OPS,
                max_streams: avatar_proto::DEFAULT_MAX_STREAMS,
            }),
            name: "avatar".into(),
            allow_test_requests: self.options.test_requests,
        }
    }

    /// What this host can, with the names that people read.
    fn capabilities(&self) -> impl Iterator<Item = (Capability, &'static str)> {
        let always = [
            (Capability::Storage, "storage"),
            (Capability::Net, "net"),
            (Capability::Keys, "keys"),
        ];
        always
            .into_iter()
            .chain(self.p2p.is_some().then_some((Capability::P2p, "p2p")))
    }

    fn turn(&mut self) {
        let Some(mut running) = self.running.take() else {
            // Peers go on while there is no guest; nothing of theirs is for the next one.
            while self.shared.borrow_mut().ops.next_of_peers().is_some() {}
            return;
        };
        let outcome = self.work(&mut running);
        self.running = Some(running);
        if let Some(recorder) = &self.recorder {
            recorder.flush();
        }
        match outcome {
            Ok(next) => self.after_turn(next),
            Err(trap) => self.crashed(&trap),
        }
    }

    fn work(&mut self, running: &mut Running) -> Answer<i64> {
        while let Some(event) = self.events.pop_front() {
            let tell = self.shared.borrow_mut().ops.tell(event);
            if let Some(tell) = tell {
                self.tell(&mut running.instance, tell)?;
            }
        }
        self.hear_peers(running)?;
        if running.greeted && !running.shut_down {
            self.hand_over(&mut running.instance)?;
            if self.is_closing() && self.shared.borrow().calls.front().is_none() {
                running.shut_down = true;
                let patience_us = CLOSE_PATIENCE.as_micros() as i64;
                if let Err(status) = running.instance.shutdown(patience_us)? {
                    tracing::warn!("yuan_shutdown returned {status:?}");
                }
            }
        }
        let next = running.instance.turn(TURN_BUDGET_US)?;
        let shared = &mut *self.shared.borrow_mut();
        shared.calls.turn_ended();
        for digest in shared.answered.iter_mut().flat_map(std::mem::take) {
            self.supervisor.cleared(digest);
        }
        Ok(next)
    }

    fn hear_peers(&mut self, running: &mut Running) -> Answer<()> {
        for _ in 0..PEER_EVENTS_A_TURN {
            let Some(tell) = self.shared.borrow_mut().ops.next_of_peers() else {
                return Ok(());
            };
            match tell {
                // After the shutdown only completions are legal (§4).
                Some(Tell::Stream { .. }) if running.shut_down => {}
                Some(tell) => self.tell(&mut running.instance, tell)?,
                None => {}
            }
        }
        self.due = Due::Now;
        Ok(())
    }

    /// Whether a request under suspicion is at work: nothing else is handed over then.
    fn waits_for_suspect(&mut self) -> bool {
        let calls = &self.shared.borrow().calls;
        let waits = self
            .alone
            .as_ref()
            .is_some_and(|alone| Instant::now() < alone.until && calls.is_unanswered(alone.req));
        if !waits {
            self.alone = None;
        }
        waits
    }

    fn hand_over(&mut self, instance: &mut Instance) -> Answer<()> {
        let mut bytes = 0;
        while !self.waits_for_suspect() {
            let Some((digest, verdict)) = self.judge_front() else {
                break;
            };
            // A suspect is alone: what was handed over before it has its turn first.
            let alone = verdict == Verdict::Suspect;
            if bytes >= HAND_OVER_BYTES || (alone && self.shared.borrow().calls.is_fresh()) {
                self.due = Due::Now;
                break;
            }
            let Some(queued) = self.shared.borrow_mut().calls.hand_over(digest) else {
                break;
            };
            if verdict == Verdict::Quarantined {
                let message = "the request crashed two instances";
                self.refuse(queued.req, app_error(ErrorCode::Crashed, message, false));
                continue;
            }
            if alone {
                self.alone = Some(Alone {
                    req: queued.req,
                    until: Instant::now() + SUSPECT_PATIENCE,
                });
            }
            bytes += queued.payload.len();
            if let Err(status) = instance.handle_request(queued.req, &queued.payload)? {
                let retryable = queued.payload.len() < avatar_proto::DEFAULT_MAX_BUFFER_BYTES as usize;
                let message = format!("the Meta Unit refused it: {status:?}");
                self.refuse(queued.req, app_error(ErrorCode::Limit, message, retryable));
            }
        }
        loop {
            let cancel = self.shared.borrow_mut().calls.next_cancel();
            let Some(req) = cancel else { return Ok(()) };
            // NOT_FOUND: its last answer was quicker.
            let _ = instance.cancel_request(req)?;
        }
    }

    fn judge_front(&self) -> Option<(Digest, Verdict)> {
        let shared = self.shared.borrow();
        let digest = Digest::of(&shared.calls.front()?.payload);
        Some((digest, self.supervisor.judge(Instant::now(), digest)))
    }

    /// The host's own last answer to a request that was handed over.
    fn refuse(&self, req: u64, error: AppError) {
        let shared = &mut *self.shared.borrow_mut();
        if let Some(Some(address)) = shared.calls.answer(req, true) {
            shared.clients.fail(address, error);
        }
    }

    fn after_turn(&mut self, next: i64) {
        let idle = next < 0 && self.events.is_empty() && self.shared.borrow().ops.is_idle();
        let hello = self.shared.borrow_mut().hello.take();
        let Some(running) = &mut self.running else { return };
        if running.shut_down && idle {
            // Nothing is left to wait for.
            self.close_limit = Some(Instant::now());
        }
        if !running.greeted {
            match hello {
                Some(hello) => self.greeted(hello),
                None if idle => {
                    let message = "the Meta Unit fell idle without a greeting";
                    return self.fail(HostError::app(ErrorCode::Internal, message));
                }
                None => {}
            }
        }
        let guest_due = match next {
            0 => Due::Now,
            1.. => Due::At(Instant::now() + Duration::from_micros(next as u64)),
            _ => Due::Never,
        };
        // Whoever said "now" while the turn was prepared keeps it.
        if self.due != Due::Now {
            self.due = guest_due;
        }
    }

    fn greeted(&mut self, hello: GuestHello) {
        if let Some(error) = hello.error {
            return self.fail(error.into());
        }
        if let Some(running) = &mut self.running {
            running.greeted = true;
        }
        self.ready.did = hello.did;
        let restarted = self.crash_reason.take().map(|reason| {
            self.restarts += 1;
            HostRestarted {
                restarts: self.restarts,
                reason,
            }
        });
        self.shared.borrow_mut().clients.greet(&self.ready, restarted.as_ref());
        self.standing.send_replace(Standing::Up(self.ready.clone()));
        self.due = Due::Now;
    }

    fn tell(&self, instance: &mut Instance, tell: Tell) -> Answer<()> {
        let refused = match tell {
            Tell::Complete {
                op,
                code,
                mut head,
                body,
            } => {
                let told = instance.complete(op, code, &head, &body);
                // What keys give may be secret.
                head.zeroize();
                told?
            }
            Tell::Stream {
                stream,
                kind,
                arg,
                data,
            } => match instance.stream_event(stream, kind, arg, &data)? {
                // No room for its bytes: a stream with a gap is none (H27).
                Err(AbiStatus::Limit) => self.give_up(instance, stream)?,
                told => told,
            },
        };
        if let Err(status) = refused {
            tracing::warn!("the Meta Unit refused what happened: {status:?}");
        }
        Ok(())
    }

    fn give_up(&self, instance: &mut Instance, stream: u32) -> Answer<Result<(), AbiStatus>> {
        // An error says that it was over.
        let _ = self.shared.borrow_mut().ops.stream_close(stream, stream_close::RESET);
        instance.stream_event(stream, stream_event::RESET, AbiStatus::Limit as i64, &[])
    }

    // ---- the end of an instance

    fn crashed(&mut self, trap: &Trap) {
        // Dropped first (H7).
        self.running = None;
        if let Some(p2p) = &self.p2p {
            p2p.borrow_mut().detach();
        }
        self.alone = None;
        let now = Instant::now();
        let mut shared = self.shared.borrow_mut();
        let reason = match shared.last_words.as_str() {
            "" => trap.reason.clone(),
            last_words => format!("{}: {last_words}", trap.reason),
        };
        tracing::error!(interrupted = trap.interrupted, "the Meta Unit crashed: {reason}");
        let at_work = shared.calls.at_work();
        let next = self.supervisor.crashed(now, &at_work);
        for (address, digest) in shared.calls.end_all(false) {
            let quarantined = digest.is_some_and(|digest| self.supervisor.judge(now, digest) == Verdict::Quarantined);
            let error = app_error(ErrorCode::Crashed, reason.as_str(), !quarantined);
            shared.clients.fail(address, error);
        }
        drop(shared);
        self.crash_reason = Some(reason.clone());
        match next {
            Next::Stop => self.fail(HostError::new(HostErrorCode::CrashLoop, reason)),
            Next::Restart { pause } => self.restart_at = Some(now + pause),
        }
    }

    fn fail(&mut self, error: HostError) {
        tracing::error!("the host cannot go on: {error}");
        self.running = None;
        if let Some(p2p) = &self.p2p {
            p2p.borrow_mut().stop();
        }
        self.restart_at = None;
        let shared = &mut *self.shared.borrow_mut();
        for (address, _) in shared.calls.end_all(true) {
            shared.clients.fail(address, error.to_app_error());
        }
        shared.clients.tell_all(&failed(&error));
        self.standing.send_replace(Standing::Failed(error.clone()));
        self.failure = Some(error);
    }

    /// The last step: storage ends its work, the folder is free, everybody is told.
    fn release(mut self) {
        self.running = None;
        if self.failure.is_none() {
            let error = HostError::app(ErrorCode::Closed, "the host is closed");
            let shared = &mut *self.shared.borrow_mut();
            for (address, _) in shared.calls.end_all(true) {
                shared.clients.fail(address, error.to_app_error());
            }
            shared.clients.tell_all(&failed(&error));
        }
        let shared = self.shared.clone();
        let (closing, close_calls) = (std::mem::take(&mut self.closing), std::mem::take(&mut self.close_calls));
        let (failure, standing) = (self.failure.take(), self.standing.clone());
        // Storage and the folder's lock go with the actor and the operations: who is told after this may open the folder.
        drop(self);
        let Some(Shared { mut clients, ops, .. }) = Rc::into_inner(shared).map(RefCell::into_inner) else {
            return;
        };
        drop(ops);
        for address in close_calls {
            clients.answer_host(address, HostAnswer::Done(Done {}));
        }
        // Whoever is gone by now needs no last message.
        let _ = clients.flush();
        if failure.is_none() {
            standing.send_replace(Standing::Closed);
        }
        for tell in closing {
            let _ = tell.send(());
        }
    }

    // ---- clients

    fn detach(&mut self, client: ClientId) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.clients.detach(client) {
            shared.calls.forget_client(client);
            self.due = Due::Now;
        }
    }

    fn receive(&mut self, client: ClientId, batch: &[u8]) {
        match ClientBatch::decode(batch) {
            Ok(batch) => {
                for frame in batch.frames {
                    let address = Address {
                        client,
                        call: frame.call,
                    };
                    self.take_ask(address, frame.frame);
                }
            }
            Err(_) => {
                let error = app_error(ErrorCode::Malformed, "the message is no ClientBatch", false);
                self.shared
                    .borrow_mut()
                    .clients
                    .fail(Address { client, call: 0 }, error);
            }
        }
    }

    fn take_ask(&mut self, address: Address, ask: Option<Ask>) {
        let shared = self.shared.clone();
        let shared = &mut *shared.borrow_mut();
        match ask {
            Some(Ask::Host(request)) => self.take_host_request(&mut shared.clients, address, request),
            Some(Ask::Request(_)) if self.is_closing() => {
                let error = app_error(ErrorCode::Closed, "the host closes", true);
                shared.clients.fail(address, error);
            }
            Some(Ask::Request(payload)) => {
                if let Some(error) = &self.failure {
                    return shared.clients.fail(address, error.to_app_error());
                }
                match shared.calls.submit(address, payload) {
                    Ok(()) => {}
                    // Answered under call 0: the number belongs to another call.
                    Err(Refused::Duplicate) => {
                        let message = format!("the call {} is in flight already", address.call);
                        let error = app_error(ErrorCode::InvalidArgument, message, false);
                        shared.clients.fail(Address { call: 0, ..address }, error);
                    }
                    Err(Refused::Limit) => {
                        let error = app_error(ErrorCode::Limit, "too much is in flight", true);
                        shared.clients.fail(address, error);
                    }
                }
            }
            Some(Ask::Cancel(true)) => {
                if shared.calls.cancel(address) {
                    let error = app_error(ErrorCode::Cancelled, "cancelled", false);
                    shared.clients.fail(address, error);
                }
            }
            Some(Ask::Cancel(false)) | None => {
                let error = app_error(ErrorCode::UnknownRequest, "this build does not know the frame", false);
                shared.clients.fail(address, error);
            }
        }
    }

    fn take_host_request(&mut self, clients: &mut Clients, address: Address, request: HostRequest) {
        let answer = match request.request {
            Some(host_request::Request::Status(_)) => HostAnswer::Status(self.status(clients)),
            // Nobody takes a folder away to make room.
            Some(host_request::Request::Persisted(_)) => HostAnswer::Done(Done {}),
            Some(host_request::Request::Close(_)) => {
                self.close_calls.push(address);
                return self.begin_close();
            }
            None => HostAnswer::Error(app_error(
                ErrorCode::UnknownRequest,
                "this build does not know the host request",
                false,
            )),
        };
        clients.answer_host(address, answer);
    }

    fn status(&self, clients: &Clients) -> HostStatus {
        HostStatus {
            storage: self.ready.storage,
            persisted: true,
            usage_bytes: std::fs::metadata(self.folder.database()).map_or(0, |file| file.len()),
            restarts: self.restarts,
            build_id: self.ready.build_id.clone(),
            clients: clients.len() as u32,
            capabilities: self.capabilities().map(|(_, name)| name.to_owned()).collect(),
            host: crate::HOST.into(),
            ..HostStatus::default()
        }
    }
}

fn failed(error: &HostError) -> Frame {
    Frame::Failed(HostFailed {
        error: Some(error.to_app_error()),
    })
}
