//! The operations of one instance: accepted, under way, and completed exactly once (ABI.md H14).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use avatar_proto::{AbiStatus, DEFAULT_MAX_INFLIGHT_OPS, DEFAULT_MAX_STREAMS, Message, NetRequest, OpError};

use super::Input;
use crate::net::{Exchange, Net, NetError, NetEvent};
use crate::storage::{self, Storage};

/// Kinds of `yuan_stream_event` that this host sends.
pub mod stream_kind {
    pub const DATA: i32 = 2;
    pub const FIN: i32 = 3;
    pub const RESET: i32 = 4;
}

/// What came from the outside world.
#[derive(Debug)]
pub enum OpEvent {
    /// A storage batch ended: head and body of its completion, or why not.
    Stored(u64, Result<(Vec<u8>, Vec<u8>), (AbiStatus, OpError)>),
    /// Something happened to a net request.
    Net { op: u64, stream: u32, event: NetEvent },
}

/// What is to be told to the guest.
#[derive(Debug, PartialEq)]
pub enum Tell {
    /// `yuan_complete`.
    Complete {
        op: u64,
        code: i32,
        head: Vec<u8>,
        body: Vec<u8>,
    },
    /// `yuan_stream_event`.
    Stream {
        stream: u32,
        kind: i32,
        arg: i64,
        data: Vec<u8>,
    },
}

enum Pending {
    Storage,
    Net(Exchange),
}

/// The operations and streams of one instance. Dropping it stops what can be stopped; batches that storage has taken take effect all the same.
pub struct Ops {
    generation: u64,
    storage: Arc<Storage>,
    net: Net,
    inputs: Sender<Input>,
    pending: HashMap<u64, Pending>,
    streams: HashMap<u32, Exchange>,
}

impl Ops {
    /// None yet. Events come back as [`Input::Op`] of this generation.
    pub fn new(generation: u64, storage: Arc<Storage>, net: Net, inputs: Sender<Input>) -> Self {
        Self {
            generation,
            storage,
            net,
            inputs,
            pending: HashMap::new(),
            streams: HashMap::new(),
        }
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn admit(&self, op: u64) -> Result<(), AbiStatus> {
        if op == 0 || self.pending.contains_key(&op) {
            return Err(AbiStatus::Invalid);
        }
        match self.pending.len() >= DEFAULT_MAX_INFLIGHT_OPS as usize {
            true => Err(AbiStatus::Limit),
            false => Ok(()),
        }
    }

    /// `avatar_storage`.
    pub fn storage(&mut self, op: u64, head: &[u8], body: &[u8]) -> Result<(), AbiStatus> {
        self.admit(op)?;
        let batch = storage::decode(head, body)?;
        self.pending.insert(op, Pending::Storage);
        let (inputs, generation) = (self.inputs.clone(), self.generation);
        self.storage.submit(batch, move |result| {
            let result = result
                .and_then(storage::encode)
                .map_err(storage::StorageError::into_completion);
            let event = OpEvent::Stored(op, result);
            // Nobody listens any more when the host is closed.
            let _ = inputs.send(Input::Op { generation, event });
        });
        Ok(())
    }

    /// `avatar_net_request`.
    pub fn net_request(&mut self, op: u64, head: &[u8], body: &[u8]) -> Result<(), AbiStatus> {
        self.admit(op)?;
        let request = NetRequest::decode(head).map_err(|_| AbiStatus::Invalid)?;
        let stream = request.response_stream;
        if stream.is_multiple_of(2) || stream > i32::MAX as u32 || self.streams.contains_key(&stream) {
            return Err(AbiStatus::Invalid);
        }
        if self.streams.len() >= DEFAULT_MAX_STREAMS as usize {
            return Err(AbiStatus::Limit);
        }
        let (inputs, generation) = (self.inputs.clone(), self.generation);
        let exchange = self.net.request(request, body.to_vec(), move |event| {
            let event = OpEvent::Net { op, stream, event };
            let _ = inputs.send(Input::Op { generation, event });
        });
        self.pending.insert(op, Pending::Net(exchange.clone()));
        self.streams.insert(stream, exchange);
        Ok(())
    }

    /// `avatar_cancel`. A batch is not stopped: it is on its way, and its true result follows.
    pub fn cancel(&mut self, op: u64) -> Result<(), AbiStatus> {
        match self.pending.get(&op) {
            None => Err(AbiStatus::NotFound),
            Some(Pending::Storage) => Ok(()),
            Some(Pending::Net(exchange)) => {
                exchange.abort();
                Ok(())
            }
        }
    }

    /// `avatar_stream_grant`.
    pub fn stream_grant(&mut self, stream: u32, bytes: u32) -> Result<(), AbiStatus> {
        let exchange = self.streams.get(&stream).ok_or(AbiStatus::NotFound)?;
        exchange.grant(bytes);
        Ok(())
    }

    /// `avatar_stream_close`. The streams of this host carry bytes to the guest only: there is nothing to finish.
    pub fn stream_close(&mut self, stream: u32, how: i64) -> Result<(), AbiStatus> {
        const FINISH_WRITING: i64 = 1;
        const RESET: i64 = 3;
        if !(FINISH_WRITING..=RESET).contains(&how) {
            return Err(AbiStatus::Invalid);
        }
        if how == FINISH_WRITING {
            return self.streams.get(&stream).map(|_| ()).ok_or(AbiStatus::NotFound);
        }
        // What is on its way for it finds no stream any more (H19).
        let exchange = self.streams.remove(&stream).ok_or(AbiStatus::NotFound)?;
        exchange.abort();
        Ok(())
    }

    /// `avatar_stream_write`: no stream of this host can be written.
    pub fn stream_write(&self, stream: u32) -> AbiStatus {
        match self.streams.contains_key(&stream) {
            true => AbiStatus::BadState,
            false => AbiStatus::NotFound,
        }
    }

    /// What an event means to the guest, if it is still of interest.
    pub fn tell(&mut self, event: OpEvent) -> Option<Tell> {
        match event {
            OpEvent::Stored(op, result) => self.complete(op, result),
            OpEvent::Net { op, stream, event } => match event {
                NetEvent::Head(head) => self.complete(op, Ok((head.encode_to_vec(), Vec::new()))),
                NetEvent::Data(data) => self.stream(stream, stream_kind::DATA, 0, data),
                NetEvent::Fin => self.end_stream(stream, stream_kind::FIN, 0),
                NetEvent::Failed(NetError { status, error }) if self.pending.contains_key(&op) => {
                    // The operation failed: there never was a stream.
                    self.streams.remove(&stream);
                    self.complete(op, Err((status, error)))
                }
                NetEvent::Failed(error) => self.end_stream(stream, stream_kind::RESET, error.status as i64),
            },
        }
    }

    fn complete(&mut self, op: u64, result: Result<(Vec<u8>, Vec<u8>), (AbiStatus, OpError)>) -> Option<Tell> {
        self.pending.remove(&op)?;
        let (code, head, body) = match result {
            Ok((head, body)) => (0, head, body),
            Err((status, error)) => (status.code(), error.encode_to_vec(), Vec::new()),
        };
        Some(Tell::Complete { op, code, head, body })
    }

    fn stream(&self, stream: u32, kind: i32, arg: i64, data: Vec<u8>) -> Option<Tell> {
        self.streams.contains_key(&stream).then_some(Tell::Stream {
            stream,
            kind,
            arg,
            data,
        })
    }

    fn end_stream(&mut self, stream: u32, kind: i32, arg: i64) -> Option<Tell> {
        let tell = self.stream(stream, kind, arg, Vec::new());
        self.streams.remove(&stream);
        tell
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        for pending in self.pending.values() {
            if let Pending::Net(exchange) = pending {
                exchange.abort();
            }
        }
        self.streams.values().for_each(Exchange::abort);
    }
}
