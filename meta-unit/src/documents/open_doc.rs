//! A document in memory: its automerge document (once somebody asks for it), what of it is stored, and what each session has had applied.

use std::cell::OnceCell;

use automerge::{
    ActorId, Automerge, ChangeHash, LoadOptions, PatchLog, ROOT, ReadDoc, SaveOptions, TextEncoding, VerificationMode,
};
// Devices tell it to each other as it is stored.
pub use avatar_peers::message::Header;
use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::{ChangeInfo, Edit, MapValue, PathStep, SnapshotPage};
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::birth::Birth;
use super::edits::EditError;
use super::{inflated, snapshot};
use crate::data::records;
use crate::index::{Digest, DocId, IndexRow, Version, project};

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

/// The content of a document's record: its birth, all changes so far, or those since the record before.
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
    /// Nothing has happened since; there are no changes then, and no further record.
    #[prost(message, optional, tag = "5")]
    birth: Option<Birth>,
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
    /// What it was created with.
    #[error("it was created with what no document can hold: {0}")]
    Birth(#[from] EditError),
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
    body: Body,
    /// When it was last used, by the count of uses of all documents.
    pub last_use: u64,
    /// Last change number by session, the most recent session last.
    applied: Vec<(Session, u64)>,
    stored: Stored,
    wants_snapshot: bool,
}

enum Body {
    /// Nothing has happened since its birth.
    Born {
        birth: Birth,
        /// Who changes it next.
        actor: ActorId,
        /// Made when somebody asks for it.
        document: OnceCell<Automerge>,
    },
    Changed(Automerge),
}

impl Body {
    fn born(birth: Birth, actor: &ActorId) -> Self {
        Self::Born {
            birth,
            actor: actor.clone(),
            document: OnceCell::new(),
        }
    }
}

/// What the records hold, those in flight included.
#[derive(Clone, Debug, Default)]
struct Stored {
    heads: Vec<ChangeHash>,
    next_chunk: u64,
    chunks: usize,
    chunk_bytes: usize,
    snapshot_bytes: usize,
    /// The only record is its birth, which changes cannot follow.
    is_birth: bool,
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
    ///
    /// # Errors
    /// No document can hold this content.
    pub fn create(
        id: DocId,
        header: Header,
        content: MapValue,
        actor: &ActorId,
        session: Session,
    ) -> Result<Self, EditError> {
        Ok(Self {
            id,
            updated_ms: header.created_ms,
            header,
            body: Body::born(Birth::new(content, actor)?, actor),
            last_use: 0,
            applied: vec![(session, 0)],
            stored: Stored::default(),
            wants_snapshot: false,
        })
    }

    /// A document of another device, of which nothing has come yet but what does not change.
    pub fn received(id: DocId, header: Header, actor: &ActorId) -> Self {
        let automerge = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit).with_actor(actor.clone());
        Self {
            id,
            updated_ms: header.created_ms,
            header,
            body: Body::Changed(automerge),
            last_use: 0,
            applied: Vec::new(),
            stored: Stored::default(),
            wants_snapshot: false,
        }
    }

    /// A document from its records, in the order of their numbers.
    ///
    /// # Errors
    /// The records are not what was stored.
    pub fn load<'a>(
        id: DocId,
        stored_records: impl IntoIterator<Item = (u64, &'a [u8])>,
        actor: &ActorId,
    ) -> Result<Self, Corrupt> {
        let (mut header, mut birth, mut changes, mut updated_ms) = (None, None, Vec::new(), 0);
        let mut stored = Stored::default();
        let mut applied = Vec::new();
        for (number, record) in stored_records {
            let chunk = Chunk::decode(records::open(record)?)?;
            match chunk.header {
                Some(found) => {
                    header = Some(found);
                    birth = chunk.birth;
                    stored.snapshot_bytes = record.len();
                }
                None if header.is_none() => return Err(Corrupt::Beginning),
                None if birth.is_some() => return Err(Corrupt::Gap),
                None => {
                    stored.chunks += 1;
                    stored.chunk_bytes += record.len();
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
        let body = match birth {
            Some(birth) => {
                birth.check()?;
                stored.is_birth = true;
                Body::born(birth, actor)
            }
            None => {
                let automerge = load(&changes)?.with_actor(actor.clone());
                stored.heads = automerge.get_heads();
                Body::Changed(automerge)
            }
        };
        Ok(Self {
            id,
            header,
            updated_ms,
            body,
            last_use: 0,
            applied,
            stored,
            wants_snapshot: false,
        })
    }

    /// The document itself. Making it from its birth takes a while.
    pub fn automerge(&self) -> &Automerge {
        match &self.body {
            Body::Born { birth, actor, document } => {
                document.get_or_init(|| birth.document(self.header.created_ms).with_actor(actor.clone()))
            }
            Body::Changed(automerge) => automerge,
        }
    }

    /// The document itself, which is going to change.
    pub fn automerge_mut(&mut self) -> &mut Automerge {
        let created_ms = self.header.created_ms;
        if let Body::Born { birth, actor, document } = &mut self.body {
            let document = document
                .take()
                .unwrap_or_else(|| birth.document(created_ms).with_actor(actor.clone()));
            self.body = Body::Changed(document);
        }
        match &mut self.body {
            Body::Changed(automerge) => automerge,
            Body::Born { .. } => unreachable!("it was changed above"),
        }
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
            || before.is_birth
            || std::mem::take(&mut self.wants_snapshot)
            || before.chunks >= COMPACT_FROM_CHUNKS
            || before.chunk_bytes > COMPACT_FROM_BYTES.max(before.snapshot_bytes);
        let mut chunk = Chunk {
            header: is_snapshot.then(|| self.header.clone()),
            changes: Vec::new(),
            updated_ms: self.updated_ms,
            applied: self
                .applied
                .iter()
                .map(|(session, seq)| Applied {
                    session: session.to_vec(),
                    seq: *seq,
                })
                .collect(),
            birth: None,
        };
        let record = match &mut self.body {
            Body::Born { birth, .. } => {
                // Lent for the encoding: a content may be large.
                chunk.birth = Some(std::mem::take(birth));
                let record = seal(&chunk);
                *birth = chunk.birth.take().unwrap_or_default();
                record
            }
            Body::Changed(automerge) => {
                chunk.changes = match is_snapshot {
                    // A new document is one or a few changes: as they are, they are written sooner than compressed.
                    true if is_first || before.is_birth => automerge.save_after(&[]),
                    // Changes whose past has not come yet are not its own, and no record can hold them.
                    true => automerge.save_with_options(SaveOptions {
                        retain_orphans: false,
                        ..SaveOptions::default()
                    }),
                    false => automerge.save_after(&before.heads),
                };
                self.stored.heads = automerge.get_heads();
                seal(&chunk)
            }
        };
        self.stored.is_birth = matches!(self.body, Body::Born { .. });
        self.stored.next_chunk += 1;
        if is_snapshot {
            self.stored.snapshot_bytes = record.len();
            (self.stored.chunks, self.stored.chunk_bytes) = (0, 0);
        } else {
            self.stored.chunks += 1;
            self.stored.chunk_bytes += record.len();
        }
        Save {
            number: before.next_chunk,
            record,
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
        let automerge = match &self.body {
            Body::Born { document, .. } => match document.get() {
                None => return 1024 + self.stored.snapshot_bytes,
                Some(document) => document,
            },
            Body::Changed(automerge) => automerge,
        };
        let stats = automerge.stats();
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
        let Body::Changed(automerge) = &self.body else {
            return None;
        };
        let changes = automerge.get_changes_meta(&[]);
        // Without any content, no change made it.
        let created = if keys.is_empty() {
            Vec::new()
        } else {
            vec![changes.first()?.hash]
        };
        if changes.len() == created.len() {
            return None;
        }
        let gone = keys
            .into_iter()
            .filter(|key| !matches!(automerge.get(ROOT, key), Ok(Some(_))));
        let mut edits: Vec<Edit> = gone
            .map(|key| Edit {
                path: vec![PathStep {
                    step: Some(Step::Key(key)),
                }],
                op: Some(Op::Delete(1)),
            })
            .collect();
        // From nothing: every key is put anew.
        edits.extend(self.diff(&[], &automerge.get_heads()));
        Some((created, edits))
    }

    /// Whether nothing has happened to it since it was created.
    pub fn is_as_created(&self) -> bool {
        matches!(self.body, Body::Born { .. })
    }

    /// The number of its newest record.
    pub fn last_record(&self) -> u64 {
        self.stored.next_chunk.saturating_sub(1)
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
            fields: match &self.body {
                Body::Born { birth, .. } => birth.fields(),
                Body::Changed(automerge) => project(automerge),
            },
            version: Version {
                last_record: self.last_record(),
                digest: self.digest(),
            },
        }
    }

    /// Stands for its changes: the same on all devices that have the same. None while it is as it was created: its changes are not made yet.
    fn digest(&self) -> Option<Digest> {
        match &self.body {
            Body::Born { .. } => None,
            Body::Changed(automerge) => Some(digest_of(&automerge.get_heads())),
        }
    }

    /// Hands the pages of its snapshot to `page`.
    pub fn pages(&self, page: &mut dyn FnMut(SnapshotPage)) {
        match &self.body {
            Body::Born { birth, .. } => birth.pages(page),
            Body::Changed(automerge) => snapshot::pages(automerge, None, page),
        }
    }

    /// Its heads, as the contract tells them; none before the document was made from its birth.
    pub fn heads(&self) -> Vec<Vec<u8>> {
        if let Body::Born { document, .. } = &self.body
            && document.get().is_none()
        {
            return Vec::new();
        }
        self.automerge()
            .get_heads()
            .iter()
            .map(|hash| hash.as_ref().to_vec())
            .collect()
    }

    /// A page of its history, newest first, and how many changes there are.
    pub fn history(&self, offset: usize, limit: usize) -> (Vec<ChangeInfo>, usize) {
        let changes = self.automerge().get_changes_meta(&[]);
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
        super::patches::to_edits(self.automerge(), self.automerge().diff(before, after))
    }

    /// The patches of a log that a transaction filled.
    pub fn patches(&self, log: &mut PatchLog) -> Vec<Edit> {
        super::patches::to_edits(self.automerge(), self.automerge().make_patches(log))
    }
}

/// Stands for the changes that lead to these heads, which are in order.
pub fn digest_of(heads: &[ChangeHash]) -> Digest {
    let mut hash = Sha256::new();
    for head in heads {
        hash.update(head.as_ref());
    }
    let hash = hash.finalize();
    std::array::from_fn(|at| hash[at])
}

fn seal(chunk: &Chunk) -> Vec<u8> {
    records::seal(&chunk.encode_to_vec())
}

/// The document that stored changes make.
fn load(changes: &[u8]) -> Result<Automerge, Corrupt> {
    inflated::check(changes, inflated::MAX_INFLATED_BYTES)?;
    // The records' checksums have shown that these are the bytes that automerge gave.
    let options = LoadOptions::new()
        .verification_mode(VerificationMode::DontCheck)
        .text_encoding(TextEncoding::Utf16CodeUnit);
    let automerge = Automerge::load_with_options(changes, options)?;
    // Automerge keeps changes whose past it does not know aside, in silence.
    if !automerge.get_missing_deps(&[]).is_empty() {
        return Err(Corrupt::Gap);
    }
    Ok(automerge)
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
