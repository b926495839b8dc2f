//! What clients are sent: frames gather during a turn and leave as one message each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use avatar_proto::host_frame::Frame;
use avatar_proto::host_response::Response as HostAnswer;
use avatar_proto::{
    AppError, HostBatch, HostFrame, HostReady, HostResponse, HostRestarted, Message as _, Response, response,
};
use tokio::sync::mpsc::UnboundedSender;

use super::calls::{Address, ClientId};
use crate::wire::Message;

/// A client that lets so many bytes wait reads no more, and is given up.
const MAX_WAITING_BYTES: usize = 256 * 1024 * 1024;

/// The way to one client.
pub struct Outbox {
    pub messages: UnboundedSender<Message>,
    /// Bytes sent and not yet taken; whoever takes them subtracts.
    pub waiting: Arc<AtomicUsize>,
}

struct Client {
    outbox: Outbox,
    /// It was sent `ready`.
    greeted: bool,
    frames: Vec<HostFrame>,
    bodies: Vec<Vec<u8>>,
}

/// The clients of a host.
#[derive(Default)]
pub struct Clients {
    clients: BTreeMap<ClientId, Client>,
}

impl Clients {
    pub fn attach(&mut self, id: ClientId, outbox: Outbox) {
        let client = Client {
            outbox,
            greeted: false,
            frames: Vec::new(),
            bodies: Vec::new(),
        };
        self.clients.insert(id, client);
    }

    pub fn detach(&mut self, id: ClientId) -> bool {
        self.clients.remove(&id).is_some()
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// An answer of the Meta Unit.
    pub fn answer(&mut self, to: Address, last: bool, head: &[u8], body: &[u8]) {
        let Some(client) = self.clients.get_mut(&to.client) else {
            return;
        };
        if !body.is_empty() {
            client.bodies.push(body.to_vec());
        }
        client.frames.push(HostFrame {
            call: to.call,
            more: !last,
            frame: Some(Frame::Response(head.to_vec())),
            body: if body.is_empty() { 0 } else { client.bodies.len() as u32 },
        });
    }

    /// An error, as the last answer of a call.
    pub fn fail(&mut self, to: Address, error: AppError) {
        let response = Response {
            response: Some(response::Response::Error(error)),
        };
        self.push(to, Frame::Response(response.encode_to_vec()));
    }

    /// The host's own answer.
    pub fn answer_host(&mut self, to: Address, answer: HostAnswer) {
        self.push(to, Frame::Host(HostResponse { response: Some(answer) }));
    }

    /// A frame for everybody.
    pub fn tell_all(&mut self, frame: &Frame) {
        for client in self.clients.values_mut() {
            client.frames.push(outside_calls(frame.clone()));
        }
    }

    /// A frame for one client.
    pub fn tell(&mut self, client: ClientId, frame: Frame) {
        self.push(Address { client, call: 0 }, frame);
    }

    /// `ready` to those that have not had it; to the others `restarted`, if this is a restart.
    pub fn greet(&mut self, ready: &HostReady, restarted: Option<&HostRestarted>) {
        for client in self.clients.values_mut() {
            if !std::mem::replace(&mut client.greeted, true) {
                client.frames.push(outside_calls(Frame::Ready(ready.clone())));
            } else if let Some(restarted) = restarted {
                client.frames.push(outside_calls(Frame::Restarted(restarted.clone())));
            }
        }
    }

    fn push(&mut self, to: Address, frame: Frame) {
        if let Some(client) = self.clients.get_mut(&to.client) {
            client.frames.push(HostFrame {
                call: to.call,
                ..outside_calls(frame)
            });
        }
    }

    /// Sends what has gathered. Gives the clients that are gone, or that let too much wait.
    pub fn flush(&mut self) -> Vec<ClientId> {
        let mut lost = Vec::new();
        for (id, client) in &mut self.clients {
            if client.frames.is_empty() {
                continue;
            }
            let frames = std::mem::take(&mut client.frames);
            let message = Message {
                batch: HostBatch { frames }.encode_to_vec(),
                bodies: std::mem::take(&mut client.bodies),
            };
            let len = message.len();
            let waiting = client.outbox.waiting.fetch_add(len, Ordering::Relaxed) + len;
            // One message may be as large as it is; only a heap of them is too much.
            if (waiting > MAX_WAITING_BYTES && waiting > len) || client.outbox.messages.send(message).is_err() {
                lost.push(*id);
            }
        }
        lost
    }
}

fn outside_calls(frame: Frame) -> HostFrame {
    HostFrame {
        call: 0,
        more: false,
        frame: Some(frame),
        body: 0,
    }
}
