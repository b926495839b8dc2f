//! The answers to one request.

use std::rc::Rc;

use avatar_proto::response::Response as Answer;
use avatar_proto::{AbiStatus, AppError, ErrorCode, Message, Response};

use crate::platform::{Level, Platform};
use crate::runtime::{Cancelled, Request, Requests};

/// Gives the answers to one request: any number of them, and exactly one last. A request that was cancelled has had its last answer:
/// whatever a domain still says is dropped.
///
/// A responder that is dropped without a last answer gives `INTERNAL`, so that no client waits for ever.
pub struct Responder {
    request: Rc<Request>,
    requests: Rc<Requests>,
    platform: Rc<dyn Platform>,
}

impl Responder {
    /// The way back for `request`.
    pub fn new(request: Rc<Request>, requests: Rc<Requests>, platform: Rc<dyn Platform>) -> Self {
        Self {
            request,
            requests,
            platform,
        }
    }

    /// The request's number.
    pub fn id(&self) -> u64 {
        self.request.id()
    }

    /// An answer, after which more follow.
    pub fn more(&self, response: Response) {
        if !self.request.has_ended() {
            self.more_encoded(&response.encode_to_vec());
        }
    }

    /// An answer that is an encoded `Response` already, after which more follow.
    pub fn more_encoded(&self, response: &[u8]) {
        if !self.request.has_ended() {
            self.send(true, response);
        }
    }

    /// The last answer.
    pub fn finish(self, response: Response) {
        self.end(&response.encode_to_vec());
    }

    /// The last answer is an encoded `Response` already.
    pub fn finish_encoded(self, response: &[u8]) {
        self.end(response);
    }

    /// The last answer is an error.
    pub fn fail(self, error: AppError) {
        self.end(&encoded_error(error));
    }

    /// Whether nobody waits for answers any more.
    pub fn is_cancelled(&self) -> bool {
        self.request.has_ended()
    }

    /// Resolves when nobody waits for answers any more. The future does not borrow the responder.
    pub fn cancelled(&self) -> Cancelled {
        self.request.ended()
    }

    fn end(&self, response: &[u8]) {
        if self.requests.end(&self.request) {
            self.send(false, response);
        }
    }

    fn send(&self, more: bool, response: &[u8]) {
        let id = self.request.id();
        let mut sent = self.platform.respond(id, more, response);
        if sent == Err(AbiStatus::Limit) {
            // The client must learn that something is missing, and that nothing more comes.
            self.requests.end(&self.request);
            let error = app_error(ErrorCode::Limit, "an answer is larger than the host takes");
            sent = self.platform.respond(id, false, &encoded_error(error));
        }
        if let Err(status) = sent {
            self.platform
                .log(Level::Error, &format!("the host refused an answer: {status:?}"));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.request.has_ended() {
            self.end(&encoded_error(app_error(
                ErrorCode::Internal,
                "the request was dropped",
            )));
        }
    }
}

fn encoded_error(error: AppError) -> Vec<u8> {
    Response {
        response: Some(Answer::Error(error)),
    }
    .encode_to_vec()
}

/// An application error that the same request would meet again.
pub fn app_error(code: ErrorCode, message: &str) -> AppError {
    AppError {
        code: code.into(),
        message: message.to_owned(),
        retryable: false,
    }
}
