//! The Meta Unit itself: start-up, the way of each request to its domain, and its end.

mod responder;
mod services;

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::{AppError, ErrorCode, GuestHello, Limits, Message, Request};

use crate::platform::{Level, Platform};

pub use responder::{Responder, app_error};

use services::Services;

/// Takes requests once it has started, or once it is known that it cannot start.
pub struct Node {
    platform: Rc<dyn Platform>,
    allow_test_requests: bool,
    state: RefCell<State>,
}

enum State {
    Starting,
    Up(Rc<Services>),
    /// What every request is answered.
    Failed(AppError),
}

impl Node {
    /// Begins to start. The host is told the end of it by the answer to request 0: a GuestHello, whose `error` is set if the node cannot start.
    pub fn start(platform: Rc<dyn Platform>, allow_test_requests: bool) -> Rc<Self> {
        let node = Rc::new(Self {
            platform: Rc::clone(&platform),
            allow_test_requests,
            state: RefCell::new(State::Starting),
        });
        platform.spawn({
            let node = Rc::clone(&node);
            Box::pin(async move { node.finish_start().await })
        });
        node
    }

    async fn finish_start(&self) {
        let mut hello = GuestHello {
            abi_minor: avatar_proto::ABI_MINOR.into(),
            limits: Some(Limits {
                max_buffer_bytes: avatar_proto::DEFAULT_MAX_BUFFER_BYTES,
                max_inflight: avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS,
                max_streams: avatar_proto::DEFAULT_MAX_STREAMS,
            }),
            ..GuestHello::default()
        };
        match Services::start(&self.platform).await {
            Ok(services) => {
                hello.storage_schema = services.storage_schema();
                hello.did = services.did().to_owned();
                self.state.replace(State::Up(services));
            }
            Err(error) => {
                self.platform
                    .log(Level::Error, &format!("the Meta Unit cannot start: {}", error.message));
                hello.error = Some(error.clone());
                self.state.replace(State::Failed(error));
            }
        }
        if let Err(status) = self.platform.respond(0, false, &hello.encode_to_vec()) {
            self.platform
                .log(Level::Error, &format!("the host refused the greeting: {status:?}"));
        }
    }

    /// Whether [`handle`](Self::handle) may be called.
    pub fn takes_requests(&self) -> bool {
        !matches!(*self.state.borrow(), State::Starting)
    }

    /// Answers a request, or hands it to a task that will.
    pub fn handle(&self, responder: Responder, bytes: &[u8]) {
        let services = match &*self.state.borrow() {
            State::Up(services) => Rc::clone(services),
            State::Failed(error) => return responder.fail(error.clone()),
            State::Starting => return responder.fail(app_error(ErrorCode::Internal, "the Meta Unit has not started")),
        };
        match Request::decode(bytes) {
            Err(error) => responder.fail(app_error(ErrorCode::Malformed, &error.to_string())),
            Ok(Request { request: None }) => {
                responder.fail(app_error(
                    ErrorCode::UnknownRequest,
                    "this build does not know the request",
                ));
            }
            Ok(Request {
                request: Some(Ask::TestTrap(_)),
            }) if self.allow_test_requests => trap(),
            Ok(Request {
                request: Some(Ask::TestTrap(_)),
            }) => {
                responder.fail(app_error(ErrorCode::Denied, "the host does not allow test requests"));
            }
            Ok(Request { request: Some(request) }) => services.dispatch(request, responder),
        }
    }

    /// To be called once at the end of each turn: what is told once a turn is told now.
    pub fn end_of_turn(&self) {
        if let Some(services) = self.services() {
            services.end_of_turn();
        }
    }

    /// Resolves when all that was taken is durable, or cannot be, and the next start will be fast.
    pub async fn finish(&self) {
        if let Some(services) = self.services() {
            services.finish().await;
        }
    }

    fn services(&self) -> Option<Rc<Services>> {
        match &*self.state.borrow() {
            State::Up(services) => Some(Rc::clone(services)),
            State::Starting | State::Failed(_) => None,
        }
    }
}

/// Kills the instance, as a bug would: hosts are tested with it.
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("a test asked for a trap");
}
