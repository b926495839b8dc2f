//! What the index holds of a document's content, and how much of it at most.

use super::wire::{put_bytes, put_sint, put_uint, put_varint, tag};

/// Fields in a row at most; further ones are left out.
pub const MAX_FIELDS: usize = 64;

/// The longest name of a field (with its dots), in bytes. Fields with longer names are left out.
pub const MAX_NAME_BYTES: usize = 128;

/// Strings are cut at the last character boundary within so many bytes; bytes are cut at exactly so many.
pub const MAX_STRING_BYTES: usize = 256;

/// Items of a list at most; the list is cut there.
pub const MAX_LIST_ITEMS: usize = 256;

/// All lists of a row together, encoded. A list that reaches it is cut. It keeps every row under [`MAX_ROW_BYTES`](super::MAX_ROW_BYTES).
pub const MAX_LISTS_BYTES: usize = 16 * 1024;

/// One value for the index. Strings and bytes may be longer than the index keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IndexScalar<'a> {
    /// JavaScript's null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A safe integer of JavaScript.
    Int(i64),
    /// Any other number.
    Double(f64),
    /// A text, or as much of its beginning as shows that it is too long.
    String(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Milliseconds since the Unix epoch.
    TimestampMs(i64),
    /// A counter's value now.
    Counter(i64),
}

/// The fields of one row, encoded as `Row` holds them. Made by a [`FieldsBuilder`], so within the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// The encoded `Row.fields` and `Row.cut`.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Gathers [`Fields`]: cuts what is too long, and leaves out what is too much.
#[derive(Debug, Default)]
pub struct FieldsBuilder {
    fields: Vec<u8>,
    cut: Vec<u8>,
    count: usize,
    lists_bytes: usize,
    entry: Vec<u8>,
    value: Vec<u8>,
}

impl FieldsBuilder {
    /// No fields yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No further field will be taken.
    pub fn is_full(&self) -> bool {
        self.count == MAX_FIELDS
    }

    /// Adds a field with one value.
    pub fn scalar(&mut self, name: &str, scalar: IndexScalar<'_>) {
        self.value.clear();
        let cut = encode(&mut self.value, scalar);
        self.put(name, cut);
    }

    /// Adds a field with a list of values; it stops asking for items when it takes no more. `None` stands for an item that the index does not hold (a list, a
    /// map): it is left out, and the field counts as cut.
    pub fn list<'a>(&mut self, name: &str, items: impl IntoIterator<Item = Option<IndexScalar<'a>>>) {
        let mut list = self.begin_list();
        for item in items {
            if !list.push(item) {
                break;
            }
        }
        self.end_list(name, list);
    }

    /// For lists whose items cannot be lent: begin, push, [`end_list`](Self::end_list).
    pub(super) fn begin_list(&self) -> ListBuilder {
        let room = MAX_LISTS_BYTES - self.lists_bytes;
        ListBuilder {
            items: Vec::new(),
            item: Vec::new(),
            seen: 0,
            cut: false,
            room,
        }
    }

    pub(super) fn end_list(&mut self, name: &str, list: ListBuilder) {
        self.value.clear();
        put_bytes(&mut self.value, tag::VALUE_LIST, &list.items);
        if self.put(name, list.cut) {
            self.lists_bytes += list.items.len();
        }
    }

    /// The fields.
    pub fn finish(mut self) -> Fields {
        self.fields.append(&mut self.cut);
        Fields(self.fields)
    }

    fn put(&mut self, name: &str, cut: bool) -> bool {
        if self.is_full() || name.len() > MAX_NAME_BYTES {
            return false;
        }
        self.count += 1;
        self.entry.clear();
        put_bytes(&mut self.entry, tag::ENTRY_KEY, name.as_bytes());
        put_bytes(&mut self.entry, tag::ENTRY_VALUE, &self.value);
        put_bytes(&mut self.fields, tag::ROW_FIELD, &self.entry);
        if cut {
            put_bytes(&mut self.cut, tag::ROW_CUT, name.as_bytes());
        }
        true
    }
}

/// The items of one list field, as far as they fit.
#[derive(Debug)]
pub(super) struct ListBuilder {
    items: Vec<u8>,
    item: Vec<u8>,
    seen: usize,
    cut: bool,
    room: usize,
}

impl ListBuilder {
    /// Adds an item; false = the list takes no more.
    pub fn push(&mut self, item: Option<IndexScalar<'_>>) -> bool {
        if self.seen == MAX_LIST_ITEMS {
            self.cut = true;
            return false;
        }
        self.seen += 1;
        let Some(scalar) = item else {
            self.cut = true;
            return true;
        };
        self.item.clear();
        self.cut |= encode(&mut self.item, scalar);
        let before = self.items.len();
        put_bytes(&mut self.items, tag::LIST_ITEM, &self.item);
        if self.items.len() > self.room {
            self.items.truncate(before);
            self.cut = true;
            return false;
        }
        true
    }
}

/// Appends an encoded `Value`; whether it had to be cut.
fn encode(out: &mut Vec<u8>, scalar: IndexScalar<'_>) -> bool {
    match scalar {
        IndexScalar::Null => put_uint(out, tag::VALUE_NULL, 1),
        IndexScalar::Bool(value) => put_uint(out, tag::VALUE_BOOL, u64::from(value)),
        IndexScalar::Int(value) => put_sint(out, tag::VALUE_INT, value),
        IndexScalar::TimestampMs(value) => put_sint(out, tag::VALUE_TIMESTAMP_MS, value),
        IndexScalar::Counter(value) => put_sint(out, tag::VALUE_COUNTER, value),
        IndexScalar::Double(value) => {
            out.push(tag::VALUE_DOUBLE);
            out.extend_from_slice(&value.to_le_bytes());
        }
        IndexScalar::String(text) => {
            let kept = &text.as_bytes()[..text.floor_char_boundary(MAX_STRING_BYTES)];
            put_bytes(out, tag::VALUE_STRING, kept);
            return kept.len() < text.len();
        }
        IndexScalar::Bytes(bytes) => {
            let kept = &bytes[..bytes.len().min(MAX_STRING_BYTES)];
            out.push(tag::VALUE_BYTES);
            put_varint(out, kept.len() as u64);
            out.extend_from_slice(kept);
            return kept.len() < bytes.len();
        }
    }
    false
}

/// Whether a string or bytes of this length, in a field that is cut, may be one of its parts that are cut: a character has at most four bytes.
pub(super) fn may_be_cut(len: usize) -> bool {
    len > MAX_STRING_BYTES - 4
}
