//! Random rows and queries: few names and few values, so that they meet.

use avatar_proto::filter::Filter as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{Compare, CompareOp, Filter, FilterList, Order, Query, Value};
use proptest::prelude::*;
use proptest::sample::select;

use crate::index::{DocId, FieldsBuilder, IndexRow, IndexScalar, Version};

/// One scalar of a document.
#[derive(Clone, Debug)]
pub enum TestScalar {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Timestamp(i64),
    Counter(i64),
}

impl TestScalar {
    pub fn lend(&self) -> IndexScalar<'_> {
        match self {
            TestScalar::Null => IndexScalar::Null,
            TestScalar::Bool(value) => IndexScalar::Bool(*value),
            TestScalar::Int(value) => IndexScalar::Int(*value),
            TestScalar::Double(value) => IndexScalar::Double(*value),
            TestScalar::Text(value) => IndexScalar::String(value),
            TestScalar::Bytes(value) => IndexScalar::Bytes(value),
            TestScalar::Timestamp(value) => IndexScalar::TimestampMs(*value),
            TestScalar::Counter(value) => IndexScalar::Counter(*value),
        }
    }

    fn value(self) -> Value {
        let kind = match self {
            TestScalar::Null => ValueKind::Null(true),
            TestScalar::Bool(value) => ValueKind::Bool(value),
            TestScalar::Int(value) => ValueKind::Int(value),
            TestScalar::Double(value) => ValueKind::Double(value),
            TestScalar::Text(value) => ValueKind::String(value),
            TestScalar::Bytes(value) => ValueKind::Bytes(value),
            TestScalar::Timestamp(value) => ValueKind::TimestampMs(value),
            TestScalar::Counter(value) => ValueKind::Counter(value),
        };
        Value { kind: Some(kind) }
    }
}

/// One field of a document.
#[derive(Clone, Debug)]
pub enum TestField {
    One(TestScalar),
    Many(Vec<TestScalar>),
}

pub fn scalar() -> impl Strategy<Value = TestScalar> {
    prop_oneof![
        Just(TestScalar::Null),
        any::<bool>().prop_map(TestScalar::Bool),
        (-3_i64..4).prop_map(TestScalar::Int),
        (-6_i32..7).prop_map(|halves| TestScalar::Double(f64::from(halves) / 2.0)),
        Just(TestScalar::Double(f64::NAN)),
        text().prop_map(TestScalar::Text),
        prop::collection::vec(0_u8..3, 0..3).prop_map(TestScalar::Bytes),
        Just(TestScalar::Bytes(vec![1; 257])),
        (-3_i64..4).prop_map(TestScalar::Timestamp),
        (-3_i64..4).prop_map(TestScalar::Counter),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abé]{0,3}",
        1 => select(vec!["a".repeat(253), "a".repeat(256), "a".repeat(257), "a".repeat(300), "é".repeat(129), format!("{}b", "a".repeat(20))]),
        1 => Just(format!("{}😀", "a".repeat(253))),
    ]
}

fn field() -> impl Strategy<Value = TestField> {
    prop_oneof![
        3 => scalar().prop_map(TestField::One),
        1 => prop::collection::vec(scalar(), 0..4).prop_map(TestField::Many),
    ]
}

pub fn names() -> Vec<&'static str> {
    vec!["title", "tags", "author.name", "n"]
}

fn field_name() -> impl Strategy<Value = &'static str> {
    select([names(), vec!["id", "type", "createdAt", "updatedAt", "nothing"]].concat())
}

/// The id with this number. Ids of neighbouring numbers are far apart in order.
pub fn id(number: u8) -> DocId {
    let mut id = [0x11; 16];
    id[0] = number.wrapping_mul(37);
    id
}

pub fn row_of(id: DocId) -> impl Strategy<Value = IndexRow> {
    let fields = prop::collection::btree_map(select(names()), field(), 0..4);
    (select(vec!["note", "task"]), -3_i64..4, -3_i64..4, version(), fields).prop_map(
        move |(kind, created_ms, updated_ms, version, fields)| {
            let mut builder = FieldsBuilder::new();
            for (name, field) in &fields {
                match field {
                    TestField::One(scalar) => builder.scalar(name, scalar.lend()),
                    TestField::Many(scalars) => builder.list(name, scalars.iter().map(|scalar| Some(scalar.lend()))),
                }
            }
            IndexRow {
                id,
                type_name: kind.to_owned(),
                created_ms,
                updated_ms,
                version,
                fields: builder.finish(),
            }
        },
    )
}

fn version() -> impl Strategy<Value = Version> {
    (0_u64..300, prop::option::of(any::<[u8; 16]>())).prop_map(|(last_record, digest)| Version { last_record, digest })
}

/// A row with one of 30 ids.
pub fn row() -> impl Strategy<Value = IndexRow> {
    (0_u8..30).prop_flat_map(|number| row_of(id(number)))
}

/// Rows with different ids.
pub fn rows() -> impl Strategy<Value = Vec<IndexRow>> {
    prop::collection::vec(row(), 0..40).prop_map(|rows| {
        let by_id: std::collections::BTreeMap<DocId, IndexRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        by_id.into_values().collect()
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let ops = vec![
        CompareOp::Eq,
        CompareOp::Ne,
        CompareOp::Lt,
        CompareOp::Lte,
        CompareOp::Gt,
        CompareOp::Gte,
        CompareOp::In,
        CompareOp::Contains,
        CompareOp::Prefix,
        CompareOp::Exists,
    ];
    (
        field_name(),
        select(ops),
        prop::collection::vec(scalar(), 1..12),
        text(),
        any::<bool>(),
        0_u8..30,
    )
        .prop_map(|(field, op, scalars, text, flag, number)| {
            let mut values: Vec<Value> = match op {
                CompareOp::Prefix => vec![TestScalar::Text(text).value()],
                CompareOp::Exists => vec![TestScalar::Bool(flag).value()],
                _ if field == "id" => vec![TestScalar::Bytes(id(number).to_vec()).value()],
                _ => scalars.into_iter().map(TestScalar::value).collect(),
            };
            if field == "type" && op == CompareOp::Eq {
                values = vec![TestScalar::Text("note".to_owned()).value()];
            }
            if op != CompareOp::In {
                values.truncate(1);
            }
            Compare {
                field: field.to_owned(),
                op: op.into(),
                values,
            }
        })
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = compare().prop_map(|compare| Filter {
        filter: Some(Kind::Compare(compare)),
    });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|filters| FilterList { filters });
        prop_oneof![
            list.clone().prop_map(Kind::And),
            list.prop_map(Kind::Or),
            inner.prop_map(|filter| Kind::Not(Box::new(filter))),
        ]
        .prop_map(|kind| Filter { filter: Some(kind) })
    })
}

fn order() -> impl Strategy<Value = Order> {
    (field_name(), any::<bool>()).prop_map(|(field, descending)| Order {
        field: field.to_owned(),
        descending,
    })
}

pub fn query() -> impl Strategy<Value = Query> {
    (
        select(vec!["", "", "note", "unheard-of"]),
        prop::option::of(filter()),
        prop::collection::vec(order(), 0..3),
        0_u32..12,
        0_u32..6,
        prop::collection::vec(select(vec!["title", "author", "n", "id"]), 0..3),
    )
        .prop_map(|(kind, filter, order_by, limit, offset, selected)| Query {
            r#type: kind.to_owned(),
            r#where: filter,
            order_by,
            limit,
            offset,
            select: selected.into_iter().map(str::to_owned).collect(),
        })
}
