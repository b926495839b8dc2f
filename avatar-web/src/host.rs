//! A host: one Meta Unit, its storage and its clients, from start to close, over any number of instances.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use avatar_proto::host_response::Response as HostAnswer;
use avatar_proto::{
    AbiStatus, Capability, Done, ErrorCode, GuestHello, HostFailed, HostHello, HostReady, HostRequest, HostRestarted,
    Limits, Message, host_request, stream_close,
};
use futures_channel::oneshot;
use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::calls::{Address, Calls, ClientId, Refused};
use crate::clients::{Clients, Incoming, PortLike};
use crate::driver::{Driver, TURN_BUDGET_US};
use crate::engine;
use crate::error::{HostError, HostErrorCode, app_error};
use crate::frames::{self, Ask, FrameKind};
use crate::instance::{Answer, CheckedModule, Instance, StreamEventKind, Trap};
use crate::keys::{self, Keys};
use crate::net;
use crate::ops::{OpEvent, Ops};
use crate::p2p::{JsSwarm, P2p};
use crate::status;
use crate::storage::{Backend, Choice};
use crate::supervise::{Digest, Group, Next, Supervisor, Verdict};
use crate::world::{Log, World};

/// How long a Meta Unit may take to make everything durable when the host closes.
const CLOSE_PATIENCE_US: i64 = 5_000_000;

/// After that, and this, it is dropped as it is: what it acknowledged is durable anyway.
const CLOSE_LIMIT_MS: f64 = 6_000.0;

/// So many bytes of requests are handed over before the Meta Unit has a turn to work on them: its memory grows for them, and never shrinks.
const HAND_OVER_BYTES: usize = 4 * 1024 * 1024;

/// Product and version, as HostHello and HostStatus say it.
pub const HOST: &str = concat!("avatar-web/", env!("CARGO_PKG_VERSION"));

/// What [`Host::start`] is given, checked.
pub struct Options {
    /// The Meta Unit.
    pub module: CheckedModule,
    /// The database's name.
    pub name: String,
    /// Which storage.
    pub storage: Choice,
    /// Accept test-only requests.
    pub test_requests: bool,
    /// What the Meta Unit may reach.
    pub rules: net::Rules,
    /// The embedder's libp2p.
    pub p2p: Option<JsSwarm>,
    /// Called when the host cannot go on.
    pub onfailed: Option<Function>,
    /// Where log lines go.
    pub log: Log,
}

/// Where a host stands.
enum Standing {
    /// The first instance has not greeted yet. Who waits for it is told.
    Starting(Vec<oneshot::Sender<Result<(), HostError>>>),
    /// An instance runs, or a new one starts after a crash.
    Up,
    /// It cannot go on.
    Failed(HostError),
    /// What is under way is made durable. Who waits for it is told.
    Closing(Vec<oneshot::Sender<()>>),
    /// Everything is released.
    Closed,
}

/// An instance with its world.
struct Running {
    instance: Instance,
    world: Rc<World>,
    greeted: Cell<bool>,
    shut_down: Cell<bool>,
}

/// One Meta Unit with its storage and clients.
pub struct Host {
    module: CheckedModule,
    name: String,
    test_requests: bool,
    rules: net::Rules,
    onfailed: Option<Function>,
    log: Rc<Log>,
    backend: Rc<dyn Backend>,
    keys: Option<Rc<dyn Keys>>,
    p2p: Option<Rc<P2p>>,
    clients: Rc<Clients>,
    calls: Rc<RefCell<Calls>>,
    supervisor: RefCell<Supervisor>,
    suspects: RefCell<Group>,
    standing: RefCell<Standing>,
    running: RefCell<Option<Rc<Running>>>,
    ready: RefCell<HostReady>,
    crash_reason: RefCell<Option<String>>,
    persisted: Cell<bool>,
    turning: Cell<bool>,
    driver: Driver,
}

impl Host {
    /// Opens storage and starts the Meta Unit; resolves when it has greeted.
    pub async fn start(options: Options) -> Result<Rc<Self>, HostError> {
        let backend = crate::storage::open(options.storage, &options.name).await?;
        let (tell, told) = oneshot::channel();
        let host = Rc::new_cyclic(|weak: &Weak<Self>| {
            let weak = weak.clone();
            Self {
                ready: RefCell::new(HostReady {
                    storage: backend.kind().into(),
                    storage_reason: backend.reason(),
                    build_id: options.module.build_id().to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ..HostReady::default()
                }),
                module: options.module,
                name: options.name,
                test_requests: options.test_requests,
                rules: options.rules,
                onfailed: options.onfailed,
                log: Rc::new(options.log),
                keys: keys::of(backend.as_ref()),
                p2p: options.p2p.map(|swarm| P2p::new(swarm, backend.as_ref(), HOST)),
                backend,
                clients: Rc::default(),
                calls: Rc::default(),
                supervisor: RefCell::default(),
                suspects: RefCell::default(),
                standing: RefCell::new(Standing::Starting(vec![tell])),
                running: RefCell::new(None),
                crash_reason: RefCell::new(None),
                persisted: Cell::new(false),
                turning: Cell::new(false),
                driver: Driver::new(move || {
                    if let Some(host) = weak.upgrade() {
                        host.turn();
                    }
                }),
            }
        });
        host.clone().start_instance().await;
        told.await
            .unwrap_or_else(|_| Err(HostError::app(ErrorCode::Closed, "closed while it started")))?;
        Ok(host)
    }

    // ---- instances

    async fn start_instance(self: Rc<Self>) {
        let weak = Rc::downgrade(&self);
        let wake = Rc::new(move || {
            if let Some(host) = weak.upgrade() {
                host.driver.wake();
            }
        });
        let world = Rc::new(World {
            calls: self.calls.clone(),
            clients: self.clients.clone(),
            ops: Ops::new(
                self.backend.clone(),
                self.keys.clone(),
                self.rules,
                self.p2p.clone(),
                wake,
            ),
            log: self.log.clone(),
            hello: RefCell::new(None),
            last_words: RefCell::default(),
            note_answered: Cell::new(self.supervisor.borrow().suspects_any()),
            answered: RefCell::default(),
        });
        let instance = match Instance::start(&self.module, world.clone()).await {
            Ok(instance) => instance,
            Err(error) => return self.fail(error),
        };
        if !matches!(*self.standing.borrow(), Standing::Starting(_) | Standing::Up) {
            return;
        }
        let running = Rc::new(Running {
            instance,
            world,
            greeted: Cell::new(false),
            shut_down: Cell::new(false),
        });
        self.running.replace(Some(running.clone()));
        match running.instance.init(&self.hello().encode_to_vec()) {
            Err(trap) => self.crashed(&trap),
            Ok(Err(status)) => self.fail(HostError::app(
                ErrorCode::Internal,
                format!("yuan_init returned {status:?}"),
            )),
            Ok(Ok(())) => self.driver.wake(),
        }
    }

    fn hello(&self) -> HostHello {
        let mut capabilities = vec![Capability::Storage.into(), Capability::Net.into()];
        if self.has_keys() {
            capabilities.push(Capability::Keys.into());
        }
        if self.has_p2p() {
            capabilities.push(Capability::P2p.into());
        }
        HostHello {
            abi_minor: avatar_proto::ABI_MINOR.into(),
            host: HOST.into(),
            capabilities,
            limits: Some(Limits {
                max_buffer_bytes: avatar_proto::DEFAULT_MAX_BUFFER_BYTES,
                max_inflight: avatar_proto::DEFAULT_MAX_INFLIGHT_OPS,
                max_streams: avatar_proto::DEFAULT_MAX_STREAMS,
            }),
            name: self.name.clone(),
            allow_test_requests: self.test_requests,
        }
    }

    /// One turn of the loop: what waits goes in, the guest works, what it said goes out.
    fn turn(self: &Rc<Self>) {
        // A port that does not wait may lead back here from inside `flush`.
        if self.turning.replace(true) {
            return self.driver.wake();
        }
        let running = self.running.borrow().clone();
        if let Some(running) = running {
            match self.work(&running) {
                Ok(next) => self.after_turn(&running, next),
                Err(trap) => self.crashed(&trap),
            }
        }
        self.clients.flush();
        self.turning.set(false);
    }

    fn work(self: &Rc<Self>, running: &Running) -> Answer<i64> {
        while let Some(event) = running.world.ops.next_event() {
            self.tell(running, event)?;
        }
        if running.greeted.get() && !running.shut_down.get() {
            self.hand_over(running)?;
            let closing = matches!(*self.standing.borrow(), Standing::Closing(_));
            if closing && self.calls.borrow().front().is_none() {
                running.shut_down.set(true);
                if let Err(status) = running.instance.shutdown(CLOSE_PATIENCE_US)? {
                    self.log.line(2, &format!("yuan_shutdown returned {status:?}"));
                }
            }
        }
        let next = running.instance.turn(TURN_BUDGET_US)?;
        self.calls.borrow_mut().turn_ended();
        for digest in running.world.answered.take() {
            self.supervisor.borrow_mut().cleared(digest);
        }
        if !self.suspects.borrow().is_empty() && !self.waits_for_suspects() {
            self.driver.wake();
        }
        Ok(next)
    }

    fn waits_for_suspects(&self) -> bool {
        self.suspects
            .borrow_mut()
            .is_waited_for(engine::monotonic_ms(), |req| self.calls.borrow().is_unanswered(req))
    }

    fn tell(&self, running: &Running, event: OpEvent) -> Answer<()> {
        let refused = match event {
            OpEvent::Completed { op, code, head, body } => running.instance.complete(op, code, &head, &body)?,
            OpEvent::Stream {
                stream,
                kind,
                arg,
                data,
            } => match running.instance.stream_event(stream, kind, arg, data.as_ref())? {
                // No room for its bytes: a stream with a gap is none (H27).
                Err(AbiStatus::Limit) => Self::give_up(running, stream)?,
                told => told,
            },
        };
        if let Err(status) = refused {
            self.log
                .line(2, &format!("the Meta Unit refused what happened: {status:?}"));
        }
        Ok(())
    }

    fn give_up(running: &Running, stream: u32) -> Answer<Result<(), AbiStatus>> {
        // NOT_FOUND says that it was over.
        running.world.ops.stream_close(stream, stream_close::RESET);
        let reason = AbiStatus::Limit as i64;
        running
            .instance
            .stream_event(stream, StreamEventKind::Reset, reason, None)
    }

    fn hand_over(self: &Rc<Self>, running: &Running) -> Answer<()> {
        let mut bytes = 0;
        let mut waits = self.waits_for_suspects();
        while !waits && let Some((digest, verdict)) = self.judge_front() {
            if bytes >= HAND_OVER_BYTES
                || !self
                    .suspects
                    .borrow()
                    .admits(verdict, !self.calls.borrow().nothing_fresh())
            {
                waits = true;
                self.driver.wake();
                continue;
            }
            let Some(queued) = self.calls.borrow_mut().hand_over(digest) else {
                break;
            };
            bytes += queued.payload.len();
            match verdict {
                Verdict::Quarantined => {
                    let message = "the request crashed the Meta Unit twice";
                    self.refuse(queued.req, ErrorCode::Crashed, message, false);
                    continue;
                }
                Verdict::Suspect { group } => self.suspect(queued.req, group),
                Verdict::Fine => {}
            }
            if let Err(status) = running.instance.handle_request(queued.req, &queued.payload)? {
                let retryable = queued.payload.len() < avatar_proto::DEFAULT_MAX_BUFFER_BYTES as usize;
                let message = format!("the Meta Unit refused it: {status:?}");
                self.refuse(queued.req, ErrorCode::Limit, &message, retryable);
            }
        }
        loop {
            let cancel = self.calls.borrow_mut().next_cancel();
            let Some(req) = cancel else { return Ok(()) };
            // NOT_FOUND: its last answer was quicker.
            let _ = running.instance.cancel_request(req)?;
        }
    }

    fn judge_front(&self) -> Option<(Digest, Verdict)> {
        let calls = self.calls.borrow();
        let digest = Digest::of(&calls.front()?.payload);
        Some((digest, self.supervisor.borrow().judge(engine::monotonic_ms(), digest)))
    }

    /// A suspect is handed over: others wait for its answer, but not for ever.
    fn suspect(self: &Rc<Self>, req: u64, group: usize) {
        if self.suspects.borrow_mut().add(engine::monotonic_ms(), req, group) {
            let weak = Rc::downgrade(self);
            spawn_local(async move {
                engine::sleep_ms(Group::patience_ms()).await;
                if let Some(host) = weak.upgrade() {
                    host.driver.wake();
                }
            });
        }
    }

    /// The host's own last answer to a request that was handed over.
    fn refuse(&self, req: u64, code: ErrorCode, message: &str, retryable: bool) {
        let address = self.calls.borrow_mut().answer(req, true);
        if let Some(Some(address)) = address {
            self.clients.fail(address, app_error(code, message, retryable));
        }
    }

    fn after_turn(self: &Rc<Self>, running: &Rc<Running>, next: i64) {
        if !running.greeted.get() {
            if let Some(hello) = running.world.hello.take() {
                self.greeted(running, hello);
            } else if next < 0 && running.world.ops.is_idle() {
                let error = HostError::app(ErrorCode::Internal, "the Meta Unit fell idle without a greeting");
                return self.fail(error);
            }
        }
        let closed = running.shut_down.get() && next < 0 && running.world.ops.is_idle();
        if closed {
            spawn_local(self.clone().release());
        }
        self.driver.after_turn(next, !self.calls.borrow().is_empty());
    }

    fn greeted(self: &Rc<Self>, running: &Rc<Running>, hello: GuestHello) {
        if let Some(error) = hello.error {
            return self.fail(HostError::app(error.code(), error.message));
        }
        running.greeted.set(true);
        self.ready.borrow_mut().did = hello.did;
        let restarted = self.crash_reason.take().map(|reason| HostRestarted {
            restarts: self.supervisor.borrow_mut().restarted(),
            reason,
        });
        let mut standing = self.standing.borrow_mut();
        if let Standing::Starting(waiting) = &mut *standing {
            for tell in std::mem::take(waiting) {
                let _ = tell.send(Ok(()));
            }
            *standing = Standing::Up;
        }
        drop(standing);
        let restarted = restarted.map(|restarted| restarted.encode_to_vec());
        self.clients
            .greet(&self.ready.borrow().encode_to_vec(), restarted.as_deref());
        self.driver.wake();
    }

    // ---- the end of an instance

    fn crashed(self: &Rc<Self>, trap: &Trap) {
        let Some(running) = self.running.take() else { return };
        running.world.ops.abandon();
        let last_words = running.world.last_words.take();
        drop(running);
        let reason = if last_words.is_empty() {
            trap.reason.clone()
        } else {
            format!("{}: {last_words}", trap.reason)
        };
        self.log.line(1, &format!("the Meta Unit crashed: {reason}"));

        let now_ms = engine::monotonic_ms();
        let at_work = self.calls.borrow().at_work();
        let next = self.supervisor.borrow_mut().crashed(now_ms, &at_work);
        self.suspects.take();
        let ended = self.calls.borrow_mut().end_all(false);
        for (address, digest) in ended {
            let quarantined =
                digest.is_some_and(|digest| self.supervisor.borrow().judge(now_ms, digest) == Verdict::Quarantined);
            self.clients
                .fail(address, app_error(ErrorCode::Crashed, reason.as_str(), !quarantined));
        }
        self.crash_reason.replace(Some(reason.clone()));
        if matches!(*self.standing.borrow(), Standing::Closing(_)) {
            spawn_local(self.clone().release());
            return;
        }
        match next {
            Next::Stop => self.fail(HostError::new(HostErrorCode::CrashLoop, reason)),
            Next::Restart { pause_ms } => {
                let host = self.clone();
                spawn_local(async move {
                    if pause_ms > 0.0 {
                        engine::sleep_ms(pause_ms).await;
                    }
                    if matches!(*host.standing.borrow(), Standing::Starting(_) | Standing::Up) {
                        host.start_instance().await;
                    }
                });
            }
        }
    }

    fn fail(self: &Rc<Self>, error: HostError) {
        if let Some(running) = self.running.take() {
            running.world.ops.abandon();
            // The instance may be on the stack below.
            spawn_local(async move { drop(running) });
        }
        let before = self.standing.replace(Standing::Failed(error.clone()));
        self.driver.stop();
        for (address, _) in self.calls.borrow_mut().end_all(true) {
            self.clients.fail(address, error.to_app_error());
        }
        let failed = HostFailed {
            error: Some(error.to_app_error()),
        };
        self.clients.tell_all(FrameKind::Failed, &failed.encode_to_vec());
        self.clients.flush();
        self.close_p2p();
        spawn_local(self.backend.close());
        match before {
            Standing::Starting(waiting) => {
                for tell in waiting {
                    let _ = tell.send(Err(error.clone()));
                }
            }
            Standing::Closing(waiting) => {
                for tell in waiting {
                    let _ = tell.send(());
                }
            }
            Standing::Up | Standing::Failed(_) | Standing::Closed => {
                if let Some(onfailed) = &self.onfailed {
                    // What the embedder's handler throws is the embedder's.
                    let _ = onfailed.call1(&JsValue::UNDEFINED, &error.to_js());
                }
            }
        }
    }

    /// Makes everything durable, shuts the Meta Unit down, lets go of storage. Idempotent.
    pub async fn close(self: Rc<Self>) {
        let (tell, told) = oneshot::channel();
        {
            let mut standing = self.standing.borrow_mut();
            match &mut *standing {
                Standing::Failed(_) | Standing::Closed => return,
                Standing::Closing(waiting) => waiting.push(tell),
                Standing::Starting(_) | Standing::Up => *standing = Standing::Closing(vec![tell]),
            }
        }
        let greeted = self
            .running
            .borrow()
            .as_ref()
            .is_some_and(|running| running.greeted.get());
        if greeted {
            self.driver.wake();
            let told = std::pin::pin!(told);
            if let futures_util::future::Either::Right(_) =
                futures_util::future::select(told, engine::sleep_ms(CLOSE_LIMIT_MS)).await
            {
                self.log.line(2, "the Meta Unit did not shut down in time");
                self.release().await;
            }
        } else {
            self.release().await;
        }
    }

    /// The last step of a close.
    async fn release(self: Rc<Self>) {
        let Standing::Closing(waiting) = self.standing.replace(Standing::Closed) else {
            return;
        };
        self.driver.stop();
        if let Some(running) = self.running.take() {
            running.world.ops.abandon();
        }
        self.close_p2p();
        self.backend.close().await;
        let error = HostError::app(ErrorCode::Closed, "the host is closed");
        for (address, _) in self.calls.borrow_mut().end_all(true) {
            self.clients.fail(address, error.to_app_error());
        }
        self.clients.flush();
        for tell in waiting {
            let _ = tell.send(());
        }
    }

    fn close_p2p(&self) {
        if let Some(p2p) = &self.p2p {
            p2p.close();
        }
    }

    // ---- clients

    /// Serves a client on this channel.
    pub fn attach(self: &Rc<Self>, port: PortLike) -> Result<ClientId, JsValue> {
        let weak = Rc::downgrade(self);
        let client = self.clients.attach(
            port,
            Rc::new(move |client, message| {
                if let Some(host) = weak.upgrade() {
                    host.receive(client, message);
                }
            }),
        )?;
        let failed = match &*self.standing.borrow() {
            Standing::Failed(error) => Some(error.clone()),
            Standing::Closing(_) | Standing::Closed => Some(HostError::app(ErrorCode::Closed, "the host is closed")),
            Standing::Starting(_) | Standing::Up => None,
        };
        if let Some(error) = failed {
            let failed = HostFailed {
                error: Some(error.to_app_error()),
            };
            self.clients.push(client, 0, FrameKind::Failed, &failed.encode_to_vec());
        } else if self
            .running
            .borrow()
            .as_ref()
            .is_some_and(|running| running.greeted.get())
        {
            self.clients.greet(&self.ready.borrow().encode_to_vec(), None);
        }
        self.flush_soon();
        Ok(client)
    }

    /// The client is gone.
    pub fn detach(&self, client: ClientId) {
        if self.clients.detach(client) {
            self.calls.borrow_mut().forget_client(client);
            self.driver.wake();
        }
    }

    /// How many clients there are.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Sends what has gathered at the end of the task, with what a turn has to add.
    fn flush_soon(&self) {
        self.driver.wake();
    }

    fn receive(self: &Rc<Self>, client: ClientId, message: Incoming) {
        match message.as_deref().map(frames::decode) {
            Some(Ok(frames)) => {
                for frame in frames {
                    let address = Address {
                        client,
                        call: frame.call,
                    };
                    self.take(address, frame.ask);
                }
            }
            Some(Err(frames::Malformed)) | None => {
                let error = app_error(
                    ErrorCode::Malformed,
                    "the message is not a ClientBatch within the limits",
                    false,
                );
                self.clients.fail(Address { client, call: 0 }, error);
            }
        }
        self.driver.wake();
    }

    fn take(self: &Rc<Self>, address: Address, ask: Ask<'_>) {
        let refused = match &*self.standing.borrow() {
            Standing::Failed(error) => Some(error.to_app_error()),
            Standing::Closing(_) | Standing::Closed => Some(app_error(ErrorCode::Closed, "the host is closed", true)),
            Standing::Starting(_) | Standing::Up => None,
        };
        match (ask, refused) {
            (Ask::Host(request), _) => self.take_host_request(address, request),
            (Ask::Request(_), Some(error)) => self.clients.fail(address, error),
            (Ask::Request(payload), None) => {
                let submitted = self.calls.borrow_mut().submit(address, payload);
                match submitted {
                    Ok(()) => {}
                    // Answered under call 0: the number belongs to another call.
                    Err(Refused::Duplicate) => self.clients.fail(
                        Address { call: 0, ..address },
                        app_error(
                            ErrorCode::InvalidArgument,
                            format!("the call {} is in flight already", address.call),
                            false,
                        ),
                    ),
                    Err(Refused::Limit) => self
                        .clients
                        .fail(address, app_error(ErrorCode::Limit, "too much is in flight", true)),
                }
            }
            (Ask::Cancel, _) => {
                if self.calls.borrow_mut().cancel(address) {
                    self.clients
                        .fail(address, app_error(ErrorCode::Cancelled, "cancelled", false));
                }
            }
            (Ask::Unknown, _) => self.clients.fail(
                address,
                app_error(ErrorCode::UnknownRequest, "this build does not know the frame", false),
            ),
        }
    }

    fn take_host_request(self: &Rc<Self>, address: Address, request: HostRequest) {
        let Some(request) = request.request else {
            let error = app_error(
                ErrorCode::UnknownRequest,
                "this build does not know the host request",
                false,
            );
            return self.clients.answer_host(address, HostAnswer::Error(error));
        };
        let host = self.clone();
        match request {
            host_request::Request::Status(_) => spawn_local(async move {
                let status = status::of(&host).await;
                host.clients.answer_host(address, HostAnswer::Status(status));
                host.flush_soon();
            }),
            host_request::Request::Persisted(answer) => {
                self.persisted.set(answer.persisted);
                self.clients.answer_host(address, HostAnswer::Done(Done {}));
            }
            host_request::Request::Close(_) => spawn_local(async move {
                host.clone().close().await;
                host.clients.answer_host(address, HostAnswer::Done(Done {}));
                let failed = HostFailed {
                    error: Some(HostError::app(ErrorCode::Closed, "another client closed the host").to_app_error()),
                };
                for client in host.clients.ids() {
                    if client != address.client {
                        host.clients.push(client, 0, FrameKind::Failed, &failed.encode_to_vec());
                    }
                }
                host.clients.flush();
            }),
        }
    }

    // ---- for `status`

    /// What clients were told at the start.
    pub fn ready(&self) -> HostReady {
        self.ready.borrow().clone()
    }

    /// Whether there is somebody to guard keys.
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether peers can be reached.
    pub fn has_p2p(&self) -> bool {
        self.p2p.is_some()
    }

    /// Instances after the first.
    pub fn restarts(&self) -> u32 {
        self.supervisor.borrow().restarts()
    }

    /// Whether a window said that storage is persistent.
    pub fn persisted(&self) -> bool {
        self.persisted.get()
    }
}
