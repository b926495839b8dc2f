//! A whole world in one process, for native tests: storage that is real but in memory and fails when told to, a clock that moves when told to, and
//! randomness from a seed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::{
    AbiStatus, Event, KeysCommand, KeysResult, Message, NetRequest, NetResponse, OpError, OpErrorCode, P2pResult,
    Response, StorageBatch,
};
use futures_channel::{mpsc, oneshot};

use super::memory_store::MemoryStore;
use super::test_network::{Node, TestNetwork};
use super::{Inbound, Level, LocalBoxFuture, PeerStream, Platform, PlatformError, SoftKeys, StorageReply};
use crate::node::Responder;
use crate::runtime::{Requests, Runtime};

/// See the module's documentation. One instance is one life of the Meta Unit; [`restarted`](Self::restarted) begins the next one on the same storage.
pub struct TestPlatform {
    this: Weak<Self>,
    runtime: Rc<Runtime>,
    requests: Rc<Requests>,
    store: Rc<RefCell<MemoryStore>>,
    keys: Rc<RefCell<SoftKeys>>,
    keys_fault: Cell<Option<(AbiStatus, OpErrorCode)>>,
    submitted: RefCell<VecDeque<Submitted>>,
    executed: Cell<u64>,
    held: Cell<bool>,
    faults: RefCell<VecDeque<Option<OpErrorCode>>>,
    now_us: Cell<u64>,
    random: Cell<u64>,
    next_request: Cell<u64>,
    answers: RefCell<Vec<TestAnswer>>,
    events: RefCell<Vec<Event>>,
    log: RefCell<Vec<(Level, String)>>,
    network: RefCell<Option<Place>>,
    last_stream: Cell<u32>,
}

/// A network, the number of this host in it, and its end.
type Place = (Rc<TestNetwork>, u8, Rc<Node>);

/// One answer that a [`Responder`] gave.
#[derive(Clone, Debug, PartialEq)]
pub struct TestAnswer {
    /// The request's number.
    pub request: u64,
    /// Whether more follow.
    pub more: bool,
    /// What was said.
    pub response: Response,
}

struct Submitted {
    batch: StorageBatch,
    body: Vec<u8>,
    done: oneshot::Sender<Result<StorageReply, PlatformError>>,
}

impl TestPlatform {
    /// The wall clock when a platform is made: 2026-01-01T00:00:00Z.
    pub const START_UNIX_MS: i64 = 1_767_225_600_000;

    /// A world with empty storage.
    pub fn new(seed: u64) -> Rc<Self> {
        Self::with_world(seed, Rc::default(), Rc::default(), 0)
    }

    /// The next life after a crash: the same storage, without what was not yet executed, and the same keys.
    pub fn restarted(&self) -> Rc<Self> {
        let next = Self::with_world(
            self.random.get(),
            Rc::clone(&self.store),
            Rc::clone(&self.keys),
            self.now_us.get(),
        );
        next.keys_fault.set(self.keys_fault.get());
        if let Some((network, number, _)) = self.network.take() {
            next.join(&network, number);
        }
        next
    }

    fn with_world(seed: u64, store: Rc<RefCell<MemoryStore>>, keys: Rc<RefCell<SoftKeys>>, now_us: u64) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            runtime: Rc::new(Runtime::new()),
            requests: Rc::new(Requests::new(avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS)),
            store,
            keys,
            keys_fault: Cell::new(None),
            submitted: RefCell::default(),
            executed: Cell::new(0),
            held: Cell::new(false),
            faults: RefCell::default(),
            now_us: Cell::new(now_us),
            random: Cell::new(seed),
            next_request: Cell::new(1),
            answers: RefCell::default(),
            events: RefCell::default(),
            log: RefCell::default(),
            network: RefCell::default(),
            last_stream: Cell::new(0),
        })
    }

    /// This platform as the domains hold it.
    pub fn handle(&self) -> Rc<dyn Platform> {
        self.this.upgrade().expect("a platform that is called is alive")
    }

    /// Becomes a host of this network, with this number for a peer id.
    pub fn join(&self, network: &Rc<TestNetwork>, number: u8) {
        self.network
            .replace(Some((Rc::clone(network), number, network.join(number))));
    }

    /// Runs several platforms until nothing is ready on any, and nothing on its way between them. The clocks stand still.
    pub fn run_together(platforms: &[&Self]) {
        loop {
            // What the last one has sent is on its way to the first, too.
            platforms.iter().for_each(|platform| platform.run_until_idle());
            let mut delivered = false;
            for platform in platforms {
                let network = platform
                    .network
                    .borrow()
                    .as_ref()
                    .map(|(network, number, _)| (Rc::clone(network), *number));
                delivered |= network.is_some_and(|(network, number)| network.deliver(number));
            }
            if !delivered {
                return;
            }
        }
    }

    /// Moves the clocks of several platforms on, together.
    pub fn advance_together(platforms: &[&Self], us: u64) {
        for platform in platforms {
            platform.now_us.set(platform.now_us.get() + us);
        }
        Self::run_together(platforms);
    }

    /// Runs tasks and storage until nothing is ready. The clock stands still.
    pub fn run_until_idle(&self) {
        loop {
            self.runtime.begin_turn(|| self.now_us.get());
            while self.runtime.run_one() {}
            if !self.execute_next() && self.runtime.next(|| self.now_us.get()) != crate::runtime::Next::Now {
                return;
            }
        }
    }

    /// Runs a future, and all else, until the future is done. The clock jumps to the next timer when nothing else can happen.
    ///
    /// # Panics
    /// If the future waits for something that will never happen.
    pub fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let output = Rc::new(RefCell::new(None));
        self.runtime.spawn({
            let output = Rc::clone(&output);
            Box::pin(async move {
                let value = future.await;
                output.replace(Some(value));
            })
        });
        loop {
            self.run_until_idle();
            if let Some(output) = output.take() {
                return output;
            }
            match self.runtime.next(|| self.now_us.get()) {
                crate::runtime::Next::AfterUs(us) => self.now_us.set(self.now_us.get() + us),
                next => panic!("the future waits for ever ({next:?})"),
            }
        }
    }

    /// Moves both clocks on, and runs what that makes ready.
    pub fn advance_us(&self, us: u64) {
        self.now_us.set(self.now_us.get() + us);
        self.run_until_idle();
    }

    /// The storage, to look at and to tamper with.
    pub fn store(&self) -> &RefCell<MemoryStore> {
        &self.store
    }

    /// While held, batches are accepted and wait; released, they run in their order.
    pub fn hold_storage(&self, held: bool) {
        self.held.set(held);
    }

    /// Executes one waiting batch, held or not; false if none waits.
    pub fn release_one_batch(&self) -> bool {
        let held = self.held.replace(false);
        let executed = self.execute_next();
        self.held.set(held);
        executed
    }

    /// Batches that wait.
    pub fn waiting_batches(&self) -> usize {
        self.submitted.borrow().len()
    }

    /// Batches executed in this life, failed ones included.
    pub fn executed_batches(&self) -> u64 {
        self.executed.get()
    }

    /// After `good` more batches, one fails with `code` and changes nothing.
    pub fn fail_storage_after(&self, good: usize, code: OpErrorCode) {
        let mut faults = self.faults.borrow_mut();
        faults.extend(std::iter::repeat_n(None, good));
        faults.push_back(Some(code));
    }

    /// From now on every command for keys fails with this, as it does on a host without them (`Unsupported`); `None`: they work again.
    pub fn fail_keys(&self, fault: Option<(AbiStatus, OpErrorCode)>) {
        self.keys_fault.set(fault);
    }

    /// All key sets are gone, as when somebody wipes the platform's keys.
    pub fn lose_keys(&self) {
        self.keys.take();
    }

    /// A new request: its number, and the way back.
    pub fn request(&self) -> (u64, Responder) {
        let id = self.next_request.replace(self.next_request.get() + 1);
        let request = self.requests.submit(id).expect("the number is new");
        (id, Responder::new(request, Rc::clone(&self.requests), self.handle()))
    }

    /// The client goes away: no further answers.
    pub fn cancel(&self, request: u64) {
        if let Some(request) = self.requests.get(request) {
            self.requests.end(&request);
        }
    }

    /// The answers to one request so far, taken away.
    pub fn take_answers(&self, request: u64) -> Vec<TestAnswer> {
        let (taken, kept) = self
            .answers
            .take()
            .into_iter()
            .partition(|answer| answer.request == request);
        self.answers.replace(kept);
        taken
    }

    /// The events so far, taken away.
    pub fn take_events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// The log so far, taken away.
    pub fn take_log(&self) -> Vec<(Level, String)> {
        self.log.take()
    }

    fn execute_next(&self) -> bool {
        if self.held.get() {
            return false;
        }
        let Some(Submitted { batch, body, done }) = self.submitted.borrow_mut().pop_front() else {
            return false;
        };
        self.executed.set(self.executed.get() + 1);
        let reads = StorageReply::reads_of(&batch);
        let reply = match self.faults.borrow_mut().pop_front().flatten() {
            Some(code) => {
                let error = OpError {
                    code: code.into(),
                    message: "a fault of the test".to_owned(),
                };
                Err(PlatformError::failed(AbiStatus::Io, error))
            }
            None => match self.store.borrow_mut().execute(&batch, &body) {
                Ok((result, body)) => StorageReply::new(result, body, reads),
                Err(status) => Err(PlatformError::refused(status)),
            },
        };
        // Whoever asked may have lost interest; the batch took effect all the same.
        drop(done.send(reply));
        true
    }
}

impl Platform for TestPlatform {
    fn storage(&self, batch: StorageBatch, body: Vec<u8>) -> LocalBoxFuture<Result<StorageReply, PlatformError>> {
        let (done, reply) = oneshot::channel();
        self.submitted.borrow_mut().push_back(Submitted { batch, body, done });
        Box::pin(async move {
            reply
                .await
                .unwrap_or_else(|_| Err(PlatformError::refused(AbiStatus::Cancelled)))
        })
    }

    fn keys(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, PlatformError>> {
        let result = if let Some((status, code)) = self.keys_fault.get() {
            let error = OpError {
                code: code.into(),
                message: "a fault of the test".to_owned(),
            };
            Err(PlatformError::failed(status, error))
        } else if let Err(status) = command.check() {
            Err(PlatformError::refused(status))
        } else {
            self.keys
                .borrow_mut()
                .execute(&command, |out| self.random(out))
                .map_err(|(status, error)| PlatformError::failed(status, error))
        };
        Box::pin(std::future::ready(result))
    }

    fn fetch(&self, _: NetRequest) -> LocalBoxFuture<Result<(NetResponse, Vec<u8>), PlatformError>> {
        let refused = PlatformError::refused(AbiStatus::Unsupported);
        Box::pin(std::future::ready(Err(refused)))
    }

    fn p2p(&self, command: P2p) -> LocalBoxFuture<Result<P2pResult, PlatformError>> {
        let (done, result) = oneshot::channel();
        match &*self.network.borrow() {
            Some((_, _, node)) => node.execute(command, done),
            None => drop(done.send(Err(PlatformError::refused(AbiStatus::Unsupported)))),
        }
        Box::pin(async move {
            result
                .await
                .unwrap_or_else(|_| Err(PlatformError::refused(AbiStatus::Cancelled)))
        })
    }

    fn open_stream(
        &self,
        peer: Vec<u8>,
        protocols: Vec<String>,
    ) -> LocalBoxFuture<Result<(PeerStream, String), PlatformError>> {
        let opened = match &*self.network.borrow() {
            Some((_, _, node)) => {
                let number = 2 * self.last_stream.replace(self.last_stream.get() + 1) + 1;
                let stream = node.streams().begin(number);
                match node.open_stream(number, &peer, &protocols) {
                    Ok(protocol) => Ok((stream, protocol)),
                    Err(error) => {
                        stream.abandon();
                        Err(error)
                    }
                }
            }
            None => Err(PlatformError::refused(AbiStatus::Unsupported)),
        };
        Box::pin(std::future::ready(opened))
    }

    fn accept_streams(&self) -> mpsc::Receiver<Inbound> {
        match &*self.network.borrow() {
            Some((_, _, node)) => node.streams().accept(),
            None => mpsc::channel(0).1,
        }
    }

    fn unix_ms(&self) -> i64 {
        Self::START_UNIX_MS + (self.now_us.get() / 1000) as i64
    }

    fn monotonic_us(&self) -> u64 {
        self.now_us.get()
    }

    fn random(&self, out: &mut [u8]) {
        for byte in out {
            // SplitMix64 (Steele, Lea and Flood, 2014): equal seeds give equal bytes, and that is all a test needs.
            let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.random.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8;
        }
    }

    fn sleep(&self, us: u64) -> LocalBoxFuture<()> {
        self.runtime.sleep_until(self.now_us.get().saturating_add(us))
    }

    fn yield_now(&self) -> LocalBoxFuture<()> {
        Box::pin(self.runtime.yield_now())
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn spawn(&self, task: LocalBoxFuture<()>) {
        self.runtime.spawn(task);
    }

    fn log(&self, level: Level, message: &str) {
        self.log.borrow_mut().push((level, message.to_owned()));
    }

    fn emit(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    fn respond(&self, request: u64, more: bool, head: &[u8]) -> Result<(), AbiStatus> {
        if request == 0 {
            // The greeting, which is another message.
            return Ok(());
        }
        let response = Response::decode(head).expect("the Meta Unit encodes what it says");
        self.answers.borrow_mut().push(TestAnswer {
            request,
            more,
            response,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::keys_command::Command;
    use avatar_proto::{Durability, KeysAgree, KeysErase, KeysOpen, KeysSign, KeysUnwrap, KeysWrap};
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;
    use crate::platform::Batch;

    fn put(platform: &TestPlatform, key: &[u8]) -> LocalBoxFuture<Result<StorageReply, PlatformError>> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.put(key.to_vec(), b"value");
        batch.run(platform)
    }

    #[test]
    fn what_was_not_executed_dies_with_the_instance() {
        let platform = TestPlatform::new(1);
        platform.block_on(put(&platform, b"a")).expect("storage works");
        platform.hold_storage(true);
        let lost = put(&platform, b"b");
        platform.run_until_idle();
        drop(lost);
        let next = platform.restarted();
        let keys: Vec<_> = next.store().borrow().records.keys().cloned().collect();
        assert_eq!(keys, [b"a".to_vec()]);
    }

    #[test]
    fn a_fault_changes_nothing_and_comes_when_told() {
        let platform = TestPlatform::new(1);
        platform.fail_storage_after(1, OpErrorCode::QuotaExceeded);
        assert!(platform.block_on(put(&platform, b"a")).is_ok());
        let error = platform.block_on(put(&platform, b"b")).expect_err("the fault");
        assert_eq!(error.code, OpErrorCode::QuotaExceeded);
        assert!(platform.block_on(put(&platform, b"c")).is_ok());
        assert_eq!(platform.store().borrow().records.len(), 2);
    }

    fn ask(platform: &TestPlatform, name: &str, command: Command) -> Result<KeysResult, PlatformError> {
        let command = KeysCommand {
            name: name.to_owned(),
            command: Some(command),
        };
        platform.block_on(platform.keys(command))
    }

    fn open(platform: &TestPlatform, name: &str) -> KeysResult {
        ask(platform, name, Command::Open(KeysOpen {})).expect("the keys are there")
    }

    #[test]
    fn a_key_set_is_the_same_in_the_next_life_until_it_is_lost() {
        let platform = TestPlatform::new(1);
        let first = open(&platform, "device");
        assert!(first.created);
        let again = open(&platform.restarted(), "device");
        assert!(!again.created);
        assert_eq!(again.sign_public_key, first.sign_public_key);
        assert_ne!(open(&platform, "other").sign_public_key, first.sign_public_key);
        platform.lose_keys();
        assert_ne!(open(&platform, "device").sign_public_key, first.sign_public_key);
    }

    #[test]
    fn what_keys_do_is_real() {
        let platform = TestPlatform::new(1);
        let (a, b) = (open(&platform, "a"), open(&platform, "b"));
        let message = b"message".to_vec();
        let signature = ask(
            &platform,
            "a",
            Command::Sign(KeysSign {
                message: message.clone(),
            }),
        )
        .expect("signs");
        let key = VerifyingKey::try_from(a.sign_public_key.as_slice()).expect("a public key");
        let signature = Signature::from_slice(&signature.data).expect("a signature");
        assert!(key.verify_strict(&message, &signature).is_ok());

        let agree = |name: &str, public_key: Vec<u8>| ask(&platform, name, Command::Agree(KeysAgree { public_key }));
        let shared = agree("a", b.agree_public_key).expect("agrees").data;
        assert_eq!(agree("b", a.agree_public_key).expect("agrees").data, shared);
        assert_eq!(
            agree("a", vec![0; 32]).err().map(|error| error.code),
            Some(OpErrorCode::Invalid)
        );

        let (secret, context) = (b"secret".to_vec(), b"context".to_vec());
        let wrapped = ask(
            &platform,
            "a",
            Command::Wrap(KeysWrap {
                secret: secret.clone(),
                context: context.clone(),
            }),
        );
        let wrapped = wrapped.expect("wraps").data;
        let unwrap = |name: &str, wrapped: &[u8], context: &[u8]| {
            let (wrapped, context) = (wrapped.to_vec(), context.to_vec());
            ask(&platform, name, Command::Unwrap(KeysUnwrap { wrapped, context }))
                .map(|result| result.data)
                .map_err(|error| error.code)
        };
        assert_eq!(unwrap("a", &wrapped, &context), Ok(secret));
        let mut damaged = wrapped.clone();
        damaged[20] ^= 1;
        for (name, wrapped, context) in [
            ("a", &damaged, b"context".as_slice()),
            ("a", &wrapped, b"other"),
            ("b", &wrapped, b"context"),
            ("a", &Vec::new(), b"context"),
        ] {
            assert_eq!(unwrap(name, wrapped, context), Err(OpErrorCode::Corrupt));
        }
        assert_eq!(unwrap("unknown", &wrapped, &context), Err(OpErrorCode::NotFound));
        drop(ask(&platform, "a", Command::Erase(KeysErase {})).expect("erases"));
        assert_eq!(unwrap("a", &wrapped, &context), Err(OpErrorCode::NotFound));
    }

    #[test]
    fn keys_fail_when_told_to() {
        let platform = TestPlatform::new(1);
        platform.fail_keys(Some((AbiStatus::Unsupported, OpErrorCode::Unsupported)));
        let refused = |platform: &TestPlatform| ask(platform, "a", Command::Open(KeysOpen {})).err();
        assert_eq!(
            refused(&platform).map(|error| error.code),
            Some(OpErrorCode::Unsupported)
        );
        assert!(refused(&platform.restarted()).is_some());
        platform.fail_keys(None);
        assert_eq!(refused(&platform), None);
    }

    #[test]
    fn a_request_that_nobody_answers_ends_with_an_error() {
        let platform = TestPlatform::new(1);
        let (id, responder) = platform.request();
        drop(responder);
        let answers = platform.take_answers(id);
        assert_eq!(answers.len(), 1);
        assert!(!answers[0].more);
    }

    #[test]
    fn a_cancelled_request_hears_nothing_more() {
        let platform = TestPlatform::new(1);
        let (id, responder) = platform.request();
        platform.cancel(id);
        platform.block_on(responder.cancelled());
        responder.more(Response::default());
        responder.finish(Response::default());
        assert!(platform.take_answers(id).is_empty());
    }
}
