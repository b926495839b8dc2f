//! The relay with rust-libp2p's own clients, and with those who mean no good.

use std::net::SocketAddr;
use std::time::Duration;

use avatar_relay::{Config, Limits, Multiaddr, Relay};
use futures::StreamExt;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{PeerId, Transport, identify, noise, rendezvous, tcp, yamux};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(NetworkBehaviour)]
struct Client {
    identify: identify::Behaviour,
    rendezvous: rendezvous::client::Behaviour,
}

struct Peer {
    swarm: Swarm<Client>,
    relay: PeerId,
}

impl Peer {
    /// A peer who is connected to the relay and knows what it speaks.
    async fn connect(relay: &Relay) -> Self {
        let keypair = Keypair::generate_ed25519();
        let transport = tcp::tokio::Transport::default()
            .upgrade(Version::V1)
            .authenticate(noise::Config::new(&keypair).unwrap())
            .multiplex(yamux::Config::default())
            .boxed();
        let client = Client {
            identify: identify::Behaviour::new(identify::Config::new("test".to_owned(), keypair.public())),
            rendezvous: rendezvous::client::Behaviour::new(keypair.clone()),
        };
        let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(30));
        let mut swarm = Swarm::new(transport, client, keypair.public().to_peer_id(), config);
        let mut peer = Self {
            relay: relay.peer_id(),
            swarm: {
                swarm.dial(tcp_address(relay)).unwrap();
                swarm
            },
        };
        peer.until(|event| match event {
            SwarmEvent::Behaviour(ClientEvent::Identify(identify::Event::Received { .. })) => Some(()),
            _ => None,
        })
        .await;
        peer
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(SwarmEvent<ClientEvent>) -> Option<T>) -> T {
        let look = async {
            loop {
                let event = self.swarm.select_next_some().await;
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look)
            .await
            .expect("it does not happen")
    }
}

fn tcp_address(relay: &Relay) -> Multiaddr {
    let is_tcp = |address: &&Multiaddr| {
        let mut parts = address.iter().skip(1);
        matches!(
            (parts.next(), parts.next()),
            (Some(Protocol::Tcp(_)), Some(Protocol::P2p(_)))
        )
    };
    relay.addresses().iter().find(is_tcp).unwrap().clone()
}

async fn start(folder: &TempDir, limits: Limits) -> Relay {
    let config = Config {
        limits,
        ..Config::loopback(folder.path())
    };
    Relay::start(config).await.unwrap()
}

#[tokio::test]
async fn a_peer_is_found_by_rendezvous() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(&folder, Limits::default()).await;
    let (mut a, mut b) = (Peer::connect(&relay).await, Peer::connect(&relay).await);
    let place = || rendezvous::Namespace::from_static("a place that nobody can guess");
    let own: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
    a.swarm.add_external_address(own.clone());
    a.swarm
        .behaviour_mut()
        .rendezvous
        .register(place(), a.relay, Some(60))
        .unwrap();
    let ttl = a
        .until(|event| match event {
            SwarmEvent::Behaviour(ClientEvent::Rendezvous(rendezvous::client::Event::Registered { ttl, .. })) => {
                Some(ttl)
            }
            _ => None,
        })
        .await;
    assert_eq!(ttl, 60);
    b.swarm
        .behaviour_mut()
        .rendezvous
        .discover(Some(place()), None, None, b.relay);
    let found = b
        .until(|event| match event {
            SwarmEvent::Behaviour(ClientEvent::Rendezvous(rendezvous::client::Event::Discovered {
                registrations,
                ..
            })) => Some(registrations),
            _ => None,
        })
        .await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].record.peer_id(), *a.swarm.local_peer_id());
    assert_eq!(found[0].record.addresses(), [own]);
    relay.close().await;
}

#[tokio::test]
async fn no_more_registrations_are_kept_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        registrations: 0,
        ..Limits::default()
    };
    let relay = start(&folder, limits).await;
    let mut peer = Peer::connect(&relay).await;
    peer.swarm.add_external_address("/ip4/192.0.2.1/tcp/1".parse().unwrap());
    let mut register = |name: &'static str| {
        let to = peer.relay;
        let rendezvous = &mut peer.swarm.behaviour_mut().rendezvous;
        rendezvous
            .register(rendezvous::Namespace::from_static(name), to, Some(60))
            .unwrap();
    };
    register("one");
    register("two");
    register("three");
    peer.until(|event| match event {
        SwarmEvent::Behaviour(ClientEvent::Rendezvous(rendezvous::client::Event::RegisterFailed { error, .. })) => {
            assert_eq!(error, rendezvous::ErrorCode::Unavailable);
            Some(())
        }
        _ => None,
    })
    .await;
    relay.close().await;
}

#[tokio::test]
async fn an_external_host_is_told_to_peers_and_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        external: vec!["/dns4/relay.example".parse().unwrap()],
        ..Config::loopback(folder.path())
    };
    let relay = Relay::start(config).await.unwrap();
    let addresses = relay.addresses();
    assert_eq!(addresses.len(), 5);
    for address in &addresses {
        assert!(address.to_string().starts_with("/dns4/relay.example/"), "{address}");
    }
    relay.close().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = Config {
        listen: vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()],
        ..Config::loopback(folder.path())
    };
    let error = Relay::start(config).await.unwrap_err();
    assert!(
        matches!(&error, avatar_relay::Error::Listen { address, .. } if address.to_string().ends_with(&port.to_string())),
        "{error}"
    );
}

#[tokio::test]
async fn a_limit_of_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        circuits_per_peer: 0,
        ..Limits::default()
    };
    let config = Config {
        limits,
        ..Config::loopback(folder.path())
    };
    assert!(matches!(Relay::start(config).await, Err(avatar_relay::Error::Limit(_))));
}

/// Sends `request` and resolves with all that comes back until the other end closes.
async fn http(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed while we still write.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_endless_request_is_given_up_and_the_next_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(&folder, Limits::default()).await;
    let endless = [b"GET /health HTTP/1.1\r\nx: ".as_slice(), &[b'a'; 1 << 20]].concat();
    assert!(!http(relay.http(), &endless).await.starts_with("HTTP/1.1 200"));
    // One who says nothing is let go of too.
    assert!(!http(relay.http(), b"GET /hea").await.starts_with("HTTP/1.1 200"));
    let answer = http(relay.http(), b"GET /health HTTP/1.1\r\nhost: relay\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");
    relay.close().await;
}

#[tokio::test]
async fn garbage_on_every_tcp_port_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(&folder, Limits::default()).await;
    for address in relay.addresses() {
        let mut parts = address.iter();
        let (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
            continue;
        };
        for garbage in [vec![0xff; 100_000], b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 3]] {
            let mut stream = TcpStream::connect((ip, port)).await.unwrap();
            let _ = stream.write_all(&garbage).await;
        }
    }
    Peer::connect(&relay).await;
    relay.close().await;
}
