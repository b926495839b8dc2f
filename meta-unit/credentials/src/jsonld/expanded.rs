//! Expanded documents (JSON-LD 1.1 §9), as types instead of JSON.

use std::rc::Rc;

use super::context::Direction;
use crate::json::Value;

/// What expanding a value gives.
pub(super) enum Expansion {
    Null,
    One(Expanded),
    Many(Vec<Expanded>),
}

impl Expansion {
    /// Its items, and `None` for null.
    pub(super) fn items(self) -> Option<Vec<Expanded>> {
        match self {
            Self::Null => None,
            Self::One(one) => Some(vec![one]),
            Self::Many(many) => Some(many),
        }
    }
}

/// An expanded item.
#[derive(Clone)]
pub(super) enum Expanded {
    Node(Node),
    Literal(Literal),
    List(List),
}

/// A list object.
#[derive(Clone)]
pub(super) struct List {
    pub(super) items: Vec<Expanded>,
    pub(super) indexed: bool,
}

/// The parts of a node, also of one that is a graph.
#[derive(Clone, Default)]
pub(super) struct Node {
    pub(super) id: Id,
    pub(super) types: Vec<Rc<str>>,
    pub(super) properties: Vec<(Rc<str>, Vec<Expanded>)>,
    pub(super) reverse: Vec<(Rc<str>, Vec<Expanded>)>,
    pub(super) graph: Option<Vec<Expanded>>,
    pub(super) included: Vec<Expanded>,
    pub(super) indexed: bool,
}

/// A node's `@id`.
#[derive(Clone, Default)]
pub(super) enum Id {
    #[default]
    Absent,
    /// It is there, and expands to nothing.
    Null,
    Is(Rc<str>),
}

impl Node {
    /// Adds to a property's values. It may come more than once: what is said stays the same.
    pub(super) fn add(&mut self, property: &Rc<str>, values: Vec<Expanded>) {
        self.properties.push((Rc::clone(property), values));
    }

    /// Whether it is a graph object: a graph and at most an id and an index.
    pub(super) fn is_graph_object(&self) -> bool {
        self.graph.is_some()
            && self.types.is_empty()
            && self.properties.is_empty()
            && self.reverse.is_empty()
            && self.included.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self.id, Id::Absent) && !self.indexed && self.says_nothing()
    }

    /// Whether there is nothing but an id.
    pub(super) fn says_nothing(&self) -> bool {
        self.types.is_empty()
            && self.properties.is_empty()
            && self.reverse.is_empty()
            && self.included.is_empty()
            && self.graph.is_none()
    }
}

/// A value object.
#[derive(Clone)]
pub(super) struct Literal {
    /// A string, number or boolean; anything if it is JSON.
    pub(super) value: Value,
    pub(super) json: bool,
    pub(super) datatype: Option<Rc<str>>,
    pub(super) language: Option<Rc<str>>,
    pub(super) direction: Option<Direction>,
    pub(super) indexed: bool,
}

impl Literal {
    pub(super) fn plain(value: Value) -> Self {
        Self {
            value,
            json: false,
            datatype: None,
            language: None,
            direction: None,
            indexed: false,
        }
    }

    pub(super) fn json(value: Value) -> Self {
        Self {
            json: true,
            ..Self::plain(value)
        }
    }
}
