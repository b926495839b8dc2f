//! A client as the facade is one: it keeps a value for each open document by snapshot and events only, numbers its changes, and sends again what was not answered.

use std::collections::{BTreeMap, VecDeque};

use avatar_proto::doc_change::Change;
use avatar_proto::doc_event::Event;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind;
use avatar_proto::{
    Compact, DocChange, DocCreate, DocDelete, DocEvent, DocHistory, DocOpen, DocOpened, Edit, EditList, ErrorCode,
    IndexRebuild, MapValue, Message, Query, QueryRun, QuerySubscribe, Request, Row, SnapshotPage, StatusGet, Token,
    Value,
};

use crate::boundary::Answered;
use crate::random::Dice;
use crate::rows;
use crate::truth::{Bounds, DocId, Document, Progress, Truth};
use crate::value::{self, apply};
use crate::violation::{Broken, hold};
use crate::workload;

/// Changes of one document that wait for their answers, at most.
const MAX_UNANSWERED: usize = 4;

/// Documents of one unit, at most, dead ones not counted.
const MAX_DOCUMENTS: usize = 24;

/// Marks in one log, at most: the index holds no longer lists.
const MAX_MARKS: usize = 200;

/// What a request is for.
#[derive(Clone, Debug)]
pub enum Call {
    /// A new document.
    Create(DocId),
    /// A view.
    Open(DocId),
    /// The change with this last number.
    Change(DocId, u64),
    /// A deletion.
    Delete(DocId),
    /// A query, and what was promised when it was sent.
    Query(Query, Bounds),
    /// The live query.
    Subscribe,
    /// Anything that is answered once, with whatever.
    Other,
    /// Bytes that are no request.
    Garbage,
}

impl Call {
    fn is_same_view(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Create(id) | Self::Open(id), Self::Create(other) | Self::Open(other)) => id == other,
            _ => false,
        }
    }
}

/// A request to send.
#[derive(Debug)]
pub struct Sending {
    /// What it is for.
    pub call: Call,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Nobody will wait for it.
    pub is_cancelled: bool,
}

impl Sending {
    /// A request.
    pub fn new(call: Call, ask: Ask) -> Self {
        let bytes = Request { request: Some(ask) }.encode_to_vec();
        let is_cancelled = false;
        Self {
            call,
            bytes,
            is_cancelled,
        }
    }
}

/// A change that is not answered.
#[derive(Clone, Debug)]
struct Sent {
    change: Change,
    edits: Vec<Edit>,
    mark: Option<i64>,
    /// The document may not be what it was made for any more.
    is_uncertain: bool,
}

/// One document as the client has it.
#[derive(Debug, Default)]
struct Replica {
    /// The request that is the view, once it was sent.
    request: Option<i64>,
    /// The view's number, once it is open.
    view: Option<u64>,
    tokens: Vec<Token>,
    /// What the client has heard; None until the snapshot is complete.
    heard: Option<Value>,
    version: u64,
    last_seq: u64,
    /// Changes whose events have not come, by their last number.
    unheard: VecDeque<(u64, Vec<Edit>)>,
    /// Changes whose answers have not come, by their last number.
    unanswered: BTreeMap<u64, Sent>,
}

impl Replica {
    /// What the client shows: what it has heard, and what it did since.
    fn shown(&self) -> Option<Value> {
        let mut shown = self.heard.clone()?;
        for edit in self.unheard.iter().flat_map(|(_, edits)| edits) {
            apply(&mut shown, edit)?;
        }
        Some(shown)
    }

    fn close(&mut self) {
        (self.request, self.view, self.heard, self.version) = (None, None, None, 0);
        self.tokens.clear();
        self.unheard.clear();
    }

    fn request_for(&self, seq: u64, sent: &Sent) -> Ask {
        let numbers = match &sent.change {
            Change::Run(run) => run.indexes.len() as u64,
            _ => 1,
        };
        Ask::DocChange(DocChange {
            view: self.view.unwrap_or_default(),
            change_seq: seq + 1 - numbers,
            seen_version: self.version,
            change: Some(sent.change.clone()),
            message: String::new(),
        })
    }
}

#[derive(Debug)]
struct LiveQuery {
    request: i64,
    query: Query,
    rows: Vec<Row>,
    is_complete: bool,
}

/// See the module's documentation.
pub struct Client {
    /// Its number among all clients.
    pub number: usize,
    session: [u8; 16],
    dice: Dice,
    replicas: BTreeMap<DocId, Replica>,
    calls: BTreeMap<i64, Call>,
    live: Option<LiveQuery>,
    marks: i64,
    /// What has to be sent once more, after a while.
    again: Vec<Call>,
    /// Requests that the client gives up.
    to_cancel: Vec<i64>,
}

impl Client {
    /// A client that knows nothing yet.
    pub fn new(number: usize, mut dice: Dice) -> Self {
        Self {
            number,
            session: dice.bytes(),
            dice,
            replicas: BTreeMap::new(),
            calls: BTreeMap::new(),
            live: None,
            marks: 0,
            again: Vec::new(),
            to_cancel: Vec::new(),
        }
    }

    /// When it acts next, in microseconds from now: at once in the midst of work, or after a pause.
    pub fn pause_us(&mut self) -> u64 {
        if self.dice.chance(920) {
            self.dice.between(500, 400_000)
        } else {
            self.dice.between(5_000_000, 400_000_000)
        }
    }

    /// Whether everything that it asked is answered. Views and the live query stay open.
    pub fn is_quiet(&self) -> bool {
        self.again.is_empty()
            && self
                .replicas
                .values()
                .all(|replica| replica.unanswered.is_empty() && replica.unheard.is_empty())
            && self.calls.iter().all(|(req, call)| match call {
                Call::Open(id) | Call::Create(id) => {
                    let replica = &self.replicas[id];
                    replica.request == Some(*req) && replica.heard.is_some()
                }
                Call::Subscribe => self.live.as_ref().is_some_and(|live| live.is_complete),
                _ => false,
            })
    }

    /// What waits, in words.
    pub fn describe(&self) -> String {
        let unanswered = self
            .replicas
            .iter()
            .filter(|(_, replica)| !replica.unanswered.is_empty());
        let unanswered: Vec<_> = unanswered
            .map(|(id, replica)| (id, &replica.unanswered, &replica.unheard))
            .collect();
        format!(
            "calls {:?}, again {:?}, changes {unanswered:02x?}",
            self.calls, self.again
        )
    }

    /// How many views it has open.
    pub fn views(&self) -> usize {
        self.replicas.values().filter(|replica| replica.view.is_some()).count()
    }

    /// The values of its open documents.
    pub fn values(&self) -> impl Iterator<Item = (&DocId, &Value)> {
        self.replicas
            .iter()
            .filter_map(|(id, replica)| Some((id, replica.heard.as_ref()?)))
    }

    /// Its live query with the rows that it has, as far as it is there.
    pub fn live(&self) -> Option<(&Query, &[Row])> {
        let live = self.live.as_ref().filter(|live| live.is_complete)?;
        Some((&live.query, &live.rows))
    }

    /// Whether it waits for answers to the request of this number.
    pub fn has_call(&self, req: i64) -> bool {
        self.calls.contains_key(&req)
    }

    /// A request was taken, under this number.
    pub fn sent(&mut self, req: i64, call: Call) {
        match &call {
            Call::Open(id) | Call::Create(id) => self.replicas.entry(*id).or_default().request = Some(req),
            Call::Subscribe => {
                if let Some(live) = &mut self.live {
                    live.request = req;
                }
            }
            _ => {}
        }
        self.calls.insert(req, call);
    }

    /// One thing that the client does of its own accord: what to send.
    pub fn act(&mut self, truth: &mut Truth) -> Option<Sending> {
        let mut sending = match self.dice.below(100) {
            0..12 => self.create(truth),
            12..22 => self.open(truth),
            22..72 => self.change(truth),
            72..76 => self.delete(truth),
            76..88 => Some(self.query(truth)),
            88..91 => self.subscribe(),
            91 => Some(Sending::new(Call::Other, Ask::StatusGet(StatusGet {}))),
            92 => self.history(truth),
            93 => Some(self.garbage()),
            94 => Some(Sending::new(Call::Other, Ask::Compact(Compact {}))),
            95 => Some(Sending::new(Call::Other, Ask::IndexRebuild(IndexRebuild {}))),
            _ => None,
        }?;
        sending.is_cancelled = self.dice.chance(15) && !matches!(sending.call, Call::Garbage);
        Some(sending)
    }

    /// The request of a view that the client closes now, if it has one to close.
    pub fn close_view(&mut self) -> Option<i64> {
        let mut views = self.replicas.values_mut();
        let replica = views
            .find(|replica| replica.heard.is_some() && replica.unanswered.is_empty() && replica.unheard.is_empty())?;
        let request = replica.request;
        replica.close();
        request
    }

    fn create(&mut self, truth: &mut Truth) -> Option<Sending> {
        if truth
            .documents
            .values()
            .filter(|document| document.death != Progress::Promised)
            .count()
            >= MAX_DOCUMENTS
        {
            return None;
        }
        let id: DocId = self.dice.bytes();
        let document = Document::new(
            workload::type_name(&mut self.dice),
            self.number,
            self.dice.chance(300),
            workload::content(&mut self.dice),
        );
        truth.documents.insert(id, document);
        self.replicas.insert(id, Replica::default());
        self.again(Call::Create(id), truth)
    }

    fn open(&mut self, truth: &Truth) -> Option<Sending> {
        let closed: Vec<DocId> = truth
            .alive()
            .map(|(id, _)| *id)
            .filter(|id| self.replicas.get(id).is_none_or(|replica| replica.request.is_none()))
            .collect();
        if closed.is_empty() {
            return None;
        }
        let id = *self.dice.pick(&closed);
        self.again(Call::Open(id), truth)
    }

    fn change(&mut self, truth: &mut Truth) -> Option<Sending> {
        let open: Vec<DocId> = self
            .replicas
            .iter()
            .filter(|(id, replica)| {
                let mut unanswered = replica.unanswered.values();
                let is_free = unanswered.all(|sent| !sent.is_uncertain && !is_revert(&sent.change));
                replica.heard.is_some()
                    && is_free
                    && replica.unanswered.len() < MAX_UNANSWERED
                    && truth.documents.get(*id).is_some_and(|document| {
                        let is_mine = document.is_shared || document.writer == self.number;
                        document.death == Progress::Unasked && is_mine && document.marks.len() < MAX_MARKS
                    })
            })
            .map(|(id, _)| *id)
            .collect();
        if open.is_empty() {
            return None;
        }
        let id = *self.dice.pick(&open);
        let document = truth.documents.get_mut(&id)?;
        let replica = self.replicas.get_mut(&id)?;
        let shown = replica.shown()?;
        let is_alone = !document.is_shared && replica.unanswered.is_empty() && replica.unheard.is_empty();
        let mut mark = None;
        let (change, edits, numbers) = match self.dice.below(10) {
            0 if is_alone => (Change::Undo(true), Vec::new(), 1),
            1 if is_alone => (Change::Redo(true), Vec::new(), 1),
            2 | 3 if !document.is_shared => {
                let (run, edits) = workload::run(&mut self.dice, &shown);
                let numbers = edits.len() as u64;
                (Change::Run(run), edits, numbers)
            }
            _ => {
                let mut edits = workload::edits(&mut self.dice, &shown);
                if document.is_shared {
                    self.marks += 1;
                    let number = (self.number as i64) << 32 | self.marks;
                    document.marks.insert(number, Progress::Asked);
                    edits.push(workload::mark(number));
                    mark = Some(number);
                }
                (Change::Edits(EditList { edits: edits.clone() }), edits, 1)
            }
        };
        if !document.is_shared {
            note_states(document, &change, &edits);
        }
        replica.last_seq += numbers;
        let seq = replica.last_seq;
        replica.unheard.push_back((seq, edits.clone()));
        let sent = Sent {
            change,
            edits,
            mark,
            is_uncertain: false,
        };
        let ask = replica.request_for(seq, &sent);
        replica.unanswered.insert(seq, sent);
        Some(Sending::new(Call::Change(id, seq), ask))
    }

    fn delete(&mut self, truth: &mut Truth) -> Option<Sending> {
        let alive: Vec<DocId> = truth.alive().map(|(id, _)| *id).collect();
        if alive.is_empty() {
            return None;
        }
        let id = *self.dice.pick(&alive);
        truth.documents.get_mut(&id)?.death = Progress::Asked;
        self.again(Call::Delete(id), truth)
    }

    fn query(&mut self, truth: &Truth) -> Sending {
        let query = workload::query(&mut self.dice, false);
        let ask = Ask::QueryRun(QueryRun {
            query: Some(query.clone()),
        });
        Sending::new(Call::Query(query, truth.bounds()), ask)
    }

    fn subscribe(&mut self) -> Option<Sending> {
        if self.live.is_some() {
            return None;
        }
        let query = workload::query(&mut self.dice, true);
        let ask = Ask::QuerySubscribe(QuerySubscribe {
            query: Some(query.clone()),
        });
        self.live = Some(LiveQuery {
            request: 0,
            query,
            rows: Vec::new(),
            is_complete: false,
        });
        Some(Sending::new(Call::Subscribe, ask))
    }

    fn history(&mut self, truth: &Truth) -> Option<Sending> {
        let (id, _) = truth.alive().next()?;
        let document_id = id.to_vec();
        Some(Sending::new(
            Call::Other,
            Ask::DocHistory(DocHistory {
                document_id,
                limit: self.dice.below(5) as u32,
                offset: self.dice.below(3) as u32,
            }),
        ))
    }

    fn garbage(&mut self) -> Sending {
        let mut bytes = vec![0; self.dice.between(1, 40) as usize];
        self.dice.fill(&mut bytes);
        // A field of a wire type that does not exist: whatever follows, it is no message.
        bytes[0] |= 7;
        Sending {
            call: Call::Garbage,
            bytes,
            is_cancelled: false,
        }
    }

    /// The request of a call, made anew.
    fn again(&self, call: Call, truth: &Truth) -> Option<Sending> {
        let session = self.session.to_vec();
        let ask = match &call {
            Call::Create(id) => {
                let document = truth.documents.get(id)?;
                Ask::DocCreate(DocCreate {
                    document_id: id.to_vec(),
                    session,
                    r#type: document.type_name.clone(),
                    content: document.states.first()?.as_ref().and_then(map_of).cloned(),
                    detached: false,
                })
            }
            Call::Open(id) => Ask::DocOpen(DocOpen {
                document_id: id.to_vec(),
                session,
            }),
            Call::Change(id, seq) => {
                let replica = self.replicas.get(id)?;
                replica.request_for(*seq, replica.unanswered.get(seq)?)
            }
            Call::Delete(id) => Ask::DocDelete(DocDelete {
                document_id: id.to_vec(),
            }),
            Call::Query(..) | Call::Subscribe | Call::Other | Call::Garbage => return None,
        };
        Some(Sending::new(call, ask))
    }

    /// What has to be sent once more.
    pub fn retry(&mut self, truth: &Truth) -> Vec<Sending> {
        let calls = std::mem::take(&mut self.again);
        let (ready, waiting): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| match call {
            // Until the view is open again, which sends all of them.
            Call::Change(id, _) => self.replicas.get(id).is_some_and(|replica| replica.heard.is_some()),
            _ => true,
        });
        // A change that the client has given up is not among those that it waits for.
        self.again = waiting.into_iter().filter(|call| self.awaits(call)).collect();
        let mut sendings = Vec::new();
        for call in ready {
            // A document is not opened twice.
            if self.awaits(&call)
                && !sendings
                    .iter()
                    .any(|sending: &Sending| sending.call.is_same_view(&call))
            {
                sendings.extend(self.again(call, truth));
            }
        }
        sendings
    }

    /// Requests that the client gives up now.
    pub fn take_cancels(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.to_cancel)
    }

    fn awaits(&self, call: &Call) -> bool {
        match call {
            Call::Change(id, seq) => self
                .replicas
                .get(id)
                .is_some_and(|replica| replica.unanswered.contains_key(seq)),
            // It may have opened the document meanwhile, of its own accord.
            Call::Create(id) | Call::Open(id) => self.replicas.get(id).is_none_or(|replica| replica.request.is_none()),
            _ => true,
        }
    }

    /// Whether something has to be sent once more.
    pub fn wants_retry(&self) -> bool {
        !self.again.is_empty()
    }

    /// The unit died. Once it is up again, what was not answered is to be sent again.
    pub fn unit_died(&mut self, truth: &mut Truth) {
        self.live = None;
        self.to_cancel.clear();
        for (req, call) in std::mem::take(&mut self.calls) {
            match call {
                Call::Create(id) | Call::Open(id) => {
                    let Some(replica) = self.replicas.get(&id).filter(|replica| replica.request == Some(req)) else {
                        continue;
                    };
                    let was_open = replica.heard.is_some();
                    self.again.push(if was_open { Call::Open(id) } else { call });
                }
                Call::Delete(_) => self.again.push(call),
                // Sent by the view that is opened again.
                Call::Change(..) => {}
                Call::Query(..) | Call::Subscribe | Call::Other | Call::Garbage => {}
            }
        }
        self.again.retain(|call| !matches!(call, Call::Change(..)));
        for (id, replica) in &mut self.replicas {
            let has_view = self
                .again
                .iter()
                .any(|call| matches!(call, Call::Create(again) | Call::Open(again) if again == id));
            if !replica.unanswered.is_empty() && !has_view {
                self.again.push(Call::Open(*id));
            }
            replica.close();
            for (seq, sent) in &mut replica.unanswered {
                sent.is_uncertain = true;
                // What it did may be lost, and sent again it does something else.
                if let Some(document) = truth.documents.get_mut(id).filter(|_| is_revert(&sent.change))
                    && !document.is_shared
                {
                    document.states[*seq as usize] = None;
                }
            }
        }
    }

    /// Takes an answer; what to send at once.
    ///
    /// # Errors
    /// The answer breaks a promise.
    pub fn take(&mut self, answered: Answered, truth: &mut Truth) -> Result<Vec<Sending>, Broken> {
        let Answered {
            req, is_last, response, ..
        } = answered;
        let Some(call) = self.calls.get(&req).cloned() else {
            return Err(Broken::new("answers belong to requests", format!("request {req}")));
        };
        if is_last {
            self.calls.remove(&req);
        }
        let answer = response
            .response
            .ok_or_else(|| Broken::new("no answer is empty", format!("{call:?}")))?;
        let error = match &answer {
            Answer::Error(error) => Some(error.code()),
            _ => None,
        };
        let unexpected = || Broken::new("a request is answered in its own way", format!("{call:?}: {answer:?}"));
        match (&call, error) {
            (_, Some(ErrorCode::Internal | ErrorCode::Unspecified)) => Err(unexpected()),
            // The operation ended together with the unit, or nobody waited for it: the same as a crash for whoever asked.
            (_, Some(ErrorCode::Closed | ErrorCode::Cancelled)) => {
                self.ended(req, &call);
                Ok(Vec::new())
            }
            (Call::Create(id), _) => self.take_view(req, *id, &answer, is_last, true, truth),
            (Call::Open(id), _) => self.take_view(req, *id, &answer, is_last, false, truth),
            (Call::Change(id, seq), None) if matches!(answer, Answer::DocChanged(_)) => {
                self.promised(*id, *seq, truth);
                Ok(Vec::new())
            }
            (Call::Change(id, seq), Some(code)) => self.take_refusal(*id, *seq, code, &unexpected, truth),
            (Call::Delete(id), _) => {
                let document = truth.documents.get_mut(id).ok_or_else(unexpected)?;
                match error {
                    None if matches!(answer, Answer::Done(_)) => document.death = Progress::Promised,
                    // Somebody else deleted it before, or it cannot even be found.
                    Some(ErrorCode::NotFound) => {
                        hold(
                            document.is_damaged || document.death != Progress::Unasked,
                            "what is there can be deleted",
                            || format!("{id:02x?}"),
                        )?;
                        if !document.is_damaged {
                            document.death = Progress::Promised;
                        }
                    }
                    Some(code) if is_retryable(code) => self.again.push(call),
                    _ => return Err(unexpected()),
                }
                Ok(Vec::new())
            }
            (Call::Query(query, bounds), None) => {
                let Answer::QueryRows(page) = &answer else {
                    return Err(unexpected());
                };
                hold(page.last && is_last, "a short result is one page", || {
                    format!("{page:?}")
                })?;
                truth.check_rows(bounds, &page.rows, |row| rows::matches(query, row), true)?;
                Ok(Vec::new())
            }
            (Call::Subscribe, None) => self.take_live(&answer).ok_or_else(unexpected).map(|()| Vec::new()),
            (Call::Garbage, Some(ErrorCode::Malformed | ErrorCode::UnknownRequest)) if is_last => Ok(Vec::new()),
            (Call::Other, None) if is_last => Ok(Vec::new()),
            (Call::Other, Some(ErrorCode::NotFound | ErrorCode::Corrupt)) => Ok(Vec::new()),
            (Call::Other, Some(code)) if is_retryable(code) => Ok(Vec::new()),
            _ => Err(unexpected()),
        }
    }

    /// An answer will not come, and nothing was promised.
    fn ended(&mut self, req: i64, call: &Call) {
        match call {
            Call::Create(id) | Call::Open(id) => {
                let Some(replica) = self.replicas.get_mut(id).filter(|replica| replica.request == Some(req)) else {
                    return;
                };
                let was_open = replica.heard.is_some();
                replica.close();
                for sent in replica.unanswered.values_mut() {
                    sent.is_uncertain = true;
                }
                self.again.push(if was_open { Call::Open(*id) } else { call.clone() });
            }
            Call::Change(..) | Call::Delete(_) => self.again.push(call.clone()),
            Call::Subscribe => self.live = None,
            Call::Query(..) | Call::Other | Call::Garbage => {}
        }
    }

    fn promised(&mut self, id: DocId, seq: u64, truth: &mut Truth) {
        let sent = self
            .replicas
            .get_mut(&id)
            .and_then(|replica| replica.unanswered.remove(&seq));
        let Some(document) = truth.documents.get_mut(&id) else {
            return;
        };
        if !document.is_shared {
            document.promised_seq = document.promised_seq.max(seq);
        }
        // Whether a change that was made for what a crash took back could be applied, its answer does not say: it may have been refused in an earlier life.
        if let Some(mark) = sent.filter(|sent| !sent.is_uncertain).and_then(|sent| sent.mark) {
            document.marks.insert(mark, Progress::Promised);
        }
    }

    fn take_refusal(
        &mut self,
        id: DocId,
        seq: u64,
        code: ErrorCode,
        unexpected: &dyn Fn() -> Broken,
        truth: &mut Truth,
    ) -> Result<Vec<Sending>, Broken> {
        let document = truth.documents.get(&id).ok_or_else(unexpected)?;
        let replica = self.replicas.get_mut(&id).ok_or_else(unexpected)?;
        let is_uncertain = replica.unanswered.get(&seq).is_some_and(|sent| sent.is_uncertain);
        if is_retryable(code) {
            self.again.push(Call::Change(id, seq));
            if is_uncertain && document.is_shared {
                // Whether the unit could apply it or not, nobody says: only a new snapshot tells.
                self.to_cancel.extend(replica.request);
                replica.close();
                self.again.push(Call::Open(id));
            }
            return Ok(Vec::new());
        }
        if document.death != Progress::Unasked && matches!(code, ErrorCode::NotFound | ErrorCode::InvalidArgument) {
            replica.unanswered.clear();
            replica.unheard.clear();
            return Ok(Vec::new());
        }
        if document.is_damaged && code == ErrorCode::Corrupt {
            replica.unanswered.clear();
            replica.unheard.clear();
            return Ok(Vec::new());
        }
        // It was made for what a crash took back; its number is taken all the same.
        if is_uncertain && document.is_shared && code == ErrorCode::InvalidArgument {
            replica.unanswered.remove(&seq);
            replica.unheard.retain(|(unheard, _)| *unheard != seq);
            return Ok(Vec::new());
        }
        Err(unexpected())
    }

    fn take_view(
        &mut self,
        req: i64,
        id: DocId,
        answer: &Answer,
        is_last: bool,
        is_create: bool,
        truth: &mut Truth,
    ) -> Result<Vec<Sending>, Broken> {
        let describe = || format!("view of {id:02x?}, request {req}, as a create: {is_create}: {answer:?}");
        let unexpected = || Broken::new("a view is told its snapshot, then its events", describe());
        let document = truth.documents.get_mut(&id).ok_or_else(unexpected)?;
        let replica = self.replicas.get_mut(&id).ok_or_else(unexpected)?;
        if replica.request != Some(req) {
            // A view that the client has given up.
            return Ok(Vec::new());
        }
        match answer {
            Answer::Error(error) => {
                replica.close();
                let is_gone = match error.code() {
                    ErrorCode::NotFound => document.death != Progress::Unasked,
                    ErrorCode::Corrupt if document.is_damaged => {
                        // Whoever meets a damaged document can still get rid of it.
                        if document.death == Progress::Unasked {
                            document.death = Progress::Asked;
                            self.again.push(Call::Delete(id));
                        }
                        true
                    }
                    code if is_retryable(code) => {
                        self.again
                            .push(if is_create { Call::Create(id) } else { Call::Open(id) });
                        return Ok(Vec::new());
                    }
                    _ => false,
                };
                hold(is_gone, "what is there can be opened", describe)?;
                replica.unanswered.clear();
                Ok(Vec::new())
            }
            Answer::DocOpened(opened) if replica.view.is_none() && !is_last => {
                replica.view = Some(opened.view);
                check_opened(opened, document, id)?;
                if is_create && document.birth != Progress::Promised {
                    // Nobody was promised what was damaged: it is created once more.
                    document.is_damaged = false;
                }
                hold(!document.is_damaged, "damage is told, and never served", describe)?;
                if document.writer == self.number && !document.is_shared {
                    hold(
                        (document.promised_seq..=document.asked_seq()).contains(&opened.applied_seq),
                        "every acknowledged change is there after a restart",
                        || {
                            format!(
                                "{} of {} to {}: {id:02x?}",
                                opened.applied_seq,
                                document.promised_seq,
                                document.asked_seq()
                            )
                        },
                    )?;
                }
                if is_create {
                    document.birth = Progress::Promised;
                    replica.heard = document.states.first().cloned().flatten();
                    return Ok(self.opened(id, opened.applied_seq));
                }
                // Until the snapshot is complete: the number is needed then.
                replica.version = opened.applied_seq;
                Ok(Vec::new())
            }
            Answer::SnapshotPage(SnapshotPage { tokens, last }) if replica.view.is_some() && !is_last => {
                hold(replica.heard.is_none(), "nothing follows the last page", describe)?;
                replica.tokens.extend(tokens.iter().cloned());
                if !*last {
                    return Ok(Vec::new());
                }
                let shown = value::build(std::mem::take(&mut replica.tokens)).ok_or_else(unexpected)?;
                let applied_seq = std::mem::take(&mut replica.version);
                if document.writer == self.number && !document.is_shared {
                    let known = document.states.get(applied_seq as usize).cloned().flatten();
                    hold(
                        known.as_ref().is_none_or(|known| *known == shown),
                        "a document is what its changes made of it, up to the last one that it holds",
                        || format!("{id:02x?}, change {applied_seq}: {known:?}, and it shows {shown:?}"),
                    )?;
                    document.states[applied_seq as usize] = Some(shown.clone());
                } else {
                    document.check_value(0, &shown)?;
                }
                replica.heard = Some(shown);
                Ok(self.opened(id, applied_seq))
            }
            Answer::DocEvent(event) if replica.heard.is_some() && !is_last => {
                Self::take_event(replica, event, document, self.number)?;
                Ok(Vec::new())
            }
            Answer::Done(_) if is_last => {
                hold(
                    document.death != Progress::Unasked,
                    "only a deleted document ends its views",
                    describe,
                )?;
                replica.close();
                replica.unanswered.clear();
                Ok(Vec::new())
            }
            _ => Err(unexpected()),
        }
    }

    /// A view is complete: everything that was not answered is sent again.
    fn opened(&mut self, id: DocId, applied_seq: u64) -> Vec<Sending> {
        self.again
            .retain(|call| !matches!(call, Call::Change(change, _) if *change == id));
        let in_flight: Vec<u64> = self
            .calls
            .values()
            .filter_map(|call| match call {
                Call::Change(change, seq) if *change == id => Some(*seq),
                _ => None,
            })
            .collect();
        let Some(replica) = self.replicas.get_mut(&id) else {
            return Vec::new();
        };
        replica.last_seq = replica.last_seq.max(applied_seq);
        let mut sendings = Vec::new();
        for (seq, sent) in &replica.unanswered {
            if *seq > applied_seq {
                replica.unheard.push_back((*seq, sent.edits.clone()));
            }
            if !in_flight.contains(seq) {
                sendings.push(Sending::new(Call::Change(id, *seq), replica.request_for(*seq, sent)));
            }
        }
        sendings
    }

    fn take_event(
        replica: &mut Replica,
        event: &DocEvent,
        document: &mut Document,
        client: usize,
    ) -> Result<(), Broken> {
        const PROMISE: &str = "events lead from what the client has to what the document is";
        let broken = || Broken::new(PROMISE, format!("{event:?}"));
        // A deletion overtakes events that wait for durability, and nobody needs them any more.
        let is_next = match event.event {
            Some(Event::Deleted(_)) => event.version > replica.version,
            _ => event.version == replica.version + 1,
        };
        hold(is_next, "events are numbered without a gap", || {
            format!(
                "{} after {} of request {:?}: {event:?}",
                event.version, replica.version, replica.request
            )
        })?;
        replica.version = event.version;
        let heard = replica.heard.as_mut().ok_or_else(broken)?;
        let (patches, through_seq) = match event.event.as_ref().ok_or_else(broken)? {
            Event::Patched(patched) => (patched.patches.clone(), None),
            Event::OwnApplied(own) => {
                let mut edits = Vec::new();
                while replica.unheard.front().is_some_and(|(seq, _)| *seq <= own.through_seq) {
                    edits.extend(replica.unheard.pop_front().into_iter().flat_map(|(_, edits)| edits));
                }
                let patches = own.effect.as_ref().map_or(edits, |effect| effect.patches.clone());
                (patches, Some(own.through_seq))
            }
            Event::Deleted(_) => return Ok(()),
        };
        for patch in &patches {
            apply(heard, patch).ok_or_else(|| Broken::new(PROMISE, format!("{patch:?} does not fit {heard:?}")))?;
        }
        let Some(seq) = through_seq.filter(|_| !document.is_shared && document.writer == client) else {
            return Ok(());
        };
        let state = document.states.get_mut(seq as usize).ok_or_else(broken)?;
        match state {
            Some(state) => hold(state == heard, PROMISE, || format!("{state:?} was to be, {heard:?} is")),
            // What an undo does is known here only.
            None => {
                *state = Some(heard.clone());
                Ok(())
            }
        }
    }

    fn take_live(&mut self, answer: &Answer) -> Option<()> {
        let live = self.live.as_mut()?;
        match answer {
            Answer::QueryRows(page) if !live.is_complete => {
                live.rows.extend(page.rows.iter().cloned());
                live.is_complete = page.last;
                Some(())
            }
            Answer::QueryDelta(delta) if live.is_complete => rows::apply_delta(&mut live.rows, delta),
            _ => None,
        }
    }
}

/// The states that a change leads to, one for each of its numbers.
fn note_states(document: &mut Document, change: &Change, edits: &[Edit]) {
    let mut state = document.states.last().cloned().flatten();
    let steps: Vec<&[Edit]> = match change {
        Change::Run(_) => edits.chunks(1).collect(),
        Change::Edits(_) => vec![edits],
        Change::Undo(_) | Change::Redo(_) => {
            document.states.push(None);
            return;
        }
    };
    for step in steps {
        state = state.and_then(|mut state| {
            step.iter().try_for_each(|edit| apply(&mut state, edit))?;
            Some(state)
        });
        document.states.push(state.clone());
    }
}

fn check_opened(opened: &DocOpened, document: &Document, id: DocId) -> Result<(), Broken> {
    let is_it = opened.document_id == id && opened.r#type == document.type_name;
    hold(is_it, "what is opened is what was asked for", || format!("{opened:?}"))
}

fn is_revert(change: &Change) -> bool {
    matches!(change, Change::Undo(_) | Change::Redo(_))
}

/// Errors of the moment: the same request may succeed later.
fn is_retryable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::StorageIo | ErrorCode::QuotaExceeded | ErrorCode::StorageBlocked | ErrorCode::StorageLost
    )
}

fn map_of(value: &Value) -> Option<&MapValue> {
    match &value.kind {
        Some(Kind::Map(map)) => Some(map),
        _ => None,
    }
}
