//! The limits of `p2p.proto`, for all hosts.

use crate::p2p_command::Command;
use crate::{AbiStatus, P2pCommand};

/// The longest peer id, as a multihash, in bytes.
pub const MAX_PEER_ID_BYTES: usize = 64;

/// The longest multiaddr, as text, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 1_024;

/// The most addresses in a command.
pub const MAX_ADDRESSES: usize = 64;

/// The longest name of a protocol or topic, in bytes.
pub const MAX_PROTOCOL_BYTES: usize = 256;

/// The most protocols that a stream is opened with.
pub const MAX_PROTOCOLS: usize = 8;

/// The longest message of gossip, in bytes.
pub const MAX_GOSSIP_BYTES: usize = 64_512;

/// The longest key that is advertised and found, in bytes.
pub const MAX_DISCOVERY_KEY_BYTES: usize = 64;

/// The most peers that one find gives.
pub const MAX_FOUND_PEERS: u32 = 64;

impl P2pCommand {
    /// Whether a host takes it (ABI.md H16, H24); otherwise it returns INVALID. Whether a stream's number is in use only the host knows.
    pub fn check(&self) -> Result<(), AbiStatus> {
        let peer = |peer: &[u8]| (1..=MAX_PEER_ID_BYTES).contains(&peer.len());
        let maybe_peer = |bytes: &[u8]| bytes.is_empty() || peer(bytes);
        let addresses = |addresses: &[String]| {
            addresses.len() <= MAX_ADDRESSES
                && addresses
                    .iter()
                    .all(|address| (1..=MAX_ADDRESS_BYTES).contains(&address.len()))
        };
        let protocol = |name: &str| (1..=MAX_PROTOCOL_BYTES).contains(&name.len());
        let key = |key: &[u8]| (1..=MAX_DISCOVERY_KEY_BYTES).contains(&key.len());
        let fits = match self.command.as_ref().ok_or(AbiStatus::Invalid)? {
            Command::Listen(listen) => !listen.addresses.is_empty() && addresses(&listen.addresses),
            Command::Dial(dial) => {
                maybe_peer(&dial.peer)
                    && addresses(&dial.addresses)
                    && !(dial.peer.is_empty() && dial.addresses.is_empty())
            }
            Command::OpenStream(open) => {
                peer(&open.peer)
                    && (1..=MAX_PROTOCOLS).contains(&open.protocols.len())
                    && open.protocols.iter().all(|name| protocol(name))
                    && open.stream % 2 == 1
                    && open.stream <= i32::MAX as u32
            }
            Command::Publish(publish) => protocol(&publish.topic) && publish.data.len() <= MAX_GOSSIP_BYTES,
            Command::Subscribe(subscribe) => protocol(&subscribe.topic),
            Command::Advertise(advertise) => key(&advertise.key) && maybe_peer(&advertise.at),
            Command::Find(find) => key(&find.key) && maybe_peer(&find.at) && find.limit <= MAX_FOUND_PEERS,
            Command::AcceptProtocol(name) | Command::RefuseProtocol(name) => protocol(name),
            Command::Disconnect(bytes) => peer(bytes),
            Command::NextEvents(_) => true,
        };
        if fits { Ok(()) } else { Err(AbiStatus::Invalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P2pAdvertise, P2pDial, P2pFind, P2pListen, P2pNextEvents, P2pOpenStream, P2pPublish, P2pSubscribe};

    fn check(command: impl Into<Option<Command>>) -> Result<(), AbiStatus> {
        let command = command.into();
        P2pCommand { command }.check()
    }

    fn listen(count: usize, len: usize) -> Command {
        Command::Listen(P2pListen {
            addresses: vec!["/".repeat(len); count],
            stop: false,
        })
    }

    fn dial(peer: usize, addresses: usize) -> Command {
        Command::Dial(P2pDial {
            peer: vec![1; peer],
            addresses: vec!["/memory/1".to_owned(); addresses],
            anew: false,
        })
    }

    fn open(peer: usize, protocols: usize, stream: u32) -> Command {
        Command::OpenStream(P2pOpenStream {
            peer: vec![1; peer],
            protocols: vec!["/echo".to_owned(); protocols],
            stream,
        })
    }

    fn publish(topic: usize, data: usize) -> Command {
        Command::Publish(P2pPublish {
            topic: "t".repeat(topic),
            data: vec![1; data],
        })
    }

    fn advertise(key: usize, at: usize) -> Command {
        Command::Advertise(P2pAdvertise {
            key: vec![1; key],
            at: vec![1; at],
            ..P2pAdvertise::default()
        })
    }

    fn find(key: usize, limit: u32) -> Command {
        Command::Find(P2pFind {
            key: vec![1; key],
            limit,
            at: Vec::new(),
        })
    }

    #[test]
    fn h24_commands_outside_the_limits_are_invalid() {
        let subscribe = |len| {
            Command::Subscribe(P2pSubscribe {
                topic: "t".repeat(len),
                unsubscribe: false,
            })
        };
        for taken in [
            listen(1, 1),
            listen(64, 1_024),
            dial(0, 1),
            dial(1, 0),
            dial(64, 64),
            open(1, 1, 1),
            open(64, 8, 0x7fff_ffff),
            publish(1, 0),
            publish(256, 64_512),
            subscribe(1),
            subscribe(256),
            advertise(1, 0),
            advertise(64, 64),
            find(1, 0),
            find(64, 64),
            Command::AcceptProtocol("/a".to_owned()),
            Command::RefuseProtocol("/a".to_owned()),
            Command::Disconnect(vec![1; 64]),
            Command::NextEvents(P2pNextEvents {}),
        ] {
            assert_eq!(check(taken.clone()), Ok(()), "{taken:?}");
        }
        for refused in [
            listen(0, 0),
            listen(1, 0),
            listen(1, 1_025),
            listen(65, 1),
            dial(0, 0),
            dial(65, 1),
            dial(1, 65),
            open(0, 1, 1),
            open(1, 0, 1),
            open(1, 9, 1),
            open(1, 1, 0),
            open(1, 1, 2),
            open(1, 1, 0x8000_0001),
            publish(0, 1),
            publish(257, 1),
            publish(1, 64_513),
            subscribe(0),
            subscribe(257),
            advertise(0, 0),
            advertise(65, 0),
            advertise(1, 65),
            find(0, 1),
            find(1, 65),
            Command::AcceptProtocol(String::new()),
            Command::RefuseProtocol("a".repeat(257)),
            Command::Disconnect(Vec::new()),
        ] {
            assert_eq!(check(refused.clone()), Err(AbiStatus::Invalid), "{refused:?}");
        }
        assert_eq!(check(None), Err(AbiStatus::Invalid), "no command");
    }
}
