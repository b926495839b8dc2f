//! Expansion (JSON-LD-API §5.1).

use std::rc::Rc;

use super::context::{Context, Direction};
use super::error::{JsonLdError, invalid};
use super::expanded::{Expanded, Expansion, Id, List, Literal, Node};
use super::finish::Map;
use super::iri;
use super::process::{How, Place, process, process_scoped};
use super::term::{Container, Term, TypeMapping};
use super::work::Work;
use crate::json::{Object, Value};
use avatar_json::order;

/// Expands a document.
pub(super) fn expand_document(document: &Value, work: &mut Work) -> Result<Vec<Expanded>, JsonLdError> {
    let context = Rc::new(Context::initial(work.base.as_deref()));
    let expansion = Expander { work }.value(document, None, &context, false)?;
    Ok(match expansion {
        // A graph without a name and nothing else is the document itself.
        Expansion::One(Expanded::Node(node))
            if matches!(node.id, Id::Absent) && !node.indexed && node.is_graph_object() =>
        {
            node.graph.unwrap_or_default()
        }
        other => other.items().unwrap_or_default(),
    })
}

pub(super) struct Expander<'a> {
    pub(super) work: &'a mut Work,
}

impl Expander<'_> {
    fn value(
        &mut self,
        element: &Value,
        property: Option<&str>,
        active: &Rc<Context>,
        from_map: bool,
    ) -> Result<Expansion, JsonLdError> {
        match element {
            Value::Null => Ok(Expansion::Null),
            Value::Array(items) => self.array(items, property, active, from_map),
            Value::Object(object) => {
                self.work.descend()?;
                let expansion = self.map(object, property, active, from_map)?;
                self.work.ascend();
                Ok(expansion)
            }
            scalar => match property {
                None | Some("@graph") => {
                    self.work
                        .dropped("a value that belongs to nothing", &scalar.to_text())?;
                    Ok(Expansion::Null)
                }
                Some(property) => {
                    let context = match active.term(property).and_then(|term| term.context.as_ref()) {
                        Some(scoped) => process_scoped(active, scoped, How::PROPERTY, self.work)?,
                        None => Rc::clone(active),
                    };
                    Ok(Expansion::One(self.scalar(&context, property, scalar)?))
                }
            },
        }
    }

    pub(super) fn array(
        &mut self,
        items: &[Value],
        property: Option<&str>,
        active: &Rc<Context>,
        from_map: bool,
    ) -> Result<Expansion, JsonLdError> {
        let is_list = property
            .and_then(|property| active.term(property))
            .is_some_and(|term| term.container.has(Container::LIST));
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            self.work.descend()?;
            match self.value(item, property, active, from_map)? {
                Expansion::Null => {}
                Expansion::One(one) => all.push(one),
                Expansion::Many(items) if is_list => all.push(Expanded::List(List { items, indexed: false })),
                Expansion::Many(many) => all.extend(many),
            }
            self.work.ascend();
        }
        Ok(Expansion::Many(all))
    }

    /// JSON-LD-API §5.3.
    pub(super) fn scalar(&mut self, context: &Context, property: &str, value: &Value) -> Result<Expanded, JsonLdError> {
        let term = context.term(property);
        let mapping = term.and_then(|term| term.type_mapping.as_ref());
        if let (Some(TypeMapping::Id | TypeMapping::Vocab), Value::String(text)) = (mapping, value) {
            let vocab = mapping == Some(&TypeMapping::Vocab);
            let id = match context.expand_iri(text, true, vocab, self.work)? {
                Some(iri) => Id::Is(iri),
                None => {
                    self.work.dropped("a reference to nothing", text)?;
                    Id::Null
                }
            };
            return Ok(Expanded::Node(Node { id, ..Node::default() }));
        }
        let mut literal = Literal::plain(value.clone());
        if let Some(TypeMapping::Datatype(datatype)) = mapping {
            literal.datatype = Some(Rc::clone(datatype));
        } else if matches!(
            mapping,
            None | Some(TypeMapping::None | TypeMapping::Id | TypeMapping::Vocab)
        ) && matches!(value, Value::String(_))
        {
            literal.language = match term.and_then(|term| term.language.as_ref()) {
                Some(language) => language.clone(),
                None => context.language.clone(),
            };
            literal.direction = match term.and_then(|term| term.direction) {
                Some(direction) => direction,
                None => context.direction,
            };
        }
        Ok(Expanded::Literal(literal))
    }

    fn map(
        &mut self,
        object: &Object,
        property: Option<&str>,
        active: &Rc<Context>,
        from_map: bool,
    ) -> Result<Expansion, JsonLdError> {
        let scoped = property.and_then(|property| active.term(property)?.context.clone());
        let mut active = Rc::clone(active);
        if let Some(previous) = &active.previous
            && !from_map
            && !object.iter().any(|(key, _)| active.keyword(key) == Some("@value"))
            && !(object.len() == 1 && object.iter().all(|(key, _)| active.keyword(key) == Some("@id")))
        {
            active = Rc::clone(previous);
        }
        if let Some(scoped) = scoped {
            active = process_scoped(&active, &scoped, How::PROPERTY, self.work)?;
        }
        if let Some(local) = object.get("@context") {
            active = process(&active, local, How::EMBEDDED, Place::DOCUMENT, self.work)?;
        }
        let type_scoped = Rc::clone(&active);
        let mut type_keys: Vec<(&str, &Value)> = object
            .iter()
            .filter(|(key, _)| active.keyword(key) == Some("@type"))
            .collect();
        sort_by_name(&mut type_keys);
        for (_, value) in &type_keys {
            let types: Vec<&str> = value.one_or_many().iter().filter_map(Value::as_str).collect();
            for place in order(types.len(), &mut |a, b| types[a].cmp(types[b])) {
                let name = types[place];
                if let Some(scoped) = type_scoped.term(name).and_then(|term| term.context.as_ref()) {
                    active = process_scoped(&active, scoped, How::TYPE, self.work)?;
                }
            }
        }
        let input_type = type_keys
            .first()
            .and_then(|(_, value)| value.one_or_many().last()?.as_str());
        let is_json = match input_type {
            Some(name) => active.expand_iri(name, false, true, self.work)?.as_deref() == Some("@json"),
            None => false,
        };
        let mut map = Map::default();
        self.entries(&mut map, object, property, &active, &type_scoped, is_json)?;
        self.finish(map, property)
    }

    /// Steps 13 and 14.
    fn entries(
        &mut self,
        map: &mut Map,
        object: &Object,
        property: Option<&str>,
        active: &Rc<Context>,
        type_scoped: &Rc<Context>,
        is_json: bool,
    ) -> Result<(), JsonLdError> {
        let mut nests: Vec<(&str, &Value)> = Vec::new();
        for (key, value) in object.iter() {
            if key == "@context" {
                continue;
            }
            let term = active.term(key).cloned();
            let expanded = match active.expand_iri(key, false, true, self.work)? {
                Some(expanded) if expanded.contains(':') || iri::is_keyword(&expanded) => expanded,
                _ => {
                    self.work.dropped("a property that no context defines", key)?;
                    continue;
                }
            };
            if &*expanded == "@nest" {
                nests.push((key, value));
            } else if expanded.starts_with('@') {
                self.keyword(map, &expanded, value, property, active, type_scoped, is_json)?;
            } else {
                self.property(&mut map.node, key, &expanded, term.as_deref(), value, active)?;
            }
        }
        for (key, nested) in nests {
            let scoped = active.term(key).and_then(|term| term.context.clone());
            let active = match scoped {
                Some(scoped) => process_scoped(active, &scoped, How::PROPERTY, self.work)?,
                None => Rc::clone(active),
            };
            for nested in nested.one_or_many() {
                let nested = nested
                    .as_object()
                    .filter(|nested| !nested.iter().any(|(key, _)| active.keyword(key) == Some("@value")))
                    .ok_or_else(|| invalid("invalid @nest value", key))?;
                self.work.descend()?;
                self.entries(map, nested, property, &active, type_scoped, is_json)?;
                self.work.ascend();
            }
        }
        Ok(())
    }

    /// Step 13.4.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of the algorithm, with the state that it names"
    )]
    fn keyword(
        &mut self,
        map: &mut Map,
        keyword: &Rc<str>,
        value: &Value,
        property: Option<&str>,
        active: &Rc<Context>,
        type_scoped: &Rc<Context>,
        is_json: bool,
    ) -> Result<(), JsonLdError> {
        if property == Some("@reverse") {
            return Err(invalid("invalid reverse property map", &**keyword));
        }
        match map.met.contains(keyword) {
            true if matches!(&**keyword, "@included" | "@type") => {}
            true => return Err(invalid("colliding keywords", &**keyword)),
            false => map.met.push(Rc::clone(keyword)),
        }
        match &**keyword {
            "@id" => {
                let text = value
                    .as_str()
                    .ok_or_else(|| invalid("invalid @id value", value.to_text()))?;
                map.node.id = match active.expand_iri(text, true, false, self.work)? {
                    Some(iri) => {
                        if !self.work.is_absolute(&iri)? && !iri::is_blank(&iri) {
                            self.work.dropped("a relative @id", text)?;
                        }
                        Id::Is(iri)
                    }
                    None => {
                        self.work.dropped("an @id that stands for nothing", text)?;
                        Id::Null
                    }
                };
            }
            "@type" => self.types(map, value, type_scoped)?,
            "@graph" => {
                let items = self
                    .value(value, Some("@graph"), active, false)?
                    .items()
                    .unwrap_or_default();
                map.node.graph = Some(items);
            }
            "@included" => {
                let invalid = || invalid("invalid @included value", value.to_text());
                let items = self.value(value, None, active, false)?.items().ok_or_else(invalid)?;
                if items.iter().any(|item| !matches!(item, Expanded::Node(_))) {
                    return Err(invalid());
                }
                map.node.included.extend(items);
            }
            "@value" => {
                let scalar = !matches!(value, Value::Array(_) | Value::Object(_));
                if !scalar && !is_json {
                    return Err(invalid("invalid value object value", value.to_text()));
                }
                map.value = Some(value.clone());
            }
            "@language" => {
                let language = value
                    .as_str()
                    .ok_or_else(|| invalid("invalid language-tagged string", value.to_text()))?;
                map.language = Some(language.into());
            }
            "@direction" => {
                let direction = Direction::parse(value);
                map.direction = Some(direction.ok_or_else(|| invalid("invalid base direction", value.to_text()))?);
            }
            "@index" => {
                if value.as_str().is_none() {
                    return Err(invalid("invalid @index value", value.to_text()));
                }
                map.node.indexed = true;
            }
            "@list" => {
                if matches!(property, None | Some("@graph")) {
                    self.work.dropped("a list that belongs to nothing", &value.to_text())?;
                    return Ok(());
                }
                // Items of a list are lists themselves where they are arrays.
                let mut items = Vec::new();
                for item in value.one_or_many() {
                    match self.value(item, property, active, false)? {
                        Expansion::Null => {}
                        Expansion::One(one) => items.push(one),
                        Expansion::Many(inner) => items.push(Expanded::List(List {
                            items: inner,
                            indexed: false,
                        })),
                    }
                }
                map.list = Some(items);
            }
            "@set" => map.set = Some(self.value(value, property, active, false)?),
            "@reverse" => self.reverse_map(map, value, active)?,
            other => {
                self.work.dropped("a keyword that has no meaning here", other)?;
            }
        }
        Ok(())
    }

    /// Types stand for what they stood for before their own contexts were taken in.
    fn types(&mut self, map: &mut Map, value: &Value, type_scoped: &Context) -> Result<(), JsonLdError> {
        map.one_type = matches!(value, Value::String(_)) && map.node.types.is_empty();
        for name in value.one_or_many() {
            let name = name
                .as_str()
                .ok_or_else(|| invalid("invalid type value", value.to_text()))?;
            match type_scoped.expand_iri(name, true, true, self.work)? {
                Some(iri) => {
                    if !self.work.is_absolute(&iri)? && !iri::is_blank(&iri) && !iri.starts_with('@') {
                        self.work.dropped("a type that no context defines", name)?;
                    }
                    map.node.types.push(iri);
                }
                None => self.work.dropped("a type that stands for nothing", name)?,
            }
        }
        Ok(())
    }

    fn reverse_map(&mut self, map: &mut Map, value: &Value, active: &Rc<Context>) -> Result<(), JsonLdError> {
        if value.as_object().is_none() {
            return Err(invalid("invalid @reverse value", value.to_text()));
        }
        let Expansion::One(Expanded::Node(inner)) = self.value(value, Some("@reverse"), active, false)? else {
            return Ok(());
        };
        for (name, values) in inner.reverse {
            map.node.add(&name, values);
        }
        for (name, values) in inner.properties {
            add_reverse(&mut map.node, &name, values)?;
        }
        Ok(())
    }

    /// Steps 13.5 to 13.14.
    fn property(
        &mut self,
        node: &mut Node,
        key: &str,
        iri: &Rc<str>,
        term: Option<&Term>,
        value: &Value,
        active: &Rc<Context>,
    ) -> Result<(), JsonLdError> {
        let container = term.map(|term| term.container).unwrap_or_default();
        let is_json = term.is_some_and(|term| term.type_mapping == Some(TypeMapping::Json));
        let expansion = match (term, value) {
            _ if is_json => Expansion::One(Expanded::Literal(Literal::json(value.clone()))),
            (Some(term), Value::Object(languages)) if container.has(Container::LANGUAGE) => {
                Expansion::Many(self.language_map(languages, term, active)?)
            }
            (Some(term), Value::Object(entries))
                if container.has(Container::INDEX | Container::TYPE | Container::ID) =>
            {
                Expansion::Many(self.index_map(entries, key, term, active)?)
            }
            _ => self.value(value, Some(key), active, false)?,
        };
        let expansion = match expansion {
            Expansion::Null => {
                // Null is JSON-LD's way to say nothing.
                return Ok(());
            }
            Expansion::One(list @ Expanded::List(_)) if container.has(Container::LIST) => Expansion::One(list),
            other if container.has(Container::LIST) => Expansion::One(Expanded::List(List {
                items: other.items().unwrap_or_default(),
                indexed: false,
            })),
            other => other,
        };
        let mut values = expansion.items().unwrap_or_default();
        if container.has(Container::GRAPH) && !container.has(Container::ID | Container::INDEX) {
            values = values.into_iter().map(graph_of).collect();
        }
        if term.is_some_and(|term| term.reverse) {
            return add_reverse(node, iri, values);
        }
        node.add(iri, values);
        Ok(())
    }
}

pub(super) fn sort_by_name(members: &mut Vec<(&str, &Value)>) {
    if members.len() > 1 {
        let places = order(members.len(), &mut |a, b| members[a].0.cmp(members[b].0));
        *members = places.into_iter().map(|place| members[place]).collect();
    }
}

pub(super) fn graph_of(item: Expanded) -> Expanded {
    Expanded::Node(Node {
        graph: Some(vec![item]),
        ..Node::default()
    })
}

fn add_reverse(node: &mut Node, property: &Rc<str>, values: Vec<Expanded>) -> Result<(), JsonLdError> {
    if values.iter().any(|value| !matches!(value, Expanded::Node(_))) {
        return Err(invalid("invalid reverse property value", &**property));
    }
    node.reverse.push((Rc::clone(property), values));
    Ok(())
}
