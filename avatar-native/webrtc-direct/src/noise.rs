//! The handshake on channel 0: it proves the peers' keys, and that both see the same certificates.

use futures::prelude::*;
use libp2p_core::UpgradeInfo as _;
use libp2p_core::upgrade::OutboundConnectionUpgrade as _;
use libp2p_identity::{Keypair, PeerId};
use libp2p_noise::{Config, Error};

use crate::fingerprint::Fingerprint;

/// The listener's side. It speaks first, so that it can send half a round trip earlier.
pub async fn inbound<T>(keypair: &Keypair, stream: T, client: Fingerprint, server: Fingerprint) -> Result<PeerId, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = Config::new(keypair)?.with_prologue(prologue(client, server));
    let protocol = config.protocol_info().next().unwrap_or_default();
    let (peer, mut channel) = config.upgrade_outbound(stream, protocol).await?;
    channel.close().await?;
    Ok(peer)
}

fn prologue(client: Fingerprint, server: Fingerprint) -> Vec<u8> {
    let hashes = [client, server].map(|fingerprint| fingerprint.to_multihash().to_bytes());
    [b"libp2p-webrtc-noise:".as_slice(), &hashes[0], &hashes[1]].concat()
}

#[cfg(test)]
mod tests {
    use libp2p_core::upgrade::InboundConnectionUpgrade as _;
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    fn print(byte: u8) -> Fingerprint {
        Fingerprint::from_certificate(&[byte])
    }

    #[test]
    fn the_prologue_is_the_one_of_the_specification() {
        let hashes = [print(1), print(2)].map(|fingerprint| fingerprint.to_multihash().to_bytes());
        let expected = [b"libp2p-webrtc-noise:".to_vec(), hashes.concat()].concat();
        assert_eq!(prologue(print(1), print(2)), expected);
        assert!(expected[20..].starts_with(b"\x12\x20"));
    }

    #[tokio::test]
    async fn the_handshake_fails_when_the_two_see_other_certificates() {
        let (server, client) = (Keypair::generate_ed25519(), Keypair::generate_ed25519());
        for (seen, succeeds) in [(2, true), (3, false)] {
            let (a, b) = tokio::io::duplex(4096);
            let ours = inbound(&server, a.compat(), print(1), print(2));
            let config = Config::new(&client)
                .unwrap()
                .with_prologue(prologue(print(1), print(seen)));
            let theirs = config.upgrade_inbound(b.compat(), "/noise");
            let (ours, theirs) = futures::join!(ours, theirs);
            assert_eq!(ours.is_ok() && theirs.is_ok(), succeeds);
        }
    }
}
