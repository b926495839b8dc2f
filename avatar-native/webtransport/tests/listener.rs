//! A client as browsers are one: it takes the certificate by its hash, and checks in Noise that the peer meant just these hashes.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures::prelude::*;
use libp2p_core::Transport as _;
use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::multihash::Multihash;
use libp2p_core::muxing::StreamMuxerExt;
use libp2p_core::transport::{ListenerId, TransportEvent};
use libp2p_core::upgrade::OutboundConnectionUpgrade;
use libp2p_identity::{Keypair, PeerId};
use libp2p_webtransport_listener::{Certificates, Connection, Error, Transport};
use tokio_util::compat::TokioAsyncReadCompatExt;
use wtransport::stream::BiStream;
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Endpoint};

const PATH: &str = "/.well-known/libp2p-webtransport?type=noise";

type Event = TransportEvent<<Transport as libp2p_core::Transport>::ListenerUpgrade, Error>;

struct Server {
    transport: Pin<Box<Transport>>,
    peer: PeerId,
}

impl Server {
    /// A listener on loopback, and its first address.
    async fn start(certificates: Certificates) -> (Self, Multiaddr) {
        let keypair = Keypair::generate_ed25519();
        let peer = keypair.public().to_peer_id();
        let mut transport = Box::pin(Transport::new(keypair, certificates));
        let listen = "/ip4/127.0.0.1/udp/0/quic-v1/webtransport".parse().unwrap();
        transport.listen_on(ListenerId::next(), listen).unwrap();
        let mut server = Self { transport, peer };
        let Event::NewAddress { listen_addr, .. } = server.next().await else {
            panic!("no address");
        };
        (server, listen_addr)
    }

    async fn next(&mut self) -> Event {
        let event = future::poll_fn(|cx| self.transport.as_mut().poll(cx));
        tokio::time::timeout(Duration::from_secs(20), event)
            .await
            .expect("no event")
    }

    /// The next who comes in, after the handshake.
    async fn accept(&mut self) -> Result<(PeerId, Connection), Error> {
        loop {
            if let Event::Incoming { upgrade, .. } = self.next().await {
                return upgrade.await;
            }
        }
    }
}

fn taken_apart(address: &Multiaddr) -> (SocketAddr, Vec<Multihash<64>>) {
    let (mut host, mut port, mut hashes) = (None, None, Vec::new());
    for part in address {
        match part {
            Protocol::Ip4(ip) => host = Some(ip),
            Protocol::Udp(number) => port = Some(number),
            Protocol::Certhash(hash) => hashes.push(hash),
            _ => {}
        }
    }
    (SocketAddr::from((host.unwrap(), port.unwrap())), hashes)
}

/// A session at the address, before the handshake.
async fn session(
    address: &Multiaddr,
    path: &str,
) -> Result<wtransport::Connection, wtransport::error::ConnectingError> {
    let (socket, hashes) = taken_apart(address);
    let digests = hashes
        .iter()
        .map(|hash| Sha256Digest::new(hash.digest().try_into().unwrap()));
    let config = ClientConfig::builder()
        .with_bind_default()
        .with_server_certificate_hashes(digests)
        .build();
    Endpoint::client(config)
        .unwrap()
        .connect(format!("https://{socket}{path}"))
        .await
}

/// The dialler's side of the handshake: fails unless the listener owns up to every hash of the address.
async fn dial(address: &Multiaddr) -> (PeerId, PeerId, wtransport::Connection) {
    let keypair = Keypair::generate_ed25519();
    let own = keypair.public().to_peer_id();
    let session = session(address, PATH).await.unwrap();
    let stream = BiStream::join(session.open_bi().await.unwrap().await.unwrap());
    let known: HashSet<_> = taken_apart(address).1.into_iter().collect();
    let noise = libp2p_noise::Config::new(&keypair)
        .unwrap()
        .with_webtransport_certhashes(known);
    let (peer, _) = noise.upgrade_outbound(stream.compat(), "/noise").await.unwrap();
    (own, peer, session)
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is_and_open_streams() {
    let (mut server, address) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let (accepted, (own, peer, session)) = tokio::join!(server.accept(), dial(&address));
    let (remote, mut connection) = accepted.unwrap();
    assert_eq!((remote, peer), (own, server.peer));

    let data = vec![7_u8; 3_000_000];
    let theirs = async {
        let mut stream = BiStream::join(session.open_bi().await.unwrap().await.unwrap()).compat();
        let (mut reader, mut writer) = (&mut stream).split();
        let write = async {
            writer.write_all(&data).await.unwrap();
            writer.close().await.unwrap();
        };
        let mut back = Vec::new();
        let (_, read) = tokio::join!(write, reader.read_to_end(&mut back));
        read.unwrap();
        assert!(back == data);
        let mut inbound = BiStream::join(session.accept_bi().await.unwrap()).compat();
        let mut hello = String::new();
        inbound.read_to_string(&mut hello).await.unwrap();
        hello
    };
    let ours = async {
        let stream = future::poll_fn(|cx| connection.poll_inbound_unpin(cx)).await.unwrap();
        let (reader, mut writer) = stream.split();
        futures::io::copy(reader, &mut writer).await.unwrap();
        writer.close().await.unwrap();
        let mut outbound = future::poll_fn(|cx| connection.poll_outbound_unpin(cx)).await.unwrap();
        outbound.write_all(b"hello").await.unwrap();
        outbound.close().await.unwrap();
        // Twice does no harm.
        outbound.close().await.unwrap();
    };
    let (hello, ()) = tokio::join!(theirs, ours);
    assert_eq!(hello, "hello");

    drop(session);
    let end = future::poll_fn(|cx| connection.poll_inbound_unpin(cx)).await;
    assert!(end.is_err());
}

#[tokio::test]
async fn what_was_written_before_a_stream_is_dropped_arrives() {
    let (mut server, address) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let (accepted, (.., session)) = tokio::join!(server.accept(), dial(&address));
    let (_, mut connection) = accepted.unwrap();
    for _ in 0..100 {
        let ours = async {
            let mut stream = future::poll_fn(|cx| connection.poll_inbound_unpin(cx)).await.unwrap();
            let mut ping = [0; 32];
            stream.read_exact(&mut ping).await.unwrap();
            stream.write_all(&ping).await.unwrap();
            stream.flush().await.unwrap();
        };
        let theirs = async {
            let mut stream = BiStream::join(session.open_bi().await.unwrap().await.unwrap()).compat();
            stream.write_all(&[7; 32]).await.unwrap();
            stream.close().await.unwrap();
            let mut pong = Vec::new();
            stream.read_to_end(&mut pong).await.unwrap();
            assert_eq!(pong, [7; 32]);
        };
        tokio::join!(ours, theirs);
    }
}

#[tokio::test]
async fn a_session_for_another_path_is_refused() {
    let (mut server, address) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let (accepted, refused) = tokio::join!(server.accept(), session(&address, "/other"));
    assert!(matches!(accepted, Err(Error::Path)));
    assert!(refused.is_err());
}

#[tokio::test]
async fn who_does_not_speak_noise_is_refused() {
    let (mut server, address) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let garbage = async {
        let session = session(&address, PATH).await.unwrap();
        let (mut send, _recv) = session.open_bi().await.unwrap().await.unwrap();
        send.write_all(&[0xff; 70_000]).await.unwrap();
        session.closed().await
    };
    let (accepted, _) = tokio::join!(server.accept(), garbage);
    assert!(matches!(accepted, Err(Error::Noise(_))));
}

#[tokio::test]
async fn who_goes_away_in_the_handshake_keeps_nobody_out() {
    let (mut server, address) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let gone = async { drop(session(&address, PATH).await.unwrap()) };
    let (accepted, ()) = tokio::join!(server.accept(), gone);
    assert!(accepted.is_err());
    let (accepted, (own, ..)) = tokio::join!(server.accept(), dial(&address));
    assert_eq!(accepted.unwrap().0, own);
}

#[tokio::test]
async fn rotation_announces_new_addresses_and_old_ones_still_work() {
    let (mut server, old) = Server::start(Certificates::in_memory(Duration::from_secs(4)).unwrap()).await;
    let (accepted, (.., session)) = tokio::join!(server.accept(), dial(&old));
    let (_, mut connection) = accepted.unwrap();

    let Event::NewAddress { listen_addr: new, .. } = server.next().await else {
        panic!("no new address");
    };
    assert!(matches!(server.next().await, Event::AddressExpired { listen_addr, .. } if listen_addr == old));
    let ((old_socket, old_hashes), (new_socket, new_hashes)) = (taken_apart(&old), taken_apart(&new));
    assert_eq!(old_socket, new_socket);
    assert_eq!(old_hashes[1], new_hashes[0]);
    assert_ne!(old_hashes[0], new_hashes[1]);

    for address in [&old, &new] {
        let (accepted, (own, peer, _)) = tokio::join!(server.accept(), dial(address));
        assert_eq!((accepted.unwrap().0, peer), (own, server.peer));
    }
    // Who came before is still there.
    let (stream, opened) = tokio::join!(future::poll_fn(|cx| connection.poll_inbound_unpin(cx)), async {
        let (mut send, recv) = session.open_bi().await.unwrap().await.unwrap();
        send.write_all(b"x").await.unwrap();
        (send, recv)
    });
    stream.unwrap();
    drop(opened);
}

#[tokio::test]
async fn a_closed_listener_says_so_and_is_gone() {
    let (mut server, _) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    let id = ListenerId::next();
    assert!(!server.transport.remove_listener(id));
    server
        .transport
        .listen_on(id, "/ip6/::1/udp/0/quic-v1/webtransport".parse().unwrap())
        .unwrap();
    assert!(matches!(server.next().await, Event::NewAddress { listener_id, .. } if listener_id == id));
    assert!(server.transport.remove_listener(id));
    assert!(matches!(server.next().await, Event::ListenerClosed { listener_id, reason: Ok(()) } if listener_id == id));
}

#[tokio::test]
async fn other_addresses_are_left_to_other_transports() {
    let (mut server, _) = Server::start(Certificates::in_memory(Duration::MAX).unwrap()).await;
    for other in [
        "/ip4/127.0.0.1/udp/0/quic-v1",
        "/ip4/127.0.0.1/tcp/0",
        "/dns/localhost/udp/0/quic-v1/webtransport",
    ] {
        assert!(
            server
                .transport
                .listen_on(ListenerId::next(), other.parse().unwrap())
                .is_err(),
            "{other}"
        );
    }
}
