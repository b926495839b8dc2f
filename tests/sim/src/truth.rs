//! What is known of each document of a unit from what its clients asked and were promised: what the unit may, and must, have.

use std::collections::{BTreeMap, BTreeSet};

use avatar_proto::value::Kind;
use avatar_proto::{MapEntry, Row, Value};

use crate::rows;
use crate::value;
use crate::violation::{Broken, hold};

/// The id of a document.
pub type DocId = [u8; 16];

/// How far something has come that a client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nobody asked.
    #[default]
    Unasked,
    /// It may be so, or not.
    Asked,
    /// It was promised.
    Promised,
}

/// What is known of one document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its type.
    pub type_name: String,
    /// The client that created it; the only one that changes it, unless it is shared.
    pub writer: usize,
    /// Whether all clients of the unit change it.
    pub is_shared: bool,
    /// Its creation.
    pub birth: Progress,
    /// Its deletion.
    pub death: Progress,
    /// A bit of one of its records was flipped.
    pub is_damaged: bool,
    /// The document after each numbered change of its writer, from 0 on; None where only the unit knows (an undo). Of a shared document: the first state only.
    pub states: Vec<Option<Value>>,
    /// The last change that was promised to the writer.
    pub promised_seq: u64,
    /// Marks that changes of a shared document left in its log: asked, and promised. A change is whole, so its mark tells of all of it.
    pub marks: BTreeMap<i64, Progress>,
}

impl Document {
    /// A document that a client asks for.
    pub fn new(type_name: String, writer: usize, is_shared: bool, content: Value) -> Self {
        Self {
            type_name,
            writer,
            is_shared,
            birth: Progress::Asked,
            death: Progress::Unasked,
            is_damaged: false,
            states: vec![Some(content)],
            promised_seq: 0,
            marks: BTreeMap::new(),
        }
    }

    /// Whether clients may count on it.
    pub fn is_alive(&self) -> bool {
        self.birth == Progress::Promised && self.death == Progress::Unasked && !self.is_damaged
    }

    /// The last change that the writer asked for.
    pub fn asked_seq(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// The state in which everything that was asked has been done; None if only the unit knows it.
    pub fn last_state(&self) -> Option<&Value> {
        if self.is_shared {
            return None;
        }
        self.states.last()?.as_ref()
    }

    /// Checks what a unit shows as the document: it holds the changes of the writer up to `from_seq` at least, and nothing that nobody asked for.
    ///
    /// # Errors
    /// It does not.
    pub fn check_value(&self, from_seq: u64, shown: &Value) -> Result<(), Broken> {
        const PROMISE: &str = "a document is what its changes made of it, and none that was acknowledged is missing";
        if self.is_shared {
            return self.check_marks(value::items(shown, "log"));
        }
        let possible = &self.states[(from_seq as usize).min(self.states.len())..];
        let is_one = possible
            .iter()
            .any(|state| state.as_ref().is_none_or(|state| state == shown));
        hold(is_one, PROMISE, || {
            format!(
                "changes {from_seq} to {} make {possible:?}, and it shows {shown:?}",
                self.asked_seq()
            )
        })
    }

    /// Checks a row of the index in the same way.
    ///
    /// # Errors
    /// It shows what the document never was.
    pub fn check_row(&self, from_seq: u64, row: &Row) -> Result<(), Broken> {
        const PROMISE: &str = "the index says of a document what the document says";
        hold(row.r#type == self.type_name, PROMISE, || {
            format!("the type is {}", row.r#type)
        })?;
        if self.is_shared {
            let log = row.fields.iter().find(|field| field.key == "log");
            let items = match log.and_then(|field| field.value.as_ref()?.kind.as_ref()) {
                Some(Kind::List(list)) => list.items.as_slice(),
                _ => &[],
            };
            return self.check_marks(items);
        }
        let possible = &self.states[(from_seq as usize).min(self.states.len())..];
        let shows = |state: &Value| is_projection(state, &row.fields, &row.cut);
        let is_one = possible.iter().any(|state| state.as_ref().is_none_or(shows));
        hold(is_one, PROMISE, || {
            format!(
                "changes {from_seq} to {} make {possible:?}, and the row is {row:?}",
                self.asked_seq()
            )
        })
    }

    /// Each change of a shared document left its mark in the log.
    fn check_marks(&self, log: &[Value]) -> Result<(), Broken> {
        const PROMISE: &str =
            "each change of a shared document is applied once, and none that was acknowledged is missing";
        let mut found = BTreeSet::new();
        for item in log {
            let Some(Kind::Int(mark)) = item.kind else {
                return Err(Broken::new(PROMISE, format!("{item:?} is in the log")));
            };
            hold(self.marks.contains_key(&mark), PROMISE, || {
                format!("nobody asked for {mark}")
            })?;
            hold(found.insert(mark), PROMISE, || format!("{mark} is there twice"))?;
        }
        for (mark, progress) in &self.marks {
            hold(*progress != Progress::Promised || found.contains(mark), PROMISE, || {
                format!("{mark} is missing")
            })?;
        }
        Ok(())
    }
}

/// Whether these are the fields of the document's row.
pub fn is_projection(document: &Value, fields: &[MapEntry], cut: &[String]) -> bool {
    let (expected, expected_cut) = rows::project(document);
    expected == fields && expected_cut == cut
}

/// All documents that anybody ever asked one unit for.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// By their ids.
    pub documents: BTreeMap<DocId, Document>,
}

/// What was promised at some moment. What is asked later may be seen as well.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Documents that must be there, with the last change that was promised.
    there: BTreeMap<DocId, u64>,
    /// Documents that must not be there any more.
    gone: BTreeSet<DocId>,
}

impl Truth {
    /// The documents that clients may count on.
    pub fn alive(&self) -> impl Iterator<Item = (&DocId, &Document)> {
        self.documents.iter().filter(|(_, document)| document.is_alive())
    }

    /// What is promised now.
    pub fn bounds(&self) -> Bounds {
        let gone = self
            .documents
            .iter()
            .filter(|(_, document)| document.death == Progress::Promised);
        Bounds {
            there: self
                .alive()
                .map(|(id, document)| (*id, document.promised_seq))
                .collect(),
            gone: gone.map(|(id, _)| *id).collect(),
        }
    }

    /// Checks the rows that a query without a filter, or with one, gave, after what was promised when it was sent. `is_wanted` says which rows the query asks for.
    ///
    /// # Errors
    /// They are not what a scan of all documents gives.
    pub fn check_rows(
        &self,
        bounds: &Bounds,
        rows: &[Row],
        is_wanted: impl Fn(&Row) -> bool,
        is_complete: bool,
    ) -> Result<(), Broken> {
        const PROMISE: &str = "a query gives what a scan of all documents gives";
        let mut found = BTreeSet::new();
        for row in rows {
            let id = DocId::try_from(row.document_id.as_slice())
                .map_err(|_| Broken::new(PROMISE, format!("the id {:?}", row.document_id)))?;
            hold(found.insert(id), PROMISE, || format!("{id:02x?} is there twice"))?;
            hold(!bounds.gone.contains(&id), PROMISE, || format!("{id:02x?} was deleted"))?;
            hold(is_wanted(row), PROMISE, || format!("nobody asked for {row:?}"))?;
            let document = self
                .documents
                .get(&id)
                .ok_or_else(|| Broken::new(PROMISE, format!("nobody created {id:02x?}")))?;
            document.check_row(bounds.there.get(&id).copied().unwrap_or(0), row)?;
        }
        for (id, seq) in &bounds.there {
            let Some(document) = self.documents.get(id).filter(|document| document.is_alive()) else {
                continue;
            };
            // Whether it has to be there is known for certain only if nothing happened to it meanwhile.
            let is_settled = document.asked_seq() == *seq;
            let must_be = match document.last_state() {
                Some(state) if is_settled => {
                    let (fields, cut) = rows::project(state);
                    is_wanted(&Row {
                        document_id: id.to_vec(),
                        r#type: document.type_name.clone(),
                        fields,
                        cut,
                        ..Row::default()
                    })
                }
                _ => false,
            };
            hold(!is_complete || !must_be || found.contains(id), PROMISE, || {
                format!("{id:02x?} is missing")
            })?;
        }
        Ok(())
    }
}
