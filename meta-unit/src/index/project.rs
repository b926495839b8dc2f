//! From a document to the fields of its row: from automerge's, or from the content that it was created with.

use std::ops::RangeFull;

use automerge::{ObjId, ObjType, ROOT, ReadDoc, ScalarValueRef, ValueRef};

use avatar_proto::value::Kind;
use avatar_proto::{MapValue, Value};

use crate::data::content;

use super::fields::{Fields, FieldsBuilder, IndexScalar, MAX_NAME_BYTES, MAX_STRING_BYTES};

/// Maps within maps, at most; what lies deeper is not in the index.
const MAX_DEPTH: usize = 8;

/// The index's part of a document: its scalars, texts and lists of them, nested ones under dotted names, in the order of the keys. The cost is bounded by the
/// limits of [`Fields`], not by the document: of a long text only the beginning is read.
pub fn project(doc: &impl ReadDoc) -> Fields {
    let mut builder = FieldsBuilder::new();
    project_map(doc, &ROOT, &mut String::new(), 0, &mut builder);
    builder.finish()
}

fn project_map(doc: &impl ReadDoc, map: &ObjId, name: &mut String, depth: usize, builder: &mut FieldsBuilder) {
    for item in doc.map_range(map, RangeFull) {
        if builder.is_full() {
            return;
        }
        let parent_len = name.len();
        if depth > 0 {
            name.push('.');
        }
        name.push_str(&item.key);
        // Everything below has a longer name yet.
        if name.len() <= MAX_NAME_BYTES {
            match &item.value {
                ValueRef::Object(ObjType::Map | ObjType::Table) => {
                    if depth + 1 < MAX_DEPTH {
                        project_map(doc, &item.id(), name, depth + 1, builder);
                    }
                }
                ValueRef::Object(ObjType::List) => project_list(doc, &item.id(), name, builder),
                ValueRef::Object(ObjType::Text) => {
                    builder.scalar(name, IndexScalar::String(&text_beginning(doc, &item.id())));
                }
                ValueRef::Scalar(value) => {
                    if let Some(scalar) = scalar(value) {
                        builder.scalar(name, scalar);
                    }
                }
            }
        }
        name.truncate(parent_len);
    }
}

/// What [`project`] gives of the document that is made of this content.
pub fn project_content(content: &MapValue) -> Fields {
    let mut builder = FieldsBuilder::new();
    project_content_map(content, &mut String::new(), 0, &mut builder);
    builder.finish()
}

fn project_content_map(map: &MapValue, name: &mut String, depth: usize, builder: &mut FieldsBuilder) {
    for entry in content::entries(map) {
        if builder.is_full() {
            return;
        }
        let parent_len = name.len();
        if depth > 0 {
            name.push('.');
        }
        name.push_str(&entry.key);
        let kind = entry.value.as_ref().and_then(|value| value.kind.as_ref());
        if name.len() <= MAX_NAME_BYTES {
            match kind {
                Some(Kind::Map(map)) => {
                    if depth + 1 < MAX_DEPTH {
                        project_content_map(map, name, depth + 1, builder);
                    }
                }
                Some(Kind::List(list)) => builder.list(name, list.items.iter().map(content_scalar)),
                _ => {
                    if let Some(scalar) = entry.value.as_ref().and_then(content_scalar) {
                        builder.scalar(name, scalar);
                    }
                }
            }
        }
        name.truncate(parent_len);
    }
}

fn content_scalar(value: &Value) -> Option<IndexScalar<'_>> {
    Some(match value.kind.as_ref()? {
        Kind::Null(_) => IndexScalar::Null,
        Kind::Bool(value) => IndexScalar::Bool(*value),
        Kind::Int(value) => IndexScalar::Int(*value),
        Kind::Double(value) => IndexScalar::Double(*value),
        Kind::String(value) => IndexScalar::String(value),
        Kind::Bytes(value) => IndexScalar::Bytes(value),
        Kind::TimestampMs(value) => IndexScalar::TimestampMs(*value),
        Kind::Counter(value) => IndexScalar::Counter(*value),
        Kind::List(_) | Kind::Map(_) => return None,
    })
}

fn project_list(doc: &impl ReadDoc, list: &ObjId, name: &str, builder: &mut FieldsBuilder) {
    let mut items = builder.begin_list();
    for item in doc.list_range(list, RangeFull) {
        let goes_on = match &item.value {
            ValueRef::Object(ObjType::Text) => items.push(Some(IndexScalar::String(&text_beginning(doc, &item.id())))),
            ValueRef::Object(_) => items.push(None),
            ValueRef::Scalar(value) => items.push(scalar(value)),
        };
        if !goes_on {
            break;
        }
    }
    builder.end_list(name, items);
}

/// All of a short text, or so much that it is seen to be longer than the index keeps.
fn text_beginning(doc: &impl ReadDoc, text: &ObjId) -> String {
    // Measured: a character costs `text` a quarter of what it costs the walk below, and the walk ends after MAX_STRING_BYTES.
    if doc.length(text) <= 4 * MAX_STRING_BYTES {
        return doc.text(text).unwrap_or_default();
    }
    let mut beginning = String::new();
    for item in doc.list_range(text, RangeFull) {
        if let ValueRef::Scalar(ScalarValueRef::Str(part)) = &item.value {
            beginning.push_str(part);
        }
        if beginning.len() > MAX_STRING_BYTES {
            break;
        }
    }
    beginning
}

fn scalar<'a>(value: &'a ScalarValueRef<'_>) -> Option<IndexScalar<'a>> {
    Some(match value {
        ScalarValueRef::Null => IndexScalar::Null,
        ScalarValueRef::Boolean(value) => IndexScalar::Bool(*value),
        ScalarValueRef::Int(value) => IndexScalar::Int(*value),
        ScalarValueRef::Uint(value) => match i64::try_from(*value) {
            Ok(value) => IndexScalar::Int(value),
            Err(_) => IndexScalar::Double(*value as f64),
        },
        ScalarValueRef::F64(value) => IndexScalar::Double(*value),
        ScalarValueRef::Str(value) => IndexScalar::String(value),
        ScalarValueRef::Bytes(value) => IndexScalar::Bytes(value),
        ScalarValueRef::Timestamp(value) => IndexScalar::TimestampMs(*value),
        ScalarValueRef::Counter(value) => IndexScalar::Counter(*value),
        // A kind of value of a later automerge.
        ScalarValueRef::Unknown { .. } => return None,
    })
}
