//! What one client sees of its own document.

use avatar_proto::doc_change::Change;
use avatar_proto::edit::Op;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{DocAt, DocDelete, DocHistory, Edit, ErrorCode, ListValue, Response, TextRun, Value};
use meta_unit::abi::test_host::TestHost;

use crate::client::*;

fn everything() -> avatar_proto::MapValue {
    let value = |kind| Value { kind: Some(kind) };
    let items = vec![
        string("a"),
        value(ValueKind::Int(-5)),
        value(ValueKind::Map(map(&[("deep", string("x"))]))),
    ];
    map(&[
        ("bool", value(ValueKind::Bool(true))),
        ("bytes", value(ValueKind::Bytes(vec![0, 255]))),
        ("counter", value(ValueKind::Counter(3))),
        ("double", value(ValueKind::Double(0.5))),
        ("int", value(ValueKind::Int(1 << 53))),
        ("list", value(ValueKind::List(ListValue { items }))),
        ("map", value(ValueKind::Map(map(&[])))),
        ("null", value(ValueKind::Null(true))),
        ("text", string("Grüße 😀")),
        ("time", value(ValueKind::TimestampMs(-1))),
    ])
}

#[test]
fn a_document_comes_back_as_it_was_created() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, everything(), true));
    let next = host.restarted();
    next.start(&Default::default());
    let view = View::open(&next, 1, 2);
    assert_eq!(
        view.value,
        Value {
            kind: Some(ValueKind::Map(everything()))
        }
    );
    assert_eq!(view.opened.r#type, "note");
    assert!(view.opened.owner.starts_with("did:key:"));
}

#[test]
fn a_long_text_comes_in_pages() {
    let host = TestHost::started(1);
    let text = "Zeile mit Umlaut ä\n".repeat(20_000);
    host.call(&create(1, 1, map(&[("body", string(&text))]), true));
    assert_eq!(View::open(&host, 1, 1).text("body"), text);
}

#[test]
fn every_kind_of_edit_does_what_it_says() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, everything(), true));
    let mut view = View::open(&host, 1, 1);
    let op = |path: &[avatar_proto::PathStep], op| Edit {
        path: path.to_vec(),
        op: Some(op),
    };
    let edits = vec![
        put(&[key("new")], string("made")),
        put(&[key("list"), index(1)], string("replaced")),
        put(
            &[key("map"), key("inner")],
            Value {
                kind: Some(ValueKind::Map(map(&[("n", string("m"))]))),
            },
        ),
        op(&[key("null")], Op::Delete(1)),
        op(
            &[key("list"), index(0)],
            Op::Insert(ListValue {
                items: vec![string("first"), string("second")],
            }),
        ),
        op(&[key("list"), index(2)], Op::Delete(1)),
        op(&[key("counter")], Op::Increment(-4)),
        splice("text", 6, 2, "!"),
    ];
    let answers = host.call(&view.edits(edits.clone()));
    assert!(
        matches!(answers[0].response, Some(Answer::DocChanged(_))),
        "{answers:?}"
    );
    view.take_events(&host, &edits);
    assert_eq!(view.text("text"), "Grüße !");
    assert_eq!(View::open(&host, 1, 1).value, view.value);
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(View::open(&next, 1, 1).value, view.value);
}

#[test]
fn an_edit_that_does_not_fit_changes_nothing_and_is_told() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, everything(), true));
    let mut view = View::open(&host, 1, 1);
    let before = view.value.clone();
    for bad in [
        splice("text", 9, 0, "past the end"),
        splice("text", 0, 99, ""),
        splice("double", 0, 0, "no text"),
        splice("missing", 0, 0, ""),
        put(&[], string("the root")),
        put(&[key("list"), key("not an index")], string("")),
        put(&[key("list"), index(9)], string("")),
        put(
            &[key("bytes")],
            Value {
                kind: Some(ValueKind::Bytes(vec![0; 65_537])),
            },
        ),
        Edit::default(),
    ] {
        let answers = host.call(&view.edits(vec![put(&[key("int")], string("half done")), bad.clone()]));
        assert_eq!(error(&answers), Some(ErrorCode::InvalidArgument), "{bad:?}");
    }
    assert_eq!(View::open(&host, 1, 1).value, before);
    let good = put(&[key("int")], string("done"));
    assert_eq!(
        error(&host.call(&view.edits(vec![good]))),
        None,
        "numbers go on behind refused changes"
    );
}

#[test]
fn a_run_is_one_change_for_each_splice() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[("body", string(""))]), true));
    let mut view = View::open(&host, 1, 1);
    let run = TextRun {
        path: vec![key("body")],
        indexes: vec![0, 1, 3, 1],
        deletes: vec![0, 0, 0, 2],
        insert_lens: vec![1, 2, 1, 0],
        inserted: "a😀b".to_owned(),
    };
    let answers = host.call(&view.change(Change::Run(run), 4));
    assert!(
        matches!(answers[0].response, Some(Answer::DocChanged(_))),
        "{answers:?}"
    );
    assert_eq!(View::open(&host, 1, 1).text("body"), "ab");
    let history = host.call(&ask(Ask::DocHistory(DocHistory {
        document_id: vec![1; 16],
        limit: 2,
        offset: 0,
    })));
    let Some(Answer::DocHistory(history)) = &history[0].response else {
        panic!("{history:?}")
    };
    assert_eq!((history.total, history.changes.len()), (5, 2));
    let at = DocAt {
        document_id: vec![1; 16],
        heads: history.changes[1].heads.clone(),
    };
    let pages = host.call(&ask(Ask::DocAt(at)));
    let tokens = pages.into_iter().flat_map(|answer| match answer.response {
        Some(Answer::SnapshotPage(page)) => page.tokens,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        build(&mut tokens.collect::<Vec<_>>().into_iter()),
        Value {
            kind: Some(ValueKind::Map(map(&[("body", string("a😀b"))])))
        }
    );
}

#[test]
fn undo_takes_back_step_by_step_and_redo_brings_back() {
    let host = TestHost::started(1);
    host.call(&create(
        1,
        1,
        map(&[("body", string("")), ("title", string("t"))]),
        true,
    ));
    let mut view = View::open(&host, 1, 1);
    host.call(&view.edits(vec![splice("body", 0, 0, "one")]));
    host.advance_us(200_000);
    host.call(&view.edits(vec![splice("body", 3, 0, " two")]));
    host.advance_us(5_000_000);
    host.call(&view.edits(vec![put(&[key("title")], string("new"))]));
    let state = |host: &TestHost| {
        let view = View::open(host, 1, 9);
        (view.text("body"), view.text("title"))
    };
    let expect = |body: &str, title: &str| (body.to_owned(), title.to_owned());
    let mut step = |change, expected: Option<(String, String)>| {
        let answers = host.call(&view.change(change, 1));
        let Some(Response {
            response: Some(Answer::DocChanged(changed)),
        }) = answers.last()
        else {
            panic!("{answers:?}")
        };
        assert_eq!(changed.did_something, expected.is_some());
        if let Some(expected) = expected {
            assert_eq!(state(&host), expected);
        }
    };
    step(Change::Undo(true), Some(expect("one two", "t")));
    step(Change::Undo(true), Some(expect("", "t")));
    step(Change::Undo(true), None);
    step(Change::Redo(true), Some(expect("one two", "t")));
    step(Change::Redo(true), Some(expect("one two", "new")));
    step(Change::Redo(true), None);
    step(Change::Undo(true), Some(expect("one two", "t")));
}

#[test]
fn a_deleted_document_is_gone_from_everywhere_but_its_tombstone() {
    let host = TestHost::started(1);
    host.call(&create(1, 1, map(&[("title", string("secret"))]), true));
    let view = View::open(&host, 1, 1);
    let delete = ask(Ask::DocDelete(DocDelete {
        document_id: vec![1; 16],
    }));
    assert!(matches!(host.call(&delete)[0].response, Some(Answer::Done(_))));
    assert!(host.has_finished(view.request), "the view ends");
    assert!(titles(&host).is_empty());
    let leaks = |host: &TestHost| {
        let store = host.store().borrow();
        let holds = |bytes: &Vec<u8>| bytes.windows(6).any(|part| part == b"secret");
        store
            .records
            .iter()
            .filter(|(key, value)| {
                key.first() == Some(&b'd') || holds(key) || holds(value) && key.first() != Some(&b'i')
            })
            .count()
    };
    assert_eq!(leaks(&host), 0);
    assert!(
        matches!(host.call(&delete)[0].response, Some(Answer::Done(_))),
        "idempotent"
    );
    let next = host.restarted();
    next.start(&Default::default());
    assert_eq!(error(&next.call(&open(1, 1))), Some(ErrorCode::NotFound));
    assert_eq!(
        error(&next.call(&create(1, 1, map(&[]), true))),
        Some(ErrorCode::NotFound)
    );
}

#[test]
fn deleting_what_was_never_there_is_done() {
    let host = TestHost::started(1);
    let delete = ask(Ask::DocDelete(DocDelete {
        document_id: vec![9; 16],
    }));
    assert!(matches!(host.call(&delete)[0].response, Some(Answer::Done(_))));
    assert!(titles(&host).is_empty());
}
