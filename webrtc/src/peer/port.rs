//! An RTCPeerConnection in the window at the other end of a port, where `shim/window-shim.js` answers.
//!
//! | to the window | answered with |
//! |---|---|
//! | `{ peer, call, op: "new", iceServers, first: "noise" \| "init" \| "nothing" }` | a channel, or nothing |
//! | `{ peer, call, op: "describe", kind }` | the description's text |
//! | `{ peer, call, op: "setLocal", kind, sdp }` | the text as the browser has it then |
//! | `{ peer, call, op: "setRemote", kind, sdp }`, `{ … op: "addCandidate", candidate }` | nothing |
//! | `{ peer, call, op: "open" }` | a channel |
//! | `{ peer, call, op: "closeInit" }` | nothing, once it is closed on both sides |
//! | `{ peer, op: "close" }` | no answer |
//!
//! An answer is `{ peer, call, value }` or `{ peer, call, error: { name, message } }`; events are `{ peer, state }`, `{ peer, candidate }` and `{ peer, channel }`. A channel is a
//! transferred RTCDataChannel, or a port where the browser cannot transfer one. `{ gone: true }` is the window's last word.
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{Rc, Weak},
};

use futures::channel::oneshot;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{MessageEvent, MessagePort, RtcDataChannel};

use super::{ConnectionState, Events, First, Kind};
use crate::{Config, channel::Link, error::Error};

type Answer = Result<JsValue, Error>;
type OnMessage = Closure<dyn FnMut(MessageEvent)>;

/// This end of the port, with all connections behind it.
pub(super) struct Hub {
    port: MessagePort,
    is_gone: Cell<bool>,
    last: Cell<u32>,
    peers: RefCell<HashMap<u32, Weak<RefCell<Events>>>>,
    calls: RefCell<HashMap<u32, (&'static str, oneshot::Sender<Answer>)>>,
    on_message: RefCell<Option<OnMessage>>,
}

impl Hub {
    pub(super) fn new(port: MessagePort) -> Rc<Self> {
        let hub = Rc::new(Self {
            port,
            is_gone: Cell::new(false),
            last: Cell::new(0),
            peers: RefCell::default(),
            calls: RefCell::default(),
            on_message: RefCell::default(),
        });
        let weak = Rc::downgrade(&hub);
        let on_message = Closure::new(move |event: MessageEvent| {
            if let Some(hub) = weak.upgrade() {
                hub.receive(&event.data());
            }
        });
        hub.port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        *hub.on_message.borrow_mut() = Some(on_message);
        hub
    }

    fn next_number(&self) -> u32 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    fn post(&self, peer: u32, op: &str, fields: &[(&str, JsValue)], call: Option<u32>) {
        let message = Object::new();
        set(&message, "peer", &peer.into());
        set(&message, "op", &op.into());
        if let Some(call) = call {
            set(&message, "call", &call.into());
        }
        for (name, value) in fields {
            set(&message, name, value);
        }
        if let Err(thrown) = self.port.post_message(&message) {
            tracing::warn!(?thrown, op, "the window was not told");
        }
    }

    fn call(
        &self,
        peer: u32,
        call: &'static str,
        op: &str,
        fields: &[(&str, JsValue)],
    ) -> impl Future<Output = Answer> + 'static {
        let (sender, receiver) = oneshot::channel();
        if !self.is_gone.get() {
            let number = self.next_number();
            self.calls.borrow_mut().insert(number, (call, sender));
            self.post(peer, op, fields, Some(number));
        }
        async move { receiver.await.unwrap_or(Err(Error::WindowGone)) }
    }

    fn receive(&self, message: &JsValue) {
        if get(message, "gone").is_truthy() {
            self.gone();
            return;
        }
        if let Some(call) = number(message, "call") {
            self.answered(call, message);
            return;
        }
        let peer = number(message, "peer").and_then(|peer| self.peers.borrow().get(&peer).and_then(Weak::upgrade));
        let Some(events) = peer else {
            // A channel for a connection that we have closed.
            return;
        };
        if let Some(word) = get(message, "state").as_string() {
            events.borrow_mut().changed(ConnectionState::parse(&word));
        } else if let Some(candidate) = get(message, "candidate").as_string() {
            events.borrow_mut().candidate(candidate);
        } else if let Some(link) = link(get(message, "channel")) {
            events.borrow_mut().incoming(link);
        }
    }

    fn answered(&self, number: u32, message: &JsValue) {
        let Some((call, sender)) = self.calls.borrow_mut().remove(&number) else {
            return;
        };
        let error = get(message, "error");
        let answer = if error.is_undefined() {
            Ok(get(message, "value"))
        } else {
            Err(Error::browser(call, &error))
        };
        // Who asked may have lost interest.
        let _ = sender.send(answer);
    }

    fn gone(&self) {
        self.is_gone.set(true);
        self.calls.borrow_mut().clear();
        let peers: Vec<_> = self
            .peers
            .borrow_mut()
            .drain()
            .filter_map(|(_, events)| events.upgrade())
            .collect();
        for events in peers {
            events.borrow_mut().changed(ConnectionState::Closed);
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.close();
    }
}

pub(super) struct PeerConnection {
    hub: Rc<Hub>,
    number: u32,
}

impl PeerConnection {
    pub(super) async fn new(
        hub: &Rc<Hub>,
        first: First,
        config: &Config,
        events: &Rc<RefCell<Events>>,
    ) -> Result<Self, Error> {
        // It closes itself in the window when this future is dropped, too.
        let peer = Self {
            hub: hub.clone(),
            number: hub.next_number(),
        };
        hub.peers.borrow_mut().insert(peer.number, Rc::downgrade(events));
        let word = match first {
            First::Noise => "noise",
            First::Init => "init",
            First::Nothing => "nothing",
        };
        let channel = peer
            .call(
                "create a connection",
                "new",
                &[("first", word.into()), ("iceServers", ice_servers(config))],
            )
            .await?;
        if let Some(link) = link(channel) {
            let stream = events.borrow_mut().stream(link);
            events.borrow_mut().first = Some(stream);
        }
        Ok(peer)
    }

    fn call(&self, call: &'static str, op: &str, fields: &[(&str, JsValue)]) -> impl Future<Output = Answer> + 'static {
        self.hub.call(self.number, call, op, fields)
    }

    pub(super) async fn describe(&self, kind: Kind) -> Result<String, Error> {
        text(
            self.call("create a description", "describe", &[("kind", kind.as_str().into())])
                .await?,
        )
    }

    pub(super) async fn set_local(&self, kind: Kind, sdp: &str) -> Result<String, Error> {
        text(
            self.call(
                "set the local description",
                "setLocal",
                &[("kind", kind.as_str().into()), ("sdp", sdp.into())],
            )
            .await?,
        )
    }

    pub(super) async fn set_remote(&self, kind: Kind, sdp: &str) -> Result<(), Error> {
        self.call(
            "set the remote description",
            "setRemote",
            &[("kind", kind.as_str().into()), ("sdp", sdp.into())],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn add_candidate(&self, candidate: &str) -> Result<(), Error> {
        self.call("add a candidate", "addCandidate", &[("candidate", candidate.into())])
            .await?;
        Ok(())
    }

    pub(super) fn open(&self) -> impl Future<Output = Result<Link, Error>> + 'static {
        let answer = self.call("open a channel", "open", &[]);
        async move { link(answer.await?).ok_or(Error::WindowGone) }
    }

    pub(super) async fn close_init(&self) -> Result<(), Error> {
        self.call("close the first channel", "closeInit", &[]).await?;
        Ok(())
    }

    pub(super) fn close(&self) {
        if self.hub.peers.borrow_mut().remove(&self.number).is_some() {
            self.hub.post(self.number, "close", &[], None);
        }
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.close();
    }
}

fn ice_servers(config: &Config) -> JsValue {
    config
        .ice_servers
        .iter()
        .map(|server| {
            let init = Object::new();
            set(
                &init,
                "urls",
                &server.urls.iter().map(|url| JsValue::from_str(url)).collect::<Array>(),
            );
            if let Some(username) = &server.username {
                set(&init, "username", &username.into());
            }
            if let Some(credential) = &server.credential {
                set(&init, "credential", &credential.into());
            }
            init
        })
        .collect::<Array>()
        .into()
}

fn link(channel: JsValue) -> Option<Link> {
    match channel.dyn_into::<MessagePort>() {
        Ok(port) => Some(Link::Pumped(port)),
        Err(channel) => channel.dyn_into::<RtcDataChannel>().ok().map(Link::Own),
    }
}

fn text(value: JsValue) -> Result<String, Error> {
    value.as_string().ok_or(Error::BadDescription("text"))
}

fn number(message: &JsValue, name: &str) -> Option<u32> {
    get(message, name).as_f64().map(|number| number as u32)
}

fn get(message: &JsValue, name: &str) -> JsValue {
    Reflect::get(message, &name.into()).unwrap_or_default()
}

fn set(message: &Object, name: &str, value: &JsValue) {
    // Only a frozen or exotic object refuses.
    let _ = Reflect::set(message, &name.into(), value);
}
