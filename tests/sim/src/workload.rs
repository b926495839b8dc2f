//! What clients do: random documents, edits and queries.

use avatar_proto::edit::Op;
use avatar_proto::filter::Filter as FilterKind;
use avatar_proto::value::Kind;
use avatar_proto::{Compare, CompareOp, Edit, Filter, FilterList, ListValue, Order, Query, TextRun, TextSplice, Value};

use crate::random::Dice;
use crate::value::{self, apply, index, key, map, value};

const TYPES: [&str; 3] = ["note", "task", "contact"];
const WORDS: [&str; 12] = [
    "a",
    "to",
    "the ",
    "with ",
    "memory ",
    "\n",
    "😀",
    "é日",
    "quartz ",
    "0",
    "-- ",
    "understand ",
];
const TAGS: [&str; 5] = ["red", "green", "blue", "urgent", "日本"];

/// A type for a document.
pub fn type_name(dice: &mut Dice) -> String {
    (*dice.pick(&TYPES)).to_owned()
}

/// What a document is created with.
pub fn content(dice: &mut Dice) -> Value {
    let tags = (0..dice.index(3)).map(|_| tag(dice)).collect();
    let entries = [
        ("body", Kind::String(words(dice, 12))),
        ("count", Kind::Counter(0)),
        ("log", Kind::List(ListValue::default())),
        ("rank", Kind::Int(dice.between(0, 20) as i64)),
        ("tags", Kind::List(ListValue { items: tags })),
        ("title", Kind::String(words(dice, 3))),
    ];
    value(Kind::Map(map(entries.map(|(key, kind)| (key.to_owned(), value(kind))))))
}

/// One to three edits of a document that shows this.
pub fn edits(dice: &mut Dice, shown: &Value) -> Vec<Edit> {
    let mut shown = shown.clone();
    let mut edits = Vec::new();
    for _ in 0..dice.between(1, 3) {
        let edit = edit(dice, &shown);
        apply(&mut shown, &edit).expect("an edit is made for what is shown");
        edits.push(edit);
    }
    edits
}

/// The edit that leaves a mark in the log.
pub fn mark(mark: i64) -> Edit {
    Edit {
        path: vec![key("log"), index(0)],
        op: Some(Op::Insert(ListValue {
            items: vec![value(Kind::Int(mark))],
        })),
    }
}

fn edit(dice: &mut Dice, shown: &Value) -> Edit {
    let tags = value::items(shown, "tags").len();
    let field = *dice.pick(&["due", "rank", "nested", "title", "extra"]);
    let (path, op) = match dice.below(12) {
        0..5 => (vec![key("body")], Op::Text(splice(dice, value::text(shown, "body")))),
        5 => (vec![key("count")], Op::Increment(dice.below(9) as i64 - 4)),
        6 | 7 => (vec![key(field)], Op::Put(put_value(dice))),
        8 if value::get(shown, field).is_some() => (vec![key(field)], Op::Delete(1)),
        9 if tags > 0 => (vec![key("tags"), index(dice.index(tags))], Op::Delete(1)),
        10 if tags > 0 => (vec![key("tags"), index(dice.index(tags))], Op::Put(tag(dice))),
        _ => {
            let items = (0..dice.between(1, 2)).map(|_| tag(dice)).collect();
            let at = index(dice.index(tags + 1));
            (vec![key("tags"), at], Op::Insert(ListValue { items }))
        }
    };
    Edit { path, op: Some(op) }
}

/// Typing in the body: a run, and the edits that it stands for.
pub fn run(dice: &mut Dice, shown: &Value) -> (TextRun, Vec<Edit>) {
    let mut text = shown.clone();
    let mut run = TextRun {
        path: vec![key("body")],
        ..TextRun::default()
    };
    let mut edits = Vec::new();
    for _ in 0..dice.between(1, 40) {
        let splice = splice(dice, value::text(&text, "body"));
        run.indexes.push(splice.index);
        run.deletes.push(splice.delete);
        run.insert_lens.push(splice.insert.encode_utf16().count() as u32);
        run.inserted.push_str(&splice.insert);
        let edit = Edit {
            path: run.path.clone(),
            op: Some(Op::Text(splice)),
        };
        apply(&mut text, &edit).expect("a splice is made for what is shown");
        edits.push(edit);
    }
    (run, edits)
}

/// A query that clients may ask; with an order, a limit and an offset only where `is_exact`.
pub fn query(dice: &mut Dice, is_exact: bool) -> Query {
    let mut query = Query::default();
    if dice.chance(500) {
        query.r#type = type_name(dice);
    }
    if dice.chance(700) {
        query.r#where = Some(filter(dice, 2));
    }
    if is_exact && dice.chance(600) {
        query.order_by = (0..dice.between(1, 2))
            .map(|_| Order {
                field: (*dice.pick(&["title", "rank", "count", "tags", "type", "missing", "nested.x"])).to_owned(),
                descending: dice.chance(500),
            })
            .collect();
        query.limit = dice.below(8) as u32;
        query.offset = dice.below(4) as u32;
    }
    query
}

fn filter(dice: &mut Dice, depth: u32) -> Filter {
    if depth > 0 && dice.chance(300) {
        let filters = (0..dice.between(1, 3)).map(|_| filter(dice, depth - 1)).collect();
        let list = FilterList { filters };
        let kind = if dice.chance(500) {
            FilterKind::And(list)
        } else {
            FilterKind::Or(list)
        };
        return Filter { filter: Some(kind) };
    }
    if depth > 0 && dice.chance(150) {
        let inner = Box::new(filter(dice, depth - 1));
        return Filter {
            filter: Some(FilterKind::Not(inner)),
        };
    }
    let string = |text: &str| value(Kind::String(text.to_owned()));
    let number = |dice: &mut Dice| value(Kind::Int(dice.below(20) as i64));
    let (field, op, values) = match dice.below(9) {
        0 => ("tags", CompareOp::Contains, vec![tag(dice)]),
        1 => ("title", CompareOp::Prefix, vec![string(dice.pick::<&str>(&WORDS))]),
        2 => ("title", CompareOp::Contains, vec![string(dice.pick::<&str>(&WORDS))]),
        3 => ("rank", CompareOp::Gte, vec![number(dice)]),
        4 => ("rank", CompareOp::Lt, vec![number(dice)]),
        5 => ("rank", CompareOp::In, vec![number(dice), number(dice), string("the ")]),
        6 => ("count", CompareOp::Ne, vec![number(dice)]),
        7 => ("nested.x", CompareOp::Exists, vec![value(Kind::Bool(dice.chance(500)))]),
        _ => ("due", CompareOp::Eq, vec![value(Kind::Bool(true))]),
    };
    let compare = Compare {
        field: field.to_owned(),
        op: op.into(),
        values,
    };
    Filter {
        filter: Some(FilterKind::Compare(compare)),
    }
}

fn put_value(dice: &mut Dice) -> Value {
    value(match dice.below(8) {
        0 => Kind::Int(dice.below(20) as i64),
        1 => Kind::Bool(dice.chance(500)),
        2 => Kind::Double(dice.below(64) as f64 / 4.0),
        3 => Kind::TimestampMs(dice.below(2_000_000_000) as i64),
        4 => Kind::Null(true),
        5 => Kind::String(words(dice, 4)),
        // Longer than the index keeps.
        6 => Kind::String(words(dice, 90)),
        _ => Kind::Map(map([("x".to_owned(), value(Kind::Int(dice.below(5) as i64)))])),
    })
}

fn tag(dice: &mut Dice) -> Value {
    value(Kind::String((*dice.pick(&TAGS)).to_owned()))
}

fn words(dice: &mut Dice, at_most: usize) -> String {
    (0..dice.index(at_most + 1)).map(|_| *dice.pick(&WORDS)).collect()
}

/// A splice between whole characters.
fn splice(dice: &mut Dice, text: &str) -> TextSplice {
    let chars: Vec<char> = text.chars().collect();
    // Mostly typing at the end, as people do.
    let at = if dice.chance(600) {
        chars.len()
    } else {
        dice.index(chars.len() + 1)
    };
    let end = chars.len().min(at + if dice.chance(300) { dice.index(6) } else { 0 });
    let units = |chars: &[char]| chars.iter().map(|char| char.len_utf16() as u32).sum();
    TextSplice {
        index: units(&chars[..at]),
        delete: units(&chars[at..end]),
        insert: words(dice, 3),
    }
}
