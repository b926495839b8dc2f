//! The domains of a node that is up.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, Done, ErrorCode, Response, StatusResult};

use futures_util::future::join;

use super::{Responder, app_error, owner, restore, wallet};
use crate::backup::Readings;
use crate::credentials::Credentials;
use crate::data::schema;
use crate::documents::Documents;
use crate::identity::Identity;
use crate::index::live::{self, LiveQueries};
use crate::index::maintenance::{self, Loaded, Segments};
use crate::index::{DocId, Index};
use crate::peers::{Host, Peers};
use crate::platform::{Level, Platform, PlatformError};
use crate::vault::{Sealed, Vault};

/// What answers requests.
pub struct Services {
    platform: Rc<dyn Platform>,
    vault: Rc<Vault>,
    sealed: Rc<Sealed>,
    identity: Rc<Identity>,
    credentials: Rc<Credentials>,
    index: Rc<RefCell<Index>>,
    segments: Rc<RefCell<Segments>>,
    live: RefCell<LiveQueries>,
    documents: Rc<Documents>,
    backups: RefCell<Readings>,
    peers: Rc<Peers>,
    index_rebuilds: Cell<u32>,
}

/// What a start reads.
pub struct Stored {
    identity: Identity,
    index: Loaded,
    tombstones: HashSet<DocId>,
}

impl Stored {
    /// Reads all of it at once.
    ///
    /// # Errors
    /// What every request is answered from then on.
    pub async fn read(sealed: &Rc<Sealed>) -> Result<Self, AppError> {
        let platform: &Rc<dyn Platform> = &(Rc::clone(sealed) as Rc<dyn Platform>);
        let documents = || join(maintenance::load(platform), Documents::tombstones(&**platform));
        let (identity, (mut index, mut tombstones)) = join(Identity::open(sealed), documents()).await;
        let identity = identity.map_err(|error| error.to_app_error())?;
        if identity.is_restoring() {
            restore::clean_up(sealed).await.map_err(|error| error.to_app_error())?;
            (index, tombstones) = documents().await;
        }
        Ok(Self {
            identity,
            index: index.map_err(|error| error.to_app_error())?,
            tombstones: tombstones.map_err(|error| error.to_app_error())?,
        })
    }
}

impl Services {
    /// The domains with what was read from the sealed storage.
    ///
    /// # Errors
    /// What every request is answered from then on.
    pub async fn start(
        sealed: Rc<Sealed>,
        vault: Rc<Vault>,
        stored: Stored,
        host: &Rc<Host>,
    ) -> Result<Rc<Self>, AppError> {
        let platform: &Rc<dyn Platform> = &(Rc::clone(&sealed) as Rc<dyn Platform>);
        let identity = Rc::new(stored.identity);
        let (index, damage) = match stored.index.index {
            Ok(index) => (index, None),
            Err(damage) => (Index::new(), Some(damage)),
        };
        let index = Rc::new(RefCell::new(index));
        let segments = stored.index.segments;
        let documents = Documents::new(
            Rc::clone(platform),
            Rc::clone(&index),
            Rc::clone(&segments),
            stored.tombstones,
            identity.did(),
        );
        let peers = Peers::new(platform, host, &documents, &identity, &vault);
        let services = Self {
            platform: Rc::clone(platform),
            vault,
            sealed: Rc::clone(&sealed),
            credentials: Credentials::new(&sealed, &identity),
            identity,
            index,
            segments,
            live: RefCell::default(),
            documents,
            backups: RefCell::default(),
            peers,
            index_rebuilds: Cell::new(0),
        };
        if let Some(damage) = damage {
            platform.log(Level::Warn, &format!("the index is made again: {damage}"));
            services.rebuild_index().await.map_err(|error| error.to_app_error())?;
        }
        let services = Rc::new(services);
        let changed = Rc::downgrade(&services);
        services.peers.on_identity_changed(Box::new(move || {
            if let Some(services) = changed.upgrade() {
                services.identity_replaced();
                owner::tell(&*services.platform, owner::state(&services));
            }
        }));
        services.peers.resume();
        Ok(services)
    }

    /// What opens the data.
    pub fn vault(&self) -> &Rc<Vault> {
        &self.vault
    }

    /// Storage.
    pub fn sealed(&self) -> &Rc<Sealed> {
        &self.sealed
    }

    /// The owner.
    pub fn identity(&self) -> &Rc<Identity> {
        &self.identity
    }

    /// Credentials.
    pub fn credentials(&self) -> &Rc<Credentials> {
        &self.credentials
    }

    /// Backups that are being read.
    pub fn backups(&self) -> &RefCell<Readings> {
        &self.backups
    }

    /// The identity is another one than before, or its log of devices is.
    pub fn identity_replaced(&self) {
        self.documents.set_owner(self.identity.did());
        self.peers.identity_replaced();
    }

    /// Whether there is any document.
    pub fn has_documents(&self) -> bool {
        !self.index.borrow().is_empty()
    }

    /// Hands a request to its domain.
    pub fn dispatch(self: &Rc<Self>, request: Ask, responder: Responder) {
        let Some((request, responder)) = self.peers.answer(request, responder) else {
            return;
        };
        match request {
            Ask::DocCreate(create) => self.documents.create(create, responder),
            Ask::DocOpen(open) => self.documents.open(open, responder),
            Ask::DocChange(change) => self.documents.change(change, responder),
            Ask::DocDelete(delete) => self.documents.delete(delete, responder),
            Ask::DocHistory(history) => self.documents.history(history, responder),
            Ask::DocAt(at) => self.documents.at(at, responder),
            Ask::QueryRun(run) => live::run(&self.index.borrow(), run.query.as_ref(), responder),
            Ask::QuerySubscribe(subscribe) => {
                self.live
                    .borrow_mut()
                    .subscribe(&mut self.index.borrow_mut(), &subscribe, responder);
            }
            Ask::StatusGet(_) => responder.finish(Response {
                response: Some(Answer::Status(self.status())),
            }),
            Ask::IndexRebuild(_) => {
                let this = Rc::clone(self);
                self.platform.spawn(Box::pin(async move {
                    this.documents.flush().await;
                    answer(
                        responder,
                        this.rebuild_index().await.map_err(|error| error.to_app_error()),
                    );
                }));
            }
            Ask::Compact(_) => {
                let this = Rc::clone(self);
                self.platform.spawn(Box::pin(async move {
                    if let Err(error) = this.documents.compact_all().await {
                        return responder.fail(error.to_app_error());
                    }
                    if !this.documents.quiet().await {
                        // The index is ahead of what is stored.
                        return responder.fail(unstored());
                    }
                    let index = Rc::clone(&this.index);
                    let rewritten = maintenance::rewrite(&this.platform, &index.borrow(), &this.segments);
                    answer(responder, rewritten.await.map_err(|error| error.to_app_error()));
                }));
            }
            Ask::TestTrap(_) => responder.fail(app_error(ErrorCode::Denied, "the host does not allow test requests")),
            request => {
                let this = Rc::clone(self);
                self.platform.spawn(Box::pin(async move {
                    match wallet::answer(&this.credentials, request).await {
                        Ok(Ok(response)) => responder.finish(response),
                        Ok(Err(error)) => responder.fail(error),
                        Err(request) => owner::answer(&this, request, responder).await,
                    }
                }));
            }
        }
    }

    /// Tells live queries what changed.
    pub fn end_of_turn(&self) {
        self.live.borrow_mut().flush(&mut self.index.borrow_mut());
    }

    /// Resolves when all that was taken is durable, or cannot be, and the next start will be fast.
    pub async fn finish(&self) {
        self.peers.stop();
        self.documents.finish().await;
    }

    async fn rebuild_index(&self) -> Result<(), PlatformError> {
        let rebuilt = self.documents.rebuild_index().await?;
        self.index.borrow_mut().replace(rebuilt);
        self.index_rebuilds.set(self.index_rebuilds.get() + 1);
        let rewritten = maintenance::rewrite(&self.platform, &self.index.borrow(), &self.segments);
        self.documents.remove_rows_of_deleted();
        rewritten.await
    }

    fn status(&self) -> StatusResult {
        let figures = self.documents.figures();
        StatusResult {
            did: self.identity.did(),
            storage_schema: schema::CURRENT,
            documents: self.index.borrow().len() as u32,
            corrupt_documents: figures.corrupt as u32,
            loaded_documents: figures.loaded as u32,
            document_loads: figures.loads,
            index_segments: self.segments.borrow().len() as u32,
            memory_bytes: memory_bytes(),
            pending_writes: figures.pending_writes as u32,
            views: figures.views as u32,
            live_queries: self.live.borrow().len() as u32,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            index_rebuilds: self.index_rebuilds.get(),
        }
    }
}

fn unstored() -> AppError {
    AppError {
        code: ErrorCode::StorageIo.into(),
        message: "the last changes could not be stored".to_owned(),
        retryable: true,
    }
}

fn answer(responder: Responder, result: Result<(), AppError>) {
    match result {
        Ok(()) => responder.finish(Response {
            response: Some(Answer::Done(Done {})),
        }),
        Err(error) => responder.fail(error),
    }
}

/// Size of the linear memory; 0 where there is none.
fn memory_bytes() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0) as u64 * 65_536;
    #[cfg(not(target_arch = "wasm32"))]
    0
}
