//! JSON-LD 1.1, as far as signing needs it: a document to RDF. All of expansion is here; contexts by URL are the [embedded](embedded) ones and no
//! others.

mod cache;
mod context;
mod embedded;
mod error;
mod expand;
mod expanded;
mod iri;
mod term;
mod to_rdf;
mod work;

pub use error::JsonLdError;
pub(crate) use iri::is_absolute;
pub use work::Options;

use crate::json::Value;
use crate::rdf::Quad;

/// The statements that a document makes. What JSON-LD would leave out is an error if the options say so.
pub fn to_rdf(document: &Value, options: &Options<'_>) -> Result<Vec<Quad>, JsonLdError> {
    let mut work = work::Work::new(options);
    let expanded = expand::expand_document(document, &mut work)?;
    to_rdf::to_rdf(&expanded, &work)
}
