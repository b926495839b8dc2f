//! JSON-LD 1.1, as far as signing needs it: a document to RDF. All of expansion is here; contexts by URL are the [embedded] ones and no
//! others.

mod cache;
mod context;
mod define;
mod embedded;
mod error;
mod expand;
mod expanded;
mod finish;
mod iri;
mod maps;
mod process;
mod term;
mod to_rdf;
mod work;

pub use error::JsonLdError;
pub(crate) use iri::is_absolute;
pub use work::Options;

use std::rc::Rc;

use crate::budget::Budget;
use crate::json::{Object, Value};
use crate::rdf::Quad;

/// The statements that a document makes. What JSON-LD would leave out is an error if the options say so.
pub fn to_rdf(document: &Value, options: &Options<'_>, budget: &Budget) -> Result<Vec<Quad>, JsonLdError> {
    let mut work = work::Work::new(options, budget);
    let expanded = expand::expand_document(document, &mut work)?;
    to_rdf::to_rdf(&expanded, &work)
}

/// Makes a context of the application's own known by its URL, beside the embedded ones: at most 64 in this thread. It is used as it is, and must be
/// the same wherever the documents are verified. One that is known cannot be replaced.
pub fn add_context(url: &str, document: Value) -> Result<(), JsonLdError> {
    cache::add(url, document)
}

/// Whether a document's contexts fit together and define its types (VC Data Model 2.0 §4.5). A context that is not known may define anything.
pub fn check_types(document: &Object) -> Result<(), JsonLdError> {
    let mut work = work::Work::new(&Options::SIGNED, &Budget::default());
    let initial = Rc::new(context::Context::initial(None));
    let local = document.get("@context").unwrap_or(&Value::Null);
    let active = match process::process(
        &initial,
        local,
        process::How::EMBEDDED,
        process::Place::DOCUMENT,
        &mut work,
    ) {
        Ok(active) => active,
        Err(JsonLdError::UnknownContext(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let types = document.get("type").map(Value::one_or_many).unwrap_or_default();
    for name in types.iter().filter_map(Value::as_str) {
        match active.expand_iri(name, true, true, &work)? {
            Some(iri) if is_absolute(&iri) => {}
            _ => work.dropped("a type that no context defines", name)?,
        }
    }
    Ok(())
}
