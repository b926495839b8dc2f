//! The Meta Unit itself: start-up, the way of each request to its domain, locking and unlocking, and its end.

mod owner;
mod responder;
mod restore;
mod services;
mod wallet;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use avatar_proto::request::Request as Ask;
use avatar_proto::{AppError, ErrorCode, GuestHello, IdentityState, IdentityUnlock, Limits, Message, Request};
use avatar_vault::words::RecoveryWords;
use futures_util::future::{Either, FutureExt as _, join, ready, select};

use crate::data::schema;
use crate::identity;
use crate::peers::Host;
use crate::platform::{Level, Platform};
use crate::runtime::Requests;
use crate::vault::{Sealed, Vault, VaultError};

pub use responder::{Responder, app_error};

use services::{Services, Stored};

/// Takes requests once it has started, or once it is known that it cannot start.
pub struct Node {
    platform: Rc<dyn Platform>,
    requests: Rc<Requests>,
    allow_test_requests: bool,
    state: RefCell<State>,
    host: Rc<Host>,
    /// It is being locked or unlocked: requests wait for the end of that.
    switching: Cell<bool>,
    /// When somebody last asked for more than how things are. Microseconds, monotonic.
    last_asked_us: Cell<u64>,
    /// Counts the watches over that: the last one counts.
    idle_watch: Cell<u64>,
}

enum State {
    Starting,
    Up(Rc<Services>),
    Locked(Locked),
    /// What every request is answered.
    Failed(AppError),
}

/// What is known of a node that is locked.
#[derive(Clone)]
struct Locked {
    vault: Rc<Vault>,
    /// In words.
    reason: &'static str,
}

impl Node {
    /// Begins to start. The host is told the end of it by the answer to request 0: a GuestHello, whose `error` is set if the node cannot start.
    pub fn start(platform: Rc<dyn Platform>, requests: Rc<Requests>, allow_test_requests: bool) -> Rc<Self> {
        let node = Rc::new(Self {
            platform: Rc::clone(&platform),
            requests,
            allow_test_requests,
            state: RefCell::new(State::Starting),
            host: Host::new(&platform),
            switching: Cell::new(false),
            last_asked_us: Cell::new(platform.monotonic_us()),
            idle_watch: Cell::new(0),
        });
        platform.spawn({
            let node = Rc::clone(&node);
            Box::pin(async move { node.finish_start().await })
        });
        node
    }

    async fn finish_start(self: &Rc<Self>) {
        let mut hello = GuestHello {
            abi_minor: avatar_proto::ABI_MINOR.into(),
            limits: Some(Limits {
                max_buffer_bytes: avatar_proto::DEFAULT_MAX_BUFFER_BYTES,
                max_inflight: avatar_proto::DEFAULT_MAX_INFLIGHT_REQUESTS,
                max_streams: avatar_proto::DEFAULT_MAX_STREAMS,
            }),
            storage_schema: schema::CURRENT,
            ..GuestHello::default()
        };
        match self.open().await {
            Ok(state) => {
                hello.did = match &state {
                    State::Up(services) => services.identity().did(),
                    State::Locked(locked) => locked.vault.did(),
                    State::Starting | State::Failed(_) => String::new(),
                };
                self.state.replace(state);
                self.lock_when_idle();
            }
            Err(error) => {
                self.platform
                    .log(Level::Error, &format!("the Meta Unit cannot start: {}", error.message));
                hello.storage_schema = 0;
                hello.error = Some(error.clone());
                self.state.replace(State::Failed(error));
            }
        }
        if let Err(status) = self.platform.respond(0, false, &hello.encode_to_vec()) {
            self.platform
                .log(Level::Error, &format!("the host refused the greeting: {status:?}"));
        }
    }

    async fn open(&self) -> Result<State, AppError> {
        if let Some(state) = self.open_store().await? {
            return Ok(state);
        }
        schema::open(&self.platform)
            .await
            .map_err(|error| error.to_app_error())?;
        let vault = Vault::load(&self.platform).await;
        if vault.map_err(|error| error.to_app_error())?.is_none() {
            let words = RecoveryWords::generate(&mut |out| self.platform.random(out));
            let created = identity::create(&self.platform, &words, None).await;
            let (sealed, vault) = created.map_err(|error| error.to_app_error())?;
            let stored = Stored::read(&sealed).await?;
            return Ok(State::Up(
                Services::start(sealed, Rc::new(vault), stored, &self.host).await?,
            ));
        }
        let opened = self.open_store().await?;
        opened.ok_or_else(|| app_error(ErrorCode::Corrupt, "the store changed while it was opened"))
    }

    /// Opens a store of the current schema; None where there is none. All that a start needs is asked for at once, before there is a key to read it with: it waits for
    /// storage and for the platform's key together. Without a key it waits for nothing else.
    async fn open_store(&self) -> Result<Option<State>, AppError> {
        let sealed = Sealed::awaiting_key(Rc::clone(&self.platform));
        let (key, stored) = (pin!(self.open_vault(&sealed)), pin!(Stored::read(&sealed)));
        let (opened, stored) = match select(key, stored).await {
            Either::Left((opened, stored)) => (opened?, stored.left_future()),
            Either::Right((stored, key)) => (key.await?, ready(stored).right_future()),
        };
        let Some((vault, opened)) = opened else { return Ok(None) };
        let vault = Rc::new(vault);
        Ok(Some(match opened {
            Ok(()) => State::Up(Services::start(Rc::clone(&sealed), vault, stored.await?, &self.host).await?),
            Err(reason) => State::Locked(Locked { vault, reason }),
        }))
    }

    async fn open_vault(&self, sealed: &Sealed) -> Result<Option<(Vault, Result<(), &'static str>)>, AppError> {
        let (is_current, vault) = join(schema::is_current(&*self.platform), Vault::load(&self.platform)).await;
        if !is_current.map_err(|error| error.to_app_error())? {
            return Ok(None);
        }
        let Some(vault) = vault.map_err(|error| error.to_app_error())? else {
            return Ok(None);
        };
        let opened = vault.open_with_platform(sealed).await;
        Ok(Some((vault, opened.map_err(|error| error.to_app_error())?)))
    }

    /// Whether [`handle`](Self::handle) may be called.
    pub fn takes_requests(&self) -> bool {
        !self.switching.get() && !matches!(*self.state.borrow(), State::Starting)
    }

    /// Answers a request, or hands it to a task that will.
    pub fn handle(self: &Rc<Self>, responder: Responder, bytes: &[u8]) {
        let request = match Request::decode(bytes) {
            Err(error) => return responder.fail(app_error(ErrorCode::Malformed, &error.to_string())),
            Ok(Request { request: None }) => {
                return responder.fail(app_error(
                    ErrorCode::UnknownRequest,
                    "this build does not know the request",
                ));
            }
            Ok(Request { request: Some(request) }) => request,
        };
        if !matches!(request, Ask::StatusGet(_) | Ask::IdentityGet(_)) {
            self.last_asked_us.set(self.platform.monotonic_us());
        }
        if let Ask::PeersConfigure(configure) = &request {
            // Also while it is locked: they count from the unlocking on.
            self.host.configure(&configure.relays);
        }
        match (&*self.state.borrow(), request) {
            (State::Failed(error), _) => responder.fail(error.clone()),
            (State::Starting, _) => responder.fail(app_error(ErrorCode::Internal, "the Meta Unit has not started")),
            (_, Ask::TestTrap(_)) if self.allow_test_requests => trap(),
            (_, Ask::TestTrap(_)) => {
                responder.fail(app_error(ErrorCode::Denied, "the host does not allow test requests"));
            }
            (State::Locked(locked), Ask::IdentityUnlock(unlock)) => self.unlock(locked.clone(), unlock, responder),
            (State::Locked(locked), Ask::IdentityGet(_) | Ask::IdentityLock(_)) => {
                responder.finish(owner::response(owner::locked_state(locked)));
            }
            (State::Locked(_), _) => responder.fail(locked()),
            (State::Up(services), Ask::IdentityLock(_)) => self.lock(Rc::clone(services), Some(responder)),
            (State::Up(services), Ask::IdentityLockAfter(after)) => {
                self.lock_after(Rc::clone(services), after.seconds, responder);
            }
            (State::Up(services), request) if restore::takes(&request) => {
                let (this, services) = (Rc::clone(self), Rc::clone(services));
                self.platform.spawn(Box::pin(async move {
                    restore::answer(&this, &services, request, responder).await
                }));
            }
            (State::Up(services), request) => services.dispatch(request, responder),
        }
    }

    /// Opens the data with a secret of the owner.
    fn unlock(self: &Rc<Self>, locked: Locked, unlock: IdentityUnlock, responder: Responder) {
        let switching = self.switching();
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            let secret = unlock.secret.unwrap_or_default();
            let opened = match locked.vault.unlock(&secret).await {
                Ok(sealed) => this.come_up(sealed, locked.vault).await,
                Err(error) => Err(error.to_app_error()),
            };
            drop(switching);
            match opened {
                Ok(services) => {
                    let state = owner::state(&services);
                    owner::tell(&*this.platform, state.clone());
                    responder.finish(owner::response(state));
                    this.lock_when_idle();
                }
                Err(error) => responder.fail(error),
            }
        }));
    }

    async fn come_up(&self, sealed: Rc<Sealed>, vault: Rc<Vault>) -> Result<Rc<Services>, AppError> {
        let stored = Stored::read(&sealed).await?;
        let services = Services::start(sealed, vault, stored, &self.host).await?;
        self.state.replace(State::Up(Rc::clone(&services)));
        Ok(services)
    }

    /// Forgets the data key, and everything that was read with it.
    fn lock(self: &Rc<Self>, services: Rc<Services>, responder: Option<Responder>) {
        let switching = self.switching();
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            let locked = this.forget(&services, responder.as_ref().map(Responder::id)).await;
            drop(switching);
            match (locked, responder) {
                (Ok(state), Some(responder)) => responder.finish(owner::response(state)),
                (Err(error), Some(responder)) => responder.fail(error.to_app_error()),
                (Err(error), None) => this.platform.log(Level::Warn, &format!("the node stays open: {error}")),
                (Ok(_), None) => {}
            }
        }));
    }

    /// `own`: the request that asks for it.
    async fn forget(&self, services: &Rc<Services>, own: Option<u64>) -> Result<IdentityState, VaultError> {
        // First what is on the medium: if that fails, nothing is forgotten.
        services.vault().lock().await?;
        services.finish().await;
        let locked = Locked {
            vault: Rc::clone(services.vault()),
            reason: "it was locked",
        };
        let state = owner::locked_state(&locked);
        self.state.replace(State::Locked(locked));
        services.sealed().lock();
        owner::tell(&*self.platform, state.clone());
        self.end_others(own);
        Ok(state)
    }

    /// Ends all requests in flight but this one: clients begin again what they still want when they hear of the identity. Those that are not taken up yet, too.
    fn end_others(&self, own: Option<u64>) {
        for request in self.requests.all() {
            if Some(request.id()) != own {
                let platform = Rc::clone(&self.platform);
                Responder::new(request, Rc::clone(&self.requests), platform).fail(locked());
            }
        }
    }

    /// Requests wait until this is dropped.
    fn switching(self: &Rc<Self>) -> Switching {
        self.switching.set(true);
        Switching(Rc::clone(self))
    }

    fn lock_after(self: &Rc<Self>, services: Rc<Services>, seconds: u32, responder: Responder) {
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            match services.vault().lock_after(seconds).await {
                Ok(()) => {
                    this.lock_when_idle();
                    owner::changed(&services, responder);
                }
                Err(error) => responder.fail(error.to_app_error()),
            }
        }));
    }

    /// Locks when nobody has asked anything for as long as the owner said. To be called when that may be another time than before.
    fn lock_when_idle(self: &Rc<Self>) {
        let watch = self.idle_watch.get() + 1;
        self.idle_watch.set(watch);
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            loop {
                let Some(services) = this.services().filter(|_| this.idle_watch.get() == watch) else {
                    return;
                };
                let after_us = u64::from(services.vault().record().lock_after_seconds) * 1_000_000;
                let idle_us = this.platform.monotonic_us().saturating_sub(this.last_asked_us.get());
                if after_us == 0 {
                    return;
                }
                if idle_us >= after_us && !this.switching.get() {
                    return this.lock(services, None);
                }
                drop(services);
                this.platform.sleep((after_us.saturating_sub(idle_us)).max(1_000)).await;
            }
        }));
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
            State::Starting | State::Locked(_) | State::Failed(_) => None,
        }
    }
}

/// The node is being locked or unlocked, or gets another content.
struct Switching(Rc<Node>);

impl Drop for Switching {
    fn drop(&mut self) {
        self.0.switching.set(false);
    }
}

/// What every request is answered while the node is locked.
fn locked() -> AppError {
    app_error(ErrorCode::Locked, "the node is locked")
}

/// Kills the instance, as a bug would: hosts are tested with it.
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("a test asked for a trap");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::TestPlatform;

    #[test]
    fn a_start_asks_for_all_it_needs_before_it_has_any_of_it() {
        let platform = TestPlatform::new(1);
        let start = |platform: &TestPlatform| Node::start(platform.handle(), Rc::new(Requests::new(10)), false);
        let first = start(&platform);
        platform.run_until_idle();
        assert!(first.takes_requests());
        let next = platform.restarted();
        next.hold_storage(true);
        let second = start(&next);
        next.run_until_idle();
        // The version, what opens the data, the secrets, the index, the deleted documents.
        assert_eq!(next.waiting_batches(), 5);
        next.hold_storage(false);
        next.run_until_idle();
        assert!(second.services().is_some());
    }

    #[test]
    fn a_start_that_ends_locked_waits_for_nothing_that_it_cannot_open() {
        let platform = TestPlatform::new(1);
        let start = |platform: &TestPlatform| Node::start(platform.handle(), Rc::new(Requests::new(10)), false);
        drop(start(&platform));
        platform.run_until_idle();
        let next = platform.restarted();
        next.lose_keys();
        next.hold_storage(true);
        let node = start(&next);
        next.run_until_idle();
        while !node.takes_requests() {
            assert!(next.release_one_batch(), "it waits for something else");
            next.run_until_idle();
        }
        assert!(matches!(*node.state.borrow(), State::Locked(_)));
        assert_eq!(
            next.waiting_batches(),
            3,
            "the secrets, the index and the deleted documents were asked for"
        );
    }
}
