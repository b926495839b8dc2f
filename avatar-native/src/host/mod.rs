//! A host: one Meta Unit, its storage and its clients, from start to close, over any number of instances.

mod actor;
mod calls;
mod clients;
mod ops;
mod streams;
mod supervise;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use avatar_proto::{ErrorCode, HostReady};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::boundary::Limits;
use crate::error::HostError;
use crate::folder::Folder;
use crate::keys::Keys;
use crate::module::MetaUnit;
use crate::net::{self, Net};
use crate::p2p::{self, P2p};
use crate::storage::Storage;
use crate::wire::{MAX_CLIENT_BATCH_BYTES, Message};
use actor::Actor;
use calls::ClientId;
use clients::Outbox;
use ops::OpEvent;

/// What [`Host::start`] is given.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Meta Unit.
    pub unit: MetaUnit,
    /// The node's folder; made if there is none.
    pub folder: PathBuf,
    /// What the Meta Unit may use.
    pub limits: Limits,
    /// What it may reach.
    pub net: net::Rules,
    /// How it reaches peers; `None` = it does not.
    pub p2p: Option<p2p::Config>,
    /// Accept test-only requests.
    pub test_requests: bool,
    /// Where to record every boundary call.
    pub record: Option<PathBuf>,
}

impl Options {
    /// A node in this folder, with the defaults.
    pub fn new(unit: MetaUnit, folder: impl Into<PathBuf>) -> Self {
        Self {
            unit,
            folder: folder.into(),
            limits: Limits::default(),
            net: net::Rules::default(),
            p2p: Some(p2p::Config::default()),
            test_requests: false,
            record: None,
        }
    }
}

/// Where a host stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The first instance has not greeted yet.
    Starting,
    /// An instance runs, or a new one starts after a crash.
    Up(HostReady),
    /// It cannot go on.
    Failed(HostError),
    /// Everything is durable and released.
    Closed,
}

/// What reaches the thread of the instance.
enum Input {
    Attach(ClientId, Outbox),
    Message(ClientId, Message, OwnedSemaphorePermit),
    Detach(ClientId),
    Op {
        generation: u64,
        event: OpEvent,
    },
    /// Peers may have done something.
    Peers,
    Close(oneshot::Sender<()>),
}

/// One Meta Unit with its storage and clients. It works on a thread of its own; dropping the last handle of it closes it.
pub struct Host {
    inputs: Sender<Input>,
    standing: watch::Receiver<Standing>,
    listens: Vec<String>,
    next_client: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Opens the folder and starts the Meta Unit; resolves when it has greeted. Net requests and connections with peers run on the runtime that this is called in.
    pub async fn start(options: Options) -> Result<Self, HostError> {
        let folder = Folder::open(&options.folder)?;
        let storage = Storage::open(&folder.database())?;
        let keys = Keys::open(folder.keys())?;
        let net = Net::new(options.net.clone())?;
        let (inputs, received) = std::sync::mpsc::channel();
        let p2p = match &options.p2p {
            None => None,
            Some(config) => {
                let inputs = inputs.clone();
                let ring = move || {
                    // Nobody listens any more when the host is closed.
                    let _ = inputs.send(Input::Peers);
                };
                Some(P2p::open(config, folder.transport_key(), ring).await?)
            }
        };
        let listens = p2p.as_ref().map_or_else(Vec::new, |p2p| p2p.listens().to_vec());
        let (tell, standing) = watch::channel(Standing::Starting);
        let thread = std::thread::Builder::new()
            .name("avatar-instance".into())
            .stack_size(4 * crate::module::MAX_WASM_STACK_BYTES)
            .spawn({
                let inputs = inputs.clone();
                move || {
                    let parts = actor::Parts {
                        folder,
                        storage,
                        keys,
                        net,
                        p2p,
                    };
                    match Actor::new(options, parts, inputs, tell.clone()) {
                        Ok(actor) => actor.run(&received),
                        Err(error) => {
                            tell.send_replace(Standing::Failed(error));
                        }
                    }
                }
            })
            .map_err(|error| HostError::io("a thread for the instance", &error))?;
        let mut host = Self {
            inputs,
            standing,
            listens,
            next_client: AtomicU64::new(1),
            thread: Some(thread),
        };
        let up = host
            .standing
            .wait_for(|standing| *standing != Standing::Starting)
            .await
            .map(|standing| standing.clone());
        match up {
            Ok(Standing::Failed(error)) => {
                host.close().await;
                Err(error)
            }
            Ok(Standing::Closed) => Err(HostError::app(ErrorCode::Closed, "closed while it started")),
            Ok(_) => Ok(host),
            Err(_) => Err(HostError::app(
                ErrorCode::Internal,
                "the thread of the instance is gone",
            )),
        }
    }

    /// Where it stands, and how that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Where peers can reach it, as far as its options said where to listen: multiaddrs with its peer id.
    pub fn listens(&self) -> &[String] {
        &self.listens
    }

    /// A channel to it, as a MessagePort is to the browser's host.
    pub fn attach(&self) -> Connection {
        let client = self.next_client.fetch_add(1, Ordering::Relaxed);
        let (messages, incoming) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let outbox = Outbox {
            messages,
            waiting: waiting.clone(),
        };
        // A host that is gone has dropped the other end: the connection sees its end at once.
        let _ = self.inputs.send(Input::Attach(client, outbox));
        Connection {
            outgoing: Outgoing {
                client,
                inputs: self.inputs.clone(),
                room: Arc::new(Semaphore::new(MAX_CLIENT_BATCH_BYTES)),
            },
            incoming: Incoming {
                messages: incoming,
                waiting,
            },
        }
    }

    /// Makes everything durable, shuts the Meta Unit down, lets go of the folder.
    pub async fn close(mut self) {
        let (tell, told) = oneshot::channel();
        if self.inputs.send(Input::Close(tell)).is_ok() {
            // An error says the same: it is gone.
            let _ = told.await;
        }
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the thread of the instance panicked");
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let (tell, _) = oneshot::channel();
        let _ = self.inputs.send(Input::Close(tell));
    }
}

/// A client's channel to a host of this process: two directions, for two tasks. Dropping the outgoing one detaches the client.
pub struct Connection {
    /// To the host.
    pub outgoing: Outgoing,
    /// From the host.
    pub incoming: Incoming,
}

/// The way to the host.
pub struct Outgoing {
    client: ClientId,
    inputs: Sender<Input>,
    room: Arc<Semaphore>,
}

impl Outgoing {
    /// Sends a message; waits while what was sent before has not been taken. `false` when the host is gone.
    pub async fn send(&self, message: Message) -> bool {
        let size = message.len().clamp(1, MAX_CLIENT_BATCH_BYTES) as u32;
        let Ok(permit) = self.room.clone().acquire_many_owned(size).await else {
            return false;
        };
        self.inputs.send(Input::Message(self.client, message, permit)).is_ok()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Detach(self.client));
    }
}

/// The way from the host.
pub struct Incoming {
    messages: UnboundedReceiver<Message>,
    waiting: Arc<AtomicUsize>,
}

impl Incoming {
    /// The next message; `None` when the host has let go of this client.
    pub async fn recv(&mut self) -> Option<Message> {
        let message = self.messages.recv().await?;
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}
