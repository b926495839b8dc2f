//! What does not depend on any document: the embedded contexts, parsed once, and the active contexts that come of them alone. Reading them anew
//! for every document would take most of the time.

use std::cell::RefCell;
use std::rc::Rc;

use super::context::{Context, How};
use super::embedded;
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
    documents: Vec<(&'static str, Rc<Value>)>,
    contexts: Contexts,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// The local context at that URL, if it is embedded.
pub(super) fn document(url: &str) -> Option<Rc<Value>> {
    CACHE.with_borrow_mut(|cache| {
        if let Some((_, known)) = cache.documents.iter().find(|(known, _)| *known == url) {
            return Some(Rc::clone(known));
        }
        let (url, text) = embedded::find(url)?;
        let mut document = Value::parse(text.as_bytes()).expect("embedded contexts are JSON");
        let context = document
            .as_object_mut()
            .and_then(|object| object.remove("@context"))
            .expect("embedded contexts have one");
        let context = Rc::new(context);
        cache.documents.push((url, Rc::clone(&context)));
        Some(context)
    })
}

/// Works on the contexts that are kept for all documents.
pub(super) fn with_contexts<T>(work: impl FnOnce(&mut Contexts) -> T) -> T {
    CACHE.with_borrow_mut(|cache| work(&mut cache.contexts))
}
