//! What does not depend on any document: the embedded contexts, parsed once, and the active contexts that come of them alone. Reading them anew
//! for every document would take most of the time.

use std::cell::RefCell;
use std::rc::Rc;

use super::context::Context;
use super::embedded;
use super::error::{JsonLdError, invalid};
use super::process::How;
use crate::json::Value;

/// Which active context, which local one, taken in how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    active: u64,
    /// The address of the local context, which whoever keeps the key holds on to.
    local: usize,
    override_protected: bool,
    propagate: bool,
}

impl Key {
    pub(super) fn new(active: u64, local: &Rc<Value>, how: How) -> Self {
        Self {
            active,
            local: Rc::as_ptr(local).addr(),
            override_protected: how.override_protected,
            propagate: how.propagate,
        }
    }
}

/// Documents choose in which order contexts follow one another: beyond this, what came of it is forgotten. Few are in use at a time, and found
/// by a look at each.
const MAX_KEPT: usize = 256;

/// What came of contexts.
#[derive(Default)]
pub(super) struct Contexts {
    known: Vec<(Key, Rc<Value>, Rc<Context>)>,
}

impl Contexts {
    pub(super) fn find(&self, key: &Key) -> Option<Rc<Context>> {
        let (.., context) = self.known.iter().find(|(known, ..)| known == key)?;
        Some(Rc::clone(context))
    }

    pub(super) fn keep(&mut self, key: Key, local: &Rc<Value>, context: &Rc<Context>) {
        if self.known.len() >= MAX_KEPT {
            self.known.clear();
        }
        self.known.push((key, Rc::clone(local), Rc::clone(context)));
    }
}

#[derive(Default)]
struct Cache {
    documents: Vec<(String, Rc<Value>)>,
    contexts: Contexts,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// The local context at that URL, if it is embedded or was added.
pub(super) fn document(url: &str) -> Option<Rc<Value>> {
    CACHE.with_borrow_mut(|cache| {
        if let Some((_, known)) = cache.documents.iter().find(|(known, _)| known == url) {
            return Some(Rc::clone(known));
        }
        let text = embedded::find(url)?;
        let document = Value::parse(text.as_bytes()).expect("embedded contexts are JSON");
        let context = local_context(document).expect("embedded contexts have one");
        cache.documents.push((url.to_owned(), Rc::clone(&context)));
        Some(context)
    })
}

fn local_context(document: Value) -> Option<Rc<Value>> {
    match document {
        Value::Object(mut object) => object.remove("@context").map(Rc::new),
        _ => None,
    }
}

/// Contexts that an application may add.
const MAX_ADDED: usize = 64;

/// Makes one more context known, for good: what a URL means does not change while there are documents that use it.
pub(super) fn add(url: &str, document: Value) -> Result<(), JsonLdError> {
    let context = local_context(document).ok_or_else(|| invalid("invalid remote context", url))?;
    if let Some(known) = self::document(url) {
        return if known == context {
            Ok(())
        } else {
            Err(JsonLdError::ContextKnown(url.to_owned()))
        };
    }
    CACHE.with_borrow_mut(|cache| {
        if cache.documents.len() >= MAX_ADDED {
            return Err(JsonLdError::TooMany("contexts"));
        }
        cache.documents.push((url.to_owned(), context));
        Ok(())
    })
}

/// Works on the contexts that are kept for all documents.
pub(super) fn with_contexts<T>(work: impl FnOnce(&mut Contexts) -> T) -> T {
    CACHE.with_borrow_mut(|cache| work(&mut cache.contexts))
}
