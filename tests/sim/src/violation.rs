//! A broken promise.

/// What was promised, and what happened instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {detail} (unit {unit}, at {at_us} µs)")]
pub struct Violation {
    /// In simulated microseconds since the beginning of the run.
    pub at_us: u64,
    /// The number of the unit.
    pub unit: usize,
    /// The promise, as a sentence.
    pub promise: &'static str,
    /// What happened.
    pub detail: String,
}

/// A broken promise, before it is known when and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise, as a sentence.
    pub promise: &'static str,
    /// What happened.
    pub detail: String,
}

impl Broken {
    /// The promise is broken.
    pub fn new(promise: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { promise, detail }
    }

    /// When and where.
    pub fn at(self, at_us: u64, unit: usize) -> Violation {
        let Self { promise, detail } = self;
        Violation {
            at_us,
            unit,
            promise,
            detail,
        }
    }
}

/// Checks a promise.
///
/// # Errors
/// It is broken; `detail` says how.
pub fn hold(kept: bool, promise: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if kept {
        Ok(())
    } else {
        Err(Broken::new(promise, detail()))
    }
}
