//! Storage in IndexedDB: the database `avatar:<name>`, version 2, with the object stores `records` (binary keys out of line, binary values), `host`
//! (one entry: a random id, which tells this database from one that was made anew under the same name) and, since version 2, `keys` (key sets by their names).
//!
//! A batch is one transaction. Only reads have handlers of their own: a write that fails aborts the transaction, whose end is what counts.
//!
//! **Lost storage.** When the database is closed under us (its data deleted, another version opened, the browser gave it up), batches are refused with
//! STORAGE_LOST, and each batch tries to open it again, once a second at most. Only the same database, known by its id, is taken again:
//! what the Meta Unit holds in memory belongs to that one. A database deleted for good stays lost until a new host starts.

mod key_shelf;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use avatar_proto::{ErrorCode, OpErrorCode, StorageKind};
use futures_channel::oneshot;
use js_sys::{Array, ArrayBuffer, Function, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{
    IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbVersionChangeEvent,
};

use super::{Backend, Batch, LocalBoxFuture, Op, Range, Read, Scan, StorageError, check_size};
use crate::engine::{self, set, task};
use crate::error::{HostError, describe, name_of};
use crate::keys::KeyPlace;
use key_shelf::KeyShelf;

const RECORDS: &str = "records";
const HOST: &str = "host";
const KEYS: &str = "keys";
const ID_KEY: &str = "id";
const VERSION: u32 = 2;

/// How long an open may take, other versions' connections included, before it counts as blocked.
const OPEN_LIMIT_S: u32 = 20;

/// The pause between attempts to open lost storage again.
const REOPEN_PAUSE_MS: f64 = 1_000.0;

/// Entries of a scan's first page. What they weigh decides about the next ones.
const FIRST_PAGE: u32 = 32;

/// Entries of a page at most.
const MAX_PAGE: u32 = 8_192;

#[wasm_bindgen]
extern "C" {
    /// web-sys has the options of a transaction (IndexedDB 3.0) only behind an unstable flag.
    #[wasm_bindgen(extends = IdbDatabase)]
    type DatabaseWithOptions;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn begin(this: &DatabaseWithOptions, stores: &str, mode: &str, options: &Object)
    -> Result<IdbTransaction, JsValue>;

    /// web-sys calls `commit` deprecated; the standard does not.
    #[wasm_bindgen(extends = IdbTransaction)]
    type CommittableTransaction;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &CommittableTransaction) -> Result<(), JsValue>;
}

/// Why there is no database.
pub enum OpenError {
    /// The engine has no IndexedDB, or the browser does not allow it here.
    Unavailable(String),
    /// There is one, and it does not open.
    Failed(HostError),
}

/// A database, with its connection while there is one.
pub struct IndexedDb {
    inner: Rc<Inner>,
}

struct Inner {
    name: String,
    id: Vec<u8>,
    state: RefCell<State>,
    /// Batches that began and have not ended: `close` waits for them.
    running: Cell<usize>,
    idle: RefCell<Vec<oneshot::Sender<()>>>,
}

enum State {
    Open(Connection),
    /// Closed under us.
    Lost {
        since: String,
        tried_ms: f64,
    },
    /// Being opened again; who waits is told in order.
    Opening(Vec<oneshot::Sender<()>>),
    /// Not the same database any more, or closed by us: no further attempt.
    Gone(String),
}

/// An open connection and the handlers that watch it.
struct Connection {
    database: DatabaseWithOptions,
    _watch: [Closure<dyn Fn()>; 2],
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

impl IndexedDb {
    /// Opens the database of this name, making it if there is none.
    pub async fn open(name: &str) -> Result<Self, OpenError> {
        let name = format!("avatar:{name}");
        let opened = open_database(&name, Creation::Allowed).await.map_err(OpenError::from)?;
        let inner = Rc::new(Inner {
            name,
            id: opened.id,
            state: RefCell::new(State::Opening(Vec::new())),
            running: Cell::new(0),
            idle: RefCell::default(),
        });
        let connection = inner.watch(opened.database);
        inner.state.replace(State::Open(connection));
        Ok(Self { inner })
    }
}

impl Inner {
    fn watch(self: &Rc<Self>, database: DatabaseWithOptions) -> Connection {
        let lost = |inner: Weak<Self>, words: &'static str| {
            Closure::<dyn Fn()>::new(move || {
                task::begin();
                if let Some(inner) = inner.upgrade() {
                    inner.lose(words);
                }
            })
        };
        // Another connection wants to delete or upgrade the database: holding on would block it.
        let versionchange = lost(Rc::downgrade(self), "the database is being deleted or upgraded");
        let close = lost(Rc::downgrade(self), "the browser closed the database");
        database.set_onversionchange(Some(versionchange.as_ref().unchecked_ref()));
        database.set_onclose(Some(close.as_ref().unchecked_ref()));
        Connection {
            database,
            _watch: [versionchange, close],
        }
    }

    fn lose(&self, words: &str) {
        let mut state = self.state.borrow_mut();
        if let State::Open(_) = *state {
            let since = words.to_owned();
            let tried_ms = f64::NEG_INFINITY;
            let connection = std::mem::replace(&mut *state, State::Lost { since, tried_ms });
            drop(state);
            // `lose` runs inside a handler that the connection owns; a closure must outlive its own call.
            wasm_bindgen_futures::spawn_local(async move { drop(connection) });
        }
    }

    /// A transaction on the connection; opens lost storage again when it is time.
    async fn begin(
        self: &Rc<Self>,
        store: &str,
        mode: &str,
        strict: bool,
    ) -> Result<(IdbTransaction, IdbObjectStore), StorageError> {
        loop {
            let wait = {
                let mut state = self.state.borrow_mut();
                match &mut *state {
                    State::Open(connection) => match begin(&connection.database, store, mode, strict) {
                        Ok(transaction) => return Ok(transaction),
                        Err(error) => Err(describe(&error)),
                    },
                    State::Opening(waiting) => {
                        let (told, wait) = oneshot::channel();
                        waiting.push(told);
                        Ok(wait)
                    }
                    State::Gone(reason) => return Err(lost(reason.clone())),
                    State::Lost { since, tried_ms } => {
                        let now_ms = engine::monotonic_ms();
                        if now_ms - *tried_ms < REOPEN_PAUSE_MS {
                            return Err(lost(since.clone()));
                        }
                        let since = std::mem::take(since);
                        let (told, wait) = oneshot::channel();
                        *state = State::Opening(vec![told]);
                        wasm_bindgen_futures::spawn_local(self.clone().reopen(since));
                        Ok(wait)
                    }
                }
            };
            match wait {
                // Told in order, and polled in order: batches keep their places. A sender that is dropped tells just as well.
                Ok(told) => {
                    let _ = told.await;
                    if let State::Lost { since, .. } = &*self.state.borrow() {
                        return Err(lost(since.clone()));
                    }
                }
                // An open connection that begins no transaction is a closed one whose event has not come yet.
                Err(words) => self.lose(&words),
            }
        }
    }

    async fn reopen(self: Rc<Self>, since: String) {
        let next = match open_database(&self.name, Creation::Refused).await {
            Ok(opened) if opened.id == self.id => State::Open(self.watch(opened.database)),
            Ok(_) | Err(Refusal::WouldCreate) => State::Gone("the database was deleted".into()),
            Err(Refusal::Newer) => State::Gone("a newer version has taken the database over".into()),
            Err(refusal) => State::Lost {
                since: format!("{since}; {}", refusal.words()),
                tried_ms: engine::monotonic_ms(),
            },
        };
        let mut state = self.state.borrow_mut();
        // Closed meanwhile: what was opened is closed by its drop.
        if let State::Opening(waiting) = &mut *state {
            let waiting = std::mem::take(waiting);
            *state = next;
            drop(state);
            for told in waiting {
                let _ = told.send(());
            }
        }
    }

    async fn run(self: Rc<Self>, batch: Batch) -> Result<Vec<Read>, StorageError> {
        let writes = batch.ops.iter().any(Op::writes);
        let mode = if writes { "readwrite" } else { "readonly" };
        let (transaction, records) = self.begin(RECORDS, mode, batch.strict).await?;
        let end = TransactionEnd::watch(&transaction);
        let reads = match issue(&records, &batch.ops).await {
            Ok(reads) => reads,
            Err(error) => {
                // The first failure of a request aborts the transaction, and the abort has the reason; one that was thrown has to abort it.
                let _ = transaction.abort();
                let reason = end.wait().await.err().flatten();
                return Err(self.explain(reason.as_ref().unwrap_or(&error)));
            }
        };
        if !writes {
            return Ok(reads);
        }
        if let Err(error) = check_size(&reads, Uint8Array::length) {
            let _ = transaction.abort();
            let _ = end.wait().await;
            return Err(error);
        }
        // All requests are made: do not wait for their events. An engine without `commit` commits by itself.
        let _ = transaction.unchecked_ref::<CommittableTransaction>().commit();
        match end.wait().await {
            Ok(()) => Ok(reads),
            Err(reason) => Err(self.explain(&reason.unwrap_or(JsValue::UNDEFINED))),
        }
    }

    fn explain(&self, error: &JsValue) -> StorageError {
        let words = describe(error);
        let code = match name_of(error).as_str() {
            "QuotaExceededError" => OpErrorCode::QuotaExceeded,
            _ if !matches!(*self.state.borrow(), State::Open(_)) => OpErrorCode::StorageLost,
            // Aborted without a failed request of ours: the connection is going.
            "" | "AbortError" | "InvalidStateError" => OpErrorCode::StorageLost,
            _ => OpErrorCode::Other,
        };
        StorageError::new(code, words)
    }

    fn ended(&self) {
        self.running.set(self.running.get() - 1);
        if self.running.get() == 0 {
            for told in self.idle.take() {
                let _ = told.send(());
            }
        }
    }
}

impl Backend for IndexedDb {
    fn batch(&self, batch: Batch) -> LocalBoxFuture<Result<Vec<Read>, StorageError>> {
        let inner = self.inner.clone();
        inner.running.set(inner.running.get() + 1);
        Box::pin(async move {
            let result = inner.clone().run(batch).await;
            inner.ended();
            result
        })
    }

    fn kind(&self) -> StorageKind {
        StorageKind::Indexeddb
    }

    fn reason(&self) -> String {
        String::new()
    }

    fn keys(&self) -> KeyPlace {
        KeyPlace::Shelf(Rc::new(KeyShelf::new(self.inner.clone())))
    }

    fn close(&self) -> LocalBoxFuture<()> {
        let inner = self.inner.clone();
        Box::pin(async move {
            if inner.running.get() > 0 {
                let (told, wait) = oneshot::channel();
                inner.idle.borrow_mut().push(told);
                let _ = wait.await;
            }
            let before = inner.state.replace(State::Gone("the host is closed".into()));
            drop(before);
        })
    }
}

fn lost(reason: String) -> StorageError {
    StorageError::new(OpErrorCode::StorageLost, reason)
}

fn begin(
    database: &DatabaseWithOptions,
    store: &str,
    mode: &str,
    strict: bool,
) -> Result<(IdbTransaction, IdbObjectStore), JsValue> {
    let options = Object::new();
    set(
        &options,
        "durability",
        &if strict { "strict" } else { "relaxed" }.into(),
    );
    let transaction = database.begin(store, mode, &options)?;
    let store = transaction.object_store(store)?;
    Ok((transaction, store))
}

/// Makes the requests of a batch. Nothing is awaited before all of them are made, but for a scan of several pages that a write follows.
async fn issue(records: &IdbObjectStore, ops: &[Op]) -> Result<Vec<Read>, JsValue> {
    let mut reads = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        match op {
            Op::Put(key, value) => drop(records.put_with_key(value, &binary(key))?),
            Op::Delete(key) => drop(records.delete(&binary(key))?),
            Op::DeleteRange(range) => {
                if let Some(range) = key_range(range)? {
                    drop(records.delete(&range)?);
                }
            }
            Op::Get(key) => {
                let request = Finished::of(&records.get(&binary(key))?);
                reads.push(Reading::Get(key, request));
            }
            Op::Scan(scan) => {
                let mut run = ScanRun::begin(records, scan)?;
                if ops[at + 1..].iter().any(Op::writes) {
                    let read = run.finish(records).await?;
                    reads.push(Reading::Done(read));
                } else {
                    reads.push(Reading::Scan(run));
                }
            }
        }
    }
    let mut results = Vec::with_capacity(reads.len());
    for read in reads {
        results.push(match read {
            Reading::Done(read) => read,
            Reading::Scan(mut run) => run.finish(records).await?,
            Reading::Get(key, request) => {
                let value = request.wait().await?;
                if value.is_undefined() {
                    Read::default()
                } else {
                    Read {
                        keys: vec![key.clone()],
                        values: vec![bytes_of(&value)],
                        more: false,
                    }
                }
            }
        });
    }
    Ok(results)
}

enum Reading<'a> {
    Get(&'a Vec<u8>, Finished),
    Scan(ScanRun<'a>),
    Done(Read),
}

/// A scan under way, page by page: IndexedDB cannot be asked for "at most so many bytes".
struct ScanRun<'a> {
    scan: &'a Scan,
    read: Read,
    bytes: u64,
    page: Option<Page>,
}

/// The requests of one page, in the order of their ends.
struct Page {
    keys: Finished,
    values: Option<Finished>,
    asked: u32,
}

impl<'a> ScanRun<'a> {
    fn begin(records: &IdbObjectStore, scan: &'a Scan) -> Result<Self, JsValue> {
        let mut run = Self {
            scan,
            read: Read::default(),
            bytes: 0,
            page: None,
        };
        let first = if scan.keys_only { MAX_PAGE } else { FIRST_PAGE };
        run.page = run.request(records, &scan.range, false, first)?;
        Ok(run)
    }

    /// Asks for a page. One entry above the limit is asked for, so that `more` is known.
    fn request(
        &self,
        records: &IdbObjectStore,
        range: &Range,
        after_start: bool,
        count: u32,
    ) -> Result<Option<Page>, JsValue> {
        let Some(range) = key_range_from(range, after_start)? else {
            return Ok(None);
        };
        let left = u64::from(self.scan.limit) - self.read.keys.len() as u64;
        let asked = u64::from(count).min(left + 1) as u32;
        let keys = Finished::of(&records.get_all_keys_with_key_and_limit(&range, asked)?);
        let values = if self.scan.keys_only {
            None
        } else {
            Some(Finished::of(&records.get_all_with_key_and_limit(&range, asked)?))
        };
        Ok(Some(Page { keys, values, asked }))
    }

    async fn finish(&mut self, records: &IdbObjectStore) -> Result<Read, JsValue> {
        while let Some(page) = self.page.take() {
            let keys: Array = page.keys.wait().await?.unchecked_into();
            let values: Option<Array> = match page.values {
                Some(values) => Some(values.wait().await?.unchecked_into()),
                None => None,
            };
            if self.take(&keys, values.as_ref()) || keys.length() < page.asked {
                break;
            }
            let range = Range {
                // A page that was asked for has one entry at least, and is full.
                start: self.read.keys.last().cloned().unwrap_or_default(),
                end: self.scan.range.end.clone(),
            };
            self.page = self.request(records, &range, true, self.next_page())?;
        }
        Ok(std::mem::take(&mut self.read))
    }

    /// Takes entries until a limit stops it, which it tells.
    fn take(&mut self, keys: &Array, values: Option<&Array>) -> bool {
        for at in 0..keys.length() {
            // Other types of keys are none of ours: somebody else wrote them.
            let Some(key) = keys
                .get(at)
                .dyn_ref::<ArrayBuffer>()
                .map(|key| Uint8Array::new(key).to_vec())
            else {
                continue;
            };
            let value = values.map(|values| bytes_of(&values.get(at)));
            let with_this = self.bytes + value.as_ref().map_or(0, |value| u64::from(value.length()));
            let full = with_this > u64::from(self.scan.max_bytes) && !self.read.keys.is_empty();
            if full || self.read.keys.len() as u64 == u64::from(self.scan.limit) {
                self.read.more = true;
                return true;
            }
            self.bytes = with_this;
            self.read.keys.push(key);
            self.read.values.extend(value);
        }
        false
    }

    /// As many entries as will fill the rest of the bytes if they are like those seen, and one.
    fn next_page(&self) -> u32 {
        if self.scan.keys_only {
            return MAX_PAGE;
        }
        let seen = self.read.keys.len().max(1) as u64;
        let average = (self.bytes / seen).max(1);
        let left = u64::from(self.scan.max_bytes).saturating_sub(self.bytes);
        (left / average + 1).min(u64::from(MAX_PAGE)) as u32
    }
}

fn binary(key: &[u8]) -> JsValue {
    Uint8Array::from(key).into()
}

/// A value as bytes. Anything else that somebody put there is no record: the Meta Unit finds no envelope in no bytes, and reports it.
fn bytes_of(value: &JsValue) -> Uint8Array {
    if let Some(array) = value.dyn_ref::<Uint8Array>() {
        array.clone()
    } else if let Some(buffer) = value.dyn_ref::<ArrayBuffer>() {
        Uint8Array::new(buffer)
    } else {
        Uint8Array::new_with_length(0)
    }
}

fn key_range(range: &Range) -> Result<Option<IdbKeyRange>, JsValue> {
    key_range_from(range, false)
}

/// `None` for a range that can hold no key, for which IndexedDB throws.
fn key_range_from(range: &Range, after_start: bool) -> Result<Option<IdbKeyRange>, JsValue> {
    if range.is_empty() {
        return Ok(None);
    }
    let start = binary(&range.start);
    match &range.end {
        Some(end) => IdbKeyRange::bound_with_lower_open_and_upper_open(&start, &binary(end), after_start, true),
        None => IdbKeyRange::lower_bound_with_open(&start, after_start),
    }
    .map(Some)
}

/// The end of a request, which is watched from its making on.
struct Finished {
    end: oneshot::Receiver<Result<JsValue, JsValue>>,
    request: IdbRequest,
    _handlers: [Closure<dyn FnMut()>; 2],
}

impl Finished {
    fn of(request: &IdbRequest) -> Self {
        let (tell, end) = oneshot::channel();
        let tell = Rc::new(Cell::new(Some(tell)));
        let handler = |outcome: fn(&IdbRequest) -> Result<JsValue, JsValue>| {
            let (tell, request) = (tell.clone(), request.clone());
            Closure::<dyn FnMut()>::new(move || {
                task::begin();
                if let Some(tell) = tell.take() {
                    let _ = tell.send(outcome(&request));
                }
            })
        };
        let success = handler(IdbRequest::result);
        let error = handler(|request| Err(request.error().ok().flatten().map_or(JsValue::UNDEFINED, JsValue::from)));
        request.set_onsuccess(Some(success.as_ref().unchecked_ref()));
        request.set_onerror(Some(error.as_ref().unchecked_ref()));
        Self {
            end,
            request: request.clone(),
            _handlers: [success, error],
        }
    }

    async fn wait(mut self) -> Result<JsValue, JsValue> {
        (&mut self.end).await.unwrap_or(Err(JsValue::UNDEFINED))
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        self.request.set_onsuccess(None);
        self.request.set_onerror(None);
    }
}

/// The end of a transaction: complete, or aborted for a reason.
struct TransactionEnd {
    end: oneshot::Receiver<Result<(), Option<JsValue>>>,
    transaction: IdbTransaction,
    _handlers: [Closure<dyn FnMut()>; 2],
}

impl TransactionEnd {
    fn watch(transaction: &IdbTransaction) -> Self {
        let (tell, end) = oneshot::channel();
        let tell = Rc::new(Cell::new(Some(tell)));
        let handler = |outcome: fn(&IdbTransaction) -> Result<(), Option<JsValue>>| {
            let (tell, transaction) = (tell.clone(), transaction.clone());
            Closure::<dyn FnMut()>::new(move || {
                task::begin();
                if let Some(tell) = tell.take() {
                    let _ = tell.send(outcome(&transaction));
                }
            })
        };
        let complete = handler(|_| Ok(()));
        let abort = handler(|transaction| Err(transaction.error().map(JsValue::from)));
        transaction.set_oncomplete(Some(complete.as_ref().unchecked_ref()));
        transaction.set_onabort(Some(abort.as_ref().unchecked_ref()));
        Self {
            end,
            transaction: transaction.clone(),
            _handlers: [complete, abort],
        }
    }

    async fn wait(mut self) -> Result<(), Option<JsValue>> {
        (&mut self.end).await.unwrap_or(Err(None))
    }
}

impl Drop for TransactionEnd {
    fn drop(&mut self) {
        self.transaction.set_oncomplete(None);
        self.transaction.set_onabort(None);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Creation {
    Allowed,
    Refused,
}

/// Why a database was not opened.
enum Refusal {
    Unavailable(String),
    /// There is none, and making one was not allowed.
    WouldCreate,
    /// It has a newer version.
    Newer,
    Blocked(String),
}

impl Refusal {
    fn words(self) -> String {
        match self {
            Self::Unavailable(words) | Self::Blocked(words) => words,
            Self::WouldCreate => "there is no database".into(),
            Self::Newer => "the database is of a newer version".into(),
        }
    }
}

impl From<Refusal> for OpenError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable(reason) => Self::Unavailable(reason),
            Refusal::Newer => Self::Failed(HostError::app(ErrorCode::SchemaTooNew, refusal.words())),
            Refusal::WouldCreate | Refusal::Blocked(_) => {
                Self::Failed(HostError::app(ErrorCode::StorageBlocked, refusal.words()))
            }
        }
    }
}

struct Opened {
    database: DatabaseWithOptions,
    id: Vec<u8>,
}

async fn open_database(name: &str, creation: Creation) -> Result<Opened, Refusal> {
    let factory = engine::global_property("indexedDB")
        .map_err(|error| Refusal::Unavailable(format!("the browser blocks IndexedDB ({})", describe(&error))))?;
    if factory.is_undefined() || factory.is_null() {
        return Err(Refusal::Unavailable("this engine has no IndexedDB".into()));
    }
    let request = factory
        .unchecked_into::<IdbFactory>()
        .open_with_u32(name, VERSION)
        .map_err(|error| refusal(&error))?;

    let refused = Rc::new(Cell::new(false));
    let upgrade = Closure::<dyn FnMut(IdbVersionChangeEvent)>::new({
        let (request, refused) = (request.clone(), refused.clone());
        move |event: IdbVersionChangeEvent| {
            if creation == Creation::Refused || make_stores(&request, event.old_version()).is_err() {
                refused.set(true);
                if let Some(transaction) = request.transaction() {
                    let _ = transaction.abort();
                }
            }
        }
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let opened = with_limit(Finished::of(&request), f64::from(OPEN_LIMIT_S) * 1_000.0).await;
    request.set_onupgradeneeded(None);

    let database: DatabaseWithOptions = match opened {
        Some(Ok(database)) => database.unchecked_into(),
        Some(Err(_)) if refused.get() => return Err(Refusal::WouldCreate),
        Some(Err(error)) => return Err(refusal(&error)),
        None => {
            close_when_opened(&request);
            return Err(Refusal::Blocked(format!(
                "IndexedDB did not open within {OPEN_LIMIT_S} s"
            )));
        }
    };
    match read_id(&database).await {
        Ok(id) => Ok(Opened { database, id }),
        Err(error) => {
            database.close();
            Err(Refusal::Blocked(format!(
                "the database is not one of ours, or damaged ({})",
                describe(&error)
            )))
        }
    }
}

fn refusal(error: &JsValue) -> Refusal {
    let words = describe(error);
    match name_of(error).as_str() {
        "VersionError" => Refusal::Newer,
        // What browsers say where storage is off: by a setting, in an opaque origin, in a private window.
        "SecurityError" | "InvalidStateError" | "NotAllowedError" | "NotSupportedError" => {
            Refusal::Unavailable(format!("the browser blocks IndexedDB ({words})"))
        }
        // Chromium's, where the person blocks site data (IDBFactory::OpenInternal); its UnknownError is also that of a damaged disk, which is something else.
        "UnknownError" if words.contains("denied permission") => {
            Refusal::Unavailable(format!("the browser blocks IndexedDB ({words})"))
        }
        _ => Refusal::Blocked(format!("IndexedDB does not open ({words})")),
    }
}

/// Brings the database from an earlier version (0: there was none) to this one. What it holds stays.
fn make_stores(request: &IdbOpenDbRequest, old_version: f64) -> Result<(), JsValue> {
    debug_assert!(old_version < f64::from(VERSION));
    let database: IdbDatabase = request.result()?.unchecked_into();
    if old_version < 1.0 {
        database.create_object_store(RECORDS)?;
        let id = Uint8Array::new_with_length(16);
        engine::fill_random(&id)?;
        database.create_object_store(HOST)?.put_with_key(&id, &ID_KEY.into())?;
    }
    database.create_object_store(KEYS)?;
    Ok(())
}

async fn read_id(database: &IdbDatabase) -> Result<Vec<u8>, JsValue> {
    let id = database
        .transaction_with_str(HOST)?
        .object_store(HOST)?
        .get(&ID_KEY.into())?;
    let id = Finished::of(&id).wait().await?;
    id.dyn_into::<Uint8Array>().map(|id| id.to_vec())
}

/// `None` when it takes longer.
async fn with_limit(request: Finished, limit_ms: f64) -> Option<Result<JsValue, JsValue>> {
    use futures_util::future::{Either, select};
    let wait = std::pin::pin!(request.wait());
    let sleep = std::pin::pin!(engine::sleep_ms(limit_ms));
    match select(wait, sleep).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}

/// An open that was given up must not leave a connection behind, which would block deletion and upgrades by others.
fn close_when_opened(request: &IdbOpenDbRequest) {
    let close = Closure::once_into_js({
        let request = request.clone();
        move || {
            if let Ok(database) = request.result() {
                database.unchecked_into::<IdbDatabase>().close();
            }
        }
    });
    request.set_onsuccess(Some(close.unchecked_ref::<Function>()));
}
