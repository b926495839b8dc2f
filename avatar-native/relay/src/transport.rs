//! The transports, put together.

use futures::future::Either;
use libp2p::core::ConnectedPoint;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport, noise, quic, tcp, websocket, yamux};
use libp2p_webrtc_direct_listener::Certificate;
use libp2p_webtransport_listener::Certificates;

/// What one QUIC stream may have in flight, bytes; a connection four times that.
const QUIC_STREAM_WINDOW: u32 = 1 << 20;

/// Streams of one connection.
const MAX_STREAMS: usize = 256;

/// Where all of them come together.
pub fn build(
    keypair: &Keypair,
    webrtc: Certificate,
    webtransport: Certificates,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let noise = noise::Config::new(keypair)?;
    let tcp = || tcp::tokio::Transport::new(tcp::Config::default());
    let mut muxer = yamux::Config::default();
    muxer.set_max_num_streams(MAX_STREAMS);

    let plain = tcp()
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(muxer.clone())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let websocket = websocket::Config::new(tcp())
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxer)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut quic = quic::Config::new(keypair);
    quic.max_concurrent_stream_limit = MAX_STREAMS as u32;
    quic.max_stream_data = QUIC_STREAM_WINDOW;
    quic.max_connection_data = 4 * QUIC_STREAM_WINDOW;
    let quic = quic::tokio::Transport::new(quic).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let webrtc = libp2p_webrtc_direct_listener::Transport::new(keypair.clone(), webrtc)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    let webtransport = libp2p_webtransport_listener::Transport::new(keypair.clone(), webtransport)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    Ok(webtransport
        .or_transport(webrtc)
        .map(either)
        .or_transport(quic)
        .map(either)
        .or_transport(websocket)
        .map(either)
        .or_transport(plain)
        .map(either)
        .boxed())
}

fn either<T>(output: Either<T, T>, _: ConnectedPoint) -> T {
    output.into_inner()
}
