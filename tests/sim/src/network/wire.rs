//! The network's oracle: what crossed each link, and what everybody has read at the ends of their connections.

use std::collections::BTreeMap;

use super::NodeId;
use super::frame::Frame;

/// What crossed a link in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Frames.
    pub frames: u64,
    /// Their bytes, with headers.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }
}

/// Where bytes were read: what came on one stream, or beside all streams of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ear {
    /// Who sent them.
    pub from: NodeId,
    /// Who read them.
    pub to: NodeId,
    /// The connection.
    pub line: u64,
    /// The stream, if they came on one.
    pub stream: Option<u64>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Wire {
    links: BTreeMap<(NodeId, NodeId), Count>,
    total: Count,
    /// Only where somebody will ask.
    heard: Option<BTreeMap<Ear, Vec<u8>>>,
}

impl Wire {
    /// From now on, remembers every byte that is read by somebody.
    pub fn listen(&mut self) {
        self.heard.get_or_insert_default();
    }

    /// A frame crossed a link.
    pub fn crossed(&mut self, from: NodeId, to: NodeId, bytes: usize) {
        self.links.entry((from, to)).or_default().add(bytes);
        self.total.add(bytes);
    }

    /// A frame came to the end of its connection.
    pub fn read(&mut self, from: NodeId, to: NodeId, line: u64, frame: &Frame) {
        let content = frame.content();
        if let Some(heard) = &mut self.heard
            && !content.is_empty()
        {
            let stream = frame.stream();
            let ear = Ear { from, to, line, stream };
            heard.entry(ear).or_default().extend_from_slice(content);
        }
    }

    /// What crossed a link in this direction so far.
    pub fn count(&self, from: NodeId, to: NodeId) -> Count {
        self.links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// What crossed the links at these nodes so far.
    pub fn count_at(&self, nodes: &[NodeId]) -> Count {
        let mut sum = Count::default();
        for ((from, to), count) in &self.links {
            if nodes.contains(from) || nodes.contains(to) {
                sum.frames += count.frames;
                sum.bytes += count.bytes;
            }
        }
        sum
    }

    /// What crossed all links so far.
    pub fn total(&self) -> Count {
        self.total
    }

    /// Who has read these bytes anywhere, if anything is remembered.
    pub fn find(&self, canary: &[u8]) -> Vec<Ear> {
        let has = |bytes: &[u8]| bytes.windows(canary.len()).any(|window| window == canary);
        (self.heard.iter().flatten())
            .filter(|(_, bytes)| has(bytes))
            .map(|(ear, _)| *ear)
            .collect()
    }

    /// Whole streams as they were read so far.
    pub fn streams(&self) -> impl Iterator<Item = (&Ear, &[u8])> {
        (self.heard.iter().flatten())
            .filter(|(ear, _)| ear.stream.is_some())
            .map(|(ear, bytes)| (ear, bytes.as_slice()))
    }
}
