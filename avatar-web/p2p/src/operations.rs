//! Operations that wait for the network, and how they end.

use std::collections::HashMap;

use avatar_proto::{AbiStatus, Message, OpError, OpErrorCode, P2pResult};
use libp2p::core::transport::ListenerId;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, TransportError};

/// What an operation waits for.
pub enum Operation {
    /// The first address of one of these listeners.
    Listen {
        listeners: Vec<ListenerId>,
        failures: Vec<String>,
    },
    /// The first of these connections.
    Dial {
        attempts: Vec<ConnectionId>,
        failures: Vec<Failure>,
    },
    /// A stream under this number of the guest. `request` is the host's own number for it: those of operations begin anew with each instance.
    Open {
        stream: u32,
        connection: ConnectionId,
        request: u64,
    },
    /// An event.
    NextEvents,
    /// Places that shall know, or may know.
    Discovery,
}

/// Those that are under way.
#[derive(Default)]
pub struct Operations(HashMap<u64, Operation>);

impl Operations {
    /// Waits.
    pub fn add(&mut self, op: u64, operation: Operation) {
        self.0.insert(op, operation);
    }

    /// Does not wait any more.
    pub fn remove(&mut self, op: u64) -> Option<Operation> {
        self.0.remove(&op)
    }

    /// Nothing waits any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The one that asks for events.
    pub fn next_events(&self) -> Option<u64> {
        self.find(|operation| matches!(operation, Operation::NextEvents))
    }

    /// Whether a stream is being opened under this number.
    pub fn opens(&self, number: u32) -> bool {
        self.find(|operation| matches!(operation, Operation::Open { stream, .. } if *stream == number))
            .is_some()
    }

    /// The one that waits for what was asked for under this number of the host.
    pub fn opening(&self, asked: u64) -> Option<u64> {
        self.find(|operation| matches!(operation, Operation::Open { request, .. } if *request == asked))
    }

    /// Those that open streams on this connection.
    pub fn opening_on(&self, id: ConnectionId) -> Vec<u64> {
        let on = |operation: &Operation| matches!(operation, Operation::Open { connection, .. } if *connection == id);
        self.0
            .iter()
            .filter(|(_, operation)| on(operation))
            .map(|(op, _)| *op)
            .collect()
    }

    /// The one that waits for this connection.
    pub fn dialling(&self, id: ConnectionId) -> Option<u64> {
        self.find(|operation| matches!(operation, Operation::Dial { attempts, .. } if attempts.contains(&id)))
    }

    /// The one that waits for this listener.
    pub fn listening(&self, id: ListenerId) -> Option<u64> {
        self.find(|operation| matches!(operation, Operation::Listen { listeners, .. } if listeners.contains(&id)))
    }

    /// One of the attempts failed; the last one's failure is that of the operation.
    pub fn attempt_failed(&mut self, op: u64, id: ConnectionId, failure: Failure) -> Option<Failure> {
        let Some(Operation::Dial { attempts, failures }) = self.0.get_mut(&op) else {
            return None;
        };
        attempts.retain(|attempt| *attempt != id);
        failures.push(failure);
        if !attempts.is_empty() {
            return None;
        }
        let failures = std::mem::take(failures);
        self.0.remove(&op);
        Some(Failure::of_all(failures))
    }

    /// One of the listeners failed; the last one's failure is that of the operation.
    pub fn listener_failed(&mut self, op: u64, id: ListenerId, reason: String) -> Option<Failure> {
        let Some(Operation::Listen { listeners, failures }) = self.0.get_mut(&op) else {
            return None;
        };
        listeners.retain(|listener| *listener != id);
        failures.push(reason);
        if !listeners.is_empty() {
            return None;
        }
        let reasons = failures.join("; ");
        self.0.remove(&op);
        Some(Failure::network(reasons))
    }

    fn find(&self, is: impl Fn(&Operation) -> bool) -> Option<u64> {
        self.0.iter().find(|(_, operation)| is(operation)).map(|(op, _)| *op)
    }
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For the completion.
    pub status: AbiStatus,
    code: OpErrorCode,
    message: String,
}

impl Failure {
    /// With words for developers.
    pub fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message }
    }

    /// The values of the command cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Invalid, OpErrorCode::Invalid, message)
    }

    /// What it names is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::NotFound, OpErrorCode::NotFound, message)
    }

    /// The network, or the other end.
    pub fn network(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Io, OpErrorCode::Network, message)
    }

    /// Not in time.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Io, OpErrorCode::Timeout, message)
    }

    /// Too much at once.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(AbiStatus::Limit, OpErrorCode::TooLarge, message)
    }

    /// Nobody waits any more.
    pub fn cancelled() -> Self {
        Self::new(AbiStatus::Cancelled, OpErrorCode::Cancelled, "cancelled")
    }

    /// Somebody else answered (H25) weighs more than that somebody did not.
    pub fn of_all(failures: Vec<Self>) -> Self {
        let message: Vec<_> = failures.iter().map(|failure| failure.message.as_str()).collect();
        let message = message.join("; ");
        match failures.iter().find(|failure| failure.status == AbiStatus::Denied) {
            Some(denied) => Self::new(denied.status, denied.code, message),
            None => Self::network(message),
        }
    }
}

impl From<&DialError> for Failure {
    fn from(error: &DialError) -> Self {
        let denied = |message| Self::new(AbiStatus::Denied, OpErrorCode::Denied, message);
        match error {
            DialError::WrongPeerId { obtained, address } => {
                denied(format!("{address} is {obtained}, and not the peer that was named"))
            }
            DialError::LocalPeerId { address } => denied(format!("{address} is this host itself")),
            DialError::NoAddresses => Self::not_found("no address of this peer is known"),
            DialError::Denied { cause } => Self::limit(cause.to_string()),
            DialError::Transport(failed) => {
                let words: Vec<_> = failed.iter().map(|(address, error)| words_of(address, error)).collect();
                Self::network(words.join("; "))
            }
            other => Self::network(other.to_string()),
        }
    }
}

fn words_of(address: &Multiaddr, error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => format!("{address}: this host has no transport for it"),
        TransportError::Other(error) => {
            let mut words = format!("{address}: {error}");
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                let cause_words = cause.to_string();
                if !words.contains(&cause_words) {
                    words = format!("{words}: {cause_words}");
                }
                source = cause.source();
            }
            words
        }
    }
}

/// The status and the head of a completion.
pub fn completion(result: Result<P2pResult, Failure>) -> (i32, Vec<u8>) {
    match result {
        Ok(result) => (0, result.encode_to_vec()),
        Err(Failure { status, code, message }) => {
            let code = code.into();
            (status.code(), OpError { code, message }.encode_to_vec())
        }
    }
}

/// A peer id from the contract's bytes.
pub fn peer_of(bytes: &[u8]) -> Result<PeerId, Failure> {
    PeerId::from_bytes(bytes).map_err(|error| Failure::invalid(format!("not a peer id: {error}")))
}

/// Addresses from the contract's texts. Those of kinds that this build does not know are left out; all of them are an error.
pub fn addresses_of(texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let addresses: Vec<Multiaddr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if addresses.is_empty() && !texts.is_empty() {
        return Err(Failure::invalid("none of the addresses is a multiaddr"));
    }
    Ok(addresses)
}
