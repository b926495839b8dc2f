//! Two streams on the ends of one pipe, or a stream and what a peer writes on the other.

use std::io::ErrorKind;
use std::time::Duration;

use futures::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::linger::DropListener;
use crate::stream::Stream;

type Side = (Stream<Compat<DuplexStream>>, DropListener<Compat<DuplexStream>>);

const FIN: &[u8] = &[2, 8, 0];
const STOP_SENDING: &[u8] = &[2, 8, 1];
const FIN_ACK: &[u8] = &[2, 8, 3];
const UNKNOWN: &[u8] = &[2, 8, 9];
const HELLO: &[u8] = &[7, 18, 5, b'h', b'e', b'l', b'l', b'o'];

fn pair() -> (Side, Side) {
    let (a, b) = tokio::io::duplex(64 * 1024);
    (Stream::new(a.compat()), Stream::new(b.compat()))
}

fn with_peer() -> (Side, DuplexStream) {
    let (a, peer) = tokio::io::duplex(64 * 1024);
    (Stream::new(a.compat()), peer)
}

/// Far less than the patience of a stream that lingers.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(5), future)
        .await
        .expect("it does not end")
}

async fn said(peer: &mut DuplexStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    soon(peer.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(bytes, expected);
}

#[tokio::test]
async fn after_a_graceful_close_both_ends_let_go_at_once() {
    let ((mut a, a_end), (mut b, b_end)) = pair();
    let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 7) as u8).collect();
    let sent = async {
        a.write_all(&data).await.unwrap();
        a.close().await.unwrap();
        let mut back = Vec::new();
        a.read_to_end(&mut back).await.unwrap();
        assert!(back == data);
        drop(a);
    };
    let echoed = async {
        let mut all = Vec::new();
        b.read_to_end(&mut all).await.unwrap();
        b.write_all(&all).await.unwrap();
        b.close().await.unwrap();
        drop(b);
    };
    let (.., a_end, b_end) = soon(async { futures::join!(sent, echoed, a_end, b_end) }).await;
    a_end.unwrap();
    b_end.unwrap();
}

#[tokio::test]
async fn a_drop_without_a_close_is_a_reset() {
    let ((a, a_end), (mut b, _b_end)) = pair();
    drop(a);
    soon(a_end).await.unwrap();
    let error = soon(b.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = soon(b.write(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_fin_is_answered_when_it_is_read() {
    let ((mut stream, _end), mut peer) = with_peer();
    peer.write_all(&[HELLO, FIN].concat()).await.unwrap();
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all, b"hello");
    said(&mut peer, FIN_ACK).await;
}

#[tokio::test]
async fn a_fin_is_answered_after_the_stream_is_closed_and_dropped() {
    let ((mut stream, end), mut peer) = with_peer();
    stream.close().await.unwrap();
    drop(stream);
    let other_end = async {
        said(&mut peer, FIN).await;
        said(&mut peer, STOP_SENDING).await;
        peer.write_all(&[HELLO, FIN, FIN_ACK].concat()).await.unwrap();
        said(&mut peer, FIN_ACK).await;
    };
    let (ended, ()) = soon(async { futures::join!(end, other_end) }).await;
    ended.unwrap();
}

#[tokio::test]
async fn neither_fin_ack_nor_an_unknown_flag_disturbs_reading() {
    let ((mut stream, _end), mut peer) = with_peer();
    stream.close().await.unwrap();
    peer.write_all(&[FIN_ACK, UNKNOWN, HELLO].concat()).await.unwrap();
    let mut bytes = [0; 5];
    soon(stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"hello");
}

#[tokio::test]
async fn who_only_writes_learns_that_nobody_reads() {
    let ((mut stream, _end), mut peer) = with_peer();
    peer.write_all(STOP_SENDING).await.unwrap();
    let error = soon(stream.write(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_header_of_four_gibibytes_ends_the_stream() {
    let ((mut stream, _end), mut peer) = with_peer();
    peer.write_all(&[0x80, 0x80, 0x80, 0x80, 0x10]).await.unwrap();
    let error = soon(stream.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_channel_that_is_lost_is_not_an_end() {
    let ((mut stream, _end), peer) = with_peer();
    drop(peer);
    let error = soon(stream.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_channel_that_is_lost_before_the_fin_is_answered_is_let_go_of() {
    let ((mut stream, end), mut peer) = with_peer();
    peer.write_all(FIN).await.unwrap();
    assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 0);
    stream.close().await.unwrap();
    drop(peer);
    drop(stream);
    // On a thread of its own: what it is about is that no thread is kept busy for ever.
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(futures::executor::block_on(end).is_ok()));
    assert!(
        ended.recv_timeout(Duration::from_secs(5)).is_ok(),
        "it goes round and round"
    );
}
