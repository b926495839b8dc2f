//! A person's devices: they find each other, prove who they are, and stay in step.
//!
//! - [`host`]: the host's libp2p as it tells of itself. [`address`]: multiaddrs.
//! - [`coordination`]: being reachable by relays, finding the other devices, dialling them, and finding better ways to them.
//! - [`framed`], [`greeting`]: whole messages on a stream, and the proof at its beginning. [`session`], [`exchange`]: what is said behind it.
//! - [`joining`]: how a new device becomes one of the person's.
//! - [`diagnosis`]: how things are, and why, in plain words.
//!
//! What the messages are, and all that is checked of them without knowing anything of this node, is the crate `avatar-peers`.

mod address;
mod coordination;
mod diagnosis;
mod exchange;
mod framed;
mod greeting;
mod host;
mod joining;
mod session;
mod told;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use avatar_peers::handshake::ContactKey;
use avatar_peers::message::{MAX_PRESENCE_BYTES, Message, Presence};
use avatar_proto::event::Event as Tell;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::{AppError, Done, Durability, ErrorCode, Event, PresenceChanged, PresenceSet, Response};
use avatar_vault::device_log::{Log, PublicKey};
use futures_util::future::select;

use crate::data::{keys, records};
use crate::documents::Documents;
use crate::identity::Identity;
use crate::index::DocId;
use crate::node::{Responder, app_error};
use crate::platform::{Batch, Level, LocalBoxFuture, Platform, PlatformError};
use crate::runtime::Signal;
use crate::vault::Vault;

pub use host::Host;

use coordination::RelayState;
use joining::Invited;
use session::{Session, SessionEvents};

/// What devices of one person speak.
const PROTOCOL: &str = "/dao/avatar/peers/1";

/// What a new device speaks first.
const LINK_PROTOCOL: &str = "/dao/avatar/link/1";

/// So many things of a moment are kept of all devices, at most.
const MAX_PRESENCES: usize = 1_024;

/// Clients hear of changes at most so often, and of figures.
const TELL_US: u64 = 100_000;
const TELL_FIGURES_US: u64 = 2_000_000;

/// What is done when the identity is another one, or its log is.
type IdentityChanged = Box<dyn Fn()>;

/// See the module's documentation.
pub struct Peers {
    platform: Rc<dyn Platform>,
    host: Rc<Host>,
    documents: Rc<Documents>,
    identity: Rc<Identity>,
    vault: Rc<Vault>,
    identity_changed: RefCell<Option<IdentityChanged>>,
    /// What the devices of the identity with this key share.
    contact: RefCell<Option<(PublicKey, Rc<ContactKey>)>>,
    /// The log of devices as the sessions know it.
    told_log: RefCell<Vec<u8>>,
    /// Whether the person wants it; None before it was read.
    is_on: Cell<Option<bool>>,
    is_running: Cell<bool>,
    sessions: RefCell<Vec<Rc<Session>>>,
    relays: RefCell<Vec<RelayState>>,
    dialling: RefCell<Vec<Vec<u8>>>,
    /// Who has broken the protocol, and until when nothing is heard of them.
    shunned: RefCell<HashMap<Vec<u8>, u64>>,
    /// Why there is no direct way to a device, by peer.
    detours: RefCell<HashMap<Vec<u8>, String>>,
    invitation: RefCell<Option<Rc<Invited>>>,
    /// Who joins now.
    is_joining: Cell<bool>,
    /// What this device says of this moment, and what the others do.
    own_presence: RefCell<HashMap<DocId, Vec<u8>>>,
    presences: RefCell<HashSet<(PublicKey, DocId)>>,
    news: Rc<Signal>,
    /// Something that clients are told is another than before.
    changed: Rc<Signal>,
    /// Others are to be looked for now.
    look: Rc<Signal>,
    /// This device is to be found at another place.
    places: Rc<Signal>,
    /// The last session with a peer has ended.
    lost: Rc<Signal>,
    stopped: Rc<Signal>,
}

impl Peers {
    /// Nothing is asked of the host before there are relays and the person wants it.
    pub fn new(
        platform: &Rc<dyn Platform>,
        host: &Rc<Host>,
        documents: &Rc<Documents>,
        identity: &Rc<Identity>,
        vault: &Rc<Vault>,
    ) -> Rc<Self> {
        Rc::new(Self {
            platform: Rc::clone(platform),
            host: Rc::clone(host),
            documents: Rc::clone(documents),
            identity: Rc::clone(identity),
            vault: Rc::clone(vault),
            identity_changed: RefCell::default(),
            contact: RefCell::default(),
            told_log: RefCell::default(),
            is_on: Cell::new(None),
            is_running: Cell::new(false),
            sessions: RefCell::default(),
            relays: RefCell::default(),
            dialling: RefCell::default(),
            shunned: RefCell::default(),
            detours: RefCell::default(),
            invitation: RefCell::default(),
            is_joining: Cell::new(false),
            own_presence: RefCell::default(),
            presences: RefCell::default(),
            news: Rc::default(),
            changed: Rc::default(),
            look: Rc::default(),
            places: Rc::default(),
            lost: Rc::default(),
            stopped: Rc::default(),
        })
    }

    /// What is done when this changes the identity or its log: to be set once, before anything else.
    pub fn on_identity_changed(&self, changed: IdentityChanged) {
        self.identity_changed.replace(Some(changed));
    }

    /// Goes on where there was a network before the node was locked.
    pub fn resume(self: &Rc<Self>) {
        if self.host.relays().is_empty() {
            return;
        }
        let this = Rc::clone(self);
        self.platform.spawn(Box::pin(async move {
            if let Err(error) = this.start_if_wanted().await {
                this.platform
                    .log(Level::Warn, &format!("whether to connect is not known: {error}"));
            }
        }));
    }

    /// Ends everything: the node is being locked, or shuts down, or the person wants it no more.
    pub fn stop(&self) {
        for session in self.sessions.take() {
            session.end("this device stops");
        }
        self.invitation.take();
        self.stopped.raise();
        if self.is_running.replace(false) {
            let leaving = coordination::leave(self);
            self.platform.spawn(Box::pin(leaving));
        }
    }

    /// The identity is another one, or its log is.
    pub fn identity_replaced(&self) {
        let identity = self.identity.public_key();
        let is_other = self.contact.borrow().as_ref().is_some_and(|(of, _)| *of != identity);
        let log = self.identity.log();
        let encoded = log.encode();
        if self.told_log.replace(encoded.clone()) == encoded {
            return;
        }
        let state = log.state();
        for session in self.sessions.borrow().iter() {
            if is_other || !state.is_active(&session.device) {
                session.end("the device is none of this person's any more");
            } else {
                session.say(Message::Devices(encoded.clone()));
            }
        }
        if is_other {
            self.places.raise();
            self.look.raise();
        }
        self.changed.raise();
    }

    /// What the person's devices share.
    fn contact(&self) -> Rc<ContactKey> {
        let identity = self.identity.public_key();
        let mut contact = self.contact.borrow_mut();
        match &*contact {
            Some((of, key)) if *of == identity => Rc::clone(key),
            _ => {
                let key = Rc::new(self.identity.contact_key());
                *contact = Some((identity, Rc::clone(&key)));
                key
            }
        }
    }

    /// Whether this device is one of the person's, and not removed.
    fn is_active(&self) -> bool {
        let device = self.identity.device().public_key();
        self.identity.log().state().is_active(&device)
    }

    fn tell_identity_changed(&self) {
        if let Some(changed) = &*self.identity_changed.borrow() {
            changed();
        }
    }

    /// Answers a request. None: it is none of these.
    pub fn answer(self: &Rc<Self>, request: Ask, responder: Responder) -> Option<(Ask, Responder)> {
        match request {
            Ask::PeersGet(_) | Ask::PeersConfigure(_) => {
                let this = Rc::clone(self);
                if matches!(request, Ask::PeersConfigure(_)) {
                    // Somebody is there, or has come back to the network.
                    self.look.raise();
                }
                self.platform.spawn(Box::pin(async move {
                    match this.start_if_wanted().await {
                        Ok(()) => responder.finish(told::response(&this)),
                        Err(error) => responder.fail(error.to_app_error()),
                    }
                }));
            }
            Ask::PeersConnect(connect) => {
                let this = Rc::clone(self);
                self.platform.spawn(Box::pin(async move {
                    match this.turn(connect.on).await {
                        Ok(()) => responder.finish(told::response(&this)),
                        Err(error) => responder.fail(error.to_app_error()),
                    }
                }));
            }
            Ask::DeviceInvite(_) => joining::invite(self, responder),
            Ask::DeviceInviteCancel(_) => {
                self.invitation.take();
                self.changed.raise();
                responder.finish(told::response(self));
            }
            Ask::DeviceJoin(join) => joining::join(self, join, responder),
            Ask::PresenceSet(presence) => match self.set_presence(presence) {
                Ok(()) => responder.finish(Response {
                    response: Some(Answer::Done(Done {})),
                }),
                Err(error) => responder.fail(error),
            },
            Ask::PeersDiagnose(_) => responder.finish(diagnosis::response(self)),
            request => return Some((request, responder)),
        }
        None
    }

    /// Connects if there are relays and the person wants it.
    async fn start_if_wanted(self: &Rc<Self>) -> Result<(), PlatformError> {
        if self.is_on.get().is_none() {
            let mut batch = Batch::new(Durability::Relaxed);
            batch.get(keys::secret(keys::PEERS));
            let reply = batch.run(&*self.platform).await?;
            let is_on = reply.value(0).and_then(|record| records::open(record).ok()) == Some(&[1]);
            self.is_on.set(Some(self.is_on.get().unwrap_or(is_on)));
        }
        if self.is_on.get() == Some(true) && !self.host.relays().is_empty() {
            self.run();
        }
        Ok(())
    }

    /// The person wants it, or does not any more.
    async fn turn(self: &Rc<Self>, on: bool) -> Result<(), PlatformError> {
        let mut batch = Batch::new(Durability::Relaxed);
        batch.put(keys::secret(keys::PEERS), &records::seal(&[u8::from(on)]));
        batch.run(&*self.platform).await?;
        self.is_on.set(Some(on));
        if on {
            self.start_if_wanted().await?;
        } else {
            self.stop();
            // Those who tell of changes have ended with everything else.
            told::tell(self);
        }
        self.changed.raise();
        Ok(())
    }

    /// Connects, whether or not it is kept for the next start.
    fn run(self: &Rc<Self>) {
        if self.is_running.replace(true) {
            return;
        }
        self.host.start();
        self.documents.note_news(&self.news);
        self.spawn(coordination::run(Rc::clone(self)));
        let this = Rc::clone(self);
        self.spawn(async move {
            let mut seen = this.news.count();
            loop {
                seen = this.news.after(seen).await;
                let (news, is_storage_failing) = this.documents.take_news();
                for session in this.sessions.borrow().iter() {
                    session.news(&news);
                    if is_storage_failing {
                        // The next one finds out what is missing.
                        session.end("what came could not be stored");
                    }
                }
            }
        });
        self.spawn(told::run(Rc::clone(self)));
    }

    /// Runs a task until everything is stopped.
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let stopped = self.stopped.after(self.stopped.count());
        let task: LocalBoxFuture<()> = Box::pin(task);
        self.platform.spawn(Box::pin(async move {
            select(task, stopped).await;
        }));
    }

    fn set_presence(&self, presence: PresenceSet) -> Result<(), AppError> {
        let document: DocId = presence
            .document_id
            .try_into()
            .map_err(|_| app_error(ErrorCode::InvalidArgument, "a document id has 16 bytes"))?;
        let data = presence.data;
        if data.len() > MAX_PRESENCE_BYTES {
            return Err(app_error(
                ErrorCode::Limit,
                "what is said of a moment has at most 4 KiB",
            ));
        }
        let mut own = self.own_presence.borrow_mut();
        if data.is_empty() {
            own.remove(&document);
        } else if own.len() < MAX_PRESENCES || own.contains_key(&document) {
            own.insert(document, data.clone());
        }
        for session in self.sessions.borrow().iter() {
            session.say(Message::Presence(Presence {
                document,
                data: data.clone(),
            }));
        }
        Ok(())
    }

    fn emit_presence(&self, device: &PublicKey, document: &DocId, data: Vec<u8>) {
        self.platform.emit(Event {
            event: Some(Tell::PresenceChanged(PresenceChanged {
                document_id: document.to_vec(),
                device: device.to_vec(),
                data,
            })),
        });
    }

    /// The session with a device is over; whether it was the last one with it.
    fn forget_session(&self, session: &Rc<Session>) {
        self.sessions.borrow_mut().retain(|known| !Rc::ptr_eq(known, session));
        let device = session.device;
        if self.session_with(&device).is_none() {
            let gone: Vec<DocId> = self
                .presences
                .borrow_mut()
                .extract_if(|(of, _)| *of == device)
                .map(|(_, document)| document)
                .collect();
            for document in gone {
                self.emit_presence(&device, &document, Vec::new());
            }
        }
        self.changed.raise();
    }

    /// The session with a device that a new message would go by.
    fn session_with(&self, device: &PublicKey) -> Option<Rc<Session>> {
        let sessions = self.sessions.borrow();
        sessions.iter().rev().find(|session| session.device == *device).cloned()
    }
}

/// What sessions hand on.
struct Events(Rc<Peers>);

impl SessionEvents for Events {
    fn devices(&self, log: &[u8]) {
        let Ok(log) = Log::decode(log) else { return };
        let peers = Rc::clone(&self.0);
        self.0.platform.spawn(Box::pin(async move {
            peers.merge_log(&log).await;
        }));
    }

    fn presence(&self, session: &Session, presence: Presence) {
        let Presence { document, data } = presence;
        let mut known = self.0.presences.borrow_mut();
        let place = (session.device, document);
        if data.is_empty() {
            known.remove(&place);
        } else if known.len() < MAX_PRESENCES {
            known.insert(place);
        } else if !known.contains(&place) {
            return;
        }
        drop(known);
        self.0.emit_presence(&session.device, &document, data);
    }

    fn progressed(&self) {
        self.0.changed.raise();
    }
}

impl Peers {
    /// Takes in what another device knows more of the person's devices.
    async fn merge_log(&self, log: &Log) {
        // One of another account, or a full store: the log stays as it is, and the next session brings it again.
        if let Ok(true) = self.identity.merge_log(log).await {
            self.tell_identity_changed();
        }
    }
}
