//! WebSockets of the engine, for dialling.
//!
//! Ours, because libp2p's own sends in steps: its flush waits for a clock of 100 ms that looks whether the engine's buffer is empty. Here bytes are on their way when the
//! engine has them; only a writer who is far ahead waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{AsyncRead, AsyncWrite, FutureExt};
use futures_timer::Delay;
use js_sys::{ArrayBuffer, Uint8Array};
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// A writer waits while the engine holds more than this.
const MAX_UNSENT_BYTES: u32 = 1024 * 1024;

/// How often it is looked whether the engine has sent: there is no event for it.
const UNSENT_POLL: Duration = Duration::from_millis(4);

/// The most bytes that wait for a reader: a peer who sends more does not heed the windows of its streams.
const MAX_UNREAD_BYTES: usize = 64 * 1024 * 1024;

/// Dials `/ws` and `/wss` (`/tls/ws`).
pub struct Transport;

impl libp2p::Transport for Transport {
    type Output = Connection;
    type Error = io::Error;
    type ListenerUpgrade = futures::future::Pending<Result<Connection, io::Error>>;
    type Dial = BoxFuture<'static, Result<Connection, io::Error>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let Some(url) = url_of(&address).filter(|_| !options.role.is_listener()) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        Ok(SendWrapper::new(async move {
            let connection = Connection::new(&url)?;
            std::future::poll_fn(|context| connection.socket.poll_open(context)).await?;
            Ok(connection)
        })
        .boxed())
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Poll::Pending
    }
}

/// `ws://` or `wss://` of an address, which may end with the peer's id.
fn url_of(address: &Multiaddr) -> Option<String> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(address) => address.to_string(),
        Protocol::Ip6(address) => format!("[{address}]"),
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => name.into_owned(),
        _ => return None,
    };
    let Protocol::Tcp(port) = parts.next()? else {
        return None;
    };
    let mut secure = false;
    loop {
        match parts.next()? {
            Protocol::Tls | Protocol::Sni(_) => secure = true,
            Protocol::Ws(path) => {
                let scheme = if secure { "wss" } else { "ws" };
                return at_its_end(parts).then(|| format!("{scheme}://{host}:{port}{path}"));
            }
            Protocol::Wss(path) => return at_its_end(parts).then(|| format!("wss://{host}:{port}{path}")),
            _ => return None,
        }
    }
}

fn at_its_end<'a>(mut parts: impl Iterator<Item = Protocol<'a>>) -> bool {
    matches!(parts.next(), None | Some(Protocol::P2p(_))) && parts.next().is_none()
}

/// A socket as a stream of bytes.
pub struct Connection {
    socket: SendWrapper<Socket>,
}

struct Socket {
    socket: WebSocket,
    state: Rc<State>,
    /// Runs while a writer waits.
    unsent: Option<Delay>,
    _handlers: Handlers,
}

#[derive(Default)]
struct State {
    open: Cell<bool>,
    /// Why it ended.
    ended: RefCell<Option<String>>,
    unread: RefCell<VecDeque<Vec<u8>>>,
    unread_bytes: Cell<usize>,
    /// How much of the first message is read.
    read: Cell<usize>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

struct Handlers {
    _open: Closure<dyn FnMut()>,
    _close: Closure<dyn FnMut(CloseEvent)>,
    _message: Closure<dyn FnMut(MessageEvent)>,
}

impl State {
    fn end(&self, why: String) {
        self.ended.borrow_mut().get_or_insert(why);
        self.wake();
    }

    fn wake(&self) {
        for waker in [&self.reader, &self.writer] {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    fn error(&self) -> Option<io::Error> {
        let why = self.ended.borrow();
        Some(io::Error::new(io::ErrorKind::ConnectionReset, why.as_ref()?.clone()))
    }
}

impl Connection {
    fn new(url: &str) -> io::Result<Self> {
        // It throws where a policy or the page's own security forbids the address.
        let socket = WebSocket::new(url).map_err(|error| {
            let words = js_sys::Error::from(error).message();
            io::Error::new(io::ErrorKind::PermissionDenied, String::from(words))
        })?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let state = Rc::new(State::default());
        let opened = Closure::new({
            let state = state.clone();
            move || {
                state.open.set(true);
                state.wake();
            }
        });
        let closed = Closure::new({
            let state = state.clone();
            move |event: CloseEvent| {
                let before = if state.open.get() { "" } else { " before it was open" };
                state.end(format!("the WebSocket closed{before} (code {})", event.code()));
            }
        });
        let received = Closure::new({
            let (state, socket) = (state.clone(), socket.clone());
            move |event: MessageEvent| {
                let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() else {
                    return state.end("a message that is no bytes".to_owned());
                };
                let bytes = state.unread_bytes.get() + buffer.byte_length() as usize;
                if bytes > MAX_UNREAD_BYTES {
                    // Only a code outside of its domain makes it fail.
                    let _ = socket.close();
                    return state.end("the peer sends more than anybody reads".to_owned());
                }
                if buffer.byte_length() == 0 {
                    // A reader would take it for the end.
                    return;
                }
                state.unread_bytes.set(bytes);
                state.unread.borrow_mut().push_back(Uint8Array::new(&buffer).to_vec());
                if let Some(reader) = state.reader.take() {
                    reader.wake();
                }
            }
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        // An error is followed by a close.
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(received.as_ref().unchecked_ref()));
        let socket = Socket {
            socket,
            state,
            unsent: None,
            _handlers: Handlers {
                _open: opened,
                _close: closed,
                _message: received,
            },
        };
        Ok(Self {
            socket: SendWrapper::new(socket),
        })
    }
}

impl Socket {
    fn poll_open(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.state.error() {
            return Poll::Ready(Err(error));
        }
        if self.state.open.get() {
            return Poll::Ready(Ok(()));
        }
        self.state.writer.replace(Some(context.waker().clone()));
        Poll::Pending
    }

    /// What arrived before the end is read before the end is told.
    fn poll_read(&self, context: &Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut unread = self.state.unread.borrow_mut();
        let Some(first) = unread.front() else {
            if let Some(error) = self.state.error() {
                return Poll::Ready(Err(error));
            }
            self.state.reader.replace(Some(context.waker().clone()));
            return Poll::Pending;
        };
        let from = self.state.read.get();
        let count = into.len().min(first.len() - from);
        into[..count].copy_from_slice(&first[from..from + count]);
        self.state.read.set(from + count);
        if from + count == first.len() {
            let len = first.len();
            unread.pop_front();
            self.state.read.set(0);
            self.state.unread_bytes.set(self.state.unread_bytes.get() - len);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(context))?;
        while self.socket.buffered_amount() > MAX_UNSENT_BYTES {
            let unsent = self.unsent.get_or_insert_with(|| Delay::new(UNSENT_POLL));
            ready!(Pin::new(unsent).poll(context));
            self.unsent = None;
            ready!(self.poll_open(context))?;
        }
        self.unsent = None;
        match self.socket.send_with_u8_array(bytes) {
            Ok(()) => Poll::Ready(Ok(bytes.len())),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.state.error() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The engine sends what it holds, and then closes.
        let _ = self.socket.socket.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Handlers that are dropped must not be called.
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        self.socket.set_onmessage(None);
        let _ = self.socket.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn addresses_of_web_sockets_become_urls_and_no_others_do() {
        let peer = "12D3KooWHDwXPMr2wbMiejKtMiT2AAS6ZxUJtDrNd7GLZDqgrcuU";
        for (address, url) in [
            ("/ip4/127.0.0.1/tcp/1/ws", Some("ws://127.0.0.1:1/")),
            ("/ip6/::1/tcp/1/ws", Some("ws://[::1]:1/")),
            ("/dns4/a.example/tcp/443/wss", Some("wss://a.example:443/")),
            ("/dns/a.example/tcp/443/tls/ws", Some("wss://a.example:443/")),
            (
                "/dns/a.example/tcp/443/tls/sni/a.example/ws",
                Some("wss://a.example:443/"),
            ),
            ("/ip4/127.0.0.1/tcp/1", None),
            ("/ip4/127.0.0.1/udp/1/quic-v1/webtransport", None),
            ("/memory/1", None),
        ] {
            let bare: Multiaddr = address.parse().unwrap();
            assert_eq!(url_of(&bare).as_deref(), url, "{address}");
            let named: Multiaddr = format!("{address}/p2p/{peer}").parse().unwrap();
            assert_eq!(url_of(&named).as_deref(), url, "{named}");
            let circuit: Multiaddr = format!("{named}/p2p-circuit/p2p/{peer}").parse().unwrap();
            assert_eq!(url_of(&circuit), None, "{circuit}");
        }
    }
}
