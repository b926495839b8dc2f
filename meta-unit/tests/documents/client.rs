//! A client that takes answers in as the facade does: it keeps a value by snapshot pages and events only.

use avatar_proto::doc_change::Change;
use avatar_proto::doc_event::Event;
use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::token::Token as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{
    AppError, DocChange, DocCreate, DocEvent, DocOpen, DocOpened, Edit, EditList, ErrorCode, ListValue, MapEntry,
    MapValue, PathStep, Query, QueryRun, Request, Response, StatusGet, StatusResult, TextSplice, Token, Value,
};
use meta_unit::abi::test_host::TestHost;

pub fn ask(request: Ask) -> Request {
    Request { request: Some(request) }
}

pub fn string(text: &str) -> Value {
    Value {
        kind: Some(ValueKind::String(text.to_owned())),
    }
}

pub fn map(entries: &[(&str, Value)]) -> MapValue {
    let entries = entries
        .iter()
        .map(|(key, value)| MapEntry {
            key: (*key).to_owned(),
            value: Some(value.clone()),
        })
        .collect();
    MapValue { entries }
}

pub fn key(key: &str) -> PathStep {
    PathStep {
        step: Some(Step::Key(key.to_owned())),
    }
}

pub fn index(index: u32) -> PathStep {
    PathStep {
        step: Some(Step::Index(index)),
    }
}

pub fn put(path: &[PathStep], value: Value) -> Edit {
    Edit {
        path: path.to_vec(),
        op: Some(Op::Put(value)),
    }
}

pub fn splice(field: &str, at: u32, delete: u32, insert: &str) -> Edit {
    let splice = TextSplice {
        index: at,
        delete,
        insert: insert.to_owned(),
    };
    Edit {
        path: vec![key(field)],
        op: Some(Op::Text(splice)),
    }
}

pub fn create(id: u8, session: u8, content: MapValue, detached: bool) -> Request {
    let (document_id, session) = (vec![id; 16], vec![session; 16]);
    ask(Ask::DocCreate(DocCreate {
        document_id,
        session,
        r#type: "note".to_owned(),
        content: Some(content),
        detached,
    }))
}

pub fn error(answers: &[Response]) -> Option<ErrorCode> {
    match answers.last()?.response.as_ref()? {
        Answer::Error(AppError { code, .. }) => ErrorCode::try_from(*code).ok(),
        _ => None,
    }
}

pub fn status(host: &TestHost) -> StatusResult {
    match host
        .call(&ask(Ask::StatusGet(StatusGet {})))
        .pop()
        .and_then(|answer| answer.response)
    {
        Some(Answer::Status(status)) => status,
        other => panic!("{other:?}"),
    }
}

/// The titles of all notes, in their order.
pub fn titles(host: &TestHost) -> Vec<String> {
    let order_by = vec![avatar_proto::Order {
        field: "title".to_owned(),
        descending: false,
    }];
    let query = Some(Query {
        r#type: "note".to_owned(),
        order_by,
        ..Query::default()
    });
    let answers = host.call(&ask(Ask::QueryRun(QueryRun { query })));
    let rows = answers.into_iter().flat_map(|answer| match answer.response {
        Some(Answer::QueryRows(rows)) => rows.rows,
        other => panic!("{other:?}"),
    });
    rows.map(|row| {
        match row
            .fields
            .iter()
            .find(|field| field.key == "title")
            .and_then(|field| field.value.clone())
        {
            Some(Value {
                kind: Some(ValueKind::String(title)),
            }) => title,
            other => panic!("{other:?}"),
        }
    })
    .collect()
}

/// One view.
pub struct View {
    pub request: i64,
    pub opened: DocOpened,
    pub value: Value,
    pub events: Vec<DocEvent>,
    pub next_seq: u64,
}

impl View {
    /// Opens a document; panics if that fails.
    pub fn open(host: &TestHost, id: u8, session: u8) -> Self {
        let request = host.send(&open(id, session));
        host.run_until_idle();
        let mut answers = host.take_answers(request).into_iter();
        let Some(Response {
            response: Some(Answer::DocOpened(opened)),
        }) = answers.next()
        else {
            panic!("not opened")
        };
        let mut tokens = Vec::new();
        let mut last = false;
        for answer in answers {
            let Some(Answer::SnapshotPage(page)) = answer.response else {
                panic!("not a page")
            };
            assert!(!last, "nothing follows the last page");
            tokens.extend(page.tokens);
            last = page.last;
        }
        assert!(last);
        let value = build(&mut tokens.into_iter());
        let next_seq = opened.applied_seq + 1;
        Self {
            request,
            opened,
            value,
            events: Vec::new(),
            next_seq,
        }
    }

    /// The change that applies edits, numbered.
    pub fn edits(&mut self, edits: Vec<Edit>) -> Request {
        self.change(Change::Edits(EditList { edits }), 1)
    }

    pub fn change(&mut self, change: Change, numbers: u64) -> Request {
        let change_seq = self.next_seq;
        self.next_seq += numbers;
        let seen_version = self.events.last().map_or(0, |event| event.version);
        let (view, message) = (self.opened.view, String::new());
        ask(Ask::DocChange(DocChange {
            view,
            change_seq,
            seen_version,
            change: Some(change),
            message,
        }))
    }

    /// Takes in the events that have come. Own edits without an effect are not applied: the caller passes what it asked for.
    pub fn take_events(&mut self, host: &TestHost, own: &[Edit]) {
        for answer in host.take_answers(self.request) {
            let Some(Answer::DocEvent(event)) = answer.response else {
                panic!("not an event: {answer:?}")
            };
            let patches = match event.event.clone() {
                Some(Event::Patched(patched)) => patched.patches,
                Some(Event::OwnApplied(applied)) => {
                    applied.effect.map_or_else(|| own.to_vec(), |effect| effect.patches)
                }
                Some(Event::Deleted(_)) | None => Vec::new(),
            };
            for patch in &patches {
                apply(&mut self.value, patch);
            }
            self.events.push(event);
        }
    }

    pub fn text(&self, field: &str) -> String {
        match get(&self.value, field).and_then(|value| value.kind.clone()) {
            Some(ValueKind::String(text)) => text,
            other => panic!("{other:?}"),
        }
    }
}

pub fn open(id: u8, session: u8) -> Request {
    ask(Ask::DocOpen(DocOpen {
        document_id: vec![id; 16],
        session: vec![session; 16],
    }))
}

pub fn get<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    match value.kind.as_ref()? {
        ValueKind::Map(map) => map.entries.iter().find(|entry| entry.key == field)?.value.as_ref(),
        _ => None,
    }
}

/// The value that a sequence of tokens describes.
pub fn build(tokens: &mut impl Iterator<Item = Token>) -> Value {
    let first = tokens.next().and_then(|token| token.token).expect("a token");
    build_from(first, tokens).expect("a value")
}

fn build_from(first: Kind, tokens: &mut impl Iterator<Item = Token>) -> Option<Value> {
    let kind = match first {
        Kind::Scalar(value) => return Some(value),
        Kind::End(_) => return None,
        Kind::BeginMap(_) => {
            let mut entries = Vec::new();
            while let Some(Kind::Key(key)) = tokens.next().and_then(|token| token.token) {
                entries.push(MapEntry {
                    key,
                    value: Some(build(tokens)),
                });
            }
            ValueKind::Map(MapValue { entries })
        }
        Kind::BeginList(_) => {
            let mut items = Vec::new();
            while let Some(token) = tokens.next().and_then(|token| token.token) {
                match build_from(token, tokens) {
                    Some(item) => items.push(item),
                    None => break,
                }
            }
            ValueKind::List(ListValue { items })
        }
        Kind::TextPart(mut text) => {
            while let Some(Kind::TextPart(part)) = tokens.next().and_then(|token| token.token) {
                text.push_str(&part);
            }
            ValueKind::String(text)
        }
        other => panic!("{other:?} begins no value"),
    };
    Some(Value { kind: Some(kind) })
}

/// Applies a patch to a value.
pub fn apply(value: &mut Value, edit: &Edit) {
    let op = edit.op.clone().expect("an operation");
    if let Op::Text(splice) = &op {
        let Some(ValueKind::String(text)) = &mut walk(value, &edit.path).kind else {
            panic!("no text")
        };
        let mut units: Vec<u16> = text.encode_utf16().collect();
        let at = splice.index as usize;
        units.splice(at..at + splice.delete as usize, splice.insert.encode_utf16());
        *text = String::from_utf16(&units).expect("whole characters");
        return;
    }
    let (last, before) = edit.path.split_last().expect("a path");
    let parent = walk(value, before);
    match (&mut parent.kind, last.step.clone().expect("a step"), op) {
        (Some(ValueKind::Map(map)), Step::Key(key), Op::Put(new)) => {
            map.entries.retain(|entry| entry.key != key);
            map.entries.push(MapEntry { key, value: Some(new) });
            map.entries.sort_by(|a, b| a.key.cmp(&b.key));
        }
        (Some(ValueKind::Map(map)), Step::Key(key), Op::Delete(_)) => map.entries.retain(|entry| entry.key != key),
        (Some(ValueKind::List(list)), Step::Index(index), Op::Put(new)) => list.items[index as usize] = new,
        (Some(ValueKind::List(list)), Step::Index(index), Op::Insert(new)) => {
            list.items.splice(index as usize..index as usize, new.items);
        }
        (Some(ValueKind::List(list)), Step::Index(index), Op::Delete(count)) => {
            list.items.drain(index as usize..(index + count) as usize);
        }
        (Some(ValueKind::Map(map)), Step::Key(key), Op::Increment(by)) => {
            for entry in map.entries.iter_mut().filter(|entry| entry.key == key) {
                if let Some(Value {
                    kind: Some(ValueKind::Counter(counter)),
                }) = &mut entry.value
                {
                    *counter += by;
                }
            }
        }
        other => panic!("{other:?}"),
    }
}

fn walk<'a>(value: &'a mut Value, path: &[PathStep]) -> &'a mut Value {
    path.iter().fold(value, |value, step| {
        match (&mut value.kind, step.step.as_ref().expect("a step")) {
            (Some(ValueKind::Map(map)), Step::Key(key)) => {
                let entry = map.entries.iter_mut().find(|entry| entry.key == *key).expect("the key");
                entry.value.as_mut().expect("a value")
            }
            (Some(ValueKind::List(list)), Step::Index(index)) => &mut list.items[*index as usize],
            other => panic!("{other:?}"),
        }
    })
}
