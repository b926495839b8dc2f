//! The JavaScript interface: what avatar-web calls, and what it is told.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use avatar_proto::p2p_command::Command;
use avatar_proto::{AbiStatus, Message, P2pCommand};
use js_sys::Uint8Array;
use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p_webrtc_browser::{PeerConnections, browser};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessagePort;

use crate::links::StreamEvent;
use crate::node::{Node, Output};
use crate::transports;

#[wasm_bindgen(typescript_custom_section)]
const INTERFACE: &str = r#"
/**
 * What an instance is told: `kind` 1 to 6 is an event of the stream `of` as ABI.md §7 has it; 0 is the completion of the operation `of`, with its status as `arg`. Called from the event
 * loop, never inside a call of {@link P2p}, but for the question -1: whether another capability of the host uses the number `of` for a stream.
 */
export type P2pListener = (of: bigint, kind: number, arg: number, data: Uint8Array | undefined) => boolean;
"#;

#[wasm_bindgen]
extern "C" {
    /// The host's side of one instance.
    #[wasm_bindgen(typescript_type = "P2pListener", extends = js_sys::Function)]
    #[derive(Clone)]
    pub type P2pListener;
    // A function is called as a method of itself.
    #[wasm_bindgen(method, js_name = call)]
    fn tell(this: &P2pListener, itself: &JsValue, of: u64, kind: i32, arg: f64, data: Option<Uint8Array>) -> bool;
}

/// Kinds beside those of stream events.
mod kinds {
    pub const COMPLETED: i32 = 0;
    pub const TAKEN: i32 = -1;
}

/// A swarm for one host, over any number of instances of its guest. Statuses are those of the ABI: 0, or a negative AbiStatus.
#[wasm_bindgen]
pub struct P2p {
    shared: Rc<RefCell<Shared>>,
}

type BrowserNode = Node<Toggle<browser::Behaviour>>;

struct Shared {
    /// `None` once it is closed.
    node: Option<BrowserNode>,
    listener: Option<P2pListener>,
}

#[wasm_bindgen]
impl P2p {
    /// Starts a swarm. `secret` is the transport key, 32 bytes of Ed25519; `agent` is what peers are told of the host. `window` leads to a window that serves WebRTC
    /// (`webrtc/shim`); without it there is WebRTC where this is a window itself.
    pub fn start(secret: Vec<u8>, agent: &str, window: Option<MessagePort>) -> Result<P2p, JsError> {
        let keypair = Keypair::ed25519_from_bytes(secret).map_err(|error| JsError::new(&error.to_string()))?;
        let here = || {
            let found = js_sys::Reflect::get(&js_sys::global(), &"RTCPeerConnection".into());
            found
                .is_ok_and(|class| class.is_function())
                .then(PeerConnections::window)
        };
        let connections = window.map(PeerConnections::port).or_else(here);
        let node = transports::parts(&keypair, connections)
            .and_then(|parts| Node::new(&keypair, parts, agent))
            .map_err(|error| JsError::new(&error))?;
        let shared = Rc::new(RefCell::new(Shared {
            node: Some(node),
            listener: None,
        }));
        spawn_local(drive(shared.clone()));
        Ok(Self { shared })
    }

    /// A new instance takes over; all that was the last one's ends.
    pub fn attach(&self, listener: P2pListener) {
        let mut shared = self.shared.borrow_mut();
        shared.listener = Some(listener);
        if let Some(node) = &mut shared.node {
            node.attach();
        }
    }

    /// The instance is gone, and nobody is told anything any more.
    pub fn detach(&self) {
        let mut shared = self.shared.borrow_mut();
        shared.listener = None;
        if let Some(node) = &mut shared.node {
            node.detach();
        }
    }

    /// An encoded P2pCommand.
    pub fn command(&self, op: u64, command: &[u8]) -> i32 {
        let Ok(command) = P2pCommand::decode(command) else {
            return AbiStatus::Invalid.code();
        };
        if let Err(status) = command.check() {
            return status.code();
        }
        if let Some(Command::OpenStream(open)) = &command.command
            && let Some(listener) = &self.shared.borrow().listener
            && tell(listener, open.stream.into(), kinds::TAKEN, 0.0, None)
        {
            return AbiStatus::Invalid.code();
        }
        self.with(|node| node.command(op, command))
    }

    /// `avatar_cancel`.
    pub fn cancel(&self, op: u64) -> i32 {
        self.with(|node| node.cancel(op))
    }

    /// Whether a stream's number is in use.
    #[wasm_bindgen(js_name = hasStream)]
    pub fn has_stream(&self, stream: u32) -> bool {
        self.shared
            .borrow()
            .node
            .as_ref()
            .is_some_and(|node| node.has_stream(stream))
    }

    /// `avatar_stream_write` of these parts together: how many bytes were taken, or a negative AbiStatus.
    #[wasm_bindgen(js_name = streamWrite)]
    pub fn stream_write(&self, stream: u32, parts: Vec<Uint8Array>) -> i32 {
        let len = parts.iter().map(|part| part.length() as usize).sum();
        let mut shared = self.shared.borrow_mut();
        let Some(node) = &mut shared.node else {
            return AbiStatus::NotFound.code();
        };
        if let Err(status) = node.check_write(stream, len) {
            return status.code();
        }
        let mut bytes = vec![0; len];
        let mut at = 0;
        for part in &parts {
            let end = at + part.length() as usize;
            part.copy_to(&mut bytes[at..end]);
            at = end;
        }
        // At most a stream's window.
        node.write(stream, bytes)
            .map_or_else(AbiStatus::code, |taken| taken as i32)
    }

    /// `avatar_stream_grant`.
    #[wasm_bindgen(js_name = streamGrant)]
    pub fn stream_grant(&self, stream: u32, bytes: u32) -> i32 {
        self.with(|node| node.grant(stream, bytes))
    }

    /// `avatar_stream_close`.
    #[wasm_bindgen(js_name = streamClose)]
    pub fn stream_close(&self, stream: u32, how: i32) -> i32 {
        self.with(|node| node.close(stream, how))
    }

    /// Ends the swarm, and with it every connection.
    pub fn close(&self) {
        let mut shared = self.shared.borrow_mut();
        shared.listener = None;
        shared.node = None;
    }
}

impl P2p {
    fn with(&self, act: impl FnOnce(&mut BrowserNode) -> Result<(), AbiStatus>) -> i32 {
        let mut shared = self.shared.borrow_mut();
        let result = shared.node.as_mut().map_or(Err(AbiStatus::Closed), act);
        result.err().unwrap_or(AbiStatus::Ok).code()
    }
}

/// Carries out what the node says, until it is closed.
async fn drive(shared: Rc<RefCell<Shared>>) {
    let next = || {
        poll_fn(|context| {
            let mut shared = shared.borrow_mut();
            let listener = shared.listener.clone();
            match &mut shared.node {
                None => std::task::Poll::Ready(None),
                Some(node) => node.poll(context).map(|output| Some((listener, output))),
            }
        })
    };
    while let Some((listener, output)) = next().await {
        if let Some(listener) = listener {
            tell_output(&listener, output);
        }
    }
}

fn tell(listener: &P2pListener, of: u64, kind: i32, arg: f64, data: Option<Vec<u8>>) -> bool {
    let data = data.map(|bytes| Uint8Array::from(bytes.as_slice()));
    listener.tell(&JsValue::UNDEFINED, of, kind, arg, data)
}

fn tell_output(listener: &P2pListener, output: Output) {
    let (of, kind, arg, data) = match output {
        Output::Completed { op, code, head } => (op, kinds::COMPLETED, f64::from(code), Some(head)),
        Output::Opened { stream, credit } => (stream.into(), 1, credit.into(), None),
        Output::Inbound { stream, credit, head } => (stream.into(), 6, credit.into(), Some(head)),
        Output::Stream { stream, event } => {
            let (kind, arg, data) = match event {
                StreamEvent::Data(data) => (2, 0.0, Some(data)),
                StreamEvent::Fin => (3, 0.0, None),
                StreamEvent::Reset(status) => (4, f64::from(status as i32), None),
                StreamEvent::Writable(credit) => (5, credit.into(), None),
            };
            (stream.into(), kind, arg, data)
        }
    };
    tell(listener, of, kind, arg, data);
}
