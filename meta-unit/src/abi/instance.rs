//! What stands behind the exports. Every method is an export of ABI.md §4 and returns what the export returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use avatar_proto::{AbiStatus, ErrorCode, HostHello, Message};

use super::imports::Imports;
use super::ledger::Ledger;
use crate::node::{Node, Responder, app_error};
use crate::platform::{HostPlatform, Platform};
use crate::runtime::{Next, Request, Requests, Runtime, Submit};

/// Encoded requests that wait for a turn, in bytes, at most.
const MAX_QUEUED_BYTES: usize = 256 * 1024 * 1024;

/// `yuan_turn`: nothing to do until the host calls in.
const IDLE: i64 = -1;

/// One life of the Meta Unit.
///
/// The ledger stands apart from the rest, because buffers can be given and taken at any time; the rest is borrowed for as long as an export runs,
/// which is also how a call from inside an import is noticed.
pub struct Instance {
    imports: Rc<dyn Imports>,
    ledger: RefCell<Ledger>,
    max_buffer_bytes: usize,
    life: RefCell<Life>,
}

enum Life {
    Created,
    Running(Box<Running>),
}

struct Running {
    runtime: Rc<Runtime>,
    platform: Rc<HostPlatform>,
    requests: Rc<Requests>,
    node: Rc<Node>,
    incoming: VecDeque<(Rc<Request>, Vec<u8>)>,
    incoming_bytes: usize,
    cancels: Vec<Rc<Request>>,
    shutdown: Option<Shutdown>,
}

struct Shutdown {
    /// On the monotonic clock.
    deadline_us: u64,
    begun: bool,
    done: Rc<Cell<bool>>,
}

impl Instance {
    /// An instance before `yuan_init`.
    pub fn new(imports: Rc<dyn Imports>) -> Self {
        Self {
            imports,
            ledger: RefCell::default(),
            max_buffer_bytes: avatar_proto::DEFAULT_MAX_BUFFER_BYTES as usize,
            life: RefCell::new(Life::Created),
        }
    }

    /// `yuan_alloc`. The address of a zeroed buffer, or 0.
    pub fn alloc(&self, len: usize) -> usize {
        self.ledger.borrow_mut().alloc(len, self.max_buffer_bytes).unwrap_or(0)
    }

    /// `yuan_init`.
    pub fn init(&self, ptr: usize, len: usize) -> i32 {
        code(self.take(ptr, len).and_then(|bytes| {
            let mut life = self.life.try_borrow_mut().map_err(|_| AbiStatus::BadState)?;
            if !matches!(*life, Life::Created) {
                return Err(AbiStatus::BadState);
            }
            let hello = HostHello::decode(bytes.as_slice()).map_err(|_| AbiStatus::Invalid)?;
            *life = Life::Running(Box::new(Running::new(Rc::clone(&self.imports), &hello)));
            Ok(())
        }))
    }

    /// `yuan_handle_request`.
    pub fn handle_request(&self, req: i64, ptr: usize, len: usize) -> i32 {
        code(
            self.take(ptr, len)
                .and_then(|bytes| self.serving(|running| running.enqueue(req as u64, bytes))),
        )
    }

    /// `yuan_cancel_request`.
    pub fn cancel_request(&self, req: i64) -> i32 {
        code(self.serving(|running| {
            let request = running.requests.get(req as u64).ok_or(AbiStatus::NotFound)?;
            running.cancels.push(request);
            Ok(())
        }))
    }

    /// `yuan_complete`. Legal after a shutdown too.
    pub fn complete(&self, op: i64, status: i32, head: (usize, usize), body: (usize, usize)) -> i32 {
        let buffers = self.ledger.borrow_mut().take_two(head, body);
        code(buffers.and_then(|(head, body)| {
            self.running(|running| match status {
                1.. => Err(AbiStatus::Invalid),
                _ => running.platform.complete(op as u64, status, head, body),
            })
        }))
    }

    /// `yuan_stream_event`.
    pub fn stream_event(&self, stream: i32, kind: i32, arg: i64, ptr: usize, len: usize) -> i32 {
        code(self.take(ptr, len).and_then(|data| {
            self.serving(|running| match kind {
                1..=6 => running.platform.stream_event(stream, kind, arg, &data),
                _ => Err(AbiStatus::Invalid),
            })
        }))
    }

    /// `yuan_turn`. Microseconds until the next one, or a status below [`IDLE`].
    pub fn turn(&self, budget_us: i32) -> i64 {
        match self.running(|running| Ok(running.turn(budget_us))) {
            Ok(next) => next,
            Err(status) => i64::from(status.code()),
        }
    }

    /// `yuan_shutdown`.
    pub fn shutdown(&self, deadline_us: i64) -> i32 {
        code(self.serving(|running| {
            let patience_us = u64::try_from(deadline_us).map_err(|_| AbiStatus::Invalid)?;
            running.shutdown = Some(Shutdown {
                deadline_us: running.platform.monotonic_us().saturating_add(patience_us),
                begun: false,
                done: Rc::default(),
            });
            Ok(())
        }))
    }

    fn take(&self, ptr: usize, len: usize) -> Result<Vec<u8>, AbiStatus> {
        self.ledger.borrow_mut().take(ptr, len)
    }

    /// For what is legal from `yuan_init` on.
    fn running<T>(&self, call: impl FnOnce(&mut Running) -> Result<T, AbiStatus>) -> Result<T, AbiStatus> {
        match self.life.try_borrow_mut().as_deref_mut() {
            Ok(Life::Running(running)) => call(running),
            // Before init, or called from inside an import.
            Ok(Life::Created) | Err(_) => Err(AbiStatus::BadState),
        }
    }

    /// For what is legal until `yuan_shutdown`.
    fn serving<T>(&self, call: impl FnOnce(&mut Running) -> Result<T, AbiStatus>) -> Result<T, AbiStatus> {
        self.running(|running| {
            if running.shutdown.is_some() {
                Err(AbiStatus::BadState)
            } else {
                call(running)
            }
        })
    }
}

impl Running {
    fn new(imports: Rc<dyn Imports>, hello: &HostHello) -> Self {
        let runtime = Rc::new(Runtime::new());
        let limits = hello.limits.unwrap_or_default();
        let platform = Rc::new(HostPlatform::new(imports, Rc::clone(&runtime), &limits));
        let requests = Rc::new(Requests::new(avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS));
        let node = Node::start(
            Rc::clone(&platform) as Rc<dyn Platform>,
            Rc::clone(&requests),
            hello.allow_test_requests,
        );
        Self {
            runtime,
            platform,
            requests,
            node,
            incoming: VecDeque::new(),
            incoming_bytes: 0,
            cancels: Vec::new(),
            shutdown: None,
        }
    }

    fn enqueue(&mut self, id: u64, bytes: Vec<u8>) -> Result<(), AbiStatus> {
        if self.incoming_bytes + bytes.len() > MAX_QUEUED_BYTES {
            return Err(AbiStatus::Limit);
        }
        let request = self.requests.submit(id).map_err(|refusal| match refusal {
            Submit::Invalid => AbiStatus::Invalid,
            Submit::Limit => AbiStatus::Limit,
        })?;
        self.incoming_bytes += bytes.len();
        self.incoming.push_back((request, bytes));
        Ok(())
    }

    fn turn(&mut self, budget_us: i32) -> i64 {
        let platform = Rc::clone(&self.platform);
        let mut budget = Budget::new(&platform, budget_us);
        self.runtime.begin_turn(|| platform.monotonic_us());
        platform.reset_streams();
        platform.submit_queued();
        self.take_requests(&mut budget);
        platform.set_backlog(!self.incoming.is_empty());
        self.end_cancelled();
        self.run_tasks(&mut budget);
        self.node.end_of_turn();
        self.advance_shutdown();
        self.next_turn()
    }

    /// Requests first, so that those that came together are worked on together; but half of the time belongs to the tasks before them.
    fn take_requests(&mut self, budget: &mut Budget<'_>) {
        while self.node.takes_requests() {
            let Some((request, bytes)) = self.incoming.pop_front() else {
                return;
            };
            self.incoming_bytes -= bytes.len();
            // Cancelled while it waited: no work is done for it.
            if !request.has_ended() {
                self.node.handle(self.responder(request), &bytes);
            }
            if !self.incoming.is_empty() && budget.is_half_spent() {
                return;
            }
        }
    }

    fn run_tasks(&mut self, budget: &mut Budget<'_>) {
        while self.runtime.run_one() {
            if budget.is_spent() {
                return;
            }
        }
    }

    fn end_cancelled(&mut self) {
        for request in std::mem::take(&mut self.cancels) {
            self.responder(request)
                .fail(app_error(ErrorCode::Cancelled, "cancelled by the client"));
        }
    }

    fn responder(&self, request: Rc<Request>) -> Responder {
        Responder::new(
            request,
            Rc::clone(&self.requests),
            Rc::clone(&self.platform) as Rc<dyn Platform>,
        )
    }

    /// Once what came before the shutdown is under way: waits for durability or the deadline, whichever is first, and ends everything.
    fn advance_shutdown(&mut self) {
        let Some(shutdown) = self.shutdown.as_mut() else { return };
        let undispatched = self.node.takes_requests() && !self.incoming.is_empty();
        if shutdown.begun || undispatched {
            return;
        }
        shutdown.begun = true;
        let done = Rc::clone(&shutdown.done);
        let deadline = self.runtime.sleep_until(shutdown.deadline_us);
        let (node, platform, requests) = (
            Rc::clone(&self.node),
            Rc::clone(&self.platform),
            Rc::clone(&self.requests),
        );
        self.runtime.spawn(Box::pin(async move {
            futures_util::future::select(std::pin::pin!(node.finish()), deadline).await;
            for request in requests.all() {
                Responder::new(request, Rc::clone(&requests), Rc::clone(&platform) as Rc<dyn Platform>)
                    .fail(app_error(ErrorCode::Closed, "the Meta Unit shuts down"));
            }
            platform.close();
            done.set(true);
        }));
    }

    fn next_turn(&self) -> i64 {
        if self.shutdown.as_ref().is_some_and(|shutdown| shutdown.done.get()) {
            // Tasks and timers that are left belong to work that has been given up.
            return IDLE;
        }
        let waiting = self.node.takes_requests() && !self.incoming.is_empty();
        if waiting || !self.cancels.is_empty() || self.platform.has_resets() {
            return 0;
        }
        match self.runtime.next(|| self.platform.monotonic_us()) {
            Next::Now => 0,
            Next::AfterUs(us) => i64::try_from(us).unwrap_or(i64::MAX),
            Next::Idle => IDLE,
        }
    }
}

/// Tasks hold the node, and the node holds what wakes them: without this, a native instance that is dropped would stay in memory.
impl Drop for Running {
    fn drop(&mut self) {
        self.platform.forget_waiting();
        self.requests.forget_waiting();
        self.runtime.close();
    }
}

/// The time of one turn. The clock starts when somebody asks, which is after the first piece of work: a turn with one short request reads no clock.
struct Budget<'a> {
    platform: &'a HostPlatform,
    budget_us: u64,
    start_us: Option<u64>,
}

impl<'a> Budget<'a> {
    fn new(platform: &'a HostPlatform, budget_us: i32) -> Self {
        Self {
            platform,
            budget_us: u64::try_from(budget_us).unwrap_or(0),
            start_us: None,
        }
    }

    fn is_half_spent(&mut self) -> bool {
        self.spent_us() >= self.budget_us / 2
    }

    fn is_spent(&mut self) -> bool {
        self.spent_us() >= self.budget_us
    }

    fn spent_us(&mut self) -> u64 {
        let now_us = self.platform.monotonic_us();
        now_us.saturating_sub(*self.start_us.get_or_insert(now_us))
    }
}

fn code(result: Result<(), AbiStatus>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(status) => status.code(),
    }
}
