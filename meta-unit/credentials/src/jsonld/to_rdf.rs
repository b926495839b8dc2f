//! From expanded documents to RDF (JSON-LD-API §8).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use super::error::JsonLdError;
use super::expanded::{Expanded, Id, List, Literal, Node};
use super::iri;
use super::work::Work;
use crate::json::{Value, canonical};
use crate::rdf::{self, LANG_STRING, Quad, RDF_TYPE, Term, XSD_STRING};

const RDF_FIRST: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#first";
const RDF_REST: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#rest";
const RDF_NIL: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#nil";
const RDF_JSON: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON";
const XSD_BOOLEAN: &str = "http://www.w3.org/2001/XMLSchema#boolean";
const XSD_INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";
const XSD_DOUBLE: &str = "http://www.w3.org/2001/XMLSchema#double";
/// Where the direction of a text goes: into its datatype.
const I18N: &str = "https://www.w3.org/ns/i18n#";

/// The statements of an expanded document.
pub(super) fn to_rdf(document: &[Expanded], work: &Work) -> Result<Vec<Quad>, JsonLdError> {
    let mut builder = Builder {
        work,
        quads: Vec::new(),
        blanks: BTreeMap::new(),
        next_blank: 0,
        rdf_type: RDF_TYPE.into(),
        xsd_string: XSD_STRING.into(),
    };
    for item in document {
        if let Expanded::Node(node) = item {
            builder.node(node, None)?;
        }
    }
    Ok(builder.quads)
}

struct Builder<'a> {
    work: &'a Work,
    quads: Vec<Quad>,
    /// The document's own labels.
    blanks: BTreeMap<Rc<str>, u32>,
    next_blank: u32,
    rdf_type: Rc<str>,
    xsd_string: Rc<str>,
}

impl Builder<'_> {
    fn fresh(&mut self) -> Term {
        self.next_blank += 1;
        Term::Blank(self.next_blank - 1)
    }

    /// The term of an IRI or a blank node's label. `None` for what is neither.
    fn resource(&mut self, iri: &Rc<str>) -> Result<Option<Term>, JsonLdError> {
        if self.work.is_absolute(iri)? {
            return Ok(Some(Term::Iri(Rc::clone(iri))));
        }
        if !iri::is_blank(iri) {
            return Ok(None);
        }
        let number = match self.blanks.get(iri) {
            Some(known) => *known,
            None => {
                self.blanks.insert(Rc::clone(iri), self.next_blank);
                self.next_blank += 1;
                self.next_blank - 1
            }
        };
        Ok(Some(Term::Blank(number)))
    }

    fn say(&mut self, subject: &Term, predicate: &Rc<str>, object: Term, graph: Option<&Term>) {
        self.quads.push(Quad {
            subject: subject.clone(),
            predicate: Rc::clone(predicate),
            object,
            graph: graph.cloned(),
        });
    }

    /// All that is said of a node, and the term that it is. `None` if its id is no IRI: nothing can be said of it.
    fn node(&mut self, node: &Node, graph: Option<&Term>) -> Result<Option<Term>, JsonLdError> {
        let subject = match &node.id {
            Id::Absent => Some(self.fresh()),
            Id::Null => None,
            Id::Is(iri) => {
                let subject = self.resource(iri)?;
                if subject.is_none() {
                    self.work.dropped("a relative reference", iri)?;
                }
                subject
            }
        };
        for iri in &node.types {
            match (self.resource(iri)?, &subject) {
                (Some(object), Some(subject)) => {
                    let predicate = Rc::clone(&self.rdf_type);
                    self.say(subject, &predicate, object, graph);
                }
                (None, _) => self.work.dropped("a relative type", iri)?,
                (_, None) => {}
            }
        }
        for (property, values) in &node.properties {
            let predicate = self.predicate(property)?;
            for value in values {
                let object = self.object(value, graph)?;
                if let (Some(subject), Some(predicate), Some(object)) = (&subject, predicate, object) {
                    self.say(subject, predicate, object, graph);
                }
            }
        }
        for (property, values) in &node.reverse {
            let predicate = self.predicate(property)?;
            for value in values {
                let other = self.object(value, graph)?;
                if let (Some(object), Some(predicate), Some(other)) = (&subject, predicate, other) {
                    self.say(&other, predicate, object.clone(), graph);
                }
            }
        }
        for item in node.graph.iter().flatten() {
            match (item, &subject) {
                (Expanded::Node(inner), Some(name)) => {
                    self.node(inner, Some(name))?;
                }
                (Expanded::Node(_), None) => {}
                _ => self.work.dropped("a value in the place of a graph", "@graph")?,
            }
        }
        for included in &node.included {
            self.object(included, graph)?;
        }
        Ok(subject)
    }

    fn predicate<'p>(&self, property: &'p Rc<str>) -> Result<Option<&'p Rc<str>>, JsonLdError> {
        if self.work.is_absolute(property)? {
            return Ok(Some(property));
        }
        self.work.dropped("a property that is no IRI", property)?;
        Ok(None)
    }

    fn object(&mut self, item: &Expanded, graph: Option<&Term>) -> Result<Option<Term>, JsonLdError> {
        match item {
            Expanded::Node(node) => self.node(node, graph),
            Expanded::Literal(literal) => self.literal(literal),
            Expanded::List(list) => self.list(list, graph).map(Some),
        }
    }

    fn list(&mut self, list: &List, graph: Option<&Term>) -> Result<Term, JsonLdError> {
        let (first, rest): (Rc<str>, Rc<str>) = (RDF_FIRST.into(), RDF_REST.into());
        let mut after = Term::Iri(RDF_NIL.into());
        for item in list.items.iter().rev() {
            let cell = self.fresh();
            if let Some(object) = self.object(item, graph)? {
                self.say(&cell, &first, object, graph);
            }
            self.say(&cell, &rest, after, graph);
            after = cell;
        }
        Ok(after)
    }

    fn literal(&self, literal: &Literal) -> Result<Option<Term>, JsonLdError> {
        let datatype = |default: &str| literal.datatype.clone().unwrap_or_else(|| default.into());
        let mut language = None;
        let (value, datatype): (Rc<str>, Rc<str>) = match &literal.value {
            value if literal.json => (canonical(value).into(), RDF_JSON.into()),
            Value::Bool(value) => (if *value { "true" } else { "false" }.into(), datatype(XSD_BOOLEAN)),
            Value::Number(number)
                if number.fract() != 0.0 || number.abs() >= 1e21 || literal.datatype.as_deref() == Some(XSD_DOUBLE) =>
            {
                (double(*number).into(), datatype(XSD_DOUBLE))
            }
            // The plain digits, also where JSON would have an exponent; no sign for minus zero.
            Value::Number(number) => (format!("{}", *number + 0.0).into(), datatype(XSD_INTEGER)),
            Value::String(text) => {
                if let Some(tag) = &literal.language
                    && !is_language(tag)
                {
                    self.work.dropped("a language tag that is none", tag)?;
                    return Ok(None);
                }
                let datatype = match (literal.direction.filter(|_| self.work.directions), &literal.language) {
                    (Some(direction), tag) => {
                        let tag = tag.as_deref().unwrap_or_default().to_ascii_lowercase();
                        format!("{I18N}{tag}_{}", direction.as_str()).into()
                    }
                    (None, Some(tag)) => {
                        // Small letters, as JSON-LD allows and the most used processor does: the same tag has one form.
                        language = Some(tag.to_ascii_lowercase().into());
                        LANG_STRING.into()
                    }
                    (None, None) => literal.datatype.clone().unwrap_or_else(|| Rc::clone(&self.xsd_string)),
                };
                (text.as_str().into(), datatype)
            }
            _ => return Ok(None),
        };
        Ok(Some(Term::Literal(rdf::Literal {
            value,
            datatype,
            language,
        })))
    }
}

/// The canonical form of xsd:double, as JSON-LD writes it: at most sixteen digits.
fn double(number: f64) -> String {
    let scientific = format!("{number:.15e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let mantissa = mantissa.trim_end_matches('0');
    let mut out = mantissa.to_owned();
    if mantissa.ends_with('.') {
        out.push('0');
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "E{exponent}");
    out
}

/// BCP 47, as far as RDF looks at it.
fn is_language(tag: &str) -> bool {
    const MAX_BYTES: usize = 64;
    tag.len() <= MAX_BYTES
        && tag.split('-').enumerate().all(|(at, part)| {
            let well_formed = match at {
                0 => part.bytes().all(|byte| byte.is_ascii_alphabetic()),
                _ => part.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            };
            (1..=8).contains(&part.len()) && well_formed
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_one_form() {
        for (number, text) in [
            (5.3, "5.3E0"),
            (0.1, "1.0E-1"),
            (-1.5e300, "-1.5E300"),
            (1e21, "1.0E21"),
            (1.0 / 3.0, "3.333333333333333E-1"),
            (0.0, "0.0E0"),
        ] {
            assert_eq!(double(number), text);
        }
    }
}
