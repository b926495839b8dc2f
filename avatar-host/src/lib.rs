//! What every Avatar decides in the same way, whatever it runs on. No engine, no operating system, no dependency.

pub mod address;
pub mod http;

pub use address::{Address, Denied, Rules};
