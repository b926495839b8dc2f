//! One listening socket: its addresses, and the handshake of who comes in.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{AsyncWriteExt, FutureExt};
use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_core::multihash::Multihash;
use libp2p_core::transport::{ListenerId, TransportEvent};
use libp2p_core::upgrade::InboundConnectionUpgrade;
use libp2p_identity::{Keypair, PeerId};
use listening_hosts::Hosts;
use wtransport::config::{QuicTransportConfig, ServerConfig};
use wtransport::endpoint::endpoint_side::Server;
use wtransport::endpoint::{Endpoint, IncomingSession};

use crate::certificates::Certificates;
use crate::connection::Connection;
use crate::error::Error;
use crate::stream::Stream;

/// Where libp2p is on a WebTransport server, and how it proves its key.
const PATH: &str = "/.well-known/libp2p-webtransport?type=noise";

/// QUIC, HTTP/3 and Noise together.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Streams that one session has at once.
const MAX_STREAMS: u32 = 256;

/// What one stream may have in flight, bytes; a connection four times that.
const STREAM_WINDOW: u32 = 1 << 20;

/// Sessions whose first packets wait to be looked at, and what they may weigh in all, bytes.
const MAX_INCOMING: usize = 256;
const MAX_INCOMING_BYTES: u64 = 4 << 20;

pub type Upgrade = BoxFuture<'static, Result<(PeerId, Connection), Error>>;
pub type Event = TransportEvent<Upgrade, Error>;

pub struct Listener {
    pub id: ListenerId,
    endpoint: Arc<Endpoint<Server>>,
    accept: BoxFuture<'static, IncomingSession>,
    port: u16,
    hosts: Hosts,
    told: [Multihash<64>; 2],
    events: VecDeque<Event>,
}

impl Listener {
    pub fn open(id: ListenerId, address: SocketAddr, certificates: &Certificates) -> Result<Self, Error> {
        let endpoint = Arc::new(Endpoint::server(config(address, certificates)?)?);
        let bound = endpoint.local_addr()?;
        Ok(Self {
            id,
            accept: accept(&endpoint),
            endpoint,
            port: bound.port(),
            hosts: Hosts::of(bound.ip())?,
            told: certificates.told(),
            events: VecDeque::new(),
        })
    }

    /// Shows another certificate to who comes from now on. Connections stay.
    pub fn renew(&mut self, certificates: &Certificates) -> Result<(), Error> {
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        self.endpoint.reload_config(config(any, certificates)?, false)?;
        let old: Vec<Multiaddr> = self.addresses().collect();
        self.told = certificates.told();
        let new: Vec<Multiaddr> = self.addresses().collect();
        for listen_addr in new {
            self.events.push_back(TransportEvent::NewAddress {
                listener_id: self.id,
                listen_addr,
            });
        }
        for listen_addr in old {
            self.events.push_back(TransportEvent::AddressExpired {
                listener_id: self.id,
                listen_addr,
            });
        }
        Ok(())
    }

    pub fn poll(&mut self, cx: &mut Context<'_>, keypair: &Keypair, certificates: &Certificates) -> Poll<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(event);
            }
            let told = |host| with_hashes(address(host, self.port), &self.told);
            if let Poll::Ready(event) = self.hosts.poll(cx, self.id, told) {
                return Poll::Ready(event);
            }
            let Poll::Ready(incoming) = self.accept.poll_unpin(cx) else {
                return Poll::Pending;
            };
            self.accept = accept(&self.endpoint);
            let remote = incoming.remote_address();
            let Some(local_addr) = self.addresses().next() else {
                incoming.refuse();
                continue;
            };
            return Poll::Ready(TransportEvent::Incoming {
                listener_id: self.id,
                upgrade: upgrade(incoming, keypair.clone(), certificates.known()).boxed(),
                local_addr,
                send_back_addr: address(remote.ip(), remote.port()),
            });
        }
    }

    fn addresses(&self) -> impl Iterator<Item = Multiaddr> {
        self.hosts
            .iter()
            .map(|host| with_hashes(address(host, self.port), &self.told))
    }
}

fn accept(endpoint: &Arc<Endpoint<Server>>) -> BoxFuture<'static, IncomingSession> {
    let endpoint = endpoint.clone();
    async move { endpoint.accept().await }.boxed()
}

fn config(address: SocketAddr, certificates: &Certificates) -> Result<ServerConfig, Error> {
    let mut quic = QuicTransportConfig::default();
    quic.max_concurrent_bidi_streams(MAX_STREAMS.into())
        // HTTP/3's own.
        .max_concurrent_uni_streams(8_u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window((4 * STREAM_WINDOW).into())
        .send_window((4 * STREAM_WINDOW).into())
        .datagram_receive_buffer_size(Some(64 * 1024));
    let mut config = ServerConfig::builder()
        .with_bind_address(address)
        .with_custom_transport(certificates.identity()?, quic)
        .keep_alive_interval(Some(Duration::from_secs(10)))
        .max_idle_timeout(Some(Duration::from_secs(30)))
        .map_err(|_| io::Error::other("QUIC refuses its settings"))?
        .build();
    config
        .quic_config_mut()
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size_total(MAX_INCOMING_BYTES);
    Ok(config)
}

async fn upgrade(
    incoming: IncomingSession,
    keypair: Keypair,
    known: HashSet<Multihash<64>>,
) -> Result<(PeerId, Connection), Error> {
    let handshake = async {
        let request = incoming.await?;
        if request.path() != PATH {
            request.not_found().await;
            return Err(Error::Path);
        }
        let session = request.accept().await?;
        let stream = Stream::new(session.accept_bi().await?);
        let noise = libp2p_noise::Config::new(&keypair)?.with_webtransport_certhashes(known);
        let (peer, mut stream) = noise.upgrade_inbound(stream, "/noise").await?;
        // It has done its work. A peer who has closed it already is as good.
        let _ = stream.close().await;
        Ok((peer, Connection::new(session, stream)))
    };
    tokio::time::timeout(HANDSHAKE, handshake)
        .await
        .map_err(|_| Error::Timeout)?
}

fn address(host: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(host)
        .with(Protocol::Udp(port))
        .with(Protocol::QuicV1)
        .with(Protocol::WebTransport)
}

fn with_hashes(address: Multiaddr, hashes: &[Multihash<64>]) -> Multiaddr {
    hashes
        .iter()
        .fold(address, |address, hash| address.with(Protocol::Certhash(*hash)))
}
