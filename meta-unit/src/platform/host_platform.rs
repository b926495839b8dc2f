//! The platform over a host's imports: the table of pending operations, and the queue before it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::{
    AbiStatus, Event, KeysCommand, KeysResult, Limits, Message, NetRequest, NetResponse, OpError, P2pCommand,
    P2pOpenStream, P2pResult, StorageBatch, StorageResult, stream_close,
};
use futures_channel::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::fetches::Fetches;
use super::streams::{Inbound, PeerStream, StreamCalls, Streams};
use super::{Level, LocalBoxFuture, Platform, PlatformError, StorageReply};
use crate::abi::imports::{Imports, RESPOND_FIN, RESPOND_MORE, TOPIC_EVENT};
use crate::runtime::Runtime;

/// How an operation ended: the arguments of `yuan_complete`.
struct Completion {
    status: i32,
    head: Vec<u8>,
    body: Vec<u8>,
}

type Done = oneshot::Sender<Result<Completion, AbiStatus>>;

/// What the host is asked for.
enum Operation {
    Storage {
        head: Vec<u8>,
        body: Vec<u8>,
    },
    /// An encoded command, which may hold a secret.
    Keys(Zeroizing<Vec<u8>>),
    /// A request without a body, and what is granted for the response's on this stream.
    Net {
        head: Vec<u8>,
        stream: u32,
        credit: i32,
    },
    /// An encoded command.
    P2p(Vec<u8>),
}

impl Operation {
    fn largest_buffer(&self) -> usize {
        match self {
            Self::Storage { head, body } => head.len().max(body.len()),
            Self::Keys(command) => command.len(),
            Self::Net { head, .. } | Self::P2p(head) => head.len(),
        }
    }
}

/// An operation that waits for one in flight to end.
struct Queued {
    operation: Operation,
    done: Done,
}

/// See the module's documentation.
pub struct HostPlatform {
    imports: Rc<dyn Imports>,
    runtime: Rc<Runtime>,
    max_buffer_bytes: usize,
    max_ops: usize,
    last_op: Cell<u64>,
    pending: RefCell<HashMap<u64, Done>>,
    /// Operations over the host's limit, in their order. Bounded by what requests in flight can ask for.
    queued: RefCell<VecDeque<Queued>>,
    last_stream: Cell<u32>,
    fetches: Rc<Fetches>,
    streams: Rc<Streams>,
    backlog: Cell<bool>,
    closed: Cell<bool>,
}

impl HostPlatform {
    /// A platform on a host with these limits (zero means the default).
    pub fn new(imports: Rc<dyn Imports>, runtime: Rc<Runtime>, limits: &Limits) -> Self {
        let or_default = |limit: u32, default: u32| if limit == 0 { default } else { limit } as usize;
        Self {
            streams: Streams::new(Rc::new(Calls(Rc::clone(&imports)))),
            imports,
            runtime,
            max_buffer_bytes: or_default(limits.max_buffer_bytes, avatar_proto::DEFAULT_MAX_BUFFER_BYTES),
            max_ops: or_default(limits.max_inflight, avatar_proto::DEFAULT_MAX_INFLIGHT_OPS),
            last_op: Cell::new(0),
            pending: RefCell::default(),
            queued: RefCell::default(),
            last_stream: Cell::new(0),
            fetches: Rc::default(),
            backlog: Cell::new(false),
            closed: Cell::new(false),
        }
    }

    /// Whether requests have come that are not taken up yet.
    pub fn set_backlog(&self, backlog: bool) {
        self.backlog.set(backlog);
    }

    /// Takes the completion of a pending operation; the task that waits for it runs in the next turn.
    pub fn complete(&self, op: u64, status: i32, head: Vec<u8>, body: Vec<u8>) -> Result<(), AbiStatus> {
        let done = self.pending.borrow_mut().remove(&op).ok_or(AbiStatus::NotFound)?;
        // The task may have been dropped: then nobody is interested.
        drop(done.send(Ok(Completion { status, head, body })));
        Ok(())
    }

    /// Operations that the host has not completed, and those that wait to be handed to it.
    pub fn unfinished_ops(&self) -> usize {
        self.pending.borrow().len() + self.queued.borrow().len()
    }

    /// Hands waiting operations to the host, as far as its limit allows. Called in turns only.
    pub fn submit_queued(&self) {
        while self.pending.borrow().len() < self.max_ops {
            let Some(Queued { operation, done }) = self.queued.borrow_mut().pop_front() else {
                return;
            };
            self.submit(&operation, done);
        }
    }

    /// No operation begins any more; those in flight are asked to stop, and those that wait never begin.
    pub fn close(&self) {
        self.closed.set(true);
        self.queued.borrow_mut().clear();
        let mut pending: Vec<_> = self.pending.borrow().keys().copied().collect();
        pending.sort_unstable();
        for op in pending {
            // Whatever it returns, a completion follows.
            self.imports.cancel(op);
        }
    }

    /// Nobody waits for an operation any more.
    pub fn forget_waiting(&self) {
        // Not held while those who waited are dropped.
        drop((self.pending.take(), self.queued.take()));
        self.fetches.clear();
        self.streams.clear();
    }

    /// `yuan_stream_event`.
    pub fn stream_event(&self, stream: i32, kind: i32, arg: i64, data: &[u8]) -> Result<(), AbiStatus> {
        match self.fetches.event(stream, kind, arg, data) {
            Err(AbiStatus::NotFound) => self.streams.event(stream, kind, arg, data),
            told => told,
        }
    }

    /// Ends streams that are over on this side: those on which the host sent more than was granted, and those that nobody wants. Called in turns only.
    pub fn reset_streams(&self) {
        for stream in self.fetches.take_overrun() {
            // Whatever it returns, the stream is over.
            self.imports.stream_close(stream, stream_close::RESET);
        }
        self.streams.tell_resets();
    }

    /// Whether [`reset_streams`](Self::reset_streams) has to be called.
    pub fn has_resets(&self) -> bool {
        self.streams.has_resets()
    }

    /// A number for a stream of the guest: odd.
    fn next_stream(&self) -> u32 {
        let number = self.last_stream.get();
        self.last_stream.set((number + 1) & 0x3fff_ffff);
        2 * number + 1
    }

    fn submit(&self, operation: &Operation, done: Done) {
        let op = self.last_op.get() + 1;
        self.last_op.set(op);
        let answer = match operation {
            Operation::Storage { head, body } => self.imports.storage(op, head, body),
            Operation::Keys(command) => self.imports.keys(op, command),
            Operation::Net { head, stream, credit } => match self.imports.net_request(op, head, &[]) {
                0 => {
                    // A stream that is known to the host takes credit.
                    self.imports.stream_grant(*stream as i32, *credit);
                    0
                }
                status => status,
            },
            Operation::P2p(command) => self.imports.p2p(op, command),
        };
        match AbiStatus::check(answer) {
            Ok(_) => {
                self.pending.borrow_mut().insert(op, done);
            }
            Err(status) => drop(done.send(Err(status))),
        }
    }

    /// Hands the operation to the host, at once or when there is room; resolves when it has ended.
    fn start(&self, operation: Operation) -> impl Future<Output = Result<Completion, PlatformError>> + use<> {
        let (done, completion) = oneshot::channel();
        if self.closed.get() {
            drop(done.send(Err(AbiStatus::Closed)));
        } else if operation.largest_buffer() > self.max_buffer_bytes {
            drop(done.send(Err(AbiStatus::Limit)));
        } else if self.pending.borrow().len() < self.max_ops && self.queued.borrow().is_empty() {
            self.submit(&operation, done);
        } else {
            self.queued.borrow_mut().push_back(Queued { operation, done });
        }
        async move {
            match completion.await {
                Ok(Ok(completion)) => Ok(completion),
                Ok(Err(status)) => Err(PlatformError::refused(status)),
                Err(oneshot::Canceled) => Err(PlatformError::refused(AbiStatus::Closed)),
            }
        }
    }
}

/// The head and the body of an operation that was done.
fn succeeded(completion: Completion) -> Result<(Vec<u8>, Vec<u8>), PlatformError> {
    let Completion { status, head, body } = completion;
    match AbiStatus::check(status) {
        Ok(_) => Ok((head, body)),
        Err(status) => match OpError::decode(head.as_slice()) {
            Ok(error) => Err(PlatformError::failed(status, error)),
            Err(_) => Err(PlatformError::broken_answer("the completion's head is no OpError")),
        },
    }
}

impl Platform for HostPlatform {
    fn storage(&self, batch: StorageBatch, body: Vec<u8>) -> LocalBoxFuture<Result<StorageReply, PlatformError>> {
        let reads = StorageReply::reads_of(&batch);
        let head = batch.encode_to_vec();
        let completion = self.start(Operation::Storage { head, body });
        Box::pin(async move {
            let (head, body) = succeeded(completion.await?)?;
            let result = StorageResult::decode(head.as_slice())
                .map_err(|_| PlatformError::broken_answer("storage: the completion's head is no StorageResult"))?;
            StorageReply::new(result, body, reads)
        })
    }

    fn keys(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, PlatformError>> {
        let completion = self.start(Operation::Keys(Zeroizing::new(command.encode_to_vec())));
        Box::pin(async move {
            let (head, _) = succeeded(completion.await?)?;
            KeysResult::decode(Zeroizing::new(head).as_slice())
                .map_err(|_| PlatformError::broken_answer("keys: the completion's head is no KeysResult"))
        })
    }

    fn fetch(&self, mut request: NetRequest) -> LocalBoxFuture<Result<(NetResponse, Vec<u8>), PlatformError>> {
        let stream = self.next_stream();
        request.response_stream = stream;
        let credit = i32::try_from(request.max_response_bytes).unwrap_or(i32::MAX);
        let received = self.fetches.open(stream, credit as usize);
        let head = request.encode_to_vec();
        let fetches = Rc::clone(&self.fetches);
        let completion = self.start(Operation::Net { head, stream, credit });
        Box::pin(async move {
            let response = async {
                let (head, _) = succeeded(completion.await?)?;
                NetResponse::decode(head.as_slice())
                    .map_err(|_| PlatformError::broken_answer("net: the completion's head is no NetResponse"))
            };
            match response.await {
                Ok(response) => match received.await {
                    Ok(body) => Ok((response, body?)),
                    Err(oneshot::Canceled) => Err(PlatformError::refused(AbiStatus::Closed)),
                },
                Err(error) => {
                    fetches.forget(stream);
                    Err(error)
                }
            }
        })
    }

    fn p2p(&self, command: P2p) -> LocalBoxFuture<Result<P2pResult, PlatformError>> {
        let command = P2pCommand { command: Some(command) };
        let completion = self.start(Operation::P2p(command.encode_to_vec()));
        Box::pin(async move {
            let (head, _) = succeeded(completion.await?)?;
            P2pResult::decode(head.as_slice())
                .map_err(|_| PlatformError::broken_answer("p2p: the completion's head is no P2pResult"))
        })
    }

    fn open_stream(
        &self,
        peer: Vec<u8>,
        protocols: Vec<String>,
    ) -> LocalBoxFuture<Result<(PeerStream, String), PlatformError>> {
        let number = self.next_stream();
        let stream = self.streams.begin(number);
        let opened = self.p2p(P2p::OpenStream(P2pOpenStream {
            peer,
            protocols,
            stream: number,
        }));
        Box::pin(async move {
            match opened.await {
                Ok(result) => Ok((stream, result.protocol)),
                Err(error) => {
                    stream.abandon();
                    Err(error)
                }
            }
        })
    }

    fn accept_streams(&self) -> mpsc::Receiver<Inbound> {
        self.streams.accept()
    }

    fn unix_ms(&self) -> i64 {
        self.imports.clock_unix_us().div_euclid(1000)
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.imports.clock_monotonic_us()).unwrap_or(0)
    }

    fn random(&self, out: &mut [u8]) {
        let status = self.imports.random(out);
        // There is no safe way to go on without randomness: keys and ids would be guessable.
        assert_eq!(status, 0, "the host gave no randomness");
    }

    fn sleep(&self, us: u64) -> LocalBoxFuture<()> {
        self.runtime.sleep_until(self.monotonic_us().saturating_add(us))
    }

    fn yield_now(&self) -> LocalBoxFuture<()> {
        Box::pin(self.runtime.yield_now())
    }

    fn has_backlog(&self) -> bool {
        self.backlog.get()
    }

    fn spawn(&self, task: LocalBoxFuture<()>) {
        self.runtime.spawn(task);
    }

    fn log(&self, level: Level, message: &str) {
        self.imports.log(level as i32, message);
    }

    fn emit(&self, event: Event) {
        // A host that cannot tell its clients has nothing better to do with the news.
        self.imports.emit(TOPIC_EVENT, &event.encode_to_vec());
    }

    fn respond(&self, request: u64, more: bool, head: &[u8]) -> Result<(), AbiStatus> {
        if head.len() > self.max_buffer_bytes {
            return Err(AbiStatus::Limit);
        }
        let flags = if more { RESPOND_MORE } else { RESPOND_FIN };
        AbiStatus::check(self.imports.respond(request, flags, head, &[])).map(drop)
    }
}

/// The imports of streams.
struct Calls(Rc<dyn Imports>);

impl StreamCalls for Calls {
    fn write(&self, stream: i32, bytes: &[u8]) -> i32 {
        self.0.stream_write(stream, &[bytes])
    }

    fn grant(&self, stream: i32, bytes: i32) -> i32 {
        self.0.stream_grant(stream, bytes)
    }

    fn close(&self, stream: i32, how: i32) -> i32 {
        self.0.stream_close(stream, how)
    }
}
