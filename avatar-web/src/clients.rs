//! Channels to clients: messages in, one batch a turn out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use avatar_proto::{AppError, HostResponse, Message, host_response, prost};
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::calls::{Address, ClientId};
use crate::engine::task;
use crate::frames::{self, FrameHead, FrameKind, MAX_BATCH_BYTES};
use crate::instance::Lent;

#[wasm_bindgen]
extern "C" {
    /// `PortLike` of `interface.d.ts`.
    #[wasm_bindgen(typescript_type = "PortLike")]
    #[derive(Clone)]
    pub type PortLike;
    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &PortLike, message: &ChannelMessage, transfer: &Array) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, setter)]
    fn set_onmessage(this: &PortLike, handler: &JsValue) -> Result<(), JsValue>;

    /// An event of a port, as far as it can be trusted: reading from what is no object throws.
    type MessageEvent;
    #[wasm_bindgen(method, catch, getter)]
    fn data(this: &MessageEvent) -> Result<ChannelMessage, JsValue>;

    /// `ChannelMessage` of `interface.d.ts`.
    type ChannelMessage;
    #[wasm_bindgen(method, catch, getter)]
    fn batch(this: &ChannelMessage) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, setter)]
    fn set_batch(this: &ChannelMessage, batch: &Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_bodies(this: &ChannelMessage, bodies: &Array);
}

/// What a client's message holds, or that it is none within the limits.
pub type Incoming = Option<Vec<u8>>;

struct Client {
    port: PortLike,
    /// It was sent `ready`.
    greeted: bool,
    batch: Vec<u8>,
    bodies: Array,
    _onmessage: Closure<dyn Fn(JsValue)>,
}

/// The clients of a host, with what they are to be sent.
#[derive(Default)]
pub struct Clients {
    clients: RefCell<BTreeMap<ClientId, Client>>,
    last: RefCell<ClientId>,
}

impl Clients {
    /// Adds a client. `receive` is called with each of its messages, from the event loop (or from inside `postMessage`, by ports that do not wait).
    pub fn attach(&self, port: PortLike, receive: Rc<dyn Fn(ClientId, Incoming)>) -> Result<ClientId, JsValue> {
        let id = {
            let mut last = self.last.borrow_mut();
            *last = last.wrapping_add(1);
            *last
        };
        let onmessage = Closure::<dyn Fn(JsValue)>::new(move |event: JsValue| {
            task::begin();
            receive(id, read_message(event.unchecked_ref()));
        });
        port.set_onmessage(onmessage.as_ref())?;
        let client = Client {
            port,
            greeted: false,
            batch: Vec::new(),
            bodies: Array::new(),
            _onmessage: onmessage,
        };
        self.clients.borrow_mut().insert(id, client);
        Ok(id)
    }

    /// Removes a client; `false` when there is none of this number.
    pub fn detach(&self, id: ClientId) -> bool {
        let Some(client) = self.clients.borrow_mut().remove(&id) else {
            return false;
        };
        // A port that refuses its handler to be taken off keeps a handler that is dropped: its calls do nothing but throw into its own event.
        let _ = client.port.set_onmessage(&JsValue::NULL);
        // `detach` may run inside the handler, which must outlive its own call.
        wasm_bindgen_futures::spawn_local(async move { drop(client) });
        true
    }

    /// The numbers of all clients.
    pub fn ids(&self) -> Vec<ClientId> {
        self.clients.borrow().keys().copied().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.borrow().len()
    }

    /// Puts an answer of the Meta Unit into its client's batch, straight from the guest's memory.
    pub fn answer(&self, to: Address, last: bool, head: &Lent, body: &Lent) {
        if let Some(client) = self.clients.borrow_mut().get_mut(&to.client) {
            let body = if body.is_empty() {
                None
            } else {
                body.copy_to_js(0, body.len())
            };
            let body = body.map_or(0, |body| client.bodies.push(&body));
            let frame = FrameHead {
                call: to.call,
                more: !last,
                kind: FrameKind::Response,
                body,
            };
            frames::push(&mut client.batch, frame, head.len() as usize, |batch| {
                head.append_to(batch)
            });
        }
    }

    /// Puts an error into its client's batch, as the last answer of a call.
    pub fn fail(&self, to: Address, error: AppError) {
        // A Response by hand: its generated encoder would bring along those of all answers there are.
        const ERROR_FIELD: u32 = 1;
        let mut response = Vec::new();
        prost::encoding::message::encode(ERROR_FIELD, &error, &mut response);
        self.push(to.client, to.call, FrameKind::Response, &response);
    }

    /// Puts the host's own answer into its client's batch.
    pub fn answer_host(&self, to: Address, answer: host_response::Response) {
        let response = HostResponse { response: Some(answer) };
        self.push(to.client, to.call, FrameKind::Host, &response.encode_to_vec());
    }

    /// Puts an event of the Meta Unit into every batch.
    pub fn emit(&self, event: &[u8]) {
        self.tell_all(FrameKind::Event, event);
    }

    /// Puts a frame into every batch.
    pub fn tell_all(&self, kind: FrameKind, payload: &[u8]) {
        for id in self.ids() {
            self.push(id, 0, kind, payload);
        }
    }

    /// Puts `ready` into the batches of those that have not had it; the others get `restarted`, if this is a restart.
    pub fn greet(&self, ready: &[u8], restarted: Option<&[u8]>) {
        for id in self.ids() {
            let greeted = self
                .clients
                .borrow_mut()
                .get_mut(&id)
                .is_some_and(|client| std::mem::replace(&mut client.greeted, true));
            match (greeted, restarted) {
                (false, _) => self.push(id, 0, FrameKind::Ready, ready),
                (true, Some(restarted)) => self.push(id, 0, FrameKind::Restarted, restarted),
                (true, None) => {}
            }
        }
    }

    /// Puts a frame into one batch.
    pub fn push(&self, client: ClientId, call: u64, kind: FrameKind, payload: &[u8]) {
        if let Some(client) = self.clients.borrow_mut().get_mut(&client) {
            let frame = FrameHead {
                call,
                more: false,
                kind,
                body: 0,
            };
            frames::push(&mut client.batch, frame, payload.len(), |batch| {
                batch.extend_from_slice(payload)
            });
        }
    }

    /// Sends what has gathered: one message a client.
    pub fn flush(&self) {
        for id in self.ids() {
            // Taken out before it is posted: a port that does not wait may come back to us from inside `postMessage`.
            let Some((port, batch, bodies)) = self.clients.borrow_mut().get_mut(&id).and_then(|client| {
                (!client.batch.is_empty()).then(|| {
                    let bodies = std::mem::replace(&mut client.bodies, Array::new());
                    (client.port.clone(), std::mem::take(&mut client.batch), bodies)
                })
            }) else {
                continue;
            };
            let batch = Uint8Array::from(batch.as_slice());
            let transfer = Array::of1(&batch.buffer());
            let message: ChannelMessage = Object::new().unchecked_into();
            message.set_batch(&batch);
            if bodies.length() > 0 {
                for body in bodies.iter() {
                    transfer.push(&body.unchecked_into::<Uint8Array>().buffer());
                }
                message.set_bodies(&bodies);
            }
            // A port that does not take a message has lost its client, which `detach` will tell.
            let _ = port.post_message(&message, &transfer);
        }
    }
}

/// The batch of a message; its size is checked before it is copied.
fn read_message(event: &MessageEvent) -> Incoming {
    let batch: Uint8Array = event.data().ok()?.batch().ok()?.dyn_into().ok()?;
    (batch.length() <= MAX_BATCH_BYTES).then(|| batch.to_vec())
}
