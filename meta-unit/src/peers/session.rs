//! A conversation with another device of the person, from the moment when both have proved who they are: what differs is found and brought into step, and from then on each tells what is new.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use avatar_peers::message::{MAX_MESSAGE_BYTES, Message, Presence};
use avatar_peers::reconcile::Reconciler;
use avatar_vault::device_log::PublicKey;
use futures_util::future::{Either, FutureExt as _, select};

use super::exchange::{Endless, Exchange, Next, Progress};
use super::framed::{EndError, Framed};
use crate::documents::Documents;
use crate::documents::sync::{NotOpen, ReceiveError, Received};
use crate::index::DocId;
use crate::platform::Platform;
use crate::runtime::Signal;

/// After so long without a word, the other side is asked whether it is there.
const PING_US: u64 = 20_000_000;

/// After so long without a word, it is not.
const SILENCE_US: u64 = 50_000_000;

/// So many pings in [`PING_US`] are taken for some that a bad line has held up, and no more.
const MAX_PINGS: u32 = 16;

/// What a session hands on.
pub trait SessionEvents {
    /// The other device has another log of devices.
    fn devices(&self, log: &[u8]);
    /// The other device says something of this moment.
    fn presence(&self, session: &Session, presence: Presence);
    /// How far it is, is another than before.
    fn progressed(&self);
}

/// See the module's documentation.
pub struct Session {
    /// The other device's key.
    pub device: PublicKey,
    /// The multihash of its peer id.
    pub peer: Vec<u8>,
    /// Whether this side opened the stream.
    pub dialled: bool,
    /// The number of its connection, as far as it is known.
    pub connection: u64,
    documents: Rc<Documents>,
    exchange: RefCell<Exchange>,
    wake: Rc<Signal>,
    end: Rc<Signal>,
    end_reason: Cell<&'static str>,
    heard_us: Cell<u64>,
    /// Since when pings are counted, and how many have come.
    pings: Cell<(u64, u32)>,
    progress: Cell<Progress>,
}

impl Session {
    /// A session that has not begun.
    pub fn new(
        documents: &Rc<Documents>,
        device: PublicKey,
        peer: Vec<u8>,
        dialled: bool,
        connection: u64,
    ) -> Rc<Self> {
        Rc::new(Self {
            device,
            peer,
            dialled,
            connection,
            documents: Rc::clone(documents),
            exchange: RefCell::default(),
            wake: Rc::default(),
            end: Rc::default(),
            end_reason: Cell::new(""),
            heard_us: Cell::new(0),
            pings: Cell::new((0, 0)),
            progress: Cell::default(),
        })
    }

    /// Documents changed, were deleted or opened.
    pub fn news<'a>(&self, ids: impl IntoIterator<Item = &'a DocId>) {
        let mut exchange = self.exchange.borrow_mut();
        let mut has_room = true;
        for id in ids {
            if self.documents.is_deleted(id) {
                has_room &= exchange.deleted(*id);
            } else {
                exchange.news(*id);
            }
        }
        drop(exchange);
        if !has_room {
            self.end("the other side reads nothing");
        }
        self.wake.raise();
    }

    /// Says something.
    pub fn say(&self, message: Message) {
        if !self.exchange.borrow_mut().say(message) {
            self.end("the other side reads nothing");
        }
        self.wake.raise();
    }

    /// Ends it.
    pub fn end(&self, reason: &'static str) {
        self.end_reason.set(reason);
        self.end.raise();
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress.get()
    }

    /// Talks until one side ends it, or it breaks off.
    pub async fn run(&self, platform: &dyn Platform, framed: &Framed, events: &dyn SessionEvents) -> EndError {
        self.heard_us.set(platform.monotonic_us());
        // What is being written is in no row yet.
        self.documents.flush().await;
        let reconciler = Reconciler::new(self.documents.sync_items());
        self.exchange.borrow_mut().begin(reconciler, self.dialled);
        let reading = pin!(self.read(platform, framed, events));
        let writing = pin!(self.write(framed, events));
        let watching = pin!(self.watch(platform));
        let ending = async {
            self.end.after(0).await;
            EndError::Ended(self.end_reason.get())
        };
        let talking = select(reading, writing);
        let ending = pin!(ending);
        let others = select(watching, ending);
        let (end, _) = select(talking.map(first), others.map(first)).await.factor_first();
        end
    }

    /// Ends when the other side is gone, which streams do not always tell.
    async fn watch(&self, platform: &dyn Platform) -> EndError {
        loop {
            platform.sleep(PING_US).await;
            let silent_us = platform.monotonic_us().saturating_sub(self.heard_us.get());
            if silent_us >= SILENCE_US {
                return EndError::Silent;
            }
            if silent_us >= PING_US {
                self.say(Message::Ping);
            }
        }
    }

    async fn write(&self, framed: &Framed, events: &dyn SessionEvents) -> EndError {
        loop {
            let seen = self.wake.count();
            let next = self.exchange.borrow_mut().next(|id| self.documents.is_viewed(id));
            let sent = match next {
                Some(Next::Message(message)) => framed.send(&message.encode()).await,
                Some(Next::Documents(ids)) => self.tell(framed, ids).await,
                None => {
                    self.wake.after(seen).await;
                    Ok(())
                }
            };
            if let Err(end) = sent {
                return end;
            }
            self.note_progress(events);
        }
    }

    async fn tell(&self, framed: &Framed, ids: Vec<DocId>) -> Result<(), EndError> {
        self.documents.prepare(&ids).await;
        for id in ids {
            let mut told = self.message_about(&id);
            if told == Err(NotOpen) {
                // Others have pushed it out of memory.
                self.documents.prepare(&[id]).await;
                told = self.message_about(&id);
            }
            match told {
                Ok(Some(message)) => framed.send(&message.encode()).await?,
                Ok(None) => {}
                Err(NotOpen) => {
                    let gone = if self.documents.is_deleted(&id) {
                        Message::Deleted(vec![id])
                    } else {
                        Message::Unavailable(vec![id])
                    };
                    self.exchange.borrow_mut().settled(&id);
                    framed.send(&gone.encode()).await?;
                }
            }
        }
        Ok(())
    }

    fn message_about(&self, id: &DocId) -> Result<Option<Message>, NotOpen> {
        let mut exchange = self.exchange.borrow_mut();
        let message = self.documents.sync_message(id, exchange.state(*id))?;
        Ok(message.map(Message::Document))
    }

    async fn read(&self, platform: &dyn Platform, framed: &Framed, events: &dyn SessionEvents) -> EndError {
        loop {
            let message = match framed.expect(MAX_MESSAGE_BYTES).await {
                Ok(message) => message,
                Err(end) => return end,
            };
            self.heard_us.set(platform.monotonic_us());
            let Ok(message) = Message::decode(&message) else {
                return EndError::Hostile("what it says is no message");
            };
            if let Err(end) = self.take(message, events).await {
                return end;
            }
            self.note_progress(events);
        }
    }

    async fn take(&self, message: Message, events: &dyn SessionEvents) -> Result<(), EndError> {
        let is_deleted = |id: &DocId| self.documents.is_deleted(id);
        match message {
            Message::Reconcile(Some(message)) => {
                let taken = self.exchange.borrow_mut().reconcile(&message, is_deleted);
                taken.map_err(|_| EndError::Hostile("what it says of differences makes no sense"))?;
            }
            Message::Reconcile(None) => self.exchange.borrow_mut().reconciled(),
            Message::Coming(ids) => {
                if !self.exchange.borrow_mut().comes(ids) {
                    return Err(EndError::Hostile("it announces more documents than there can be"));
                }
            }
            Message::Wanted(ids) => {
                let has = |id: &DocId| self.documents.has(id);
                if !self.exchange.borrow_mut().wanted(ids, is_deleted, has) {
                    return Err(EndError::Hostile("it wants documents and reads no answer"));
                }
            }
            Message::Unavailable(ids) => ids.iter().for_each(|id| self.exchange.borrow_mut().settled(id)),
            Message::Deleted(ids) => {
                for id in ids {
                    self.exchange.borrow_mut().settled(&id);
                    self.documents.delete_by_peer(id);
                }
            }
            Message::Document(document) => {
                let (id, bytes) = (document.id, document.sync.len());
                if self.documents.prepare_to_receive(id).await.is_err() {
                    self.exchange.borrow_mut().settled(&id);
                    self.say(Message::Unavailable(vec![id]));
                    return Ok(());
                }
                let mut exchange = self.exchange.borrow_mut();
                let received = self.documents.receive(document, exchange.state(id));
                match received {
                    Ok(Received::Taken(taken)) => {
                        if taken.equal {
                            exchange.settled(&id);
                        }
                        exchange.touch(id);
                        let goes_on = exchange.taken(id, bytes, taken);
                        goes_on.map_err(|Endless(reason)| EndError::Hostile(reason))?;
                    }
                    Ok(Received::Deleted) => {
                        drop(exchange);
                        self.news([&id]);
                    }
                    Err(ReceiveError::Hostile(reason)) => return Err(EndError::Hostile(reason)),
                    Err(ReceiveError::Document(_)) => exchange.settled(&id),
                }
            }
            Message::Devices(log) => events.devices(&log),
            Message::Presence(presence) => events.presence(self, presence),
            Message::Ping => {
                if !self.takes_ping() {
                    return Err(EndError::Hostile("it asks whether anybody is there, again and again"));
                }
                self.say(Message::Pong);
            }
            Message::Pong => {}
        }
        self.wake.raise();
        Ok(())
    }

    /// Whether a ping is answered: there are not too many.
    fn takes_ping(&self) -> bool {
        let now_us = self.heard_us.get();
        let (since_us, pings) = match self.pings.get() {
            (since_us, _) if now_us >= since_us + PING_US => (now_us, 0),
            counted => counted,
        };
        self.pings.set((since_us, pings + 1));
        pings < MAX_PINGS
    }

    fn note_progress(&self, events: &dyn SessionEvents) {
        let progress = self.exchange.borrow().progress();
        if self.progress.replace(progress) != progress {
            events.progressed();
        }
    }
}

/// What came first.
fn first<A, B>(either: Either<(EndError, A), (EndError, B)>) -> EndError {
    match either {
        Either::Left((end, _)) | Either::Right((end, _)) => end,
    }
}
