//! Documents: JSON-like CRDTs, each an automerge document stored as a row of records.
//!
//! - [`edits`], [`patches`], [`snapshot`]: between automerge and the contract.
//! - [`open_doc`]: a document in memory and its records.
//! - [`views`]: one client's window on one document, with its events and its undo steps.
//! - [`writer`]: group commit. Everything that changes becomes durable there, in one atomic batch with the index.
//! - [`change`]: applying a client's change at the state that the client had seen.

mod change;
mod edits;
mod open_doc;
mod patches;
mod snapshot;
mod views;
mod writer;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use automerge::{ActorId, ChangeHash, ReadDoc};
use avatar_proto::event::Event as Told;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AppError, DocAt, DocChange, DocCorrupt, DocCreate, DocDelete, DocHistory, DocHistoryResult, DocOpen, DocOpened,
    Done, Durability, ErrorCode, Event, Response, StorageRange, StorageScan,
};

use crate::data::keys;
use crate::index::maintenance::Segments;
use crate::index::{DocId, Index, MAX_TYPE_BYTES};
use crate::node::{Responder, app_error};
use crate::platform::{Batch, Platform, PlatformError, StorageReply};

use open_doc::{Header, OpenDoc, Session};
use views::View;
use writer::Writer;

/// Documents without a view that stay in memory.
const MAX_IDLE: usize = 16;

/// How much of a document's records is read at once.
const LOAD_BYTES: u32 = 8 * 1024 * 1024;

/// Changes that a history answers at once where the request says nothing, and at most.
const HISTORY_LIMIT: usize = 100;
const MAX_HISTORY_LIMIT: usize = 1000;

/// All documents of this node.
pub struct Documents {
    platform: Rc<dyn Platform>,
    index: Rc<RefCell<Index>>,
    segments: Rc<RefCell<Segments>>,
    owner: String,
    actor: ActorId,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<DocId, OpenDoc>,
    /// Open and without a view, the one that was used last at the end.
    idle: VecDeque<DocId>,
    views: HashMap<u64, View>,
    views_of: HashMap<DocId, BTreeSet<u64>>,
    last_view: u64,
    tombstones: HashSet<DocId>,
    corrupt: BTreeSet<DocId>,
    writer: Writer,
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
    ///
    /// # Errors
    /// Storage failed.
    pub async fn start(
        platform: Rc<dyn Platform>,
        index: Rc<RefCell<Index>>,
        segments: Rc<RefCell<Segments>>,
        owner: String,
    ) -> Result<Rc<Self>, PlatformError> {
        let mut tombstones = HashSet::new();
        scan(&*platform, keys::tombstones(), true, |key, _| {
            tombstones.extend(keys::parse_tombstone(key))
        })
        .await?;
        // A new actor for each life: what an earlier life had in memory and did not store must never meet what this one makes.
        let mut actor = [0; 16];
        platform.random(&mut actor);
        let state = RefCell::new(State {
            tombstones,
            ..State::default()
        });
        Ok(Rc::new(Self {
            platform,
            index,
            segments,
            owner,
            actor: ActorId::from(actor.as_slice()),
            state,
        }))
    }

    /// Answers a DocCreate.
    pub fn create(self: &Rc<Self>, request: DocCreate, responder: Responder) {
        let checked = id(&request.document_id).and_then(|id| {
            let session = session(&request.session)?;
            if request.r#type.is_empty() || request.r#type.len() > MAX_TYPE_BYTES {
                return Err(invalid("a type has 1 to 128 bytes"));
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
            return self.create_again(id, session, request.detached, responder);
        }
        let header = Header {
            type_name: request.r#type,
            owner: self.owner.clone(),
            created_ms: self.platform.unix_ms(),
        };
        let content = request.content.unwrap_or_default();
        match OpenDoc::create(id, header, &content, &self.actor, session) {
            Ok(doc) => state.open.insert(id, doc),
            Err(error) => return responder.fail(invalid(&error.to_string())),
        };
        state.writer.change(id);
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
    fn create_again(self: &Rc<Self>, id: DocId, session: Session, detached: bool, responder: Responder) {
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
                let view = this.add_view(&mut state, View::new(id, session, responder));
                let due = writer::Due::View(view);
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
            let Some((doc, view_ref)) = state.open.get(&id).zip(state.views.get(&view)) else {
                return;
            };
            view_ref.responder.more(opened(view, doc, doc.applied_seq(&session)));
            snapshot::pages(&doc.automerge, None, &mut |page| {
                view_ref.responder.more(Response {
                    response: Some(Answer::SnapshotPage(page)),
                });
            });
        }));
    }

    /// Answers a DocChange.
    pub fn change(self: &Rc<Self>, request: DocChange, responder: Responder) {
        change::change(self, request, responder);
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
            return if state.writer.is_deleting(&id) {
                state.writer.delete(id, Some(responder));
            } else {
                responder.finish(done());
            };
        }
        if !is_known && !state.corrupt.contains(&id) {
            return responder.fail(not_found());
        }
        state.tombstones.insert(id);
        state.corrupt.remove(&id);
        state.open.remove(&id);
        state.idle.retain(|idle| *idle != id);
        self.index.borrow_mut().remove(id);
        for due in state.writer.forget(&id) {
            due.fail(&mut state.views, not_found());
        }
        for view in state.views_of.remove(&id).unwrap_or_default() {
            if let Some(mut view) = state.views.remove(&view) {
                view.tell(avatar_proto::doc_event::Event::Deleted(true));
                view.responder.finish(done());
            }
        }
        state.writer.delete(id, Some(responder));
        drop(state);
        self.write();
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
                .any(|head| doc.automerge.get_change_by_hash(head).is_none())
            {
                return responder.fail(app_error(ErrorCode::NotFound, "the document has no such state"));
            }
            let mut last = None;
            snapshot::pages(&doc.automerge, Some(&heads), &mut |page| {
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

    /// Resolves when everything that was taken is durable, or could not be made so.
    pub async fn flush(self: &Rc<Self>) {
        self.write();
        let flushed = self.state.borrow_mut().writer.flushed();
        if let Some(flushed) = flushed {
            // A writer that was dropped has nothing left to write.
            let _ = flushed.await;
        }
    }

    /// Reads every document, one after another, and hands its row to `row`; damaged ones are reported and left out.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn rebuild_index(&self) -> Result<Index, PlatformError> {
        let mut ids = BTreeSet::new();
        scan(&*self.platform, keys::documents(), true, |key, _| {
            ids.extend(keys::parse_document_record(key).map(|(id, _)| id));
        })
        .await?;
        let mut index = Index::new();
        for id in ids {
            match self.read(id).await? {
                Ok(doc) => index.upsert(&doc.row()),
                Err(reason) => self.report_corrupt(id, reason),
            }
        }
        Ok(index)
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
    async fn load(&self, id: DocId) -> Result<(), AppError> {
        if self.state.borrow().open.contains_key(&id) {
            return Ok(());
        }
        let read = self.read(id).await.map_err(|error| error.to_app_error())?;
        let mut state = self.state.borrow_mut();
        if state.open.contains_key(&id) {
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
                self.note_idle(&mut state, id);
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
        state.idle.retain(|idle| *idle != document);
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
                self.note_idle(&mut state, document);
            }
        }
    }

    /// The document has no view; of those, only some stay in memory.
    fn note_idle(&self, state: &mut State, id: DocId) {
        if state.views_of.contains_key(&id) || !state.open.contains_key(&id) {
            return;
        }
        state.idle.retain(|idle| *idle != id);
        state.idle.push_back(id);
        let mut kept = VecDeque::new();
        while state.idle.len() + kept.len() > MAX_IDLE {
            let Some(oldest) = state.idle.pop_front() else { break };
            if state.writer.is_durable(&oldest) {
                state.open.remove(&oldest);
            } else {
                // What is not stored yet must stay.
                kept.push_back(oldest);
            }
        }
        kept.append(&mut state.idle);
        state.idle = kept;
    }

    /// Gives an answer that waited for durability.
    fn settle(&self, state: &mut State, id: DocId, due: writer::Due) {
        match due {
            writer::Due::Response(responder, response) => responder.finish(response),
            writer::Due::Opened(responder) => {
                if let Some(doc) = state.open.get(&id) {
                    responder.finish(opened(0, doc, Some(0)));
                }
            }
            writer::Due::View(number) => {
                if let Some((doc, view)) = state.open.get(&id).zip(state.views.get(&number)) {
                    view.responder.more(opened(number, doc, doc.applied_seq(&view.session)));
                }
            }
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
    let StorageRange { mut start, end } = range;
    loop {
        let mut batch = Batch::new(Durability::Relaxed);
        let range = Some(StorageRange {
            start,
            end: end.clone(),
        });
        batch.scan(StorageScan {
            range,
            limit: 0,
            max_bytes: LOAD_BYTES,
            keys_only,
        });
        let reply: StorageReply = batch.run(platform).await?;
        reply.entries(0).for_each(|(key, value)| record(key, value));
        match reply.next_start(0) {
            Some(next) if reply.more(0) => start = next,
            _ => return Ok(()),
        }
    }
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

fn not_found() -> AppError {
    app_error(ErrorCode::NotFound, "there is no such document")
}
