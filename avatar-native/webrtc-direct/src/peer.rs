//! One peer connection of webrtc-rs, from its first packet to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libp2p_identity::{Keypair, PeerId};
use tokio::sync::{mpsc, oneshot, watch};
use webrtc::api::APIBuilder;
use webrtc::api::setting_engine::SettingEngine;
use webrtc::data::data_channel::DataChannel;
use webrtc::data_channel::RTCDataChannel;
use webrtc::data_channel::data_channel_init::RTCDataChannelInit;
use webrtc::dtls_transport::dtls_role::DTLSRole;
use webrtc::ice::network_type::NetworkType;
use webrtc::ice::udp_mux::UDPMux;
use webrtc::ice::udp_network::UDPNetwork;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::sdp::session_description::RTCSessionDescription;

use crate::certificate::Certificate;
use crate::connection::{Connection, open};
use crate::error::Error;
use crate::fingerprint::Fingerprint;
use crate::noise;
use crate::socket::{Arrival, Name};
use crate::stun::Credentials;

/// ICE, DTLS, SCTP and Noise together.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// Channels that the peer has opened and nobody has taken yet.
const MAX_WAITING: usize = 32;

/// What a listener gives each of its connections.
#[derive(Clone)]
pub struct Context {
    pub keypair: Keypair,
    pub certificate: Certificate,
    pub fingerprint: Fingerprint,
    pub mux: Arc<dyn UDPMux + Send + Sync>,
}

/// A peer connection. Dropped, it is closed.
pub struct Peer {
    pub connection: Arc<RTCPeerConnection>,
    _name: Name,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        // Without a runtime there is no socket either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { connection.close().await });
        }
    }
}

/// Answers who arrives, until its key is known.
pub async fn accept(context: Context, arrival: Arrival) -> Result<(PeerId, Connection), Error> {
    tokio::time::timeout(HANDSHAKE, handshake(context, arrival))
        .await
        .map_err(|_| Error::Timeout)?
}

async fn handshake(context: Context, mut arrival: Arrival) -> Result<(PeerId, Connection), Error> {
    let engine = engine(&context, &arrival)?;
    let configuration = RTCConfiguration {
        certificates: vec![context.certificate.into_inner()],
        ..RTCConfiguration::default()
    };
    let api = APIBuilder::new().with_setting_engine(engine).build();
    let connection = Arc::new(api.new_peer_connection(configuration).await?);
    let offer = RTCSessionDescription::offer(offer(arrival.from, &arrival.credentials))?;

    let (ended, end) = watch::channel(false);
    connection.on_peer_connection_state_change(Box::new(move |state| {
        use RTCPeerConnectionState::{Closed, Disconnected, Failed};
        if matches!(state, Disconnected | Failed | Closed) {
            ended.send_replace(true);
        }
        Box::pin(async {})
    }));
    let (opened, channels) = mpsc::channel(MAX_WAITING);
    connection.on_data_channel(Box::new(move |channel| {
        let opened = opened.clone();
        Box::pin(async move { take(channel, opened) })
    }));
    // Channel 0 is agreed upon beforehand, for the handshake.
    let first = RTCDataChannelInit {
        negotiated: Some(0),
        ..RTCDataChannelInit::default()
    };
    let first = detached(connection.create_data_channel("", Some(first)).await?);

    connection.set_remote_description(offer).await?;
    let answer = connection.create_answer(None).await?;
    connection.set_local_description(answer).await?;
    arrival.repeat();
    let peer = Peer {
        connection,
        _name: arrival.name,
    };

    let first = first.await.map_err(|_| Error::Lost)?;
    let certificate = peer.connection.sctp().transport().get_remote_certificate().await;
    let client = Fingerprint::from_certificate(&certificate);
    let (stream, _) = open(first);
    let id = noise::inbound(&context.keypair, stream, client, context.fingerprint).await?;
    Ok((id, Connection::new(peer, channels, end)))
}

fn engine(context: &Context, arrival: &Arrival) -> Result<SettingEngine, Error> {
    let local = &arrival.credentials.local;
    let mut engine = SettingEngine::default();
    engine.set_lite(true);
    engine.set_ice_credentials(local.clone(), local.clone());
    engine.set_udp_network(UDPNetwork::Muxed(context.mux.clone()));
    engine.detach_data_channels();
    // Noise proves what the certificates cannot.
    engine.disable_certificate_fingerprint_verification(true);
    engine.set_answering_dtls_role(DTLSRole::Server)?;
    engine.set_network_types(vec![match arrival.from {
        SocketAddr::V4(_) => NetworkType::Udp4,
        SocketAddr::V6(_) => NetworkType::Udp6,
    }]);
    // One candidate of ours is enough: the peer has our address already.
    let first = AtomicBool::new(true);
    engine.set_ip_filter(Box::new(move |_| first.swap(false, Ordering::Relaxed)));
    Ok(engine)
}

/// What the peer would have offered, if it had sent an offer (RFC 8841).
fn offer(from: SocketAddr, credentials: &Credentials) -> String {
    let Credentials { remote, password, .. } = credentials;
    let (ip, port) = (from.ip(), from.port());
    let version = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let unknown = Fingerprint::UNKNOWN.to_sdp();
    format!(
        "v=0\r\no=- 0 0 IN {version} {ip}\r\ns=-\r\nc=IN {version} {ip}\r\nt=0 0\r\n\
         m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=ice-options:ice2\r\n\
         a=ice-ufrag:{remote}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {unknown}\r\n\
         a=setup:actpass\r\na=sctp-port:5000\r\na=max-message-size:16384\r\n"
    )
}

/// A channel that the peer has opened. When too many wait it is closed.
fn take(channel: Arc<RTCDataChannel>, opened: mpsc::Sender<Arc<DataChannel>>) {
    let ready = detached(channel);
    tokio::spawn(async move {
        if let Ok(channel) = ready.await
            && let Err(error) = opened.try_send(channel)
        {
            let (mpsc::error::TrySendError::Full(channel) | mpsc::error::TrySendError::Closed(channel)) = error;
            let _ = channel.close().await;
        }
    });
}

/// Resolves with the channel below, when it is open.
pub fn detached(channel: Arc<RTCDataChannel>) -> oneshot::Receiver<Arc<DataChannel>> {
    let (ready, receiver) = oneshot::channel();
    let own = channel.clone();
    channel.on_open(Box::new(move || {
        Box::pin(async move {
            // An error, or nobody who waits: the receiver learns it.
            if let Ok(channel) = own.detach().await {
                let _ = ready.send(channel);
            }
        })
    }));
    receiver
}
