//! `conformance.wasm`: a module of Avatar ABI v1 (`proto/ABI.md`) that tests the host which runs it.
//!
//! A Request is a line of UTF-8 that names a check, with its arguments: `random 65537`. The Response has the head `Done` and, as its body, the verdict:
//! `pass`, `fail: why` or `skip: why`. The table of checks is in [`checks`]; `tests/conformance/README.md` says who asks for them and when.
//!
//! Some breaches cannot be provoked, only noticed (an export called from inside an import, a buffer given twice). They are noted by the [`monitor`] wherever they
//! happen, and are the verdict of the request `monitor H5`.

mod checks;
mod exports;
mod guest;
mod imports;
mod ledger;
mod monitor;
mod operations;
mod runtime;
mod streams;
mod verdict;
