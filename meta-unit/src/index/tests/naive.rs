//! Queries over decoded rows, evaluated in the simplest way.

use std::cmp::Ordering;

use avatar_proto::filter::Filter as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{Compare, CompareOp, Filter, MapEntry, Message, Order, Query, Row, Value};

use crate::index::IndexRow;

/// The rows that the query finds, and how many there are before limit and offset.
pub fn run(rows: &[IndexRow], query: &Query) -> (Vec<Row>, usize) {
    let mut found: Vec<Row> = rows
        .iter()
        .map(|row| Row::decode(row.encode().as_slice()).expect("rows are encoded as `Row`"))
        .filter(|row| query.r#type.is_empty() || row.r#type == query.r#type)
        .filter(|row| query.r#where.as_ref().is_none_or(|filter| holds(filter, row)))
        .collect();
    found.sort_by(|a, b| compare_rows(&query.order_by, a, b));
    let total = found.len();
    let limit = if query.limit == 0 {
        usize::MAX
    } else {
        query.limit as usize
    };
    let rows = found
        .into_iter()
        .skip(query.offset as usize)
        .take(limit)
        .map(|row| selected(row, query))
        .collect();
    (rows, total)
}

fn selected(mut row: Row, query: &Query) -> Row {
    let is_selected = |name: &String| {
        query.select.is_empty()
            || query
                .select
                .iter()
                .any(|selected| name == selected || name.starts_with(&format!("{selected}.")))
    };
    row.fields.retain(|field| is_selected(&field.key));
    row.cut.retain(is_selected);
    row
}

fn compare_rows(orders: &[Order], a: &Row, b: &Row) -> Ordering {
    for order in orders {
        let by_field = match (value(a, &order.field), value(b, &order.field)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if order.descending => total_order(&b, &a),
            (Some(a), Some(b)) => total_order(&a, &b),
        };
        if by_field != Ordering::Equal {
            return by_field;
        }
    }
    a.document_id.cmp(&b.document_id)
}

fn value(row: &Row, field: &str) -> Option<ValueKind> {
    match field {
        "id" => Some(ValueKind::Bytes(row.document_id.clone())),
        "type" => Some(ValueKind::String(row.r#type.clone())),
        "createdAt" => Some(ValueKind::TimestampMs(row.created_ms)),
        "updatedAt" => Some(ValueKind::TimestampMs(row.updated_ms)),
        _ => row
            .fields
            .iter()
            .find(|entry| entry.key == field)
            .map(|MapEntry { value, .. }| kind(value.as_ref())),
    }
}

fn kind(value: Option<&Value>) -> ValueKind {
    value
        .and_then(|value| value.kind.clone())
        .expect("values are of a kind")
}

/// The number of the kind in the documented order.
fn rank(kind: &ValueKind) -> u8 {
    match kind {
        ValueKind::Null(_) => 1,
        ValueKind::Bool(_) => 2,
        ValueKind::Int(_) | ValueKind::Double(_) | ValueKind::TimestampMs(_) | ValueKind::Counter(_) => 3,
        ValueKind::String(_) => 4,
        ValueKind::Bytes(_) => 5,
        ValueKind::List(_) => 6,
        ValueKind::Map(_) => unreachable!("no maps in rows"),
    }
}

/// The random numbers are small: as doubles they are exact.
fn number(kind: &ValueKind) -> f64 {
    match kind {
        ValueKind::Int(int) | ValueKind::TimestampMs(int) | ValueKind::Counter(int) => *int as f64,
        ValueKind::Double(double) => *double,
        _ => unreachable!("no number"),
    }
}

fn total_order(a: &ValueKind, b: &ValueKind) -> Ordering {
    partial_order(a, b).unwrap_or_else(|| match rank(a).cmp(&rank(b)) {
        Ordering::Equal => number(a).is_nan().cmp(&number(b).is_nan()),
        unequal => unequal,
    })
}

fn partial_order(a: &ValueKind, b: &ValueKind) -> Option<Ordering> {
    match (a, b) {
        (ValueKind::Null(_), ValueKind::Null(_)) => Some(Ordering::Equal),
        (ValueKind::Bool(a), ValueKind::Bool(b)) => Some(a.cmp(b)),
        (ValueKind::String(a), ValueKind::String(b)) => Some(a.chars().cmp(b.chars())),
        (ValueKind::Bytes(a), ValueKind::Bytes(b)) => Some(a.cmp(b)),
        (ValueKind::List(a), ValueKind::List(b)) => {
            let items = a
                .items
                .iter()
                .zip(&b.items)
                .map(|(a, b)| total_order(&kind(Some(a)), &kind(Some(b))));
            let unequal = items.into_iter().find(|order| order.is_ne());
            Some(unequal.unwrap_or(a.items.len().cmp(&b.items.len())))
        }
        _ if rank(a) == 3 && rank(b) == 3 => number(a).partial_cmp(&number(b)),
        _ => None,
    }
}

fn holds(filter: &Filter, row: &Row) -> bool {
    match filter.filter.as_ref().expect("a filter is of a kind") {
        Kind::And(list) => list.filters.iter().all(|filter| holds(filter, row)),
        Kind::Or(list) => list.filters.iter().any(|filter| holds(filter, row)),
        Kind::Not(filter) => !holds(filter, row),
        Kind::Compare(compare) => compares(compare, row),
    }
}

fn compares(compare: &Compare, row: &Row) -> bool {
    let cut = row.cut.contains(&compare.field);
    let operands: Vec<ValueKind> = compare.values.iter().map(|value| kind(Some(value))).collect();
    let Some(value) = value(row, &compare.field) else {
        return match compare.op() {
            CompareOp::Ne => true,
            CompareOp::Exists => operands == [ValueKind::Bool(false)],
            _ => false,
        };
    };
    let equal = |value: &ValueKind, operand: &ValueKind| {
        let len = match value {
            ValueKind::String(text) => text.len(),
            ValueKind::Bytes(bytes) => bytes.len(),
            ValueKind::List(_) => return false,
            _ => 0,
        };
        partial_order(value, operand) == Some(Ordering::Equal) && !(cut && len > 252)
    };
    let order = partial_order(&value, &operands[0]);
    match compare.op() {
        CompareOp::Eq => equal(&value, &operands[0]),
        CompareOp::Ne => !equal(&value, &operands[0]),
        CompareOp::Lt => order == Some(Ordering::Less),
        CompareOp::Lte => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Gt => order == Some(Ordering::Greater),
        CompareOp::Gte => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        CompareOp::In => operands.iter().any(|operand| equal(&value, operand)),
        CompareOp::Contains => match (&value, &operands[0]) {
            (ValueKind::List(list), operand) => list.items.iter().any(|item| equal(&kind(Some(item)), operand)),
            (ValueKind::String(text), ValueKind::String(part)) => text.contains(part.as_str()),
            _ => false,
        },
        CompareOp::Prefix => match (&value, &operands[0]) {
            (ValueKind::String(text), ValueKind::String(prefix)) => text.starts_with(prefix.as_str()),
            _ => false,
        },
        CompareOp::Exists => operands == [ValueKind::Bool(true)],
        CompareOp::Unspecified => unreachable!("no such comparison is made"),
    }
}
