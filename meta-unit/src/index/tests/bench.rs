//! How fast the index is: `cargo test --release --lib -- --ignored --nocapture how_fast`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use avatar_proto::filter::Filter as FilterKind;
use avatar_proto::value::Kind;
use avatar_proto::{Compare, CompareOp, Filter, Order, Query, Value};

use crate::index::answer::rows_pages;
use crate::index::{FieldsBuilder, Index, IndexRow, IndexScalar, QueryPlan, Version};

/// Rows like those of notes, of about 500 bytes each.
pub fn rows(count: u32) -> Vec<IndexRow> {
    let body =
        "Lorem ipsum dolor sit amet, consectetur adipisici elit, sed eiusmod tempor incidunt ut labore. ".repeat(3);
    (0..count)
        .map(|number| {
            // A permutation of the numbers: rows come in no order.
            let mixed = number.wrapping_mul(0x9e37_79b9);
            let mut id = [0; 16];
            id[..4].copy_from_slice(&mixed.to_be_bytes());
            id[8..12].copy_from_slice(&number.to_be_bytes());
            let tags = ["inbox", "work", "a longer tag", "x"].map(|tag| Some(IndexScalar::String(tag)));
            let mut fields = FieldsBuilder::new();
            fields.scalar("body", IndexScalar::String(&body));
            fields.scalar("done", IndexScalar::Bool(mixed & 1 == 0));
            fields.scalar(
                "path",
                IndexScalar::String(&format!("node_modules/package-{mixed}/README.md")),
            );
            fields.scalar("rank", IndexScalar::Double(f64::from(mixed) / 7.0));
            fields.list("tags", tags.into_iter().take(1 + number as usize % 4));
            fields.scalar("title", IndexScalar::String(&format!("The title of note {mixed:010}")));
            let updated_ms = 1_700_000_000_000 + i64::from(mixed);
            IndexRow {
                id,
                type_name: "note".to_owned(),
                created_ms: updated_ms,
                updated_ms,
                version: Version::default(),
                fields: fields.finish(),
            }
        })
        .collect()
}

fn fastest<T>(mut run: impl FnMut() -> T) -> Duration {
    (0..10)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn order(field: &str, descending: bool) -> Vec<Order> {
    vec![Order {
        field: field.to_owned(),
        descending,
    }]
}

fn filter(field: &str, op: CompareOp, value: Kind) -> Option<Filter> {
    let values = vec![Value { kind: Some(value) }];
    let compare = Compare {
        field: field.to_owned(),
        op: op.into(),
        values,
    };
    Some(Filter {
        filter: Some(FilterKind::Compare(compare)),
    })
}

#[test]
#[ignore = "prints times"]
fn how_fast() {
    let text = |text: &str| Kind::String(text.to_owned());
    let note = || Query {
        r#type: "note".to_owned(),
        ..Query::default()
    };
    let queries = [
        (
            "newest 50",
            Query {
                order_by: order("updatedAt", true),
                limit: 50,
                ..note()
            },
        ),
        (
            "50 by title",
            Query {
                order_by: order("title", false),
                limit: 50,
                ..note()
            },
        ),
        (
            "all by title, titles only",
            Query {
                order_by: order("title", false),
                select: vec!["title".to_owned()],
                ..note()
            },
        ),
        ("all", note()),
        (
            "tag, newest 50",
            Query {
                r#where: filter("tags", CompareOp::Contains, text("work")),
                order_by: order("updatedAt", true),
                limit: 50,
                ..note()
            },
        ),
        (
            "part of body, 50 by title",
            Query {
                r#where: filter("body", CompareOp::Contains, text("tempora")),
                order_by: order("title", false),
                limit: 50,
                ..note()
            },
        ),
        (
            "done, rank over, 50 by rank",
            Query {
                r#where: filter("rank", CompareOp::Gt, Kind::Int(1_000)),
                order_by: order("rank", true),
                limit: 50,
                ..note()
            },
        ),
    ];
    for count in [10_000, 100_000] {
        let mut index = Index::new();
        let rows = rows(count);
        let upserts = Instant::now();
        rows.iter().for_each(|row| index.upsert(row));
        println!(
            "{count} rows: upserts {:?}, {} bytes",
            upserts.elapsed(),
            index.memory_bytes()
        );
        let segments = index.dump_segments(1 << 20);
        let load = fastest(|| {
            let mut index = Index::new();
            segments
                .iter()
                .try_for_each(|segment| index.load_segment(segment))
                .map(|()| index)
        });
        println!("  load {load:?}");
        for (name, query) in &queries {
            let plan = QueryPlan::compile(Some(query)).expect("the query is sound");
            let found = fastest(|| plan.run(&index));
            let answered = fastest(|| rows_pages(&index, &plan, |page, _| drop(black_box(page))));
            println!("  {name}: found in {found:?}, answered in {answered:?}");
        }
    }
}
