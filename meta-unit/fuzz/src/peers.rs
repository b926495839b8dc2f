//! The target for what another Meta Unit says (`avatar-peers`).

use avatar_peers::frame::Frames;
use avatar_peers::handshake::{ContactKey, Ends, HAIL_BYTES, Proof, Role, Transcript, hail, recognize};
use avatar_peers::invitation::Invitation;
use avatar_peers::linking::{Join, Offer, Welcome};
use avatar_peers::message::Message;
use avatar_peers::reconcile::{Item, Reconciler};
use ed25519_dalek::SigningKey;

/// The peer ids of the corpus.
pub const ENDS: Ends<'static> = Ends {
    dialler: b"dialler",
    listener: b"listener",
};

/// The identity of both ends of the corpus.
pub fn identity() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The secret of the devices of that identity.
pub fn contact() -> ContactKey {
    let identity = identity();
    ContactKey::between(&identity, &identity.verifying_key().to_bytes()).expect("a good key")
}

/// The device of the corpus.
pub fn device() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

/// What the two ends have said to each other.
pub fn transcript() -> Transcript {
    let contact = contact();
    let (_, sent) = hail(&contact, ENDS, [1; 32]);
    let ((), transcript, _) = recognize(&sent, ENDS, [((), &contact)], [2; 32]).expect("it is that contact");
    transcript
}

/// The documents of this end.
pub fn items() -> Vec<Item> {
    let item = |number: u8| Item {
        id: [number; 16],
        digest: [1; 16],
    };
    (0..100).map(item).collect()
}

/// A stream of another Meta Unit, at the place of it that the first byte says.
pub fn peers(data: &[u8]) {
    let Some((place, data)) = data.split_first() else {
        return;
    };
    match place % 9 {
        0 => {
            let mut frames = Frames::default();
            for piece in data.chunks(7) {
                frames.push(piece);
                while let Ok(Some(message)) = frames.next(100) {
                    assert!(message.len() <= 100);
                }
            }
        }
        1 => {
            let contact = contact();
            let recognized = recognize(data, ENDS, [((), &contact)], [2; 32]);
            assert!(recognized.is_err() || data.len() == HAIL_BYTES);
            let (hailing, _) = hail(&contact, ENDS, [1; 32]);
            let _ = hailing.answered(data);
        }
        2 => {
            let Ok(proof) = Proof::decode(data) else { return };
            assert_eq!(
                Proof::decode(&proof.encode()).map(|again| again.encode()),
                Ok(proof.encode())
            );
            let transcript = transcript();
            let known = identity().verifying_key().to_bytes();
            if let Ok(proved) = proof.check(&transcript, Role::Dialler, &known, None) {
                assert!(proved.log.state().is_active(&proved.device));
            }
        }
        3 => {
            let mut reconciler = Reconciler::new(items());
            if let Ok((_, Some(answer))) = reconciler.receive(data) {
                assert!(
                    Reconciler::new(items()).receive(&answer).is_ok(),
                    "an answer is a message"
                );
            }
        }
        4 => {
            if let Ok(message) = Message::decode(data) {
                assert_eq!(
                    Message::decode(&message.clone().encode()),
                    Ok(message),
                    "what is understood can be said"
                );
            }
        }
        5 => {
            let Ok(text) = std::str::from_utf8(data) else { return };
            if let Ok(invitation) = Invitation::decode(text) {
                let again = Invitation::decode(&invitation.encode()).expect("what is an invitation can be written");
                assert_eq!((again.secret, again.relays), (invitation.secret, invitation.relays));
            }
        }
        6 => {
            let _ = Offer::check(data, &transcript());
        }
        7 => {
            let account = identity().verifying_key().to_bytes();
            if let Ok(join) = Join::check(data, &transcript(), &account) {
                assert!(!join.name.chars().any(char::is_control));
            }
        }
        _ => {
            let own = device().verifying_key().to_bytes();
            let account = identity().verifying_key().to_bytes();
            let offer = Offer {
                account,
                identity: account,
            };
            if let Ok(welcome) = Welcome::check(data, &offer, &own) {
                assert!(welcome.log.state().is_active(&own));
            }
        }
    }
}
