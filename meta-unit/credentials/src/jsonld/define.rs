//! Term definitions (JSON-LD-API §4.2).

use std::rc::Rc;

use super::context::{Context, Direction};
use super::error::{JsonLdError, invalid};
use super::iri;
use super::process::{How, process_scoped};
use super::term::{Container, Scoped, Term, TypeMapping};
use super::work::Work;
use crate::json::{Object, Value};
use avatar_json::order;

/// Bytes of a term. Names are compared wherever they are used.
const MAX_NAME: usize = 1024;

/// How far the definition of a term has come. Meeting one that has begun is a cycle.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Undefined,
    Begun,
    Defined,
}

struct Member<'a> {
    name: &'a str,
    value: &'a Value,
    state: State,
}

fn members(object: &Object) -> Vec<Member<'_>> {
    let all: Vec<(&str, &Value)> = object.iter().collect();
    let places = order(all.len(), &mut |a, b| all[a].0.cmp(all[b].0));
    let member = |place: usize| Member {
        name: all[place].0,
        value: all[place].1,
        state: State::Undefined,
    };
    places.into_iter().map(member).collect()
}

/// Defines the terms of one local context.
pub(super) struct Definer<'a> {
    context: &'a mut Context,
    /// The members by their names.
    local: Vec<Member<'a>>,
    protected: bool,
    override_protected: bool,
    embedded: bool,
    work: &'a mut Work,
}

impl<'a> Definer<'a> {
    pub(super) fn new(
        context: &'a mut Context,
        local: &'a Object,
        protected: bool,
        override_protected: bool,
        embedded: bool,
        work: &'a mut Work,
    ) -> Self {
        Self {
            context,
            local: members(local),
            protected,
            override_protected,
            embedded,
            work,
        }
    }

    /// Defines a term, and before it those that its definition refers to.
    pub(super) fn define(&mut self, name: &'a str) -> Result<(), JsonLdError> {
        let place = self.place(name).expect("the caller took the name from this object");
        match self.local[place].state {
            State::Defined => return Ok(()),
            State::Begun => return Err(invalid("cyclic IRI mapping", name)),
            State::Undefined => {}
        }
        if name.is_empty() {
            return Err(invalid("invalid term definition", name));
        }
        if name.len() > MAX_NAME {
            return Err(JsonLdError::TooMany("letters in a term"));
        }
        self.local[place].state = State::Begun;
        self.work.descend()?;
        let value = self.local[place].value;
        if name == "@type" {
            check_type_redefinition(value)?;
        } else if iri::is_keyword(name) {
            return Err(invalid("keyword redefinition", name));
        } else if iri::looks_like_keyword(name) {
            self.work.dropped("a reserved term", name)?;
            self.work.ascend();
            return Ok(());
        }
        let previous = self.context.remove(name);
        let simple_value;
        let (definition, simple) = match value {
            Value::Object(definition) => (definition, false),
            Value::Null | Value::String(_) => {
                simple_value = Object::from([("@id", value.clone())]);
                (&simple_value, value.as_str().is_some())
            }
            _ => return Err(invalid("invalid term definition", name)),
        };
        let Some(mut term) = self.term(name, definition, simple)? else {
            self.work.ascend();
            return Ok(());
        };
        if let Some(previous) = previous.filter(|previous| previous.protected && !self.override_protected) {
            term.protected = true;
            if term != *previous {
                return Err(invalid("protected term redefinition", name));
            }
        }
        self.context.insert(name, term)?;
        self.local[place].state = State::Defined;
        self.work.ascend();
        Ok(())
    }

    /// `None` if the definition is to be ignored.
    fn term(&mut self, name: &'a str, definition: &Object, simple: bool) -> Result<Option<Term>, JsonLdError> {
        let mut term = Term {
            protected: match definition.get("@protected") {
                None => self.protected,
                Some(Value::Bool(protected)) => *protected,
                Some(other) => return Err(invalid("invalid @protected value", other.to_text())),
            },
            ..Term::default()
        };
        if let Some(value) = definition.get("@type") {
            term.type_mapping = Some(self.type_mapping(value)?);
        }
        if let Some(value) = definition.get("@reverse") {
            if definition.contains("@id") || definition.contains("@nest") {
                return Err(invalid("invalid reverse property", name));
            }
            let Some(iri) = self.iri_mapping(value)? else {
                return Ok(None);
            };
            if iri.starts_with('@') {
                return Err(invalid("invalid IRI mapping", &*iri));
            }
            term.iri = Some(iri);
            term.reverse = true;
        } else if let Some(value) = definition.get("@id").filter(|id| id.as_str() != Some(name)) {
            if *value != Value::Null {
                let Some(iri) = self.iri_mapping(value)? else {
                    return Ok(None);
                };
                if &*iri == "@context" {
                    return Err(invalid("invalid keyword alias", name));
                }
                self.check_own_iri(name, &iri)?;
                term.prefix = simple
                    && !name.contains([':', '/'])
                    && (iri.ends_with([':', '/', '?', '#', '[', ']', '@']) || iri::is_blank(&iri));
                term.iri = Some(iri);
            }
        } else {
            term.iri = Some(self.iri_of_name(name)?);
        }
        self.set_container(&mut term, definition, name)?;
        self.set_details(&mut term, definition, name)?;
        Ok(Some(term))
    }

    fn type_mapping(&mut self, value: &Value) -> Result<TypeMapping, JsonLdError> {
        let text = value
            .as_str()
            .ok_or_else(|| invalid("invalid type mapping", value.to_text()))?;
        Ok(match self.expand(text)?.as_deref() {
            Some("@id") => TypeMapping::Id,
            Some("@vocab") => TypeMapping::Vocab,
            Some("@json") => TypeMapping::Json,
            Some("@none") => TypeMapping::None,
            Some(iri) if iri::is_absolute(iri) => TypeMapping::Datatype(iri.into()),
            _ => return Err(invalid("invalid type mapping", text)),
        })
    }

    /// The IRI or keyword of `@id` or `@reverse`. `None` for what looks like a keyword and is none.
    fn iri_mapping(&mut self, value: &Value) -> Result<Option<Rc<str>>, JsonLdError> {
        let text = value
            .as_str()
            .ok_or_else(|| invalid("invalid IRI mapping", value.to_text()))?;
        if iri::looks_like_keyword(text) && !iri::is_keyword(text) {
            self.work.dropped("a reserved word", text)?;
            return Ok(None);
        }
        match self.expand(text)? {
            Some(iri) if iri::is_keyword(&iri) || iri::is_absolute(&iri) || iri::is_blank(&iri) => Ok(Some(iri)),
            _ => Err(invalid("invalid IRI mapping", text)),
        }
    }

    /// A name that looks like an IRI must stand for itself.
    fn check_own_iri(&mut self, name: &'a str, iri: &str) -> Result<(), JsonLdError> {
        let inner_colon = name
            .bytes()
            .enumerate()
            .any(|(at, byte)| byte == b':' && at > 0 && at + 1 < name.len());
        if inner_colon || name.contains('/') {
            if let Some(place) = self.place(name) {
                self.local[place].state = State::Defined;
            }
            if self.expand(name)?.as_deref() != Some(iri) {
                return Err(invalid("invalid IRI mapping", name));
            }
        }
        Ok(())
    }

    fn iri_of_name(&mut self, name: &'a str) -> Result<Rc<str>, JsonLdError> {
        if let Some(at) = name.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at) {
            let (prefix, suffix) = (&name[..at], &name[at + 1..]);
            self.define_if_local(prefix)?;
            if let Some(term) = self.context.term(prefix)
                && let Some(iri) = &term.iri
            {
                return self.work.join(iri, suffix);
            }
            return Ok(name.into());
        }
        if name.contains('/') {
            return match self.context.expand_iri(name, false, true, self.work)? {
                Some(iri) if iri::is_absolute(&iri) => Ok(iri),
                _ => Err(invalid("invalid IRI mapping", name)),
            };
        }
        if name == "@type" {
            return Ok(name.into());
        }
        match &self.context.vocab {
            Some(vocab) => self.work.join(vocab, name),
            None => Err(invalid("invalid IRI mapping", name)),
        }
    }

    fn set_container(&mut self, term: &mut Term, definition: &Object, name: &str) -> Result<(), JsonLdError> {
        if let Some(value) = definition.get("@container") {
            if term.reverse && *value == Value::Null {
                return Ok(());
            }
            let container = Container::parse(value)
                .filter(|container| !term.reverse || !container.has(!(Container::SET | Container::INDEX)))
                .ok_or_else(|| {
                    let code = if term.reverse {
                        "invalid reverse property"
                    } else {
                        "invalid container mapping"
                    };
                    invalid(code, name)
                })?;
            term.container = container;
            if container.has(Container::TYPE) {
                match term.type_mapping {
                    None => term.type_mapping = Some(TypeMapping::Id),
                    Some(TypeMapping::Id | TypeMapping::Vocab) => {}
                    Some(_) => return Err(invalid("invalid type mapping", name)),
                }
            }
        }
        if let Some(value) = definition.get("@index") {
            let index = value
                .as_str()
                .filter(|_| term.container.has(Container::INDEX))
                .ok_or_else(|| invalid("invalid term definition", name))?;
            match self.expand(index)? {
                Some(iri) if iri::is_absolute(&iri) => term.index = Some(index.into()),
                _ => return Err(invalid("invalid term definition", name)),
            }
        }
        Ok(())
    }

    fn set_details(&mut self, term: &mut Term, definition: &Object, name: &str) -> Result<(), JsonLdError> {
        for (key, value) in definition.iter() {
            match key {
                "@id" | "@reverse" | "@container" | "@index" | "@protected" | "@type" => {}
                "@context" => term.context = Some(self.scoped(value, name)?),
                "@language" => {
                    let language = match value {
                        Value::Null => None,
                        Value::String(language) => Some(language.as_str().into()),
                        _ => return Err(invalid("invalid language mapping", name)),
                    };
                    term.language = Some(language).filter(|_| !definition.contains("@type"));
                }
                "@direction" => {
                    let direction = match value {
                        Value::Null => None,
                        other => Some(Direction::parse(other).ok_or_else(|| invalid("invalid base direction", name))?),
                    };
                    term.direction = Some(direction).filter(|_| !definition.contains("@type"));
                }
                "@nest" => match value.as_str() {
                    Some(nest) if nest == "@nest" || !iri::is_keyword(nest) => term.nest = Some(nest.into()),
                    _ => return Err(invalid("invalid @nest value", name)),
                },
                "@prefix" => {
                    if name.contains([':', '/']) {
                        return Err(invalid("invalid term definition", name));
                    }
                    let Value::Bool(prefix) = value else {
                        return Err(invalid("invalid @prefix value", name));
                    };
                    term.prefix = *prefix;
                    if term.prefix && term.iri.as_ref().is_some_and(|iri| iri.starts_with('@')) {
                        return Err(invalid("invalid term definition", name));
                    }
                }
                _ => return Err(invalid("invalid term definition", name)),
            }
        }
        Ok(())
    }

    /// A scoped context is looked at here already, so that a wrong one is known although it is not used.
    fn scoped(&mut self, value: &Value, name: &str) -> Result<Scoped, JsonLdError> {
        if !self.embedded {
            self.work.spend_terms(size(value))?;
        }
        let scoped = Scoped {
            value: Rc::new(value.clone()),
            embedded: self.embedded,
        };
        if !self.embedded {
            self.work.spend_terms(self.context.len())?;
            let active = Rc::new(self.context.snapshot());
            self.work.descend()?;
            let checked = process_scoped(&active, &scoped, How::PROPERTY, self.work);
            self.work.ascend();
            match checked {
                Ok(_) => {}
                Err(limit @ (JsonLdError::TooMany(_) | JsonLdError::UnknownContext(_))) => return Err(limit),
                Err(_) => return Err(invalid("invalid scoped context", name)),
            }
        }
        Ok(scoped)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.local.binary_search_by(|member| member.name.cmp(name)).ok()
    }

    fn define_if_local(&mut self, name: &str) -> Result<(), JsonLdError> {
        match self.place(name) {
            Some(place) if self.local[place].state != State::Defined => self.define(self.local[place].name),
            _ => Ok(()),
        }
    }

    /// Expands a text as the vocabulary's, and defines what it refers to first.
    fn expand(&mut self, text: &str) -> Result<Option<Rc<str>>, JsonLdError> {
        if !iri::looks_like_keyword(text) {
            self.define_if_local(text)?;
            if let Some(at) = text.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at)
                && &text[..at] != "_"
                && !text[at + 1..].starts_with("//")
            {
                self.define_if_local(&text[..at])?;
            }
        }
        self.context.expand_iri(text, false, true, self.work)
    }
}

/// How many values a context holds in all.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 1,
        Value::Object(object) => object.iter().map(|(_, value)| size(value)).sum::<usize>() + 1,
        _ => 1,
    }
}

fn check_type_redefinition(value: &Value) -> Result<(), JsonLdError> {
    let allowed = value.as_object().is_some_and(|object| {
        !object.is_empty()
            && object.iter().all(|(name, value)| match name {
                "@container" => value.as_str() == Some("@set"),
                "@protected" => true,
                _ => false,
            })
    });
    if allowed {
        Ok(())
    } else {
        Err(invalid("keyword redefinition", "@type"))
    }
}
