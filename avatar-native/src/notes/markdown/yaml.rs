//! The little of YAML 1.2 (core schema) that front matter needs: the scalars, and lists of scalars, of the outermost mapping. Aliases are followed, never expanded.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::text16::{patterns, trim_str};

/// Deeper than anybody writes, and shallow enough to take apart again.
const MAX_DEPTH: usize = 500;

/// What all aliases of one anchor may add up to.
const MAX_ALIASES: usize = 100;

patterns! {
    NULL = r"^(?:~|[Nn]ull|NULL)?$", "";
    BOOL = r"^(?:[Tt]rue|TRUE|[Ff]alse|FALSE)$", "";
    OCTAL = r"^0o[0-7]+$", "";
    HEX = r"^0x[0-9a-fA-F]+$", "";
    DECIMAL = r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "";
    INFINITE = r"^[-+]?\.(?:inf|Inf|INF)$", "";
    NOT_A_NUMBER = r"^(?:\.nan|\.NaN|\.NAN)$", "";
}

/// Why a block is no front matter.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("The front matter is not valid YAML: {0}.")]
    Invalid(String),
    #[error("The front matter is not a list of “key: value” lines.")]
    NoMapping,
}

enum Node {
    /// As text; `None` for null.
    Scalar(Option<String>),
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

/// The outermost mapping.
#[derive(Default)]
pub struct Fields(Vec<(Rc<Node>, Rc<Node>)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Node> {
        self.0
            .iter()
            .find(|(key, _)| matches!(&**key, Node::Scalar(Some(key)) if key == name))
            .map(|(_, value)| &**value)
    }

    /// A scalar as text; `None` when it is absent, empty or something else.
    pub fn scalar(&self, name: &str) -> Option<String> {
        scalar_text(self.get(name)?)
    }

    /// The scalars of a list; `None` when it is no list.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name)? {
            Node::List(items) => Some(items.iter().filter_map(|item| scalar_text(item)).collect()),
            Node::Scalar(_) | Node::Map(_) => None,
        }
    }
}

fn scalar_text(node: &Node) -> Option<String> {
    match node {
        Node::Scalar(Some(text)) => Some(trim_str(text).to_owned()).filter(|text| !text.is_empty()),
        Node::Scalar(None) | Node::List(_) | Node::Map(_) => None,
    }
}

/// A collection that is not closed yet.
enum Open {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<(Rc<Node>, Rc<Node>)>,
        key: Option<Rc<Node>>,
        keys: HashSet<String>,
    },
}

struct Anchored {
    node: Rc<Node>,
    /// How many nodes an alias of it stands for, at least.
    weight: usize,
    aliases: usize,
}

/// Reads one document.
pub fn read(source: &str) -> Result<Fields, Unreadable> {
    let invalid = |message: &str| Unreadable::Invalid(message.to_owned());
    // For each open collection its anchor, itself, and the largest weight in it.
    let mut stack: Vec<(usize, Open, usize)> = Vec::new();
    let mut anchors: HashMap<usize, Anchored> = HashMap::new();
    let mut root = None;
    let mut documents = 0;
    for event in Parser::new_from_str(source) {
        let (event, _) = event.map_err(|error| Unreadable::Invalid(error.to_string()))?;
        let (anchor, node, weight) = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(invalid("there is more than one document"));
                }
                continue;
            }
            Event::SequenceStart(anchor, _) => {
                stack.push((anchor, Open::List(Vec::new()), 1));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                let map = Open::Map {
                    entries: Vec::new(),
                    key: None,
                    keys: HashSet::new(),
                };
                stack.push((anchor, map, 1));
                continue;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text = resolve(&text, style, tag.as_deref());
                (anchor, Rc::new(Node::Scalar(text)), 1)
            }
            Event::Alias(anchor) => {
                let target = anchors
                    .get_mut(&anchor)
                    .ok_or_else(|| invalid("an alias without an anchor"))?;
                target.aliases += 1;
                let weight = target.aliases * target.weight;
                if weight > MAX_ALIASES {
                    return Err(invalid("too many aliases"));
                }
                (0, target.node.clone(), weight)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((anchor, open, weight)) = stack.pop() else {
                    return Err(invalid("it does not nest"));
                };
                let node = match open {
                    Open::List(items) => Node::List(items),
                    Open::Map { entries, .. } => Node::Map(entries),
                };
                (anchor, Rc::new(node), weight)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
        };
        if stack.len() > MAX_DEPTH {
            return Err(invalid("it nests too deep"));
        }
        if anchor != 0 {
            let anchored = Anchored {
                node: node.clone(),
                weight,
                aliases: 0,
            };
            anchors.insert(anchor, anchored);
        }
        match stack.last_mut() {
            None => root = Some(node),
            Some((_, open, heaviest)) => {
                *heaviest = weight.max(*heaviest);
                add(open, node).map_err(|Duplicate| invalid("a key is there twice"))?;
            }
        }
    }
    match root.as_deref() {
        None | Some(Node::Scalar(None)) => Ok(Fields::default()),
        Some(Node::Map(entries)) => Ok(Fields(entries.clone())),
        Some(Node::Scalar(Some(_)) | Node::List(_)) => Err(Unreadable::NoMapping),
    }
}

struct Duplicate;

fn add(open: &mut Open, node: Rc<Node>) -> Result<(), Duplicate> {
    match open {
        Open::List(items) => items.push(node),
        Open::Map { entries, key, keys } => match key.take() {
            Some(key) => entries.push((key, node)),
            None => {
                if let Node::Scalar(Some(name)) = &*node
                    && !keys.insert(name.clone())
                {
                    return Err(Duplicate);
                }
                *key = Some(node);
            }
        },
    }
    Ok(())
}

/// What JavaScript's String() makes of the scalar; `None` for null.
fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Option<String> {
    let is_text = match tag {
        Some(tag) => !tag.is_yaml_core_schema() || tag.suffix == "str",
        None => style != ScalarStyle::Plain,
    };
    if is_text {
        return Some(text.to_owned());
    }
    let number = |value: f64| Some(ryu_js::Buffer::new().format(value).to_owned());
    let matches = |pattern: &regress::Regex| pattern.find(text).is_some();
    if matches(&NULL) {
        None
    } else if matches(&BOOL) {
        Some(text.to_ascii_lowercase())
    } else if matches(&OCTAL) {
        number(digits(&text[2..], 8))
    } else if matches(&HEX) {
        number(digits(&text[2..], 16))
    } else if matches(&INFINITE) {
        number(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        })
    } else if matches(&NOT_A_NUMBER) {
        number(f64::NAN)
    } else if matches(&DECIMAL) {
        text.parse().ok().and_then(number)
    } else {
        Some(text.to_owned())
    }
}

/// A whole number of any length, to the nearest double.
fn digits(text: &str, radix: u32) -> f64 {
    text.chars()
        .filter_map(|digit| digit.to_digit(radix))
        .fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit))
}
