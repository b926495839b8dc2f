//! The handshake on channel 0: it proves the peers' keys, and that both see the same certificates.

use futures::prelude::*;
use libp2p_core::UpgradeInfo as _;
use libp2p_core::upgrade::{InboundConnectionUpgrade as _, OutboundConnectionUpgrade as _};
use libp2p_identity::{Keypair, PeerId};
use libp2p_noise::Config;
pub use libp2p_noise::Error;

use crate::Fingerprint;

/// The listener's side. It speaks first, so that it can send half a round trip earlier.
pub async fn inbound<T>(keypair: Keypair, stream: T, client: Fingerprint, server: Fingerprint) -> Result<PeerId, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (config, protocol) = config(&keypair, client, server)?;
    let (peer, mut channel) = config.upgrade_outbound(stream, protocol).await?;
    channel.close().await?;
    Ok(peer)
}

/// The dialler's side.
pub async fn outbound<T>(keypair: Keypair, stream: T, server: Fingerprint, client: Fingerprint) -> Result<PeerId, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (config, protocol) = config(&keypair, client, server)?;
    let (peer, mut channel) = config.upgrade_inbound(stream, protocol).await?;
    channel.close().await?;
    Ok(peer)
}

fn config(keypair: &Keypair, client: Fingerprint, server: Fingerprint) -> Result<(Config, &'static str), Error> {
    let config = Config::new(keypair)?.with_prologue(prologue(client, server));
    let protocol = config.protocol_info().next().unwrap_or_default();
    Ok((config, protocol))
}

fn prologue(client: Fingerprint, server: Fingerprint) -> Vec<u8> {
    let hashes = [client, server].map(|fingerprint| fingerprint.to_multihash().to_bytes());
    [b"libp2p-webrtc-noise:".as_slice(), &hashes[0], &hashes[1]].concat()
}

#[cfg(test)]
mod tests {
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    #[test]
    fn the_prologue_is_the_one_of_the_specification() {
        let prologue = prologue(Fingerprint::raw([1; 32]), Fingerprint::raw([2; 32]));
        let expected = [
            b"libp2p-webrtc-noise:\x12\x20".as_slice(),
            &[1; 32],
            b"\x12\x20",
            &[2; 32],
        ]
        .concat();
        assert_eq!(prologue, expected);
    }

    #[tokio::test]
    async fn the_handshake_fails_when_the_two_see_other_certificates() {
        let keys = [Keypair::generate_ed25519(), Keypair::generate_ed25519()];
        let print = |byte| Fingerprint::raw([byte; 32]);
        for (seen, succeeds) in [(2, true), (3, false)] {
            let (a, b) = tokio::io::duplex(4096);
            let server = inbound(keys[0].clone(), a.compat(), print(1), print(2));
            let client = outbound(keys[1].clone(), b.compat(), print(seen), print(1));
            let (server, client) = futures::join!(server, client);
            assert_eq!(server.is_ok() && client.is_ok(), succeeds);
        }
    }
}
