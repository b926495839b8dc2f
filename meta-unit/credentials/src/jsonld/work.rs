//! What one document may cost, and what is remembered while it is read.

use std::cell::Cell;
use std::rc::Rc;

use super::cache::Contexts;
use super::error::{JsonLdError, dropped};
use super::iri;

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

/// Terms copied or defined for one document. A credential with two contexts takes a few hundred; scoped contexts within contexts multiply.
const MAX_TERMS: usize = 200_000;

/// Bytes of IRIs that are put together: of a vocabulary and a name, of a prefix and what follows. Short names can stand for long ones.
const MAX_JOINED: usize = 8 << 20;

/// Bytes of IRIs that are looked at, each time they are used.
const MAX_LOOKED_AT: usize = 64 << 20;

/// Nodes within nodes, whoever made the value.
const MAX_DEPTH: usize = 128;

/// The state of the work on one document.
pub(super) struct Work {
    pub(super) base: Option<Rc<str>>,
    pub(super) safe: bool,
    pub(super) directions: bool,
    terms_left: usize,
    joined_left: Cell<usize>,
    looked_at_left: Cell<usize>,
    depth_left: usize,
    contexts: Contexts,
}

impl Work {
    pub(super) fn new(options: &Options<'_>) -> Self {
        Self {
            base: options.base.map(Rc::from),
            safe: options.safe,
            directions: options.directions,
            terms_left: MAX_TERMS,
            joined_left: Cell::new(MAX_JOINED),
            looked_at_left: Cell::new(MAX_LOOKED_AT),
            depth_left: MAX_DEPTH,
            contexts: Contexts::default(),
        }
    }

    /// Something is left out: an error where that matters.
    pub(super) fn dropped(&self, what: &'static str, subject: &str) -> Result<(), JsonLdError> {
        if self.safe { Err(dropped(what, subject)) } else { Ok(()) }
    }

    pub(super) fn spend_terms(&mut self, count: usize) -> Result<(), JsonLdError> {
        self.terms_left = self
            .terms_left
            .checked_sub(count)
            .ok_or(JsonLdError::TooMany("terms in its contexts"))?;
        Ok(())
    }

    /// Puts an IRI together.
    pub(super) fn join(&self, first: &str, second: &str) -> Result<Rc<str>, JsonLdError> {
        spend(&self.joined_left, first.len() + second.len())?;
        Ok([first, second].concat().into())
    }

    /// Resolves a reference.
    pub(super) fn resolve(&self, base: &str, reference: &str) -> Result<Rc<str>, JsonLdError> {
        spend(&self.joined_left, base.len() + reference.len())?;
        Ok(iri::resolve(base, reference).into())
    }

    /// Whether this is an IRI: see [`iri::is_absolute`].
    pub(super) fn is_absolute(&self, text: &str) -> Result<bool, JsonLdError> {
        spend(&self.looked_at_left, text.len())?;
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

fn spend(left: &Cell<usize>, bytes: usize) -> Result<(), JsonLdError> {
    let rest = left.get().checked_sub(bytes);
    left.set(rest.ok_or(JsonLdError::TooMany("long IRIs"))?);
    Ok(())
}
