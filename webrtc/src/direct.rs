//! webrtc-direct: dialling a server whose address holds the hash of its certificate.
//!
//! Specification: <https://github.com/libp2p/specs/blob/master/webrtc/webrtc-direct.md>.
use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncWrite as _, FutureExt as _, future::BoxFuture, future::Either};
use futures_timer::Delay;
use libp2p_core::{
    transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    upgrade::{InboundConnectionUpgrade as _, UpgradeInfo as _},
};
use libp2p_identity::{Keypair, PeerId};
use multiaddr::{Multiaddr, Protocol};
use rand::distr::{Alphanumeric, SampleString as _};
use send_wrapper::SendWrapper;

use crate::{
    Config, Connection, DirectVersion, Error, PeerConnections, Stream,
    connection::ended,
    fingerprint::Fingerprint,
    peer::{ConnectionState, First, Kind, Peer},
    sdp,
};

/// The transport. It only dials: a browser can not listen.
pub struct Transport {
    keys: Keypair,
    connections: PeerConnections,
    config: Config,
}

impl Transport {
    /// `keys` prove who we are to the server.
    pub fn new(keys: &Keypair, connections: PeerConnections, config: Config) -> Self {
        Self {
            keys: keys.clone(),
            connections,
            config,
        }
    }
}

impl libp2p_core::Transport for Transport {
    type Output = (PeerId, Connection);
    type Error = Error;
    type ListenerUpgrade = BoxFuture<'static, Result<Self::Output, Error>>;
    type Dial = BoxFuture<'static, Result<Self::Output, Error>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<Error>> {
        let Some(target) = Target::parse(&address).filter(|_| options.role.is_dialer()) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let (keys, connections, config) = (self.keys.clone(), self.connections.clone(), self.config.clone());
        let dial = async move {
            let timeout = Delay::new(config.connect_timeout);
            match futures::future::select(Box::pin(connect(&target, &keys, &connections, &config)), timeout).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(Error::TimedOut),
            }
        };
        Ok(SendWrapper::new(dial).boxed())
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Error>> {
        Poll::Pending
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("connections", &self.connections)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What an address says.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: SocketAddr,
    fingerprint: Fingerprint,
    peer: Option<PeerId>,
}

impl Target {
    /// From `/ip4|ip6/…/udp/…/webrtc-direct/certhash/…[/certhash/…][/p2p/…]`; of several hashes, the first that is a SHA-256 counts.
    fn parse(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let ip = match parts.next()? {
            Protocol::Ip4(ip) => IpAddr::from(ip),
            Protocol::Ip6(ip) => IpAddr::from(ip),
            _ => return None,
        };
        let Some(Protocol::Udp(port)) = parts.next() else {
            return None;
        };
        let Some(Protocol::WebRTCDirect) = parts.next() else {
            return None;
        };
        let (mut fingerprint, mut peer) = (None, None);
        for part in parts {
            match part {
                Protocol::Certhash(hash) if peer.is_none() => {
                    fingerprint = fingerprint.or(Fingerprint::from_multihash(&hash))
                }
                Protocol::P2p(id) if peer.is_none() => peer = Some(id),
                _ => return None,
            }
        }
        Some(Self {
            address: SocketAddr::new(ip, port),
            fingerprint: fingerprint?,
            peer,
        })
    }
}

async fn connect(
    target: &Target,
    keys: &Keypair,
    connections: &PeerConnections,
    config: &Config,
) -> Result<(PeerId, Connection), Error> {
    let peer = connections
        .create(First::Noise, config, Config::frame(config.max_frame_direct))
        .await?;
    let local = negotiate(&peer, target, config.direct_version).await?;
    let channel = peer.take_first().ok_or(Error::BadDescription("Noise channel"))?;
    let ours = Fingerprint::from_sdp(&local).ok_or(Error::BadDescription("SHA-256 fingerprint"))?;
    let found = authenticate(channel, keys, &prologue(ours, target.fingerprint))
        .await
        .map_err(|error| match peer.state() {
            // Nobody answered: the channel is gone, which Noise can only call a truncated handshake.
            ConnectionState::Connecting => Error::Ended("failed"),
            state => ended(state).unwrap_or(error),
        })?;
    match target.peer.filter(|expected| *expected != found) {
        Some(expected) => Err(Error::WrongPeer {
            expected: Box::new(expected),
            found: Box::new(found),
        }),
        None => Ok((found, Connection::new(peer, config.disconnect_timeout))),
    }
}

/// Sets both descriptions. Returns ours.
async fn negotiate(peer: &Peer, target: &Target, version: DirectVersion) -> Result<String, Error> {
    let offer = peer.describe(Kind::Offer).await?;
    let (local, credential) = match version {
        DirectVersion::V1 => munged(peer, &offer).await?,
        DirectVersion::V2 => plain(peer, &offer).await?,
        DirectVersion::Auto => match munged(peer, &offer).await {
            Err(Error::Browser { name, .. }) => {
                tracing::debug!(%name, "the browser refuses a changed offer");
                plain(peer, &offer).await?
            }
            result => result?,
        },
    };
    peer.set_remote(
        Kind::Answer,
        &sdp::answer(target.address, target.fingerprint, &credential),
    )
    .await?;
    Ok(local)
}

/// Version 1: both sides use one random credential, which the server reads from our first packet.
async fn munged(peer: &Peer, offer: &str) -> Result<(String, String), Error> {
    let credential = format!("{}{}", sdp::V1_PREFIX, Alphanumeric.sample_string(&mut rand::rng(), 32));
    let local = peer.set_local(Kind::Offer, &sdp::munge(offer, &credential)).await?;
    Ok((local, credential))
}

/// Version 2: the server reads our password from its own user name, which is in our first packet.
async fn plain(peer: &Peer, offer: &str) -> Result<(String, String), Error> {
    let local = peer.set_local(Kind::Offer, offer).await?;
    let password = sdp::ice_password(&local).ok_or(Error::BadDescription("ICE password"))?;
    let credential = format!("{}{password}", sdp::V2_PREFIX);
    Ok((local, credential))
}

/// The server begins, and so is Noise's initiator, although it was dialled.
async fn authenticate(channel: Stream, keys: &Keypair, prologue: &[u8]) -> Result<PeerId, Error> {
    let noise = libp2p_noise::Config::new(keys)?.with_prologue(prologue.to_vec());
    let info = noise.protocol_info().next().expect("Noise has one protocol");
    let (peer, mut channel) = noise.upgrade_inbound(channel, info).await?;
    // The channel has done its work. That its end is acknowledged need not be waited for.
    let _ = poll_fn(|cx| Poll::Ready(Pin::new(&mut channel).poll_close(cx))).await;
    Ok(peer)
}

fn prologue(client: Fingerprint, server: Fingerprint) -> Vec<u8> {
    [
        &b"libp2p-webrtc-noise:"[..],
        &client.to_multihash_bytes(),
        &server.to_multihash_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "uEiAw_J9GnCB0Gd_dCqtfJ6hsl3yU5AVI25N1zKLpFZc7mQ";

    fn parse(address: &str) -> Option<Target> {
        Target::parse(&address.parse().unwrap())
    }

    #[test]
    fn the_prologue_is_the_one_of_the_specification() {
        let fingerprint = |hex: &str| {
            Fingerprint::from_sdp(&format!(
                "a=fingerprint:sha-256 {}",
                hex.as_bytes()
                    .chunks(2)
                    .map(|pair| std::str::from_utf8(pair).unwrap())
                    .collect::<Vec<_>>()
                    .join(":")
            ))
            .unwrap()
        };
        let client = fingerprint("3e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870");
        let server = fingerprint("30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99");
        let hex: String = prologue(client, server)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "6c69627032702d7765627274632d6e6f6973653a12203e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99"
        );
    }

    #[test]
    fn addresses_with_a_certificate_hash_are_dialled() {
        let peer = PeerId::random();
        let target = parse(&format!("/ip6/::1/udp/9/webrtc-direct/certhash/{HASH}/p2p/{peer}")).unwrap();
        assert_eq!((target.address, target.peer), ("[::1]:9".parse().unwrap(), Some(peer)));
        assert!(parse(&format!("/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/{HASH}")).is_some());
    }

    #[test]
    fn other_addresses_are_left_to_other_transports() {
        let peer = PeerId::random();
        for address in [
            "/ip4/127.0.0.1/udp/9/webrtc-direct".to_owned(),
            format!("/ip4/127.0.0.1/tcp/9/webrtc-direct/certhash/{HASH}"),
            format!("/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/{HASH}/p2p/{peer}/p2p-circuit"),
            format!("/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/{HASH}/p2p/{peer}/p2p-circuit/webrtc/p2p/{peer}"),
            "/ip4/127.0.0.1/udp/9/quic-v1".to_owned(),
        ] {
            assert_eq!(parse(&address), None, "{address}");
        }
    }
}
