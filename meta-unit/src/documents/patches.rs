//! Automerge's patches as edits of the contract: how a document changed, told by paths.

use automerge::{ObjId, ObjType, Patch, PatchAction, Prop, ReadDoc, ScalarValue};
use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::value::Kind;
use avatar_proto::{Edit, ListValue, MapValue, PathStep, TextSplice, Value};

/// The edits that make the same of a document as these patches. An object arrives empty and is filled by the patches behind it, as automerge tells it.
pub fn to_edits(doc: &impl ReadDoc, patches: Vec<Patch>) -> Vec<Edit> {
    patches.into_iter().filter_map(|patch| to_edit(doc, patch)).collect()
}

fn to_edit(doc: &impl ReadDoc, patch: Patch) -> Option<Edit> {
    let path: Vec<PathStep> = patch.path.iter().map(|(_, prop)| step(prop)).collect();
    let is_text = || is_text(doc, &patch.obj);
    let (place, op) = match patch.action {
        PatchAction::PutMap { key, value, .. } => (Some(Prop::Map(key)), Op::Put(self::value(&value.0))),
        PatchAction::PutSeq { index, value, .. } => (Some(Prop::Seq(index)), Op::Put(self::value(&value.0))),
        PatchAction::Insert { index, values } => {
            let items = values.iter().map(|(value, _, _)| self::value(value)).collect();
            (Some(Prop::Seq(index)), Op::Insert(ListValue { items }))
        }
        PatchAction::SpliceText { index, value, .. } => (
            None,
            Op::Text(TextSplice {
                index: index as u32,
                delete: 0,
                insert: value.make_string(),
            }),
        ),
        PatchAction::DeleteSeq { index, length } if is_text() => (
            None,
            Op::Text(TextSplice {
                index: index as u32,
                delete: length as u32,
                insert: String::new(),
            }),
        ),
        PatchAction::DeleteSeq { index, length } => (Some(Prop::Seq(index)), Op::Delete(length as u32)),
        PatchAction::DeleteMap { key } => (Some(Prop::Map(key)), Op::Delete(1)),
        PatchAction::Increment { prop, value } => (Some(prop), Op::Increment(value)),
        // What a conflict hides, and marks, are no part of a document's value here.
        PatchAction::Conflict { .. } | PatchAction::Mark { .. } => return None,
    };
    let path = path.into_iter().chain(place.as_ref().map(step)).collect();
    Some(Edit { path, op: Some(op) })
}

fn is_text(doc: &impl ReadDoc, object: &ObjId) -> bool {
    doc.object_type(object).is_ok_and(|kind| kind == ObjType::Text)
}

fn step(prop: &Prop) -> PathStep {
    let step = match prop {
        Prop::Map(key) => Step::Key(key.clone()),
        Prop::Seq(index) => Step::Index(*index as u32),
    };
    PathStep { step: Some(step) }
}

/// A value; an object is empty.
pub fn value(value: &automerge::Value<'_>) -> Value {
    let kind = match value {
        automerge::Value::Object(ObjType::Map | ObjType::Table) => Kind::Map(MapValue::default()),
        automerge::Value::Object(ObjType::List) => Kind::List(ListValue::default()),
        automerge::Value::Object(ObjType::Text) => Kind::String(String::new()),
        automerge::Value::Scalar(scalar) => scalar_kind(scalar),
    };
    Value { kind: Some(kind) }
}

fn scalar_kind(scalar: &ScalarValue) -> Kind {
    match scalar {
        ScalarValue::Null | ScalarValue::Unknown { .. } => Kind::Null(true),
        ScalarValue::Boolean(value) => Kind::Bool(*value),
        ScalarValue::Int(value) => Kind::Int(*value),
        // A peer's document may hold numbers that this contract does not make.
        ScalarValue::Uint(value) => i64::try_from(*value).map_or(Kind::Double(*value as f64), Kind::Int),
        ScalarValue::F64(value) => Kind::Double(*value),
        ScalarValue::Str(string) => Kind::String(string.to_string()),
        ScalarValue::Bytes(bytes) => Kind::Bytes(bytes.clone()),
        ScalarValue::Timestamp(ms) => Kind::TimestampMs(*ms),
        ScalarValue::Counter(counter) => Kind::Counter(counter.into()),
    }
}
