//! What terms stand for.

use std::rc::Rc;

use super::context::Direction;
use crate::json::Value;

/// What a term's values are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TypeMapping {
    Id,
    Vocab,
    Json,
    None,
    Datatype(Rc<str>),
}

/// The set of `@container` values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Container(u8);

impl Container {
    pub(super) const GRAPH: u8 = 1;
    pub(super) const ID: u8 = 2;
    pub(super) const INDEX: u8 = 4;
    pub(super) const LANGUAGE: u8 = 8;
    pub(super) const LIST: u8 = 16;
    pub(super) const SET: u8 = 32;
    pub(super) const TYPE: u8 = 64;

    pub(super) fn has(self, any_of: u8) -> bool {
        self.0 & any_of != 0
    }

    pub(super) fn parse(value: &Value) -> Option<Self> {
        let mut all = 0;
        for name in value.one_or_many() {
            all |= match name.as_str()? {
                "@graph" => Self::GRAPH,
                "@id" => Self::ID,
                "@index" => Self::INDEX,
                "@language" => Self::LANGUAGE,
                "@list" => Self::LIST,
                "@set" => Self::SET,
                "@type" => Self::TYPE,
                _ => return None,
            };
        }
        // One alone, or a graph by id or index, and each of them but a list as a set.
        let base = all & !Self::SET;
        let allowed = match base {
            0 => all == Self::SET,
            Self::LIST => all == Self::LIST,
            _ => base.is_power_of_two() || base == Self::GRAPH | Self::ID || base == Self::GRAPH | Self::INDEX,
        };
        (allowed && all.count_ones() as usize == value.one_or_many().len()).then_some(Self(all))
    }
}

/// A context within a term.
#[derive(Clone)]
pub(super) struct Scoped {
    pub(super) value: Rc<Value>,
    /// It is part of an embedded context.
    pub(super) embedded: bool,
}

impl PartialEq for Scoped {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.value, &other.value) || self.value == other.value
    }
}

/// What a term stands for.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Term {
    /// `None`: for nothing, on purpose.
    pub(super) iri: Option<Rc<str>>,
    pub(super) prefix: bool,
    pub(super) protected: bool,
    pub(super) reverse: bool,
    pub(super) type_mapping: Option<TypeMapping>,
    /// `Some(None)`: none, whatever the default is.
    pub(super) language: Option<Option<Rc<str>>>,
    pub(super) direction: Option<Option<Direction>>,
    pub(super) container: Container,
    pub(super) index: Option<Rc<str>>,
    pub(super) nest: Option<Rc<str>>,
    pub(super) context: Option<Scoped>,
}
