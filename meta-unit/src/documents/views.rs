//! A view: one client's live window on one document.

use std::collections::VecDeque;

use automerge::ChangeHash;
use avatar_proto::doc_event::Event;
use avatar_proto::response::Response as Answer;
use avatar_proto::{DocEvent, Response};

use super::open_doc::Session;
use crate::index::DocId;
use crate::node::Responder;

/// Steps that can be undone, at most.
const MAX_UNDO: usize = 200;

/// Typing within this time counts as one step.
const TYPING_MS: i64 = 1000;

/// See the module's documentation.
pub struct View {
    /// The document.
    pub document: DocId,
    /// The client's session.
    pub session: Session,
    /// Where its events go.
    pub responder: Responder,
    /// The client believes that the document is as it was created, with these keys; it is told so if that is wrong.
    pub believed_keys: Option<Vec<String>>,
    version: u64,
    /// What others did and the client has not told us to have seen: the event's version, and the heads before it.
    unseen: VecDeque<(u64, Vec<ChangeHash>)>,
    /// The last change that this client made while it lagged behind.
    branch: Option<ChangeHash>,
    undo: Vec<Step>,
    redo: Vec<Step>,
}

/// A stretch of a session's own changes.
#[derive(Clone, Debug)]
pub struct Step {
    /// The heads before it.
    pub before: Vec<ChangeHash>,
    /// The heads after it.
    pub after: Vec<ChangeHash>,
    /// When the last change was added to it; None if nothing joins it.
    typed_ms: Option<i64>,
}

impl View {
    /// A view of which the client knows the snapshot.
    pub fn new(document: DocId, session: Session, responder: Responder) -> Self {
        Self {
            document,
            session,
            responder,
            believed_keys: None,
            version: 0,
            unseen: VecDeque::new(),
            branch: None,
            undo: Vec::new(),
            redo: Vec::new(),
        }
    }

    /// The client says up to which event it has taken in.
    pub fn saw(&mut self, version: u64) {
        while self.unseen.front().is_some_and(|(unseen, _)| *unseen <= version) {
            self.unseen.pop_front();
        }
        if self.unseen.is_empty() {
            self.branch = None;
        }
    }

    /// The state that the client's next change refers to; None = the present one.
    pub fn client_heads(&self) -> Option<Vec<ChangeHash>> {
        let (_, before) = self.unseen.front()?;
        let mut heads = before.clone();
        heads.extend(self.branch.filter(|branch| !heads.contains(branch)));
        Some(heads)
    }

    /// The client, which lags behind, made a change.
    pub fn branched(&mut self, change: ChangeHash) {
        self.branch = Some(change);
    }

    /// The client is to be told of an event, by this answer.
    #[must_use]
    pub fn tell(&mut self, event: Event) -> Response {
        self.version += 1;
        let (can_undo, can_redo) = (!self.undo.is_empty(), !self.redo.is_empty());
        let event = DocEvent {
            version: self.version,
            event: Some(event),
            can_undo,
            can_redo,
        };
        Response {
            response: Some(Answer::DocEvent(event)),
        }
    }

    /// The client is to be told what somebody else did, by this answer; `before` are the heads before it.
    #[must_use]
    pub fn tell_foreign(&mut self, event: Event, before: Vec<ChangeHash>) -> Response {
        let told = self.tell(event);
        self.unseen.push_back((self.version, before));
        told
    }

    /// A change of the client's own can be undone from here on.
    pub fn did(&mut self, before: Vec<ChangeHash>, after: Vec<ChangeHash>, typed_ms: Option<i64>) {
        self.redo.clear();
        match self.undo.last_mut() {
            Some(last)
                if last.after == before
                    && last
                        .typed_ms
                        .zip(typed_ms)
                        .is_some_and(|(last, now)| (0..=TYPING_MS).contains(&(now - last))) =>
            {
                (last.after, last.typed_ms) = (after, typed_ms);
            }
            _ => push(
                &mut self.undo,
                Step {
                    before,
                    after,
                    typed_ms,
                },
            ),
        }
    }

    /// The step to take back, or to bring back.
    pub fn take_step(&mut self, redo: bool) -> Option<Step> {
        if redo { self.redo.pop() } else { self.undo.pop() }
    }

    /// A step was taken back (or brought back) by a change that led from `before` to `after`.
    pub fn reverted(&mut self, redo: bool, before: Vec<ChangeHash>, after: Vec<ChangeHash>) {
        let steps = if redo { &mut self.undo } else { &mut self.redo };
        push(
            steps,
            Step {
                before,
                after,
                typed_ms: None,
            },
        );
    }
}

fn push(steps: &mut Vec<Step>, step: Step) {
    if steps.len() == MAX_UNDO {
        steps.remove(0);
    }
    steps.push(step);
}
