//! The Meta Unit itself: start-up, dispatch, answers.

mod responder;
