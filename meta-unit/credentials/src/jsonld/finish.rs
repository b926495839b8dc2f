//! What a map is, once all its entries are read (JSON-LD-API §5.1, steps 15 to 19).

use std::rc::Rc;

use super::context::Direction;
use super::error::{JsonLdError, invalid};
use super::expand::Expander;
use super::expanded::{Expanded, Expansion, Id, List, Literal, Node};
use super::iri;
use crate::json::Value;

/// A map while its entries are read: it may become a node, a value, a list or a set.
#[derive(Default)]
pub(super) struct Map {
    pub(super) node: Node,
    /// `Some(Null)`: `@value` is there, and null.
    pub(super) value: Option<Value>,
    pub(super) language: Option<Rc<str>>,
    pub(super) direction: Option<Direction>,
    pub(super) list: Option<Vec<Expanded>>,
    pub(super) set: Option<Expansion>,
    /// `@type` was one string.
    pub(super) one_type: bool,
    /// The keywords met, to see when one comes twice.
    pub(super) met: Vec<Rc<str>>,
}

impl Expander<'_> {
    /// Steps 15 to 19.
    pub(super) fn finish(&mut self, map: Map, property: Option<&str>) -> Result<Expansion, JsonLdError> {
        let at_top = matches!(property, None | Some("@graph"));
        if map.value.is_some() {
            let literal = self.finish_value(map)?;
            return match literal {
                Some(literal) if at_top => {
                    self.work
                        .dropped("a value that belongs to nothing", &literal.value.to_text())?;
                    Ok(Expansion::Null)
                }
                Some(literal) => Ok(Expansion::One(Expanded::Literal(literal))),
                None => Ok(Expansion::Null),
            };
        }
        if map.list.is_some() || map.set.is_some() {
            let only_index = matches!(map.node.id, Id::Absent)
                && map.node.says_nothing()
                && map.language.is_none()
                && map.direction.is_none()
                && map.list.is_none() != map.set.is_none();
            if !only_index {
                return Err(invalid("invalid set or list object", map.met.join(" ")));
            }
            return match (map.set, map.list) {
                (Some(set), _) => Ok(set),
                (None, Some(items)) => Ok(Expansion::One(Expanded::List(List {
                    items,
                    indexed: map.node.indexed,
                }))),
                (None, None) => Ok(Expansion::Null),
            };
        }
        if map.language.is_some() && map.met.len() == 1 && map.node.is_empty() {
            self.work.dropped("a language without a text", "@language")?;
            return Ok(Expansion::Null);
        }
        if at_top {
            if map.node.is_empty() {
                self.work.dropped("an empty object", "{}")?;
                return Ok(Expansion::Null);
            }
            if let Id::Is(id) = &map.node.id
                && map.node.says_nothing()
                && !map.node.indexed
            {
                self.work.dropped("an object that has only an @id", id)?;
                return Ok(Expansion::Null);
            }
        }
        Ok(Expansion::One(Expanded::Node(map.node)))
    }

    fn finish_value(&mut self, map: Map) -> Result<Option<Literal>, JsonLdError> {
        let subject = || map.met.join(" ");
        let others = !matches!(map.node.id, Id::Absent)
            || !map.node.properties.is_empty()
            || !map.node.reverse.is_empty()
            || !map.node.included.is_empty()
            || map.node.graph.is_some()
            || map.list.is_some()
            || map.set.is_some();
        let typed = map.met.iter().any(|keyword| &**keyword == "@type");
        if others || (typed && (map.language.is_some() || map.direction.is_some())) {
            return Err(invalid("invalid value object", subject()));
        }
        let value = map.value.unwrap_or(Value::Null);
        let datatype = map.node.types.first().cloned();
        if datatype.as_deref() == Some("@json") {
            return Ok(Some(Literal {
                indexed: map.node.indexed,
                ..Literal::json(value)
            }));
        }
        if value == Value::Null {
            self.work.dropped("a @value that is null", "null")?;
            return Ok(None);
        }
        if map.language.is_some() && value.as_str().is_none() {
            return Err(invalid("invalid language-tagged value", value.to_text()));
        }
        if typed && !(map.one_type && map.node.types.len() == 1 && datatype.as_deref().is_some_and(iri::is_absolute)) {
            return Err(invalid("invalid typed value", value.to_text()));
        }
        Ok(Some(Literal {
            datatype,
            language: map.language,
            direction: map.direction,
            indexed: map.node.indexed,
            ..Literal::plain(value)
        }))
    }
}
