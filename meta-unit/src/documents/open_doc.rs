//! A document in memory: its automerge document, what of it is stored, and what each session has had applied.

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, ChangeHash, LoadOptions, PatchLog, ROOT, ReadDoc, TextEncoding, VerificationMode};
use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::{ChangeInfo, Edit, MapValue, PathStep};
use prost::Message;

use super::edits::{self, EditError};
use super::inflated;
use crate::data::records;
use crate::index::{DocId, IndexRow, project};

/// A client session.
pub type Session = [u8; 16];

/// Sessions whose last change number is kept: the most recent ones. One that comes back after so many others cannot re-send.
const MAX_SESSIONS: usize = 64;

/// Chunks are merged into a snapshot when they hold so many bytes and more than the snapshot, or are so many.
const COMPACT_FROM_BYTES: usize = 64 * 1024;
const COMPACT_FROM_CHUNKS: usize = 512;

/// In a quiet moment, chunks are merged when they are so many or hold so many bytes.
const SCATTERED_FROM_CHUNKS: usize = 16;
const SCATTERED_FROM_BYTES: usize = 8 * 1024;

/// Does not change in a document's life.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// What kind of thing it is.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// The owner's DID.
    #[prost(string, tag = "2")]
    pub owner: String,
    /// Milliseconds since the Unix epoch.
    #[prost(sint64, tag = "3")]
    pub created_ms: i64,
}

/// The content of a document's record: all changes so far, or those since the record before.
#[derive(Clone, PartialEq, Message)]
struct Chunk {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(bytes = "vec", tag = "2")]
    changes: Vec<u8>,
    #[prost(sint64, tag = "3")]
    updated_ms: i64,
    #[prost(message, repeated, tag = "4")]
    applied: Vec<Applied>,
}

#[derive(Clone, PartialEq, Message)]
struct Applied {
    #[prost(bytes = "vec", tag = "1")]
    session: Vec<u8>,
    #[prost(uint64, tag = "2")]
    seq: u64,
}

/// Why a stored document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Corrupt {
    /// A record's envelope.
    #[error(transparent)]
    Record(#[from] records::RecordError),
    /// A record's content.
    #[error("a record is no chunk: {0}")]
    Chunk(#[from] prost::DecodeError),
    /// The changes.
    #[error("the changes do not load: {0}")]
    Changes(#[from] automerge::AutomergeError),
    /// What loading would do to this node.
    #[error(transparent)]
    Unfit(#[from] inflated::Unfit),
    /// The changes build on others that are missing.
    #[error("changes are missing")]
    Gap,
    /// The first record is missing.
    #[error("its first record is missing")]
    Beginning,
}

/// See the module's documentation.
pub struct OpenDoc {
    /// Its id.
    pub id: DocId,
    /// What does not change.
    pub header: Header,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// The document itself.
    pub automerge: Automerge,
    /// When it was last used, by the count of uses of all documents.
    pub last_use: u64,
    /// Last change number by session, the most recent session last.
    applied: Vec<(Session, u64)>,
    stored: Stored,
    wants_snapshot: bool,
}

/// What the records hold, those in flight included.
#[derive(Clone, Debug, Default)]
struct Stored {
    heads: Vec<ChangeHash>,
    next_chunk: u64,
    chunks: usize,
    chunk_bytes: usize,
    snapshot_bytes: usize,
}

/// A record for the next batch.
pub struct Save {
    /// The record's number, in the order of the document's records.
    pub number: u64,
    /// The record.
    pub record: Vec<u8>,
    /// It holds everything: those before it can go.
    pub is_snapshot: bool,
    before: Stored,
}

impl OpenDoc {
    /// A new document.
    pub fn create(
        id: DocId,
        header: Header,
        content: &MapValue,
        actor: &ActorId,
        session: Session,
    ) -> Result<Self, EditError> {
        let mut automerge = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit).with_actor(actor.clone());
        let mut tx = automerge.transaction();
        edits::fill_root(&mut tx, content)?;
        tx.commit_with(CommitOptions::default().with_time(header.created_ms / 1000));
        let updated_ms = header.created_ms;
        Ok(Self {
            id,
            header,
            updated_ms,
            automerge,
            last_use: 0,
            applied: vec![(session, 0)],
            stored: Stored::default(),
            wants_snapshot: false,
        })
    }

    /// A document from its records, in the order of their numbers.
    pub fn load<'a>(
        id: DocId,
        stored_records: impl IntoIterator<Item = (u64, &'a [u8])>,
        actor: &ActorId,
    ) -> Result<Self, Corrupt> {
        let (mut header, mut changes, mut updated_ms) = (None, Vec::new(), 0);
        let mut stored = Stored::default();
        let mut applied = Vec::new();
        for (number, record) in stored_records {
            let chunk = Chunk::decode(records::open(record)?)?;
            match chunk.header {
                Some(found) => {
                    header = Some(found);
                    stored.snapshot_bytes = chunk.changes.len();
                }
                None if header.is_none() => return Err(Corrupt::Beginning),
                None => {
                    stored.chunks += 1;
                    stored.chunk_bytes += chunk.changes.len();
                }
            }
            stored.next_chunk = number + 1;
            changes.extend_from_slice(&chunk.changes);
            updated_ms = chunk.updated_ms;
            for Applied { session, seq } in chunk.applied {
                if let Ok(session) = Session::try_from(session) {
                    note_applied(&mut applied, session, seq);
                }
            }
        }
        let header = header.ok_or(Corrupt::Beginning)?;
        inflated::check(&changes, inflated::MAX_INFLATED_BYTES)?;
        // The records' checksums have shown that these are the bytes that automerge gave.
        let options = LoadOptions::new()
            .verification_mode(VerificationMode::DontCheck)
            .text_encoding(TextEncoding::Utf16CodeUnit);
        let automerge = Automerge::load_with_options(&changes, options)?.with_actor(actor.clone());
        // Automerge keeps changes whose past it does not know aside, in silence.
        if !automerge.get_missing_deps(&[]).is_empty() {
            return Err(Corrupt::Gap);
        }
        stored.heads = automerge.get_heads();
        Ok(Self {
            id,
            header,
            updated_ms,
            automerge,
            last_use: 0,
            applied,
            stored,
            wants_snapshot: false,
        })
    }

    /// The last change number of a session that the document holds; None if the session never changed it.
    pub fn applied_seq(&self, session: &Session) -> Option<u64> {
        self.applied
            .iter()
            .rev()
            .find(|(known, _)| known == session)
            .map(|(_, seq)| *seq)
    }

    /// A session's change is in.
    pub fn note_applied(&mut self, session: Session, seq: u64, now_ms: i64) {
        note_applied(&mut self.applied, session, seq);
        self.updated_ms = now_ms;
    }

    /// The record for what is not stored yet, which from here on counts as stored.
    pub fn save(&mut self) -> Save {
        let before = self.stored.clone();
        let is_first = before.next_chunk == 0;
        let is_snapshot = is_first
            || std::mem::take(&mut self.wants_snapshot)
            || before.chunks >= COMPACT_FROM_CHUNKS
            || before.chunk_bytes > COMPACT_FROM_BYTES.max(before.snapshot_bytes);
        let changes = match (is_first, is_snapshot) {
            // A new document is one or a few changes: as they are, they are written sooner than compressed.
            (true, _) => self.automerge.save_after(&[]),
            (false, true) => self.automerge.save(),
            (false, false) => self.automerge.save_after(&before.heads),
        };
        self.stored.heads = self.automerge.get_heads();
        self.stored.next_chunk += 1;
        if is_snapshot {
            self.stored.snapshot_bytes = changes.len();
            (self.stored.chunks, self.stored.chunk_bytes) = (0, 0);
        } else {
            self.stored.chunks += 1;
            self.stored.chunk_bytes += changes.len();
        }
        let chunk = Chunk {
            header: is_snapshot.then(|| self.header.clone()),
            changes,
            updated_ms: self.updated_ms,
            applied: self
                .applied
                .iter()
                .map(|(session, seq)| Applied {
                    session: session.to_vec(),
                    seq: *seq,
                })
                .collect(),
        };
        Save {
            number: before.next_chunk,
            record: records::seal(&chunk.encode_to_vec()),
            is_snapshot,
            before,
        }
    }

    /// The next record is to hold everything.
    pub fn request_snapshot(&mut self) {
        self.wants_snapshot = true;
    }

    /// Whether more than one record is stored.
    pub fn has_chunks(&self) -> bool {
        self.stored.chunks > 0
    }

    /// Whether its records are so many, or hold so much more than a snapshot would, that it opens slowly.
    pub fn is_scattered(&self) -> bool {
        self.stored.chunks >= SCATTERED_FROM_CHUNKS || self.stored.chunk_bytes > SCATTERED_FROM_BYTES
    }

    /// What its records hold, in bytes.
    pub fn stored_bytes(&self) -> usize {
        self.stored.snapshot_bytes + self.stored.chunk_bytes
    }

    /// The memory that it takes, in bytes, roughly.
    pub fn memory_bytes(&self) -> usize {
        let stats = self.automerge.stats();
        16 * 1024 + stats.num_ops as usize * 24 + stats.num_changes as usize * 160
    }

    /// The batch with this record failed.
    pub fn save_failed(&mut self, save: Save) {
        let next_chunk = self.stored.next_chunk;
        // The number stays used: a host may have stored more than it says.
        self.stored = Stored {
            next_chunk: if save.number == 0 { 0 } else { next_chunk },
            ..save.before
        };
    }

    /// The heads after its creation, and what leads from its content then, which had these keys, to the content now. None if there was no change since.
    pub fn since_creation(&self, keys: Vec<String>) -> Option<(Vec<ChangeHash>, Vec<Edit>)> {
        if self.automerge.stats().num_changes <= 1 {
            return None;
        }
        let created = self.automerge.get_changes_meta(&[]).first()?.hash;
        let gone = keys
            .into_iter()
            .filter(|key| !matches!(self.automerge.get(ROOT, key), Ok(Some(_))));
        let mut edits: Vec<Edit> = gone
            .map(|key| Edit {
                path: vec![PathStep {
                    step: Some(Step::Key(key)),
                }],
                op: Some(Op::Delete(1)),
            })
            .collect();
        // From nothing: every key is put anew.
        edits.extend(self.diff(&[], &self.automerge.get_heads()));
        Some((vec![created], edits))
    }

    /// Whether no record of it is stored or in flight.
    pub fn is_unborn(&self) -> bool {
        self.stored.next_chunk == 0
    }

    /// Its row for the index.
    pub fn row(&self) -> IndexRow {
        IndexRow {
            id: self.id,
            type_name: self.header.type_name.clone(),
            created_ms: self.header.created_ms,
            updated_ms: self.updated_ms,
            fields: project(&self.automerge),
        }
    }

    /// Its heads, as the contract tells them.
    pub fn heads(&self) -> Vec<Vec<u8>> {
        self.automerge
            .get_heads()
            .iter()
            .map(|hash| hash.as_ref().to_vec())
            .collect()
    }

    /// A page of its history, newest first, and how many changes there are.
    pub fn history(&self, offset: usize, limit: usize) -> (Vec<ChangeInfo>, usize) {
        let changes = self.automerge.get_changes_meta(&[]);
        let total = changes.len();
        let page = changes.iter().rev().skip(offset).take(limit).map(|change| {
            let hash = change.hash.as_ref().to_vec();
            ChangeInfo {
                heads: vec![hash.clone()],
                hash,
                actor: change.actor.to_bytes().to_vec(),
                seq: change.seq,
                time_ms: change.timestamp.saturating_mul(1000),
                message: change.message.as_deref().unwrap_or_default().to_owned(),
                ops: (change.max_op + 1 - change.start_op) as u32,
            }
        });
        (page.collect(), total)
    }

    /// The patches from one state to another.
    pub fn diff(&self, before: &[ChangeHash], after: &[ChangeHash]) -> Vec<Edit> {
        super::patches::to_edits(&self.automerge, self.automerge.diff(before, after))
    }

    /// The patches of a log that a transaction filled.
    pub fn patches(&self, log: &mut PatchLog) -> Vec<Edit> {
        super::patches::to_edits(&self.automerge, self.automerge.make_patches(log))
    }
}

fn note_applied(applied: &mut Vec<(Session, u64)>, session: Session, seq: u64) {
    match applied.last_mut() {
        // Nearly always: the session that changed it last.
        Some((last, last_seq)) if *last == session => *last_seq = seq,
        _ => {
            applied.retain(|(known, _)| *known != session);
            applied.push((session, seq));
            if applied.len() > MAX_SESSIONS {
                applied.remove(0);
            }
        }
    }
}
