//! What one verification has at its disposal.

use crate::budget::Budget;
use crate::host::Fetch;
use crate::once::Once;
use crate::verify::VerifyOptions;

/// Everything that is looked at in one call shares this: the credentials of a presentation, their proofs, their issuers and their status lists.
pub(crate) struct Session<'a> {
    pub(crate) options: &'a VerifyOptions,
    pub(crate) fetch: Once<'a>,
    pub(crate) budget: Budget,
}

impl<'a> Session<'a> {
    pub(crate) fn new(options: &'a VerifyOptions, fetch: &'a dyn Fetch) -> Self {
        Self {
            options,
            fetch: Once::new(fetch),
            budget: Budget::default(),
        }
    }
}
