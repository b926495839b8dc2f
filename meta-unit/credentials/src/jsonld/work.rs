//! What one document may cost, and what is remembered while it is read.

use std::rc::Rc;

use super::cache::Contexts;
use super::error::{JsonLdError, dropped};
use super::iri;
use crate::budget::Budget;

/// How a document is read.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What relative references refer to. Signed documents have none.
    pub base: Option<&'a str>,
    /// Whatever JSON-LD leaves out silently is an error: it would not be signed.
    pub safe: bool,
    /// The direction of a text becomes part of its datatype (`i18n-datatype`); else it is left out.
    pub directions: bool,
}

impl Options<'_> {
    /// For what is signed.
    pub const SIGNED: Self = Self {
        base: None,
        safe: true,
        directions: true,
    };
}

/// Nodes within nodes, whoever made the value.
const MAX_DEPTH: usize = 128;

/// The state of the work on one document.
pub(super) struct Work {
    pub(super) base: Option<Rc<str>>,
    pub(super) safe: bool,
    pub(super) directions: bool,
    budget: Budget,
    depth_left: usize,
    contexts: Contexts,
}

impl Work {
    pub(super) fn new(options: &Options<'_>, budget: &Budget) -> Self {
        Self {
            base: options.base.map(Rc::from),
            safe: options.safe,
            directions: options.directions,
            budget: budget.clone(),
            depth_left: MAX_DEPTH,
            contexts: Contexts::default(),
        }
    }

    /// Something is left out: an error where that matters.
    pub(super) fn dropped(&self, what: &'static str, subject: &str) -> Result<(), JsonLdError> {
        if self.safe { Err(dropped(what, subject)) } else { Ok(()) }
    }

    pub(super) fn spend_terms(&self, count: usize) -> Result<(), JsonLdError> {
        enough(self.budget.take_terms(count), "terms in its contexts")
    }

    /// Puts an IRI together.
    pub(super) fn join(&self, first: &str, second: &str) -> Result<Rc<str>, JsonLdError> {
        enough(self.budget.take_joined(first.len() + second.len()), LONG_IRIS)?;
        Ok([first, second].concat().into())
    }

    /// Resolves a reference.
    pub(super) fn resolve(&self, base: &str, reference: &str) -> Result<Rc<str>, JsonLdError> {
        enough(self.budget.take_joined(base.len() + reference.len()), LONG_IRIS)?;
        Ok(iri::resolve(base, reference).into())
    }

    /// Whether this is an IRI: see [`iri::is_absolute`].
    pub(super) fn is_absolute(&self, text: &str) -> Result<bool, JsonLdError> {
        enough(self.budget.take_looked_at(text.len()), LONG_IRIS)?;
        Ok(iri::is_absolute(text))
    }

    pub(super) fn descend(&mut self) -> Result<(), JsonLdError> {
        self.depth_left = self
            .depth_left
            .checked_sub(1)
            .ok_or(JsonLdError::TooMany("nodes within nodes"))?;
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth_left += 1;
    }

    /// The contexts that were made for this document alone.
    pub(super) fn contexts(&mut self) -> &mut Contexts {
        &mut self.contexts
    }
}

const LONG_IRIS: &str = "long IRIs";

fn enough(is_enough: bool, what: &'static str) -> Result<(), JsonLdError> {
    if is_enough {
        Ok(())
    } else {
        Err(JsonLdError::TooMany(what))
    }
}
