use std::cell::RefCell;
use std::collections::HashSet;

use automerge::transaction::{CommitOptions, Transactable as _};
use automerge::{ActorId, Automerge, ROOT};

use super::*;
use crate::documents::open_doc::Header;
use crate::index::Index;
use crate::index::maintenance::Segments;
use crate::platform::TestPlatform;

const ID: DocId = [7; 16];

struct Device {
    platform: Rc<TestPlatform>,
    index: Rc<RefCell<Index>>,
    documents: Rc<Documents>,
}

impl Device {
    fn new(platform: Rc<TestPlatform>, index: Rc<RefCell<Index>>) -> Self {
        let documents = Documents::new(
            platform.handle(),
            Rc::clone(&index),
            Rc::new(RefCell::new(Segments::new())),
            HashSet::new(),
            "did:key:z6Mk".to_owned(),
        );
        Self {
            platform,
            index,
            documents,
        }
    }

    fn receive(&self, id: DocId, said: &sync::Message) -> Result<Received, ReceiveError> {
        let document = Document {
            id,
            header: Some(Header {
                type_name: "note".to_owned(),
                owner: "did:key:z6Mk".to_owned(),
                created_ms: 0,
            }),
            updated_ms: 0,
            sync: said.clone().encode(),
        };
        self.documents.receive(document, &mut sync::State::new())
    }

    /// What the next life reads from storage.
    fn stored(&self, id: DocId) -> Automerge {
        let next = Self::new(self.platform.restarted(), Rc::clone(&self.index));
        let documents = Rc::clone(&next.documents);
        let read = next
            .platform
            .block_on(async move { documents.prepare_to_receive(id).await });
        read.expect("it is readable");
        let state = next.documents.state.borrow();
        state.open[&id].automerge().clone()
    }
}

fn change(document: &mut Automerge, actor: u8, key: &str) {
    document.set_actor(ActorId::from([actor; 16]));
    let mut transaction = document.transaction();
    transaction.put(ROOT, key, 1).expect("a map takes any key");
    transaction.commit_with(CommitOptions::default().with_time(0));
}

/// All of a document, change by change.
fn said(document: &Automerge) -> sync::Message {
    let changes = document.get_changes(&[]);
    let chunks: Vec<Vec<u8>> = changes.iter().map(|change| change.raw_bytes().to_vec()).collect();
    sync::Message {
        heads: document.get_heads(),
        need: Vec::new(),
        have: Vec::new(),
        changes: chunks.into(),
        flags: None,
        version: sync::MessageVersion::V1,
    }
}

fn hostile(received: Result<Received, ReceiveError>) -> &'static str {
    match received {
        Err(ReceiveError::Hostile(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_stored_yet_outlives_a_message_that_does_not_apply() {
    let device = Device::new(TestPlatform::new(1), Rc::default());
    let mut document = Automerge::new();
    change(&mut document, 1, "first");
    let mut other = Automerge::new();
    change(&mut other, 1, "another change of the same number");
    device.receive(ID, &said(&document)).expect("it is sound");
    device.platform.run_until_idle();
    device.platform.hold_storage(true);
    change(&mut document, 2, "on its way to storage");
    device.receive(ID, &said(&document)).expect("it is sound");
    device.platform.run_until_idle();
    change(&mut document, 3, "waits for the next batch");
    device.receive(ID, &said(&document)).expect("it is sound");
    assert_eq!(hostile(device.receive(ID, &said(&other))), "changes that do not apply");
    device.platform.hold_storage(false);
    device.platform.run_until_idle();
    assert_eq!(device.stored(ID).get_heads(), document.get_heads());
}

#[test]
fn documents_of_which_nothing_comes_take_a_bounded_place() {
    let device = Device::new(TestPlatform::new(1), Rc::default());
    let mut first = Automerge::new();
    change(&mut first, 1, "x");
    let promise = sync::Message {
        changes: sync::ChunkList::empty(),
        ..said(&first)
    };
    for number in 0..4_000_u32 {
        let mut id = ID;
        id[..4].copy_from_slice(&number.to_le_bytes());
        let received = device.receive(id, &promise).expect("it is sound");
        assert_eq!(received, Received::Taken(Taken::default()));
    }
    assert!(device.documents.state.borrow().open.len() <= MAX_OPEN + MAX_OPEN / 4);
    assert!(device.index.borrow().is_empty());
    device.receive(ID, &said(&first)).expect("it is sound");
    device.platform.run_until_idle();
    assert_eq!(device.stored(ID).get_heads(), first.get_heads());
}

#[test]
fn a_change_before_its_predecessor_waits_and_is_stored_with_it() {
    let device = Device::new(TestPlatform::new(1), Rc::default());
    let mut document = Automerge::new();
    change(&mut document, 1, "x");
    device.receive(ID, &said(&document)).expect("it is sound");
    change(&mut document, 1, "y");
    change(&mut document, 1, "z");
    let all = said(&document);
    let chunks: Vec<Vec<u8>> = all.changes.iter().map(<[u8]>::to_vec).collect();
    let early = sync::Message {
        changes: vec![chunks[2].clone()].into(),
        ..all.clone()
    };
    let received = device.receive(ID, &early).expect("it is sound");
    let waits = Taken {
        waits: true,
        ..Taken::default()
    };
    assert_eq!(received, Received::Taken(waits));
    let received = device.receive(ID, &all).expect("it is sound");
    let done = Taken {
        equal: true,
        is_new: true,
        waits: false,
    };
    assert_eq!(received, Received::Taken(done));
    device.platform.run_until_idle();
    assert_eq!(device.stored(ID).get_heads(), document.get_heads());
}

#[test]
fn a_document_without_a_content_is_told_to_others_too() {
    let device = Device::new(TestPlatform::new(1), Rc::default());
    device.documents.note_news(&Rc::default());
    device.receive(ID, &said(&Automerge::new())).expect("it is sound");
    let state = device.documents.state.borrow();
    assert!(state.news.as_ref().is_some_and(|news| news.documents.contains(&ID)));
}
