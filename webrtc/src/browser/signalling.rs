//! The signalling protocol: offer, answer and candidates over a stream of a connection that exists already.
use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use asynchronous_codec::Framed;
use futures::{SinkExt as _, StreamExt as _};
use futures_timer::Delay;
use libp2p_swarm::StreamProtocol;
use prost_codec::Codec;

use crate::{
    Config, Connection, Error, PeerConnections,
    connection::ended,
    peer::{ConnectionState, First, Kind, Peer},
};

/// The protocol's name.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/webrtc-signaling/0.0.1");

/// A description or a candidate, in bytes; browsers' descriptions of one data channel have about 1 KB.
const MAX_MESSAGE: usize = 64 * 1024;

/// How long a remote may need until it is connected, after we are.
const FAREWELL: Duration = Duration::from_secs(5);

/// A remote has this many candidates at most: one for each address and each of a few servers.
const MAX_CANDIDATES: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Type {
    SdpOffer = 0,
    SdpAnswer = 1,
    IceCandidate = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(enumeration = "Type", optional, tag = "1")]
    kind: Option<i32>,
    #[prost(string, optional, tag = "2")]
    data: Option<String>,
}

impl Message {
    fn new(kind: Type, data: String) -> Self {
        Self {
            kind: Some(kind as i32),
            data: Some(data),
        }
    }

    /// The text of a message that has to be of this type.
    fn expect(self, kind: Type) -> Result<String, Error> {
        if self.kind == Some(kind as i32) {
            return Ok(self.data.unwrap_or_default());
        }
        Err(Error::Signalling(format!(
            "expected {kind:?}, and the remote sent a message of type {:?}",
            self.kind
        )))
    }
}

type Messages = Framed<libp2p_swarm::Stream, Codec<Message>>;

fn messages(stream: libp2p_swarm::Stream) -> Messages {
    Framed::new(stream, Codec::new(MAX_MESSAGE))
}

/// The side that dials. The connection stands when this is done; the remote may need the stream a little longer.
pub(super) async fn offer(
    stream: libp2p_swarm::Stream,
    connections: PeerConnections,
    config: &Config,
) -> Result<(Connection, Farewell), Error> {
    let mut messages = messages(stream);
    let peer = connections
        .create(First::Init, config, Config::frame(config.max_frame_browser))
        .await?;
    let offer = peer.describe(Kind::Offer).await?;
    send(&mut messages, Type::SdpOffer, offer.clone()).await?;
    peer.set_local(Kind::Offer, &offer).await?;
    let answer = receive(&mut messages).await?.expect(Type::SdpAnswer)?;
    peer.set_remote(Kind::Answer, &answer).await?;
    trickle(&mut messages, &peer).await?;
    peer.close_init().await;
    close(&mut messages).await;
    Ok((Connection::new(peer, config.disconnect_timeout), Farewell(messages)))
}

/// The side that was dialled.
pub(super) async fn answer(
    stream: libp2p_swarm::Stream,
    connections: PeerConnections,
    config: &Config,
) -> Result<Connection, Error> {
    let mut messages = messages(stream);
    let offer = receive(&mut messages).await?.expect(Type::SdpOffer)?;
    let peer = connections
        .create(First::Nothing, config, Config::frame(config.max_frame_browser))
        .await?;
    peer.set_remote(Kind::Offer, &offer).await?;
    let answer = peer.describe(Kind::Answer).await?;
    send(&mut messages, Type::SdpAnswer, answer.clone()).await?;
    peer.set_local(Kind::Answer, &answer).await?;
    trickle(&mut messages, &peer).await?;
    close(&mut messages).await;
    Ok(Connection::new(peer, config.disconnect_timeout))
}

/// The stream has done its work: that it did not close well harms nobody.
async fn close(messages: &mut Messages) {
    if let Err(error) = messages.close().await {
        tracing::trace!(%error, "the signalling stream did not close");
    }
}

/// A stream that is needed until the remote is connected too.
pub(super) struct Farewell(Messages);

impl Farewell {
    /// Waits for the remote's end of the stream, but not for long.
    pub(super) async fn wait(mut self) {
        let end = poll_fn(|cx| match self.0.poll_next_unpin(cx) {
            // Candidates that come too late.
            Poll::Ready(Some(Ok(_))) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        });
        futures::future::select(end, Delay::new(FAREWELL)).await;
    }
}

/// What the two tell each other until they are connected.
enum Step {
    Connected,
    Ours(String),
    Theirs(Message),
    /// The remote says no more: it is connected, or it has given up, which our own state will show.
    Silence,
}

/// Exchanges candidates until the connection stands.
async fn trickle(messages: &mut Messages, peer: &Peer) -> Result<(), Error> {
    let mut is_silent = false;
    let mut received = 0;
    loop {
        match poll_fn(|cx| poll_step(messages, peer, is_silent, cx)).await? {
            Step::Connected => return Ok(()),
            Step::Silence => is_silent = true,
            // A remote that is connected may have closed the stream already.
            Step::Ours(candidate) => is_silent |= send(messages, Type::IceCandidate, candidate).await.is_err(),
            Step::Theirs(message) => {
                received += 1;
                if received > MAX_CANDIDATES {
                    return Err(Error::Signalling("the remote sends too many candidates".to_owned()));
                }
                add(peer, &message.expect(Type::IceCandidate)?).await;
            }
        }
    }
}

fn poll_step(messages: &mut Messages, peer: &Peer, is_silent: bool, cx: &mut Context<'_>) -> Poll<Result<Step, Error>> {
    match peer.state() {
        ConnectionState::Connected => return Poll::Ready(Ok(Step::Connected)),
        state => {
            if let Some(error) = ended(state) {
                return Poll::Ready(Err(error));
            }
            if peer.poll_state(state, cx.waker()).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
    }
    if is_silent {
        return Poll::Pending;
    }
    if let Poll::Ready(candidate) = peer.poll_candidate(cx.waker()) {
        return Poll::Ready(Ok(Step::Ours(candidate)));
    }
    messages.poll_next_unpin(cx).map(|next| {
        Ok(match next {
            Some(Ok(message)) => Step::Theirs(message),
            Some(Err(_)) | None => Step::Silence,
        })
    })
}

/// A candidate that this browser can not use is no failure: there are others.
async fn add(peer: &Peer, candidate: &str) {
    if matches!(candidate, "" | "null" | "\"\"") {
        // The remote has no more.
        return;
    }
    if let Err(error) = peer.add_candidate(candidate).await {
        tracing::debug!(%error, "a candidate was not taken");
    }
}

async fn send(messages: &mut Messages, kind: Type, data: String) -> Result<(), Error> {
    messages
        .send(Message::new(kind, data))
        .await
        .map_err(|error| Error::Signalling(error.to_string()))
}

async fn receive(messages: &mut Messages) -> Result<Message, Error> {
    match messages.next().await {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(Error::Signalling(error.to_string())),
        None => Err(Error::Signalling("the remote closed the stream".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn messages_are_written_as_the_specification_numbers_them() {
        assert_eq!(
            Message::new(Type::SdpOffer, "a".to_owned()).encode_to_vec(),
            [0x08, 0, 0x12, 1, b'a']
        );
        assert_eq!(
            Message::new(Type::IceCandidate, "a".to_owned()).encode_to_vec(),
            [0x08, 2, 0x12, 1, b'a']
        );
    }

    #[test]
    fn a_message_of_another_type_is_refused() {
        assert!(
            Message::new(Type::SdpOffer, String::new())
                .expect(Type::SdpAnswer)
                .is_err()
        );
        assert!(Message { kind: None, data: None }.expect(Type::SdpOffer).is_err());
    }
}
