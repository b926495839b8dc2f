//! What must hold whenever nothing is under way: the unit's documents, its index, its queries and its clients' views all say the same, and it is what was asked for.

use std::collections::BTreeMap;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    DocAt, DocHistory, DocOpen, DocOpened, ErrorCode, IndexRebuild, Message, Query, QueryRun, Request, Response, Row,
    StatusGet, StatusResult, Value,
};

use crate::random::Dice;
use crate::rows;
use crate::truth::{DocId, is_projection};
use crate::value;
use crate::violation::{Broken, Violation, hold};
use crate::workload;
use crate::world::World;

/// Random queries at each check.
const QUERIES: usize = 3;

/// Index segments at most: a merge begins at 32, and waits for as many more after it failed.
const MAX_SEGMENTS: u32 = 128;

/// The linear memory of a unit with a few dozen documents, at most.
const MAX_MEMORY_BYTES: u64 = 64 * 1024 * 1024;

/// Checks every unit of a settled world.
///
/// # Errors
/// A broken promise.
pub fn check(world: &mut World, dice: &mut Dice) -> Result<(), Violation> {
    for unit in 0..world.units() {
        let rows = all_rows(world, unit)?;
        let status = status(world, unit)?;
        at(world, unit, |world| check_rows(world, unit, &rows))?;
        at(world, unit, |world| check_live_queries(world, unit, &rows))?;
        for _ in 0..QUERIES {
            check_query(world, unit, &rows, workload::query(dice, true))?;
        }
        check_documents(world, unit, &rows)?;
        at(world, unit, |world| check_status(world, unit, &status, rows.len()))?;
        check_rebuild(world, unit, &rows)?;
    }
    Ok(())
}

fn at(world: &World, unit: usize, check: impl FnOnce(&World) -> Result<(), Broken>) -> Result<(), Violation> {
    check(world).map_err(|broken| broken.at(world.now_us, unit))
}

pub(crate) fn ask(
    world: &mut World,
    unit: usize,
    ask: Ask,
    is_enough: impl Fn(&Response) -> bool,
) -> Result<Vec<Answer>, Violation> {
    let request = Request { request: Some(ask) }.encode_to_vec();
    let answers = world.ask(unit, &request, is_enough)?;
    Ok(answers.into_iter().filter_map(|answer| answer.response).collect())
}

fn unexpected(world: &World, unit: usize, answers: &[Answer]) -> Violation {
    Broken::new("a settled unit answers what it is asked", format!("{answers:?}")).at(world.now_us, unit)
}

fn query_rows(world: &mut World, unit: usize, query: Query) -> Result<(Vec<Row>, usize), Violation> {
    let run = QueryRun { query: Some(query) };
    let answers = ask(world, unit, Ask::QueryRun(run), |_| false)?;
    let (mut rows, mut total) = (Vec::new(), 0);
    for answer in &answers {
        let Answer::QueryRows(page) = answer else {
            return Err(unexpected(world, unit, &answers));
        };
        rows.extend(page.rows.iter().cloned());
        total = page.total as usize;
    }
    Ok((rows, total))
}

pub(crate) fn all_rows(world: &mut World, unit: usize) -> Result<Vec<Row>, Violation> {
    Ok(query_rows(world, unit, Query::default())?.0)
}

fn status(world: &mut World, unit: usize) -> Result<StatusResult, Violation> {
    let answers = ask(world, unit, Ask::StatusGet(StatusGet {}), |_| false)?;
    match answers.as_slice() {
        [Answer::Status(status)] => Ok(status.clone()),
        _ => Err(unexpected(world, unit, &answers)),
    }
}

fn check_rows(world: &World, unit: usize, rows: &[Row]) -> Result<(), Broken> {
    let truth = world.truth(unit);
    truth.check_rows(&truth.bounds(), rows, |_| true, true)?;
    for (id, document) in truth.alive() {
        let row = rows.iter().find(|row| row.document_id == id);
        hold(row.is_some(), "every acknowledged document is there", || {
            format!("{id:02x?} is missing")
        })?;
        // Only what is asked for and never promised may be there or not; and everything was promised.
        if let (Some(row), false) = (row, document.is_shared) {
            document.check_row(document.asked_seq(), row)?;
        }
    }
    Ok(())
}

fn check_status(world: &World, unit: usize, status: &StatusResult, documents: usize) -> Result<(), Broken> {
    const PROMISE: &str = "a status counts what there is, and nothing grows without bound";
    let clients = world.clients(unit);
    let views: usize = clients.iter().map(|client| client.views()).sum();
    let live_queries = clients.iter().filter(|client| client.live().is_some()).count();
    let is_right = status.documents as usize == documents
        && status.pending_writes == 0
        && status.views as usize == views
        && status.live_queries as usize == live_queries
        && status.loaded_documents <= 512
        && status.index_segments <= MAX_SEGMENTS
        && status.memory_bytes <= MAX_MEMORY_BYTES;
    hold(is_right, PROMISE, || {
        format!("{documents} documents, {views} views, {live_queries} live queries: {status:?}")
    })
}

fn check_live_queries(world: &World, unit: usize, rows: &[Row]) -> Result<(), Broken> {
    const PROMISE: &str = "a live query has what the query gives";
    for client in world.clients(unit) {
        if let Some((query, live)) = client.live() {
            let (expected, _) = rows::run(rows, query);
            hold(expected == live, PROMISE, || {
                format!("{query:?}: {live:?}, and not {expected:?}")
            })?;
        }
    }
    Ok(())
}

fn check_query(world: &mut World, unit: usize, rows: &[Row], query: Query) -> Result<(), Violation> {
    const PROMISE: &str = "a query gives what a scan of all rows gives";
    let found = query_rows(world, unit, query.clone())?;
    let expected = rows::run(rows, &query);
    at(world, unit, |_| {
        hold(found == expected, PROMISE, || {
            format!("{query:?}: {found:?}, and not {expected:?}")
        })
    })
}

/// A document as a new client finds it.
fn open(world: &mut World, unit: usize, id: DocId) -> Result<(DocOpened, Value), Violation> {
    let found = find(world, unit, id)?;
    found.ok_or_else(|| Broken::new("a document that has a row opens", format!("{id:02x?}")).at(world.now_us, unit))
}

/// The same, if there is one.
pub(crate) fn find(world: &mut World, unit: usize, id: DocId) -> Result<Option<(DocOpened, Value)>, Violation> {
    let request = Ask::DocOpen(DocOpen {
        document_id: id.to_vec(),
        // No client has it.
        session: vec![0xff; 16],
    });
    let answers = ask(world, unit, request, is_last_page)?;
    match answers.split_first() {
        Some((Answer::DocOpened(opened), pages)) => match snapshot(pages) {
            Some(shown) => Ok(Some((opened.clone(), shown))),
            None => Err(unexpected(world, unit, &answers)),
        },
        Some((Answer::Error(error), _)) if error.code() == ErrorCode::NotFound => Ok(None),
        _ => Err(unexpected(world, unit, &answers)),
    }
}

pub(crate) fn is_last_page(response: &Response) -> bool {
    matches!(&response.response, Some(Answer::SnapshotPage(page)) if page.last)
}

pub(crate) fn snapshot(pages: &[Answer]) -> Option<Value> {
    let mut tokens = Vec::new();
    for page in pages {
        let Answer::SnapshotPage(page) = page else { return None };
        tokens.extend(page.tokens.iter().cloned());
    }
    value::build(tokens)
}

fn check_documents(world: &mut World, unit: usize, rows: &[Row]) -> Result<(), Violation> {
    let alive: Vec<DocId> = world.truth(unit).alive().map(|(id, _)| *id).collect();
    for (count, id) in alive.into_iter().enumerate() {
        let (opened, shown) = open(world, unit, id)?;
        at(world, unit, |world| {
            check_document(world, unit, id, &opened, &shown, rows)
        })?;
        // The way back through the history costs more: for some.
        if count % 8 == 0 {
            check_history(world, unit, id, &shown)?;
        }
    }
    Ok(())
}

fn check_document(
    world: &World,
    unit: usize,
    id: DocId,
    opened: &DocOpened,
    shown: &Value,
    rows: &[Row],
) -> Result<(), Broken> {
    if let Some(document) = world.truth(unit).documents.get(&id) {
        document.check_value(document.asked_seq(), shown)?;
    }
    let row = rows.iter().find(|row| row.document_id == id);
    let is_same = row.is_some_and(|row| {
        is_projection(shown, &row.fields, &row.cut)
            && row.updated_ms == opened.updated_ms
            && row.created_ms == opened.created_ms
    });
    hold(is_same, "the index equals a full scan", || {
        format!("{shown:?}, and the row is {row:?}")
    })?;
    let others = world.clients(unit).iter().flat_map(|client| client.values());
    let other = others
        .filter(|(other, _)| **other == id)
        .find(|(_, value)| *value != shown);
    hold(
        other.is_none(),
        "clients that have heard everything have the same",
        || format!("{shown:?}, and a client has {other:?}"),
    )
}

fn check_history(world: &mut World, unit: usize, id: DocId, shown: &Value) -> Result<(), Violation> {
    const PROMISE: &str = "the last state of a document's history is the document";
    let history = Ask::DocHistory(DocHistory {
        document_id: id.to_vec(),
        limit: 1000,
        offset: 0,
    });
    let answers = ask(world, unit, history, |_| false)?;
    let [Answer::DocHistory(history)] = answers.as_slice() else {
        return Err(unexpected(world, unit, &answers));
    };
    // A document without any change, and one whose branches nobody has joined yet, have no single last state.
    let is_linear = history.changes.windows(2).all(|pair| pair[0].actor == pair[1].actor);
    let Some(last) = history.changes.first().filter(|_| is_linear) else {
        return Ok(());
    };
    let is_last_of_all = world
        .truth(unit)
        .documents
        .get(&id)
        .is_some_and(|document| !document.is_shared);
    if !is_last_of_all {
        return Ok(());
    }
    let back = Ask::DocAt(DocAt {
        document_id: id.to_vec(),
        heads: last.heads.clone(),
    });
    let pages = ask(world, unit, back, is_last_page)?;
    let then = snapshot(&pages);
    at(world, unit, |_| {
        hold(then.as_ref() == Some(shown), PROMISE, || {
            format!("{shown:?}, and then {then:?}")
        })
    })
}

fn check_rebuild(world: &mut World, unit: usize, before: &[Row]) -> Result<(), Violation> {
    const PROMISE: &str = "an index made again from the documents is the same";
    let answers = ask(world, unit, Ask::IndexRebuild(IndexRebuild {}), |_| false)?;
    if !matches!(answers.as_slice(), [Answer::Done(_)]) {
        return Err(unexpected(world, unit, &answers));
    }
    let after = all_rows(world, unit)?;
    at(world, unit, |world| {
        let truth = world.truth(unit);
        // Damaged documents are left out when the index is made again.
        let whole = |rows: &[Row]| -> BTreeMap<Vec<u8>, Row> {
            let is_whole = |row: &&Row| {
                let id = DocId::try_from(row.document_id.as_slice()).unwrap_or_default();
                truth.documents.get(&id).is_some_and(|document| !document.is_damaged)
            };
            rows.iter()
                .filter(is_whole)
                .map(|row| (row.document_id.clone(), row.clone()))
                .collect()
        };
        let (before, after) = (whole(before), whole(&after));
        hold(before == after, PROMISE, || format!("{before:?}, and then {after:?}"))
    })
}
