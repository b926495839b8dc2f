//! Promises that have to hold whatever happens, tried with random histories: edits of several clients that hear of each other late, crashes, storage that fails.

use std::collections::VecDeque;

use avatar_proto::doc_change::Change;
use avatar_proto::doc_event::Event;
use avatar_proto::edit::Op;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{Compact, Edit, ListValue, OpErrorCode, Request, TextRun, Value};
use meta_unit::abi::test_host::TestHost;
use proptest::prelude::*;

use crate::client::*;

const CLIENTS: usize = 3;

/// A client whose events come when the test says so.
struct Client {
    view: View,
    /// The last number of each change whose event has not come, and its edits.
    pending: VecDeque<(u64, Vec<Edit>)>,
}

impl Client {
    fn open(host: &TestHost, id: u8, session: u8) -> Self {
        let view = View::open(host, id, session);
        Self {
            view,
            pending: VecDeque::new(),
        }
    }

    /// All events that are there.
    fn hear(&mut self, host: &TestHost) {
        for answer in host.take_answers(self.view.request) {
            let Some(Answer::DocEvent(event)) = answer.response else {
                panic!("not an event: {answer:?}")
            };
            let mut edits = Vec::new();
            match event.event.clone() {
                Some(Event::Patched(patched)) => edits = patched.patches,
                Some(Event::OwnApplied(own)) => {
                    while self.pending.front().is_some_and(|(seq, _)| *seq <= own.through_seq) {
                        edits.extend(self.pending.pop_front().expect("it is there").1);
                    }
                    if let Some(effect) = own.effect {
                        edits = effect.patches;
                    }
                }
                Some(Event::Deleted(_)) | None => {}
            }
            edits.iter().for_each(|edit| apply(&mut self.view.value, edit));
            self.view.events.push(event);
        }
    }

    /// What the client shows: what it has heard, and what it did since.
    fn shown(&self) -> Value {
        let mut value = self.view.value.clone();
        let pending = self.pending.iter().flat_map(|(_, edits)| edits);
        pending.for_each(|edit| apply(&mut value, edit));
        value
    }

    fn change(&mut self, action: &Action) -> Request {
        let shown = self.shown();
        let (change, numbers, edits) = action.change(&shown);
        let request = self.view.change(change, numbers);
        self.pending.push_back((self.view.next_seq - 1, edits));
        request
    }
}

/// What a client does. Numbers are places, taken modulo what there is.
#[derive(Clone, Debug)]
enum Action {
    Text { at: usize, delete: usize, insert: String },
    Run(Vec<(usize, usize, String)>),
    Put { key: usize, value: i64 },
    PutString { key: usize, text: String },
    Remove { key: usize },
    Insert { at: usize, value: i64 },
    Delete { at: usize },
    Count(i64),
    Undo,
    Redo,
}

#[derive(Clone, Debug)]
enum Step {
    Do(usize, Action),
    Hear(usize),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", Just("😀".to_owned()), Just("é日".to_owned())]
}

fn action() -> impl Strategy<Value = Action> {
    let number = || 0..1000_usize;
    prop_oneof![
        5 => (number(), 0..4_usize, text()).prop_map(|(at, delete, insert)| Action::Text { at, delete, insert }),
        2 => prop::collection::vec((number(), 0..3_usize, text()), 1..50).prop_map(Action::Run),
        1 => (number(), any::<i32>()).prop_map(|(key, value)| Action::Put { key, value: value.into() }),
        1 => (number(), text()).prop_map(|(key, text)| Action::PutString { key, text }),
        1 => number().prop_map(|key| Action::Remove { key }),
        2 => (number(), any::<i32>()).prop_map(|(at, value)| Action::Insert { at, value: value.into() }),
        1 => number().prop_map(|at| Action::Delete { at }),
        1 => (-5..5_i64).prop_map(Action::Count),
        1 => Just(Action::Undo),
        1 => Just(Action::Redo),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..CLIENTS, action()).prop_map(|(client, action)| Step::Do(client, action)),
        1 => (0..CLIENTS).prop_map(Step::Hear),
    ];
    prop::collection::vec(step, 1..60)
}

fn start() -> avatar_proto::MapValue {
    let list = ValueKind::List(ListValue {
        items: vec![int(1), int(2)],
    });
    map(&[
        (
            "count",
            Value {
                kind: Some(ValueKind::Counter(0)),
            },
        ),
        ("list", Value { kind: Some(list) }),
        ("text", string("a shared text")),
        ("title", string("title")),
    ])
}

fn int(value: i64) -> Value {
    Value {
        kind: Some(ValueKind::Int(value)),
    }
}

/// A place in a text between two characters, in code units, and the length of so many characters behind it.
fn place(text: &[char], at: usize, chars: usize) -> (u32, u32) {
    let at = at % (text.len() + 1);
    let units = |chars: &[char]| chars.iter().map(|char| char.len_utf16() as u32).sum();
    (units(&text[..at]), units(&text[at..text.len().min(at + chars)]))
}

impl Action {
    /// The change, the numbers that it takes, and what it does to what the client shows.
    fn change(&self, shown: &Value) -> (Change, u64, Vec<Edit>) {
        let chars: Vec<char> = text_of(shown, "text").chars().collect();
        let items = match get(shown, "list").and_then(|list| list.kind.clone()) {
            Some(ValueKind::List(list)) => list.items.len(),
            other => panic!("{other:?}"),
        };
        let edit = |path: &[avatar_proto::PathStep], op| Edit {
            path: path.to_vec(),
            op: Some(op),
        };
        let field = |number: usize| key(["a", "b", "title"][number % 3]);
        let edits = match self {
            Self::Text { at, delete, insert } => {
                let (at, delete) = place(&chars, *at, *delete);
                vec![splice("text", at, delete, insert)]
            }
            Self::Run(splices) => return run(chars, splices),
            Self::Put { key, value } => vec![put(&[field(*key)], int(*value))],
            Self::PutString { key, text } => vec![put(&[field(*key)], string(text))],
            Self::Remove { key } => vec![edit(&[field(*key)], Op::Delete(1))],
            Self::Insert { at, value } => {
                let values = ListValue {
                    items: vec![int(*value), string("item")],
                };
                vec![edit(
                    &[key("list"), index((at % (items + 1)) as u32)],
                    Op::Insert(values),
                )]
            }
            Self::Delete { .. } if items == 0 => Vec::new(),
            Self::Delete { at } => vec![edit(&[key("list"), index((at % items) as u32)], Op::Delete(1))],
            Self::Count(by) => vec![edit(&[key("count")], Op::Increment(*by))],
            Self::Undo => return (Change::Undo(true), 1, Vec::new()),
            Self::Redo => return (Change::Redo(true), 1, Vec::new()),
        };
        let list = avatar_proto::EditList { edits: edits.clone() };
        (Change::Edits(list), 1, edits)
    }
}

fn run(mut chars: Vec<char>, splices: &[(usize, usize, String)]) -> (Change, u64, Vec<Edit>) {
    let mut text_run = TextRun {
        path: vec![key("text")],
        ..TextRun::default()
    };
    let mut edits = Vec::new();
    for (at, delete, insert) in splices {
        let (index, units) = place(&chars, *at, *delete);
        let at = at % (chars.len() + 1);
        let end = chars.len().min(at + delete);
        chars.splice(at..end, insert.chars());
        text_run.indexes.push(index);
        text_run.deletes.push(units);
        text_run.insert_lens.push(insert.encode_utf16().count() as u32);
        text_run.inserted.push_str(insert);
        edits.push(splice("text", index, units, insert));
    }
    (Change::Run(text_run), splices.len() as u64, edits)
}

fn text_of(value: &Value, field: &str) -> String {
    match get(value, field).and_then(|value| value.kind.clone()) {
        Some(ValueKind::String(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn is_changed(answers: &[avatar_proto::Response]) -> bool {
    matches!(
        answers.last().and_then(|answer| answer.response.as_ref()),
        Some(Answer::DocChanged(_))
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clients_that_hear_of_each_other_late_end_with_the_same(steps in steps()) {
        let host = TestHost::started(1);
        host.call(&create(1, 9, start(), true));
        let mut clients: Vec<Client> = (0..CLIENTS).map(|session| Client::open(&host, 1, session as u8)).collect();
        for step in &steps {
            match step {
                Step::Do(client, action) => {
                    let request = clients[*client].change(action);
                    let answers = host.call(&request);
                    prop_assert!(is_changed(&answers), "{action:?}: {answers:?}");
                }
                Step::Hear(client) => clients[*client].hear(&host),
            }
        }
        let document = View::open(&host, 1, 8).value;
        for client in &mut clients {
            client.hear(&host);
            prop_assert!(client.pending.is_empty());
            prop_assert_eq!(&client.view.value, &document);
        }
        let next = host.restarted();
        next.start(&Default::default());
        prop_assert_eq!(&View::open(&next, 1, 8).value, &document, "it is what is stored");
        next.call(&ask(Ask::Compact(Compact {})));
        let compacted = next.restarted();
        compacted.start(&Default::default());
        prop_assert_eq!(&View::open(&compacted, 1, 8).value, &document, "it survives being compacted");
    }

    /// A client that sends again, in order, whatever was not answered, has each change applied once, wherever the crashes are.
    #[test]
    fn after_crashes_and_failures_every_change_is_applied_exactly_once(
        texts in prop::collection::vec(("[a-z]{1,3}", 0..6_u8), 1..40),
    ) {
        let mut host = TestHost::started(1);
        host.call(&create(1, 1, map(&[("title", string(""))]), true));
        let mut view = View::open(&host, 1, 1);
        let mut expected = String::new();
        let mut unanswered: Vec<(u64, Edit)> = Vec::new();
        let mut sent: Vec<(i64, u64)> = Vec::new();
        let send = |host: &TestHost, view: &mut View, seq: u64, edit: Edit| {
            view.next_seq = seq;
            (host.send(&view.edits(vec![edit])), seq)
        };
        for (seq, (text, fate)) in (1..).zip(texts) {
            let edit = splice("title", expected.len() as u32, 0, &text);
            expected.push_str(&text);
            unanswered.push((seq, edit.clone()));
            host.hold_storage(fate % 2 == 1);
            if fate == 4 {
                host.fail_next_storage(OpErrorCode::QuotaExceeded);
            }
            sent.push(send(&host, &mut view, seq, edit));
            host.run_until_idle();
            for (request, seq) in std::mem::take(&mut sent) {
                if !host.has_finished(request) {
                    sent.push((request, seq));
                } else if is_changed(&host.take_answers(request)) {
                    unanswered.retain(|(unanswered, _)| *unanswered != seq);
                }
            }
            if fate == 5 {
                host = host.restarted();
                host.start(&Default::default());
                view = View::open(&host, 1, 1);
                let acknowledged = unanswered.first().map_or(seq, |(first, _)| first - 1);
                prop_assert!(view.opened.applied_seq >= acknowledged, "what was acknowledged is there");
                sent = unanswered.iter().map(|(seq, edit)| send(&host, &mut view, *seq, edit.clone())).collect();
                host.run_until_idle();
            }
        }
        host.hold_storage(false);
        host.run_until_idle();
        for (seq, edit) in unanswered {
            let (request, _) = send(&host, &mut view, seq, edit);
            host.run_until_idle();
            prop_assert!(is_changed(&host.take_answers(request)));
        }
        let next = host.restarted();
        next.start(&Default::default());
        prop_assert_eq!(View::open(&next, 1, 1).text("title"), expected.clone());
        prop_assert_eq!(titles(&next), [expected], "the index says what the document says");
    }

    #[test]
    fn no_damage_of_a_record_brings_the_node_down(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 1..6)) {
        let host = TestHost::started(1);
        for id in 1..4 {
            host.call(&create(id, 1, start(), true));
            let mut view = View::open(&host, id, 1);
            host.call(&view.edits(vec![splice("title", 0, 0, "x")]));
        }
        for (record, place, kind) in damage {
            let mut store = host.store().borrow_mut();
            let keys: Vec<Vec<u8>> = store.records.keys().filter(|key| key.starts_with(b"d")).cloned().collect();
            let value = store.records.get_mut(record.get(&keys)).expect("the record");
            if value.is_empty() {
                continue;
            }
            let at = place.index(value.len());
            match kind {
                0 => value.truncate(at),
                1 => value[at] ^= 1 << (at % 8),
                _ => {
                    // A record whose envelope is right and whose content is not.
                    let content = value.len().saturating_sub(4).max(1);
                    value.truncate(content);
                    value[at.min(content - 1)] ^= 0x40;
                    value[0] = 1;
                    let checksum = crc32c::crc32c(value);
                    value.extend_from_slice(&checksum.to_le_bytes());
                }
            }
        }
        let next = host.restarted();
        next.start(&Default::default());
        for id in 1..4 {
            let answers = next.call(&open(id, 1));
            prop_assert!(!answers.is_empty());
        }
        prop_assert_eq!(error(&next.call(&create(9, 1, start(), true))), None, "it goes on");
    }
}
