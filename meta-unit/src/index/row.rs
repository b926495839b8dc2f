//! One document's row, as the index holds it: its encoded bytes, and the few columns that every query needs.

use std::fmt;

use super::DocId;
use super::fields::{Fields, MAX_FIELDS, MAX_LIST_ITEMS, MAX_LISTS_BYTES, MAX_NAME_BYTES, MAX_STRING_BYTES};
use super::value::View;
use super::wire::{put_bytes, put_sint, tag, take_bytes, take_sint, take_tag, take_varint};

/// No row is larger, encoded: fields and lists within their limits sum up to less, and a page has room for any row.
pub const MAX_ROW_BYTES: usize = 56 * 1024;

/// The longest type of a document, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// A document's entry for the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// The document's id.
    pub id: DocId,
    /// Its type; 1 to [`MAX_TYPE_BYTES`] bytes.
    pub type_name: String,
    /// Milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// From its content: [`project()`](super::project()).
    pub fields: Fields,
    /// What the row was made from. It is no part of the encoded row: clients have no use for it.
    pub version: Version,
}

/// Which state of its document a row was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The number of the newest record that the document is stored in.
    pub last_record: u64,
    /// Stands for the changes that the document is made of: the same on all devices that have the same. None for a document that nothing has happened to since it was created, whose
    /// changes are not made yet.
    pub digest: Option<Digest>,
}

/// See [`Version::digest`].
pub type Digest = [u8; 16];

impl IndexRow {
    /// The row as a `Row` of query.proto.
    pub(super) fn encode(&self) -> Vec<u8> {
        let fields = self.fields.as_bytes();
        let mut out = Vec::with_capacity(fields.len() + self.type_name.len() + 48);
        put_bytes(&mut out, tag::ROW_DOCUMENT_ID, self.id.as_ref());
        put_bytes(&mut out, tag::ROW_TYPE, self.type_name.as_bytes());
        put_sint(&mut out, tag::ROW_CREATED_MS, self.created_ms);
        put_sint(&mut out, tag::ROW_UPDATED_MS, self.updated_ms);
        out.extend_from_slice(fields);
        out
    }
}

/// The columns before the fields, as read from an encoded row.
#[derive(Debug)]
pub(super) struct RowHead<'a> {
    pub id: DocId,
    pub type_name: &'a str,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// Where `Row.fields` begin.
    pub fields_at: usize,
}

impl<'a> RowHead<'a> {
    /// Reads and checks a whole row, which may come from damaged storage; None = it is none that [`IndexRow::encode`] made. After this, everything that
    /// reads the row may take its form for granted.
    pub fn check(row: &'a [u8]) -> Option<Self> {
        if row.len() > MAX_ROW_BYTES {
            return None;
        }
        let mut rest = row;
        let input = &mut rest;
        let id = DocId::try_from(tagged_bytes(input, tag::ROW_DOCUMENT_ID)?).ok()?;
        let type_name = str::from_utf8(tagged_bytes(input, tag::ROW_TYPE)?).ok()?;
        if type_name.is_empty() || type_name.len() > MAX_TYPE_BYTES {
            return None;
        }
        let created_ms = take_tag(input, tag::ROW_CREATED_MS).then(|| take_sint(input))??;
        let updated_ms = take_tag(input, tag::ROW_UPDATED_MS).then(|| take_sint(input))??;
        let fields_at = row.len() - input.len();
        check_fields(input)?;
        Some(Self {
            id,
            type_name,
            created_ms,
            updated_ms,
            fields_at,
        })
    }
}

#[inline(always)]
fn tagged_bytes<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take_tag(input, tag).then(|| take_bytes(input))?
}

fn check_fields(input: &mut &[u8]) -> Option<()> {
    let mut lists_bytes = 0;
    let mut fields = 0;
    while take_tag(input, tag::ROW_FIELD) {
        let mut entry = take_bytes(input)?;
        check_name(tagged_bytes(&mut entry, tag::ENTRY_KEY)?)?;
        let value = tagged_bytes(&mut entry, tag::ENTRY_VALUE)?;
        if !entry.is_empty() {
            return None;
        }
        if value.first() == Some(&tag::VALUE_LIST) {
            lists_bytes += check_list(value)?;
        } else {
            check_scalar(value)?;
        }
        fields += 1;
    }
    let mut cuts = 0;
    while take_tag(input, tag::ROW_CUT) {
        check_name(take_bytes(input)?)?;
        cuts += 1;
    }
    (input.is_empty() && fields <= MAX_FIELDS && cuts <= fields && lists_bytes <= MAX_LISTS_BYTES).then_some(())
}

fn check_name(name: &[u8]) -> Option<()> {
    (name.len() <= MAX_NAME_BYTES && str::from_utf8(name).is_ok()).then_some(())
}

fn check_list(mut value: &[u8]) -> Option<usize> {
    let mut items = tagged_bytes(&mut value, tag::VALUE_LIST)?;
    let bytes = items.len();
    let mut count = 0;
    while !items.is_empty() {
        check_scalar(tagged_bytes(&mut items, tag::LIST_ITEM)?)?;
        count += 1;
    }
    (value.is_empty() && count <= MAX_LIST_ITEMS).then_some(bytes)
}

fn check_scalar(value: &[u8]) -> Option<()> {
    let (kind, mut rest) = value.split_first()?;
    let input = &mut rest;
    match *kind {
        tag::VALUE_NULL | tag::VALUE_BOOL | tag::VALUE_INT | tag::VALUE_TIMESTAMP_MS | tag::VALUE_COUNTER => {
            take_varint(input)?;
        }
        tag::VALUE_DOUBLE => *input = input.split_first_chunk::<8>()?.1,
        tag::VALUE_STRING => {
            let text = take_bytes(input)?;
            if text.len() > MAX_STRING_BYTES || str::from_utf8(text).is_err() {
                return None;
            }
        }
        tag::VALUE_BYTES => {
            if take_bytes(input)?.len() > MAX_STRING_BYTES {
                return None;
            }
        }
        _ => return None,
    }
    input.is_empty().then_some(())
}

/// A row in memory. Its type is a number of the index's [`Names`](super::names::Names).
pub(super) struct StoredRow {
    pub id: DocId,
    pub type_number: u32,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// As in [`IndexRow`].
    pub version: Version,
    fields_at: u32,
    bytes: Box<[u8]>,
}

impl StoredRow {
    /// `head` was read from `bytes`.
    pub fn new(head: &RowHead<'_>, type_number: u32, version: Version, bytes: Box<[u8]>) -> Self {
        Self {
            id: head.id,
            type_number,
            created_ms: head.created_ms,
            updated_ms: head.updated_ms,
            version,
            fields_at: u32::try_from(head.fields_at).expect("a row is shorter than MAX_ROW_BYTES"),
            bytes,
        }
    }

    /// The encoded `Row`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded columns before the fields.
    pub fn head_bytes(&self) -> &[u8] {
        &self.bytes[..self.fields_at as usize]
    }

    /// The fields, in the order of the document.
    pub fn fields(&self) -> FieldIter<'_> {
        FieldIter(&self.bytes[self.fields_at as usize..])
    }

    /// The value of a field.
    pub fn field(&self, name: &[u8]) -> Option<View<'_>> {
        self.fields()
            .find(|field| field.name == name)
            .and_then(|field| View::read(field.value))
    }

    /// The names of the fields that are cut.
    pub fn cut(&self) -> impl Iterator<Item = &[u8]> {
        let mut fields = self.fields();
        fields.by_ref().for_each(drop);
        let mut rest = fields.0;
        std::iter::from_fn(move || tagged_bytes(&mut rest, tag::ROW_CUT))
    }

    /// Whether a field is cut.
    pub fn is_cut(&self, name: &[u8]) -> bool {
        self.cut().any(|cut| cut == name)
    }
}

impl fmt::Debug for StoredRow {
    /// Its id only: what is in a document does not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One field of a row.
pub(super) struct Field<'a> {
    pub name: &'a [u8],
    /// The encoded `Value`.
    pub value: &'a [u8],
    /// The encoded `MapEntry`.
    pub entry: &'a [u8],
}

/// Walks over the fields of a row.
pub(super) struct FieldIter<'a>(&'a [u8]);

impl<'a> Iterator for FieldIter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let entry = tagged_bytes(&mut self.0, tag::ROW_FIELD)?;
        let mut rest = entry;
        let name = tagged_bytes(&mut rest, tag::ENTRY_KEY)?;
        let value = tagged_bytes(&mut rest, tag::ENTRY_VALUE)?;
        Some(Field { name, value, entry })
    }
}
