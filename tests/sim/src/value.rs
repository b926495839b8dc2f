//! Values as a client holds them: built from a snapshot, changed by edits and patches.

use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::token::Token as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{Edit, ListValue, MapEntry, MapValue, PathStep, Token, Value};

/// A value of this kind.
pub fn value(kind: ValueKind) -> Value {
    Value { kind: Some(kind) }
}

/// A map of these entries, in the order of the keys.
pub fn map(entries: impl IntoIterator<Item = (String, Value)>) -> MapValue {
    let mut entries: Vec<MapEntry> = entries
        .into_iter()
        .map(|(key, value)| MapEntry {
            key,
            value: Some(value),
        })
        .collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    MapValue { entries }
}

/// The step to a map's key.
pub fn key(key: &str) -> PathStep {
    PathStep {
        step: Some(Step::Key(key.to_owned())),
    }
}

/// The step to a list's item.
pub fn index(index: usize) -> PathStep {
    PathStep {
        step: Some(Step::Index(index as u32)),
    }
}

/// The value of a map's key.
pub fn get<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    match map.kind.as_ref()? {
        ValueKind::Map(map) => map.entries.iter().find(|entry| entry.key == key)?.value.as_ref(),
        _ => None,
    }
}

/// The text under a map's key; nothing if there is no text.
pub fn text<'a>(map: &'a Value, key: &str) -> &'a str {
    match get(map, key).and_then(|value| value.kind.as_ref()) {
        Some(ValueKind::String(text)) => text,
        _ => "",
    }
}

/// The items of the list under a map's key; none if there is no list.
pub fn items<'a>(map: &'a Value, key: &str) -> &'a [Value] {
    match get(map, key).and_then(|value| value.kind.as_ref()) {
        Some(ValueKind::List(list)) => &list.items,
        _ => &[],
    }
}

/// The value that a sequence of tokens describes, all of it; None if it describes none.
pub fn build(tokens: Vec<Token>) -> Option<Value> {
    let mut tokens = tokens.into_iter().map(|token| token.token);
    let first = tokens.next()??;
    let built = build_from(first, &mut tokens)?;
    tokens.next().is_none().then_some(built)
}

fn build_from(first: Kind, tokens: &mut impl Iterator<Item = Option<Kind>>) -> Option<Value> {
    let kind = match first {
        Kind::Scalar(value) => return Some(value),
        Kind::BeginMap(_) => {
            let mut entries = Vec::new();
            loop {
                match tokens.next()?? {
                    Kind::Key(key) => {
                        let first = tokens.next()??;
                        entries.push((key, build_from(first, tokens)?));
                    }
                    Kind::End(_) => break,
                    _ => return None,
                }
            }
            ValueKind::Map(map(entries))
        }
        Kind::BeginList(_) => {
            let mut items = Vec::new();
            loop {
                match tokens.next()?? {
                    Kind::End(_) => break,
                    first => items.push(build_from(first, tokens)?),
                }
            }
            ValueKind::List(ListValue { items })
        }
        Kind::TextPart(mut text) => {
            loop {
                match tokens.next()?? {
                    Kind::TextPart(part) => text.push_str(&part),
                    Kind::TextEnd(_) => break,
                    _ => return None,
                }
            }
            ValueKind::String(text)
        }
        Kind::Key(_) | Kind::End(_) | Kind::TextEnd(_) => return None,
    };
    Some(value(kind))
}

/// Applies an edit, or a patch; None if it does not fit the value, which may be half changed then.
pub fn apply(target: &mut Value, edit: &Edit) -> Option<()> {
    let op = edit.op.as_ref()?;
    if let Op::Text(splice) = op {
        let ValueKind::String(text) = walk(target, &edit.path)?.kind.as_mut()? else {
            return None;
        };
        let (at, end) = (splice.index as usize, splice.index as usize + splice.delete as usize);
        let units: Vec<u16> = text.encode_utf16().collect();
        let (before, behind) = (units.get(..at)?, units.get(end..)?);
        let insert: Vec<u16> = splice.insert.encode_utf16().collect();
        *text = String::from_utf16(&[before, &insert, behind].concat()).ok()?;
        return Some(());
    }
    let (last, before) = edit.path.split_last()?;
    let parent = walk(target, before)?;
    match (parent.kind.as_mut()?, last.step.as_ref()?, op) {
        (ValueKind::Map(map), Step::Key(key), Op::Put(new)) => {
            match map.entries.binary_search_by(|entry| entry.key.cmp(key)) {
                Ok(at) => map.entries[at].value = Some(sorted(new)),
                Err(at) => map.entries.insert(
                    at,
                    MapEntry {
                        key: key.clone(),
                        value: Some(sorted(new)),
                    },
                ),
            }
        }
        (ValueKind::Map(map), Step::Key(key), Op::Delete(_)) => map.entries.retain(|entry| entry.key != *key),
        (ValueKind::Map(map), Step::Key(key), Op::Increment(by)) => {
            let entry = map.entries.iter_mut().find(|entry| entry.key == *key)?;
            let ValueKind::Counter(counter) = entry.value.as_mut()?.kind.as_mut()? else {
                return None;
            };
            *counter += by;
        }
        (ValueKind::List(list), Step::Index(at), Op::Put(new)) => *list.items.get_mut(*at as usize)? = sorted(new),
        (ValueKind::List(list), Step::Index(at), Op::Insert(new)) => {
            let at = *at as usize;
            if at > list.items.len() {
                return None;
            }
            list.items.splice(at..at, new.items.iter().map(sorted));
        }
        (ValueKind::List(list), Step::Index(at), Op::Delete(count)) => {
            let (at, end) = (*at as usize, *at as usize + *count as usize);
            list.items.get(at..end)?;
            list.items.drain(at..end);
        }
        _ => return None,
    }
    Some(())
}

/// The value with the entries of its maps in the order of their keys.
pub fn sorted(value: &Value) -> Value {
    let kind = value.kind.as_ref().map(|kind| match kind {
        ValueKind::Map(inner) => ValueKind::Map(map(inner.entries.iter().map(|entry| {
            let value = entry.value.as_ref().map(sorted).unwrap_or_default();
            (entry.key.clone(), value)
        }))),
        ValueKind::List(list) => ValueKind::List(ListValue {
            items: list.items.iter().map(sorted).collect(),
        }),
        other => other.clone(),
    });
    Value { kind }
}

fn walk<'a>(target: &'a mut Value, path: &[PathStep]) -> Option<&'a mut Value> {
    path.iter().try_fold(target, |target, step| {
        match (target.kind.as_mut()?, step.step.as_ref()?) {
            (ValueKind::Map(map), Step::Key(key)) => {
                map.entries.iter_mut().find(|entry| entry.key == *key)?.value.as_mut()
            }
            (ValueKind::List(list), Step::Index(at)) => list.items.get_mut(*at as usize),
            _ => None,
        }
    })
}
