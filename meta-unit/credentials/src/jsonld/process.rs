//! How local contexts change active ones (JSON-LD-API §4.1).

use std::rc::Rc;

use super::cache;
use super::context::{Context, Direction};
use super::define::Definer;
use super::error::{JsonLdError, invalid};
use super::iri;
use super::term::Scoped;
use super::work::Work;
use crate::json::{Object, Value};

/// How a local context is taken in.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Protected terms may be defined anew: only in the context of a property.
    pub(super) override_protected: bool,
    /// It holds for nested nodes, too.
    pub(super) propagate: bool,
}

impl How {
    /// A context of its own in a document.
    pub(super) const EMBEDDED: Self = Self {
        override_protected: false,
        propagate: true,
    };
    /// The context of a property's term.
    pub(super) const PROPERTY: Self = Self {
        override_protected: true,
        propagate: true,
    };
    /// The context of a type's term.
    pub(super) const TYPE: Self = Self {
        override_protected: false,
        propagate: false,
    };
}
/// Where a local context stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// In an embedded context: the same for every document.
    pub(super) embedded: bool,
    /// How many contexts by URL lie around it.
    pub(super) remote: usize,
}

impl Place {
    /// In the document itself.
    pub(super) const DOCUMENT: Self = Self {
        embedded: false,
        remote: 0,
    };
}

/// Takes a local context in.
pub(super) fn process(
    active: &Rc<Context>,
    local: &Value,
    how: How,
    place: Place,
    work: &mut Work,
) -> Result<Rc<Context>, JsonLdError> {
    let propagate = match local.get("@propagate") {
        None => how.propagate,
        Some(Value::Bool(propagate)) => *propagate,
        Some(other) => return Err(invalid("invalid @propagate value", other.to_text())),
    };
    let mut result = Rc::clone(active);
    if !propagate && result.previous.is_none() {
        work.spend_terms(result.len())?;
        let changed = Rc::make_mut(&mut result);
        changed.renew();
        changed.previous = Some(Rc::clone(active));
    }
    let is_list = local.as_array().is_some();
    for context in local.one_or_many() {
        result = match context {
            Value::Null => nullified(&result, how.override_protected, propagate, work)?,
            Value::String(url) => by_url(&result, url, how, place, work)?,
            Value::Object(object) => {
                let object = if is_list { unwrapped(object) } else { object };
                by_object(&result, object, how, place, work)?
            }
            other => return Err(invalid("invalid local context", other.to_text())),
        };
    }
    Ok(result)
}

/// The most used processor takes a context in a list also with what is around it in a file of its own, and there are credentials (those of the W3C's
/// suite for proof chains, for one) that rely on it. JSON-LD has no such rule.
fn unwrapped(object: &Object) -> &Object {
    match object.get("@context") {
        Some(Value::Object(inner)) if object.len() == 1 => inner,
        _ => object,
    }
}

fn nullified(
    before: &Rc<Context>,
    override_protected: bool,
    propagate: bool,
    work: &Work,
) -> Result<Rc<Context>, JsonLdError> {
    if !override_protected && before.has_protected_terms() {
        return Err(invalid("invalid context nullification", "null"));
    }
    let mut result = Context::initial(work.base.as_deref());
    if !propagate {
        result.renew();
        result.previous = Some(Rc::clone(before));
    }
    Ok(Rc::new(result))
}

fn by_url(
    before: &Rc<Context>,
    url: &str,
    how: How,
    place: Place,
    work: &mut Work,
) -> Result<Rc<Context>, JsonLdError> {
    /// Embedded contexts name no others: this is for those of later.
    const MAX_REMOTE: usize = 4;
    if place.remote >= MAX_REMOTE {
        return Err(invalid("context overflow", url));
    }
    let absolute;
    let url = match &before.base {
        Some(base) if !iri::is_absolute(url) => {
            absolute = work.resolve(base, url)?;
            &absolute
        }
        _ => url,
    };
    let document = cache::document(url).ok_or_else(|| JsonLdError::UnknownContext(url.to_owned()))?;
    memoized(before, &document, how, work, |work| {
        // Only what the context says counts, not whether the whole propagates: that was decided around it.
        let how = How { propagate: true, ..how };
        let place = Place {
            embedded: true,
            remote: place.remote + 1,
        };
        process(before, &document, how, place, work)
    })
}

/// The context of a term, taken in.
pub(super) fn process_scoped(
    active: &Rc<Context>,
    scoped: &Scoped,
    how: How,
    work: &mut Work,
) -> Result<Rc<Context>, JsonLdError> {
    let place = Place {
        embedded: scoped.embedded,
        remote: 0,
    };
    memoized(active, &scoped.value, how, work, |work| {
        process(active, &scoped.value, how, place, work)
    })
}

/// What came of it the last time, or `make`. Kept beyond this document only if nothing of this document is in it.
fn memoized(
    active: &Rc<Context>,
    local: &Rc<Value>,
    how: How,
    work: &mut Work,
    make: impl FnOnce(&mut Work) -> Result<Rc<Context>, JsonLdError>,
) -> Result<Rc<Context>, JsonLdError> {
    let key = cache::Key::new(active.id, local, how);
    let known = match active.stable {
        true => cache::with_contexts(|contexts| contexts.find(&key)),
        false => work.contexts().find(&key),
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let made = make(work)?;
    if active.stable && made.stable {
        cache::with_contexts(|contexts| contexts.keep(key, local, &made));
    } else {
        work.contexts().keep(key, local, &made);
    }
    Ok(made)
}

fn by_object(
    before: &Rc<Context>,
    object: &Object,
    how: How,
    place: Place,
    work: &mut Work,
) -> Result<Rc<Context>, JsonLdError> {
    let imported;
    let object = match object.get("@import") {
        None => object,
        Some(url) => {
            imported = with_import(object, url)?;
            &imported
        }
    };
    match object.get("@version") {
        None => {}
        Some(Value::Number(version)) if *version == 1.1 => {}
        Some(other) => return Err(invalid("invalid @version value", other.to_text())),
    }
    work.spend_terms(before.len() + object.len())?;
    let mut result = Context::clone(before);
    result.renew();
    result.stable = before.stable && place.embedded;
    set_base(&mut result, object, place, work)?;
    set_vocab(&mut result, object, work)?;
    set_language(&mut result, object)?;
    match object.get("@propagate") {
        None | Some(Value::Bool(_)) => {}
        Some(other) => return Err(invalid("invalid @propagate value", other.to_text())),
    }
    let protected = match object.get("@protected") {
        None => false,
        Some(Value::Bool(protected)) => *protected,
        Some(other) => return Err(invalid("invalid @protected value", other.to_text())),
    };
    let mut definer = Definer::new(
        &mut result,
        object,
        protected,
        how.override_protected,
        place.embedded,
        work,
    );
    for (name, _) in object.iter() {
        if !matches!(
            name,
            "@base" | "@direction" | "@import" | "@language" | "@propagate" | "@protected" | "@version" | "@vocab"
        ) {
            definer.define(name)?;
        }
    }
    Ok(Rc::new(result))
}

fn with_import(object: &Object, url: &Value) -> Result<Object, JsonLdError> {
    let url = url
        .as_str()
        .ok_or_else(|| invalid("invalid @import value", url.to_text()))?;
    let document = cache::document(url).ok_or_else(|| JsonLdError::UnknownContext(url.to_owned()))?;
    let Value::Object(imported) = &*document else {
        return Err(invalid("invalid remote context", url));
    };
    if imported.contains("@import") {
        return Err(invalid("invalid context entry", "@import"));
    }
    let mut merged = imported.clone();
    for (name, value) in object.iter().filter(|(name, _)| *name != "@import") {
        merged.insert(name, value.clone());
    }
    Ok(merged)
}

fn set_base(result: &mut Context, object: &Object, place: Place, work: &Work) -> Result<(), JsonLdError> {
    let Some(value) = object.get("@base").filter(|_| place.remote == 0) else {
        return Ok(());
    };
    result.base = match (value, &result.base) {
        (Value::Null, _) => None,
        (Value::String(text), _) if iri::is_absolute(text) => Some(text.as_str().into()),
        (Value::String(text), Some(base)) => Some(work.resolve(base, text)?),
        (other, _) => return Err(invalid("invalid base IRI", other.to_text())),
    };
    Ok(())
}

fn set_vocab(result: &mut Context, object: &Object, work: &Work) -> Result<(), JsonLdError> {
    let Some(value) = object.get("@vocab") else {
        return Ok(());
    };
    result.vocab = match value {
        Value::Null => None,
        Value::String(text) => {
            let expanded = result.expand_iri(text, true, true, work)?;
            match expanded {
                Some(expanded) if iri::is_absolute(&expanded) || iri::is_blank(&expanded) => Some(expanded),
                // Relative to a base that is not there: left as it is, and an error as soon as something is made of it.
                Some(expanded) if result.base.is_none() && !work.safe => Some(expanded),
                _ => return Err(invalid("invalid vocab mapping", text.as_str())),
            }
        }
        other => return Err(invalid("invalid vocab mapping", other.to_text())),
    };
    Ok(())
}

fn set_language(result: &mut Context, object: &Object) -> Result<(), JsonLdError> {
    match object.get("@language") {
        None => {}
        Some(Value::Null) => result.language = None,
        Some(Value::String(language)) => result.language = Some(language.as_str().into()),
        Some(other) => return Err(invalid("invalid default language", other.to_text())),
    }
    match object.get("@direction") {
        None => {}
        Some(Value::Null) => result.direction = None,
        Some(value) => {
            let direction = Direction::parse(value);
            result.direction = Some(direction.ok_or_else(|| invalid("invalid base direction", value.to_text()))?);
        }
    }
    Ok(())
}
