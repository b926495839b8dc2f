//! A document as a sequence of tokens, cut into pages of bounded size.

use automerge::{ChangeHash, ObjId, ObjType, ROOT, ReadDoc, Value};
use avatar_proto::token::Token as Kind;
use avatar_proto::value::Kind as ValueKind;
use avatar_proto::{MapValue, Message, SnapshotPage, Token};

use super::patches;
use crate::data::content;

/// The tokens of a page, in bytes, roughly: no receiver works long on one.
const PAGE_BYTES: usize = 64 * 1024;

/// The longest part of a text, in bytes.
const TEXT_PART_BYTES: usize = 32 * 1024;

/// Hands the pages of a document to `page`; the last one says so.
pub fn pages(doc: &impl ReadDoc, heads: Option<&[ChangeHash]>, page: &mut dyn FnMut(SnapshotPage)) {
    let mut writer = Writer {
        tokens: Vec::new(),
        bytes: 0,
        page,
    };
    writer.object(doc, heads, &ROOT, ObjType::Map);
    writer.end();
}

/// Hands the pages of a document that has this content, and nothing else, to `page`.
pub fn content_pages(content: &MapValue, page: &mut dyn FnMut(SnapshotPage)) {
    let mut writer = Writer {
        tokens: Vec::new(),
        bytes: 0,
        page,
    };
    writer.content_map(content);
    writer.end();
}

struct Writer<'a> {
    tokens: Vec<Token>,
    bytes: usize,
    page: &'a mut dyn FnMut(SnapshotPage),
}

impl Writer<'_> {
    fn end(self) {
        (self.page)(SnapshotPage {
            tokens: self.tokens,
            last: true,
        });
    }

    fn token(&mut self, kind: Kind) {
        let token = Token { token: Some(kind) };
        let bytes = token.encoded_len() + 3;
        if self.bytes + bytes > PAGE_BYTES && !self.tokens.is_empty() {
            (self.page)(SnapshotPage {
                tokens: std::mem::take(&mut self.tokens),
                last: false,
            });
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.tokens.push(token);
    }

    fn value(&mut self, doc: &impl ReadDoc, heads: Option<&[ChangeHash]>, value: &Value<'_>, id: &ObjId) {
        match value {
            Value::Object(kind) => self.object(doc, heads, id, *kind),
            Value::Scalar(_) => self.token(Kind::Scalar(patches::value(value))),
        }
    }

    fn object(&mut self, doc: &impl ReadDoc, heads: Option<&[ChangeHash]>, id: &ObjId, kind: ObjType) {
        match kind {
            ObjType::Map | ObjType::Table => {
                self.token(Kind::BeginMap(true));
                let keys: Vec<String> = match heads {
                    Some(heads) => doc.keys_at(id, heads).collect(),
                    None => doc.keys(id).collect(),
                };
                for key in keys {
                    let found = match heads {
                        Some(heads) => doc.get_at(id, &*key, heads),
                        None => doc.get(id, &*key),
                    };
                    if let Ok(Some((value, child))) = found {
                        self.token(Kind::Key(key));
                        self.value(doc, heads, &value, &child);
                    }
                }
                self.token(Kind::End(true));
            }
            ObjType::List => {
                self.token(Kind::BeginList(true));
                let values = match heads {
                    Some(heads) => doc.values_at(id, heads),
                    None => doc.values(id),
                };
                for (value, child) in values {
                    self.value(doc, heads, &value.to_owned(), &child);
                }
                self.token(Kind::End(true));
            }
            ObjType::Text => {
                let text = match heads {
                    Some(heads) => doc.text_at(id, heads),
                    None => doc.text(id),
                };
                // An object that the document itself names is there.
                self.text(&text.unwrap_or_default());
            }
        }
    }

    fn content_map(&mut self, map: &MapValue) {
        self.token(Kind::BeginMap(true));
        for entry in content::entries(map) {
            self.token(Kind::Key(entry.key.clone()));
            self.content(entry.value.as_ref());
        }
        self.token(Kind::End(true));
    }

    fn content(&mut self, value: Option<&avatar_proto::Value>) {
        let Some(value) = value else { return };
        match &value.kind {
            Some(ValueKind::Map(map)) => self.content_map(map),
            Some(ValueKind::List(list)) => {
                self.token(Kind::BeginList(true));
                for item in &list.items {
                    self.content(Some(item));
                }
                self.token(Kind::End(true));
            }
            Some(ValueKind::String(text)) => self.text(text),
            _ => self.token(Kind::Scalar(value.clone())),
        }
    }

    fn text(&mut self, text: &str) {
        if text.len() <= TEXT_PART_BYTES {
            let kind = Some(ValueKind::String(text.to_owned()));
            return self.token(Kind::Scalar(avatar_proto::Value { kind }));
        }
        let mut rest = text;
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rest.floor_char_boundary(TEXT_PART_BYTES));
            self.token(Kind::TextPart(part.to_owned()));
            rest = behind;
        }
        self.token(Kind::TextEnd(true));
    }
}
