//! RDF datasets: their canonical form (RDFC-1.0) and N-Quads.

mod canonical;
mod nquads;

use std::rc::Rc;

pub use canonical::{CanonicalError, canonicalize};
pub use nquads::{NQuadsError, parse_nquads};

/// A subject, object or graph name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// An IRI.
    Iri(Rc<str>),
    /// A blank node: its number within the dataset.
    Blank(u32),
    /// A literal, which only an object can be.
    Literal(Literal),
}

/// A literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    /// Its text.
    pub value: Rc<str>,
    /// Its datatype's IRI.
    pub datatype: Rc<str>,
    /// Its language, if the datatype is rdf:langString.
    pub language: Option<Rc<str>>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quad {
    /// An IRI or a blank node.
    pub subject: Term,
    /// An IRI.
    pub predicate: Rc<str>,
    /// Anything.
    pub object: Term,
    /// An IRI or a blank node; none for the default graph.
    pub graph: Option<Term>,
}

pub(crate) const RDF_TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
pub(crate) const LANG_STRING: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString";
pub(crate) const XSD_STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
