//! What queries promise.

use avatar_proto::filter::Filter as Kind;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{
    Compare, CompareOp, ErrorCode, Filter, FilterList, ListValue, Message, Order, Query, Response, Row, Value,
};
use proptest::prelude::*;

use super::{index_of, naive, random};
use crate::index::answer::{MAX_PAGE_BYTES, rows_pages};
use crate::index::{FieldsBuilder, Index, IndexRow, IndexScalar, QueryError, QueryPlan, Version};

/// The answer to a query, decoded by the generated code.
fn ask(index: &Index, query: &Query) -> (Vec<Row>, usize) {
    let plan = QueryPlan::compile(Some(query)).expect("the query is sound");
    let mut rows = Vec::new();
    let mut total = None;
    let mut lasts = Vec::new();
    rows_pages(index, &plan, |page, is_last| {
        assert!(page.len() <= MAX_PAGE_BYTES, "{} bytes", page.len());
        let Some(Answer::QueryRows(page)) = Response::decode(page.as_slice()).expect("a response").response else {
            panic!("other than rows");
        };
        assert_eq!(page.last, is_last);
        assert!(*total.get_or_insert(page.total) == page.total);
        rows.extend(page.rows);
        lasts.push(is_last);
    });
    assert_eq!(
        lasts.iter().rposition(|last| !last).map_or(0, |at| at + 1),
        lasts.len() - 1,
        "one last page, at the end"
    );
    (rows, total.expect("at least one page") as usize)
}

/// NaN is not equal to itself, so rows are compared as bytes.
fn bytes(rows: &[Row]) -> Vec<Vec<u8>> {
    rows.iter().map(Message::encode_to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_query_finds_what_a_naive_evaluation_finds(rows in random::rows(), query in random::query()) {
        let (found, total) = ask(&index_of(&rows), &query);
        let (expected, expected_total) = naive::run(&rows, &query);
        prop_assert_eq!(bytes(&found), bytes(&expected));
        prop_assert_eq!(total, expected_total);
    }

    #[test]
    fn pages_by_offset_and_limit_join_without_gap_or_repetition(rows in random::rows(), query in random::query(), step in 1_u32..5) {
        let index = index_of(&rows);
        let all = ask(&index, &Query { limit: 0, offset: 0, ..query.clone() }).0;
        let mut joined = Vec::new();
        for offset in (0..=rows.len() as u32).step_by(step as usize) {
            joined.extend(ask(&index, &Query { limit: step, offset, ..query.clone() }).0);
        }
        prop_assert_eq!(bytes(&joined), bytes(&all));
    }
}

fn number_row(number: u32) -> IndexRow {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
    id[4..8].copy_from_slice(&number.to_be_bytes());
    let mut fields = FieldsBuilder::new();
    fields.scalar("n", IndexScalar::Int(i64::from(number)));
    fields.scalar("group", IndexScalar::Int(i64::from(number % 10)));
    IndexRow {
        id,
        type_name: "n".to_owned(),
        created_ms: 0,
        updated_ms: 0,
        version: Version::default(),
        fields: fields.finish(),
    }
}

#[test]
fn the_first_of_many_rows_are_the_first_of_the_whole_order() {
    let rows: Vec<IndexRow> = (0..3_000).map(number_row).collect();
    let index = index_of(&rows);
    for descending in [false, true] {
        let by_n = Order {
            field: "n".to_owned(),
            descending,
        };
        let by_group = Order {
            field: "group".to_owned(),
            descending,
        };
        for order_by in [vec![], vec![by_n.clone()], vec![by_group.clone()], vec![by_group, by_n]] {
            for (limit, offset) in [
                (1, 0),
                (7, 0),
                (50, 100),
                (1_000, 2_900),
                (3_000, 0),
                (0, 17),
                (u32::MAX, u32::MAX),
            ] {
                let query = Query {
                    order_by: order_by.clone(),
                    limit,
                    offset,
                    ..Query::default()
                };
                let (expected, total) = naive::run(&rows, &query);
                assert_eq!(ask(&index, &query), (expected, total), "{query:?}");
            }
        }
    }
}

#[test]
fn answers_come_in_pages_of_bounded_size_even_for_the_largest_rows() {
    let text = "x".repeat(1_000);
    let rows: Vec<IndexRow> = (0..20)
        .map(|number| {
            let mut fields = FieldsBuilder::new();
            fields.list("a list", std::iter::repeat_n(Some(IndexScalar::String(&text)), 1_000));
            for field in 0..100 {
                fields.scalar(&format!("{field:0128}"), IndexScalar::String(&text));
            }
            IndexRow {
                type_name: "t".repeat(128),
                fields: fields.finish(),
                ..number_row(number)
            }
        })
        .collect();
    let query = Query::default();
    assert_eq!(ask(&index_of(&rows), &query), naive::run(&rows, &query));
}

#[test]
fn an_empty_result_is_one_page() {
    assert_eq!(ask(&Index::new(), &Query::default()), (vec![], 0));
}

fn compare(field: &str, op: i32, kinds: Vec<Option<ValueKind>>) -> Filter {
    let values = kinds.into_iter().map(|kind| Value { kind }).collect();
    Filter {
        filter: Some(Kind::Compare(Compare {
            field: field.to_owned(),
            op,
            values,
        })),
    }
}

fn error(filter: Filter) -> QueryError {
    QueryPlan::compile(Some(&Query {
        r#where: Some(filter),
        ..Query::default()
    }))
    .expect_err("the filter is bad")
}

#[test]
fn bad_queries_are_typed_errors() {
    let one = || vec![Some(ValueKind::Int(1))];
    assert_eq!(error(Filter { filter: None }), QueryError::UnknownFilter);
    assert_eq!(error(compare("n", 99, one())), QueryError::UnknownOperator(99));
    assert_eq!(error(compare("n", 0, one())), QueryError::UnknownOperator(0));
    assert_eq!(
        error(compare("n", CompareOp::Eq.into(), vec![])),
        QueryError::NeedsOneValue(CompareOp::Eq)
    );
    assert_eq!(
        error(compare("n", CompareOp::Lt.into(), [one(), one()].concat())),
        QueryError::NeedsOneValue(CompareOp::Lt)
    );
    assert_eq!(
        error(compare("n", CompareOp::Eq.into(), vec![None])),
        QueryError::UnknownValue
    );
    let list = Some(ValueKind::List(ListValue::default()));
    assert_eq!(
        error(compare("n", CompareOp::In.into(), vec![list])),
        QueryError::NotAScalar
    );
    assert_eq!(
        error(compare("n", CompareOp::Prefix.into(), one())),
        QueryError::PrefixNeedsString
    );
    assert_eq!(
        error(compare("n", CompareOp::Exists.into(), one())),
        QueryError::ExistsNeedsBool
    );
    let no_id = Some(ValueKind::String("no id".to_owned()));
    assert_eq!(
        error(compare("id", CompareOp::Eq.into(), vec![no_id])),
        QueryError::NoDocumentId
    );
    assert_eq!(QueryPlan::compile(None).map(drop), Err(QueryError::Missing));
    assert_eq!(QueryError::Missing.to_app_error().code(), ErrorCode::InvalidArgument);
}

#[test]
fn queries_over_a_limit_are_typed_errors() {
    let leaf = || compare("n", CompareOp::Exists.into(), vec![Some(ValueKind::Bool(true))]);
    let nested = |depth: usize| {
        (1..depth).fold(leaf(), |inner, _| Filter {
            filter: Some(Kind::Not(Box::new(inner))),
        })
    };
    let plan = QueryPlan::compile(Some(&Query {
        r#where: Some(nested(16)),
        ..Query::default()
    }));
    assert!(plan.is_ok());
    assert_eq!(error(nested(17)), QueryError::TooDeep);
    let wide = Filter {
        filter: Some(Kind::Or(FilterList {
            filters: vec![leaf(); 256],
        })),
    };
    assert_eq!(error(wide), QueryError::TooManyCompares);
    let values = vec![Some(ValueKind::Int(1)); 4_097];
    assert_eq!(
        error(compare("n", CompareOp::In.into(), values)),
        QueryError::TooManyValues
    );
    let query = Query {
        order_by: vec![Order::default(); 17],
        ..Query::default()
    };
    assert_eq!(
        QueryPlan::compile(Some(&query)).map(drop),
        Err(QueryError::TooManyOrders)
    );
    let query = Query {
        select: vec![String::new(); 65],
        ..Query::default()
    };
    assert_eq!(
        QueryPlan::compile(Some(&query)).map(drop),
        Err(QueryError::TooManySelected)
    );
    assert_eq!(QueryError::TooDeep.to_app_error().code(), ErrorCode::Limit);
}

#[test]
fn documents_are_found_by_their_id_as_bytes_and_as_text() {
    let rows: Vec<IndexRow> = (0..10).map(number_row).collect();
    let index = index_of(&rows);
    let wanted = &rows[3];
    // Crockford's base32 of 128 bits: 130 bits with two zeros in front.
    let bits = u128::from_be_bytes(wanted.id);
    let text: String = (0..26)
        .map(|at| char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[(bits >> (125 - 5 * at) & 31) as usize]))
        .collect();
    for kind in [ValueKind::String(text), ValueKind::Bytes(wanted.id.to_vec())] {
        let filter = compare("id", CompareOp::Eq.into(), vec![Some(kind)]);
        let query = Query {
            r#where: Some(filter),
            ..Query::default()
        };
        let (found, _) = ask(&index, &query);
        assert_eq!(
            found.iter().map(|row| row.document_id.as_slice()).collect::<Vec<_>>(),
            [wanted.id.as_slice()]
        );
    }
}

#[test]
fn a_cut_string_equals_nothing_and_is_compared_by_its_beginning() {
    let kept = "a".repeat(256);
    let row_with = |number, text: &str| {
        let mut fields = FieldsBuilder::new();
        fields.list("list", [Some(IndexScalar::String(text))]);
        fields.scalar("text", IndexScalar::String(text));
        IndexRow {
            fields: fields.finish(),
            ..number_row(number)
        }
    };
    let (whole, cut) = (row_with(1, &kept), row_with(2, &"a".repeat(257)));
    let index = index_of(&[whole.clone(), cut.clone()]);
    let found = |field: &str, op: CompareOp, text: &str| {
        let filter = compare(field, op.into(), vec![Some(ValueKind::String(text.to_owned()))]);
        let (rows, _) = ask(
            &index,
            &Query {
                r#where: Some(filter),
                ..Query::default()
            },
        );
        [&whole, &cut].map(|row| rows.iter().any(|found| found.document_id == row.id))
    };
    // Whether the whole one is found, and the cut one.
    assert_eq!(found("text", CompareOp::Eq, &kept), [true, false]);
    assert_eq!(found("text", CompareOp::In, &kept), [true, false]);
    assert_eq!(found("text", CompareOp::Ne, &kept), [false, true]);
    assert_eq!(found("list", CompareOp::Contains, &kept), [true, false]);
    assert_eq!(found("text", CompareOp::Gte, &kept), [true, true]);
    assert_eq!(found("text", CompareOp::Gt, "a"), [true, true]);
    assert_eq!(found("text", CompareOp::Prefix, &kept), [true, true]);
    assert_eq!(found("text", CompareOp::Prefix, &"a".repeat(257)), [false, false]);
    assert_eq!(found("text", CompareOp::Contains, "aaa"), [true, true]);
}
