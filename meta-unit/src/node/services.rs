//! The domains of a node that is up.

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, ErrorCode, Response, StatusResult};

use super::{Responder, app_error};
use crate::identity::{Custody, SoftCustody};
use crate::index::Index;
use crate::index::live::{self, LiveQueries};
use crate::platform::Platform;

/// What answers requests.
pub struct Services {
    custody: SoftCustody,
    index: Rc<RefCell<Index>>,
    live: RefCell<LiveQueries>,
}

impl Services {
    /// Opens storage, the identity and the index.
    pub async fn start(platform: &Rc<dyn Platform>) -> Result<Self, AppError> {
        let custody = SoftCustody::open(platform.as_ref())
            .await
            .map_err(|error| error.to_app_error())?;
        let index = Rc::new(RefCell::new(Index::new()));
        Ok(Self {
            custody,
            index,
            live: RefCell::default(),
        })
    }

    /// Version of the storage schema in use.
    pub fn storage_schema(&self) -> u32 {
        0
    }

    /// The owner.
    pub fn did(&self) -> &str {
        self.custody.did()
    }

    /// Hands a request to its domain.
    pub fn dispatch(&self, request: Ask, responder: Responder) {
        match request {
            Ask::QueryRun(run) => live::run(&self.index.borrow(), run.query.as_ref(), responder),
            Ask::QuerySubscribe(subscribe) => {
                self.live
                    .borrow_mut()
                    .subscribe(&mut self.index.borrow_mut(), &subscribe, responder);
            }
            Ask::StatusGet(_) => responder.finish(Response {
                response: Some(Answer::Status(self.status())),
            }),
            _ => responder.fail(app_error(ErrorCode::Unsupported, "documents come next")),
        }
    }

    /// Tells live queries what changed.
    pub fn end_of_turn(&self) {
        self.live.borrow_mut().flush(&mut self.index.borrow_mut());
    }

    /// Resolves when all that was taken is durable, or cannot be.
    pub async fn flush(&self) {}

    fn status(&self) -> StatusResult {
        StatusResult {
            did: self.did().to_owned(),
            storage_schema: self.storage_schema(),
            documents: self.index.borrow().len() as u32,
            memory_bytes: memory_bytes(),
            live_queries: self.live.borrow().len() as u32,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..StatusResult::default()
        }
    }
}

/// Size of the linear memory; 0 where there is none.
fn memory_bytes() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) as u64 * 65_536;
    #[cfg(not(target_arch = "wasm32"))]
    0
}
