//! A host in the same process, for native tests of a whole Meta Unit: it drives an [`Instance`] through its exports, byte buffers and all, and stands behind its
//! imports with storage in memory, a clock that moves when told to, and randomness from a seed.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};

use avatar_proto::{
    AbiStatus, Capability, Event, GuestHello, HostHello, KeysCommand, Limits, Message, NetRequest, NetResponse,
    OpError, OpErrorCode, Request, Response, StorageBatch, stream_event,
};

use super::Instance;
use super::imports::{Imports, RESPOND_FIN, RESPOND_MORE};
use crate::platform::{MemoryStore, SoftKeys};

/// A Meta Unit and its host.
pub struct TestHost {
    world: Rc<World>,
    instance: Rc<Instance>,
    next_request: Cell<i64>,
}

/// What stands behind the imports.
struct World {
    store: Rc<RefCell<MemoryStore>>,
    keys: Rc<RefCell<SoftKeys>>,
    has_keys: Cell<bool>,
    web: RefCell<HashMap<String, Page>>,
    fetched: RefCell<Vec<String>>,
    granted: RefCell<HashMap<i32, usize>>,
    now_us: Cell<i64>,
    random: Cell<u64>,
    ops: RefCell<VecDeque<Call>>,
    held: Cell<bool>,
    fault: Cell<Option<OpErrorCode>>,
    refusal: Cell<Option<AbiStatus>>,
    answers: RefCell<HashMap<u64, Answers>>,
    events: RefCell<Vec<Event>>,
    log: RefCell<Vec<(i32, String)>>,
    cancelled: RefCell<Vec<u64>>,
    closed_streams: RefCell<Vec<(i32, i32)>>,
    max_ops_in_flight: Cell<usize>,
    inside: RefCell<Option<Weak<Instance>>>,
    reentry: RefCell<Vec<i64>>,
}

#[derive(Default)]
struct Answers {
    heads: Vec<Vec<u8>>,
    finished: bool,
}

/// An operation that the guest waits for.
struct Call {
    op: u64,
    what: What,
}

enum What {
    Storage { head: Vec<u8>, body: Vec<u8> },
    Keys(KeysCommand),
    Net(NetRequest),
}

/// What the web has at an address.
#[derive(Clone)]
struct Page {
    status: u32,
    final_url: String,
    body: Vec<u8>,
}

impl TestHost {
    /// A host with empty storage; the instance is made and not yet started.
    pub fn new(seed: u64) -> Self {
        Self::with_world(seed, Rc::default(), Rc::default())
    }

    /// A host whose Meta Unit is up.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn started(seed: u64) -> Self {
        let host = Self::new(seed);
        let hello = host.start(&HostHello::default());
        assert_eq!(hello.error, None);
        host
    }

    /// The next life, after a crash of this one: the same storage, without what was not yet executed, and the same keys. Not yet started.
    pub fn restarted(&self) -> Self {
        let (store, keys) = (Rc::clone(&self.world.store), Rc::clone(&self.world.keys));
        let next = Self::with_world(self.world.random.get(), store, keys);
        next.world.now_us.set(self.world.now_us.get());
        next.world.has_keys.set(self.world.has_keys.get());
        next
    }

    fn with_world(seed: u64, store: Rc<RefCell<MemoryStore>>, keys: Rc<RefCell<SoftKeys>>) -> Self {
        let world = Rc::new(World {
            store,
            keys,
            has_keys: Cell::new(true),
            web: RefCell::default(),
            fetched: RefCell::default(),
            granted: RefCell::default(),
            now_us: Cell::new(0),
            random: Cell::new(seed),
            ops: RefCell::default(),
            held: Cell::new(false),
            fault: Cell::new(None),
            refusal: Cell::new(None),
            answers: RefCell::default(),
            events: RefCell::default(),
            log: RefCell::default(),
            cancelled: RefCell::default(),
            closed_streams: RefCell::default(),
            max_ops_in_flight: Cell::new(0),
            inside: RefCell::default(),
            reentry: RefCell::default(),
        });
        let instance = Rc::new(Instance::new(Rc::clone(&world) as Rc<dyn Imports>));
        Self {
            world,
            instance,
            next_request: Cell::new(1),
        }
    }

    /// The exports.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Initialises the instance and runs it until it greets. `hello` gets the capabilities storage and keys.
    ///
    /// # Panics
    /// If it never greets.
    pub fn start(&self, hello: &HostHello) -> GuestHello {
        let mut hello = hello.clone();
        hello
            .capabilities
            .extend([Capability::Storage, Capability::Keys].map(i32::from));
        let (ptr, len) = self.give(&hello.encode_to_vec());
        assert_eq!(self.instance.init(ptr, len), 0);
        self.run_until_idle();
        self.greeting().expect("the Meta Unit greets")
    }

    /// The greeting, once it has come.
    pub fn greeting(&self) -> Option<GuestHello> {
        let answers = self.world.answers.borrow();
        let head = answers.get(&0)?.heads.first()?;
        Some(GuestHello::decode(head.as_slice()).expect("a GuestHello"))
    }

    /// A buffer of the guest with these bytes: address and length, `(0, 0)` for no bytes.
    ///
    /// # Panics
    /// If the guest gives no buffer.
    pub fn give(&self, bytes: &[u8]) -> (usize, usize) {
        if bytes.is_empty() {
            return (0, 0);
        }
        let address = self.instance.alloc(bytes.len());
        assert_ne!(address, 0, "the guest gave no buffer of {} bytes", bytes.len());
        // SAFETY: `alloc` gave `bytes.len()` bytes at this address, whose provenance the ledger exposed, and nobody else touches them before the buffer is given back.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                std::ptr::with_exposed_provenance_mut(address),
                bytes.len(),
            );
        }
        (address, bytes.len())
    }

    /// Sends a request: its number. It is worked on by the next run.
    ///
    /// # Panics
    /// If the guest does not take it.
    pub fn send(&self, request: &Request) -> i64 {
        self.send_bytes(&request.encode_to_vec())
    }

    /// Sends bytes as a request: its number.
    ///
    /// # Panics
    /// If the guest does not take them.
    pub fn send_bytes(&self, bytes: &[u8]) -> i64 {
        let req = self.next_request.replace(self.next_request.get() + 1);
        let (ptr, len) = self.give(bytes);
        assert_eq!(self.instance.handle_request(req, ptr, len), 0);
        req
    }

    /// Sends a request and runs until nothing happens any more: the answers so far.
    pub fn call(&self, request: &Request) -> Vec<Response> {
        let req = self.send(request);
        self.run_until_idle();
        self.take_answers(req)
    }

    /// Turns the guest, and completes its operations, until nothing is ready. The clock stands still.
    pub fn run_until_idle(&self) {
        loop {
            let next = self.instance.turn(10_000);
            assert!(next >= -1, "turn: {next}");
            if !self.complete_next() && next != 0 {
                return;
            }
        }
    }

    /// One turn of the guest, and one operation completed.
    pub fn step(&self) {
        self.instance.turn(1000);
        self.complete_next();
    }

    /// Moves the clocks on and runs.
    pub fn advance_us(&self, us: u32) {
        self.world.now_us.set(self.world.now_us.get() + i64::from(us));
        self.run_until_idle();
    }

    /// While held, operations stay pending.
    pub fn hold_storage(&self, held: bool) {
        self.world.held.set(held);
    }

    /// The next storage operation fails with this and changes nothing.
    pub fn fail_next_storage(&self, code: OpErrorCode) {
        self.world.fault.set(Some(code));
    }

    /// From now on the host takes no storage operation, and says so; `None`: it takes them again.
    pub fn refuse_storage(&self, refusal: Option<AbiStatus>) {
        self.world.refusal.set(refusal);
    }

    /// All key sets are gone, as when somebody wipes the platform's keys.
    pub fn lose_keys(&self) {
        self.world.keys.take();
    }

    /// From now on this is a host without keys.
    pub fn refuse_keys(&self) {
        self.world.has_keys.set(false);
    }

    /// From now on the web answers this address with this; `final_url`: where redirects have led to.
    pub fn serve(&self, url: &str, status: u32, final_url: &str, body: &[u8]) {
        let page = Page {
            status,
            final_url: final_url.to_owned(),
            body: body.to_vec(),
        };
        self.world.web.borrow_mut().insert(url.to_owned(), page);
    }

    /// The addresses that were asked for since the last call.
    pub fn take_fetched(&self) -> Vec<String> {
        self.world.fetched.take()
    }

    /// The storage, to look at and to tamper with.
    pub fn store(&self) -> &RefCell<MemoryStore> {
        &self.world.store
    }

    /// What the instance holds of its host: nothing is left of an instance that is gone when nothing is left of this.
    pub fn imports(&self) -> Weak<dyn Imports> {
        let imports: Rc<dyn Imports> = Rc::clone(&self.world) as Rc<dyn Imports>;
        Rc::downgrade(&imports)
    }

    /// Operations that the guest waits for.
    pub fn pending_ops(&self) -> Vec<u64> {
        self.world.ops.borrow().iter().map(|call| call.op).collect()
    }

    /// The most operations that were in flight at once.
    pub fn max_ops_in_flight(&self) -> usize {
        self.world.max_ops_in_flight.get()
    }

    /// Operations that the guest asked to cancel.
    pub fn cancelled_ops(&self) -> Vec<u64> {
        self.world.cancelled.borrow().clone()
    }

    /// Streams that the guest closed, and how.
    pub fn closed_streams(&self) -> Vec<(i32, i32)> {
        self.world.closed_streams.borrow().clone()
    }

    /// The answers to a request so far, taken away.
    pub fn take_answers(&self, req: i64) -> Vec<Response> {
        let mut answers = self.world.answers.borrow_mut();
        let heads = answers
            .get_mut(&(req as u64))
            .map(|answers| std::mem::take(&mut answers.heads))
            .unwrap_or_default();
        heads
            .iter()
            .map(|head| Response::decode(head.as_slice()).expect("a Response"))
            .collect()
    }

    /// Whether the request has had its last answer.
    pub fn has_finished(&self, req: i64) -> bool {
        self.world
            .answers
            .borrow()
            .get(&(req as u64))
            .is_some_and(|answers| answers.finished)
    }

    /// The number begins a new request: what was answered to it before is forgotten.
    pub fn forget_request(&self, req: i64) {
        self.world.answers.borrow_mut().remove(&(req as u64));
    }

    /// Somebody else completed the operation.
    pub fn forget_op(&self, op: i64) {
        self.world.ops.borrow_mut().retain(|call| call.op != op as u64);
    }

    /// The events so far, taken away.
    pub fn take_events(&self) -> Vec<Event> {
        self.world.events.take()
    }

    /// The log so far, taken away.
    pub fn take_log(&self) -> Vec<(i32, String)> {
        self.world.log.take()
    }

    /// From now on every import calls every export, which no host may do; what they returned is in [`reentry_codes`](Self::reentry_codes).
    pub fn reenter(&self) {
        self.world.inside.replace(Some(Rc::downgrade(&self.instance)));
    }

    /// See [`reenter`](Self::reenter).
    pub fn reentry_codes(&self) -> Vec<i64> {
        self.world.reentry.borrow().clone()
    }

    /// Executes and completes one operation; false if none is pending or they are held.
    fn complete_next(&self) -> bool {
        if self.world.held.get() {
            return false;
        }
        let Some(Call { op, what }) = self.world.ops.borrow_mut().pop_front() else {
            return false;
        };
        let (status, head, body) = match what {
            What::Storage { head, body } => self.world.execute(&head, &body),
            What::Keys(command) => self.world.execute_keys(&command),
            What::Net(request) => return self.respond(op, &request),
        };
        let (head, body) = (self.give(&head), self.give(&body));
        assert_eq!(self.instance.complete(op as i64, status, head, body), 0);
        true
    }
}

impl TestHost {
    /// Answers a net request: its head, and its body in pieces within what was granted.
    fn respond(&self, op: u64, request: &NetRequest) -> bool {
        let page = self.world.web.borrow().get(&request.url).cloned();
        let failed = |status: AbiStatus, code: OpErrorCode| {
            let error = OpError {
                code: code.into(),
                message: String::new(),
            };
            assert_eq!(
                self.instance
                    .complete(op as i64, status.code(), self.give(&error.encode_to_vec()), (0, 0)),
                0
            );
            true
        };
        let Some(page) = page else {
            return failed(AbiStatus::Io, OpErrorCode::Network);
        };
        if page.body.len() as u64 > request.max_response_bytes {
            return failed(AbiStatus::Limit, OpErrorCode::TooLarge);
        }
        let head = NetResponse {
            status: page.status,
            final_url: page.final_url,
            ..NetResponse::default()
        };
        assert_eq!(
            self.instance
                .complete(op as i64, 0, self.give(&head.encode_to_vec()), (0, 0)),
            0
        );
        let stream = request.response_stream as i32;
        let granted = self.world.granted.borrow_mut().remove(&stream).unwrap_or(0);
        assert!(page.body.len() <= granted, "the guest has to grant what it asks for");
        for piece in page.body.chunks(1000) {
            let (ptr, len) = self.give(piece);
            assert_eq!(self.instance.stream_event(stream, stream_event::DATA, 0, ptr, len), 0);
        }
        assert_eq!(self.instance.stream_event(stream, stream_event::FIN, 0, 0, 0), 0);
        true
    }
}

impl World {
    fn execute(&self, head: &[u8], body: &[u8]) -> (i32, Vec<u8>, Vec<u8>) {
        let failed = |status: AbiStatus, code: OpErrorCode| {
            let error = OpError {
                code: code.into(),
                message: "a fault of the test".to_owned(),
            };
            (status.code(), error.encode_to_vec(), Vec::new())
        };
        if let Some(code) = self.fault.take() {
            return failed(AbiStatus::Io, code);
        }
        let batch = StorageBatch::decode(head).expect("a StorageBatch");
        match self.store.borrow_mut().execute(&batch, body) {
            Ok((result, body)) => (0, result.encode_to_vec(), body),
            Err(status) => failed(status, OpErrorCode::Other),
        }
    }

    fn execute_keys(&self, command: &KeysCommand) -> (i32, Vec<u8>, Vec<u8>) {
        let result = self.keys.borrow_mut().execute(command, |out| self.fill(out));
        match result {
            Ok(result) => (0, result.encode_to_vec(), Vec::new()),
            Err((status, error)) => (status.code(), error.encode_to_vec(), Vec::new()),
        }
    }

    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            // Knuth's MMIX generator: equal seeds give equal bytes, and that is all a test needs.
            let state = self
                .random
                .get()
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.random.set(state);
            *byte = (state >> 56) as u8;
        }
    }

    /// Accepts an operation.
    fn accept(&self, op: u64, what: What) -> i32 {
        let mut ops = self.ops.borrow_mut();
        assert!(
            op != 0 && ops.iter().all(|call| call.op != op),
            "operation numbers are unique and not 0"
        );
        ops.push_back(Call { op, what });
        self.max_ops_in_flight.set(self.max_ops_in_flight.get().max(ops.len()));
        0
    }

    fn reenter(&self) {
        let Some(instance) = self.inside.borrow().as_ref().and_then(Weak::upgrade) else {
            return;
        };
        self.reentry.borrow_mut().extend([
            i64::from(instance.init(0, 0)),
            i64::from(instance.handle_request(77, 0, 0)),
            i64::from(instance.cancel_request(77)),
            i64::from(instance.complete(77, 0, (0, 0), (0, 0))),
            i64::from(instance.stream_event(2, stream_event::INBOUND, 0, 0, 0)),
            instance.turn(1),
            i64::from(instance.shutdown(0)),
        ]);
    }
}

impl Imports for World {
    fn log(&self, level: i32, message: &str) {
        self.reenter();
        self.log.borrow_mut().push((level, message.to_owned()));
    }

    fn clock_unix_us(&self) -> i64 {
        self.reenter();
        1_767_225_600_000_000 + self.now_us.get()
    }

    fn clock_monotonic_us(&self) -> i64 {
        self.reenter();
        self.now_us.get()
    }

    fn random(&self, out: &mut [u8]) -> i32 {
        self.reenter();
        self.fill(out);
        0
    }

    fn panic(&self, message: &str) {
        panic!("{message}");
    }

    fn respond(&self, request: u64, flags: i32, head: &[u8], _body: &[u8]) -> i32 {
        self.reenter();
        let mut answers = self.answers.borrow_mut();
        let answers = answers.entry(request).or_default();
        // H11: a further answer after FIN is NOT_FOUND; and the guest must never give one.
        assert!(!answers.finished, "request {request} was answered after its FIN");
        assert!(flags == RESPOND_MORE || flags == RESPOND_FIN, "flags {flags}");
        answers.finished = flags == RESPOND_FIN;
        answers.heads.push(head.to_vec());
        0
    }

    fn emit(&self, topic: i32, message: &[u8]) -> i32 {
        self.reenter();
        assert_eq!(topic, 1);
        self.events.borrow_mut().push(Event::decode(message).expect("an Event"));
        0
    }

    fn storage(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        self.reenter();
        if let Some(refusal) = self.refusal.get() {
            return refusal.code();
        }
        let (head, body) = (head.to_vec(), body.to_vec());
        self.accept(op, What::Storage { head, body })
    }

    fn net_request(&self, op: u64, head: &[u8], body: &[u8]) -> i32 {
        self.reenter();
        let request = NetRequest::decode(head).expect("a NetRequest");
        assert!(body.is_empty() && request.response_stream % 2 == 1);
        self.fetched.borrow_mut().push(request.url.clone());
        self.accept(op, What::Net(request))
    }

    fn infer(&self, _op: u64, _head: &[u8], _body: &[u8]) -> i32 {
        AbiStatus::Unsupported.code()
    }

    fn p2p(&self, _op: u64, _command: &[u8]) -> i32 {
        AbiStatus::Unsupported.code()
    }

    fn keys(&self, op: u64, command: &[u8]) -> i32 {
        self.reenter();
        if !self.has_keys.get() {
            return AbiStatus::Unsupported.code();
        }
        match KeysCommand::decode(command).map(|command| (command.check(), command)) {
            Ok((Ok(()), command)) => self.accept(op, What::Keys(command)),
            _ => AbiStatus::Invalid.code(),
        }
    }

    fn cancel(&self, op: u64) -> i32 {
        self.reenter();
        self.cancelled.borrow_mut().push(op);
        0
    }

    fn stream_write(&self, _stream: i32, _parts: &[&[u8]]) -> i32 {
        AbiStatus::Unsupported.code()
    }

    fn stream_grant(&self, stream: i32, bytes: i32) -> i32 {
        *self.granted.borrow_mut().entry(stream).or_default() += bytes as usize;
        0
    }

    fn stream_close(&self, stream: i32, how: i32) -> i32 {
        self.reenter();
        self.closed_streams.borrow_mut().push((stream, how));
        0
    }
}

/// Limits of a host that can do little.
pub fn tight_limits() -> Limits {
    Limits {
        max_buffer_bytes: 64 * 1024,
        max_inflight: 2,
        max_streams: 1,
    }
}
