//! The operations of one instance: accepted, under way, and completed exactly once (ABI.md H14).

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use avatar_p2p::{Output, StreamEvent};
use avatar_proto::p2p_command::Command;
use avatar_proto::{
    AbiStatus, DEFAULT_MAX_INFLIGHT_OPS, DEFAULT_MAX_STREAMS, KeysCommand, Message, NetRequest, OpError, P2pCommand,
    stream_close, stream_event,
};
use zeroize::Zeroize;

use super::Input;
use super::streams::Streams;
use crate::keys::{Keys, KeysError};
use crate::net::{Exchange, Net, NetEvent};
use crate::p2p::P2p;
use crate::storage::{self, Storage};

/// What came from the outside world.
#[derive(Debug)]
pub enum OpEvent {
    /// A storage batch or a command for keys ended: head and body of its completion, or why not.
    Ended(u64, Result<(Vec<u8>, Vec<u8>), (AbiStatus, OpError)>),
    /// Something happened to a net request. The guest may use the numbers of what is over again: the serial tells requests apart.
    Net {
        serial: u64,
        op: u64,
        stream: u32,
        event: NetEvent,
    },
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
    /// A storage batch or a command for keys.
    Job,
    Net(Numbered),
    Peers,
}

/// A net request with its serial.
#[derive(Clone)]
struct Numbered {
    serial: u64,
    exchange: Exchange,
}

/// The operations and streams of one instance. Dropping it stops what can be stopped; batches that storage has taken take effect all the same.
pub struct Ops {
    generation: u64,
    storage: Arc<Storage>,
    keys: Arc<Keys>,
    net: Net,
    p2p: Option<Rc<RefCell<P2p>>>,
    inputs: Sender<Input>,
    pending: HashMap<u64, Pending>,
    streams: HashMap<u32, Numbered>,
    peer_streams: Streams,
    last_serial: u64,
}

impl Ops {
    /// None yet. Events come back as [`Input::Op`] of this generation; what peers do is asked for by [`Self::next_of_peers`].
    pub fn new(
        generation: u64,
        storage: Arc<Storage>,
        keys: Arc<Keys>,
        net: Net,
        p2p: Option<Rc<RefCell<P2p>>>,
        inputs: Sender<Input>,
    ) -> Self {
        Self {
            generation,
            storage,
            keys,
            net,
            p2p,
            inputs,
            pending: HashMap::new(),
            streams: HashMap::new(),
            peer_streams: Streams::default(),
            last_serial: 0,
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
        self.pending.insert(op, Pending::Job);
        let (inputs, generation) = (self.inputs.clone(), self.generation);
        self.storage.submit(batch, move |result| {
            let result = result
                .and_then(storage::encode)
                .map_err(storage::StorageError::into_completion);
            let event = OpEvent::Ended(op, result);
            // Nobody listens any more when the host is closed.
            let _ = inputs.send(Input::Op { generation, event });
        });
        Ok(())
    }

    /// `avatar_keys`.
    pub fn keys(&mut self, op: u64, command: &[u8]) -> Result<(), AbiStatus> {
        self.admit(op)?;
        let command = KeysCommand::decode(command).map_err(|_| AbiStatus::Invalid)?;
        command.check()?;
        self.pending.insert(op, Pending::Job);
        let (inputs, generation) = (self.inputs.clone(), self.generation);
        self.keys.submit(command, move |result| {
            let result = result.map(|mut result| {
                let head = result.encode_to_vec();
                result.data.zeroize();
                (head, Vec::new())
            });
            let event = OpEvent::Ended(op, result.map_err(KeysError::into_completion));
            let _ = inputs.send(Input::Op { generation, event });
        });
        Ok(())
    }

    /// `avatar_net_request`.
    pub fn net_request(&mut self, op: u64, head: &[u8], body: &[u8]) -> Result<(), AbiStatus> {
        self.admit(op)?;
        let request = NetRequest::decode(head).map_err(|_| AbiStatus::Invalid)?;
        let stream = request.response_stream;
        if stream.is_multiple_of(2) || stream > i32::MAX as u32 || self.has_stream(stream) {
            return Err(AbiStatus::Invalid);
        }
        if self.streams.len() >= DEFAULT_MAX_STREAMS as usize {
            return Err(AbiStatus::Limit);
        }
        let (inputs, generation) = (self.inputs.clone(), self.generation);
        self.last_serial += 1;
        let serial = self.last_serial;
        let exchange = self.net.request(request, body.to_vec(), move |event| {
            let event = OpEvent::Net {
                serial,
                op,
                stream,
                event,
            };
            let _ = inputs.send(Input::Op { generation, event });
        });
        let numbered = Numbered { serial, exchange };
        self.pending.insert(op, Pending::Net(numbered.clone()));
        self.streams.insert(stream, numbered);
        Ok(())
    }

    /// `avatar_p2p`.
    pub fn p2p(&mut self, op: u64, command: &[u8]) -> Result<(), AbiStatus> {
        self.admit(op)?;
        let p2p = self.p2p.clone().ok_or(AbiStatus::Unsupported)?;
        let command = P2pCommand::decode(command).map_err(|_| AbiStatus::Invalid)?;
        command.check()?;
        if let Some(Command::OpenStream(open)) = &command.command
            && self.has_stream(open.stream)
        {
            return Err(AbiStatus::Invalid);
        }
        p2p.borrow_mut().command(op, command)?;
        self.pending.insert(op, Pending::Peers);
        Ok(())
    }

    fn has_stream(&self, stream: u32) -> bool {
        let of_peers = || self.peers().is_ok_and(|p2p| p2p.has_stream(stream));
        self.streams.contains_key(&stream) || self.peer_streams.has(stream) || of_peers()
    }

    /// NOT_FOUND, which is what their streams are where there are none.
    fn peers(&self) -> Result<RefMut<'_, P2p>, AbiStatus> {
        self.p2p.as_ref().map(|p2p| p2p.borrow_mut()).ok_or(AbiStatus::NotFound)
    }

    /// A stream of which the guest has not been told that it is dead is not NOT_FOUND.
    fn of_peers<T>(&self, stream: u32, done: Result<T, AbiStatus>, dead: Result<T, AbiStatus>) -> Result<T, AbiStatus> {
        match done {
            Err(AbiStatus::NotFound) if self.peer_streams.has(stream) => dead,
            done => done,
        }
    }

    /// `avatar_cancel`. A batch or a command for keys is not stopped: it is on its way, and its true result follows.
    pub fn cancel(&mut self, op: u64) -> Result<(), AbiStatus> {
        match self.pending.get(&op) {
            None => Err(AbiStatus::NotFound),
            Some(Pending::Job) => Ok(()),
            Some(Pending::Net(numbered)) => {
                numbered.exchange.abort();
                Ok(())
            }
            Some(Pending::Peers) => {
                self.peers()?.cancel(op);
                Ok(())
            }
        }
    }

    /// `avatar_stream_grant`.
    pub fn stream_grant(&mut self, stream: u32, bytes: u32) -> Result<(), AbiStatus> {
        match self.streams.get(&stream) {
            Some(numbered) => {
                numbered.exchange.grant(bytes);
                Ok(())
            }
            None => {
                let done = self.peers()?.grant(stream, bytes);
                self.of_peers(stream, done, Ok(()))
            }
        }
    }

    /// `avatar_stream_close`. The streams of net requests carry bytes to the guest only: there is nothing to finish.
    pub fn stream_close(&mut self, stream: u32, how: i32) -> Result<(), AbiStatus> {
        if !(stream_close::FINISH_WRITING..=stream_close::RESET).contains(&how) {
            return Err(AbiStatus::Invalid);
        }
        if !self.streams.contains_key(&stream) {
            let done = self.peers()?.close(stream, how);
            let done = self.of_peers(stream, done, Ok(()));
            self.peer_streams.closed(stream, how);
            return done;
        }
        if how == stream_close::FINISH_WRITING {
            return Ok(());
        }
        // What is on its way for it finds no stream any more (H19).
        let numbered = self.streams.remove(&stream).ok_or(AbiStatus::NotFound)?;
        numbered.exchange.abort();
        Ok(())
    }

    /// `avatar_stream_write`: how many bytes were taken, which is all of them. A response of HTTP cannot be written.
    pub fn stream_write(&mut self, stream: u32, parts: &[&[u8]]) -> Result<u32, AbiStatus> {
        if self.streams.contains_key(&stream) {
            return Err(AbiStatus::BadState);
        }
        let done = self.peers()?.write(stream, parts);
        self.of_peers(stream, done, Err(AbiStatus::Closed))
    }

    /// The next thing that peers did, if there is one; what it means to the guest, if it is still of interest.
    pub fn next_of_peers(&mut self) -> Option<Option<Tell>> {
        let output = self.peers().ok()?.next_output()?;
        Some(self.tell_peers(output))
    }

    fn tell_peers(&mut self, output: Output) -> Option<Tell> {
        let (stream, kind, arg, data) = match output {
            Output::Completed { op, code, head } => {
                self.pending.remove(&op)?;
                let body = Vec::new();
                return Some(Tell::Complete { op, code, head, body });
            }
            Output::Opened { stream, credit } => {
                self.peer_streams.began(stream);
                (stream, stream_event::OPENED, credit.into(), Vec::new())
            }
            Output::Inbound { stream, credit, head } => {
                self.peer_streams.began(stream);
                (stream, stream_event::INBOUND, credit.into(), head)
            }
            Output::Stream { stream, event } => {
                self.peer_streams.tells(stream, &event).then_some(())?;
                match event {
                    StreamEvent::Data(data) => (stream, stream_event::DATA, 0, data),
                    StreamEvent::Fin => (stream, stream_event::FIN, 0, Vec::new()),
                    StreamEvent::Reset(status) => (stream, stream_event::RESET, status as i64, Vec::new()),
                    StreamEvent::Writable(credit) => (stream, stream_event::WRITABLE, credit.into(), Vec::new()),
                }
            }
        };
        Some(Tell::Stream {
            stream,
            kind,
            arg,
            data,
        })
    }

    /// What an event means to the guest, if it is still of interest.
    pub fn tell(&mut self, event: OpEvent) -> Option<Tell> {
        match event {
            OpEvent::Ended(op, result) => self.complete(op, result),
            OpEvent::Net {
                serial,
                op,
                stream,
                event,
            } => {
                let pending = matches!(self.pending.get(&op), Some(Pending::Net(net)) if net.serial == serial);
                let open = self.streams.get(&stream).is_some_and(|net| net.serial == serial);
                self.tell_net(event, pending.then_some(op), open.then_some(stream))
            }
        }
    }

    /// `op`: the operation that is still to be completed. `stream`: the stream that the guest has not closed.
    fn tell_net(&mut self, event: NetEvent, op: Option<u64>, stream: Option<u32>) -> Option<Tell> {
        match event {
            NetEvent::Head(head) => self.complete(op?, Ok((head.encode_to_vec(), Vec::new()))),
            NetEvent::Data(data) => Some(Tell::Stream {
                stream: stream?,
                kind: stream_event::DATA,
                arg: 0,
                data,
            }),
            NetEvent::Fin => self.end_stream(stream?, stream_event::FIN, 0),
            NetEvent::Failed(error) => match op {
                Some(op) => {
                    // The operation failed: there never was a stream.
                    if let Some(stream) = stream {
                        self.streams.remove(&stream);
                    }
                    self.complete(op, Err((error.status, error.error)))
                }
                None => self.end_stream(stream?, stream_event::RESET, error.status as i64),
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

    fn end_stream(&mut self, stream: u32, kind: i32, arg: i64) -> Option<Tell> {
        self.streams.remove(&stream)?;
        Some(Tell::Stream {
            stream,
            kind,
            arg,
            data: Vec::new(),
        })
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        for pending in self.pending.values() {
            if let Pending::Net(net) = pending {
                net.exchange.abort();
            }
        }
        self.streams.values().for_each(|net| net.exchange.abort());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Rules;
    use std::sync::mpsc::{Receiver, channel};

    struct Place {
        ops: Ops,
        inputs: Receiver<Input>,
        _folder: tempfile::TempDir,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().join("x.redb")).expect("a database");
        let keys = Keys::open(folder.path().join("keys")).expect("a thread");
        let net = Net::new(Rules::default()).expect("a client");
        let (tell, inputs) = channel();
        Place {
            ops: Ops::new(1, Arc::new(storage), Arc::new(keys), net, None, tell),
            inputs,
            _folder: folder,
        }
    }

    impl Place {
        /// What the next event says to the guest.
        fn told(&mut self) -> Option<Tell> {
            match self.inputs.recv().expect("an event") {
                Input::Op { event, .. } => self.ops.tell(event),
                _ => panic!("an event of an operation"),
            }
        }
    }

    fn request(stream: u32) -> Vec<u8> {
        NetRequest {
            method: "GET".into(),
            url: "https://10.0.0.1/".into(),
            response_stream: stream,
            ..NetRequest::default()
        }
        .encode_to_vec()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn h14_an_operation_completes_exactly_once_also_after_a_cancel() {
        let mut place = place();
        let empty = avatar_proto::StorageBatch::default().encode_to_vec();
        place.ops.storage(7, &empty, &[]).expect("accepted");
        assert_eq!(
            place.ops.storage(7, &empty, &[]),
            Err(AbiStatus::Invalid),
            "in flight already"
        );
        assert_eq!(place.ops.cancel(7), Ok(()));
        assert!(matches!(place.told(), Some(Tell::Complete { op: 7, code: 0, .. })));
        assert_eq!(place.ops.cancel(7), Err(AbiStatus::NotFound));
        assert!(place.ops.is_idle());
        place.ops.net_request(8, &request(1), &[]).expect("accepted");
        let denied = place.told().expect("its end");
        assert!(matches!(denied, Tell::Complete { op: 8, code, .. } if code == AbiStatus::Denied.code()));
        assert!(place.ops.is_idle() && place.inputs.try_recv().is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn h16_more_than_the_limit_is_refused_and_so_is_nonsense() {
        let mut place = place();
        assert_eq!(place.ops.storage(0, &[], &[]), Err(AbiStatus::Invalid));
        assert_eq!(place.ops.storage(1, b"\xff", &[]), Err(AbiStatus::Invalid));
        for stream in [0, 2, 1 << 31 | 1] {
            assert_eq!(place.ops.net_request(1, &request(stream), &[]), Err(AbiStatus::Invalid));
        }
        for op in 1..=u64::from(DEFAULT_MAX_INFLIGHT_OPS) {
            place.ops.storage(op, &[], &[]).expect("accepted");
        }
        assert_eq!(place.ops.storage(u64::MAX, &[], &[]), Err(AbiStatus::Limit));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn h19_what_came_for_a_stream_that_is_closed_is_not_told_to_the_next_of_its_number() {
        let mut place = place();
        place.ops.net_request(1, &request(5), &[]).expect("accepted");
        let Input::Op { event: late, .. } = place.inputs.recv().expect("an event") else {
            panic!("an event of an operation")
        };
        assert_eq!(place.ops.stream_close(5, 3), Ok(()));
        place.ops.pending.clear();
        place
            .ops
            .net_request(1, &request(5), &[])
            .expect("the numbers are free again");
        assert_eq!(place.ops.tell(late), None);
        assert!(matches!(place.told(), Some(Tell::Complete { op: 1, .. })));
    }
}
