//! What does not depend on any document: the embedded contexts, parsed once, and the active contexts that come of them alone. Reading them anew
//! for every document would take most of the time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::context::{Context, How};
use super::embedded;
use crate::json::Value;

/// Which active context, which local one, taken in how.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Documents choose the order in which embedded contexts follow one another: beyond this, those combinations are forgotten.
const MAX_KEPT: usize = 512;

#[derive(Default)]
struct Cache {
    documents: BTreeMap<&'static str, Rc<Value>>,
    contexts: BTreeMap<Key, (Rc<Value>, Rc<Context>)>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// The local context at that URL, if it is embedded.
pub(super) fn document(url: &str) -> Option<Rc<Value>> {
    CACHE.with_borrow_mut(|cache| {
        if let Some(known) = cache.documents.get(url) {
            return Some(Rc::clone(known));
        }
        let (url, text) = embedded::find(url)?;
        let mut document = Value::parse(text.as_bytes()).expect("embedded contexts are JSON");
        let context = document
            .as_object_mut()
            .and_then(|object| object.remove("@context"))
            .expect("embedded contexts have one");
        let context = Rc::new(context);
        cache.documents.insert(url, Rc::clone(&context));
        Some(context)
    })
}

pub(super) fn find(key: &Key) -> Option<Rc<Context>> {
    CACHE.with_borrow(|cache| cache.contexts.get(key).map(|(_, context)| Rc::clone(context)))
}

pub(super) fn keep(key: Key, local: &Rc<Value>, context: &Rc<Context>) {
    CACHE.with_borrow_mut(|cache| {
        if cache.contexts.len() >= MAX_KEPT {
            cache.contexts.clear();
        }
        cache.contexts.insert(key, (Rc::clone(local), Rc::clone(context)));
    });
}
