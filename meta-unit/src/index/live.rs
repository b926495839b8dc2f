//! Live queries: each knows its matches in order, so a change costs what it changes. Rows that match neither before nor after a change cost one evaluation of the filter;
//! the others are taken out and put in at their places, and the client is told the difference. The whole index is not looked at again.

use avatar_proto::{Query, QuerySubscribe};

use crate::node::Responder;

use super::answer::{self, Splice};
use super::query::{Found, QueryPlan};
use super::{Changes, Index};

/// All live queries.
#[derive(Default)]
pub struct LiveQueries {
    queries: Vec<LiveQuery>,
}

struct LiveQuery {
    result: LiveResult,
    responder: Responder,
}

impl LiveQueries {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.queries
            .iter()
            .filter(|query| !query.responder.is_cancelled())
            .count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers with the rows, and from then on with what changes, for as long as the request lives.
    pub fn subscribe(&mut self, index: &mut Index, request: &QuerySubscribe, responder: Responder) {
        let plan = match QueryPlan::compile(request.query.as_ref()) {
            Ok(plan) => plan,
            Err(error) => return responder.fail(error.to_app_error()),
        };
        // What changed before this query began is no news to it.
        self.flush(index);
        let result = LiveResult::new(index, plan);
        answer::write_rows(index, &result.plan, &result.found(), |page, _| {
            responder.more_encoded(&page)
        });
        self.queries.push(LiveQuery { result, responder });
    }

    /// Tells each client how its result changed since the last call. To be called once in a turn, after all changes.
    pub fn flush(&mut self, index: &mut Index) {
        let changes = index.take_changes();
        self.queries.retain(|query| !query.responder.is_cancelled());
        if changes.is_empty() || self.queries.is_empty() {
            return;
        }
        let changed = Places::of(changes.places.iter().copied());
        for LiveQuery { result, responder } in &mut self.queries {
            if let Some(splices) = result.update(index, &changes, &changed) {
                let total = result.matches.len();
                answer::write_delta(index, &result.plan, &splices, total, |delta| {
                    responder.more_encoded(&delta)
                });
            }
        }
    }
}

/// Answers a query once.
pub fn run(index: &Index, query: Option<&Query>, responder: Responder) {
    let plan = match QueryPlan::compile(query) {
        Ok(plan) => plan,
        Err(error) => return responder.fail(error.to_app_error()),
    };
    let mut last = Vec::new();
    answer::write_rows(index, &plan, &plan.run(index), |page, is_last| {
        if is_last {
            last = page;
        } else {
            responder.more_encoded(&page);
        }
    });
    responder.finish_encoded(&last);
}

/// A query and its matches.
#[derive(Debug)]
pub(super) struct LiveResult {
    pub plan: QueryPlan,
    /// The places of all matching rows, in order.
    pub matches: Vec<u32>,
}

impl LiveResult {
    pub fn new(index: &Index, plan: QueryPlan) -> Self {
        let matches = plan.matches(index);
        Self { plan, matches }
    }

    /// What the query asks for.
    pub fn found(&self) -> Found {
        Found {
            places: self.plan.window(&self.matches).to_vec(),
            total: self.matches.len(),
        }
    }

    /// Takes in what changed; the splices that lead from the rows before to the rows now, or None if the client need not know. `changed` are the places of
    /// `changes`.
    pub fn update(&mut self, index: &Index, changes: &Changes, changed: &Places) -> Option<Vec<Splice>> {
        let before = self.found();
        if changes.all {
            self.matches = self.plan.matches(index);
            let splice = Splice {
                index: 0,
                delete: before.places.len(),
                insert: self.found().places,
            };
            return Some(vec![splice]);
        }
        let matcher = self.plan.matcher(index);
        let mut arrived: Vec<u32> = changes
            .places
            .iter()
            .copied()
            .filter(|place| index.row(*place).is_some_and(|row| matcher.holds(row)))
            .collect();
        if arrived.is_empty() && !self.matches.iter().any(|place| changed.has(*place)) {
            return None;
        }
        self.matches.retain(|place| !changed.has(*place));
        self.merge(index, &mut arrived);
        let splices = splices(&before.places, self.plan.window(&self.matches), changed);
        (!splices.is_empty() || before.total != self.matches.len()).then_some(splices)
    }

    /// Puts `arrived` in at their places in the order.
    fn merge(&mut self, index: &Index, arrived: &mut [u32]) {
        let compare = |a: u32, b: u32| {
            let (a, b) = (index.row(a), index.row(b));
            a.zip(b)
                .map_or(std::cmp::Ordering::Equal, |(a, b)| self.plan.compare(index, a, b))
        };
        arrived.sort_unstable_by(|a, b| compare(*a, *b));
        let mut merged = Vec::with_capacity(self.matches.len() + arrived.len());
        let mut rest = self.matches.as_slice();
        for place in arrived {
            let (before, behind) = rest.split_at(rest.partition_point(|other| compare(*other, *place).is_lt()));
            merged.extend_from_slice(before);
            merged.push(*place);
            rest = behind;
        }
        merged.extend_from_slice(rest);
        self.matches = merged;
    }
}

/// The fewest splices that turn `before` into `after`. Rows whose place is in `changed` are told anew; the others stand in the same order in both.
fn splices(before: &[u32], after: &[u32], changed: &Places) -> Vec<Splice> {
    let kept_before = Places::of(before.iter().copied().filter(|place| !changed.has(*place)));
    let kept_after = Places::of(after.iter().copied().filter(|place| !changed.has(*place)));
    let stays = |place: u32| kept_before.has(place) && kept_after.has(place);
    let mut splices = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < before.len() || new < after.len() {
        let delete = before.iter().skip(old).take_while(|place| !stays(**place)).count();
        let insert: Vec<u32> = after
            .iter()
            .copied()
            .skip(new)
            .take_while(|place| !stays(*place))
            .collect();
        let inserted = insert.len();
        if delete > 0 || inserted > 0 {
            splices.push(Splice {
                index: new,
                delete,
                insert,
            });
        }
        // The row that ended both, if any, stays.
        old += delete + 1;
        new += inserted + 1;
    }
    splices
}

/// A set of places: a bit each.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<u64>);

impl Places {
    pub fn of(places: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = Vec::new();
        for place in places {
            let word = place as usize / 64;
            if word >= bits.len() {
                bits.resize(word + 1, 0);
            }
            bits[word] |= 1 << (place % 64);
        }
        Self(bits)
    }

    pub fn has(&self, place: u32) -> bool {
        self.0
            .get(place as usize / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}
