//! A guest that does as it is told, and a client that tells it: the host between the two is the real one.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use avatar_proto::client_frame::Frame as ClientKind;
use avatar_proto::host_frame::Frame as HostKind;
use avatar_proto::{ClientBatch, ClientFrame, HostBatch, HostFrame, HostRequest, Message, Response, response};
use avatar_web::Host;
use futures_channel::oneshot;
use js_sys::{Array, Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, MessagePort};

/// The guest of `guest.wat`, with `probe` in it, whose turns return -1.
pub fn wat(probe: &str) -> String {
    include_str!("guest.wat")
        .replace("$PROBE", probe)
        .replace("$RETURN", "-1")
}

/// Compiles WebAssembly text.
pub async fn compile(text: &str) -> WebAssembly::Module {
    let bytes = wat::parse_str(text).expect("the test's guest is well-formed");
    JsFuture::from(WebAssembly::compile(&Uint8Array::from(bytes.as_slice())))
        .await
        .expect("the test's guest compiles")
        .unchecked_into()
}

/// Options for a host over memory that does not log.
pub fn options(module: &WebAssembly::Module, name: &str) -> Object {
    let options = Object::new();
    set(&options, "module", module);
    set(&options, "name", &name.into());
    set(&options, "storage", &"memory".into());
    set(&options, "log", &Function::new_no_args(""));
    options
}

pub fn set(object: &Object, name: &str, value: &JsValue) {
    Reflect::set(object, &name.into(), value).expect("a plain object");
}

/// Starts a host.
pub async fn start(options: &Object) -> Result<Host, JsValue> {
    Host::start(options.clone().unchecked_into()).await
}

/// A host over memory with the guest of this probe, and one greeted client.
pub async fn host_with(probe: &str) -> (Host, Client) {
    let module = compile(&wat(probe)).await;
    let host = start(&options(&module, "test")).await.expect("the host starts");
    let client = Client::attach(&host);
    client.ready().await;
    (host, client)
}

/// The `code` of a HostError.
pub fn code_of(error: &JsValue) -> String {
    Reflect::get(error, &"code".into())
        .ok()
        .and_then(|code| code.as_string())
        .expect("a HostError has a code")
}

/// A frame of the host, with its body.
pub struct Told {
    pub frame: HostFrame,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Inbox {
    told: VecDeque<Told>,
    messages: usize,
    waiting: Option<oneshot::Sender<()>>,
}

/// A client on a MessageChannel.
pub struct Client {
    pub port: MessagePort,
    pub id: u32,
    inbox: Rc<RefCell<Inbox>>,
    _onmessage: Closure<dyn Fn(JsValue)>,
}

impl Client {
    pub fn attach(host: &Host) -> Self {
        let channel = MessageChannel::new().expect("a channel");
        let inbox = Rc::<RefCell<Inbox>>::default();
        let onmessage = Closure::<dyn Fn(JsValue)>::new({
            let inbox = inbox.clone();
            move |event: JsValue| {
                let data = Reflect::get(&event, &"data".into()).expect("a message event");
                let batch: Uint8Array = Reflect::get(&data, &"batch".into()).expect("a batch").unchecked_into();
                let bodies = Reflect::get(&data, &"bodies".into()).expect("a message");
                let bodies = if bodies.is_undefined() {
                    Array::new()
                } else {
                    bodies.unchecked_into()
                };
                let batch = HostBatch::decode(batch.to_vec().as_slice()).expect("a HostBatch");
                let mut inbox = inbox.borrow_mut();
                inbox.messages += 1;
                for frame in batch.frames {
                    let body = match frame.body {
                        0 => Vec::new(),
                        nth => bodies.get(nth - 1).unchecked_into::<Uint8Array>().to_vec(),
                    };
                    inbox.told.push_back(Told { frame, body });
                }
                if let Some(waiting) = inbox.waiting.take() {
                    let _ = waiting.send(());
                }
            }
        });
        channel.port2().set_onmessage(Some(onmessage.as_ref().unchecked_ref()));
        let id = host.attach(channel.port1().unchecked_into()).expect("a port");
        Self {
            port: channel.port2(),
            id,
            inbox,
            _onmessage: onmessage,
        }
    }

    /// How many messages there were.
    pub fn messages(&self) -> usize {
        self.inbox.borrow().messages
    }

    /// The next frame.
    pub async fn next(&self) -> Told {
        loop {
            let told = self.inbox.borrow_mut().told.pop_front();
            if let Some(told) = told {
                return told;
            }
            let (tell, wait) = oneshot::channel();
            self.inbox.borrow_mut().waiting = Some(tell);
            wait.await.expect("the inbox lives");
        }
    }

    /// The next frame, which is `ready`.
    pub async fn ready(&self) -> avatar_proto::HostReady {
        match self.next().await.frame.frame {
            Some(HostKind::Ready(ready)) => ready,
            other => panic!("ready, and not {other:?}"),
        }
    }

    /// Sends frames in one message.
    pub fn send(&self, frames: Vec<ClientFrame>) {
        self.send_bytes(&ClientBatch { frames }.encode_to_vec());
    }

    /// Sends a message with these bytes as its batch.
    pub fn send_bytes(&self, bytes: &[u8]) {
        let message = Object::new();
        set(&message, "batch", &Uint8Array::from(bytes));
        self.port.post_message(&message).expect("an open port");
    }

    pub fn ask(&self, call: u64, command: &[u8]) {
        self.send(vec![request(call, command)]);
    }

    pub fn ask_host(&self, call: u64, request: avatar_proto::host_request::Request) {
        let request = HostRequest { request: Some(request) };
        self.send(vec![ClientFrame {
            call,
            frame: Some(ClientKind::Host(request)),
        }]);
    }

    /// The next answer, which is one to this call.
    pub async fn answer(&self, call: u64) -> (Vec<u8>, Vec<u8>, bool) {
        let told = self.next().await;
        match told.frame.frame {
            Some(HostKind::Response(response)) if told.frame.call == call => (response, told.body, told.frame.more),
            other => panic!("an answer to {call}, and not {other:?} to {}", told.frame.call),
        }
    }

    /// The next answer, which is the last to this call, and an error.
    pub async fn error(&self, call: u64) -> avatar_proto::AppError {
        let (answer, _, more) = self.answer(call).await;
        assert!(!more, "an error is the last answer");
        match Response::decode(answer.as_slice()).expect("a Response").response {
            Some(response::Response::Error(error)) => error,
            other => panic!("an error, and not {other:?}"),
        }
    }

    /// Sends a command and waits for the numbers of its last answer.
    pub async fn run(&self, call: u64, command: &[u8]) -> Vec<i32> {
        self.ask(call, command);
        let (answer, _, more) = self.answer(call).await;
        assert!(!more, "one answer");
        numbers(&answer)
    }
}

pub fn numbers(bytes: &[u8]) -> Vec<i32> {
    bytes
        .chunks_exact(4)
        .map(|number| i32::from_le_bytes([number[0], number[1], number[2], number[3]]))
        .collect()
}

pub fn request(call: u64, command: &[u8]) -> ClientFrame {
    ClientFrame {
        call,
        frame: Some(ClientKind::Request(command.to_vec())),
    }
}

pub fn cancel(call: u64) -> ClientFrame {
    ClientFrame {
        call,
        frame: Some(ClientKind::Cancel(true)),
    }
}

/// A command of `guest.wat`: its letter, an id, a head with its length before it, and what stands behind.
pub fn command(kind: u8, id: u8, head: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, id];
    bytes.extend((head.len() as u32).to_le_bytes());
    bytes.extend(head);
    bytes.extend(behind);
    bytes
}

/// A command with a number.
pub fn command_with(kind: u8, id: u8, number: u32) -> Vec<u8> {
    let mut bytes = vec![kind, id];
    bytes.extend(number.to_le_bytes());
    bytes
}

/// What the console is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Completed {
        op: u8,
        status: i32,
        head: Vec<u8>,
        body: Vec<u8>,
    },
    Stream {
        stream: u8,
        kind: u8,
        arg: i64,
        data: Vec<u8>,
    },
}

/// The call that the console is opened with.
pub const CONSOLE: u64 = 1_000_000;

/// Reads an answer to the console.
pub fn heard(told: &Told) -> Heard {
    let Some(HostKind::Response(bytes)) = &told.frame.frame else {
        panic!("an answer to the console, and not {:?}", told.frame.frame)
    };
    assert_eq!(told.frame.call, CONSOLE);
    let number = |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    match bytes[0] {
        1 => Heard::Completed {
            op: bytes[1],
            status: number(2),
            head: bytes[6..].to_vec(),
            body: told.body.clone(),
        },
        2 => Heard::Stream {
            stream: bytes[1],
            kind: bytes[2],
            arg: i64::from(number(3)),
            data: told.body.clone(),
        },
        other => panic!("the guest said {other}"),
    }
}
