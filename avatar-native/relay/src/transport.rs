//! The transports, put together.

use futures::future::Either;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Transport, noise, quic, tcp, websocket, yamux};
use libp2p_webrtc::tokio::Certificate;

/// What one QUIC stream may have in flight, bytes; a connection four times that.
const QUIC_STREAM_WINDOW: u32 = 1 << 20;

/// Streams of one connection.
const MAX_STREAMS: usize = 256;

/// Where all of them come together.
pub fn build(keypair: &Keypair, certificate: Certificate) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    // Not ours when the process has chosen one already, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
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
    let webrtc = libp2p_webrtc::tokio::Transport::new(keypair.clone(), certificate)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));

    Ok(webrtc
        .or_transport(quic)
        .or_transport(websocket)
        .or_transport(plain)
        .map(|either, _| match either {
            Either::Left(Either::Left(Either::Left(output) | Either::Right(output)) | Either::Right(output))
            | Either::Right(output) => output,
        })
        .boxed())
}
