//! What of a document is in its row.

use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT, ScalarValue};
use avatar_proto::value::Kind;
use avatar_proto::{ListValue, Message, Row, Value};

use super::random;
use crate::index::{IndexRow, MAX_FIELDS, Version, project};

/// The row of a document, decoded by the generated code.
fn row(doc: &AutoCommit) -> Row {
    let row = IndexRow {
        id: random::id(1),
        type_name: "note".to_owned(),
        created_ms: 1,
        updated_ms: 2,
        version: Version::default(),
        fields: project(doc),
    };
    Row::decode(row.encode().as_slice()).expect("rows are encoded as `Row`")
}

fn fields(row: &Row) -> Vec<(&str, Kind)> {
    row.fields
        .iter()
        .map(|entry| {
            (
                entry.key.as_str(),
                entry.value.clone().and_then(|value| value.kind).expect("a value"),
            )
        })
        .collect()
}

fn put_text(doc: &mut AutoCommit, key: &str, text: &str) {
    let object = doc.put_object(ROOT, key, ObjType::Text).expect("a text");
    doc.splice_text(&object, 0, 0, text).expect("its content");
}

#[test]
fn every_kind_of_scalar_is_in_the_row_as_it_is() {
    let mut doc = AutoCommit::new();
    let values: [(&str, ScalarValue, Kind); 10] = [
        ("a", ScalarValue::Null, Kind::Null(true)),
        ("b", true.into(), Kind::Bool(true)),
        ("c", (-5_i64).into(), Kind::Int(-5)),
        ("d", 1.5.into(), Kind::Double(1.5)),
        ("e", "scalar".into(), Kind::String("scalar".to_owned())),
        ("f", vec![1_u8, 2].into(), Kind::Bytes(vec![1, 2])),
        ("g", ScalarValue::Timestamp(7), Kind::TimestampMs(7)),
        ("h", ScalarValue::counter(8), Kind::Counter(8)),
        ("i", 9_u64.into(), Kind::Int(9)),
        ("j", u64::MAX.into(), Kind::Double(u64::MAX as f64)),
    ];
    for (key, value, _) in values.clone() {
        doc.put(ROOT, key, value).expect("a scalar");
    }
    doc.increment(ROOT, "h", 2).expect("a counter");
    let mut expected: Vec<(&str, Kind)> = values.into_iter().map(|(key, _, kind)| (key, kind)).collect();
    expected[7].1 = Kind::Counter(10);
    assert_eq!(fields(&row(&doc)), expected);
}

#[test]
fn nested_maps_have_dotted_names_down_to_a_depth() {
    let mut doc = AutoCommit::new();
    let author = doc.put_object(ROOT, "author", ObjType::Map).expect("a map");
    doc.put(&author, "name", "Ada").expect("a scalar");
    let mut map = ROOT;
    for _ in 0..20 {
        map = doc.put_object(&map, "m", ObjType::Map).expect("a map");
        doc.put(&map, "x", 1).expect("a scalar");
    }
    let row = row(&doc);
    let names: Vec<&str> = row.fields.iter().map(|field| field.key.as_str()).collect();
    assert_eq!(
        names,
        [
            "author.name",
            "m.m.m.m.m.m.m.x",
            "m.m.m.m.m.m.x",
            "m.m.m.m.m.x",
            "m.m.m.m.x",
            "m.m.m.x",
            "m.m.x",
            "m.x",
        ]
    );
}

#[test]
fn strings_are_cut_at_a_character_and_reported() {
    let mut doc = AutoCommit::new();
    put_text(&mut doc, "fits", &"a".repeat(256));
    put_text(&mut doc, "long", &format!("{}😀", "a".repeat(255)));
    doc.put(ROOT, "scalar", "é".repeat(200)).expect("a scalar");
    doc.put(ROOT, "bytes", vec![1_u8; 300]).expect("a scalar");
    let row = row(&doc);
    assert_eq!(
        fields(&row),
        [
            ("bytes", Kind::Bytes(vec![1; 256])),
            ("fits", Kind::String("a".repeat(256))),
            ("long", Kind::String("a".repeat(255))),
            ("scalar", Kind::String("é".repeat(128))),
        ]
    );
    assert_eq!(row.cut, ["bytes", "long", "scalar"]);
}

#[test]
fn lists_keep_their_first_scalars_and_say_what_is_missing() {
    let mut doc = AutoCommit::new();
    let tags = doc.put_object(ROOT, "tags", ObjType::List).expect("a list");
    doc.insert(&tags, 0, "scalar").expect("an item");
    let text = doc.insert_object(&tags, 1, ObjType::Text).expect("a text");
    doc.splice_text(&text, 0, 0, "text").expect("its content");
    let mixed = doc.put_object(ROOT, "mixed", ObjType::List).expect("a list");
    doc.insert(&mixed, 0, 1).expect("an item");
    doc.insert_object(&mixed, 1, ObjType::Map).expect("a map");
    let many = doc.put_object(ROOT, "many", ObjType::List).expect("a list");
    for at in 0..257 {
        doc.insert(&many, at, 0).expect("an item");
    }
    let row = row(&doc);
    let list = |kinds: Vec<Kind>| {
        Kind::List(ListValue {
            items: kinds.into_iter().map(|kind| Value { kind: Some(kind) }).collect(),
        })
    };
    assert_eq!(
        fields(&row),
        [
            ("many", list(vec![Kind::Int(0); 256])),
            ("mixed", list(vec![Kind::Int(1)])),
            (
                "tags",
                list(vec![Kind::String("scalar".to_owned()), Kind::String("text".to_owned())])
            ),
        ]
    );
    assert_eq!(row.cut, ["many", "mixed"]);
}

#[test]
fn a_row_has_a_bounded_number_of_fields_with_names_of_bounded_length() {
    let mut doc = AutoCommit::new();
    for number in 0..100 {
        doc.put(ROOT, format!("key{number:03}"), number).expect("a scalar");
    }
    doc.put(ROOT, "a".repeat(129), 1).expect("a scalar");
    let row = row(&doc);
    assert_eq!(row.fields.len(), MAX_FIELDS);
    assert_eq!(row.fields[0].key, "key000");
}

#[test]
fn a_long_text_costs_only_its_beginning() {
    let mut doc = AutoCommit::new();
    put_text(&mut doc, "body", &"four".repeat(100_000));
    doc.commit();
    let fastest = (0..20)
        .map(|_| {
            let start = Instant::now();
            let row = row(&doc);
            assert_eq!(fields(&row), [("body", Kind::String("four".repeat(64)))]);
            start.elapsed()
        })
        .min();
    let whole = {
        let start = Instant::now();
        let object = automerge::ReadDoc::get(&doc, ROOT, "body")
            .expect("the document is sound")
            .expect("the text")
            .1;
        let text = automerge::ReadDoc::text(&doc, &object).expect("a text");
        assert_eq!(text.len(), 400_000);
        start.elapsed()
    };
    // A ratio in one run: the text has 1,600 times what is kept.
    assert!(
        fastest.is_some_and(|fastest: Duration| fastest * 10 < whole),
        "{fastest:?}, all of it {whole:?}"
    );
}
