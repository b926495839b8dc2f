//! The answers to queries, written as encoded `Response`s: rows are copied as they are stored, never decoded.

use super::Index;
use super::query::{Found, QueryPlan};
use super::wire::{put_bytes, put_uint, tag};

/// The largest answer, in bytes. One row always fits: [`MAX_ROW_BYTES`](super::MAX_ROW_BYTES).
pub const MAX_PAGE_BYTES: usize = 64 * 1024;

/// What an answer takes beside its rows and splices, at most.
const PAGE_OVERHEAD_BYTES: usize = 64;

/// Evaluates a query; each page of rows, an encoded `Response`, is handed to `page` with whether it is the last.
pub fn rows_pages(index: &Index, plan: &QueryPlan, page: impl FnMut(Vec<u8>, bool)) {
    let found = plan.run(index);
    write_rows(index, plan, &found, page);
}

/// Writes pages of rows.
pub(super) fn write_rows(index: &Index, plan: &QueryPlan, found: &Found, mut page: impl FnMut(Vec<u8>, bool)) {
    let mut body = Vec::new();
    let mut row_bytes = Vec::new();
    for place in &found.places {
        row_bytes.clear();
        write_row(&mut row_bytes, index, plan, *place);
        if body.len() + row_bytes.len() + PAGE_OVERHEAD_BYTES > MAX_PAGE_BYTES {
            page(rows_response(&mut body, found.total, false), false);
        }
        put_bytes(&mut body, tag::ROWS_ROW, &row_bytes);
    }
    page(rows_response(&mut body, found.total, true), true);
}

fn rows_response(body: &mut Vec<u8>, total: usize, last: bool) -> Vec<u8> {
    put_uint(body, tag::ROWS_TOTAL, total as u64);
    if last {
        put_uint(body, tag::ROWS_LAST, 1);
    }
    response(tag::RESPONSE_QUERY_ROWS, body)
}

/// The response that has `body` as its only field; empties `body`.
fn response(tag: u8, body: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 8);
    put_bytes(&mut out, tag, body);
    body.clear();
    out
}

/// Replaces `delete` rows from `index` on by the rows at `insert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub index: usize,
    pub delete: usize,
    pub insert: Vec<u32>,
}

/// Writes splices as one delta, or as several where one would be too large: applied one after another, they lead to the same rows.
pub(super) fn write_delta(
    index: &Index,
    plan: &QueryPlan,
    splices: &[Splice],
    total: usize,
    mut delta: impl FnMut(Vec<u8>),
) {
    let mut body = Vec::new();
    let mut row_bytes = Vec::new();
    let mut inserts = Vec::new();
    for splice in splices {
        let (mut at, mut delete, mut inserted) = (splice.index, splice.delete, 0);
        for place in &splice.insert {
            row_bytes.clear();
            write_row(&mut row_bytes, index, plan, *place);
            if body.len() + inserts.len() + row_bytes.len() + PAGE_OVERHEAD_BYTES > MAX_PAGE_BYTES {
                if inserted > 0 {
                    put_splice(&mut body, at, delete, &mut inserts);
                    at += inserted;
                    (delete, inserted) = (0, 0);
                }
                delta(delta_response(&mut body, total));
            }
            put_bytes(&mut inserts, tag::SPLICE_INSERT, &row_bytes);
            inserted += 1;
        }
        put_splice(&mut body, at, delete, &mut inserts);
        if body.len() + PAGE_OVERHEAD_BYTES > MAX_PAGE_BYTES {
            delta(delta_response(&mut body, total));
        }
    }
    // A change may concern the total alone.
    if !body.is_empty() || splices.is_empty() {
        delta(delta_response(&mut body, total));
    }
}

fn put_splice(body: &mut Vec<u8>, index: usize, delete: usize, inserts: &mut Vec<u8>) {
    let mut splice = Vec::with_capacity(inserts.len() + 16);
    put_uint(&mut splice, tag::SPLICE_INDEX, index as u64);
    put_uint(&mut splice, tag::SPLICE_DELETE, delete as u64);
    splice.append(inserts);
    put_bytes(body, tag::DELTA_SPLICE, &splice);
}

fn delta_response(body: &mut Vec<u8>, total: usize) -> Vec<u8> {
    put_uint(body, tag::DELTA_TOTAL, total as u64);
    response(tag::RESPONSE_QUERY_DELTA, body)
}

/// Appends an encoded `Row` with the fields that the query selects.
fn write_row(out: &mut Vec<u8>, index: &Index, plan: &QueryPlan, place: u32) {
    // A place that has no row any more cannot be in a result.
    let Some(row) = index.row(place) else { return };
    if plan.select.is_empty() {
        out.extend_from_slice(row.bytes());
        return;
    }
    out.extend_from_slice(row.head_bytes());
    for field in row.fields().filter(|field| is_selected(&plan.select, field.name)) {
        put_bytes(out, tag::ROW_FIELD, field.entry);
    }
    for name in row.cut().filter(|name| is_selected(&plan.select, name)) {
        put_bytes(out, tag::ROW_CUT, name);
    }
}

/// Selected is a field by its name, or by that of a map around it.
fn is_selected(select: &[Box<[u8]>], name: &[u8]) -> bool {
    select.iter().any(|selected| {
        name.strip_prefix(selected.as_ref())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
    })
}
