//! The platform as domains see it: storage whose records are sealed under the data key. They write and read plain content, and what reaches the host reveals none of it.
//!
//! A record is sealed for its key in the store, so one that lies under another's key does not open. What does not open is handed on as an empty record, which no domain takes for
//! its own: it is reported as damaged, by whoever knows what it was.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::storage_op::Op;
use avatar_proto::{AbiStatus, Event, KeysCommand, KeysResult, NetRequest, NetResponse, P2pResult, StorageBatch};
use avatar_vault::DataKey;
use avatar_vault::seal::{self, NONCE_BYTES, OVERHEAD_BYTES};
use futures_channel::mpsc;

use crate::data::keys;
use crate::platform::{Inbound, Level, LocalBoxFuture, PeerStream, Platform, PlatformError, StorageReply};

/// Version of the envelope. (Records of schema 1 begin with 1, and are not sealed.)
pub const VERSION: u8 = 2;

/// See the module's documentation.
pub struct Sealed {
    inner: Rc<dyn Platform>,
    /// Shared with the answers that are on their way, which may come after a lock.
    key: Rc<RefCell<Key>>,
}

enum Key {
    /// With those who wait for it.
    Awaited(Vec<Waker>),
    There(Rc<DataKey>),
    Forgotten,
}

impl Sealed {
    /// Storage that opens with this key.
    pub fn new(inner: Rc<dyn Platform>, key: DataKey) -> Rc<Self> {
        Self::with(inner, Key::There(Rc::new(key)))
    }

    /// Storage whose key is still to come: what is read is asked for at once, and its answer waits for the key. Nothing can be written before.
    pub fn awaiting_key(inner: Rc<dyn Platform>) -> Rc<Self> {
        Self::with(inner, Key::Awaited(Vec::new()))
    }

    fn with(inner: Rc<dyn Platform>, key: Key) -> Rc<Self> {
        let key = Rc::new(RefCell::new(key));
        Rc::new(Self { inner, key })
    }

    /// The key that was [awaited](Self::awaiting_key).
    pub fn open(&self, key: DataKey) {
        self.replace_key(Key::There(Rc::new(key)));
    }

    /// Forgets the key, now and in answers that are on their way: from here on every batch fails.
    pub fn lock(&self) {
        self.replace_key(Key::Forgotten);
    }

    fn replace_key(&self, key: Key) {
        if let Key::Awaited(waiting) = self.key.replace(key) {
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// The data key, until it is [locked](Self::lock).
    pub fn key(&self) -> Option<Rc<DataKey>> {
        match &*self.key.borrow() {
            Key::There(key) => Some(Rc::clone(key)),
            Key::Awaited(_) | Key::Forgotten => None,
        }
    }

    /// Seals the values of all puts.
    fn seal(&self, key: &DataKey, batch: &mut StorageBatch, body: &[u8]) -> Vec<u8> {
        let puts = batch.ops.iter().filter(|op| matches!(op.op, Some(Op::Put(_)))).count();
        // All of a batch at once: each call asks the host.
        let mut nonces = vec![[0; NONCE_BYTES]; puts];
        self.inner.random(nonces.as_flattened_mut());
        let mut nonces = nonces.iter();
        let mut sealed = Vec::with_capacity(body.len() + puts * OVERHEAD_BYTES);
        let mut rest = body;
        for op in &mut batch.ops {
            if let Some(Op::Put(put)) = &mut op.op
                && let Some(nonce) = nonces.next()
            {
                let value;
                (value, rest) = rest.split_at((put.value_len as usize).min(rest.len()));
                if keys::is_clear(&put.key) {
                    sealed.extend_from_slice(value);
                } else {
                    sealed.extend_from_slice(&seal::seal(key, &put.key, VERSION, nonce, value));
                    put.value_len += OVERHEAD_BYTES as u32;
                }
            }
        }
        sealed
    }
}

fn locked() -> PlatformError {
    PlatformError {
        status: AbiStatus::Closed,
        code: avatar_proto::OpErrorCode::Denied,
        message: "the node is locked".to_owned(),
    }
}

/// The key, once it is there; None once it is forgotten.
async fn present(key: &RefCell<Key>) -> Option<Rc<DataKey>> {
    poll_fn(|context| match &mut *key.borrow_mut() {
        Key::Awaited(waiting) => {
            waiting.push(context.waker().clone());
            Poll::Pending
        }
        Key::There(key) => Poll::Ready(Some(Rc::clone(key))),
        Key::Forgotten => Poll::Ready(None),
    })
    .await
}

impl Platform for Sealed {
    fn storage(&self, mut batch: StorageBatch, body: Vec<u8>) -> LocalBoxFuture<Result<StorageReply, PlatformError>> {
        let body = match &*self.key.borrow() {
            Key::There(key) => self.seal(key, &mut batch, &body),
            Key::Awaited(_)
                if batch
                    .ops
                    .iter()
                    .all(|op| matches!(op.op, Some(Op::Get(_) | Op::Scan(_)))) =>
            {
                body
            }
            Key::Awaited(_) | Key::Forgotten => return Box::pin(std::future::ready(Err(locked()))),
        };
        let key = Rc::clone(&self.key);
        let reply = self.inner.storage(batch, body);
        Box::pin(async move {
            let mut reply = reply.await?;
            if reply.has_values() {
                let key = present(&key).await.ok_or_else(locked)?;
                reply.open_values(|place, record| match keys::is_clear(place) {
                    true => Some(0..record.len()),
                    false => {
                        let len = seal::open_in_place(&key, place, VERSION, record).ok()?.len();
                        Some(seal::CONTENT_AT..seal::CONTENT_AT + len)
                    }
                });
            }
            Ok(reply)
        })
    }

    fn keys(&self, command: KeysCommand) -> LocalBoxFuture<Result<KeysResult, PlatformError>> {
        self.inner.keys(command)
    }

    fn fetch(&self, request: NetRequest) -> LocalBoxFuture<Result<(NetResponse, Vec<u8>), PlatformError>> {
        self.inner.fetch(request)
    }

    fn p2p(&self, command: P2p) -> LocalBoxFuture<Result<P2pResult, PlatformError>> {
        self.inner.p2p(command)
    }

    fn open_stream(
        &self,
        peer: Vec<u8>,
        protocols: Vec<String>,
    ) -> LocalBoxFuture<Result<(PeerStream, String), PlatformError>> {
        self.inner.open_stream(peer, protocols)
    }

    fn accept_streams(&self) -> mpsc::Receiver<Inbound> {
        self.inner.accept_streams()
    }

    fn unix_ms(&self) -> i64 {
        self.inner.unix_ms()
    }

    fn monotonic_us(&self) -> u64 {
        self.inner.monotonic_us()
    }

    fn random(&self, out: &mut [u8]) {
        self.inner.random(out);
    }

    fn sleep(&self, us: u64) -> LocalBoxFuture<()> {
        self.inner.sleep(us)
    }

    fn yield_now(&self) -> LocalBoxFuture<()> {
        self.inner.yield_now()
    }

    fn has_backlog(&self) -> bool {
        self.inner.has_backlog()
    }

    fn spawn(&self, task: LocalBoxFuture<()>) {
        self.inner.spawn(task);
    }

    fn log(&self, level: Level, message: &str) {
        self.inner.log(level, message);
    }

    fn emit(&self, event: Event) {
        self.inner.emit(event);
    }

    fn respond(&self, request: u64, more: bool, head: &[u8]) -> Result<(), AbiStatus> {
        self.inner.respond(request, more, head)
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::Durability;

    use super::*;
    use crate::platform::{Batch, TestPlatform};

    type Read = LocalBoxFuture<Result<StorageReply, PlatformError>>;

    /// The content, or why there is none.
    type Given = Rc<RefCell<Option<Result<Vec<u8>, AbiStatus>>>>;

    const PLACE: &[u8] = b"d-some-record";

    fn key() -> DataKey {
        DataKey::from_bytes(&[7; 32])
    }

    /// A platform whose store holds a sealed record.
    fn holding_a_record() -> Rc<TestPlatform> {
        let platform = TestPlatform::new(1);
        let sealed = Sealed::new(platform.handle(), key());
        let mut batch = Batch::new(Durability::Strict);
        batch.put(PLACE.to_vec(), b"content");
        let written = batch.run(&*sealed);
        platform.block_on(written).expect("storage works");
        platform
    }

    fn read(sealed: &Sealed) -> Read {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.get(PLACE.to_vec());
        batch.run(sealed)
    }

    /// What a read has given so far, once everything that can happen has happened.
    fn result(platform: &TestPlatform, read: Read) -> Given {
        let result = Given::default();
        platform.handle().spawn({
            let result = Rc::clone(&result);
            Box::pin(async move {
                let content = read.await.map(|reply| reply.value(0).unwrap_or_default().to_vec());
                result.replace(Some(content.map_err(|error| error.status)));
            })
        });
        platform.run_until_idle();
        result
    }

    #[test]
    fn a_read_before_the_key_is_asked_for_at_once_and_answered_with_the_key() {
        let platform = holding_a_record();
        let before = platform.executed_batches();
        let sealed = Sealed::awaiting_key(platform.handle());
        let result = result(&platform, read(&sealed));
        assert_eq!((platform.executed_batches() - before, result.take()), (1, None));
        sealed.open(key());
        platform.run_until_idle();
        assert_eq!(result.take(), Some(Ok(b"content".to_vec())));
    }

    #[test]
    fn a_read_before_the_key_ends_when_there_will_be_none() {
        let platform = holding_a_record();
        let sealed = Sealed::awaiting_key(platform.handle());
        let result = result(&platform, read(&sealed));
        sealed.lock();
        platform.run_until_idle();
        assert_eq!(result.take(), Some(Err(AbiStatus::Closed)));
    }

    #[test]
    fn nothing_is_written_before_the_key_not_even_a_deletion_or_an_empty_record() {
        let platform = holding_a_record();
        let before = platform.store().borrow().records.clone();
        let sealed = Sealed::awaiting_key(platform.handle());
        let batches: [fn(&mut Batch); 3] = [
            |batch| _ = batch.put(PLACE.to_vec(), b""),
            |batch| _ = batch.delete(PLACE.to_vec()),
            |batch| _ = batch.delete_range(vec![0], vec![0xff]),
        ];
        for fill in batches {
            let mut batch = Batch::new(Durability::Strict);
            fill(&mut batch);
            let refused = result(&platform, batch.run(&*sealed));
            assert_eq!(refused.take(), Some(Err(AbiStatus::Closed)));
        }
        assert_eq!(platform.store().borrow().records, before);
    }

    #[test]
    fn an_answer_that_comes_after_a_lock_opens_nothing() {
        let platform = holding_a_record();
        let sealed = Sealed::new(platform.handle(), key());
        platform.hold_storage(true);
        let result = result(&platform, read(&sealed));
        sealed.lock();
        platform.hold_storage(false);
        platform.run_until_idle();
        assert_eq!(result.take(), Some(Err(AbiStatus::Closed)));
    }
}
