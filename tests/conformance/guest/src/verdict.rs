//! What a check says about the host.

/// Why a check did not pass.
#[derive(Debug)]
pub enum Problem {
    /// The host breaks the contract; the words say how.
    Fail(String),
    /// There is nothing to check on this host; the words say why.
    Skip(String),
}

/// What a check ends with.
pub type Verdict = Result<(), Problem>;

/// The host breaks the contract.
pub fn fail<T>(words: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Fail(words.into()))
}

/// There is nothing to check on this host.
pub fn skip<T>(words: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Skip(words.into()))
}

/// `words` are only made when the claim is false.
pub fn require(claim: bool, words: impl FnOnce() -> String) -> Verdict {
    if claim { Ok(()) } else { fail(words()) }
}

/// The verdict as the body of a Response.
pub fn text(verdict: &Verdict) -> String {
    match verdict {
        Ok(()) => "pass".to_owned(),
        Err(Problem::Fail(words)) => format!("fail: {words}"),
        Err(Problem::Skip(words)) => format!("skip: {words}"),
    }
}
