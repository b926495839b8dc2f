//! Filters: checked once, then asked of every row, in place.
//!
//! What the operators mean, beyond query.proto:
//!
//! - A field that a document does not have fulfils only `EXISTS false` and `NE`: `NE` is the opposite of `EQ`.
//! - Values are compared by the order of [`value`](super::value); values of two kinds are never equal, smaller or greater. Timestamps are numbers.
//! - Text is compared exactly, case and all.
//! - A string that is cut equals nothing (`EQ`, `IN`, `CONTAINS` of a list); ranges, `PREFIX` and `CONTAINS` of a string see the 256 bytes that are there.
//! - `id` may be given as 16 bytes or in the text form of the facade (26 characters of Crockford's base32).
//! - A field of the content named like a pseudo-field (`type`) cannot be asked about; it is in the rows all the same.

use std::cmp::Ordering;

use memchr::memmem::Finder;

use avatar_proto::{Compare, CompareOp, Filter, Value, filter, value::Kind};

use super::fields::may_be_cut;
use super::query::QueryError;
use super::row::StoredRow;
use super::value::{Scalar, View};
use super::{DocId, Index};

/// Filters within filters, at most.
pub(super) const MAX_DEPTH: usize = 16;

/// Comparisons in one query, at most.
pub(super) const MAX_COMPARES: usize = 256;

/// Values of all comparisons of one query together, at most.
pub(super) const MAX_VALUES: usize = 4096;

/// From so many values on, `IN` searches instead of trying each.
const SEARCH_FROM: usize = 8;

/// What a comparison or an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FieldName {
    Id,
    Type,
    CreatedMs,
    UpdatedMs,
    Content(Box<[u8]>),
}

impl From<&str> for FieldName {
    fn from(name: &str) -> Self {
        match name {
            "id" => FieldName::Id,
            "type" => FieldName::Type,
            "createdAt" => FieldName::CreatedMs,
            "updatedAt" => FieldName::UpdatedMs,
            _ => FieldName::Content(name.as_bytes().into()),
        }
    }
}

impl FieldName {
    /// The field's value in a row.
    pub fn of<'a>(&self, index: &'a Index, row: &'a StoredRow) -> Option<View<'a>> {
        Some(View::Scalar(match self {
            FieldName::Id => Scalar::Bytes(&row.id),
            FieldName::Type => Scalar::String(index.types.name(row.type_number).as_bytes()),
            FieldName::CreatedMs => Scalar::Int(row.created_ms),
            FieldName::UpdatedMs => Scalar::Int(row.updated_ms),
            FieldName::Content(name) => return row.field(name),
        }))
    }

    fn is_cut(&self, row: &StoredRow) -> bool {
        match self {
            FieldName::Content(name) => row.is_cut(name),
            _ => false,
        }
    }
}

/// A checked filter.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a query has few of them, and every row is tested: a box more is a cache line more"
)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(FieldName, Test),
}

/// What is asked of one field.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a query has few of them, and every row is tested: a box more is a cache line more"
)]
pub(super) enum Test {
    Equal(Operand),
    NotEqual(Operand),
    Less(Operand),
    LessOrEqual(Operand),
    Greater(Operand),
    GreaterOrEqual(Operand),
    In(Operands),
    Contains(Operand),
    /// The needle of `CONTAINS` when it is a string: lists are asked for the whole, strings for the part.
    ContainsText(Operand, Finder<'static>),
    Prefix(Box<[u8]>),
    Exists(bool),
}

/// A scalar of a query, which owns its bytes.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(Box<[u8]>),
    Bytes(Box<[u8]>),
}

impl Operand {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Operand::Null => Scalar::Null,
            Operand::Bool(value) => Scalar::Bool(*value),
            Operand::Int(value) => Scalar::Int(*value),
            Operand::Double(value) => Scalar::Double(*value),
            Operand::String(bytes) => Scalar::String(bytes),
            Operand::Bytes(bytes) => Scalar::Bytes(bytes),
        }
    }
}

/// The values of an `IN`, in order.
#[derive(Clone, Debug)]
pub(super) struct Operands(Vec<Operand>);

impl Operands {
    fn new(mut operands: Vec<Operand>) -> Self {
        operands.sort_by(|a, b| a.scalar().order(b.scalar()));
        Self(operands)
    }

    fn has(&self, scalar: Scalar<'_>) -> bool {
        if self.0.len() < SEARCH_FROM {
            self.0.iter().any(|operand| equal(scalar, operand))
        } else {
            // The total order finds NaN among its like; equality does not.
            let found = self.0.binary_search_by(|operand| operand.scalar().order(scalar));
            found.is_ok_and(|at| equal(scalar, &self.0[at]))
        }
    }
}

fn equal(scalar: Scalar<'_>, operand: &Operand) -> bool {
    scalar.compare(operand.scalar()) == Some(Ordering::Equal)
}

/// How much of the limits is used up.
#[derive(Default)]
struct Budget {
    compares: usize,
    values: usize,
}

impl Condition {
    /// Checks a filter.
    pub fn compile(filter: &Filter) -> Result<Self, QueryError> {
        Self::compile_within(filter, 1, &mut Budget::default())
    }

    fn compile_within(filter: &Filter, depth: usize, budget: &mut Budget) -> Result<Self, QueryError> {
        if depth > MAX_DEPTH {
            return Err(QueryError::TooDeep);
        }
        // Empty lists cost something as well: each node counts as a comparison.
        budget.compares += 1;
        if budget.compares > MAX_COMPARES {
            return Err(QueryError::TooManyCompares);
        }
        let mut all = |filters: &[Filter]| -> Result<Vec<Condition>, QueryError> {
            filters
                .iter()
                .map(|filter| Self::compile_within(filter, depth + 1, budget))
                .collect()
        };
        Ok(match filter.filter.as_ref().ok_or(QueryError::UnknownFilter)? {
            filter::Filter::And(list) => Condition::All(all(&list.filters)?),
            filter::Filter::Or(list) => Condition::Any(all(&list.filters)?),
            filter::Filter::Not(filter) => Condition::Not(Box::new(Self::compile_within(filter, depth + 1, budget)?)),
            filter::Filter::Compare(compare) => {
                budget.values += compare.values.len();
                if budget.values > MAX_VALUES {
                    return Err(QueryError::TooManyValues);
                }
                let field = FieldName::from(compare.field.as_str());
                let test = Test::compile(&field, compare)?;
                Condition::Test(field, test)
            }
        })
    }

    /// Whether a row fulfils it.
    pub fn holds(&self, index: &Index, row: &StoredRow) -> bool {
        match self {
            Condition::All(conditions) => conditions.iter().all(|condition| condition.holds(index, row)),
            Condition::Any(conditions) => conditions.iter().any(|condition| condition.holds(index, row)),
            Condition::Not(condition) => !condition.holds(index, row),
            Condition::Test(field, test) => test.holds(field, field.of(index, row), row),
        }
    }
}

impl Test {
    fn compile(field: &FieldName, compare: &Compare) -> Result<Self, QueryError> {
        let op = CompareOp::try_from(compare.op).map_err(|_| QueryError::UnknownOperator(compare.op))?;
        let operand = || match compare.values.as_slice() {
            [value] => operand(field, value),
            _ => Err(QueryError::NeedsOneValue(op)),
        };
        Ok(match op {
            CompareOp::Unspecified => return Err(QueryError::UnknownOperator(compare.op)),
            CompareOp::Eq => Test::Equal(operand()?),
            CompareOp::Ne => Test::NotEqual(operand()?),
            CompareOp::Lt => Test::Less(operand()?),
            CompareOp::Lte => Test::LessOrEqual(operand()?),
            CompareOp::Gt => Test::Greater(operand()?),
            CompareOp::Gte => Test::GreaterOrEqual(operand()?),
            CompareOp::In => {
                let values = compare.values.iter().map(|value| self::operand(field, value));
                Test::In(Operands::new(values.collect::<Result<_, _>>()?))
            }
            CompareOp::Contains => match operand()? {
                Operand::String(part) => {
                    let finder = Finder::new(&part).into_owned();
                    Test::ContainsText(Operand::String(part), finder)
                }
                operand => Test::Contains(operand),
            },
            CompareOp::Prefix => match compare.values.as_slice() {
                [
                    Value {
                        kind: Some(Kind::String(prefix)),
                    },
                ] => Test::Prefix(prefix.as_bytes().into()),
                _ => return Err(QueryError::PrefixNeedsString),
            },
            CompareOp::Exists => match compare.values.as_slice() {
                [
                    Value {
                        kind: Some(Kind::Bool(exists)),
                    },
                ] => Test::Exists(*exists),
                _ => return Err(QueryError::ExistsNeedsBool),
            },
        })
    }

    fn holds(&self, field: &FieldName, value: Option<View<'_>>, row: &StoredRow) -> bool {
        let range = |operand: &Operand, holds: fn(Ordering) -> bool| matches!(value, Some(View::Scalar(scalar)) if scalar.compare(operand.scalar()).is_some_and(holds));
        match self {
            Test::Equal(operand) => equals(field, value, row, operand),
            Test::NotEqual(operand) => !equals(field, value, row, operand),
            Test::Less(operand) => range(operand, Ordering::is_lt),
            Test::LessOrEqual(operand) => range(operand, Ordering::is_le),
            Test::Greater(operand) => range(operand, Ordering::is_gt),
            Test::GreaterOrEqual(operand) => range(operand, Ordering::is_ge),
            Test::In(operands) => {
                matches!(value, Some(View::Scalar(scalar)) if operands.has(scalar) && !is_cut(field, scalar, row))
            }
            Test::Contains(operand) => has(field, value, row, operand),
            Test::ContainsText(operand, finder) => match value {
                Some(View::Scalar(Scalar::String(text))) => finder.find(text).is_some(),
                _ => has(field, value, row, operand),
            },
            Test::Prefix(prefix) => {
                matches!(value, Some(View::Scalar(Scalar::String(text))) if text.starts_with(prefix))
            }
            Test::Exists(exists) => value.is_some() == *exists,
        }
    }
}

fn equals(field: &FieldName, value: Option<View<'_>>, row: &StoredRow, operand: &Operand) -> bool {
    matches!(value, Some(View::Scalar(scalar)) if equal(scalar, operand) && !is_cut(field, scalar, row))
}

/// Whether the value is a list with the operand in it.
fn has(field: &FieldName, value: Option<View<'_>>, row: &StoredRow, operand: &Operand) -> bool {
    let Some(View::List(mut items)) = value else {
        return false;
    };
    items.any(|item| equal(item, operand) && !is_cut(field, item, row))
}

fn is_cut(field: &FieldName, scalar: Scalar<'_>, row: &StoredRow) -> bool {
    match scalar {
        Scalar::String(bytes) | Scalar::Bytes(bytes) => may_be_cut(bytes.len()) && field.is_cut(row),
        _ => false,
    }
}

fn operand(field: &FieldName, value: &Value) -> Result<Operand, QueryError> {
    Ok(match value.kind.as_ref().ok_or(QueryError::UnknownValue)? {
        Kind::Null(_) => Operand::Null,
        Kind::Bool(value) => Operand::Bool(*value),
        Kind::Int(value) | Kind::TimestampMs(value) | Kind::Counter(value) => Operand::Int(*value),
        Kind::Double(value) => Operand::Double(*value),
        Kind::String(text) if *field == FieldName::Id => {
            Operand::Bytes(document_id(text).ok_or(QueryError::NoDocumentId)?.into())
        }
        Kind::String(text) => Operand::String(text.as_bytes().into()),
        Kind::Bytes(bytes) => Operand::Bytes(bytes.as_slice().into()),
        Kind::List(_) | Kind::Map(_) => return Err(QueryError::NotAScalar),
    })
}

/// Reads a document id in the facade's text form: 26 characters of Crockford's base32, lower case, the first worth three bits.
fn document_id(text: &str) -> Option<DocId> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    if text.len() != 26 {
        return None;
    }
    let mut bits = 0_u128;
    for (at, character) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|letter| *letter == character)?;
        if at == 0 && digit > 7 {
            return None;
        }
        bits = bits << 5 | digit as u128;
    }
    Some(bits.to_be_bytes())
}
