//! A person with several devices: writes on all of them at once, and wants the same on each.
//!
//! Each change leaves a mark in a list of its document. What was promised must be everywhere in the end, what nobody asked for nowhere, and all devices must have the same.

use std::collections::BTreeMap;

use avatar_proto::doc_change::Change;
use avatar_proto::edit::Op;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind;
use avatar_proto::{
    DocChange, DocCreate, DocDelete, DocOpen, Edit, EditList, ErrorCode, ListValue, Message, Request, Response, Row,
    TextSplice, Value,
};

use crate::check::{all_rows, find, is_last_page, snapshot};
use crate::random::Dice;
use crate::truth::{DocId, Progress, is_projection};
use crate::value::{items, key, map, text, value};
use crate::violation::{Broken, Violation, hold};
use crate::world::World;

/// Documents of a person at a time, at most.
const MAX_DOCUMENTS: usize = 12;

/// How long one change may take where nothing fails, in simulated microseconds.
const PATIENCE_US: u64 = 10_000_000;

/// What a person knows of one of their documents.
#[derive(Debug)]
pub struct Document {
    creation: Progress,
    death: Progress,
    marks: BTreeMap<i64, Progress>,
    /// Words that stand in it, and nowhere else.
    pub canary: String,
}

/// What is under way on one device.
#[derive(Debug)]
enum Work {
    Creating {
        id: DocId,
        req: i64,
    },
    Deleting {
        id: DocId,
        req: i64,
    },
    /// What is not shown is neither changed nor deleted.
    Opening {
        id: DocId,
        req: i64,
        deletes: bool,
    },
    Changing {
        id: DocId,
        view: i64,
        req: i64,
        mark: i64,
    },
}

impl Work {
    fn request(&self) -> i64 {
        match self {
            Self::Creating { req, .. } | Self::Deleting { req, .. } | Self::Opening { req, .. } => *req,
            Self::Changing { req, .. } => *req,
        }
    }
}

/// What a device shows.
#[derive(Default)]
struct Shown {
    documents: BTreeMap<Vec<u8>, Value>,
    /// The first row that is not what its document is: one may have changed after the other was read.
    other: Option<(Row, Value)>,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Person {
    /// The units of their devices.
    pub devices: Vec<usize>,
    /// Their documents.
    pub documents: BTreeMap<DocId, Document>,
    /// Changes that were promised.
    pub promised: u64,
    dice: Dice,
    work: BTreeMap<usize, Work>,
    last_mark: i64,
}

fn encode(ask: Ask) -> Vec<u8> {
    Request { request: Some(ask) }.encode_to_vec()
}

fn error(answers: &[Response]) -> Option<ErrorCode> {
    answers.iter().find_map(|answer| match &answer.response {
        Some(Answer::Error(error)) => Some(error.code()),
        _ => None,
    })
}

fn string(words: &str) -> Value {
    value(Kind::String(words.to_owned()))
}

impl Person {
    /// Somebody with these devices, and nothing on them.
    pub fn new(devices: Vec<usize>, dice: Dice) -> Self {
        Self {
            devices,
            documents: BTreeMap::new(),
            promised: 0,
            dice,
            work: BTreeMap::new(),
            last_mark: 0,
        }
    }

    /// In how many microseconds they do something next.
    pub fn pause_us(&mut self) -> u64 {
        match self.dice.chance(900) {
            true => self.dice.between(1_000, 300_000),
            false => self.dice.between(1_000_000, 10_000_000),
        }
    }

    /// Does something on one of the devices, if its last work is done.
    ///
    /// # Errors
    /// A broken promise.
    pub fn act(&mut self, world: &mut World) -> Result<(), Violation> {
        for unit in self.devices.clone() {
            self.go_on(world, unit)?;
        }
        let unit = *self.dice.pick(&self.devices.clone());
        if self.work.contains_key(&unit) {
            return Ok(());
        }
        let alive: Vec<DocId> = (self.documents.iter())
            .filter(|(_, document)| document.death == Progress::Unasked)
            .map(|(id, _)| *id)
            .collect();
        let what = self.dice.below(100);
        let work = if alive.is_empty() || (what < 12 && alive.len() < MAX_DOCUMENTS) {
            self.create(world, unit)?
        } else {
            let id = *self.dice.pick(&alive);
            self.open(world, unit, id, what < 15)?
        };
        if let Some(work) = work {
            self.work.insert(unit, work);
        }
        Ok(())
    }

    /// Goes on with what is under way, and begins nothing new. True when nothing is under way any more.
    ///
    /// # Errors
    /// A broken promise.
    pub fn finish(&mut self, world: &mut World) -> Result<bool, Violation> {
        for unit in self.devices.clone() {
            self.go_on(world, unit)?;
        }
        Ok(self.work.is_empty())
    }

    /// Makes a document on a device.
    ///
    /// # Errors
    /// A broken promise; above all, that was not done.
    pub fn make(&mut self, world: &mut World, unit: usize) -> Result<DocId, Violation> {
        match self.create(world, unit)? {
            Some(Work::Creating { id, req }) => {
                self.work.insert(unit, Work::Creating { id, req });
                self.until_done(world, unit)?;
                Ok(id)
            }
            _ => Err(Broken::new("a device that is up makes documents", String::new()).at(world.now_us, unit)),
        }
    }

    /// Changes a document on a device: the mark that it leaves.
    ///
    /// # Errors
    /// A broken promise; above all, that was not done.
    pub fn mark(&mut self, world: &mut World, unit: usize, id: DocId) -> Result<i64, Violation> {
        let before = self.promised;
        if let Some(work) = self.open(world, unit, id, false)? {
            self.work.insert(unit, work);
        }
        self.until_done(world, unit)?;
        hold(
            self.promised > before,
            "a device that has a document changes it",
            || format!("{id:02x?}"),
        )
        .map_err(|broken| broken.at(world.now_us, unit))?;
        Ok(self.last_mark)
    }

    fn until_done(&mut self, world: &mut World, unit: usize) -> Result<(), Violation> {
        let end_us = world.now_us + PATIENCE_US;
        while self.work.contains_key(&unit) && world.now_us < end_us {
            world.run_until(world.now_us + 1_000)?;
            self.go_on(world, unit)?;
        }
        Ok(())
    }

    fn session(&mut self) -> Vec<u8> {
        self.dice.bytes::<16>().to_vec()
    }

    /// Makes a document on a device: what is under way then.
    ///
    /// # Errors
    /// A broken promise.
    fn create(&mut self, world: &mut World, unit: usize) -> Result<Option<Work>, Violation> {
        let id: DocId = self.dice.bytes();
        let canary: String = (0..24)
            .map(|_| char::from(*self.dice.pick(b"abcdefghijklmnopqrstuvwxyz0123456789")))
            .collect();
        let content = map([
            ("body".to_owned(), string("")),
            ("marks".to_owned(), value(Kind::List(ListValue::default()))),
            ("title".to_owned(), string(&canary)),
        ]);
        let create = DocCreate {
            document_id: id.to_vec(),
            session: self.session(),
            r#type: "note".to_owned(),
            content: Some(content),
            detached: true,
        };
        let Some(req) = world.begin(unit, &encode(Ask::DocCreate(create)))? else {
            return Ok(None);
        };
        let document = Document {
            creation: Progress::Asked,
            death: Progress::Unasked,
            marks: BTreeMap::new(),
            canary,
        };
        self.documents.insert(id, document);
        Ok(Some(Work::Creating { id, req }))
    }

    fn delete(&mut self, world: &mut World, unit: usize, id: DocId) -> Result<Option<Work>, Violation> {
        let document_id = id.to_vec();
        let Some(req) = world.begin(unit, &encode(Ask::DocDelete(DocDelete { document_id })))? else {
            return Ok(None);
        };
        if let Some(document) = self.documents.get_mut(&id) {
            document.death = Progress::Asked;
        }
        Ok(Some(Work::Deleting { id, req }))
    }

    fn open(&mut self, world: &mut World, unit: usize, id: DocId, deletes: bool) -> Result<Option<Work>, Violation> {
        let open = DocOpen {
            document_id: id.to_vec(),
            session: self.session(),
        };
        let req = world.begin(unit, &encode(Ask::DocOpen(open)))?;
        Ok(req.map(|req| Work::Opening { id, req, deletes }))
    }

    /// Takes what has been answered.
    fn go_on(&mut self, world: &mut World, unit: usize) -> Result<(), Violation> {
        let Some(work) = self.work.remove(&unit) else {
            return Ok(());
        };
        // Whatever it was may have been done, or not, if the unit died.
        let Some((answers, is_over)) = world.answers(unit, work.request()) else {
            return Ok(());
        };
        if let Some(code) = error(answers) {
            let is_known = !matches!(code, ErrorCode::Internal | ErrorCode::Unspecified);
            let detail = format!("{work:02x?}: {code:?}");
            let held = hold(is_known, "a request is answered in its own way", || detail);
            self.leave(world, unit, &work)?;
            return held.map_err(|broken| broken.at(world.now_us, unit));
        }
        match work {
            Work::Creating { id, req } if is_over => {
                if let Some(document) = self.documents.get_mut(&id) {
                    document.creation = Progress::Promised;
                }
                self.promised += 1;
                world.forget(unit, req)
            }
            Work::Deleting { id, req } if is_over => {
                if let Some(document) = self.documents.get_mut(&id) {
                    document.death = Progress::Promised;
                }
                world.forget(unit, req)
            }
            Work::Opening { id, req, deletes } if answers.iter().any(is_last_page) => {
                let answers: Vec<Answer> = answers.iter().filter_map(|answer| answer.response.clone()).collect();
                match deletes {
                    true => {
                        world.forget(unit, req)?;
                        let work = self.delete(world, unit, id)?;
                        self.work.extend(work.map(|work| (unit, work)));
                        Ok(())
                    }
                    false => self.change(world, unit, id, req, &answers),
                }
            }
            Work::Changing { id, view, req, mark } if is_over => {
                if let Some(document) = self.documents.get_mut(&id) {
                    document.marks.insert(mark, Progress::Promised);
                }
                self.promised += 1;
                world.forget(unit, req)?;
                world.forget(unit, view)
            }
            work => {
                self.work.insert(unit, work);
                Ok(())
            }
        }
    }

    fn leave(&mut self, world: &mut World, unit: usize, work: &Work) -> Result<(), Violation> {
        world.forget(unit, work.request())?;
        match work {
            Work::Changing { view, .. } => world.forget(unit, *view),
            _ => Ok(()),
        }
    }

    /// The document is open: changes it, as it is shown.
    fn change(
        &mut self,
        world: &mut World,
        unit: usize,
        id: DocId,
        view: i64,
        answers: &[Answer],
    ) -> Result<(), Violation> {
        let shown = answers
            .iter()
            .filter(|answer| matches!(answer, Answer::SnapshotPage(_)))
            .cloned()
            .collect::<Vec<_>>();
        let (Some(Answer::DocOpened(opened)), Some(shown)) = (answers.first(), snapshot(&shown)) else {
            return Err(Broken::new("a document opens with a snapshot", format!("{answers:?}")).at(world.now_us, unit));
        };
        self.last_mark += 1;
        let mark = self.last_mark;
        let body = text(&shown, "body");
        // All characters here are of one code unit.
        let at = self.dice.index(body.len() + 1);
        let delete = self.dice.index((body.len() - at).min(4) + 1);
        let splice = TextSplice {
            index: at as u32,
            delete: delete as u32,
            insert: format!("<{mark}>"),
        };
        let edits = vec![
            Edit {
                path: vec![key("body")],
                op: Some(Op::Text(splice)),
            },
            Edit {
                path: vec![
                    key("marks"),
                    crate::value::index(self.dice.index(items(&shown, "marks").len() + 1)),
                ],
                op: Some(Op::Insert(ListValue {
                    items: vec![value(Kind::Int(mark))],
                })),
            },
        ];
        let change = DocChange {
            view: opened.view,
            change_seq: 1,
            seen_version: 0,
            change: Some(Change::Edits(EditList { edits })),
            message: String::new(),
        };
        let Some(req) = world.begin(unit, &encode(Ask::DocChange(change)))? else {
            return world.forget(unit, view);
        };
        if let Some(document) = self.documents.get_mut(&id) {
            document.marks.insert(mark, Progress::Asked);
        }
        self.work.insert(unit, Work::Changing { id, view, req, mark });
        Ok(())
    }

    // ---- what must come of it

    /// Whether a device has a document.
    ///
    /// # Errors
    /// A broken promise.
    pub fn has(&self, world: &mut World, unit: usize, id: DocId) -> Result<bool, Violation> {
        Ok(find(world, unit, id)?.is_some())
    }

    /// All that a device shows.
    fn shown(&self, world: &mut World, unit: usize) -> Result<Shown, Violation> {
        let mut shown = Shown::default();
        for row in all_rows(world, unit)? {
            let id = DocId::try_from(row.document_id.as_slice()).unwrap_or_default();
            // It may have been deleted after the row was read.
            let Some((_, content)) = find(world, unit, id)? else {
                continue;
            };
            if !is_projection(&content, &row.fields, &row.cut) {
                shown.other.get_or_insert((row.clone(), content.clone()));
            }
            shown.documents.insert(row.document_id, content);
        }
        Ok(shown)
    }

    /// A document that two devices do not show alike, with what each shows. None: all show the same.
    ///
    /// # Errors
    /// A broken promise.
    pub fn difference(&self, world: &mut World) -> Result<Option<String>, Violation> {
        let mut first: Option<BTreeMap<Vec<u8>, Value>> = None;
        for unit in &self.devices {
            let shown = self.shown(world, *unit)?.documents;
            let first = first.get_or_insert_with(|| shown.clone());
            let other = first
                .keys()
                .chain(shown.keys())
                .find(|id| first.get(*id) != shown.get(*id));
            if let Some(id) = other {
                let (one, two) = (first.get(id), shown.get(id));
                let one_unit = self.devices[0];
                return Ok(Some(format!(
                    "{id:02x?}: unit {one_unit} shows {one:?}, unit {unit} shows {two:?}"
                )));
            }
        }
        Ok(None)
    }

    /// What all devices show is what was asked for.
    ///
    /// # Errors
    /// A broken promise.
    pub fn check(&self, world: &mut World) -> Result<(), Violation> {
        for unit in &self.devices {
            let Shown { documents, other } = self.shown(world, *unit)?;
            let same = hold(
                other.is_none(),
                "the index equals a full scan, also of what came from others",
                || format!("{other:?}"),
            );
            same.and_then(|()| self.check_shown(&documents))
                .map_err(|broken| broken.at(world.now_us, *unit))?;
        }
        Ok(())
    }

    fn check_shown(&self, shown: &BTreeMap<Vec<u8>, Value>) -> Result<(), Broken> {
        for id in shown.keys() {
            let is_asked = DocId::try_from(id.as_slice()).is_ok_and(|id| self.documents.contains_key(&id));
            hold(is_asked, "no device shows what its person has not made", || {
                format!("{id:02x?}")
            })?;
        }
        for (id, document) in &self.documents {
            let Some(content) = shown.get(id.as_slice()) else {
                let may_lack = document.creation != Progress::Promised || document.death != Progress::Unasked;
                hold(may_lack, "every acknowledged document is on all devices", || {
                    format!("{id:02x?}: {document:?}")
                })?;
                continue;
            };
            hold(
                document.death != Progress::Promised,
                "what was deleted on one device is gone from all",
                || format!("{id:02x?}: {document:?}"),
            )?;
            let mut there: BTreeMap<i64, usize> = BTreeMap::new();
            for item in items(content, "marks") {
                if let Some(Kind::Int(mark)) = item.kind {
                    *there.entry(mark).or_default() += 1;
                }
            }
            let is_twice = there.values().any(|count| *count > 1);
            let is_unasked = there.keys().any(|mark| !document.marks.contains_key(mark));
            let mut promised = document
                .marks
                .iter()
                .filter(|(_, progress)| **progress == Progress::Promised);
            let is_missing = promised.any(|(mark, _)| !there.contains_key(mark));
            hold(
                !is_twice && !is_unasked && !is_missing,
                "every acknowledged change is on all devices once, and no other",
                || format!("{id:02x?}: {there:?}, and asked were {:?}", document.marks),
            )?;
        }
        Ok(())
    }
}
