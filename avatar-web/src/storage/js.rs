//! A store that the embedder gives as a JavaScript object: the folder store of Node.
//!
//! The TypeScript view of it is `JsStorage` (see [`crate`]). What an implementation must keep:
//!
//! - **Atomic.** All operations of a batch are applied, or none and the promise rejects. A process killed at any moment leaves one or the other.
//! - **In order.** Batches take effect in the order of the calls of `batch`; the host does not wait for one promise before the next call.
//! - **Reads see the writes** that stand before them in the batch, and none that stand behind.
//! - **Order of keys**: bytewise, a prefix before what it begins.
//! - **`limit`** counts entries (0 = no limit). **`maxBytes`** bounds the sum of the values of one scan (never 0 here): the entry that would exceed it is not
//!   given, except when it is the first. `more` tells that something was left out.
//! - **`"strict"`** resolves when the bytes are on the medium (fsync), `"relaxed"` when they survive the death of the process.
//! - The arrays of the operations belong to the store from the call on; the arrays it answers with belong to the host.
//! - After `close()` resolves, nothing of the store is touched any more.
