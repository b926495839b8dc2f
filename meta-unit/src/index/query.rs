//! Queries: checked once, then evaluated over the rows as they are.

use std::cmp::Ordering;

use avatar_proto::{AppError, CompareOp, ErrorCode, Query};

use super::filter::{Condition, FieldName, MAX_COMPARES, MAX_DEPTH, MAX_VALUES};
use super::row::StoredRow;
use super::value::View;
use super::{Index, MAX_FIELDS};

/// Fields to order by, at most.
const MAX_ORDERS: usize = 16;

/// What is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No query in the request.
    #[error("the request has no query")]
    Missing,
    /// A filter of a kind that this build does not know, or none.
    #[error("a filter is empty, or of a kind that this build does not know")]
    UnknownFilter,
    /// An operator that this build does not know.
    #[error("unknown operator {0}")]
    UnknownOperator(i32),
    /// A value of a kind that this build does not know, or none.
    #[error("a value is empty, or of a kind that this build does not know")]
    UnknownValue,
    /// Lists and maps are not compared.
    #[error("a filter compares scalars, not lists or maps")]
    NotAScalar,
    /// The operator takes exactly one value.
    #[error("{} takes exactly one value", .0.as_str_name())]
    NeedsOneValue(CompareOp),
    /// The operator takes one string.
    #[error("a prefix is one string")]
    PrefixNeedsString,
    /// The operator takes one boolean.
    #[error("EXISTS takes one boolean")]
    ExistsNeedsBool,
    /// `id` is compared with document ids.
    #[error("the value for `id` is no document id")]
    NoDocumentId,
    /// Filters lie within filters too deep.
    #[error("filters lie more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Too many comparisons.
    #[error("more than {MAX_COMPARES} filters in one query")]
    TooManyCompares,
    /// Too many values.
    #[error("more than {MAX_VALUES} values in one query")]
    TooManyValues,
    /// Too many fields to order by.
    #[error("more than {MAX_ORDERS} fields to order by")]
    TooManyOrders,
    /// More fields selected than a row can have.
    #[error("more than {MAX_FIELDS} fields selected")]
    TooManySelected,
}

impl QueryError {
    /// What an application is told.
    pub fn to_app_error(self) -> AppError {
        let code = match self {
            QueryError::TooDeep
            | QueryError::TooManyCompares
            | QueryError::TooManyValues
            | QueryError::TooManyOrders
            | QueryError::TooManySelected => ErrorCode::Limit,
            QueryError::Missing
            | QueryError::UnknownFilter
            | QueryError::UnknownOperator(_)
            | QueryError::UnknownValue
            | QueryError::NotAScalar
            | QueryError::NeedsOneValue(_)
            | QueryError::PrefixNeedsString
            | QueryError::ExistsNeedsBool
            | QueryError::NoDocumentId => ErrorCode::InvalidArgument,
        };
        AppError {
            code: code.into(),
            message: format!("query: {self}"),
            retryable: false,
        }
    }
}

/// A query that has been checked.
#[derive(Clone, Debug)]
pub struct QueryPlan {
    type_name: Option<Box<str>>,
    condition: Option<Condition>,
    order: Order,
    limit: usize,
    offset: usize,
    /// Empty = all fields.
    pub(super) select: Vec<Box<[u8]>>,
}

/// The matching rows within offset and limit, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub places: Vec<u32>,
    /// Matching rows before limit and offset.
    pub total: usize,
}

impl QueryPlan {
    /// Checks a query.
    ///
    /// # Errors
    /// It has what this build does not know, makes no sense, or exceeds a limit.
    pub fn compile(query: Option<&Query>) -> Result<Self, QueryError> {
        let query = query.ok_or(QueryError::Missing)?;
        if query.select.len() > MAX_FIELDS {
            return Err(QueryError::TooManySelected);
        }
        Ok(Self {
            type_name: (!query.r#type.is_empty()).then(|| query.r#type.as_str().into()),
            condition: query.r#where.as_ref().map(Condition::compile).transpose()?,
            order: Order::compile(&query.order_by)?,
            limit: if query.limit == 0 {
                usize::MAX
            } else {
                query.limit as usize
            },
            offset: query.offset as usize,
            select: query.select.iter().map(|name| name.as_bytes().into()).collect(),
        })
    }

    /// The part of all matches, in order, that the query asks for.
    pub(super) fn window<'a>(&self, matches: &'a [u32]) -> &'a [u32] {
        let start = self.offset.min(matches.len());
        let end = start.saturating_add(self.limit).min(matches.len());
        &matches[start..end]
    }

    /// Asks the rows one by one.
    pub(super) fn matcher<'a>(&'a self, index: &'a Index) -> Matcher<'a> {
        let type_number = self.type_name.as_deref().map(|name| index.types.number(name));
        Matcher {
            index,
            type_number,
            condition: self.condition.as_ref(),
        }
    }

    /// Evaluates the query. Of what lies behind the limit nothing is sorted.
    pub(super) fn run(&self, index: &Index) -> Found {
        let end = self.offset.saturating_add(self.limit);
        let (mut places, total) = self.first(index, end);
        places.drain(..self.offset.min(places.len()));
        Found { places, total }
    }

    /// All matches in order, whatever offset and limit.
    pub(super) fn matches(&self, index: &Index) -> Vec<u32> {
        self.first(index, usize::MAX).0
    }

    /// The first `count` matches in order, and how many there are in all.
    fn first(&self, index: &Index, count: usize) -> (Vec<u32>, usize) {
        let matcher = self.matcher(index);
        let mut total = 0;
        let mut top = Top::new(&self.order, index, count);
        for (place, row) in index.rows() {
            if matcher.holds(row) {
                total += 1;
                top.offer(place, row);
            }
        }
        (top.finish(), total)
    }

    /// The order of two rows; equal only for one and the same.
    pub(super) fn compare(&self, index: &Index, a: &StoredRow, b: &StoredRow) -> Ordering {
        self.order.compare(index, a, b)
    }
}

/// Tells whether rows match.
pub(super) struct Matcher<'a> {
    index: &'a Index,
    /// Some(None) = no document has the type.
    type_number: Option<Option<u32>>,
    condition: Option<&'a Condition>,
}

impl Matcher<'_> {
    pub fn holds(&self, row: &StoredRow) -> bool {
        self.type_number.is_none_or(|number| number == Some(row.type_number))
            && self.condition.is_none_or(|condition| condition.holds(self.index, row))
    }
}

/// The order of the result: field by field; rows that lack a field after those that have it, ascending or descending; in the end by id, so that pages join.
#[derive(Clone, Debug)]
struct Order(Vec<(FieldName, bool)>);

impl Order {
    fn compile(orders: &[avatar_proto::Order]) -> Result<Self, QueryError> {
        if orders.len() > MAX_ORDERS {
            return Err(QueryError::TooManyOrders);
        }
        Ok(Self(
            orders
                .iter()
                .map(|order| (FieldName::from(order.field.as_str()), order.descending))
                .collect(),
        ))
    }

    fn compare(&self, index: &Index, a: &StoredRow, b: &StoredRow) -> Ordering {
        self.0
            .iter()
            .map(|(field, descending)| compare_values(field.of(index, a), field.of(index, b), *descending))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.id.cmp(&b.id))
    }

    fn candidate<'a>(&self, index: &'a Index, place: u32, row: &'a StoredRow) -> Candidate<'a> {
        let (value, rank) = match self.0.first() {
            None => (None, u128::from_be_bytes(row.id)),
            Some((field, descending)) => match field.of(index, row) {
                None => (None, u128::MAX),
                Some(value) => (Some(value), if *descending { !value.rank() } else { value.rank() }),
            },
        };
        Candidate {
            rank,
            value,
            place,
            row,
        }
    }

    fn compare_candidates(&self, index: &Index, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        a.rank.cmp(&b.rank).then_with(|| {
            // Often the one field decides, and its value is at hand.
            let first = self
                .0
                .first()
                .map(|(_, descending)| compare_values(a.value, b.value, *descending));
            match first {
                Some(order) if order.is_ne() => order,
                _ if self.0.len() <= 1 => a.row.id.cmp(&b.row.id),
                _ => self.compare(index, a.row, b.row),
            }
        })
    }
}

fn compare_values(a: Option<View<'_>>, b: Option<View<'_>>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.order(a),
        (Some(a), Some(b)) => a.order(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// A matching row on its way into the order. Nearly all comparisons end at the rank.
struct Candidate<'a> {
    /// Of the first field to order by.
    rank: u128,
    value: Option<View<'a>>,
    place: u32,
    row: &'a StoredRow,
}

/// Keeps the first `count` of what it is offered: it gathers twice as many, drops the latter half, and from then on refuses what is behind the last kept. So the
/// cost is linear in the rows, and the memory does not grow with them.
struct Top<'a> {
    order: &'a Order,
    index: &'a Index,
    count: usize,
    candidates: Vec<Candidate<'a>>,
    /// Once there are `count`: nothing that ranks behind this is among the first.
    last_rank: u128,
}

impl<'a> Top<'a> {
    fn new(order: &'a Order, index: &'a Index, count: usize) -> Self {
        Self {
            order,
            index,
            count,
            candidates: Vec::new(),
            last_rank: u128::MAX,
        }
    }

    fn offer(&mut self, place: u32, row: &'a StoredRow) {
        let candidate = self.order.candidate(self.index, place, row);
        if candidate.rank > self.last_rank || self.count == 0 {
            return;
        }
        self.candidates.push(candidate);
        if self.candidates.len() >= self.count.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let (_, last, _) = self
            .candidates
            .select_nth_unstable_by(self.count - 1, |a, b| self.order.compare_candidates(self.index, a, b));
        self.last_rank = last.rank;
        self.candidates.truncate(self.count);
    }

    fn finish(mut self) -> Vec<u32> {
        if self.candidates.len() > self.count {
            self.cut();
        }
        self.candidates
            .sort_unstable_by(|a, b| self.order.compare_candidates(self.index, a, b));
        self.candidates.into_iter().map(|candidate| candidate.place).collect()
    }
}
