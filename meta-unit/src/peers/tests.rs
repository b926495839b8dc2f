//! Nodes on a network that is as bad as a test wants it.

use std::rc::Rc;

use avatar_proto::edit::Op;
use avatar_proto::event::Event as Told;
use avatar_proto::path_step::Step;
use avatar_proto::request::Request as Ask;
use avatar_proto::response::Response as Answer;
use avatar_proto::value::Kind;
use avatar_proto::{
    DeviceInvite, DeviceJoin, DeviceJoinStage, DocChange, DocCreate, DocDelete, DocOpen, Edit, EditList, ErrorCode,
    IdentityGet, IdentityRecover, IdentityWordsGet, MapEntry, MapValue, Message as _, PathStep, PeersConfigure,
    PeersConnect, PeersDiagnose, PeersGet, PeersState, PresenceSet, Query, QueryRun, Request, Value,
};

use crate::index::DocId;
use crate::node::Node;
use crate::platform::{TestNetwork, TestPlatform};
use crate::runtime::Requests;

#[path = "hostile_tests.rs"]
mod hostile;

/// The relay is a host like any other here: it answers, and nobody speaks to it.
const RELAY: u8 = 200;

struct World {
    network: Rc<TestNetwork>,
    relay: Rc<TestPlatform>,
    nodes: Vec<Device>,
}

struct Device {
    platform: Rc<TestPlatform>,
    node: Rc<Node>,
}

fn start(platform: Rc<TestPlatform>) -> Device {
    let node = Node::start(platform.handle(), Rc::new(Requests::new(1_000)), false);
    Device { platform, node }
}

impl World {
    fn new(devices: u8) -> Self {
        let network = Rc::new(TestNetwork::default());
        let relay = TestPlatform::new(99);
        relay.join(&network, RELAY);
        let mut world = Self {
            network,
            relay,
            nodes: Vec::new(),
        };
        for number in 0..devices {
            let platform = TestPlatform::new(u64::from(number) + 1);
            platform.join(&world.network, number + 1);
            world.nodes.push(start(platform));
        }
        world.run();
        world
    }

    fn platforms(&self) -> Vec<&TestPlatform> {
        let nodes = self.nodes.iter().map(|device| &*device.platform);
        nodes.chain([&*self.relay]).collect()
    }

    fn run(&self) {
        TestPlatform::run_together(&self.platforms());
    }

    fn advance_s(&self, seconds: u64) {
        for _ in 0..4 * seconds {
            TestPlatform::advance_together(&self.platforms(), 250_000);
        }
    }

    /// Sends a request; its number.
    fn send(&self, device: usize, request: Ask) -> u64 {
        let Device { platform, node } = &self.nodes[device];
        let (id, responder) = platform.request();
        let request = Request { request: Some(request) };
        node.handle(responder, &request.encode_to_vec());
        self.run();
        id
    }

    /// The answers to a request so far.
    fn answers(&self, device: usize, id: u64) -> Vec<Answer> {
        let answers = self.nodes[device].platform.take_answers(id);
        answers
            .into_iter()
            .filter_map(|answer| answer.response.response)
            .collect()
    }

    fn ask(&self, device: usize, request: Ask) -> Answer {
        let id = self.send(device, request);
        self.answers(device, id).pop().expect("it is answered at once")
    }

    fn configure(&self, device: usize) {
        let relays = vec![format!("/test/{RELAY}")];
        self.ask(device, Ask::PeersConfigure(PeersConfigure { relays }));
    }

    fn connect(&self, device: usize) {
        self.configure(device);
        self.ask(device, Ask::PeersConnect(PeersConnect { on: true }));
    }

    fn words(&self, device: usize) -> String {
        match self.ask(device, Ask::IdentityWordsGet(IdentityWordsGet {})) {
            Answer::IdentityWords(words) => words.words.join(" "),
            other => panic!("{other:?}"),
        }
    }

    /// The devices become those of the first one's owner, and connect.
    fn of_one_person(devices: u8) -> Self {
        let world = Self::new(devices);
        let words = world.words(0);
        for device in 1..usize::from(devices) {
            let words = words.clone();
            let answer = world.ask(device, Ask::IdentityRecover(IdentityRecover { words }));
            assert!(matches!(answer, Answer::Identity(_)), "{answer:?}");
        }
        for device in 0..usize::from(devices) {
            world.connect(device);
        }
        world.advance_s(5);
        world
    }

    fn state(&self, device: usize) -> PeersState {
        match self.ask(device, Ask::PeersGet(PeersGet {})) {
            Answer::Peers(state) => state,
            other => panic!("{other:?}"),
        }
    }

    fn create(&self, device: usize, id: DocId, text: &str) {
        let content = MapValue {
            entries: vec![MapEntry {
                key: "text".to_owned(),
                value: Some(string(text)),
            }],
        };
        let created = self.ask(
            device,
            Ask::DocCreate(DocCreate {
                document_id: id.to_vec(),
                session: vec![device as u8; 16],
                r#type: "note".to_owned(),
                content: Some(content),
                detached: true,
            }),
        );
        assert!(matches!(created, Answer::DocOpened(_)), "{created:?}");
    }

    /// Opens a document: the request and the view's number.
    fn open(&self, device: usize, id: DocId) -> (u64, u64) {
        let request = self.send(
            device,
            Ask::DocOpen(DocOpen {
                document_id: id.to_vec(),
                session: vec![device as u8; 16],
            }),
        );
        match self.answers(device, request).first() {
            Some(Answer::DocOpened(opened)) => (request, opened.view),
            other => panic!("{other:?}"),
        }
    }

    fn put(&self, device: usize, view: u64, seq: u64, key: &str, text: &str) {
        let edit = Edit {
            path: vec![PathStep {
                step: Some(Step::Key(key.to_owned())),
            }],
            op: Some(Op::Put(string(text))),
        };
        let changed = self.ask(
            device,
            Ask::DocChange(DocChange {
                view,
                change_seq: seq,
                seen_version: u64::MAX,
                change: Some(avatar_proto::doc_change::Change::Edits(EditList { edits: vec![edit] })),
                ..DocChange::default()
            }),
        );
        assert!(matches!(changed, Answer::DocChanged(_)), "{changed:?}");
    }

    /// All documents of a device: their id and their fields, in no order.
    fn documents(&self, device: usize) -> Vec<Vec<u8>> {
        let id = self.send(
            device,
            Ask::QueryRun(QueryRun {
                query: Some(Query::default()),
            }),
        );
        let mut rows: Vec<Vec<u8>> = Vec::new();
        for answer in self.answers(device, id) {
            match answer {
                Answer::QueryRows(page) => rows.extend(
                    page.rows
                        .into_iter()
                        .map(|row| [row.document_id, format!("{:?}", row.fields).into_bytes()].concat()),
                ),
                other => panic!("{other:?}"),
            }
        }
        rows.sort();
        rows
    }

    #[track_caller]
    fn assert_same(&self, documents: usize) {
        let first = self.documents(0);
        assert_eq!(first.len(), documents);
        for device in 1..self.nodes.len() {
            assert!(self.documents(device) == first, "device {device} has other documents");
        }
    }

    fn crash(&mut self, device: usize) {
        let next = self.nodes[device].platform.restarted();
        self.nodes[device] = start(next);
        self.run();
        self.configure(device);
    }
}

fn string(text: &str) -> Value {
    Value {
        kind: Some(Kind::String(text.to_owned())),
    }
}

fn id(number: u8) -> DocId {
    [number; 16]
}

#[test]
fn devices_with_the_same_words_find_each_other_and_get_the_same_documents() {
    let world = World::new(2);
    for number in 0..40 {
        world.create(0, id(number), "of the first");
    }
    let words = world.words(0);
    world.ask(1, Ask::IdentityRecover(IdentityRecover { words }));
    world.connect(0);
    world.connect(1);
    world.advance_s(5);
    world.assert_same(40);
    for device in 0..2 {
        let state = world.state(device);
        assert_eq!(state.devices.len(), 1, "{state:?}");
        assert!(state.devices[0].in_sync);
        assert_eq!(state.devices[0].documents_total, 40);
        assert!(state.relays[0].reserved && state.relays[0].connected);
    }
    let Answer::Identity(identity) = world.ask(1, Ask::IdentityGet(IdentityGet {})) else {
        panic!("it is open");
    };
    assert_eq!(identity.devices.len(), 2);
}

#[test]
fn what_is_typed_on_one_is_told_to_who_looks_at_it_on_the_other() {
    let world = World::of_one_person(2);
    world.create(0, id(1), "a");
    world.run();
    let (_, here) = world.open(0, id(1));
    let (request, _) = world.open(1, id(1));
    world.put(0, here, 1, "text", "b");
    let told = world.answers(1, request);
    let patched = told.iter().any(|answer| match answer {
        Answer::DocEvent(event) => matches!(event.event, Some(avatar_proto::doc_event::Event::Patched(_))),
        _ => false,
    });
    assert!(patched, "{told:?}");
    world.assert_same(1);
}

#[test]
fn three_devices_that_edit_apart_and_at_once_have_the_same_in_the_end() {
    let world = World::of_one_person(3);
    for number in 0..3 {
        world.create(0, id(number), "x");
    }
    world.advance_s(1);
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        world.network.set_cut(one, other, true);
    }
    for device in 0..3 {
        for number in 0..3 {
            let (_, view) = world.open(device, id(number));
            world.put(device, view, 1, &format!("by {device}"), "apart");
        }
        world.create(device, id(10 + device as u8), "apart");
    }
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        world.network.set_cut(one, other, false);
    }
    world.advance_s(130);
    world.assert_same(6);
}

#[test]
fn a_deletion_travels_and_what_was_deleted_does_not_come_back() {
    let world = World::of_one_person(3);
    world.create(0, id(1), "x");
    world.create(0, id(2), "x");
    world.advance_s(1);
    world.network.set_cut(1, 3, true);
    world.network.set_cut(2, 3, true);
    let document_id = id(1).to_vec();
    world.ask(1, Ask::DocDelete(DocDelete { document_id }));
    world.advance_s(1);
    let (_, view) = world.open(2, id(1));
    world.put(2, view, 1, "text", "edited where the deletion is not known");
    world.network.set_cut(1, 3, false);
    world.network.set_cut(2, 3, false);
    world.advance_s(130);
    world.assert_same(1);
}

#[test]
fn a_device_that_crashes_goes_on_where_it_was() {
    let mut world = World::of_one_person(2);
    world.create(0, id(1), "x");
    world.advance_s(1);
    world.crash(1);
    world.create(0, id(2), "meanwhile");
    world.advance_s(130);
    world.assert_same(2);
    assert!(world.state(1).on, "it is kept");
    let next = world.nodes[1].platform.restarted();
    world.nodes[1] = start(next);
    world.run();
    assert!(world.state(1).on, "whoever asks is told so before there is a relay");
}

#[test]
fn ten_thousand_documents_that_are_the_same_cost_next_to_nothing_when_devices_meet_again() {
    let mut world = World::of_one_person(2);
    for number in 0..10_000_u32 {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&number.to_le_bytes());
        world.create(0, id, "x");
    }
    world.advance_s(5);
    assert_eq!(world.documents(1).len(), 10_000);
    world.crash(1);
    let before = world.network.bytes();
    world.advance_s(130);
    assert!(world.state(1).devices[0].in_sync);
    let bytes = world.network.bytes() - before;
    assert!(bytes < 5_000, "{bytes} bytes");
}

#[test]
fn devices_that_meet_again_and_know_the_same_of_each_other_write_nothing() {
    let world = World::of_one_person(2);
    world.network.set_cut(1, 2, true);
    world.advance_s(1);
    let before = world.nodes[1].platform.executed_batches();
    world.network.set_cut(1, 2, false);
    world.advance_s(130);
    assert_eq!(world.state(1).devices.len(), 1);
    assert_eq!(world.nodes[1].platform.executed_batches(), before);
}

#[test]
fn who_has_other_words_gets_nothing_and_learns_nothing() {
    let world = World::new(2);
    world.create(0, id(1), "x");
    world.connect(0);
    world.connect(1);
    world.advance_s(10);
    assert!(world.documents(1).is_empty());
    assert!(world.state(0).devices.is_empty() && world.state(1).devices.is_empty());
}

#[test]
fn a_removed_device_is_told_so_and_gets_nothing_more() {
    let world = World::of_one_person(2);
    let Answer::Identity(identity) = world.ask(0, Ask::IdentityGet(IdentityGet {})) else {
        panic!("it is open");
    };
    let other = identity.devices.iter().find(|device| !device.this_device).expect("two");
    let sign_public_key = other.sign_public_key.clone();
    world.ask(0, Ask::DeviceRemove(avatar_proto::DeviceRemove { sign_public_key }));
    world.create(0, id(1), "x");
    world.advance_s(200);
    assert!(world.documents(1).is_empty());
    assert!(world.state(0).devices.is_empty());
}

#[test]
fn a_new_device_joins_by_an_invitation_and_has_everything_when_it_is_done() {
    let world = World::new(2);
    for number in 0..20 {
        world.create(0, id(number), "x");
    }
    world.configure(0);
    let Answer::DeviceInvitation(invitation) = world.ask(0, Ask::DeviceInvite(DeviceInvite {})) else {
        panic!("there is a relay");
    };
    let name = "Phone".to_owned();
    let code = invitation.code;
    let joining = world.send(
        1,
        Ask::DeviceJoin(DeviceJoin {
            code: code.clone(),
            name,
        }),
    );
    world.advance_s(10);
    let stages: Vec<_> = world.answers(1, joining);
    let last = match stages.last() {
        Some(Answer::DeviceJoining(joining)) => *joining,
        other => panic!("{other:?}"),
    };
    assert_eq!(last.stage(), DeviceJoinStage::Done, "{stages:?}");
    world.assert_same(20);
    let [Answer::Identity(there), Answer::Identity(here)] =
        [0, 1].map(|device| world.ask(device, Ask::IdentityGet(IdentityGet {})))
    else {
        panic!("both are open");
    };
    assert_eq!(there.did, here.did);
    assert_eq!(there.devices.len(), 2);
    assert!(there.devices.iter().any(|device| device.name == "Phone"));
    let told = world.nodes[1].platform.take_events();
    let has_told = told
        .iter()
        .any(|event| matches!(&event.event, Some(Told::IdentityChanged(state)) if state.did == there.did));
    assert!(has_told, "clients hear of the identity");
    // It counts once.
    assert_eq!(world.state(0).invitation_expires_ms, 0);
}

#[test]
fn an_invitation_that_has_expired_or_was_withdrawn_or_is_another_lets_nobody_in() {
    let world = World::new(2);
    world.configure(0);
    let invite = || match world.ask(0, Ask::DeviceInvite(DeviceInvite {})) {
        Answer::DeviceInvitation(invitation) => invitation.code,
        other => panic!("{other:?}"),
    };
    let join = |code: String| {
        let request = world.send(
            1,
            Ask::DeviceJoin(DeviceJoin {
                code,
                name: String::new(),
            }),
        );
        world.advance_s(400);
        world.answers(1, request).pop()
    };
    let first = invite();
    world.advance_s(601);
    assert!(matches!(join(first.clone()), Some(Answer::Error(error)) if error.code() == ErrorCode::NotFound));
    let second = invite();
    world.ask(0, Ask::DeviceInviteCancel(avatar_proto::DeviceInviteCancel {}));
    assert!(matches!(join(second), Some(Answer::Error(error)) if error.code() == ErrorCode::NotFound));
    invite();
    assert!(matches!(join(first), Some(Answer::Error(error)) if error.code() == ErrorCode::NotFound));
    assert!(
        matches!(join("nonsense".to_owned()), Some(Answer::Error(error)) if error.code() == ErrorCode::InvalidArgument)
    );
}

#[test]
fn a_node_with_documents_of_its_own_does_not_join() {
    let world = World::new(2);
    world.configure(0);
    world.create(1, id(1), "of another person");
    let Answer::DeviceInvitation(invitation) = world.ask(0, Ask::DeviceInvite(DeviceInvite {})) else {
        panic!("there is a relay");
    };
    let code = invitation.code;
    let refused = world.ask(
        1,
        Ask::DeviceJoin(DeviceJoin {
            code,
            name: String::new(),
        }),
    );
    assert!(matches!(refused, Answer::Error(error) if error.code() == ErrorCode::AlreadyExists));
}

#[test]
fn a_device_is_linked_again_after_the_identity_was_handed_over_and_keeps_what_it_has() {
    let world = World::of_one_person(2);
    world.create(0, id(1), "x");
    world.advance_s(1);
    world.ask(0, Ask::IdentityRotate(avatar_proto::IdentityRotate {}));
    world.create(1, id(2), "made while it was cut off");
    world.advance_s(130);
    assert!(world.state(0).devices.is_empty(), "it has the former key only");
    let Answer::DeviceInvitation(invitation) = world.ask(0, Ask::DeviceInvite(DeviceInvite {})) else {
        panic!("there is a relay");
    };
    let (code, name) = (invitation.code, String::new());
    let joining = world.send(1, Ask::DeviceJoin(DeviceJoin { code, name }));
    world.advance_s(10);
    let last = world.answers(1, joining).pop();
    assert!(matches!(last, Some(Answer::DeviceJoining(joining)) if joining.stage() == DeviceJoinStage::Done));
    world.assert_same(2);
    let dids = [0, 1].map(|device| match world.ask(device, Ask::IdentityGet(IdentityGet {})) {
        Answer::Identity(identity) => (identity.did, identity.devices.len()),
        other => panic!("{other:?}"),
    });
    assert_eq!(dids[0], dids[1]);
    assert_eq!(dids[0].1, 2, "it is entered once");
}

#[test]
fn a_node_that_is_locked_speaks_to_nobody_and_goes_on_once_it_is_unlocked() {
    let world = World::of_one_person(2);
    let passphrase = "correct horse".to_owned();
    world.ask(
        1,
        Ask::IdentityPassphraseSet(avatar_proto::IdentityPassphraseSet {
            passphrase: passphrase.clone(),
            ask_at_start: false,
        }),
    );
    world.ask(1, Ask::IdentityLock(avatar_proto::IdentityLock {}));
    world.create(0, id(1), "while it was locked");
    world.advance_s(5);
    assert!(world.state(0).devices.is_empty());
    let secret = Some(avatar_proto::UnlockSecret {
        secret: Some(avatar_proto::unlock_secret::Secret::Passphrase(passphrase)),
    });
    let unlocked = world.ask(1, Ask::IdentityUnlock(avatar_proto::IdentityUnlock { secret }));
    assert!(matches!(unlocked, Answer::Identity(_)), "{unlocked:?}");
    world.advance_s(130);
    world.assert_same(1);
}

#[test]
fn what_came_and_could_not_be_stored_is_asked_for_again() {
    let world = World::of_one_person(2);
    let storage = &world.nodes[1].platform;
    storage.fail_storage_after(0, avatar_proto::OpErrorCode::QuotaExceeded);
    world.create(0, id(1), "x");
    world.create(0, id(2), "x");
    world.advance_s(130);
    world.assert_same(2);
}

#[test]
fn whoever_turns_it_off_is_disconnected_and_every_client_is_told() {
    let world = World::of_one_person(2);
    world.nodes[0].platform.take_events();
    world.ask(0, Ask::PeersConnect(PeersConnect { on: false }));
    world.advance_s(1);
    let told = world.nodes[0].platform.take_events();
    let has_told = told
        .iter()
        .any(|event| matches!(&event.event, Some(Told::PeersChanged(state)) if !state.on && state.devices.is_empty()));
    assert!(has_told, "{told:?}");
    assert!(world.state(0).connections.is_empty());
    world.create(1, id(1), "while it was off");
    world.advance_s(5);
    assert!(world.documents(0).is_empty());
    world.ask(0, Ask::PeersConnect(PeersConnect { on: true }));
    world.advance_s(130);
    world.assert_same(1);
}

#[test]
fn presence_is_told_to_the_others_and_ends_with_the_device() {
    let world = World::of_one_person(2);
    let presences = |device: usize| -> Vec<Vec<u8>> {
        let events = world.nodes[device].platform.take_events();
        let told = events.into_iter().filter_map(|event| match event.event {
            Some(Told::PresenceChanged(presence)) => Some(presence.data),
            _ => None,
        });
        told.collect()
    };
    let set = |data: &[u8]| {
        let presence = PresenceSet {
            document_id: id(1).to_vec(),
            data: data.to_vec(),
        };
        let _ = world.ask(0, Ask::PresenceSet(presence));
    };
    set(b"here");
    assert_eq!(presences(1), [b"here".to_vec()]);
    set(b"");
    assert_eq!(presences(1), [b"".to_vec()]);
    set(b"again");
    world.network.set_cut(1, 2, true);
    world.advance_s(1);
    assert_eq!(presences(1), [b"again".to_vec(), b"".to_vec()]);
}

#[test]
fn without_libp2p_or_relays_a_person_is_told_so() {
    let world = World::new(1);
    let alone = start(TestPlatform::new(50));
    alone.platform.run_until_idle();
    let findings = |world: &World| match world.ask(0, Ask::PeersDiagnose(PeersDiagnose {})) {
        Answer::PeersDiagnosis(diagnosis) => diagnosis.findings,
        other => panic!("{other:?}"),
    };
    assert_eq!(findings(&world)[0].subject, "off");
    world.ask(0, Ask::PeersConnect(PeersConnect { on: true }));
    assert_eq!(findings(&world)[0].subject, "relays");
    let refused = world.ask(0, Ask::DeviceInvite(DeviceInvite {}));
    assert!(matches!(refused, Answer::Error(error) if error.code() == ErrorCode::Unsupported));
    world.connect(0);
    world.advance_s(3);
    let subjects: Vec<String> = findings(&world).into_iter().map(|finding| finding.subject).collect();
    assert_eq!(subjects[0], "relay");
}
