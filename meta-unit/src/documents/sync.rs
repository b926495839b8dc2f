//! Documents on their way to and from other devices: automerge's sync protocol, one document at a time, with limits on everything that comes.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use automerge::sync::{self, SyncDoc as _};
use automerge::{PatchLog, ReadDoc as _};
use avatar_peers::message::Document;
use avatar_peers::reconcile::{Item, ItemDigest};
use avatar_proto::{AppError, ErrorCode};
use futures_util::future::join_all;

use super::open_doc::OpenDoc;
use super::{Documents, MAX_OPEN, State, change, inflated, not_found};
use crate::index::DocId;
use crate::node::app_error;
use crate::runtime::Signal;

/// Stands for a document that was deleted: no digest of changes is likely to be it.
const DELETED: ItemDigest = [0xff; 16];

/// Stands for a document whose changes are not made yet: nobody else can have them.
const UNBORN: ItemDigest = [0; 16];

/// What automerge's filters may ask for: it makes 10 bits an entry, and 7 probes.
const MAX_BITS_AN_ENTRY: u64 = 64;
const MAX_PROBES: u64 = 32;

/// Automerge itself says one of the first, and a few of the others.
const MAX_FILTERS: usize = 4;
const MAX_HASHES: usize = 16 * 1024;

/// Documents that a device makes known at once have their changes made and stored together, so many at a time.
pub const PREPARED_AT_ONCE: usize = 64;

/// What has changed, for those who tell other devices.
pub struct News {
    /// These.
    pub documents: BTreeSet<DocId>,
    /// A batch failed: what others believe to be here may not be.
    pub is_storage_failing: bool,
    /// Raised with each.
    pub signal: Rc<Signal>,
}

/// A document has to be brought into memory first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpen;

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// It was taken in.
    Taken(Taken),
    /// The document was deleted here.
    Deleted,
}

/// What a message has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Both have the same now, as far as the other side has told.
    pub equal: bool,
    /// The document has changed.
    pub is_new: bool,
    /// Changes have come whose predecessors have not.
    pub waits: bool,
}

/// Why a message was not taken in.
#[derive(Debug)]
pub enum ReceiveError {
    /// Nobody who keeps to the protocol sends this: the reason, in words for developers.
    Hostile(&'static str),
    /// This document cannot take it now; others can.
    Document(AppError),
}

/// What is known of another side that has nothing of a document: it gets all of it with the first message.
pub fn state_of_newcomer() -> sync::State {
    sync::State {
        their_heads: Some(Vec::new()),
        their_need: Some(Vec::new()),
        their_have: Some(vec![sync::Have::default()]),
        their_capabilities: Some(vec![sync::Capability::MessageV2]),
        ..sync::State::new()
    }
}

impl Documents {
    /// All documents as they are on disk or about to be, those that were deleted among them.
    pub fn sync_items(&self) -> Vec<Item> {
        let state = self.state.borrow();
        let index = self.index.borrow();
        let there = index.ids().filter(|id| !state.corrupt.contains(id)).filter_map(|id| {
            let digest = index.get(&id)?.version().digest.unwrap_or(UNBORN);
            Some(Item { id, digest })
        });
        let deleted = state.tombstones.iter().map(|id| Item {
            id: *id,
            digest: DELETED,
        });
        there.chain(deleted).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.borrow().is_empty()
    }

    /// Whether a document is here.
    pub fn has(&self, id: &DocId) -> bool {
        self.state.borrow().open.contains_key(id) || self.index.borrow().get(id).is_some()
    }

    /// Whether a document was deleted.
    pub fn is_deleted(&self, id: &DocId) -> bool {
        self.state.borrow().tombstones.contains(id)
    }

    /// Whether a client looks at a document.
    pub fn is_viewed(&self, id: &DocId) -> bool {
        self.state.borrow().views_of.contains_key(id)
    }

    /// From here on it is noted which documents change, and the signal is raised.
    pub fn note_news(&self, signal: &Rc<Signal>) {
        self.state.borrow_mut().news = Some(News {
            documents: BTreeSet::new(),
            is_storage_failing: false,
            signal: Rc::clone(signal),
        });
    }

    /// The documents that changed, were deleted or were opened since the last call, and whether a batch failed.
    pub fn take_news(&self) -> (BTreeSet<DocId>, bool) {
        let mut state = self.state.borrow_mut();
        match &mut state.news {
            Some(news) => (
                std::mem::take(&mut news.documents),
                std::mem::take(&mut news.is_storage_failing),
            ),
            None => Default::default(),
        }
    }

    /// Before their changes are handed over, documents that nothing has happened to since they were created are stored as changes: a later automerge might make others of the same content.
    pub async fn prepare(self: &Rc<Self>, ids: &[DocId]) {
        for ids in ids.chunks(PREPARED_AT_ONCE) {
            let mut is_any_new = false;
            // All at once: storage answers many sooner than one after another. What cannot be read is not handed over.
            join_all(ids.iter().map(|id| self.load(*id))).await;
            for id in ids {
                let mut state = self.state.borrow_mut();
                let is_durable = state.writer.is_durable(id);
                let Some(doc) = state.open.get_mut(id) else { continue };
                if doc.is_as_created() {
                    doc.automerge_mut();
                    state.writer.change(*id);
                    is_any_new = true;
                } else if !is_durable && doc.last_record() == 0 {
                    // Nobody hears of a document that may not come to be.
                    is_any_new = true;
                }
            }
            if is_any_new {
                self.flush().await;
            }
        }
    }

    /// The next message about a document, if one is due. It has to be [prepared](Self::prepare).
    ///
    /// # Errors
    /// It is not in memory (any more).
    pub fn sync_message(&self, id: &DocId, sync: &mut sync::State) -> Result<Option<Document>, NotOpen> {
        let mut state = self.state.borrow_mut();
        state.use_open(id);
        let doc = state.open.get(id).filter(|doc| !doc.is_as_created()).ok_or(NotOpen)?;
        let may_be_unknown = sync.their_heads.as_ref().is_none_or(Vec::is_empty);
        Ok(doc.automerge().generate_sync_message(sync).map(|message| Document {
            id: *id,
            header: may_be_unknown.then(|| doc.header.clone()),
            updated_ms: doc.updated_ms,
            sync: message.encode(),
        }))
    }

    /// Before a message about it is [taken in](Self::receive), a document that is here has to be in memory.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn prepare_to_receive(self: &Rc<Self>, id: DocId) -> Result<(), AppError> {
        if self.has(&id) && !self.is_deleted(&id) {
            self.prepare(&[id]).await;
            self.load(id).await?;
        }
        Ok(())
    }

    /// Takes in a message about a document.
    ///
    /// # Errors
    /// It is hostile, or this document cannot be changed.
    pub fn receive(self: &Rc<Self>, message: Document, sync: &mut sync::State) -> Result<Received, ReceiveError> {
        let id = message.id;
        let said = checked(&message.sync)?;
        let mut state = self.state.borrow_mut();
        if state.tombstones.contains(&id) {
            return Ok(Received::Deleted);
        }
        if state.open.len() >= MAX_OPEN + MAX_OPEN / 4 && !state.open.contains_key(&id) {
            // Of others that were told of, nothing may ever come.
            state.close_unused();
        }
        if let Entry::Vacant(place) = state.open.entry(id) {
            if self.index.borrow().get(&id).is_some() {
                return Err(ReceiveError::Document(not_found()));
            }
            let header = message.header;
            // It was told of, and could not be stored.
            let header = header.ok_or_else(|| ReceiveError::Document(not_found()))?;
            place.insert(OpenDoc::received(id, header, &self.actor));
        }
        state.use_open(&id);
        let applied = apply(&mut state, id, said, sync, message.updated_ms, self.platform.unix_ms());
        drop(state);
        self.write();
        applied
    }

    /// A document was deleted on another device.
    pub fn delete_by_peer(self: &Rc<Self>, id: DocId) {
        let mut state = self.state.borrow_mut();
        if state.tombstones.contains(&id) {
            return;
        }
        self.forget_document(&mut state, id);
        state.writer.delete(id, None);
        state.note_news(id);
        drop(state);
        self.write();
    }
}

/// Reads a message of automerge's, and checks all that it could make automerge do.
fn checked(bytes: &[u8]) -> Result<sync::Message, ReceiveError> {
    let message = sync::Message::decode(bytes).map_err(|_| ReceiveError::Hostile("no message of automerge's"))?;
    if message.have.len() > MAX_FILTERS || message.need.len() > MAX_HASHES || message.heads.len() > MAX_HASHES {
        return Err(ReceiveError::Hostile("more than any document accounts for"));
    }
    let mut left = inflated::MAX_INFLATED_BYTES;
    for chunk in message.changes.iter() {
        // What one chunk takes, the next one does not have.
        let taken =
            inflated::measure(chunk, left).map_err(|_| ReceiveError::Hostile("changes that are none, or inflate"))?;
        left -= taken;
    }
    for have in &message.have {
        if !is_sound_filter(&have.bloom.to_bytes()) {
            return Err(ReceiveError::Hostile("a filter that takes for ever"));
        }
    }
    Ok(message)
}

/// Automerge reads how many bits an entry has and how often to look, and believes it.
fn is_sound_filter(filter: &[u8]) -> bool {
    let mut rest = filter;
    let mut number = || leb128::read::unsigned(&mut rest).unwrap_or(u64::MAX);
    filter.is_empty() || {
        let (entries, bits, probes) = (number(), number(), number());
        entries > 0 && (1..=MAX_BITS_AN_ENTRY).contains(&bits) && (1..=MAX_PROBES).contains(&probes)
    }
}

fn apply(
    state: &mut State,
    id: DocId,
    said: sync::Message,
    sync: &mut sync::State,
    updated_ms: i64,
    now_ms: i64,
) -> Result<Received, ReceiveError> {
    let has_views = state.views_of.contains_key(&id);
    let doc = state
        .open
        .get_mut(&id)
        .ok_or_else(|| ReceiveError::Document(not_found()))?;
    if doc.stored_bytes() > change::MAX_STORED_BYTES {
        let full = app_error(ErrorCode::Limit, "the document has reached 12 MiB");
        return Err(ReceiveError::Document(full));
    }
    let is_new = doc.is_unborn();
    let before = doc.automerge().get_heads();
    let mut log = if has_views {
        PatchLog::active()
    } else {
        PatchLog::inactive()
    };
    let received = doc
        .automerge_mut()
        .receive_sync_message_log_patches(sync, said, &mut log);
    let after = doc.automerge().get_heads();
    let missing = doc.automerge().get_missing_deps(&[]).len();
    if received.is_err() || missing > MAX_HASHES {
        // It is read anew when it is next needed, without what waits in it. What is not stored yet stays: automerge refuses changes before it applies any.
        if state.writer.is_durable(&id) || after != before {
            state.open.remove(&id);
        }
        let reason = if received.is_err() {
            "changes that do not apply"
        } else {
            "changes that build on more than any document has"
        };
        return Err(ReceiveError::Hostile(reason));
    }
    let taken = Taken {
        equal: sync.their_heads.as_ref() == Some(&after),
        is_new: after != before,
        waits: missing > 0,
    };
    if !taken.is_new {
        // As long as nothing of it has come, it is in memory only. A document without a content is one, too.
        if is_new && taken.equal {
            state.writer.change(id);
            state.note_news(id);
        }
        return Ok(Received::Taken(taken));
    }
    doc.updated_ms = doc.updated_ms.max(updated_ms.min(now_ms));
    if has_views {
        let patches = doc.patches(&mut log);
        let updated_ms = doc.updated_ms;
        change::tell_foreign(state, id, &before, patches, updated_ms);
    }
    state.writer.change(id);
    state.note_news(id);
    Ok(Received::Taken(taken))
}

#[cfg(test)]
#[path = "sync/tests.rs"]
mod tests;
