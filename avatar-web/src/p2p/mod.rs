//! `avatar_p2p` over the module `avatar_p2p_bg.wasm` (ABI.md H24 to H29), which is loaded when the first command comes and not before.
//!
//! One swarm serves one host, over any number of instances: a crash ends the instance's streams, and no connection. The guest sees of the transport key the peer id.

mod js;
mod secret;
mod session;

use std::cell::RefCell;
use std::rc::Rc;

use avatar_proto::{AbiStatus, OpError, OpErrorCode};
use futures_channel::oneshot;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use zeroize::Zeroizing;

pub use js::JsP2p;
pub use session::{P2pEvents, Session};

use crate::error::describe;
use crate::storage::Backend;
use js::JsSwarm;
use secret::SecretPlace;

/// The libp2p of one host.
pub struct P2p {
    module: JsP2p,
    secret: SecretPlace,
    agent: &'static str,
    state: RefCell<State>,
}

enum State {
    /// Nobody wanted a peer yet, or loading failed.
    Absent,
    /// On its way. Who waits for it is told.
    Loading(Vec<oneshot::Sender<Loaded>>),
    Running(Rc<JsSwarm>),
    Closed,
}

type Loaded = Result<Rc<JsSwarm>, P2pError>;

/// Why there is no libp2p.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct P2pError {
    status: AbiStatus,
    code: OpErrorCode,
    message: String,
}

impl P2pError {
    fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message }
    }

    fn closed() -> Self {
        Self::new(AbiStatus::Closed, OpErrorCode::Cancelled, "the host is closed")
    }

    /// The status and the head of a completion.
    pub fn into_completion(self) -> (AbiStatus, OpError) {
        let (code, message) = (self.code.into(), self.message);
        (self.status, OpError { code, message })
    }
}

impl P2p {
    /// For a host over this backend, which keeps the transport key. `agent` is what peers are told of the host.
    pub fn new(module: JsP2p, backend: &dyn Backend, agent: &'static str) -> Rc<Self> {
        Rc::new(Self {
            module,
            secret: SecretPlace::beside(backend),
            agent,
            state: RefCell::new(State::Absent),
        })
    }

    /// The swarm, if it runs already.
    fn running(&self) -> Option<Rc<JsSwarm>> {
        match &*self.state.borrow() {
            State::Running(swarm) => Some(swarm.clone()),
            _ => None,
        }
    }

    /// The swarm, started if it is not yet. A failure is not remembered: the next who asks tries again.
    async fn swarm(self: Rc<Self>) -> Loaded {
        let (tell, told) = oneshot::channel();
        let first = match &mut *self.state.borrow_mut() {
            State::Running(swarm) => return Ok(swarm.clone()),
            State::Closed => return Err(P2pError::closed()),
            State::Loading(waiting) => {
                waiting.push(tell);
                false
            }
            absent @ State::Absent => {
                *absent = State::Loading(vec![tell]);
                true
            }
        };
        if first {
            let p2p = self.clone();
            spawn_local(async move {
                let loaded = p2p.load().await;
                p2p.loaded(loaded);
            });
        }
        told.await.unwrap_or_else(|_| Err(P2pError::closed()))
    }

    async fn load(&self) -> Loaded {
        let failed = |words: String| P2pError::new(AbiStatus::Io, OpErrorCode::Network, words);
        let secret = Zeroizing::new(self.secret.get().await?);
        let module = JsFuture::from(self.module.load())
            .await
            .map_err(|error| failed(format!("libp2p could not be loaded: {}", describe(&error))))?;
        let swarm = js::start(&module, &secret, self.agent)
            .map_err(|error| failed(format!("libp2p did not start: {}", describe(&error))))?;
        Ok(Rc::new(swarm))
    }

    fn loaded(&self, loaded: Loaded) {
        let next = match &loaded {
            Ok(swarm) => State::Running(swarm.clone()),
            Err(_) => State::Absent,
        };
        match self.state.replace(next) {
            State::Loading(waiting) => {
                for tell in waiting {
                    let _ = tell.send(loaded.clone());
                }
            }
            // Closed meanwhile.
            state => {
                self.state.replace(state);
                if let Ok(swarm) = loaded {
                    swarm.close();
                }
            }
        }
    }

    /// Ends the swarm for good.
    pub fn close(&self) {
        match self.state.replace(State::Closed) {
            State::Running(swarm) => swarm.close(),
            State::Loading(waiting) => {
                for tell in waiting {
                    let _ = tell.send(Err(P2pError::closed()));
                }
            }
            State::Absent | State::Closed => {}
        }
    }
}
