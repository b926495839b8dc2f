//! The Meta Unit itself: start-up, dispatch, answers.

mod responder;

pub use responder::{Responder, app_error};
