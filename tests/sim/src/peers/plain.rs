//! A peer that does as it is told: echoes, keeps silent, sends without end; and opens streams itself. Conformance checks have it at the other end.

use std::collections::BTreeMap;

use avatar_proto::P2pConnection;
use avatar_proto::p2p_command::Command;
use avatar_proto::p2p_event::Event;

use super::{Hands, Heard, Peer, Pocket};
use crate::network::how;

/// What comes goes back.
pub const ECHO: &str = "/conformance/echo/1";

/// Never reads.
pub const DEAF: &str = "/conformance/deaf/1";

/// Sends as much as is taken, and reads nothing.
pub const SHOUT: &str = "/conformance/shout/1";

/// What guests serve.
pub const GUEST: &str = "/conformance/guest/1";

/// So much is taken at a time.
const GRANT: i32 = 50_000;

/// The byte at a place of what is sent.
pub fn pattern(at: usize) -> u8 {
    (at % 251) as u8
}

#[derive(Debug)]
enum Mode {
    Echo {
        waiting: Vec<u8>,
        is_ending: bool,
    },
    Deaf,
    Shout {
        at: usize,
    },
    /// Sends this, then ends, and keeps what comes back.
    Send {
        rest: Vec<u8>,
        back: Vec<u8>,
        is_ending: bool,
    },
}

/// A stream that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its protocol.
    pub protocol: String,
    /// Or the other side has finished.
    pub was_reset: bool,
    /// What came back, of a stream that this peer opened.
    pub back: Vec<u8>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Plain {
    pocket: Pocket,
    is_begun: bool,
    streams: BTreeMap<i32, (String, Mode)>,
    /// The streams that are over, in their order.
    pub ended: Vec<Ended>,
    /// How its commands ended: 0, or a status.
    pub outcomes: BTreeMap<u64, i32>,
    /// Its connections, by their numbers.
    pub connections: BTreeMap<u64, P2pConnection>,
    /// Messages of topics.
    pub messages: Vec<Vec<u8>>,
}

impl Plain {
    /// Opens a stream to a node, sends this, and keeps what comes back: the operation's number.
    pub fn send(&mut self, hands: &mut Hands<'_>, to: usize, protocol: &str, bytes: Vec<u8>) -> Option<u64> {
        let peer = hands.network.peer(to).clone();
        let stream = hands.open(&peer, protocol)?;
        let mode = Mode::Send {
            rest: bytes,
            back: Vec::new(),
            is_ending: false,
        };
        self.streams.insert(stream, (protocol.to_owned(), mode));
        Some(hands.last_op())
    }

    fn move_on(&mut self, hands: &mut Hands<'_>, stream: i32) {
        let Some((_, mode)) = self.streams.get_mut(&stream) else {
            return;
        };
        match mode {
            Mode::Deaf => {}
            Mode::Echo { waiting, is_ending } => {
                let taken = hands.write(stream, waiting);
                waiting.drain(..taken);
                hands.grant(stream, taken as i32);
                if *is_ending && waiting.is_empty() {
                    hands.close(stream, how::FINISH_WRITING);
                    self.end(stream, false);
                }
            }
            Mode::Shout { at } => {
                let bytes: Vec<u8> = (*at..*at + 100_000).map(pattern).collect();
                *at += hands.write(stream, &bytes);
            }
            Mode::Send { rest, is_ending, .. } => {
                let taken = hands.write(stream, rest);
                rest.drain(..taken);
                if rest.is_empty() && !std::mem::replace(is_ending, true) {
                    hands.close(stream, how::FINISH_WRITING);
                }
            }
        }
    }

    fn end(&mut self, stream: i32, was_reset: bool) {
        if let Some((protocol, mode)) = self.streams.remove(&stream) {
            let back = match mode {
                Mode::Send { back, .. } => back,
                _ => Vec::new(),
            };
            self.ended.push(Ended {
                protocol,
                was_reset,
                back,
            });
        }
    }
}

impl Peer for Plain {
    fn hear(&mut self, hands: &mut Hands<'_>, heard: Heard) {
        match heard {
            Heard::Ended(op, result) => drop(self.outcomes.insert(op, result.err().unwrap_or(0))),
            Heard::Inbound(stream, inbound) => {
                let mode = match inbound.protocol.as_str() {
                    DEAF => Mode::Deaf,
                    SHOUT => Mode::Shout { at: 0 },
                    _ => {
                        hands.grant(stream, GRANT);
                        let waiting = Vec::new();
                        let is_ending = false;
                        Mode::Echo { waiting, is_ending }
                    }
                };
                self.streams.insert(stream, (inbound.protocol, mode));
                self.move_on(hands, stream);
            }
            Heard::Opened(stream) => {
                hands.grant(stream, i32::MAX);
                self.move_on(hands, stream);
            }
            Heard::Writable(stream) => self.move_on(hands, stream),
            Heard::Data(stream, bytes) => {
                match self.streams.get_mut(&stream) {
                    Some((_, Mode::Echo { waiting, .. })) => waiting.extend(bytes),
                    Some((_, Mode::Send { back, .. })) => back.extend(bytes),
                    _ => {}
                }
                self.move_on(hands, stream);
            }
            Heard::Fin(stream) => match self.streams.get_mut(&stream) {
                Some((_, Mode::Echo { is_ending, .. })) => {
                    *is_ending = true;
                    self.move_on(hands, stream);
                }
                _ => self.end(stream, false),
            },
            Heard::Reset(stream) => self.end(stream, true),
            Heard::Event(Event::Opened(connection)) => drop(self.connections.insert(connection.connection, connection)),
            Heard::Event(Event::Closed(connection)) => drop(self.connections.remove(&connection.connection)),
            Heard::Event(Event::Message(message)) => self.messages.push(message.data),
            Heard::Event(_) => {}
        }
    }

    fn act(&mut self, hands: &mut Hands<'_>) -> Option<u64> {
        if !std::mem::replace(&mut self.is_begun, true) {
            for protocol in [ECHO, DEAF, SHOUT] {
                hands.command(Command::AcceptProtocol(protocol.to_owned()));
            }
            let own = hands.network.address(hands.node);
            hands.listen(own);
        }
        None
    }

    fn pocket(&mut self) -> &mut Pocket {
        &mut self.pocket
    }

    fn streams(&self) -> u64 {
        (self.streams.len() + self.ended.len()) as u64
    }
}
