//! What somebody does who does not keep to the protocol, to a node that is on the network with another honest one: it ends with a reason and a disconnect, in bounded memory, and the honest
//! device is served as if nothing had happened.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::io::Write as _;

use automerge::sync;
use avatar_peers::frame::{Frames, frame};
use avatar_peers::handshake::{ContactKey, Ends, Proof, Role, Transcript, hail};
use avatar_peers::message::{Document, Header, MAX_IDS, MAX_MESSAGE_BYTES, Message};
use avatar_proto::P2pDial;
use avatar_proto::p2p_command::Command as P2p;
use avatar_vault::device_log::{Action, Draft, Log, join_statement};
use avatar_vault::words::RecoveryWords;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::peers::PROTOCOL;
use crate::platform::{PeerStream, Platform as _};

const VICTIM: u8 = 1;
const ATTACKER: u8 = 66;

/// A document that the victim has, and one that nobody has.
const KNOWN: DocId = [1; 16];
const UNKNOWN: DocId = [3; 16];

/// What a hostile act may make a node keep, in bytes: that of the limits, and what is under way.
const BOUNDED_BYTES: isize = 192 * 1024 * 1024;

/// Counts what a thread has allocated.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has nothing left to count.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(live.get())));
    });
}

// SAFETY: all of it is the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A stream of the attacker's.
struct Line {
    stream: PeerStream,
    frames: RefCell<Frames>,
}

impl Line {
    /// The next message; None when there is an end of it, whichever.
    async fn read(&self) -> Option<Vec<u8>> {
        loop {
            if let Some(message) = self
                .frames
                .borrow_mut()
                .next(MAX_MESSAGE_BYTES)
                .expect("an honest frame")
            {
                return Some(message);
            }
            let piece = self.stream.read().await.ok()??;
            self.frames.borrow_mut().push(&piece);
        }
    }

    /// False: the stream is over.
    async fn say(&self, message: &[u8]) -> bool {
        self.stream.write(&frame(message)).await.is_ok()
    }
}

/// Two honest devices of a person; and a third one, which the identity has let in, and which is hostile.
struct Scene {
    world: World,
    attacker: Rc<TestPlatform>,
    identity: SigningKey,
    device: SigningKey,
    log: Log,
}

impl Scene {
    fn new() -> Self {
        let world = World::of_one_person(2);
        world.create(0, KNOWN, "x");
        world.advance_s(1);
        let words = RecoveryWords::parse(&world.words(0)).expect("they are the person's words");
        let identity = SigningKey::from_bytes(&words.identity_seed());
        let attacker = TestPlatform::new(66);
        attacker.join(&world.network, ATTACKER);
        let device = SigningKey::from_bytes(&[66; 32]);
        let public = identity.verifying_key().to_bytes();
        let sign = |draft: Draft| {
            let signature = identity.sign(&draft.to_sign()).to_bytes();
            draft.sign(&signature, None).expect("a good signature")
        };
        let mut log = Log::new(sign(Draft::genesis(public, 0))).expect("a genesis");
        let key = device.verifying_key().to_bytes();
        let added = Action::AddDevice {
            device: key,
            agreement: [9; 32],
            name: "hostile".to_owned(),
            at_ms: 1,
            consent: device.sign(&join_statement(log.account(), &key, &[9; 32])).to_bytes(),
        };
        let draft = log.draft(public, added).expect("a good action");
        log.insert(sign(draft)).expect("its parents are there");
        let scene = Self {
            world,
            attacker,
            identity,
            device,
            log,
        };
        for honest in &scene.world.nodes {
            honest.platform.take_log();
        }
        scene
    }

    fn run(&self) {
        let platforms = [self.world.platforms(), vec![&*self.attacker]].concat();
        TestPlatform::run_together(&platforms);
    }

    fn advance_s(&self, seconds: u64) {
        let platforms = [self.world.platforms(), vec![&*self.attacker]].concat();
        for _ in 0..4 * seconds {
            TestPlatform::advance_together(&platforms, 250_000);
        }
    }

    /// What the attacker does, as far as it comes.
    fn act<T: 'static>(&self, act: impl Future<Output = T> + 'static) -> Option<T> {
        let done = Rc::new(RefCell::new(None));
        let place = Rc::clone(&done);
        self.attacker.spawn(Box::pin(async move {
            let value = act.await;
            place.replace(Some(value));
        }));
        self.run();
        done.take()
    }

    fn line(&self) -> Rc<Line> {
        let platform = Rc::clone(&self.attacker);
        let line = self.act(async move {
            let dial = P2pDial {
                peer: vec![VICTIM],
                ..P2pDial::default()
            };
            platform.p2p(P2p::Dial(dial)).await.expect("they reach each other");
            let opening = platform.open_stream(vec![VICTIM], vec![PROTOCOL.to_owned()]);
            let (stream, _) = opening.await.expect("it is spoken there");
            Line {
                stream,
                frames: RefCell::default(),
            }
        });
        Rc::new(line.expect("it was opened"))
    }

    fn contact(&self) -> ContactKey {
        ContactKey::between(&self.identity, &self.identity.verifying_key().to_bytes()).expect("a good key")
    }

    /// The first words; what was said so far, and the hail.
    fn hail(&self, line: &Rc<Line>) -> (Transcript, Vec<u8>) {
        let (line, contact) = (Rc::clone(line), self.contact());
        let hailed = self.act(async move {
            let ends = Ends {
                dialler: &[ATTACKER],
                listener: &[VICTIM],
            };
            let (hailing, sent) = hail(&contact, ends, [5; 32]);
            assert!(line.say(&sent).await);
            let answer = line.read().await.expect("they share the secret");
            (hailing.answered(&answer).expect("it is the secret"), sent)
        });
        hailed.expect("it is answered at once")
    }

    fn proof(&self, transcript: &Transcript, device: &SigningKey) -> Vec<u8> {
        Proof {
            device: device.verifying_key().to_bytes(),
            signature: device.sign(&transcript.to_sign(Role::Dialler)).to_bytes(),
            log: self.log.clone(),
        }
        .encode()
    }

    /// A stream on which both have proved who they are, and the victim has said its first words.
    fn session(&self) -> Rc<Line> {
        let line = self.line();
        let (transcript, _) = self.hail(&line);
        self.say(&line, &self.proof(&transcript, &self.device));
        let reading = Rc::clone(&line);
        let proved = self.act(async move { reading.read().await });
        assert!(proved.flatten().is_some());
        line
    }

    /// Says something as fast as it goes, and reads what comes.
    fn say(&self, line: &Rc<Line>, message: &[u8]) {
        let (line, message) = (Rc::clone(line), message.to_vec());
        self.act(async move { line.say(&message).await });
    }

    /// Reads whatever comes, for ever.
    fn read_all(&self, line: &Rc<Line>) {
        let line = Rc::clone(line);
        self.act(async move { while line.read().await.is_some() {} });
    }

    /// Why the victim has ended conversations.
    fn reasons(&self) -> Vec<String> {
        let log = self.world.nodes[0].platform.take_log();
        let ends = log.into_iter().filter_map(|(_, line)| {
            let reason = line.strip_prefix("a conversation with a device ended: ");
            reason.map(ToOwned::to_owned)
        });
        ends.collect()
    }

    /// The victim has ended it for this reason, and serves the honest device.
    #[track_caller]
    fn assert_ended(&self, line: &Rc<Line>, reason: &str) {
        self.run();
        let reasons = self.reasons();
        assert!(reasons.len() == 1 && reasons[0].contains(reason), "{reasons:?}");
        let line = Rc::clone(line);
        let over = self.act(async move { while line.read().await.is_some() {} });
        assert_eq!(over, Some(()), "the stream is over");
        self.assert_serves();
    }

    #[track_caller]
    fn assert_serves(&self) {
        let world = &self.world;
        world.create(1, id(200), "of the honest one");
        world.create(0, id(201), "of the victim");
        self.advance_s(1);
        let (first, second) = (world.documents(0), world.documents(1));
        assert_eq!(first, second);
        assert!(first.len() >= 3, "{}", first.len());
        let state = world.state(0);
        assert!(state.devices.iter().any(|device| device.in_sync), "{state:?}");
    }

    /// After a breach nothing more is heard of them for a while.
    #[track_caller]
    fn assert_shunned(&self) {
        let line = self.line();
        let (reading, contact) = (Rc::clone(&line), self.contact());
        let answered = self.act(async move {
            let ends = Ends {
                dialler: &[ATTACKER],
                listener: &[VICTIM],
            };
            let (_, sent) = hail(&contact, ends, [5; 32]);
            let _ = reading.say(&sent).await;
            reading.read().await
        });
        assert_eq!(answered, Some(None));
    }
}

/// How much more memory is in use at most while something is done.
fn grows_by(act: impl FnOnce()) -> isize {
    let before = LIVE.get();
    MOST.set(before);
    act();
    MOST.get() - before
}

fn of_document(id: DocId, said: sync::Message) -> Vec<u8> {
    of_bytes(id, said.encode())
}

fn of_bytes(id: DocId, sync: Vec<u8>) -> Vec<u8> {
    Message::Document(Document {
        id,
        header: Some(Header {
            type_name: "note".to_owned(),
            owner: "did:key:z6Mk".to_owned(),
            created_ms: 0,
        }),
        updated_ms: 0,
        sync,
    })
    .encode()
}

fn nothing() -> sync::Message {
    sync::Message {
        heads: Vec::new(),
        need: Vec::new(),
        have: Vec::new(),
        changes: sync::ChunkList::empty(),
        flags: None,
        version: sync::MessageVersion::V1,
    }
}

fn hash(number: u32) -> automerge::ChangeHash {
    automerge::ChangeHash(Sha256::digest(number.to_le_bytes()).into())
}

fn number(mut number: u64, bytes: &mut Vec<u8>) {
    leb128::write::unsigned(bytes, std::mem::take(&mut number)).expect("memory takes all");
}

/// A chunk of automerge's, of a kind, with a right checksum over `checked`.
fn chunk(kind: u8, data: &[u8], checked: &[u8]) -> Vec<u8> {
    let headed = |kind: u8, data: &[u8]| {
        let mut bytes = vec![kind];
        number(data.len() as u64, &mut bytes);
        bytes.extend_from_slice(data);
        bytes
    };
    let checksum = Sha256::digest(headed(1, checked));
    [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &headed(kind, data)].concat()
}

/// A change that does nothing and builds on others.
fn change_on(hashes: impl ExactSizeIterator<Item = u32>) -> Vec<u8> {
    let mut data = Vec::new();
    number(hashes.len() as u64, &mut data);
    data.extend(hashes.flat_map(|number| hash(number).0));
    // Actor of 1 byte, its first change, the first operation, time, no words, no other actors, no columns.
    data.extend([1, 7, 1, 1, 0, 0, 0, 0]);
    chunk(1, &data, &data)
}

fn filter(entries: u64, bits: u64, probes: u64, filter: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for said in [entries, bits, probes] {
        number(said, &mut bytes);
    }
    bytes.extend_from_slice(filter);
    // A message with this one filter: a head, no needs, no last common heads, no changes.
    let mut message = vec![0x42, 1];
    message.extend(hash(1).0);
    message.extend([0, 1, 0]);
    number(bytes.len() as u64, &mut message);
    message.extend(bytes);
    message.push(0);
    message
}

#[test]
fn a_frame_of_four_gibibytes_ends_it() {
    let scene = Scene::new();
    let line = scene.session();
    let writing = Rc::clone(&line);
    let grown = grows_by(|| {
        scene.act(async move { writing.stream.write(&[0xff, 0xff, 0xff, 0xff, 0x0f]).await });
    });
    assert!(grown < 1024 * 1024, "{grown}");
    scene.assert_ended(&line, "the length of a frame is none");
    scene.assert_shunned();
}

#[test]
fn what_is_no_message_ends_it() {
    let scene = Scene::new();
    let line = scene.session();
    scene.say(&line, b"nonsense");
    scene.assert_ended(&line, "what it says is no message");
    scene.assert_shunned();
}

#[test]
fn an_inflation_bomb_ends_it_before_it_is_inflated() {
    let scene = Scene::new();
    let line = scene.session();
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..1_000 {
        deflated.write_all(&[0; 1024 * 1024]).expect("memory takes all");
    }
    let deflated = deflated.finish().expect("memory takes all");
    let said = sync::Message {
        heads: vec![hash(1)],
        changes: vec![chunk(2, &deflated, &[])].into(),
        ..nothing()
    };
    let message = of_document(KNOWN, said);
    assert!(message.len() < MAX_MESSAGE_BYTES);
    let grown = grows_by(|| scene.say(&line, &message));
    assert!(grown < 64 * 1024 * 1024, "{grown}");
    scene.assert_ended(&line, "changes that are none, or inflate");
    scene.assert_shunned();
}

#[test]
fn a_change_that_builds_on_as_many_as_a_message_holds_ends_it() {
    let scene = Scene::new();
    let line = scene.session();
    let said = sync::Message {
        heads: vec![hash(1)],
        changes: vec![change_on(0..450_000)].into(),
        ..nothing()
    };
    let message = of_document(KNOWN, said);
    assert!((14_000_000..MAX_MESSAGE_BYTES).contains(&message.len()));
    let grown = grows_by(|| scene.say(&line, &message));
    assert!(grown < BOUNDED_BYTES, "{grown}");
    scene.assert_ended(&line, "changes that build on more than any document has");
    scene.assert_shunned();
}

#[test]
fn changes_without_those_that_they_build_on_end_it_before_they_fill_the_memory() {
    let scene = Scene::new();
    let line = scene.session();
    scene.read_all(&line);
    let grown = grows_by(|| {
        for at in 0..400_u32 {
            let mut id = UNKNOWN;
            id[..4].copy_from_slice(&at.to_le_bytes());
            let said = sync::Message {
                heads: vec![hash(1)],
                changes: vec![change_on(at * 16_000..at * 16_000 + 16_000)].into(),
                ..nothing()
            };
            scene.say(&line, &of_document(id, said));
        }
    });
    assert!(grown < 2 * BOUNDED_BYTES, "{grown}");
    scene.assert_ended(&line, "changes and not what they build on");
}

#[test]
fn a_filter_that_takes_for_ever_or_divides_by_nothing_ends_it() {
    for hostile in [
        filter(1, 10, u64::from(u32::MAX), &[0; 2]),
        filter(1, 0, 7, &[]),
        filter(1, 10, 0, &[0; 2]),
    ] {
        let scene = Scene::new();
        let line = scene.session();
        scene.say(&line, &of_bytes(KNOWN, hostile));
        scene.assert_ended(&line, "a filter that takes for ever");
        scene.assert_shunned();
    }
}

#[test]
fn filters_for_ever_more_documents_end_it_before_they_fill_the_memory() {
    let scene = Scene::new();
    let line = scene.session();
    scene.read_all(&line);
    let hostile = filter(800_000, 10, 7, &[0xff; 1_000_000]);
    let grown = grows_by(|| {
        for number in 0..400_u32 {
            let mut id = UNKNOWN;
            id[..4].copy_from_slice(&number.to_le_bytes());
            scene.say(&line, &Message::Coming(vec![id]).encode());
            scene.say(&line, &of_bytes(id, hostile.clone()));
        }
    });
    assert!(grown < BOUNDED_BYTES, "{grown}");
    scene.assert_ended(&line, "more of its documents than can be kept");
}

#[test]
fn a_sync_that_never_comes_to_an_end_is_ended() {
    let scene = Scene::new();
    let line = scene.session();
    scene.read_all(&line);
    for number in 0..300 {
        let said = sync::Message {
            heads: vec![hash(number)],
            ..nothing()
        };
        scene.say(&line, &of_document(KNOWN, said));
    }
    scene.assert_ended(&line, "never comes to an end");
    scene.assert_shunned();
}

#[test]
fn a_device_that_the_identity_never_let_in_ends_it() {
    let scene = Scene::new();
    let line = scene.line();
    let (transcript, _) = scene.hail(&line);
    let forged = SigningKey::from_bytes(&[67; 32]);
    scene.say(&line, &scene.proof(&transcript, &forged));
    scene.assert_ended(&line, "the device does not speak for the identity");
}

#[test]
fn a_handshake_that_was_recorded_opens_nothing() {
    let scene = Scene::new();
    let first = scene.line();
    let (transcript, hail) = scene.hail(&first);
    let proof = scene.proof(&transcript, &scene.device);
    scene.say(&first, &proof);
    first.stream.finish();
    scene.run();
    scene.reasons();
    let line = scene.line();
    scene.say(&line, &hail);
    scene.say(&line, &proof);
    scene.assert_ended(&line, "the signature is not over this handshake");
}

#[test]
fn a_stranger_who_asks_for_documents_hears_nothing() {
    let scene = Scene::new();
    for (first, reason) in [
        (Message::Wanted(vec![KNOWN]).encode(), "the handshake is of version 34"),
        (vec![1; avatar_peers::handshake::HAIL_BYTES], "nobody who is known"),
    ] {
        let line = scene.line();
        scene.say(&line, &first);
        let reading = Rc::clone(&line);
        let heard = scene.act(async move { reading.read().await });
        assert_eq!(heard, Some(None));
        scene.assert_ended_quietly(reason);
    }
    scene.assert_serves();
}

impl Scene {
    #[track_caller]
    fn assert_ended_quietly(&self, reason: &str) {
        let reasons = self.reasons();
        assert!(reasons.len() == 1 && reasons[0].contains(reason), "{reasons:?}");
    }
}

#[test]
fn a_stranger_who_says_nothing_is_not_waited_for() {
    let scene = Scene::new();
    let line = scene.line();
    scene.advance_s(31);
    scene.assert_ended(&line, "nothing comes any more");
}

#[test]
fn a_flood_of_pings_ends_it() {
    let scene = Scene::new();
    let line = scene.session();
    scene.read_all(&line);
    for _ in 0..40 {
        scene.say(&line, &Message::Ping.encode());
    }
    scene.assert_ended(&line, "again and again");
    scene.assert_shunned();
}

#[test]
fn a_ping_now_and_then_is_answered_for_hours() {
    let scene = Scene::new();
    let line = scene.session();
    let reading = Rc::clone(&line);
    let pongs = Rc::new(Cell::new(0));
    let counted = Rc::clone(&pongs);
    scene.act(async move {
        while let Some(message) = reading.read().await {
            if Message::decode(&message) == Ok(Message::Pong) {
                counted.set(counted.get() + 1);
            }
        }
    });
    for _ in 0..100 {
        scene.advance_s(20);
        scene.say(&line, &Message::Ping.encode());
    }
    assert_eq!(pongs.get(), 100);
}

#[test]
fn a_million_announced_documents_end_it() {
    let scene = Scene::new();
    let line = scene.session();
    scene.read_all(&line);
    let grown = grows_by(|| {
        for at in 0..1_026_u32 {
            let ids = (0..MAX_IDS as u32).map(|number| {
                let mut id = UNKNOWN;
                id[..4].copy_from_slice(&(at * MAX_IDS as u32 + number).to_le_bytes());
                id
            });
            scene.say(&line, &Message::Coming(ids.collect()).encode());
        }
    });
    assert!(grown < BOUNDED_BYTES, "{grown}");
    scene.assert_ended(&line, "announces more documents than there can be");
    scene.assert_shunned();
}

#[test]
fn who_wants_what_is_not_there_and_reads_no_answer_is_ended() {
    let scene = Scene::new();
    let line = scene.session();
    let wanted = Message::Wanted(vec![UNKNOWN; MAX_IDS]).encode();
    let grown = grows_by(|| {
        for _ in 0..1_100 {
            scene.say(&line, &wanted);
        }
    });
    assert!(grown < BOUNDED_BYTES, "{grown}");
    scene.assert_ended(&line, "reads no answer");
    scene.assert_shunned();
}
