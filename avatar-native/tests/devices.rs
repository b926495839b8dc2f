//! A server or a desktop as one of a person's devices: the real Meta Unit in two hosts, and `avatar relay` between them.

mod common;

use std::path::Path;

use avatar_native::{Client, Host, Options, p2p};
use avatar_proto::{DeviceInvite, DeviceJoin, DeviceJoinStage, PeersConfigure, request, response};
use avatar_relay::{Config, Relay};
use common::{create, options, start, within};

/// A host that knows the relay, and can be reached on this machine.
async fn device(folder: &Path, relay: &Relay) -> (Host, Client) {
    let (host, client) = start(Options {
        p2p: Some(p2p::Config {
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        }),
        ..options(folder)
    })
    .await;
    let relays = relay.addresses().iter().map(ToString::to_string).collect();
    let configure = request::Request::PeersConfigure(PeersConfigure { relays });
    within(client.ask(configure)).await.expect("known");
    (host, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_is_linked_over_a_relay_and_has_everything_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Relay::start(Config::loopback(folder.path().join("relay"))).await;
    let relay = relay.expect("it listens");
    let (one, first) = device(&folder.path().join("one"), &relay).await;
    let (two, second) = device(&folder.path().join("two"), &relay).await;
    assert_ne!(first.ready().did, second.ready().did);
    let mut notes = Vec::new();
    for nth in 0..20 {
        notes.push(create(&first, &format!("Note {nth}"), "some text").await);
    }

    let invite = request::Request::DeviceInvite(DeviceInvite {});
    let response::Response::DeviceInvitation(invitation) = within(first.ask(invite)).await.expect("an invitation")
    else {
        panic!("something else");
    };
    let join = request::Request::DeviceJoin(DeviceJoin {
        code: invitation.code,
        name: "Server".into(),
    });
    let mut joining = within(second.request(join)).await.expect("taken");
    loop {
        match within(joining.next()).await.expect("a stage") {
            response::Response::DeviceJoining(at) if at.stage() == DeviceJoinStage::Done => break,
            response::Response::DeviceJoining(_) => {}
            other => panic!("{other:?}"),
        }
    }
    for (nth, id) in notes.into_iter().enumerate() {
        let found = within(second.get(id)).await.expect("the note");
        assert_eq!(found.value["title"], format!("Note {nth}").as_str());
    }
    within(one.close()).await;
    within(two.close()).await;
    relay.close().await;
}
