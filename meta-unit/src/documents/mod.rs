//! Documents: JSON-like CRDTs, each an automerge document stored as a row of records.
//!
//! - [`edits`], [`run`], [`patches`], [`snapshot`]: between automerge and the contract.
//! - [`birth`]: a document that nothing has happened to since it was created.
//! - [`open_doc`]: a document in memory and its records. [`inflated`]: the limit of what they may become.
//! - [`views`]: one client's window on one document, with its events and its undo steps.
//! - [`writer`]: group commit. Everything that changes becomes durable there, in one atomic batch with the index.
//! - [`sync`]: documents on their way to and from other devices.
//! - [`change`]: applying a client's change at the state that the client had seen.

mod birth;
mod change;
mod edits;
mod inflated;
mod open_doc;
mod patches;
mod run;
mod snapshot;
pub mod sync;
mod views;
mod writer;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use automerge::{ActorId, ChangeHash, ReadDoc};
use avatar_proto::event::Event as Told;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AppError, DocAt, DocChange, DocCorrupt, DocCreate, DocDelete, DocHistory, DocHistoryResult, DocOpen, DocOpened,
    DocPatched, Done, ErrorCode, Event, IndexRebuilding, Message, Response, StorageRange,
};

use crate::data::keys;
use crate::index::maintenance::Segments;
use crate::index::{DocId, Index, MAX_TYPE_BYTES};
use crate::node::{Responder, app_error};
use crate::platform::{Pages, Platform, PlatformError};

use open_doc::{Header, OpenDoc, Session};
use sync::News;
use views::View;
use writer::Writer;

/// Documents that stay in memory though everything of them is stored, at most: so many, and of so many bytes together (the last one used stays in any case). Views do not
/// count: they know heads, and no document.
const MAX_OPEN: usize = 512;
const MAX_OPEN_BYTES: usize = 24 * 1024 * 1024;

/// When nothing was stored for so long, documents with many small records get few large ones, so that they open fast.
const IDLE_US: u64 = 3_000_000;

/// What a create or a change brings in, at most, in bytes of its message.
const MAX_INPUT_BYTES: usize = 8 * 1024 * 1024;

/// How much of a document's records is read at once.
const LOAD_BYTES: u32 = 8 * 1024 * 1024;

/// Changes that a history answers at once where the request says nothing, and at most.
const HISTORY_LIMIT: usize = 100;
const MAX_HISTORY_LIMIT: usize = 1000;

/// Clients hear of a rebuilt index after so many documents.
const REBUILD_STEP: usize = 256;

/// All documents of this node.
pub struct Documents {
    platform: Rc<dyn Platform>,
    index: Rc<RefCell<Index>>,
    segments: Rc<RefCell<Segments>>,
    owner: RefCell<String>,
    actor: ActorId,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<DocId, OpenDoc>,
    /// Counts uses of open documents: those used least recently are closed first.
    uses: u64,
    /// Changes of documents that are being loaded, in the order in which they came.
    waiting: HashMap<DocId, Vec<(DocChange, Responder)>>,
    /// A task waits for a quiet moment.
    awaits_idle: bool,
    views: HashMap<u64, View>,
    views_of: HashMap<DocId, BTreeSet<u64>>,
    last_view: u64,
    tombstones: HashSet<DocId>,
    corrupt: BTreeSet<DocId>,
    writer: Writer,
    /// While the index is made again: documents that a batch has written meanwhile, for each of those who make it.
    written_meanwhile: BTreeMap<u64, BTreeSet<DocId>>,
    /// Documents that changed, once somebody wants to know.
    news: Option<News>,
    rebuilds: u64,
    loads: u64,
}

/// Numbers for the status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Documents in memory.
    pub loaded: usize,
    /// Documents loaded from storage since the start.
    pub loads: u64,
    /// Documents that could not be read.
    pub corrupt: usize,
    /// Changes that wait for durability.
    pub pending_writes: usize,
    /// Views.
    pub views: usize,
}

impl Documents {
    /// The documents in this storage.
    pub fn new(
        platform: Rc<dyn Platform>,
        index: Rc<RefCell<Index>>,
        segments: Rc<RefCell<Segments>>,
        tombstones: HashSet<DocId>,
        owner: String,
    ) -> Rc<Self> {
        // A new actor for each life: what an earlier life had in memory and did not store must never meet what this one makes.
        let mut actor = [0; 16];
        platform.random(&mut actor);
        // A number of an earlier life must not mean another view in this one: a change that was on its way during a crash would reach another document.
        // 48 random bits to count from; JavaScript's numbers hold 53.
        let mut last_view = [0; 8];
        platform.random(&mut last_view[..6]);
        let state = RefCell::new(State {
            tombstones,
            last_view: u64::from_le_bytes(last_view),
            ..State::default()
        });
        Rc::new(Self {
            platform,
            index,
            segments,
            owner: RefCell::new(owner),
            actor: ActorId::from(actor.as_slice()),
            state,
        })
    }

    /// The documents that were deleted.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn tombstones(platform: &dyn Platform) -> Result<HashSet<DocId>, PlatformError> {
        let mut tombstones = HashSet::new();
        scan(platform, keys::tombstones(), true, |key, _| {
            tombstones.extend(keys::parse_tombstone(key))
        })
        .await?;
        Ok(tombstones)
    }

    /// Documents made from here on have this owner.
    pub fn set_owner(&self, did: String) {
        self.owner.replace(did);
    }

    /// Answers a DocCreate.
    pub fn create(self: &Rc<Self>, request: DocCreate, responder: Responder) {
        let checked = id(&request.document_id).and_then(|id| {
            let session = session(&request.session)?;
            if request.r#type.is_empty() || request.r#type.len() > MAX_TYPE_BYTES {
                return Err(invalid("a type has 1 to 128 bytes"));
            }
            if request
                .content
                .as_ref()
                .is_some_and(|content| content.encoded_len() > MAX_INPUT_BYTES)
            {
                return Err(too_large());
            }
            Ok((id, session))
        });
        let (id, session) = match checked {
            Ok(checked) => checked,
            Err(error) => return responder.fail(error),
        };
        let mut state = self.state.borrow_mut();
        if state.tombstones.contains(&id) {
            return responder.fail(app_error(ErrorCode::NotFound, "the document was deleted"));
        }
        if state.open.contains_key(&id) || self.index.borrow().get(&id).is_some() {
            drop(state);
            let content = request.content.unwrap_or_default();
            let keys = content.entries.into_iter().map(|entry| entry.key).collect();
            return self.create_again(id, session, keys, request.detached, responder);
        }
        let header = Header {
            type_name: request.r#type,
            owner: self.owner.borrow().clone(),
            created_ms: self.platform.unix_ms(),
        };
        let content = request.content.unwrap_or_default();
        match OpenDoc::create(id, header, content, &self.actor, session) {
            Ok(doc) => state.open.insert(id, doc),
            Err(error) => return responder.fail(invalid(&error.to_string())),
        };
        state.use_open(&id);
        state.writer.change(id);
        state.note_news(id);
        if request.detached {
            state.writer.answer_when_durable(id, writer::Due::Opened(responder));
        } else {
            let view = self.add_view(&mut state, View::new(id, session, responder));
            state.writer.answer_when_durable(id, writer::Due::View(view));
        }
        drop(state);
        self.write();
    }

    /// The same create again: a client sends it again when it does not know whether it was done.
    /// `keys` are those of the content with which the client believes to open it.
    fn create_again(
        self: &Rc<Self>,
        id: DocId,
        session: Session,
        keys: Vec<String>,
        detached: bool,
        responder: Responder,
    ) {
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            if let Err(error) = this.load(id).await {
                return responder.fail(error);
            }
            let mut state = this.state.borrow_mut();
            let is_ours = state
                .open
                .get(&id)
                .is_some_and(|doc| doc.applied_seq(&session).is_some());
            if !is_ours {
                return responder.fail(app_error(ErrorCode::AlreadyExists, "there is a document with this id"));
            }
            let is_durable = state.writer.is_durable(&id);
            if detached {
                let due = writer::Due::Opened(responder);
                if is_durable {
                    this.settle(&mut state, id, due)
                } else {
                    state.writer.answer_when_durable(id, due)
                }
            } else {
                let mut view = View::new(id, session, responder);
                view.believed_keys = Some(keys);
                let due = writer::Due::View(this.add_view(&mut state, view));
                if is_durable {
                    this.settle(&mut state, id, due)
                } else {
                    state.writer.answer_when_durable(id, due)
                }
            }
        }));
    }

    /// Answers a DocOpen.
    pub fn open(self: &Rc<Self>, request: DocOpen, responder: Responder) {
        let ids = id(&request.document_id).and_then(|id| Ok((id, session(&request.session)?)));
        let (id, session) = match ids {
            Ok(ids) => ids,
            Err(error) => return responder.fail(error),
        };
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            if let Err(error) = this.load(id).await {
                return responder.fail(error);
            }
            let mut state = this.state.borrow_mut();
            let view = this.add_view(&mut state, View::new(id, session, responder));
            // Other devices learn what is here before there is something to tell, so that a keystroke has no questions before it.
            state.note_news(id);
            let Some((doc, view_ref)) = state.open.get(&id).zip(state.views.get(&view)) else {
                return;
            };
            view_ref.responder.more(opened(view, doc, doc.applied_seq(&session)));
            doc.pages(&mut |page| {
                view_ref.responder.more(Response {
                    response: Some(Answer::SnapshotPage(page)),
                });
            });
        }));
    }

    /// Answers a DocChange.
    pub fn change(self: &Rc<Self>, request: DocChange, responder: Responder) {
        if request.encoded_len() > MAX_INPUT_BYTES {
            return responder.fail(too_large());
        }
        let mut state = self.state.borrow_mut();
        let Some(id) = state.views.get(&request.view).map(|view| view.document) else {
            return responder.fail(invalid("no such view"));
        };
        if let Some(waiting) = state.waiting.get_mut(&id) {
            // Behind those that came before it.
            return waiting.push((request, responder));
        }
        if state.open.contains_key(&id) {
            drop(state);
            return change::change(self, request, responder);
        }
        state.waiting.insert(id, vec![(request, responder)]);
        drop(state);
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            let loaded = this.load(id).await;
            let waiting = this.state.borrow_mut().waiting.remove(&id).unwrap_or_default();
            for (request, responder) in waiting {
                match &loaded {
                    Ok(()) => change::change(&this, request, responder),
                    Err(error) => responder.fail(error.clone()),
                }
            }
        }));
    }

    /// Answers a DocDelete.
    pub fn delete(self: &Rc<Self>, request: DocDelete, responder: Responder) {
        let id = match id(&request.document_id) {
            Ok(id) => id,
            Err(error) => return responder.fail(error),
        };
        let mut state = self.state.borrow_mut();
        let is_known = state.open.contains_key(&id) || self.index.borrow().get(&id).is_some();
        if state.tombstones.contains(&id) && !is_known {
            if !state.writer.is_deleting(&id) {
                return responder.finish(done());
            }
            state.writer.delete(id, Some(responder));
            drop(state);
            // After a batch that failed, nobody else may have something to write.
            return self.write();
        }
        if !is_known && !state.corrupt.contains(&id) {
            // There is nothing to delete: as it should be afterwards.
            return responder.finish(done());
        }
        self.forget_document(&mut state, id);
        state.writer.delete(id, Some(responder));
        state.note_news(id);
        drop(state);
        self.write();
    }

    /// From here on the document is deleted; its records go with the next batch.
    fn forget_document(&self, state: &mut State, id: DocId) {
        state.tombstones.insert(id);
        state.corrupt.remove(&id);
        state.open.remove(&id);
        self.index.borrow_mut().remove(id);
        for due in state.writer.forget(&id) {
            // Events before these may be in flight still, and views hear of the deletion only.
            if !matches!(due, writer::Due::Event(..)) {
                due.fail(&mut state.views, not_found());
            }
        }
        for view in state.views_of.remove(&id).unwrap_or_default() {
            if let Some(mut view) = state.views.remove(&view) {
                let told = view.tell(avatar_proto::doc_event::Event::Deleted(true));
                view.responder.more(told);
                view.responder.finish(done());
            }
        }
    }

    /// Answers a DocHistory.
    pub fn history(self: &Rc<Self>, request: DocHistory, responder: Responder) {
        let id = match id(&request.document_id) {
            Ok(id) => id,
            Err(error) => return responder.fail(error),
        };
        let limit = if request.limit == 0 {
            HISTORY_LIMIT
        } else {
            (request.limit as usize).min(MAX_HISTORY_LIMIT)
        };
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            if let Err(error) = this.load(id).await {
                return responder.fail(error);
            }
            let state = this.state.borrow();
            let Some(doc) = state.open.get(&id) else { return };
            let (changes, total) = doc.history(request.offset as usize, limit);
            let result = DocHistoryResult {
                changes,
                total: total as u32,
            };
            responder.finish(Response {
                response: Some(Answer::DocHistory(result)),
            });
        }));
    }

    /// Answers a DocAt.
    pub fn at(self: &Rc<Self>, request: DocAt, responder: Responder) {
        let parsed = id(&request.document_id).and_then(|id| {
            let heads: Result<Vec<_>, _> = request
                .heads
                .iter()
                .map(|head| ChangeHash::try_from(head.as_slice()))
                .collect();
            Ok((id, heads.map_err(|_| invalid("a head has 32 bytes"))?))
        });
        let (id, heads) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return responder.fail(error),
        };
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            if let Err(error) = this.load(id).await {
                return responder.fail(error);
            }
            let state = this.state.borrow();
            let Some(doc) = state.open.get(&id) else { return };
            if heads
                .iter()
                .any(|head| doc.automerge().get_change_by_hash(head).is_none())
            {
                return responder.fail(app_error(ErrorCode::NotFound, "the document has no such state"));
            }
            let mut last = None;
            snapshot::pages(doc.automerge(), Some(&heads), &mut |page| {
                let page = Response {
                    response: Some(Answer::SnapshotPage(page)),
                };
                if let Some(before) = last.replace(page) {
                    responder.more(before);
                }
            });
            responder.finish(last.unwrap_or_default());
        }));
    }

    /// Stores every document that has more than one record anew, in one record each.
    ///
    /// # Errors
    /// Storage failed. Documents that cannot be read are left as they are.
    pub async fn compact_all(self: &Rc<Self>) -> Result<(), PlatformError> {
        // In the order of the ids: what is stored when must not depend on chance.
        let mut records: BTreeMap<DocId, usize> = BTreeMap::new();
        scan(&*self.platform, keys::documents(), true, |key, _| {
            if let Some((id, _)) = keys::parse_document_record(key) {
                *records.entry(id).or_default() += 1;
            }
        })
        .await?;
        for (id, _) in records.into_iter().filter(|(_, records)| *records > 1) {
            // A damaged document has been reported, and a deleted one is gone.
            if self.load(id).await.is_ok() {
                self.state.borrow_mut().compact(|doc| doc.id == id && doc.has_chunks());
                self.flush().await;
            }
        }
        Ok(())
    }

    /// Resolves when everything that was taken is durable, or could not be made so.
    pub async fn flush(self: &Rc<Self>) {
        self.write();
        let flushed = self.state.borrow_mut().writer.flushed();
        if let Some(flushed) = flushed {
            // A writer that was dropped has nothing left to write.
            let _ = flushed.await;
        }
    }

    /// As [`flush`](Self::flush), and then makes open documents open faster the next time: nobody will be idle here again.
    pub async fn finish(self: &Rc<Self>) {
        self.flush().await;
        self.state.borrow_mut().compact(OpenDoc::is_scattered);
        self.flush().await;
    }

    /// Resolves when no batch is in flight; whether everything is stored. If so, and until the next await, the rows of the index are those of the documents on disk.
    pub async fn quiet(self: &Rc<Self>) -> bool {
        self.flush().await;
        while self.state.borrow().writer.is_writing() {
            self.flush().await;
        }
        self.state.borrow().writer.is_idle()
    }

    /// Makes the index again: reads every document, one after another. Damaged ones are reported and left out. Documents that change meanwhile are read
    /// again, so when this resolves, and until the next await, no document on disk is ahead of its row and no row is ahead of its document.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn rebuild_index(&self) -> Result<Index, PlatformError> {
        let rebuild = {
            let mut state = self.state.borrow_mut();
            state.rebuilds += 1;
            let rebuild = state.rebuilds;
            state.written_meanwhile.insert(rebuild, BTreeSet::new());
            rebuild
        };
        let rebuilt = self.read_all_rows(rebuild).await;
        self.state.borrow_mut().written_meanwhile.remove(&rebuild);
        rebuilt
    }

    /// To be called once an index that was made again is in its place and a dump of it taken: documents that are being deleted are on disk still, and so in that dump.
    /// Their rows go with them, in one batch.
    pub fn remove_rows_of_deleted(&self) {
        let mut index = self.index.borrow_mut();
        for id in &self.state.borrow().tombstones {
            index.remove(*id);
        }
    }

    async fn read_all_rows(&self, rebuild: u64) -> Result<Index, PlatformError> {
        let mut ids = BTreeSet::new();
        scan(&*self.platform, keys::documents(), true, |key, _| {
            ids.extend(keys::parse_document_record(key).map(|(id, _)| id));
        })
        .await?;
        let total = ids.len();
        let mut index = Index::new();
        loop {
            if let Some(written) = self.state.borrow_mut().written_meanwhile.get_mut(&rebuild) {
                ids.append(written);
            }
            if ids.is_empty() {
                break;
            }
            for (done, id) in std::mem::take(&mut ids).into_iter().enumerate() {
                if done % REBUILD_STEP == 0 {
                    self.tell_rebuilding(done, total);
                }
                match self.read(id).await? {
                    Ok(doc) => index.upsert(&doc.row()),
                    Err(None) => index.remove(id),
                    Err(reason) => self.report_corrupt(id, reason),
                }
            }
        }
        self.tell_rebuilding(total, total);
        Ok(index)
    }

    fn tell_rebuilding(&self, done: usize, total: usize) {
        let progress = IndexRebuilding {
            done: done as u32,
            total: total as u32,
        };
        self.platform.emit(Event {
            event: Some(Told::IndexRebuilding(progress)),
        });
    }

    /// For the status.
    pub fn figures(&self) -> Figures {
        let state = self.state.borrow();
        Figures {
            loaded: state.open.len(),
            loads: state.loads,
            corrupt: state.corrupt.len(),
            pending_writes: state.writer.pending(),
            views: state.views.len(),
        }
    }

    /// Afterwards the document is open.
    async fn load(self: &Rc<Self>, id: DocId) -> Result<(), AppError> {
        if self.state.borrow_mut().use_open(&id) {
            return Ok(());
        }
        let before = self.last_record(&id);
        let read = self.read(id).await.map_err(|error| error.to_app_error())?;
        let read = self.check_age(id, before, read);
        let mut state = self.state.borrow_mut();
        if state.use_open(&id) {
            // Another request was faster.
            return Ok(());
        }
        if state.tombstones.contains(&id) {
            return Err(not_found());
        }
        match read {
            Ok(doc) => {
                state.loads += 1;
                state.open.insert(id, doc);
                state.use_open(&id);
                state.close_unused();
                Ok(())
            }
            Err(None) => Err(not_found()),
            Err(reason @ Some(_)) => {
                drop(state);
                self.report_corrupt(id, reason);
                Err(app_error(ErrorCode::Corrupt, "the stored document is damaged"))
            }
        }
    }

    fn last_record(&self, id: &DocId) -> Option<u64> {
        self.index.borrow().get(id).map(|row| row.version().last_record)
    }

    /// Whether what was read of a document is what the index knows of it, or knew `before`: a state of storage that somebody has put back in parts is not taken for the document.
    fn check_age(
        &self,
        id: DocId,
        before: Option<u64>,
        read: Result<OpenDoc, Option<String>>,
    ) -> Result<OpenDoc, Option<String>> {
        match (read, before) {
            (Err(None), Some(_)) if self.last_record(&id).is_some() => Err(Some("its records are gone".to_owned())),
            (Ok(doc), Some(known)) if doc.last_record() < known => {
                Err(Some("its records are older than its row in the index".to_owned()))
            }
            (Ok(doc), _) => match self.last_record(&id) {
                // Deleted, and put back.
                None => Err(None),
                Some(known) if doc.last_record() > known => {
                    Err(Some("its row in the index is older than its records".to_owned()))
                }
                Some(_) => Ok(doc),
            },
            (read, _) => read,
        }
    }

    /// A document from storage. `Err(None)`: there is none. `Err(Some)`: why it cannot be read.
    async fn read(&self, id: DocId) -> Result<Result<OpenDoc, Option<String>>, PlatformError> {
        let mut found = Vec::new();
        scan(&*self.platform, keys::document_records(&id), false, |key, record| {
            found.extend(keys::parse_document_record(key).map(|(_, number)| (number, record.to_vec())));
        })
        .await?;
        if found.is_empty() {
            return Ok(Err(None));
        }
        let records = found.iter().map(|(number, record)| (*number, record.as_slice()));
        Ok(OpenDoc::load(id, records, &self.actor).map_err(|error| Some(error.to_string())))
    }

    fn report_corrupt(&self, id: DocId, reason: Option<String>) {
        if self.state.borrow_mut().corrupt.insert(id) {
            let corrupt = DocCorrupt {
                document_id: id.to_vec(),
                reason: reason.unwrap_or_default(),
            };
            self.platform.emit(Event {
                event: Some(Told::DocCorrupt(corrupt)),
            });
        }
    }

    fn add_view(self: &Rc<Self>, state: &mut State, view: View) -> u64 {
        state.last_view += 1;
        let (number, document, closed) = (state.last_view, view.document, view.responder.cancelled());
        state.views.insert(number, view);
        state.views_of.entry(document).or_default().insert(number);
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            closed.await;
            this.close_view(number);
        }));
        number
    }

    fn close_view(&self, number: u64) {
        let mut state = self.state.borrow_mut();
        let Some(View { document, .. }) = state.views.remove(&number) else {
            return;
        };
        if let Some(views) = state.views_of.get_mut(&document) {
            views.remove(&number);
            if views.is_empty() {
                state.views_of.remove(&document);
            }
        }
    }

    /// Waits for a quiet moment, in which open documents are stored anew where that makes them open faster.
    fn compact_when_idle(self: &Rc<Self>) {
        if std::mem::replace(&mut self.state.borrow_mut().awaits_idle, true) {
            return;
        }
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            loop {
                let before = this.state.borrow().writer.batches();
                this.platform.sleep(IDLE_US).await;
                let mut state = this.state.borrow_mut();
                if state.writer.batches() == before {
                    state.awaits_idle = false;
                    if state.writer.is_idle() {
                        state.compact(OpenDoc::is_scattered);
                    }
                    break;
                }
            }
            this.write();
        }));
    }

    /// Gives an answer that waited for durability.
    fn settle(&self, state: &mut State, id: DocId, due: writer::Due) {
        match due {
            writer::Due::Response(responder, response) => responder.finish(response),
            writer::Due::Event(number, event) => {
                if let Some(view) = state.views.get(&number) {
                    view.responder.more(event);
                }
            }
            writer::Due::Opened(responder) => {
                if let Some(doc) = state.open.get(&id) {
                    responder.finish(opened(0, doc, Some(0)));
                }
            }
            writer::Due::View(number) => {
                if let Some((doc, view)) = state.open.get(&id).zip(state.views.get_mut(&number)) {
                    view.responder.more(opened(number, doc, doc.applied_seq(&view.session)));
                    if let Some(keys) = view.believed_keys.take()
                        && let Some((heads, patches)) = doc.since_creation(keys)
                    {
                        let updated_ms = doc.updated_ms;
                        let patched = DocPatched { patches, updated_ms };
                        let told = view.tell_foreign(avatar_proto::doc_event::Event::Patched(patched), heads);
                        view.responder.more(told);
                    }
                }
            }
        }
    }
}

/// Whether these are the records of a document, in the order of their numbers.
///
/// # Errors
/// What is wrong with them.
pub fn check_records<'a>(id: DocId, records: impl IntoIterator<Item = (u64, &'a [u8])>) -> Result<(), String> {
    let nobody = ActorId::from([0; 16].as_slice());
    OpenDoc::load(id, records, &nobody)
        .map(drop)
        .map_err(|error| error.to_string())
}

impl State {
    /// The document changed, or is gone.
    fn note_news(&mut self, id: DocId) {
        if let Some(news) = &mut self.news {
            news.documents.insert(id);
            news.signal.raise();
        }
    }

    /// Whether the document is open; if so, it is the one used last.
    fn use_open(&mut self, id: &DocId) -> bool {
        let Some(doc) = self.open.get_mut(id) else {
            return false;
        };
        self.uses += 1;
        doc.last_use = self.uses;
        true
    }

    /// Closes the documents used least recently, as far as everything of them is stored, until few enough are left.
    fn close_unused(&mut self) {
        let mut bytes: usize = self.open.values().map(OpenDoc::memory_bytes).sum();
        if self.open.len() <= MAX_OPEN && bytes <= MAX_OPEN_BYTES {
            return;
        }
        let mut by_use: Vec<(u64, DocId)> = self.open.values().map(|doc| (doc.last_use, doc.id)).collect();
        by_use.sort_unstable();
        by_use.pop();
        for (_, id) in by_use {
            if self.open.len() <= MAX_OPEN && bytes <= MAX_OPEN_BYTES {
                return;
            }
            if self.writer.is_durable(&id)
                && let Some(closed) = self.open.remove(&id)
            {
                bytes -= closed.memory_bytes();
            }
        }
    }

    /// The next batch has one record instead of many for each open document that `wanted` picks.
    fn compact(&mut self, wanted: impl Fn(&OpenDoc) -> bool) {
        for doc in self.open.values_mut().filter(|doc| wanted(doc)) {
            doc.request_snapshot();
            self.writer.change(doc.id);
        }
    }
}

fn opened(view: u64, doc: &OpenDoc, applied_seq: Option<u64>) -> Response {
    Response {
        response: Some(Answer::DocOpened(DocOpened {
            view,
            document_id: doc.id.to_vec(),
            r#type: doc.header.type_name.clone(),
            owner: doc.header.owner.clone(),
            heads: doc.heads(),
            created_ms: doc.header.created_ms,
            updated_ms: doc.updated_ms,
            applied_seq: applied_seq.unwrap_or(0),
        })),
    }
}

/// Hands every record of a range to `record`.
async fn scan(
    platform: &dyn Platform,
    range: StorageRange,
    keys_only: bool,
    mut record: impl FnMut(&[u8], &[u8]),
) -> Result<(), PlatformError> {
    let mut pages = match keys_only {
        true => Pages::of_keys(range, LOAD_BYTES),
        false => Pages::new(range, LOAD_BYTES),
    };
    while let Some(page) = pages.next(platform).await? {
        page.entries(0).for_each(|(key, value)| record(key, value));
    }
    Ok(())
}

fn done() -> Response {
    Response {
        response: Some(Answer::Done(Done {})),
    }
}

fn id(bytes: &[u8]) -> Result<DocId, AppError> {
    bytes.try_into().map_err(|_| invalid("a document id has 16 bytes"))
}

fn session(bytes: &[u8]) -> Result<Session, AppError> {
    bytes.try_into().map_err(|_| invalid("a session has 16 bytes"))
}

fn invalid(message: &str) -> AppError {
    app_error(ErrorCode::InvalidArgument, message)
}

fn too_large() -> AppError {
    app_error(ErrorCode::Limit, "a document takes in at most 8 MiB at once")
}

fn not_found() -> AppError {
    app_error(ErrorCode::NotFound, "there is no such document")
}
