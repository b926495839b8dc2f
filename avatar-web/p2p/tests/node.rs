//! What proto/ABI.md promises of `avatar_p2p`, between real swarms.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::time::Duration;

use avatar_p2p::{Output, STREAM_WINDOW_BYTES, StreamEvent};
use avatar_proto::p2p_command::Command;
use avatar_proto::p2p_event::Event;
use avatar_proto::{AbiStatus, OpErrorCode, P2pAdvertise, P2pFind, P2pNextEvents, P2pPublish, P2pSubscribe};
use common::{World, dial, listen, open, peer_of};

#[tokio::test]
async fn h27_bytes_arrive_whole_and_in_order_and_fin_after_the_last() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    let theirs = world.stream(0, 1, "/test/1").await;

    let sent: Vec<u8> = (0..1_000_000u32).flat_map(|number| number.to_le_bytes()).collect();
    world.peers[1].node.grant(theirs, u32::MAX).unwrap();
    let (mut at, mut received, mut fin) = (0, Vec::new(), false);
    while at < sent.len() {
        let end = sent.len().min(at + 50_000);
        match world.peers[0].node.write(1, sent[at..end].to_vec()) {
            Ok(taken) => at += taken as usize,
            Err(AbiStatus::Again) => {
                let event = world.stream_event(0, 1).await;
                assert!(matches!(event, StreamEvent::Writable(_)), "{event:?}");
            }
            Err(status) => panic!("{status:?}"),
        }
    }
    world.peers[0].node.close(1, 1).unwrap();
    assert_eq!(world.peers[0].node.write(1, vec![1]), Err(AbiStatus::Closed));
    while !fin {
        match world.stream_event(1, theirs).await {
            StreamEvent::Data(bytes) => received.extend(bytes),
            StreamEvent::Fin => fin = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());

    // The other way is open still.
    world.peers[1].node.write(theirs, b"answer".to_vec()).unwrap();
    world.peers[1].node.close(theirs, 1).unwrap();
    assert_eq!(world.read_to_end(0, 1).await, (b"answer".to_vec(), StreamEvent::Fin));
    assert!(
        !world.peers[0].node.has_stream(1),
        "both ways are over: the number is free"
    );
}

#[tokio::test]
async fn h27_a_slow_reader_holds_up_the_writer_and_gets_no_more_than_its_credit() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    let theirs = world.stream(0, 1, "/test/1").await;

    world.peers[1].node.grant(theirs, 1_000).unwrap();
    let mut taken = 0u64;
    loop {
        match world.peers[0].node.write(1, vec![7; 32 * 1024]) {
            Ok(count) => taken += u64::from(count),
            // Nothing more leaves: all windows are full.
            Err(AbiStatus::Again) => {
                world.quiet(Duration::from_millis(300)).await;
                if world.peers[0].node.write(1, vec![7; 32 * 1024]) == Err(AbiStatus::Again) {
                    break;
                }
                taken += 32 * 1024;
            }
            Err(status) => panic!("{status:?}"),
        }
    }
    // The guest's own window and yamux's.
    assert!(
        taken <= u64::from(STREAM_WINDOW_BYTES) + 256 * 1024 + 64 * 1024,
        "{taken} bytes were taken"
    );
    let arrived: usize = (world.peers[1].outputs.iter())
        .map(|output| match output {
            Output::Stream {
                stream,
                event: StreamEvent::Data(bytes),
            } if *stream == theirs => bytes.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(arrived, 1_000, "as much as was granted");

    world.peers[0].node.close(1, 1).unwrap();
    let (rest, end) = world.read_to_end(1, theirs).await;
    assert_eq!((rest.len() as u64, end), (taken, StreamEvent::Fin));
}

#[tokio::test]
async fn a_write_beyond_the_credit_is_refused_whole() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    world.stream(0, 1, "/test/1").await;
    let node = &mut world.peers[0].node;
    assert_eq!(
        node.write(1, vec![0; STREAM_WINDOW_BYTES as usize + 1]),
        Err(AbiStatus::Again)
    );
    assert_eq!(
        node.write(1, vec![0; STREAM_WINDOW_BYTES as usize]),
        Ok(STREAM_WINDOW_BYTES)
    );
    assert_eq!(node.write(1, vec![0]), Err(AbiStatus::Again));
    assert_eq!(node.write(3, vec![0]), Err(AbiStatus::NotFound));
    assert_eq!(node.grant(3, 1), Err(AbiStatus::NotFound));
    assert_eq!(node.close(3, 1), Err(AbiStatus::NotFound));
}

#[tokio::test]
async fn a_reset_by_either_side_is_a_reset_and_no_end() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    let theirs = world.stream(0, 1, "/test/1").await;
    world.peers[0].node.grant(1, 10).unwrap();
    world.peers[1].node.close(theirs, 3).unwrap();
    assert_eq!(world.stream_event(0, 1).await, StreamEvent::Reset(AbiStatus::Io));
    assert!(!world.peers[0].node.has_stream(1));
    assert!(!world.peers[1].node.has_stream(theirs));
}

#[tokio::test]
async fn h25_a_dial_that_names_a_peer_does_not_end_with_another() {
    let (mut world, addresses) = World::with(3).await;
    let bare = addresses[1].split("/p2p/").next().unwrap().to_owned();
    let named = world.peers[2].id.to_bytes();
    let (code, error) = world.command(0, dial(&named, &bare)).await.unwrap_err();
    assert_eq!(
        (code, error.code()),
        (AbiStatus::Denied.code(), OpErrorCode::Denied),
        "{}",
        error.message
    );

    let answered = world.command(0, dial(&[], &bare)).await.unwrap();
    assert_eq!(
        answered.peers[0].peer,
        world.peers[1].id.to_bytes(),
        "who answered is told"
    );
}

#[tokio::test]
async fn a_dial_to_nobody_says_so() {
    let (mut world, _) = World::with(1).await;
    let somebody = libp2p::PeerId::random().to_bytes();
    let (code, error) = world
        .command(0, dial(&somebody, "/ip4/127.0.0.1/tcp/1"))
        .await
        .unwrap_err();
    assert_eq!((code, error.code()), (AbiStatus::Io.code(), OpErrorCode::Network));
    assert!(error.message.contains("/ip4/127.0.0.1/tcp/1"), "{}", error.message);
    let (code, _) = world
        .command(0, dial(&somebody, "/dns4/a.example/tcp/1/ws"))
        .await
        .unwrap_err();
    assert_eq!(code, AbiStatus::Io.code(), "no transport for it");
    let (code, _) = world.command(0, dial(&somebody, "not an address")).await.unwrap_err();
    assert_eq!(code, AbiStatus::Invalid.code());
    let (code, _) = world
        .command(0, dial(b"no peer", "/ip4/127.0.0.1/tcp/1"))
        .await
        .unwrap_err();
    assert_eq!(code, AbiStatus::Invalid.code());
}

#[tokio::test]
async fn h26_streams_come_only_for_protocols_that_are_accepted() {
    let (mut world, addresses) = World::with(2).await;
    let peer = world.peers[1].id;
    let (code, _) = world.command(0, open(&peer, &["/a/1"], 1)).await.unwrap_err();
    assert_eq!(code, AbiStatus::NotFound.code(), "no connection: nobody is dialled");

    world.connect(0, 1, &addresses[1]).await;
    let (code, _) = world.command(0, open(&peer, &["/a/1"], 1)).await.unwrap_err();
    assert_eq!(code, AbiStatus::Unsupported.code(), "nothing is accepted yet");

    world
        .command(1, Command::AcceptProtocol("/b/1".to_owned()))
        .await
        .unwrap();
    let opened = world.command(0, open(&peer, &["/a/1", "/b/1"], 1)).await.unwrap();
    assert_eq!(opened.protocol, "/b/1", "the first that the peer takes");
    let (_, head) = world.inbound(1).await;
    assert_eq!(head.protocol, "/b/1");
    assert_ne!(head.connection, 0);

    world
        .command(1, Command::RefuseProtocol("/b/1".to_owned()))
        .await
        .unwrap();
    let (code, _) = world.command(0, open(&peer, &["/b/1"], 3)).await.unwrap_err();
    assert_eq!(code, AbiStatus::Unsupported.code());
    let wrong = world
        .command(1, Command::AcceptProtocol("no slash".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(wrong.0, AbiStatus::Invalid.code());
}

#[tokio::test]
async fn h26_opened_follows_the_completion_and_comes_before_all_else_of_the_stream() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    world
        .command(1, Command::AcceptProtocol("/a/1".to_owned()))
        .await
        .unwrap();
    world.peers[0].outputs.clear();
    let peer = world.peers[1].id;
    let op = world.begin(0, open(&peer, &["/a/1"], 1));
    world.inbound(1).await;
    world.quiet(Duration::from_millis(100)).await;
    let order: Vec<_> = world.peers[0].outputs.iter().collect();
    let completed = order
        .iter()
        .position(|output| matches!(output, Output::Completed { op: of, code: 0, .. } if *of == op));
    let opened = order
        .iter()
        .position(|output| matches!(output, Output::Opened { stream: 1, .. }));
    assert_eq!((completed, opened), (Some(0), Some(1)), "{order:?}");
}

#[tokio::test]
async fn h24_a_stream_number_in_use_is_invalid() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    world.stream(0, 1, "/a/1").await;
    let command = avatar_proto::P2pCommand {
        command: Some(open(&world.peers[1].id, &["/a/1"], 1)),
    };
    assert_eq!(world.peers[0].node.command(99, command), Err(AbiStatus::Invalid));
}

#[tokio::test]
async fn h28_events_begin_with_the_host_itself_and_what_is_open_and_one_asks_at_a_time() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    world.peers[0].node.attach();
    let events = world.events(0).await;
    let Some(Event::Local(local)) = &events[0].event else {
        panic!("{events:?}");
    };
    assert_eq!(local.peer, world.peers[0].id.to_bytes());
    assert!(local.addresses.contains(&addresses[0]), "{local:?}");
    let Some(Event::Opened(opened)) = &events[1].event else {
        panic!("{events:?}");
    };
    assert_eq!(opened.peer, world.peers[1].id.to_bytes());
    assert!(opened.dialled && !opened.relayed);

    // Either it was measured before it was told, or it is told now.
    if opened.round_trip_us == 0 {
        let measured = world.event(0, |event| match event {
            Event::Measured(connection) => Some(connection.round_trip_us),
            _ => None,
        });
        assert!(measured.await > 0);
    }

    let waiting = world.begin(0, Command::NextEvents(P2pNextEvents {}));
    let (code, _) = world
        .command(0, Command::NextEvents(P2pNextEvents {}))
        .await
        .unwrap_err();
    assert_eq!(code, AbiStatus::BadState.code());
    world.peers[0].node.cancel(waiting).unwrap();
    assert_eq!(world.end(0, waiting).await.unwrap_err().0, AbiStatus::Cancelled.code());
    assert_eq!(world.peers[0].node.cancel(waiting), Err(AbiStatus::NotFound), "once");
}

#[tokio::test]
async fn h29_with_an_instance_end_its_streams_and_protocols_and_its_connections_stay() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    let theirs = world.stream(0, 1, "/a/1").await;
    world
        .command(0, Command::AcceptProtocol("/b/1".to_owned()))
        .await
        .unwrap();
    world.peers[1].node.grant(theirs, 10).unwrap();

    world.peers[0].node.detach();
    assert_eq!(world.stream_event(1, theirs).await, StreamEvent::Reset(AbiStatus::Io));
    world.peers[0].node.attach();
    assert!(!world.peers[0].node.has_stream(1));
    let events = world.events(0).await;
    assert!(matches!(events[1].event, Some(Event::Opened(_))), "{events:?}");
    let peer = world.peers[0].id;
    let (code, _) = world.command(1, open(&peer, &["/b/1"], 1)).await.unwrap_err();
    assert_eq!(
        code,
        AbiStatus::Unsupported.code(),
        "what the last instance accepted is not accepted"
    );
}

#[tokio::test]
async fn h29_a_stream_that_the_last_instance_asked_for_is_not_given_to_this_one() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    for protocol in ["/a/1", "/b/1"] {
        let accepted = world.command(1, Command::AcceptProtocol(protocol.to_owned()));
        accepted.await.unwrap();
    }
    let peer = world.peers[1].id;
    for turns in 0..20 {
        world.restart(0);
        let last = world.begin(0, open(&peer, &["/a/1"], 1));
        world.turns(turns).await;
        world.restart(0);
        let this = world.begin(0, open(&peer, &["/b/1"], 1));
        assert_eq!(this, last, "the same number means another operation");
        assert_eq!(
            world.end(0, this).await.unwrap().protocol,
            "/b/1",
            "after {turns} turns"
        );
    }
}

#[tokio::test]
async fn h29_what_the_last_instance_looked_for_is_not_what_this_one_finds() {
    let mut world = World::default();
    let server = world.serve().await;
    let point = peer_of(&server);
    let (seeker, advertiser) = (world.add(), world.add());
    let circuit = listen(&format!("{server}/p2p-circuit"));
    world.command(advertiser, circuit).await.unwrap();
    let advertise = Command::Advertise(P2pAdvertise {
        key: b"a".to_vec(),
        ttl_s: 7_200,
        at: point.clone(),
        stop: false,
    });
    world.command(advertiser, advertise).await.unwrap();
    world.command(seeker, dial(&point, &server)).await.unwrap();
    let find = |key: &[u8]| {
        Command::Find(P2pFind {
            key: key.to_vec(),
            at: point.clone(),
            limit: 0,
        })
    };
    assert_eq!(world.command(seeker, find(b"a")).await.unwrap().peers.len(), 1);
    world.restart(seeker);
    let last = world.begin(seeker, find(b"a"));
    world.restart(seeker);
    let this = world.begin(seeker, find(b"b"));
    assert_eq!(this, last, "the same number means another operation");
    assert_eq!(world.end(seeker, this).await.unwrap().peers, []);
}

#[tokio::test]
async fn a_connection_that_closes_resets_its_streams_and_is_told_with_a_reason() {
    let (mut world, addresses) = World::with(2).await;
    world.connect(0, 1, &addresses[1]).await;
    let theirs = world.stream(0, 1, "/a/1").await;
    let connection = world.event(1, |event| match event {
        Event::Opened(connection) => Some(connection.connection),
        _ => None,
    });
    let connection = connection.await;
    let peer = world.peers[1].id.to_bytes();
    world.command(0, Command::Disconnect(peer)).await.unwrap();
    assert_eq!(world.stream_event(1, theirs).await, StreamEvent::Reset(AbiStatus::Io));
    let closed = world.event(1, |event| match event {
        Event::Closed(connection) => Some(connection),
        _ => None,
    });
    let closed = closed.await;
    assert_eq!(closed.connection, connection);
    assert!(!closed.reason.is_empty() && !closed.dialled);
}

#[tokio::test]
async fn gossip_reaches_who_subscribed_and_names_its_author() {
    let (mut world, addresses) = World::with(2).await;
    let publish = |data: &[u8]| {
        Command::Publish(P2pPublish {
            topic: "news".to_owned(),
            data: data.to_vec(),
        })
    };
    let (code, _) = world.command(0, publish(b"alone")).await.unwrap_err();
    assert_eq!(code, AbiStatus::NotFound.code());

    let subscribe = P2pSubscribe {
        topic: "news".to_owned(),
        unsubscribe: false,
    };
    world.command(1, Command::Subscribe(subscribe)).await.unwrap();
    world.connect(0, 1, &addresses[1]).await;
    // Who is subscribed comes to be known a moment after the connection.
    while let Err((code, _)) = world.command(0, publish(b"hello")).await {
        assert_eq!(code, AbiStatus::NotFound.code());
        world.quiet(Duration::from_millis(20)).await;
    }
    let message = world.event(1, |event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    });
    let message = message.await;
    assert_eq!(
        (message.topic.as_str(), message.data.as_slice()),
        ("news", b"hello".as_slice())
    );
    assert_eq!(message.source, world.peers[0].id.to_bytes());
}

#[tokio::test]
async fn two_who_can_reach_only_a_relay_reach_each_other_over_it() {
    let mut world = World::default();
    let server = world.serve().await;
    let (a, b) = (world.add(), world.add());
    let circuit = format!("{server}/p2p-circuit");
    let reserved = world.command(b, listen(&circuit)).await.unwrap();
    let address = reserved.peers[0].addresses[0].clone();
    assert!(
        address.ends_with(&format!("/p2p-circuit/p2p/{}", world.peers[b].id)),
        "{address}"
    );
    let again = world.command(b, listen(&circuit)).await.unwrap();
    assert_eq!(
        again.peers[0].addresses,
        vec![address.clone()],
        "who listens already is done at once"
    );
    let local = world.event(b, |event| match event {
        Event::Local(local) if !local.addresses.is_empty() => Some(local),
        _ => None,
    });
    assert_eq!(local.await.addresses, vec![address.clone()]);

    world.connect(a, b, &address).await;
    let opened = world.event(a, |event| match event {
        Event::Opened(connection) if connection.relayed => Some(connection),
        _ => None,
    });
    assert_eq!(opened.await.peer, world.peers[b].id.to_bytes());
    let theirs = world.stream(a, b, "/a/1").await;
    world.peers[a].node.write(1, b"over the relay".to_vec()).unwrap();
    world.peers[a].node.close(1, 1).unwrap();
    assert_eq!(
        world.read_to_end(b, theirs).await,
        (b"over the relay".to_vec(), StreamEvent::Fin)
    );
}

#[tokio::test]
async fn who_knows_the_key_finds_the_peer_that_advertises_it() {
    let mut world = World::default();
    let server = world.serve().await;
    let (a, b) = (world.add(), world.add());
    let find = |key: &[u8]| {
        Command::Find(P2pFind {
            key: key.to_vec(),
            ..P2pFind::default()
        })
    };
    let (code, _) = world.command(a, find(b"key")).await.unwrap_err();
    assert_eq!(code, AbiStatus::NotFound.code(), "there is nobody to ask");

    world
        .command(b, listen(&format!("{server}/p2p-circuit")))
        .await
        .unwrap();
    let point = peer_of(&server);
    let advertise = P2pAdvertise {
        key: b"key".to_vec(),
        ttl_s: 7_200,
        at: point.clone(),
        stop: false,
    };
    world.command(b, Command::Advertise(advertise)).await.unwrap();

    world.command(a, dial(&point, &server)).await.unwrap();
    let found = loop {
        // That the server is a rendezvous point comes to be known a moment after the connection.
        match world.command(a, find(b"key")).await {
            Ok(found) => break found,
            Err((code, _)) => assert_eq!(code, AbiStatus::NotFound.code()),
        }
        world.quiet(Duration::from_millis(20)).await;
    };
    assert_eq!(found.peers.len(), 1);
    assert_eq!(found.peers[0].peer, world.peers[b].id.to_bytes());
    assert!(found.peers[0].addresses[0].contains("/p2p-circuit"), "{found:?}");
    assert_eq!(world.command(a, find(b"other")).await.unwrap().peers, []);
}
