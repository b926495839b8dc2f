//! The network as one verification sees it: each document once, and not too many.

use std::cell::RefCell;

use crate::host::{Fetch, FetchError, LocalBoxFuture};

/// Documents that one call fetches: identifiers and status lists. Each tells a server that somebody looks.
const MAX_FETCHED: usize = 32;

type Answer = Result<Vec<u8>, FetchError>;

/// Remembers what was fetched.
pub(crate) struct Once<'a> {
    fetch: &'a dyn Fetch,
    known: RefCell<Vec<(String, Answer)>>,
}

impl<'a> Once<'a> {
    pub(crate) fn new(fetch: &'a dyn Fetch) -> Self {
        Self {
            fetch,
            known: RefCell::default(),
        }
    }
}

impl Fetch for Once<'_> {
    fn get<'a>(&'a self, url: &'a str, max_bytes: usize) -> LocalBoxFuture<'a, Answer> {
        Box::pin(async move {
            if let Some((_, known)) = self.known.borrow().iter().find(|(known, _)| known == url) {
                return known.clone();
            }
            if self.known.borrow().len() >= MAX_FETCHED {
                return Err(FetchError::TooMany(MAX_FETCHED));
            }
            let answer = self.fetch.get(url, max_bytes).await;
            self.known.borrow_mut().push((url.to_owned(), answer.clone()));
            answer
        })
    }
}
