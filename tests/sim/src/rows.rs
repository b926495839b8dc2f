//! Rows and queries in the simplest way: what a full scan of the documents gives.

use std::cmp::Ordering;

use avatar_proto::filter::Filter as FilterKind;
use avatar_proto::value::Kind;
use avatar_proto::{Compare, CompareOp, Filter, ListValue, MapEntry, Order, Query, QueryDelta, Row, Value};

use crate::value::value;

/// query.proto: strings are cut at so many bytes, at a character.
const MAX_STRING_BYTES: usize = 256;

/// The fields of a document's row, and the names of those that are cut.
///
/// Documents of the workload stay within the other limits of a row: 64 fields, 256 items, 8 maps within maps.
pub fn project(document: &Value) -> (Vec<MapEntry>, Vec<String>) {
    let (mut fields, mut cut) = (Vec::new(), Vec::new());
    if let Some(Kind::Map(root)) = &document.kind {
        project_map("", &root.entries, &mut fields, &mut cut);
    }
    (fields, cut)
}

fn project_map(prefix: &str, entries: &[MapEntry], fields: &mut Vec<MapEntry>, cut: &mut Vec<String>) {
    for entry in entries {
        let name = format!("{prefix}{}", entry.key);
        let Some(kind) = entry.value.as_ref().and_then(|value| value.kind.as_ref()) else {
            continue;
        };
        let (projected, is_cut) = match kind {
            Kind::Map(inner) => {
                project_map(&format!("{name}."), &inner.entries, fields, cut);
                continue;
            }
            Kind::List(list) => {
                let items: Vec<(Option<Value>, bool)> = list.items.iter().map(scalar).collect();
                let is_cut = items.iter().any(|(item, is_cut)| item.is_none() || *is_cut);
                let items = items.into_iter().filter_map(|(item, _)| item).collect();
                (Some(value(Kind::List(ListValue { items }))), is_cut)
            }
            _ => scalar(&value(kind.clone())),
        };
        fields.push(MapEntry {
            key: name.clone(),
            value: projected,
        });
        if is_cut {
            cut.push(name);
        }
    }
}

/// A scalar as the index holds it, and whether it is cut; None for lists and maps.
fn scalar(original: &Value) -> (Option<Value>, bool) {
    match &original.kind {
        Some(Kind::String(text)) => {
            let kept = &text[..text.floor_char_boundary(MAX_STRING_BYTES)];
            (Some(value(Kind::String(kept.to_owned()))), kept.len() < text.len())
        }
        Some(Kind::List(_) | Kind::Map(_)) | None => (None, false),
        Some(_) => (Some(original.clone()), false),
    }
}

/// The rows that a query finds among these, and how many there are before limit and offset.
pub fn run(rows: &[Row], query: &Query) -> (Vec<Row>, usize) {
    let mut found: Vec<Row> = rows.iter().filter(|row| matches(query, row)).cloned().collect();
    found.sort_by(|a, b| compare_rows(&query.order_by, a, b));
    let total = found.len();
    let limit = match query.limit {
        0 => usize::MAX,
        limit => limit as usize,
    };
    (
        found.into_iter().skip(query.offset as usize).take(limit).collect(),
        total,
    )
}

/// Whether a row is one of those that the query asks for, before limit and offset.
pub fn matches(query: &Query, row: &Row) -> bool {
    (query.r#type.is_empty() || row.r#type == query.r#type)
        && query.r#where.as_ref().is_none_or(|filter| holds(filter, row))
}

/// Applies what a live query tells; None if it does not fit the rows.
pub fn apply_delta(rows: &mut Vec<Row>, delta: &QueryDelta) -> Option<()> {
    for splice in &delta.splices {
        let (at, end) = (splice.index as usize, splice.index as usize + splice.delete as usize);
        rows.get(at..end)?;
        rows.splice(at..end, splice.insert.iter().cloned());
    }
    Some(())
}

fn compare_rows(orders: &[Order], a: &Row, b: &Row) -> Ordering {
    let by_order = orders
        .iter()
        .map(|order| match (field(a, &order.field), field(b, &order.field)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if order.descending => compare(&b, &a),
            (Some(a), Some(b)) => compare(&a, &b),
        });
    let unequal = by_order.into_iter().find(|order| order.is_ne());
    unequal.unwrap_or_else(|| a.document_id.cmp(&b.document_id))
}

fn field(row: &Row, name: &str) -> Option<Kind> {
    match name {
        "id" => Some(Kind::Bytes(row.document_id.clone())),
        "type" => Some(Kind::String(row.r#type.clone())),
        "createdAt" => Some(Kind::TimestampMs(row.created_ms)),
        "updatedAt" => Some(Kind::TimestampMs(row.updated_ms)),
        _ => row.fields.iter().find(|entry| entry.key == name)?.value.clone()?.kind,
    }
}

/// The number of the kind in the documented order: null, booleans, numbers, strings, bytes, lists.
fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Null(_) => 1,
        Kind::Bool(_) => 2,
        Kind::Int(_) | Kind::Double(_) | Kind::TimestampMs(_) | Kind::Counter(_) => 3,
        Kind::String(_) => 4,
        Kind::Bytes(_) => 5,
        Kind::List(_) | Kind::Map(_) => 6,
    }
}

/// Numbers of the workload are small: as doubles they are exact.
fn number(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Int(int) | Kind::TimestampMs(int) | Kind::Counter(int) => Some(*int as f64),
        Kind::Double(double) => Some(*double),
        _ => None,
    }
}

fn compare(a: &Kind, b: &Kind) -> Ordering {
    same_kind(a, b).unwrap_or_else(|| rank(a).cmp(&rank(b)))
}

/// None for values of different kinds.
fn same_kind(a: &Kind, b: &Kind) -> Option<Ordering> {
    match (a, b) {
        (Kind::Null(_), Kind::Null(_)) => Some(Ordering::Equal),
        (Kind::Bool(a), Kind::Bool(b)) => Some(a.cmp(b)),
        (Kind::String(a), Kind::String(b)) => Some(a.cmp(b)),
        (Kind::Bytes(a), Kind::Bytes(b)) => Some(a.cmp(b)),
        (Kind::List(a), Kind::List(b)) => {
            let pairs = a.items.iter().zip(&b.items);
            let unequal = pairs
                .filter_map(|(a, b)| Some(compare(a.kind.as_ref()?, b.kind.as_ref()?)))
                .find(|order| order.is_ne());
            Some(unequal.unwrap_or(a.items.len().cmp(&b.items.len())))
        }
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

fn holds(filter: &Filter, row: &Row) -> bool {
    match &filter.filter {
        Some(FilterKind::And(list)) => list.filters.iter().all(|filter| holds(filter, row)),
        Some(FilterKind::Or(list)) => list.filters.iter().any(|filter| holds(filter, row)),
        Some(FilterKind::Not(filter)) => !holds(filter, row),
        Some(FilterKind::Compare(compare)) => compares(compare, row),
        None => true,
    }
}

fn compares(compare: &Compare, row: &Row) -> bool {
    let operands: Vec<&Kind> = compare.values.iter().filter_map(|value| value.kind.as_ref()).collect();
    let first = operands.first().copied();
    let Some(found) = field(row, &compare.field) else {
        return match compare.op() {
            CompareOp::Ne => true,
            CompareOp::Exists => first == Some(&Kind::Bool(false)),
            _ => false,
        };
    };
    let equals = |found: &Kind, operand: &Kind| {
        !matches!(found, Kind::List(_)) && same_kind(found, operand) == Some(Ordering::Equal)
    };
    let order = first.and_then(|operand| same_kind(&found, operand));
    match compare.op() {
        CompareOp::Eq => first.is_some_and(|operand| equals(&found, operand)),
        CompareOp::Ne => !first.is_some_and(|operand| equals(&found, operand)),
        CompareOp::Lt => order == Some(Ordering::Less),
        CompareOp::Lte => order.is_some_and(Ordering::is_le),
        CompareOp::Gt => order == Some(Ordering::Greater),
        CompareOp::Gte => order.is_some_and(Ordering::is_ge),
        CompareOp::In => operands.iter().any(|operand| equals(&found, operand)),
        CompareOp::Contains => match (&found, first) {
            (Kind::List(list), Some(operand)) => {
                let mut items = list.items.iter().filter_map(|item| item.kind.as_ref());
                items.any(|item| equals(item, operand))
            }
            (Kind::String(text), Some(Kind::String(part))) => text.contains(part.as_str()),
            _ => false,
        },
        CompareOp::Prefix => match (&found, first) {
            (Kind::String(text), Some(Kind::String(prefix))) => text.starts_with(prefix.as_str()),
            _ => false,
        },
        CompareOp::Exists => first == Some(&Kind::Bool(true)),
        CompareOp::Unspecified => false,
    }
}
