//! Properties whose values are maps: of languages, indexes, identifiers or types (JSON-LD-API §5.1, steps 13.7 and 13.8).

use std::rc::Rc;

use super::context::Context;
use super::error::{JsonLdError, invalid};
use super::expand::{Expander, graph_of, sort_by_name};
use super::expanded::{Expanded, Id, Literal};
use super::process::{How, process_scoped};
use super::term::{Container, Term};
use crate::json::{Object, Value};

impl Expander<'_> {
    pub(super) fn language_map(
        &mut self,
        map: &Object,
        term: &Term,
        active: &Context,
    ) -> Result<Vec<Expanded>, JsonLdError> {
        let direction = term.direction.unwrap_or(active.direction);
        let mut all = Vec::new();
        for (language, value) in map.iter() {
            let is_none = active.expand_iri(language, false, true, self.work)?.as_deref() == Some("@none");
            for item in value.one_or_many() {
                match item {
                    Value::Null => {}
                    Value::String(_) => all.push(Expanded::Literal(Literal {
                        language: (!is_none).then(|| language.into()),
                        direction,
                        ..Literal::plain(item.clone())
                    })),
                    other => return Err(invalid("invalid language map value", other.to_text())),
                }
            }
        }
        Ok(all)
    }

    /// Step 13.8.
    pub(super) fn index_map(
        &mut self,
        map: &Object,
        key: &str,
        term: &Term,
        active: &Rc<Context>,
    ) -> Result<Vec<Expanded>, JsonLdError> {
        let container = term.container;
        let mut entries: Vec<(&str, &Value)> = map.iter().collect();
        sort_by_name(&mut entries);
        let mut all = Vec::new();
        for (index, value) in entries {
            let mut context = match &active.previous {
                Some(previous) if container.has(Container::TYPE | Container::ID) => Rc::clone(previous),
                _ => Rc::clone(active),
            };
            if container.has(Container::TYPE) {
                let scoped = context.term(index).and_then(|term| term.context.clone());
                if let Some(scoped) = scoped {
                    context = process_scoped(&context, &scoped, How::TYPE, self.work)?;
                }
            }
            let expanded_index = active.expand_iri(index, false, true, self.work)?;
            let is_none = expanded_index.as_deref() == Some("@none");
            let items = self.array(value.one_or_many(), Some(key), &context, true)?;
            for item in items.items().unwrap_or_default() {
                let mut item = if container.has(Container::GRAPH) {
                    as_graph(item)
                } else {
                    item
                };
                if !is_none {
                    self.set_index(&mut item, index, expanded_index.as_ref(), term, active)?;
                }
                all.push(item);
            }
        }
        Ok(all)
    }

    /// Writes the key of an index map into its item.
    fn set_index(
        &mut self,
        item: &mut Expanded,
        index: &str,
        expanded_index: Option<&Rc<str>>,
        term: &Term,
        active: &Rc<Context>,
    ) -> Result<(), JsonLdError> {
        let container = term.container;
        if container.has(Container::INDEX)
            && let Some(index_key) = term.index.as_deref().filter(|key| *key != "@index")
        {
            let value = self.scalar(active, index_key, &Value::from(index))?;
            let Some(property) = active.expand_iri(index_key, false, true, self.work)? else {
                return Err(invalid("invalid term definition", index_key));
            };
            let Expanded::Node(node) = item else {
                return Err(invalid("invalid value object", index));
            };
            node.add(&property, vec![value]);
            return Ok(());
        }
        match item {
            Expanded::Node(node) if container.has(Container::ID) => {
                if matches!(node.id, Id::Absent) {
                    node.id = match active.expand_iri(index, true, false, self.work)? {
                        Some(iri) => Id::Is(iri),
                        None => Id::Null,
                    };
                }
            }
            Expanded::Node(node) if container.has(Container::TYPE) => {
                if let Some(iri) = expanded_index {
                    node.types.insert(0, Rc::clone(iri));
                }
            }
            Expanded::Node(node) => node.indexed = true,
            Expanded::Literal(literal) => literal.indexed = true,
            Expanded::List(list) => list.indexed = true,
        }
        Ok(())
    }
}

/// The item as a graph object, if it is none already.
fn as_graph(item: Expanded) -> Expanded {
    match item {
        Expanded::Node(node) if node.is_graph_object() => Expanded::Node(node),
        other => graph_of(other),
    }
}
