//! Edits of the contract, applied to an automerge document.

use automerge::transaction::Transactable;
use automerge::{AutomergeError, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue};
use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::value::Kind;
use avatar_proto::{Edit, ListValue, MapEntry, MapValue, PathStep, TextSplice, Value};

/// The longest bytes value: larger bytes do not belong in a document.
pub(super) const MAX_BYTES_VALUE: usize = 64 * 1024;

/// Maps and lists in each other, at most: whoever walks a document does it on a stack.
const MAX_DEPTH: usize = 64;

/// Why an edit cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A message of the contract lacks something that it must have.
    #[error("incomplete edit: {0}")]
    Incomplete(&'static str),
    /// The path leads nowhere, or to something of another kind.
    #[error("the path does not lead to {0}")]
    Path(&'static str),
    /// An index is past the end.
    #[error("index {index} is past the end, {len}")]
    Bounds {
        /// The index asked for.
        index: usize,
        /// How long the list or text is.
        len: usize,
    },
    /// A position splits a character.
    #[error("a position is between the two code units of one character")]
    InsideCharacter,
    /// Maps and lists in each other.
    #[error("maps and lists are at most {MAX_DEPTH} deep in each other")]
    TooDeep,
    /// A value is too large.
    #[error("bytes in a document are at most 64 KiB long")]
    TooLarge,
    /// Automerge refused.
    #[error(transparent)]
    Automerge(#[from] AutomergeError),
}

/// Applies one edit.
pub fn apply<T: Transactable + ReadDoc>(tx: &mut T, edit: &Edit) -> Result<(), EditError> {
    match edit
        .op
        .as_ref()
        .ok_or(EditError::Incomplete("an edit without an operation"))?
    {
        Op::Put(value) => {
            check_value(value, edit.path.len())?;
            let (parent, prop) = parent(tx, &edit.path)?;
            put(tx, &parent, prop, value)
        }
        Op::Delete(count) => {
            let (parent, prop) = parent(tx, &edit.path)?;
            delete(tx, &parent, prop, *count as usize)
        }
        Op::Insert(values) => {
            values
                .items
                .iter()
                .try_for_each(|value| check_value(value, edit.path.len()))?;
            let (parent, prop) = parent(tx, &edit.path)?;
            let Prop::Seq(index) = prop else {
                return Err(EditError::Path("a list"));
            };
            insert(tx, &parent, index, values)
        }
        Op::Text(splice) => {
            let text = text_at(tx, &edit.path, None)?;
            splice_text(tx, &text, splice)
        }
        Op::Increment(by) => {
            let (parent, prop) = parent(tx, &edit.path)?;
            Ok(tx.increment(&parent, prop, *by)?)
        }
    }
}

/// A new document's content, which was checked, put into its root.
pub fn fill_root<T: Transactable + ReadDoc>(tx: &mut T, content: &MapValue) -> Result<(), EditError> {
    fill_map(tx, &ROOT, content)
}

/// Checks that a new document can be filled with this content.
///
/// # Errors
/// It cannot.
pub fn check_content(content: &MapValue) -> Result<(), EditError> {
    check_map(content, 1)
}

fn check_map(map: &MapValue, outside: usize) -> Result<(), EditError> {
    map.entries
        .iter()
        .try_for_each(|entry| check_value(entry_value(entry)?, outside))
}

/// `outside` is how many maps and lists the value is in.
fn check_value(value: &Value, outside: usize) -> Result<(), EditError> {
    if outside > MAX_DEPTH {
        return Err(EditError::TooDeep);
    }
    match kind(value)? {
        Kind::List(list) => list.items.iter().try_for_each(|item| check_value(item, outside + 1)),
        Kind::Map(map) => check_map(map, outside + 1),
        Kind::Bytes(bytes) if bytes.len() > MAX_BYTES_VALUE => Err(EditError::TooLarge),
        _ => Ok(()),
    }
}

fn entry_value(entry: &MapEntry) -> Result<&Value, EditError> {
    entry
        .value
        .as_ref()
        .ok_or(EditError::Incomplete("an entry without a value"))
}

fn kind(value: &Value) -> Result<&Kind, EditError> {
    value
        .kind
        .as_ref()
        .ok_or(EditError::Incomplete("a value without a kind"))
}

/// The text at a path, as it led at some earlier heads or leads now.
pub fn text_at(doc: &impl ReadDoc, path: &[PathStep], heads: Option<&[ChangeHash]>) -> Result<ObjId, EditError> {
    let text = object_at(doc, path, heads)?;
    match doc.object_type(&text)? {
        ObjType::Text => Ok(text),
        _ => Err(EditError::Path("a text")),
    }
}

/// Splices a text. Positions are UTF-16 code units, as the document counts.
pub fn splice_text<T: Transactable + ReadDoc>(tx: &mut T, text: &ObjId, splice: &TextSplice) -> Result<(), EditError> {
    let (index, delete, len) = (splice.index as usize, splice.delete as usize, tx.length(text));
    let end = index.saturating_add(delete);
    if end > len {
        return Err(EditError::Bounds { index: end, len });
    }
    if is_inside_character(tx, text, index, len)? || is_inside_character(tx, text, end, len)? {
        return Err(EditError::InsideCharacter);
    }
    Ok(tx.splice_text(text, index, delete as isize, &splice.insert)?)
}

/// Whether a position is between the two code units of one character. Automerge would round it, and the client would see another text.
fn is_inside_character(doc: &impl ReadDoc, text: &ObjId, position: usize, len: usize) -> Result<bool, EditError> {
    if position == 0 || position >= len {
        return Ok(false);
    }
    let (before, behind) = (doc.get(text, position - 1)?, doc.get(text, position)?);
    Ok(before
        .zip(behind)
        .is_some_and(|((_, before), (_, behind))| before == behind))
}

/// Makes another string of a text with one splice: the beginning and the end that the two have in common stay, with what others write in them meanwhile.
fn replace_text<T: Transactable + ReadDoc>(tx: &mut T, text: &ObjId, new: &str) -> Result<(), EditError> {
    let old = tx.text(text)?;
    let same = |(old, new): (char, char)| (old == new).then_some(old);
    let start: usize = old.chars().zip(new.chars()).map_while(same).map(char::len_utf8).sum();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let ends = old_rest.chars().rev().zip(new_rest.chars().rev());
    let end: usize = ends.map_while(same).map(char::len_utf8).sum();
    let (removed, inserted) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    if removed.is_empty() && inserted.is_empty() {
        return Ok(());
    }
    let units = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
    Ok(tx.splice_text(text, units(&old[..start]), units(removed) as isize, inserted)?)
}

/// Fills an empty map, which may be the root.
fn fill_map<T: Transactable + ReadDoc>(tx: &mut T, map: &ObjId, content: &MapValue) -> Result<(), EditError> {
    for entry in &content.entries {
        put_new(tx, map, Prop::Map(entry.key.clone()), entry_value(entry)?)?;
    }
    Ok(())
}

fn put<T: Transactable + ReadDoc>(tx: &mut T, parent: &ObjId, prop: Prop, value: &Value) -> Result<(), EditError> {
    check_place(tx, parent, &prop)?;
    if let Some(Kind::String(string)) = &value.kind
        && let Some((automerge::Value::Object(ObjType::Text), text)) = tx.get(parent, prop.clone())?
    {
        // A string over a string: the text stays, and what others write in it meanwhile is kept.
        return replace_text(tx, &text, string);
    }
    put_new(tx, parent, prop, value)
}

fn put_new<T: Transactable + ReadDoc>(tx: &mut T, parent: &ObjId, prop: Prop, value: &Value) -> Result<(), EditError> {
    match new_value(value)? {
        New::Scalar(scalar) => Ok(tx.put(parent, prop, scalar)?),
        New::Object(kind) => {
            let object = tx.put_object(parent, prop, kind)?;
            fill(tx, &object, value)
        }
    }
}

fn insert<T: Transactable + ReadDoc>(
    tx: &mut T,
    list: &ObjId,
    index: usize,
    values: &ListValue,
) -> Result<(), EditError> {
    if tx.object_type(list)? != ObjType::List {
        return Err(EditError::Path("a list"));
    }
    let len = tx.length(list);
    if index > len {
        return Err(EditError::Bounds { index, len });
    }
    for (index, value) in (index..).zip(&values.items) {
        match new_value(value)? {
            New::Scalar(scalar) => tx.insert(list, index, scalar)?,
            New::Object(kind) => {
                let object = tx.insert_object(list, index, kind)?;
                fill(tx, &object, value)?;
            }
        }
    }
    Ok(())
}

fn fill<T: Transactable + ReadDoc>(tx: &mut T, object: &ObjId, value: &Value) -> Result<(), EditError> {
    match &value.kind {
        Some(Kind::String(string)) => Ok(tx.splice_text(object, 0, 0, string)?),
        Some(Kind::List(list)) => insert(tx, object, 0, list),
        Some(Kind::Map(map)) => fill_map(tx, object, map),
        _ => Ok(()),
    }
}

enum New {
    Scalar(ScalarValue),
    Object(ObjType),
}

fn new_value(value: &Value) -> Result<New, EditError> {
    let scalar = match kind(value)? {
        Kind::Null(_) => ScalarValue::Null,
        Kind::Bool(value) => ScalarValue::Boolean(*value),
        Kind::Int(value) => ScalarValue::Int(*value),
        Kind::Double(value) => ScalarValue::F64(*value),
        Kind::Bytes(bytes) if bytes.len() > MAX_BYTES_VALUE => return Err(EditError::TooLarge),
        Kind::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Kind::TimestampMs(ms) => ScalarValue::Timestamp(*ms),
        Kind::Counter(start) => ScalarValue::counter(*start),
        Kind::String(_) => return Ok(New::Object(ObjType::Text)),
        Kind::List(_) => return Ok(New::Object(ObjType::List)),
        Kind::Map(_) => return Ok(New::Object(ObjType::Map)),
    };
    Ok(New::Scalar(scalar))
}

fn delete<T: Transactable + ReadDoc>(tx: &mut T, parent: &ObjId, prop: Prop, count: usize) -> Result<(), EditError> {
    check_place(tx, parent, &prop)?;
    match prop {
        Prop::Map(_) => Ok(tx.delete(parent, prop)?),
        Prop::Seq(index) => {
            let len = tx.length(parent);
            let end = index.saturating_add(count);
            if end > len {
                return Err(EditError::Bounds { index: end, len });
            }
            Ok((0..count).try_for_each(|_| tx.delete(parent, index))?)
        }
    }
}

/// The object that holds the place at the end of a path, and the place.
fn parent(doc: &impl ReadDoc, path: &[PathStep]) -> Result<(ObjId, Prop), EditError> {
    let (last, before) = path
        .split_last()
        .ok_or(EditError::Path("a place inside the document"))?;
    Ok((object(doc, before)?, prop(last)?))
}

fn object(doc: &impl ReadDoc, path: &[PathStep]) -> Result<ObjId, EditError> {
    object_at(doc, path, None)
}

fn object_at(doc: &impl ReadDoc, path: &[PathStep], heads: Option<&[ChangeHash]>) -> Result<ObjId, EditError> {
    if path.len() > MAX_DEPTH {
        return Err(EditError::TooDeep);
    }
    path.iter().try_fold(ROOT, |object, step| {
        let prop = prop(step)?;
        check_place(doc, &object, &prop)?;
        let found = match heads {
            Some(heads) => doc.get_at(&object, prop, heads)?,
            None => doc.get(&object, prop)?,
        };
        match found {
            Some((automerge::Value::Object(_), child)) => Ok(child),
            _ => Err(EditError::Path("an object")),
        }
    })
}

fn prop(step: &PathStep) -> Result<Prop, EditError> {
    match step.step.as_ref().ok_or(EditError::Incomplete("an empty step"))? {
        Step::Key(key) => Ok(Prop::Map(key.clone())),
        Step::Index(index) => Ok(Prop::Seq(*index as usize)),
    }
}

/// Keys belong to maps, and indexes to lists.
fn check_place(doc: &impl ReadDoc, object: &ObjId, prop: &Prop) -> Result<(), EditError> {
    match (doc.object_type(object)?, prop) {
        (ObjType::Map | ObjType::Table, Prop::Map(_)) | (ObjType::List, Prop::Seq(_)) => Ok(()),
        (_, Prop::Map(_)) => Err(EditError::Path("a map")),
        (_, Prop::Seq(_)) => Err(EditError::Path("a list")),
    }
}
