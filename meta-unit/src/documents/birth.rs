//! A document as it was created: its content, and nothing that automerge makes of it.
//!
//! Most documents of an import are not looked at for a long time, and making a CRDT costs many times what storing a content costs. So a new document's record holds the
//! content, and the automerge document is made from it when it is first changed (or its history is asked for): always by the same actor at the same time, so it is always the same change with
//! the same hash. With the first change that follows, the automerge document is stored in its place. Whoever hands a document's changes to another device has to store it
//! so before: a later automerge might encode the same content in other bytes.

use automerge::transaction::CommitOptions;
use automerge::{ActorId, Automerge, TextEncoding};
use avatar_proto::{MapValue, Message, SnapshotPage};

use super::edits::{self, EditError};
use super::snapshot;
use crate::index::{Fields, project_content};

/// What a document is created with.
#[derive(Clone, PartialEq, Message)]
pub struct Birth {
    #[prost(message, optional, tag = "1")]
    content: Option<MapValue>,
    #[prost(bytes = "vec", tag = "2")]
    actor: Vec<u8>,
}

impl Birth {
    /// # Errors
    /// No document can hold this content.
    pub fn new(content: MapValue, actor: &ActorId) -> Result<Self, EditError> {
        edits::check_content(&content)?;
        Ok(Self {
            content: Some(content),
            actor: actor.to_bytes().to_vec(),
        })
    }

    /// Checks what was read from storage.
    ///
    /// # Errors
    /// No document can hold this content.
    pub fn check(&self) -> Result<(), EditError> {
        self.content.as_ref().map_or(Ok(()), edits::check_content)
    }

    /// Hands the pages of the document to `page`, as [`snapshot::pages`] would.
    pub fn pages(&self, page: &mut dyn FnMut(SnapshotPage)) {
        match &self.content {
            Some(content) => snapshot::content_pages(content, page),
            None => snapshot::content_pages(&MapValue::default(), page),
        }
    }

    /// The automerge document, always the same one.
    pub fn document(&self, created_ms: i64) -> Automerge {
        let mut automerge =
            Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit).with_actor(ActorId::from(self.actor.as_slice()));
        let mut tx = automerge.transaction();
        if let Some(content) = &self.content {
            edits::fill_root(&mut tx, content).expect("what was checked fits into an empty document");
        }
        tx.commit_with(CommitOptions::default().with_time(created_ms / 1000));
        automerge
    }

    /// The index's part of it: what it would be of the automerge document.
    pub fn fields(&self) -> Fields {
        self.content.as_ref().map_or_else(Fields::default, project_content)
    }
}

#[cfg(test)]
mod tests {
    use avatar_proto::value::Kind;
    use avatar_proto::{ListValue, MapEntry, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::index::project;

    fn leaf() -> impl Strategy<Value = Option<Kind>> {
        prop_oneof![
            1 => Just(None),
            6 => any::<bool>().prop_map(|_| Some(Kind::Null(true))),
            6 => any::<bool>().prop_map(|value| Some(Kind::Bool(value))),
            6 => any::<i64>().prop_map(|value| Some(Kind::Int(value))),
            6 => any::<f64>().prop_map(|value| Some(Kind::Double(value))),
            6 => any::<i64>().prop_map(|value| Some(Kind::TimestampMs(value))),
            6 => any::<i64>().prop_map(|value| Some(Kind::Counter(value))),
            6 => prop::collection::vec(any::<u8>(), 0..300).prop_map(|value| Some(Kind::Bytes(value))),
            1 => Just(Some(Kind::Bytes(vec![0; edits::MAX_BYTES_VALUE + 1]))),
            12 => ".{0,8}".prop_map(|value| Some(Kind::String(value))),
            3 => ("[aä😀]{1,3}", 50..500_usize).prop_map(|(part, times)| Some(Kind::String(part.repeat(times)))),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = leaf().prop_map(|kind| Value { kind });
        leaf.prop_recursive(6, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(|items| Some(Kind::List(ListValue { items }))),
                map(inner).prop_map(|map| Some(Kind::Map(map))),
            ]
            .prop_map(|kind| Value { kind })
        })
    }

    /// Few keys, so that some come twice; one is longer than the index takes.
    fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = MapValue> {
        let key = prop_oneof!["[a-cé]{0,2}", Just("long".repeat(40))];
        let entry = (key, prop::option::weighted(0.99, value)).prop_map(|(key, value)| MapEntry { key, value });
        prop::collection::vec(entry, 0..6).prop_map(|entries| MapValue { entries })
    }

    fn actor() -> ActorId {
        ActorId::from([7; 16].as_slice())
    }

    proptest! {
        #[test]
        fn the_index_reads_the_same_from_a_content_as_from_the_document_made_of_it(content in map(value())) {
            if let Ok(birth) = Birth::new(content, &actor()) {
                prop_assert_eq!(birth.fields(), project(&birth.document(1_000)));
            }
        }

        #[test]
        fn a_snapshot_is_the_same_of_a_content_as_of_the_document_made_of_it(content in map(value())) {
            if let Ok(birth) = Birth::new(content, &actor()) {
                let (mut of_content, mut of_document) = (Vec::new(), Vec::new());
                birth.pages(&mut |page| of_content.push(page.encode_to_vec()));
                snapshot::pages(&birth.document(1_000), None, &mut |page| of_document.push(page.encode_to_vec()));
                prop_assert_eq!(of_content, of_document);
            }
        }

        #[test]
        fn a_content_is_refused_exactly_when_automerge_cannot_take_it(content in map(value())) {
            let mut automerge = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
            let filled = edits::fill_root(&mut automerge.transaction(), &content);
            prop_assert_eq!(filled.is_ok(), edits::check_content(&content).is_ok());
        }

        #[test]
        fn a_content_becomes_the_same_change_whenever_it_is_opened(content in map(value())) {
            if let Ok(birth) = Birth::new(content, &actor()) {
                let read = Birth::decode(birth.encode_to_vec().as_slice()).expect("it was encoded");
                prop_assert_eq!(read.document(1_000).get_heads(), birth.document(1_000).get_heads());
            }
        }
    }
}
