//! A data channel: one that this thread owns, or one whose window passes its messages through a port.
use std::{cell::Cell, cell::RefCell, rc::Rc};

use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{MessageEvent, MessagePort, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

use crate::{error::Error, frame, frame::Flag, stream::state::State};

/// Writers wait while this many bytes lie in the browser. Longer queues let Chromium's SCTP overrun its own socket buffers in the first transfers of a connection: then it backs off and stands
/// still for 2 to 13 seconds (measured on loopback, both sides sending: 1 MiB nearly always, 256 KiB in three connections of seven, 64 KiB in none). One direction is as fast with this as with more.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// Writers go on when no more than this many bytes are left. The shim has the same number.
const LOW_WATER: usize = 16 * 1024;

/// What the browser calls; handlers of plain events take one of these as well.
type Handler = Closure<dyn FnMut(MessageEvent)>;

/// Where the RTCDataChannel is.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// In this thread.
    Own(RtcDataChannel),
    /// In the window, which passes messages through this port.
    Pumped(MessagePort),
}

/// A data channel whose events go into a stream's state.
pub(crate) struct Channel {
    link: Link,
    state: Rc<RefCell<State>>,
    /// Bytes on their way through the port and in the window's channel.
    buffered: Rc<Cell<usize>>,
    /// The functions that the browser calls. They live as long as it may.
    _handlers: Vec<Handler>,
}

impl Channel {
    /// Listens to the channel, in the task that got it: what is missed now never comes again.
    pub(crate) fn new(link: Link, state: State) -> Self {
        let state = Rc::new(RefCell::new(state));
        let buffered = Rc::new(Cell::new(0));
        let handlers = match &link {
            Link::Own(channel) => listen(channel, &link, &state),
            Link::Pumped(port) => vec![listen_to_port(port, &link, &state, &buffered)],
        };
        Self {
            link,
            state,
            buffered,
            _handlers: handlers,
        }
    }

    pub(crate) fn state(&self) -> &Rc<RefCell<State>> {
        &self.state
    }

    /// Bytes that have not left the browser.
    pub(crate) fn buffered(&self) -> usize {
        match &self.link {
            Link::Own(channel) => channel.buffered_amount() as usize,
            Link::Pumped(_) => self.buffered.get(),
        }
    }

    pub(crate) fn send_data(&self, payload: &[u8]) -> Result<(), Error> {
        self.send(&frame::encode_data(payload))
    }

    /// A flag for a channel that is closed is for nobody.
    pub(crate) fn send_flag(&self, flag: Flag) {
        if let Err(error) = self.send(&frame::encode_flag(flag)) {
            tracing::trace!(?flag, %error, "a flag was not sent");
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        if matches!(self.link, Link::Pumped(_)) {
            self.buffered.set(self.buffered.get() + bytes.len());
        }
        self.link.send(bytes)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.link.silence();
        self.link.close();
    }
}

impl Link {
    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Own(channel) => channel.send_with_u8_array(bytes),
            Self::Pumped(port) => {
                let buffer = Uint8Array::from(bytes).buffer();
                port.post_message_with_transferable(&buffer, &js_sys::Array::of1(&buffer))
            }
        }
        .map_err(|thrown| Error::browser("send", &thrown))
    }

    /// The browser sends what is queued, then closes.
    fn close(&self) {
        match self {
            Self::Own(channel) => channel.close(),
            Self::Pumped(port) => {
                // A port whose other end is gone takes messages all the same.
                let _ = port.post_message(&JsValue::from_str("close"));
                port.close();
            }
        }
    }

    /// No handler is called any more.
    fn silence(&self) {
        match self {
            Self::Own(channel) => {
                channel.set_onopen(None);
                channel.set_onmessage(None);
                channel.set_onbufferedamountlow(None);
                channel.set_onclose(None);
            }
            Self::Pumped(port) => port.set_onmessage(None),
        }
    }
}

fn listen(channel: &RtcDataChannel, link: &Link, state: &Rc<RefCell<State>>) -> Vec<Handler> {
    channel.set_binary_type(RtcDataChannelType::Arraybuffer);
    channel.set_buffered_amount_low_threshold(LOW_WATER as u32);

    let on_open = handler(state, |state, _| state.borrow_mut().opened());
    let on_drained = handler(state, |state, _| state.borrow_mut().drained());
    let on_close = handler(state, |state, _| state.borrow_mut().closed());
    let link = link.clone();
    let on_message = handler(state, move |state, event| receive(&link, state, &event.data()));
    channel.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    channel.set_onbufferedamountlow(Some(on_drained.as_ref().unchecked_ref()));
    channel.set_onclose(Some(on_close.as_ref().unchecked_ref()));

    match channel.ready_state() {
        RtcDataChannelState::Open => state.borrow_mut().opened(),
        RtcDataChannelState::Closing | RtcDataChannelState::Closed => state.borrow_mut().closed(),
        _ => {}
    }
    vec![on_open, on_drained, on_close, on_message]
}

/// The window says "open", "close", how many bytes have left, or passes a message on.
fn listen_to_port(port: &MessagePort, link: &Link, state: &Rc<RefCell<State>>, buffered: &Rc<Cell<usize>>) -> Handler {
    let (link, buffered) = (link.clone(), buffered.clone());
    let on_message = handler(state, move |state, event| {
        let data = event.data();
        if let Some(bytes) = data.as_f64() {
            buffered.set(buffered.get().saturating_sub(bytes as usize));
            if buffered.get() <= LOW_WATER {
                state.borrow_mut().drained();
            }
        } else if data == "open" {
            state.borrow_mut().opened();
        } else if data == "close" {
            state.borrow_mut().closed();
        } else {
            receive(&link, state, &data);
        }
    });
    port.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message
}

fn handler(state: &Rc<RefCell<State>>, mut handle: impl FnMut(&Rc<RefCell<State>>, MessageEvent) + 'static) -> Handler {
    let state = state.clone();
    Closure::new(move |event| handle(&state, event))
}

fn receive(link: &Link, state: &Rc<RefCell<State>>, data: &JsValue) {
    // Text has no place in a stream; it counts as a frame that is none.
    let message = data
        .dyn_ref::<ArrayBuffer>()
        .map_or(Bytes::from_static(&[1, 0xff]), |buffer| {
            Uint8Array::new(buffer).to_vec().into()
        });
    let answers = state.borrow_mut().received(message);
    for flag in answers {
        if let Err(error) = link.send(&frame::encode_flag(flag)) {
            tracing::trace!(?flag, %error, "an answer was not sent");
        }
        if flag == Flag::Reset {
            link.close();
        }
    }
}
