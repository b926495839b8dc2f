//! One instance as its host sees it, and how it begins and ends (H28, H29).

use std::collections::{BTreeMap, BTreeSet};

use super::address::PeerId;
use super::discovery::Search;
use super::events::Events;
use super::failure::Failure;
use super::frame::Frame;
use super::line::LineId;
use super::listen::Listener;
use super::{Network, NodeId};

/// What an operation waits for.
#[derive(Debug)]
pub enum Operation {
    /// Something to happen.
    NextEvents,
    /// The first of these connections.
    Dial {
        attempts: BTreeSet<LineId>,
        failures: Vec<Failure>,
    },
    /// The first of these to be of use.
    Listen {
        listeners: BTreeSet<Listener>,
        failures: Vec<Failure>,
    },
    /// The peer to agree on a protocol.
    Open { line: LineId, stream: u64 },
    /// Rendezvous points.
    Search(Search),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Life {
    /// Protocols that it takes streams of.
    pub accepted: BTreeSet<String>,
    /// Topics that it wants messages of.
    pub topics: BTreeSet<String>,
    /// What it advertised, and where.
    pub advertised: BTreeSet<(NodeId, Vec<u8>)>,
    /// What is under way.
    pub ops: BTreeMap<u64, Operation>,
    /// Questions to rendezvous points: over which connection, for which operation.
    pub asks: BTreeMap<u64, (LineId, u64)>,
    /// What it has not been told yet.
    pub events: Events,
    /// Its streams by their numbers.
    pub streams: BTreeMap<i32, (LineId, u64)>,
}

impl Network {
    /// A new instance begins in a host that runs.
    pub fn begin_life(&mut self, node: NodeId) {
        let mut life = Life::default();
        life.events.local(self.nodes[node].local.clone());
        for (id, end) in self.open_lines(node) {
            life.events.opened(self.describe(id, end, ""));
        }
        self.nodes[node].life = Some(life);
    }

    /// The instance is gone, and the host goes on: its streams are reset, and all that it asked for ends.
    pub fn end_life(&mut self, node: NodeId) {
        let Some(life) = self.nodes[node].life.take() else {
            return;
        };
        self.nodes[node].inbox.clear();
        for (id, end) in self.open_lines(node) {
            let streams = match self.lines.get_mut(&id) {
                Some(line) => std::mem::take(&mut line.ends[end].streams),
                None => continue,
            };
            for stream in streams.into_keys() {
                self.send(id, end, Frame::Reset { stream });
            }
        }
        for topic in life.topics {
            self.announce_topic(node, &topic, false);
        }
        for (point, key) in life.advertised {
            if let Some((line, end)) = self.line_between(node, point) {
                self.send(line, end, Frame::Unregister { key });
            }
        }
    }

    /// The node of a peer with which there is a connection, and the best connection: direct before relayed, then the shorter way, then the newer one.
    pub(super) fn best_line(&self, node: NodeId, peer: &PeerId) -> Option<(LineId, usize)> {
        let lines = self.open_lines(node).into_iter();
        lines
            .filter(|(id, end)| self.nodes[self.lines[id].ends[1 - end].node].peer == *peer)
            .min_by_key(|(id, end)| {
                let (line, end) = (&self.lines[id], &self.lines[id].ends[*end]);
                let known_us = if end.round_trip_us == 0 {
                    u64::MAX
                } else {
                    end.round_trip_us
                };
                (line.is_relayed(), known_us, std::cmp::Reverse(end.number))
            })
    }
}
