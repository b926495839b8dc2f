//! What two devices have still to tell each other: which documents differ, and what is on its way. It holds no document and sends nothing itself.

use std::collections::{BTreeSet, HashMap, VecDeque};

use automerge::sync;
use avatar_peers::message::{MAX_IDS, Message};
use avatar_peers::reconcile::{Differences, ReconcileError, Reconciler};

use crate::documents::sync::{PREPARED_AT_ONCE, Taken, state_of_newcomer};
use crate::index::DocId;

/// Documents of which it is kept what the other side has, at most. (Those on their way count, and are kept in any case.)
const MAX_KEPT: usize = 512;

/// Messages that wait to be sent, at most: whoever causes more does not read what they cause.
const MAX_WAITING: usize = 4_096;

/// Documents that may differ at once: whoever announces more has none of them.
const MAX_DIFFERING: usize = 1 << 20;

/// What the other side has said of its documents, as far as it is kept, in bytes, at most: its heads and its filters.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;

/// About what is kept of a document of which next to nothing was said, in bytes.
const KEPT_OF_EACH_BYTES: usize = 512;

/// Changes that wait for others, in bytes, at most: those come with the next message.
const MAX_AHEAD_BYTES: usize = 64 * 1024 * 1024;

/// So many messages about a document may bring nothing, one after another, while nothing changes here: automerge needs a few, where a filter hid something.
const MAX_IDLE_MESSAGES: u32 = 256;

/// See the module's documentation.
#[derive(Default)]
pub struct Exchange {
    messages: VecDeque<Message>,
    /// Documents with something to tell, or to ask.
    dirty: BTreeSet<DocId>,
    documents: HashMap<DocId, Tracked>,
    uses: u64,
    reconciler: Option<Reconciler>,
    is_reconciled: bool,
    /// Documents that are known to differ.
    differing: BTreeSet<DocId>,
    done: u32,
    total: u32,
    kept_bytes: usize,
    ahead_bytes: usize,
}

#[derive(Default)]
struct Tracked {
    state: sync::State,
    last_use: u64,
    /// What is kept of what the other side has said, in bytes.
    kept_bytes: usize,
    /// What has come of it and waits for other changes, in bytes.
    ahead_bytes: usize,
    /// Messages that brought nothing, since the last one that did.
    idle_messages: u32,
}

/// There is no end to what the other side says: the reason, in words for developers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endless(pub &'static str);

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Documents that have been brought into step.
    pub done: u32,
    /// Documents that differed.
    pub total: u32,
    /// Both have the same.
    pub in_sync: bool,
}

/// What to send next.
#[derive(Debug)]
pub enum Next {
    /// This.
    Message(Message),
    /// Messages about these documents.
    Documents(Vec<DocId>),
}

impl Exchange {
    /// Begins to find out what differs. `asks`: this side says the first word.
    pub fn begin(&mut self, mut reconciler: Reconciler, asks: bool) {
        if asks {
            self.messages.push_back(Message::Reconcile(Some(reconciler.begin())));
        }
        self.reconciler = Some(reconciler);
    }

    /// Says something. False: too much waits.
    #[must_use]
    pub fn say(&mut self, message: Message) -> bool {
        self.messages.push_back(message);
        self.messages.len() <= MAX_WAITING
    }

    /// The document has something to tell.
    pub fn touch(&mut self, id: DocId) {
        self.dirty.insert(id);
    }

    /// The document has changed here, or somebody looks at it.
    pub fn news(&mut self, id: DocId) {
        self.touch(id);
        if let Some(tracked) = self.documents.get_mut(&id) {
            tracked.idle_messages = 0;
        }
    }

    /// A message of so many bytes about a document was taken in.
    ///
    /// # Errors
    /// The other side goes on and on.
    pub fn taken(&mut self, id: DocId, bytes: usize, taken: Taken) -> Result<(), Endless> {
        let Some(tracked) = self.documents.get_mut(&id) else {
            return Ok(());
        };
        let kept_bytes = KEPT_OF_EACH_BYTES + said_bytes(&tracked.state);
        self.kept_bytes = self.kept_bytes - tracked.kept_bytes + kept_bytes;
        tracked.kept_bytes = kept_bytes;
        let ahead_bytes = if taken.waits { tracked.ahead_bytes + bytes } else { 0 };
        self.ahead_bytes = self.ahead_bytes - tracked.ahead_bytes + ahead_bytes;
        tracked.ahead_bytes = ahead_bytes;
        if taken.equal || taken.is_new {
            tracked.idle_messages = 0;
        } else {
            tracked.idle_messages += 1;
        }
        if tracked.idle_messages > MAX_IDLE_MESSAGES {
            return Err(Endless("it never comes to an end with a document"));
        }
        if self.kept_bytes > MAX_KEPT_BYTES {
            return Err(Endless("it says more of its documents than can be kept"));
        }
        if self.ahead_bytes > MAX_AHEAD_BYTES {
            return Err(Endless("it sends changes and not what they build on"));
        }
        Ok(())
    }

    /// What is known of the other side's document.
    pub fn state(&mut self, id: DocId) -> &mut sync::State {
        self.uses += 1;
        if !self.documents.contains_key(&id) {
            self.forget_unused();
        }
        let tracked = self.documents.entry(id).or_default();
        tracked.last_use = self.uses;
        &mut tracked.state
    }

    fn forget_unused(&mut self) {
        if self.documents.len() < MAX_KEPT + MAX_KEPT / 4 {
            return;
        }
        let mut unused: Vec<(u64, DocId)> = self
            .documents
            .iter()
            .filter(|(id, _)| !self.differing.contains(*id) && !self.dirty.contains(*id))
            .map(|(id, tracked)| (tracked.last_use, *id))
            .collect();
        unused.sort_unstable();
        let surplus = self.documents.len().saturating_sub(MAX_KEPT);
        for (_, id) in unused.into_iter().take(surplus) {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &DocId) {
        if let Some(tracked) = self.documents.remove(id) {
            self.kept_bytes -= tracked.kept_bytes;
            self.ahead_bytes -= tracked.ahead_bytes;
        }
    }

    /// The other side has nothing of this document.
    fn give(&mut self, id: DocId) {
        self.uses += 1;
        let tracked = Tracked {
            state: state_of_newcomer(),
            last_use: self.uses,
            ..Tracked::default()
        };
        self.forget(&id);
        self.documents.insert(id, tracked);
        self.dirty.insert(id);
    }

    /// Takes a message of the other side about what differs. `is_deleted`: whether a document was deleted here.
    ///
    /// # Errors
    /// It is none.
    pub fn reconcile(&mut self, message: &[u8], is_deleted: impl Fn(&DocId) -> bool) -> Result<(), ReconcileError> {
        let Some(reconciler) = &mut self.reconciler else {
            return Err(ReconcileError::TooMany);
        };
        let (differences, answer) = reconciler.receive(message)?;
        self.found(differences, is_deleted);
        if answer.is_none() {
            self.reconciled();
        }
        self.messages.push_back(Message::Reconcile(answer));
        Ok(())
    }

    /// The other side has said all that it has to say of what differs.
    pub fn reconciled(&mut self) {
        self.reconciler = None;
        self.is_reconciled = true;
    }

    fn found(&mut self, differences: Differences, is_deleted: impl Fn(&DocId) -> bool) {
        let Differences { here, there, differing } = differences;
        let (mut deleted, mut coming) = (Vec::new(), Vec::new());
        for id in here {
            if is_deleted(&id) {
                deleted.push(id);
            } else {
                self.differs(id);
                self.give(id);
                coming.push(id);
            }
        }
        for id in differing {
            if is_deleted(&id) {
                deleted.push(id);
            } else {
                self.differs(id);
                self.dirty.insert(id);
                coming.push(id);
            }
        }
        self.say_ids(coming, Message::Coming);
        self.say_ids(deleted, Message::Deleted);
        for id in &there {
            self.differs(*id);
        }
        self.say_ids(there, Message::Wanted);
    }

    fn say_ids(&mut self, ids: Vec<DocId>, message: impl Fn(Vec<DocId>) -> Message) {
        for ids in ids.chunks(MAX_IDS) {
            self.messages.push_back(message(ids.to_vec()));
        }
    }

    fn differs(&mut self, id: DocId) {
        if self.differing.insert(id) {
            self.total += 1;
        }
    }

    /// The other side is going to tell of these documents. False: of more than there can be.
    #[must_use]
    pub fn comes(&mut self, ids: Vec<DocId>) -> bool {
        for id in ids {
            self.differs(id);
        }
        self.differing.len() <= MAX_DIFFERING
    }

    /// The other side wants documents. `has`: whether they are here. False: too much waits.
    #[must_use]
    pub fn wanted(
        &mut self,
        ids: Vec<DocId>,
        is_deleted: impl Fn(&DocId) -> bool,
        has: impl Fn(&DocId) -> bool,
    ) -> bool {
        let (mut deleted, mut unavailable) = (Vec::new(), Vec::new());
        for id in ids {
            if is_deleted(&id) {
                deleted.push(id);
            } else if has(&id) {
                self.differs(id);
                self.give(id);
            } else {
                unavailable.push(id);
            }
        }
        self.say_ids(deleted, Message::Deleted);
        self.say_ids(unavailable, Message::Unavailable);
        // Each names up to so many documents.
        self.messages.len() <= MAX_DIFFERING / MAX_IDS
    }

    /// Both have the same of a document, or there is nothing more to be had of it.
    pub fn settled(&mut self, id: &DocId) {
        if self.differing.remove(id) {
            self.done += 1;
        }
    }

    /// The document is gone here. False: too much waits.
    #[must_use]
    pub fn deleted(&mut self, id: DocId) -> bool {
        self.dirty.remove(&id);
        self.forget(&id);
        self.settled(&id);
        self.say(Message::Deleted(vec![id]))
    }

    /// What to send next: what others wait for first, then documents, the ones that somebody looks at before all others.
    pub fn next(&mut self, is_viewed: impl Fn(&DocId) -> bool) -> Option<Next> {
        if let Some(message) = self.messages.pop_front() {
            return Some(Next::Message(message));
        }
        let viewed: Vec<DocId> = self.dirty.iter().filter(|id| is_viewed(id)).copied().collect();
        let chosen = if viewed.is_empty() {
            self.dirty.iter().take(PREPARED_AT_ONCE).copied().collect()
        } else {
            viewed
        };
        for id in &chosen {
            self.dirty.remove(id);
        }
        (!chosen.is_empty()).then_some(Next::Documents(chosen))
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let in_sync = self.is_reconciled && self.differing.is_empty();
        Progress {
            done: self.done,
            total: self.total,
            in_sync,
        }
    }
}

/// The bytes of what the other side has said of a document.
fn said_bytes(state: &sync::State) -> usize {
    let hashes = |hashes: &Option<Vec<automerge::ChangeHash>>| hashes.as_ref().map_or(0, Vec::len);
    let have = state.their_have.iter().flatten();
    let (last, filters) = have.fold((0, 0), |(last, filters), have| {
        (last + have.last_sync.len(), filters + have.bloom.to_bytes().len())
    });
    let hashes = hashes(&state.their_heads) + hashes(&state.their_need) + state.shared_heads.len() + last;
    size_of::<automerge::ChangeHash>() * hashes + filters
}

#[cfg(test)]
mod tests {
    use avatar_peers::reconcile::Item;

    use super::*;

    fn items(numbers: impl Iterator<Item = u8>) -> Vec<Item> {
        let item = |number| Item {
            id: [number; 16],
            digest: [number; 16],
        };
        numbers.map(item).collect()
    }

    /// Hands messages over until nothing waits; the documents that each side has to tell of.
    fn talk(one: &mut Exchange, other: &mut Exchange) -> (Vec<DocId>, Vec<DocId>) {
        let mut told = (Vec::new(), Vec::new());
        loop {
            let nobody = |_: &DocId| false;
            let (from, to, told) = if !one.messages.is_empty() || !one.dirty.is_empty() {
                (&mut *one, &mut *other, &mut told.0)
            } else {
                (&mut *other, &mut *one, &mut told.1)
            };
            match from.next(nobody) {
                None => break,
                Some(Next::Documents(ids)) => told.extend(ids),
                Some(Next::Message(Message::Reconcile(Some(message)))) => {
                    to.reconcile(&message, nobody).expect("sound")
                }
                Some(Next::Message(Message::Reconcile(None))) => to.reconciled(),
                Some(Next::Message(Message::Coming(ids))) => assert!(to.comes(ids)),
                Some(Next::Message(Message::Wanted(ids))) => assert!(to.wanted(ids, nobody, |_| true)),
                Some(Next::Message(message)) => panic!("{message:?}"),
            }
        }
        told
    }

    #[test]
    fn each_side_tells_what_the_other_lacks_and_both_know_when_it_is_done() {
        let (mut one, mut other) = (Exchange::default(), Exchange::default());
        one.begin(Reconciler::new(items(0..60)), true);
        other.begin(Reconciler::new(items(50..90)), false);
        let (by_one, by_other) = talk(&mut one, &mut other);
        assert_eq!(by_one, (0..50).map(|number| [number; 16]).collect::<Vec<_>>());
        assert_eq!(by_other, (60..90).map(|number| [number; 16]).collect::<Vec<_>>());
        for exchange in [&mut one, &mut other] {
            assert!(!exchange.progress().in_sync);
            assert_eq!(exchange.progress().total, 80);
            for id in by_one.iter().chain(&by_other) {
                exchange.settled(id);
            }
            assert_eq!(
                exchange.progress(),
                Progress {
                    done: 80,
                    total: 80,
                    in_sync: true
                }
            );
        }
    }

    #[test]
    fn two_that_have_the_same_are_in_step_after_a_word() {
        let (mut one, mut other) = (Exchange::default(), Exchange::default());
        one.begin(Reconciler::new(items(0..200)), true);
        other.begin(Reconciler::new(items(0..200)), false);
        assert_eq!(talk(&mut one, &mut other), (vec![], vec![]));
        assert!(one.progress().in_sync && other.progress().in_sync);
    }

    #[test]
    fn what_somebody_looks_at_goes_first() {
        let mut exchange = Exchange::default();
        for number in 0..200 {
            exchange.touch([number; 16]);
        }
        let next = exchange.next(|id| *id == [150; 16]);
        assert!(matches!(next, Some(Next::Documents(ids)) if ids == [[150; 16]]));
        let next = exchange.next(|_| false);
        assert!(matches!(next, Some(Next::Documents(ids)) if ids.len() == PREPARED_AT_ONCE));
    }

    #[test]
    fn what_is_kept_of_documents_is_bounded_and_those_on_their_way_stay() {
        let mut exchange = Exchange::default();
        exchange.differs([0; 16]);
        exchange.state([0; 16]).have_responded = true;
        for number in 0..2_000_u32 {
            let mut id = [1; 16];
            id[..4].copy_from_slice(&number.to_le_bytes());
            exchange.state(id);
        }
        assert!(exchange.documents.len() <= MAX_KEPT + MAX_KEPT / 4);
        assert!(exchange.state([0; 16]).have_responded);
    }
}
