//! Peers that mean harm: they dial whomever they can reach, open streams of a protocol, and send what nobody should. Whoever dials them is treated alike.

use std::collections::BTreeMap;

use avatar_proto::p2p_command::Command;
use avatar_proto::p2p_event::Event;

use super::{Hands, Heard, Peer, Pocket};
use crate::network::{NodeId, how};
use crate::random::Dice;

/// What they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malice {
    /// The header of a frame of 4 GiB, and whatever follows.
    HugeFrames,
    /// Random bytes, behind a short frame's length now and then.
    Noise,
    /// What honest peers have said to each other, word for word.
    Replay,
    /// Bytes without end, and reads nothing.
    Endless,
    /// Streams by the thousand.
    ManyStreams,
    /// Nothing, for ever.
    Silence,
}

impl Malice {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::HugeFrames,
        Self::Noise,
        Self::Replay,
        Self::Endless,
        Self::ManyStreams,
        Self::Silence,
    ];
}

/// Streams that one opens at a time, where it wants many.
const MANY: usize = 200;

/// See the module's documentation.
#[derive(Debug)]
pub struct Hostile {
    pocket: Pocket,
    malice: Malice,
    dice: Dice,
    protocol: String,
    /// Whom it goes for.
    targets: Vec<NodeId>,
    is_begun: bool,
    /// What is still to be sent on each stream.
    streams: BTreeMap<i32, Vec<u8>>,
    opened: u64,
}

impl Hostile {
    /// One that goes for these nodes with streams of this protocol.
    pub fn new(malice: Malice, dice: Dice, protocol: &str, targets: Vec<NodeId>) -> Self {
        Self {
            pocket: Pocket::default(),
            malice,
            dice,
            protocol: protocol.to_owned(),
            targets,
            is_begun: false,
            streams: BTreeMap::new(),
            opened: 0,
        }
    }

    fn random(&mut self, most: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.dice.between(1, most) as usize];
        self.dice.fill(&mut bytes);
        bytes
    }

    /// What is sent on a new stream.
    fn poison(&mut self, hands: &Hands<'_>) -> Vec<u8> {
        match self.malice {
            Malice::HugeFrames => {
                let mut bytes = match self.dice.chance(500) {
                    true => vec![0xff, 0xff, 0xff, 0xff, 0x0f],
                    false => vec![0xff, 0xff, 0xff, 0x7f],
                };
                bytes.extend(self.random(2_000));
                bytes
            }
            Malice::Noise => {
                let mut bytes = self.random(400);
                if self.dice.chance(700) {
                    // A frame that is whole, of one byte's length.
                    bytes.truncate(127);
                    bytes.insert(0, bytes.len() as u8);
                }
                bytes
            }
            Malice::Replay => {
                let heard: Vec<&[u8]> = hands.network.wire.streams().map(|(_, bytes)| bytes).collect();
                match heard.is_empty() {
                    true => Vec::new(),
                    false => self.dice.pick(&heard).to_vec(),
                }
            }
            Malice::Endless => vec![self.dice.below(256) as u8; 1_000_000],
            Malice::ManyStreams => self.random(70),
            Malice::Silence => Vec::new(),
        }
    }

    fn begin(&mut self, hands: &mut Hands<'_>, stream: i32) {
        self.opened += 1;
        let poison = self.poison(hands);
        self.streams.insert(stream, poison);
        if !matches!(self.malice, Malice::Endless | Malice::Silence) {
            hands.grant(stream, i32::MAX);
        }
        self.send(hands, stream);
    }

    fn send(&mut self, hands: &mut Hands<'_>, stream: i32) {
        let Some(rest) = self.streams.get_mut(&stream) else {
            return;
        };
        // In pieces of any length.
        let piece = self.dice.between(1, rest.len().max(1) as u64) as usize;
        let taken = hands.write(stream, &rest[..piece.min(rest.len())]);
        rest.drain(..taken);
        let is_spent = rest.is_empty();
        match self.malice {
            Malice::Endless if is_spent => *rest = vec![0x55; 1_000_000],
            Malice::Silence => {}
            _ if is_spent && self.dice.chance(300) => {
                let how = *self.dice.pick(&[how::FINISH_WRITING, how::RESET, how::STOP_READING]);
                hands.close(stream, how);
            }
            _ => {}
        }
    }
}

impl Peer for Hostile {
    fn hear(&mut self, hands: &mut Hands<'_>, heard: Heard) {
        match heard {
            Heard::Opened(stream) | Heard::Inbound(stream, _) => self.begin(hands, stream),
            Heard::Writable(stream) => self.send(hands, stream),
            Heard::Data(stream, bytes) => {
                // An answer that fits nothing.
                if self.malice == Malice::Noise && self.dice.chance(500) {
                    hands.write(stream, &bytes);
                }
                self.send(hands, stream);
            }
            Heard::Fin(stream) | Heard::Reset(stream) => drop(self.streams.remove(&stream)),
            Heard::Event(Event::Local(_) | Event::Opened(_) | Event::Closed(_)) => {}
            Heard::Event(_) | Heard::Ended(..) => {}
        }
    }

    fn act(&mut self, hands: &mut Hands<'_>) -> Option<u64> {
        if !std::mem::replace(&mut self.is_begun, true) {
            hands.command(Command::AcceptProtocol(self.protocol.clone()));
        }
        if !self.targets.is_empty() {
            let target = *self.dice.pick(&self.targets);
            let peer = hands.network.peer(target).clone();
            match hands.network.lines_between(hands.node, target) {
                0 => drop(hands.dial(target)),
                _ => {
                    let many = if self.malice == Malice::ManyStreams { MANY } else { 2 };
                    for _ in 0..many {
                        hands.open(&peer, &self.protocol);
                    }
                }
            }
            for stream in self.streams.keys().copied().collect::<Vec<_>>() {
                self.send(hands, stream);
            }
        }
        Some(self.dice.between(50_000, 5_000_000))
    }

    fn pocket(&mut self) -> &mut Pocket {
        &mut self.pocket
    }

    fn streams(&self) -> u64 {
        self.opened
    }
}
