//! Applying a client's change.

use std::rc::Rc;

use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ChangeHash, PatchLog, ReadDoc};
use avatar_proto::doc_change::Change;
use avatar_proto::doc_event::Event;
use avatar_proto::edit::Op;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, DocChange, DocChanged, DocPatched, Edit, ErrorCode, OwnApplied, Response, TextRun};

use super::edits::{self, EditError};
use super::open_doc::OpenDoc;
use super::writer::Due;
use super::{Documents, State, invalid, not_found, run};
use crate::index::DocId;
use crate::node::{Responder, app_error};

/// The records of a document with its history, in bytes, before it takes no more: one record must fit into a host's buffer of 16 MiB.
pub const MAX_STORED_BYTES: usize = 12 * 1024 * 1024;

/// Applies a change and answers when it is durable.
pub fn change(documents: &Rc<Documents>, request: DocChange, responder: Responder) {
    let now_ms = documents.platform.unix_ms();
    let mut state = documents.state.borrow_mut();
    match apply(&mut state, request, now_ms) {
        Ok((id, outcome)) => {
            state.note_news(id);
            // A refused change has taken its number: the client must not learn of it before that is stored, lest its next number leaves a gap after a crash.
            let response = Response {
                response: Some(outcome.map_or_else(Answer::Error, Answer::DocChanged)),
            };
            if state.writer.is_durable(&id) {
                responder.finish(response);
            } else {
                state.writer.answer_when_durable(id, Due::Response(responder, response));
            }
        }
        Err(error) => responder.fail(error),
    }
    drop(state);
    documents.write();
}

/// A change with the numbers that it takes.
enum Work {
    Edits(Vec<Edit>),
    Run(TextRun),
    Revert { redo: bool },
}

impl Work {
    fn new(change: Option<Change>) -> Result<Self, AppError> {
        match change {
            Some(Change::Edits(list)) => Ok(Self::Edits(list.edits)),
            Some(Change::Run(run)) => {
                let len = run.indexes.len();
                if len == 0 || run.deletes.len() != len || run.insert_lens.len() != len {
                    return Err(invalid("the columns of a run have one length, and are not empty"));
                }
                Ok(Self::Run(run))
            }
            Some(Change::Undo(_)) => Ok(Self::Revert { redo: false }),
            Some(Change::Redo(_)) => Ok(Self::Revert { redo: true }),
            None => Err(invalid("a change without a change")),
        }
    }

    fn numbers(&self) -> u64 {
        match self {
            Self::Run(run) => run.indexes.len() as u64,
            Self::Edits(_) | Self::Revert { .. } => 1,
        }
    }
}

/// What to answer when the document is durable.
type Taken = (DocId, Result<DocChanged, AppError>);

/// # Errors
/// The change was not taken at all.
fn apply(state: &mut State, request: DocChange, now_ms: i64) -> Result<Taken, AppError> {
    let view = state
        .views
        .get_mut(&request.view)
        .ok_or_else(|| invalid("no such view"))?;
    let (id, session) = (view.document, view.session);
    let doc = state.open.get_mut(&id).ok_or_else(not_found)?;
    if doc.stored_bytes() > MAX_STORED_BYTES {
        return Err(app_error(ErrorCode::Limit, "the document has reached 12 MiB"));
    }
    let mut work = Work::new(request.change)?;
    let applied = doc.applied_seq(&session).unwrap_or(0);
    let (first, last) = (
        request.change_seq,
        request.change_seq.saturating_add(work.numbers() - 1),
    );
    if first == 0 || first > applied + 1 {
        return Err(invalid("change numbers begin with 1 and leave no gaps"));
    }
    if last <= applied {
        // Sent again by a client that did not hear the answer.
        return Ok((id, Ok(changed(doc, false))));
    }
    if let Work::Run(run) = &mut work {
        skip(run, (applied + 1 - first) as usize);
    }
    view.saw(request.seen_version);
    let client_heads = view.client_heads();
    let before = doc.automerge().get_heads();
    let options = CommitOptions::default()
        .with_time(now_ms / 1000)
        .with_message(request.message);
    let has_others = state.views_of.get(&id).is_some_and(|views| views.len() > 1);
    let outcome = match work {
        Work::Edits(edits) => {
            let typed_ms = is_typing(&edits).then_some(now_ms);
            let outcome = commit(doc, client_heads.as_deref(), has_others, options, |tx| {
                edits.iter().try_for_each(|edit| edits::apply(tx, edit))
            });
            outcome.map(|outcome| (outcome, typed_ms))
        }
        Work::Run(run) => {
            let options = || CommitOptions::default().with_time(now_ms / 1000);
            apply_run(doc, client_heads.as_deref(), options, &run).map(|outcome| (outcome, Some(now_ms)))
        }
        Work::Revert { redo } => {
            let view = state.views.get_mut(&request.view).ok_or_else(not_found)?;
            let outcome = match view.take_step(redo) {
                None => Ok(Outcome::default()),
                Some(step) => {
                    let back = doc.diff(&step.after, &step.before);
                    let outcome = commit(doc, Some(&step.after), has_others, options, |tx| {
                        back.iter().try_for_each(|edit| edits::apply(tx, edit))
                    });
                    if let Ok(Outcome { hash: Some(hash), .. }) = &outcome {
                        view.reverted(redo, step.after, vec![*hash]);
                    }
                    outcome
                }
            };
            doc.note_applied(session, last, now_ms);
            state.writer.change(id);
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => return Ok((id, Err(invalid(&error.to_string())))),
            };
            let did_something = outcome.hash.is_some();
            // An undo is foreign to the client that asked for it: only here is known what it does.
            let effect = Some(doc.diff(&before, &doc.automerge().get_heads()));
            let own = Own {
                view: request.view,
                through_seq: last,
                change: OwnChange::Unforeseen,
            };
            tell(state, id, Some(own), &before, effect, now_ms);
            let doc = state.open.get(&id).ok_or_else(not_found)?;
            return Ok((id, Ok(changed(doc, did_something))));
        }
    };
    // A change that cannot be applied has taken its number all the same: those behind it were made by the same client in the same belief.
    doc.note_applied(session, last, now_ms);
    state.writer.change(id);
    let (outcome, typed_ms) = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Ok((id, Err(invalid(&error.to_string())))),
    };
    let after = doc.automerge().get_heads();
    let lagged = client_heads.is_some();
    let effect = match outcome.patches {
        _ if lagged => Some(doc.diff(&before, &after)),
        patches => patches,
    };
    if let Some(hash) = outcome.hash
        && let Some(view) = state.views.get_mut(&request.view)
    {
        match client_heads {
            Some(heads) => view.did(heads, vec![hash], typed_ms),
            None => view.did(before.clone(), after, typed_ms),
        }
    }
    let change = if lagged {
        OwnChange::Merged(outcome.hash)
    } else if outcome.is_other {
        OwnChange::Unforeseen
    } else {
        OwnChange::AsAsked
    };
    let own = Own {
        view: request.view,
        through_seq: last,
        change,
    };
    tell(state, id, Some(own), &before, effect, now_ms);
    let doc = state.open.get(&id).ok_or_else(not_found)?;
    Ok((id, Ok(changed(doc, outcome.hash.is_some()))))
}

fn changed(doc: &OpenDoc, did_something: bool) -> DocChanged {
    DocChanged {
        heads: doc.heads(),
        updated_ms: doc.updated_ms,
        did_something,
    }
}

/// What a change did.
#[derive(Default)]
struct Outcome {
    /// The last change made.
    hash: Option<ChangeHash>,
    /// How the document changed, if anybody else has to know and it is known already.
    patches: Option<Vec<Edit>>,
    /// It is not what was asked: the client has to be told.
    is_other: bool,
}

/// One automerge change, at the client's heads or at the present ones.
fn commit(
    doc: &mut OpenDoc,
    at: Option<&[ChangeHash]>,
    log: bool,
    options: CommitOptions,
    edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), EditError>,
) -> Result<Outcome, EditError> {
    let log = log && at.is_none();
    let patch_log = if log { PatchLog::active() } else { PatchLog::inactive() };
    let started = match at {
        Some(heads) => doc.automerge_mut().transaction_at(patch_log, heads),
        None if log => doc.automerge_mut().transaction_log_patches(patch_log),
        None => Ok(doc.automerge_mut().transaction()),
    };
    // Only a log of another document does not fit, and this one is new.
    let mut tx = started.expect("a new patch log fits every document");
    if let Err(error) = edit(&mut tx) {
        tx.rollback();
        return Err(error);
    }
    let (hash, mut patch_log) = tx.commit_with(options);
    let patches = log.then(|| doc.patches(&mut patch_log));
    Ok(Outcome {
        hash,
        patches,
        is_other: false,
    })
}

/// A short run is a change for each splice, a long one is one change ([`run::MAX_SINGLE_CHANGES`]). So is one of a client that lags behind, because each change made
/// at an earlier state costs a walk over the text. A run that cannot be applied changes nothing.
fn apply_run(
    doc: &mut OpenDoc,
    client_heads: Option<&[ChangeHash]>,
    options: impl Fn() -> CommitOptions,
    text_run: &TextRun,
) -> Result<Outcome, EditError> {
    let before = doc.automerge().get_heads();
    let text = edits::text_at(doc.automerge(), &text_run.path, client_heads)?;
    let len = match client_heads {
        Some(heads) => doc.automerge().length_at(&text, heads),
        None => doc.automerge().length(&text),
    };
    let mut splices = run::splices(text_run, len)?;
    let is_single = client_heads.is_none() && splices.len() <= run::MAX_SINGLE_CHANGES;
    if !is_single {
        splices = run::merge(splices);
    }
    let changes = if is_single {
        splices.chunks(1)
    } else {
        splices.chunks(usize::MAX)
    };
    let mut hash = None;
    for (number, change) in changes.enumerate() {
        let outcome = commit(doc, client_heads, false, options(), |tx| {
            change
                .iter()
                .try_for_each(|splice| edits::splice_text(tx, &text, splice))
        });
        match outcome {
            Ok(outcome) => hash = outcome.hash.or(hash),
            Err(error) if number == 0 => return Err(error),
            // Those before it were right, and are in: the client is told what became of the run.
            Err(_) => {
                let patches = Some(doc.diff(&before, &doc.automerge().get_heads()));
                return Ok(Outcome {
                    hash,
                    patches,
                    is_other: true,
                });
            }
        }
    }
    let edits = splices.into_iter().map(|splice| Edit {
        path: text_run.path.clone(),
        op: Some(Op::Text(splice)),
    });
    Ok(Outcome {
        hash,
        patches: Some(edits.collect()),
        is_other: false,
    })
}

/// Leaves out the first splices of a run, which were applied before.
fn skip(text_run: &mut TextRun, splices: usize) {
    let units: usize = text_run.insert_lens.drain(..splices).map(|len| len as usize).sum();
    text_run.indexes.drain(..splices);
    text_run.deletes.drain(..splices);
    if let Some((_, rest)) = run::split_utf16(&text_run.inserted, units) {
        text_run.inserted = rest.to_owned();
    }
}

/// One splice of one text.
fn is_typing(edits: &[Edit]) -> bool {
    matches!(
        edits,
        [Edit {
            op: Some(avatar_proto::edit::Op::Text(_)),
            ..
        }]
    )
}

/// What a client's own change is to that client.
enum OwnChange {
    /// It did what was asked.
    AsAsked,
    /// It was merged with what others did: the effect is told. This is the change, made where the client stands, if there was anything to change there.
    Merged(Option<ChangeHash>),
    /// The client could not know what it would do.
    Unforeseen,
}

/// What the client that made a change has to know of it.
struct Own {
    /// Its view.
    view: u64,
    /// The number of its last splice or edit that is in.
    through_seq: u64,
    /// What the change was to it.
    change: OwnChange,
}

/// Tells all views of the document, once the change is durable: what a crash can take back, no client may have built upon. `before` are the heads before the change; `own`: whose change it is, if it is
/// a client's.
fn tell(
    state: &mut State,
    id: DocId,
    own: Option<Own>,
    before: &[ChangeHash],
    effect: Option<Vec<Edit>>,
    updated_ms: i64,
) {
    let patched = effect.map(|patches| DocPatched { patches, updated_ms });
    for number in state.views_of.get(&id).cloned().unwrap_or_default() {
        let Some(view) = state.views.get_mut(&number) else {
            continue;
        };
        let told = match own.as_ref().filter(|own| own.view == number) {
            None => {
                let Some(patched) = &patched else { continue };
                view.tell_foreign(Event::Patched(patched.clone()), before.to_vec())
            }
            Some(Own {
                through_seq, change, ..
            }) => {
                let applied = |effect| {
                    Event::OwnApplied(OwnApplied {
                        through_seq: *through_seq,
                        effect,
                    })
                };
                match change {
                    OwnChange::AsAsked => view.tell(applied(None)),
                    OwnChange::Merged(hash) => {
                        if let Some(hash) = hash {
                            view.branched(*hash);
                        }
                        view.tell(applied(patched.clone()))
                    }
                    OwnChange::Unforeseen => view.tell_foreign(applied(patched.clone()), before.to_vec()),
                }
            }
        };
        state.writer.answer_when_durable(id, Due::Event(number, told));
    }
}

/// Tells all views what came from another device: see [`tell`].
pub fn tell_foreign(state: &mut State, id: DocId, before: &[ChangeHash], effect: Vec<Edit>, updated_ms: i64) {
    tell(state, id, None, before, Some(effect), updated_ms);
}
