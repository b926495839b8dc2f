//! Wrappings and keyrings: what opens, what does not, and what cannot be lost.

use proptest::prelude::*;

use super::*;

const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

/// Random bytes that no two calls share.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut calls = 0_u8;
    move |bytes| {
        calls += 1;
        bytes.fill(calls);
    }
}

fn key() -> DataKey {
    DataKey::from_bytes(&[0xd1; 32])
}

fn words() -> RecoveryWords {
    RecoveryWords::from_entropy(&[3; 32])
}

fn with_passphrase(passphrase: &str) -> Lock<'_> {
    Lock::Passphrase {
        passphrase,
        cost: CHEAP,
    }
}

const WITH_PLATFORM: Lock<'static> = Lock::Platform {
    key: &[4; 32],
    blob: b"handle",
};

const WITH_PASSKEY: Lock<'static> = Lock::Passkey {
    output: &[5; 32],
    salt: [6; 32],
    credential: b"credential",
};

/// One wrapping of each kind, the secret that opens it, and one of the same kind that does not.
fn each_kind(then: impl Fn(&Wrapping, Secret<'_>, Secret<'_>)) {
    let (words, other) = (words(), RecoveryWords::from_entropy(&[8; 32]));
    let mut random = counter();
    for (lock, secret, wrong) in [
        (WITH_PLATFORM, Secret::Platform(&[4; 32]), Secret::Platform(&[8; 32])),
        (Lock::Words(&words), Secret::Words(&words), Secret::Words(&other)),
        (
            with_passphrase("right"),
            Secret::Passphrase("right"),
            Secret::Passphrase("wrong"),
        ),
        (WITH_PASSKEY, Secret::Passkey(&[5; 32]), Secret::Passkey(&[8; 32])),
    ] {
        let wrapping = Wrapping::new(&key(), lock, "label", &mut random).expect("within the limits");
        then(&wrapping, secret, wrong);
    }
}

fn keyring() -> Keyring {
    let mut random = |bytes: &mut [u8]| bytes.fill(0xee);
    Keyring::new(&key(), Lock::Words(&words()), "words", &mut random).expect("words are the owner's")
}

#[test]
fn a_wrapping_opens_with_its_secret_and_with_no_other() {
    each_kind(|wrapping, secret, wrong| {
        let opened = wrapping.open(secret).expect("its secret");
        assert_eq!(opened.root(), key().root());
        assert_eq!(wrapping.open(wrong).err(), Some(WrapError::WrongSecret));
        each_kind(|other, other_secret, _| {
            if other.kind() != wrapping.kind() {
                assert_eq!(wrapping.open(other_secret).err(), Some(WrapError::WrongKind));
            }
        });
    });
}

#[test]
fn a_wrapping_is_read_as_it_was_written_and_holds_no_key_in_the_open() {
    each_kind(|wrapping, _, _| {
        let bytes = wrapping.encode();
        assert_eq!(Wrapping::decode(&bytes).as_ref(), Some(wrapping));
        assert!(!bytes.windows(8).any(|window| window == &key().root()[..8]));
    });
}

#[test]
fn a_wrapping_with_any_flipped_bit_does_not_open() {
    each_kind(|wrapping, secret, _| {
        let bytes = wrapping.encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // A passphrase's cost may have become a larger one, within the limits: then it is paid, and still does not open.
            let opened = Wrapping::decode(&damaged).map(|wrapping| match wrapping.params() {
                Params::Passphrase { cost, .. } if cost.memory_kib > 100 => Err(WrapError::Cost),
                _ => wrapping.open(secret),
            });
            assert!(!matches!(opened, Some(Ok(_))), "bit {bit}");
        }
    });
}

#[test]
fn wrappings_of_the_same_secret_have_nothing_in_common() {
    let mut random = counter();
    let mut wrap = || Wrapping::new(&key(), WITH_PLATFORM, "", &mut random).expect("within the limits");
    let (one, other) = (wrap(), wrap());
    assert_ne!(one.id, other.id);
    assert_ne!(one.sealed, other.sealed);
    assert_ne!(one.tag, other.tag);
}

#[test]
fn what_is_too_long_is_not_wrapped() {
    let long_blob = [0; MAX_PLATFORM_BLOB_BYTES + 1];
    let platform = Lock::Platform {
        key: &[4; 32],
        blob: &long_blob,
    };
    let passkey = Lock::Passkey {
        output: &[5; 32],
        salt: [6; 32],
        credential: &long_blob,
    };
    let long_label = "a".repeat(MAX_LABEL_BYTES + 1);
    for (lock, label) in [(platform, ""), (passkey, ""), (WITH_PLATFORM, &long_label)] {
        let result = Wrapping::new(&key(), lock, label, &mut counter());
        assert_eq!(result.err(), Some(WrapError::TooLong));
    }
}

/// A platform's key and a passkey can be lost with the device, by a cleared browser, or by a company's decision.
#[test]
fn a_keyring_never_lacks_a_secret_of_the_owners_own() {
    for lock in [WITH_PLATFORM, WITH_PASSKEY] {
        let result = Keyring::new(&key(), lock, "", &mut counter());
        assert_eq!(result.err(), Some(KeyringError::LastOwners));
    }
    let mut random = counter();
    let mut keyring = keyring();
    let words = *keyring.wrappings()[0].id();
    let platform = keyring.add(&key(), WITH_PLATFORM, "", &mut random).expect("room");
    let passkey = keyring.add(&key(), WITH_PASSKEY, "", &mut random).expect("room");
    assert_eq!(keyring.remove(&words), Err(KeyringError::LastOwners));
    let passphrase = keyring
        .add(&key(), with_passphrase("p"), "", &mut random)
        .expect("room");
    assert_eq!(keyring.remove(&words), Ok(()));
    assert_eq!(keyring.remove(&passphrase), Err(KeyringError::LastOwners));
    assert_eq!(keyring.remove(&passkey), Ok(()));
    assert_eq!(keyring.remove(&platform), Ok(()));
    assert_eq!(keyring.remove(&platform), Err(KeyringError::NotFound));
    assert_eq!(keyring.wrappings().len(), 1);
}

#[test]
fn a_stored_keyring_without_a_secret_of_the_owners_own_is_refused() {
    let mut keyring = keyring();
    keyring.add(&key(), WITH_PLATFORM, "", &mut counter()).expect("room");
    keyring.wrappings.remove(0);
    assert_eq!(Keyring::decode(&keyring.encode()), Err(KeyringError::Malformed));
}

#[test]
fn a_keyring_takes_no_other_data_key() {
    let mut keyring = keyring();
    let other = DataKey::from_bytes(&[2; 32]);
    let result = keyring.add(&other, WITH_PLATFORM, "", &mut counter());
    assert_eq!(result, Err(KeyringError::OtherKey));

    let foreign = Wrapping::new(&other, WITH_PLATFORM, "", &mut counter()).expect("within the limits");
    keyring.wrappings.push(foreign);
    assert_eq!(
        keyring.unlock(Secret::Platform(&[4; 32])).err(),
        Some(KeyringError::OtherKey)
    );
}

#[test]
fn a_keyring_holds_sixteen_wrappings() {
    let mut random = counter();
    let mut keyring = keyring();
    for _ in 1..MAX_WRAPPINGS {
        keyring.add(&key(), WITH_PASSKEY, "", &mut random).expect("room");
    }
    assert_eq!(Keyring::decode(&keyring.encode()).as_ref(), Ok(&keyring));
    let result = keyring.add(&key(), WITH_PASSKEY, "", &mut random);
    assert_eq!(result, Err(KeyringError::Full));
}

#[test]
fn a_changed_passphrase_opens_the_same_key_and_the_old_one_opens_nothing() {
    let mut random = counter();
    let mut keyring = Keyring::new(&key(), with_passphrase("old"), "", &mut random).expect("the owner's");
    let old = *keyring.wrappings()[0].id();
    keyring
        .add(&key(), with_passphrase("new"), "", &mut random)
        .expect("room");
    for passphrase in ["old", "new"] {
        let opened = keyring.unlock(Secret::Passphrase(passphrase)).expect("both open");
        assert_eq!(opened.root(), key().root());
    }
    keyring.remove(&old).expect("the new one is there");
    assert!(keyring.unlock(Secret::Passphrase("new")).is_ok());
    assert_eq!(
        keyring.unlock(Secret::Passphrase("old")).err(),
        Some(KeyringError::Wrap(WrapError::WrongSecret))
    );
    assert_eq!(
        keyring.unlock(Secret::Platform(&[4; 32])).err(),
        Some(KeyringError::NotFound)
    );
}

#[test]
fn a_keyring_cut_short_or_with_something_behind_it_is_refused() {
    let bytes = keyring().encode();
    for length in 0..bytes.len() {
        assert_eq!(Keyring::decode(&bytes[..length]), Err(KeyringError::Malformed));
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Keyring::decode(&longer), Err(KeyringError::Malformed));
}

/// Golden: a keyring that was written opens with every later build.
#[test]
fn a_written_keyring_stays_readable_byte_for_byte() {
    let mut random = counter();
    let mut keyring = keyring();
    keyring.add(&key(), WITH_PLATFORM, "p", &mut random).expect("room");
    keyring
        .add(&key(), with_passphrase("right"), "q", &mut random)
        .expect("room");
    keyring.add(&key(), WITH_PASSKEY, "r", &mut random).expect("room");
    let bytes = keyring.encode();
    assert_eq!(bytes.len(), 478);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    assert_eq!(digest[..8], [146, 247, 153, 231, 166, 68, 235, 254]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes: Vec<u8>, at: prop::sample::Index, with: u8) {
        let _ = Wrapping::decode(&bytes);
        let _ = Keyring::decode(&bytes);
        let mut damaged = keyring().encode();
        let at = at.index(damaged.len());
        damaged[at] = with;
        let _ = Keyring::decode(&damaged);
    }
}
