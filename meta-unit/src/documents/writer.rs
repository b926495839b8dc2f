//! Group commit: while one batch is in flight, changes gather for the next one; and under a backlog of requests a little longer. A batch holds the new records of all changed documents, the deletions, and one index
//! segment; answers that promise durability wait for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use avatar_proto::event::Event as Told;
use avatar_proto::{AppError, Durability, Event, Response, StorageRange, StorageTrouble};
use futures_channel::oneshot;

use super::open_doc::Save;
use super::views::View;
use super::{Documents, done};
use crate::data::{keys, records};
use crate::index::{DocId, maintenance};
use crate::node::Responder;
use crate::platform::{Batch, PlatformError};

/// Records of one batch, in bytes, at most (one document's may be more): a host's buffers are limited.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Under a backlog of requests, a batch is made so long after the one before it, at least: otherwise each of many changes to a few documents would be stored by itself.
const GATHER_US: u64 = 50_000;

/// An answer that waits until a document's changes are durable.
pub enum Due {
    /// The last answer to a request.
    Response(Responder, Response),
    /// An event of a view.
    Event(u64, Response),
    /// DocOpened, and the end.
    Opened(Responder),
    /// DocOpened for a new view.
    View(u64),
}

impl Due {
    /// What was promised will not be.
    pub fn fail(self, views: &mut HashMap<u64, View>, error: AppError) {
        match self {
            Self::Response(responder, _) | Self::Opened(responder) => responder.fail(error),
            // The change is in memory all the same, and goes with the next batch.
            Self::Event(number, event) => {
                if let Some(view) = views.get(&number) {
                    view.responder.more(event);
                }
            }
            Self::View(number) => {
                if let Some(view) = views.remove(&number) {
                    view.responder.fail(error);
                }
            }
        }
    }
}

/// What waits for the next batch, and what is in flight.
#[derive(Default)]
pub struct Writer {
    changed: BTreeSet<DocId>,
    deletes: BTreeMap<DocId, Vec<Responder>>,
    due: HashMap<DocId, Vec<Due>>,
    /// Documents in the batch in flight; None when no batch is.
    in_flight: Option<InFlight>,
    waiting_for_flush: Vec<oneshot::Sender<()>>,
    batches: u64,
}

#[derive(Default)]
struct InFlight {
    documents: BTreeSet<DocId>,
    due: Vec<(DocId, Due)>,
}

/// What has to be known when a batch has ended.
struct Batched {
    saves: Vec<(DocId, Save)>,
    deletes: BTreeMap<DocId, Vec<Responder>>,
    segment: Option<(u64, usize)>,
}

impl Writer {
    /// The document has something to store.
    pub fn change(&mut self, id: DocId) {
        self.changed.insert(id);
    }

    /// The document's records go, and a tombstone comes.
    pub fn delete(&mut self, id: DocId, responder: Option<Responder>) {
        self.deletes.entry(id).or_default().extend(responder);
    }

    /// Whether a deletion is not durable yet.
    pub fn is_deleting(&self, id: &DocId) -> bool {
        self.deletes.contains_key(id)
            || self
                .in_flight
                .as_ref()
                .is_some_and(|batch| batch.documents.contains(id))
    }

    /// Answers when everything that the document holds now is durable.
    pub fn answer_when_durable(&mut self, id: DocId, due: Due) {
        match &mut self.in_flight {
            // Nothing new since the batch in flight was made.
            Some(batch) if !self.changed.contains(&id) && batch.documents.contains(&id) => batch.due.push((id, due)),
            _ => self.due.entry(id).or_default().push(due),
        }
    }

    /// Whether everything that the document holds is durable.
    pub fn is_durable(&self, id: &DocId) -> bool {
        !self.changed.contains(id)
            && !self
                .in_flight
                .as_ref()
                .is_some_and(|batch| batch.documents.contains(id))
    }

    /// The document is deleted: what waits for it.
    pub fn forget(&mut self, id: &DocId) -> Vec<Due> {
        self.changed.remove(id);
        self.due.remove(id).unwrap_or_default()
    }

    /// Answers that wait.
    pub fn pending(&self) -> usize {
        let in_flight = self
            .in_flight
            .iter()
            .flat_map(|batch| batch.due.iter().map(|(_, due)| due));
        let waiting = self.due.values().flatten().chain(in_flight);
        waiting.filter(|due| !matches!(due, Due::Event(..))).count() + self.deletes.len()
    }

    /// Whether a batch is in flight, or about to be.
    pub fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Resolves when nothing waits any more; None if nothing does.
    pub fn flushed(&mut self) -> Option<oneshot::Receiver<()>> {
        self.in_flight.as_ref()?;
        let (flushed, wait) = oneshot::channel();
        self.waiting_for_flush.push(flushed);
        Some(wait)
    }

    /// Batches made since the start.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Whether no batch is in flight or due.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_none() && !self.has_work()
    }

    /// Whether somebody waits for the next batch. (What is left of a failed one waits for the next change.)
    fn is_awaited(&self) -> bool {
        !self.due.is_empty() || self.deletes.values().any(|responders| !responders.is_empty())
    }

    fn has_work(&self) -> bool {
        !self.changed.is_empty() || !self.deletes.is_empty()
    }
}

impl Documents {
    /// Starts the writer if it does not run.
    pub(super) fn write(self: &Rc<Self>) {
        {
            let mut state = self.state.borrow_mut();
            if state.writer.in_flight.is_some() || !state.writer.has_work() {
                return;
            }
            // Taken from here on, so that everything of this turn gathers in one batch.
            state.writer.in_flight = Some(InFlight::default());
        }
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            let mut begun_us = None;
            loop {
                this.gather(begun_us).await;
                begun_us = Some(this.platform.monotonic_us());
                let Some((batch, batched)) = this.next_batch() else {
                    break;
                };
                let result = batch.run(&*this.platform).await;
                let failed = result.is_err();
                this.batch_ended(batched, result.map(drop));
                // What could not be stored waits for the next change: a full disk does not get emptier by trying. But whoever came meanwhile has to be told.
                if failed && !this.state.borrow().writer.is_awaited() {
                    break;
                }
            }
            this.compact_when_idle();
            let mut state = this.state.borrow_mut();
            state.writer.in_flight = None;
            for flushed in state.writer.waiting_for_flush.drain(..) {
                // Whoever waited may be gone.
                let _ = flushed.send(());
            }
        }));
    }

    async fn gather(&self, last_batch_us: Option<u64>) {
        let Some(last_us) = last_batch_us else { return };
        while self.platform.has_backlog() && self.platform.monotonic_us() < last_us.saturating_add(GATHER_US) {
            self.platform.yield_now().await;
        }
    }

    fn next_batch(&self) -> Option<(Batch, Batched)> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if !state.writer.has_work() {
            return None;
        }
        let mut batch = Batch::new(Durability::Relaxed);
        let mut in_flight = InFlight::default();
        let mut saves = Vec::new();
        let mut index = self.index.borrow_mut();
        while let Some(id) = state.writer.changed.pop_first() {
            let due = state.writer.due.remove(&id).unwrap_or_default();
            let Some(doc) = state.open.get_mut(&id) else { continue };
            let save = doc.save();
            if batch.body_len() > 0 && batch.body_len() + save.record.len() > MAX_BATCH_BYTES {
                // It has no room any more, and is the first of the next batch.
                doc.save_failed(save);
                state.writer.due.entry(id).or_default().extend(due);
                state.writer.changed.insert(id);
                break;
            }
            in_flight.due.extend(due.into_iter().map(|due| (id, due)));
            batch.put(keys::document_record(&id, save.number), &save.record);
            if save.is_snapshot && save.number > 0 {
                batch.delete_range(keys::document_record(&id, 0), keys::document_record(&id, save.number));
            }
            index.upsert(&doc.row());
            in_flight.documents.insert(id);
            saves.push((id, save));
        }
        let deletes = std::mem::take(&mut state.writer.deletes);
        for id in deletes.keys() {
            let StorageRange { start, end } = keys::document_records(id);
            batch.delete_range(start, end);
            batch.put(keys::tombstone(id), &records::seal(&[]));
            in_flight.documents.insert(*id);
        }
        let segment = index.take_segment().map(|segment| {
            let (number, link) = self.segments.borrow_mut().next_link();
            let record = link.record(&segment);
            batch.put(keys::index_segment(number), &record);
            (number, record.len())
        });
        for written in state.written_meanwhile.values_mut() {
            written.extend(&in_flight.documents);
        }
        state.writer.in_flight = Some(in_flight);
        state.writer.batches += 1;
        Some((
            batch,
            Batched {
                saves,
                deletes,
                segment,
            },
        ))
    }

    fn batch_ended(&self, batched: Batched, result: Result<(), PlatformError>) {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let InFlight { due, .. } = state.writer.in_flight.replace(InFlight::default()).unwrap_or_default();
        match result {
            Ok(()) => {
                if let Some((number, bytes)) = batched.segment {
                    self.segments.borrow_mut().add(number, bytes);
                    maintenance::merge_if_due(&self.platform, &self.segments);
                }
                for (id, due) in due {
                    self.settle(state, id, due);
                }
                for responder in batched.deletes.into_values().flatten() {
                    responder.finish(done());
                }
            }
            Err(error) => self.batch_failed(state, batched, due, &error),
        }
        state.close_unused();
    }

    fn batch_failed(&self, state: &mut super::State, batched: Batched, due: Vec<(DocId, Due)>, error: &PlatformError) {
        let app_error = error.to_app_error();
        if let Some(news) = &mut state.news {
            news.is_storage_failing = true;
            news.signal.raise();
        }
        let mut index = self.index.borrow_mut();
        index.segment_failed();
        for (id, save) in batched.saves {
            let Some(doc) = state.open.get_mut(&id) else { continue };
            doc.save_failed(save);
            if doc.is_unborn() {
                // It was to be created by this batch, so there is no such document.
                state.open.remove(&id);
                state.writer.changed.remove(&id);
                index.remove(id);
            } else {
                state.writer.changed.insert(id);
            }
        }
        for (_, due) in due {
            due.fail(&mut state.views, app_error.clone());
        }
        for (id, responders) in batched.deletes {
            state.writer.delete(id, None);
            responders
                .into_iter()
                .for_each(|responder| responder.fail(app_error.clone()));
        }
        let trouble = StorageTrouble {
            code: app_error.code,
            message: app_error.message,
        };
        self.platform.emit(Event {
            event: Some(Told::StorageTrouble(trouble)),
        });
    }
}
