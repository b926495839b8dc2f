use avatar_vault::device_log::{Action, Draft, join_statement};
use ed25519_dalek::Signer as _;

use super::*;

const ENDS: Ends<'static> = Ends {
    dialler: b"the peer id of the dialler",
    listener: b"the peer id of the listener",
};

/// A person with one device.
struct Person {
    identity: SigningKey,
    device: SigningKey,
    log: Log,
}

fn public(key: &SigningKey) -> PublicKey {
    key.verifying_key().to_bytes()
}

fn says(log: &mut Log, author: &SigningKey, action: Action) {
    let draft = log.draft(public(author), action).expect("a good action");
    let entry = draft.sign(&author.sign(&draft.to_sign()).to_bytes(), None);
    log.insert(entry.expect("a good signature"))
        .expect("its parents are there");
}

fn adding(log: &Log, device: &SigningKey) -> Action {
    Action::AddDevice {
        device: public(device),
        agreement: [7; 32],
        name: String::new(),
        at_ms: 1,
        consent: device
            .sign(&join_statement(log.account(), &public(device), &[7; 32]))
            .to_bytes(),
    }
}

fn person(seed: u8) -> Person {
    let [identity, device] = [seed, seed + 100].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let draft = Draft::genesis(public(&identity), 0);
    let genesis = draft.sign(&identity.sign(&draft.to_sign()).to_bytes(), None);
    let mut log = Log::new(genesis.expect("a good signature")).expect("a genesis");
    let action = adding(&log, &device);
    says(&mut log, &identity, action);
    Person { identity, device, log }
}

fn key(own: &Person, other: &Person) -> ContactKey {
    ContactKey::between(&own.identity, &public(&other.identity)).expect("a key")
}

fn proof(person: &Person, transcript: &Transcript, role: Role) -> Proof {
    Proof {
        device: public(&person.device),
        signature: person.device.sign(&transcript.to_sign(role)).to_bytes(),
        log: person.log.clone(),
    }
}

/// Both transcripts of a dialler and a listener who know each other.
fn met(dialler: &Person, listener: &Person) -> (Transcript, Transcript) {
    let (dialling, listening) = (key(dialler, listener), key(listener, dialler));
    let (hailing, sent) = hail(&dialling, ENDS, [1; 32]);
    assert_eq!(sent.len(), HAIL_BYTES);
    let (contact, theirs, answer) = recognize(&sent, ENDS, [("them", &listening)], [2; 32]).expect("they know them");
    assert_eq!((contact, answer.len()), ("them", ANSWER_BYTES));
    (hailing.answered(&answer).expect("they answer"), theirs)
}

#[test]
fn two_who_know_each_other_prove_their_devices_to_each_other() {
    let (ada, bob) = (person(1), person(2));
    let (by_ada, by_bob) = met(&ada, &bob);
    assert_eq!(by_ada, by_bob);
    for (prover, role) in [(&ada, Role::Dialler), (&bob, Role::Listener)] {
        let message = proof(prover, &by_ada, role).encode();
        let proved = Proof::decode(&message)
            .expect("it was just written")
            .check(&by_bob, role, &public(&prover.identity), None)
            .expect("it proves");
        assert_eq!(
            (proved.device, proved.identity),
            (public(&prover.device), public(&prover.identity))
        );
        let as_the_other =
            Proof::decode(&message)
                .expect("the same")
                .check(&by_bob, role.other(), &public(&prover.identity), None);
        assert_eq!(
            as_the_other.expect_err("it was said in the other role"),
            HandshakeError::Signature
        );
    }
}

#[test]
fn a_stranger_who_calls_gets_no_answer_and_one_who_is_called_gives_none() {
    let (ada, bob, eve) = (person(1), person(2), person(3));
    let (to_bob, bobs) = (key(&eve, &bob), key(&bob, &ada));
    let (_, sent) = hail(&to_bob, ENDS, [1; 32]);
    let stranger = recognize(&sent, ENDS, [((), &bobs)], [2; 32]).map(drop);
    assert_eq!(stranger, Err(HandshakeError::Stranger));
    let (adas, eves) = (key(&ada, &bob), key(&eve, &ada));
    let (hailing, sent) = hail(&adas, ENDS, [1; 32]);
    assert!(recognize(&sent, ENDS, [((), &eves)], [2; 32]).is_err());
    assert_eq!(hailing.answered(&[0; ANSWER_BYTES]), Err(HandshakeError::SomebodyElse));
}

#[test]
fn what_was_said_on_another_connection_opens_nothing() {
    let (ada, bob) = (person(1), person(2));
    let (adas, bobs) = (key(&ada, &bob), key(&bob, &ada));
    let (_, sent) = hail(&adas, ENDS, [1; 32]);
    let from_elsewhere = Ends {
        dialler: b"the peer id of a thief",
        ..ENDS
    };
    let replayed = recognize(&sent, from_elsewhere, [((), &bobs)], [2; 32]).map(drop);
    assert_eq!(replayed, Err(HandshakeError::Stranger));
    let ((), first, _) = recognize(&sent, ENDS, [((), &bobs)], [2; 32]).expect("they know each other");
    let ((), second, _) = recognize(&sent, ENDS, [((), &bobs)], [3; 32]).expect("they know each other");
    let old = proof(&ada, &first, Role::Dialler);
    assert_eq!(
        old.check(&second, Role::Dialler, &public(&ada.identity), None)
            .expect_err("it is of the first"),
        HandshakeError::Signature
    );
}

#[test]
fn any_bit_that_changes_on_the_way_ends_it() {
    let (ada, bob) = (person(1), person(2));
    let (adas, bobs) = (key(&ada, &bob), key(&bob, &ada));
    let (_, sent) = hail(&adas, ENDS, [1; 32]);
    for bit in 0..8 * sent.len() {
        let mut changed = sent.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(recognize(&changed, ENDS, [((), &bobs)], [2; 32]).is_err(), "bit {bit}");
    }
    let ((), transcript, answer) = recognize(&sent, ENDS, [((), &bobs)], [2; 32]).expect("they know each other");
    for bit in 0..8 * answer.len() {
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (hailing, _) = hail(&adas, ENDS, [1; 32]);
        assert!(hailing.answered(&changed).is_err(), "bit {bit}");
    }
    let message = proof(&ada, &transcript, Role::Dialler).encode();
    for bit in 0..8 * message.len() {
        let mut changed = message.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let checked = Proof::decode(&changed)
            .and_then(|proof| proof.check(&transcript, Role::Dialler, &public(&ada.identity), None));
        // What protobuf reads the same is the same.
        if let Ok(proved) = checked {
            assert_eq!(
                (proved.device, proved.log.encode()),
                (public(&ada.device), ada.log.encode()),
                "bit {bit}"
            );
        }
    }
}

#[test]
fn a_device_that_was_removed_does_not_come_back_with_an_older_log() {
    let (ada, bob) = (person(1), person(2));
    let (transcript, _) = met(&ada, &bob);
    let proof = proof(&ada, &transcript, Role::Dialler);
    let mut known = ada.log.clone();
    let removal = Action::RemoveDevice {
        device: public(&ada.device),
        at_ms: 2,
    };
    says(&mut known, &ada.identity, removal);
    let identity = public(&ada.identity);
    assert!(
        proof
            .check(&transcript, Role::Dialler, &identity, Some(&ada.log))
            .is_ok()
    );
    assert_eq!(
        proof
            .check(&transcript, Role::Dialler, &identity, Some(&known))
            .expect_err("it was removed"),
        HandshakeError::NotADevice
    );
}

#[test]
fn nobody_speaks_for_an_identity_whose_log_does_not_say_so() {
    let (ada, bob, eve) = (person(1), person(2), person(3));
    let (transcript, _) = met(&ada, &bob);
    let with = |device: &SigningKey, log: &Log| Proof {
        device: public(device),
        signature: device.sign(&transcript.to_sign(Role::Dialler)).to_bytes(),
        log: log.clone(),
    };
    for pretending in [
        with(&eve.device, &eve.log),
        with(&eve.device, &ada.log),
        with(&ada.device, &eve.log),
    ] {
        for known in [None, Some(&ada.log)] {
            let checked = pretending.check(&transcript, Role::Dialler, &public(&ada.identity), known);
            assert_eq!(checked.expect_err("it proves nothing"), HandshakeError::NotADevice);
        }
    }
}

#[test]
fn the_devices_of_one_person_know_each_other_by_their_own_did() {
    let ada = person(1);
    let (transcript, _) = met(&ada, &ada);
    let second = SigningKey::from_bytes(&[77; 32]);
    let mut log = ada.log.clone();
    let action = adding(&log, &second);
    says(&mut log, &ada.identity, action);
    let proof = Proof {
        device: public(&second),
        signature: second.sign(&transcript.to_sign(Role::Listener)).to_bytes(),
        log,
    };
    let proved = proof
        .check(&transcript, Role::Listener, &public(&ada.identity), Some(&ada.log))
        .expect("it is in its own log");
    assert!(proved.log.state().is_active(&public(&second)));
}

#[test]
fn a_key_of_low_order_makes_no_contact() {
    let ada = person(1);
    let mut low = [0; 32];
    low[0] = 1;
    assert!(ContactKey::between(&ada.identity, &low).is_none());
}
