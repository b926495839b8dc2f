//! What live queries promise.

use std::collections::BTreeMap;
use std::rc::Rc;

use avatar_proto::response::Response as Answer;
use avatar_proto::{Message, Order, Query, QueryDelta, QuerySubscribe, Response, Row};
use proptest::prelude::*;

use super::{naive, random};
use crate::index::answer::{MAX_PAGE_BYTES, write_delta, write_rows};
use crate::index::live::{LiveQueries, LiveResult, Places};
use crate::index::{DocId, FieldsBuilder, Index, IndexRow, IndexScalar, QueryPlan, Version};
use crate::platform::TestPlatform;

/// A client: what it was answered, and the rows that follow from it.
#[derive(Default)]
struct Client {
    rows: Vec<Row>,
    total: usize,
    deltas: usize,
    /// Rows told since the first answer.
    told: usize,
}

impl Client {
    fn take(&mut self, response: Response) {
        match response.response {
            Some(Answer::QueryRows(page)) => {
                self.rows.extend(page.rows);
                self.total = page.total as usize;
            }
            Some(Answer::QueryDelta(QueryDelta { splices, total })) => {
                for splice in splices {
                    let start = splice.index as usize;
                    self.told += splice.insert.len();
                    self.rows.splice(start..start + splice.delete as usize, splice.insert);
                }
                self.total = total as usize;
                self.deltas += 1;
            }
            other => panic!("no answer to a query: {other:?}"),
        }
    }

    fn take_bytes(&mut self, response: &[u8]) {
        assert!(response.len() <= MAX_PAGE_BYTES, "{} bytes", response.len());
        self.take(Response::decode(response).expect("a response"));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Upsert(IndexRow),
    Remove(DocId),
    /// The end of a turn.
    Turn,
    Rebuilt,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => random::row().prop_map(Step::Upsert),
        3 => (0_u8..30).prop_map(|number| Step::Remove(random::id(number))),
        5 => Just(Step::Turn),
        1 => Just(Step::Rebuilt),
    ];
    prop::collection::vec(step, 0..60)
}

/// NaN is not equal to itself, so rows are compared as bytes.
fn bytes(rows: &[Row]) -> Vec<Vec<u8>> {
    rows.iter().map(Message::encode_to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deltas_lead_from_each_result_to_the_next(rows in random::rows(), steps in steps(), query in random::query()) {
        let mut model: BTreeMap<DocId, IndexRow> = rows.iter().map(|row| (row.id, row.clone())).collect();
        let mut index = super::index_of(&rows);
        index.take_changes();
        let mut result = LiveResult::new(&index, QueryPlan::compile(Some(&query)).expect("the query is sound"));
        let mut client = Client::default();
        write_rows(&index, &result.plan, &result.found(), |page, _| client.take_bytes(&page));
        for step in steps.into_iter().chain([Step::Turn]) {
            match step {
                Step::Upsert(row) => {
                    index.upsert(&row);
                    model.insert(row.id, row);
                }
                Step::Remove(id) => {
                    index.remove(id);
                    model.remove(&id);
                }
                Step::Rebuilt => {
                    let mut rebuilt = Index::new();
                    model.values().for_each(|row| rebuilt.upsert(row));
                    index.replace(rebuilt);
                }
                Step::Turn => {
                    let before = (bytes(&client.rows), client.total);
                    let changes = index.take_changes();
                    let changed = Places::of(changes.places.iter().copied());
                    let update = result.update(&index, &changes, &changed);
                    if let Some(splices) = &update {
                        write_delta(&index, &result.plan, splices, result.matches.len(), |delta| client.take_bytes(&delta));
                    }
                    let rows: Vec<IndexRow> = model.values().cloned().collect();
                    let (expected, total) = naive::run(&rows, &query);
                    prop_assert_eq!(bytes(&client.rows), bytes(&expected));
                    prop_assert_eq!(client.total, total);
                    if update.is_none() {
                        prop_assert_eq!(before, (bytes(&client.rows), client.total));
                    }
                }
            }
        }
    }
}

/// A node's live queries and one client of them.
struct Scene {
    platform: Rc<TestPlatform>,
    index: Index,
    live: LiveQueries,
    request: u64,
    client: Client,
}

impl Scene {
    fn new(rows: &[IndexRow], query: Query) -> Self {
        let platform = TestPlatform::new(1);
        let mut index = super::index_of(rows);
        let mut live = LiveQueries::new();
        let (request, responder) = platform.request();
        live.subscribe(&mut index, &QuerySubscribe { query: Some(query) }, responder);
        let mut scene = Self {
            platform,
            index,
            live,
            request,
            client: Client::default(),
        };
        scene.listen();
        scene
    }

    fn end_turn(&mut self) {
        self.live.flush(&mut self.index);
        self.listen();
    }

    fn listen(&mut self) {
        for answer in self.platform.take_answers(self.request) {
            assert!(answer.more, "a live query has no last answer");
            self.client.take(answer.response);
        }
    }

    fn titles(&self) -> Vec<u64> {
        let updated = |row: &Row| u64::try_from(row.updated_ms).expect("the test's rows have times above 0");
        self.client.rows.iter().map(updated).collect()
    }
}

fn row(number: u8, type_name: &str, updated_ms: i64) -> IndexRow {
    let mut fields = FieldsBuilder::new();
    fields.scalar("title", IndexScalar::String("title"));
    let (type_name, fields) = (type_name.to_owned(), fields.finish());
    IndexRow {
        id: random::id(number),
        type_name,
        created_ms: 0,
        updated_ms,
        version: Version::default(),
        fields,
    }
}

fn newest_notes(limit: u32) -> Query {
    let order_by = vec![Order {
        field: "updatedAt".to_owned(),
        descending: true,
    }];
    Query {
        r#type: "note".to_owned(),
        order_by,
        limit,
        ..Query::default()
    }
}

#[test]
fn a_live_query_tells_only_what_changed_and_once_a_turn() {
    let rows: Vec<IndexRow> = (1..=10).map(|number| row(number, "note", number.into())).collect();
    let mut scene = Scene::new(&rows, newest_notes(3));
    assert_eq!((scene.titles(), scene.client.total), (vec![10, 9, 8], 10));

    scene.index.upsert(&row(1, "note", 11));
    scene.index.upsert(&row(1, "note", 12));
    scene.end_turn();
    assert_eq!((scene.titles(), scene.client.total), (vec![12, 10, 9], 10));
    assert_eq!((scene.client.deltas, scene.client.told), (1, 1));

    scene.index.remove(random::id(10));
    scene.end_turn();
    assert_eq!((scene.titles(), scene.client.total), (vec![12, 9, 8], 9));
    assert_eq!((scene.client.deltas, scene.client.told), (2, 2));

    // Behind the limit: the total is news, the rows are not.
    scene.index.remove(random::id(2));
    scene.end_turn();
    assert_eq!((scene.titles(), scene.client.total), (vec![12, 9, 8], 8));
    assert_eq!((scene.client.deltas, scene.client.told), (3, 2));
}

#[test]
fn a_live_query_is_silent_about_what_does_not_concern_it() {
    let mut scene = Scene::new(&[row(1, "note", 1), row(2, "task", 2)], newest_notes(1));
    scene.index.upsert(&row(2, "task", 3));
    scene.index.upsert(&row(3, "task", 4));
    scene.end_turn();
    scene.index.remove(random::id(2));
    // The same row again is no change.
    scene.index.upsert(&row(1, "note", 1));
    scene.end_turn();
    scene.end_turn();
    assert_eq!(scene.client.deltas, 0);
}

#[test]
fn a_row_that_stops_matching_leaves_and_one_that_starts_arrives() {
    let mut scene = Scene::new(&[row(1, "note", 1), row(2, "task", 2)], newest_notes(0));
    scene.index.upsert(&row(1, "task", 1));
    scene.index.upsert(&row(2, "note", 2));
    scene.end_turn();
    assert_eq!(
        (scene.titles(), scene.client.total, scene.client.deltas),
        (vec![2], 1, 1)
    );
}

#[test]
fn many_changes_at_once_come_in_deltas_of_bounded_size() {
    let mut scene = Scene::new(&[], newest_notes(0));
    let text = "x".repeat(256);
    for number in 0..1_000_u16 {
        let mut fields = FieldsBuilder::new();
        fields.scalar("text", IndexScalar::String(&text));
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        scene.index.upsert(&IndexRow {
            id,
            fields: fields.finish(),
            ..row(0, "note", number.into())
        });
    }
    scene.end_turn();
    assert_eq!(scene.titles(), (0..1_000).rev().collect::<Vec<_>>());
    assert!(
        scene.client.deltas > 4 && scene.client.deltas < 10,
        "{}",
        scene.client.deltas
    );
    assert_eq!(scene.client.told, 1_000);
}

#[test]
fn a_cancelled_live_query_is_forgotten() {
    let mut scene = Scene::new(&[], newest_notes(0));
    assert_eq!(scene.live.len(), 1);
    scene.platform.cancel(scene.request);
    assert!(scene.live.is_empty());
    scene.index.upsert(&row(1, "note", 1));
    scene.live.flush(&mut scene.index);
    assert_eq!(
        scene
            .platform
            .take_answers(scene.request)
            .iter()
            .filter(|answer| answer.more)
            .count(),
        0
    );
}

#[test]
fn a_bad_live_query_is_answered_with_its_error() {
    let platform = TestPlatform::new(1);
    let (request, responder) = platform.request();
    let mut live = LiveQueries::new();
    live.subscribe(&mut Index::new(), &QuerySubscribe { query: None }, responder);
    let answers = platform.take_answers(request);
    assert!(
        matches!(&answers[..], [answer] if !answer.more && matches!(answer.response.response, Some(Answer::Error(_))))
    );
    assert!(live.is_empty());
}
