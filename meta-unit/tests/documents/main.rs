//! What documents promise, through the whole Meta Unit: requests in, responses out, and storage that fails and dies in between.

mod client;
mod conflicts;
mod durability;
mod editing;
mod properties;
