use avatar_vault::device_log::{Action, Draft};
use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::handshake::{ContactKey, Ends, hail, recognize};

const ENDS: Ends<'static> = Ends {
    dialler: b"the new device",
    listener: b"the person's device",
};

fn public(key: &SigningKey) -> PublicKey {
    key.verifying_key().to_bytes()
}

struct Scene {
    identity: SigningKey,
    device: SigningKey,
    new: SigningKey,
    log: Log,
    transcript: Transcript,
}

fn scene() -> Scene {
    let [identity, device, new] = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let draft = Draft::genesis(public(&identity), 0);
    let genesis = draft.sign(&identity.sign(&draft.to_sign()).to_bytes(), None);
    let mut log = Log::new(genesis.expect("a good signature")).expect("a genesis");
    let first = joining(&log, &device);
    enter(&mut log, &identity, &first);
    let key = ContactKey::of_invitation(&[9; 16]);
    let (hailing, sent) = hail(&key, ENDS, [1; 32]);
    let (_, _, answer) = recognize(&sent, ENDS, [((), &key)], [2; 32]).expect("it is the secret");
    let transcript = hailing.answered(&answer).expect("it is the secret");
    Scene {
        identity,
        device,
        new,
        log,
        transcript,
    }
}

fn joining(log: &Log, device: &SigningKey) -> Join {
    let statement = join_statement(log.account(), &public(device), &[7; 32]);
    Join {
        device: public(device),
        agreement: [7; 32],
        consent: device.sign(&statement).to_bytes(),
        name: "Phone".to_owned(),
    }
}

fn enter(log: &mut Log, identity: &SigningKey, join: &Join) {
    let action = Action::AddDevice {
        device: join.device,
        agreement: join.agreement,
        name: join.name.clone(),
        at_ms: 1,
        consent: join.consent,
    };
    let draft = log.draft(public(identity), action).expect("a good action");
    let entry = draft.sign(&identity.sign(&draft.to_sign()).to_bytes(), None);
    log.insert(entry.expect("a good signature"))
        .expect("its parents are there");
}

impl Scene {
    fn offer(&self, device: &SigningKey) -> Vec<u8> {
        Proof {
            device: public(device),
            signature: device.sign(&self.transcript.to_sign(Role::Listener)).to_bytes(),
            log: self.log.clone(),
        }
        .encode()
    }

    fn join(&self, signer: &SigningKey) -> Vec<u8> {
        joining(&self.log, &self.new).encode(&signer.sign(&self.transcript.to_sign(Role::Dialler)).to_bytes())
    }
}

#[test]
fn a_new_device_is_taken_in_and_gets_what_makes_it_one_of_the_persons() {
    let mut scene = scene();
    let offer = Offer::check(&scene.offer(&scene.device), &scene.transcript).expect("it is the person's");
    assert_eq!(offer.account, *scene.log.account());
    let join = Join::check(&scene.join(&scene.new), &scene.transcript, scene.log.account()).expect("it consents");
    assert_eq!(join, joining(&scene.log, &scene.new));
    enter(&mut scene.log, &scene.identity, &join);
    let welcome = Welcome {
        identity: Zeroizing::new(b"keys".to_vec()),
        log: scene.log.clone(),
    };
    let welcome = Welcome::check(&welcome.encode(), &offer, &public(&scene.new)).expect("it was offered");
    assert_eq!(welcome.identity.as_slice(), b"keys");
    assert_eq!(welcome.log.encode(), scene.log.encode());
}

#[test]
fn who_does_not_speak_for_the_account_offers_nothing() {
    let scene = scene();
    let refused = Offer::check(&scene.offer(&scene.new), &scene.transcript).map(drop);
    assert_eq!(refused, Err(HandshakeError::NotADevice));
}

#[test]
fn a_device_that_is_not_at_the_other_end_or_consented_to_another_account_is_not_taken_in() {
    let scene = scene();
    let refused = Join::check(&scene.join(&scene.device), &scene.transcript, scene.log.account());
    assert_eq!(refused, Err(HandshakeError::Signature));
    let refused = Join::check(&scene.join(&scene.new), &scene.transcript, &[5; 32]);
    assert_eq!(refused, Err(HandshakeError::Signature));
}

#[test]
fn a_welcome_without_this_device_in_the_log_or_of_another_account_is_refused() {
    let scene = scene();
    let offer = Offer::check(&scene.offer(&scene.device), &scene.transcript).expect("it is the person's");
    let welcome = Welcome {
        identity: Zeroizing::new(Vec::new()),
        log: scene.log.clone(),
    };
    let refused = Welcome::check(&welcome.encode(), &offer, &public(&scene.new)).map(drop);
    assert_eq!(refused, Err(HandshakeError::NotADevice));
    let other = Offer {
        account: [5; 32],
        identity: offer.identity,
    };
    let refused = Welcome::check(&welcome.encode(), &other, &public(&scene.device)).map(drop);
    assert_eq!(refused, Err(HandshakeError::NotADevice));
}

#[test]
fn every_flipped_bit_of_a_message_is_noticed_or_changes_nothing_that_counts() {
    let scene = scene();
    let join = joining(&scene.log, &scene.new);
    let message = scene.join(&scene.new);
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << bit;
            let read = Join::check(&flipped, &scene.transcript, scene.log.account());
            assert!(
                read.is_err() || read.is_ok_and(|read| (read.device, read.agreement) == (join.device, join.agreement))
            );
        }
    }
}
