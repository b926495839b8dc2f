//! Active contexts (JSON-LD-API §4.1).

use std::cell::Cell;
use std::rc::Rc;

use super::error::JsonLdError;
use super::iri;
use super::term::Term;
use super::work::Work;
use crate::json::Value;

/// Terms of one context: the W3C's own have some hundred.
const MAX_TERMS: usize = 4096;

/// Which way text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    LeftToRight,
    RightToLeft,
}

impl Direction {
    pub(super) fn parse(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "ltr" => Some(Self::LeftToRight),
            "rtl" => Some(Self::RightToLeft),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        }
    }
}

/// An active context.
#[derive(Clone)]
pub(super) struct Context {
    /// Never given to two contexts that differ.
    pub(super) id: u64,
    /// Whether it came from embedded contexts alone, so that it may be kept for other documents.
    pub(super) stable: bool,
    /// By their names: copied and looked up much more often than changed.
    terms: Vec<(Rc<str>, Rc<Term>)>,
    pub(super) base: Option<Rc<str>>,
    pub(super) vocab: Option<Rc<str>>,
    pub(super) language: Option<Rc<str>>,
    pub(super) direction: Option<Direction>,
    /// What to go back to in a nested node, where a context does not propagate.
    pub(super) previous: Option<Rc<Context>>,
}

/// The context before any other: the same for all documents without a base.
const INITIAL: u64 = 0;

fn next_id() -> u64 {
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(INITIAL + 1) };
    }
    NEXT.with(|next| next.replace(next.get() + 1))
}
impl Context {
    pub(super) fn initial(base: Option<&str>) -> Self {
        Self {
            id: if base.is_none() { INITIAL } else { next_id() },
            stable: base.is_none(),
            terms: Vec::new(),
            base: base.map(Rc::from),
            vocab: None,
            language: None,
            direction: None,
            previous: None,
        }
    }

    pub(super) fn term(&self, name: &str) -> Option<&Rc<Term>> {
        let place = self.place(name).ok()?;
        Some(&self.terms[place].1)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.terms.binary_search_by(|(term, _)| (**term).cmp(name))
    }

    /// It is about to become another.
    pub(super) fn renew(&mut self) {
        self.id = next_id();
    }

    pub(super) fn has_protected_terms(&self) -> bool {
        self.terms.iter().any(|(_, term)| term.protected)
    }

    /// The context as it is now, while it is still being made.
    pub(super) fn snapshot(&self) -> Self {
        Self {
            id: next_id(),
            stable: false,
            ..self.clone()
        }
    }

    /// How many terms there are.
    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    pub(super) fn insert(&mut self, name: &str, term: Term) -> Result<(), JsonLdError> {
        if self.terms.len() >= MAX_TERMS {
            return Err(JsonLdError::TooMany("terms in one context"));
        }
        let term = Rc::new(term);
        match self.place(name) {
            Ok(place) => self.terms[place].1 = term,
            Err(place) => self.terms.insert(place, (name.into(), term)),
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Rc<Term>> {
        let place = self.place(name).ok()?;
        Some(self.terms.remove(place).1)
    }

    /// The keyword that a key stands for.
    pub(super) fn keyword<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        if iri::is_keyword(key) {
            return Some(key);
        }
        let iri = self.term(key)?.iri.as_deref()?;
        iri.starts_with('@').then_some(iri)
    }
}
impl Context {
    /// The IRI that a text stands for (JSON-LD-API §5.2), once all terms are defined. `None` if it is said to stand for nothing.
    pub(super) fn expand_iri(
        &self,
        text: &str,
        document_relative: bool,
        vocab: bool,
        work: &Work,
    ) -> Result<Option<Rc<str>>, JsonLdError> {
        if iri::is_keyword(text) {
            return Ok(Some(text.into()));
        }
        if iri::looks_like_keyword(text) {
            work.dropped("a reserved word", text)?;
            return Ok(None);
        }
        if let Some(term) = self.term(text) {
            if let Some(keyword) = term.iri.as_ref().filter(|iri| iri.starts_with('@')) {
                return Ok(Some(Rc::clone(keyword)));
            }
            if vocab {
                return Ok(term.iri.clone());
            }
        }
        if let Some(at) = text.bytes().skip(1).position(|byte| byte == b':') {
            let (prefix, suffix) = (&text[..at + 1], &text[at + 2..]);
            if prefix == "_" || suffix.starts_with("//") {
                return Ok(Some(text.into()));
            }
            if let Some(term) = self.term(prefix).filter(|term| term.prefix)
                && let Some(iri) = &term.iri
            {
                return work.join(iri, suffix).map(Some);
            }
            if iri::is_absolute(text) {
                return Ok(Some(text.into()));
            }
        }
        if let Some(vocab) = self.vocab.as_ref().filter(|_| vocab) {
            return work.join(vocab, text).map(Some);
        }
        if let Some(base) = self.base.as_ref().filter(|_| document_relative) {
            return work.resolve(base, text).map(Some);
        }
        Ok(Some(text.into()))
    }
}
