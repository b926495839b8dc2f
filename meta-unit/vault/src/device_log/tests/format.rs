//! Entries and logs as bytes.

use proptest::prelude::*;

use super::*;

/// A log with each action in it.
fn log() -> Log {
    let (mut log, identity, [a, b, _]) = account();
    a.renames(&mut log, &b, "Küche");
    let mut other = log.clone();
    identity.removes(&mut log, &b);
    identity.rotates(&mut other, &Somebody::new(2));
    merged(&log, &other)
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let log = log();
    assert_eq!(Log::decode(&log.encode()).as_ref(), Ok(&log));
    for entry in log.entries() {
        assert_eq!(Entry::decode(entry.as_bytes()).as_ref(), Ok(entry));
    }
}

/// Golden: other devices have logs of earlier builds, and ids are hashes of these bytes.
#[test]
fn a_log_stays_what_it_is_byte_for_byte() {
    let bytes = log().encode();
    assert_eq!(bytes.len(), 1_568);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    assert_eq!(digest[..8], [25, 216, 69, 17, 168, 24, 34, 211]);
}

#[test]
fn an_entry_with_any_flipped_bit_is_refused() {
    for entry in log().entries() {
        let bytes = entry.as_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Entry::decode(&damaged).is_err(), "bit {bit} of {:?}", entry.action());
        }
        for length in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..length]).is_err());
        }
        assert!(Entry::decode(&[bytes, &[0]].concat()).is_err());
    }
}

#[test]
fn a_log_in_another_order_or_with_an_entry_twice_is_refused() {
    let log = log();
    let entries: Vec<_> = log.entries().map(|entry| entry.as_bytes().to_vec()).collect();
    let written = |entries: &[Vec<u8>]| {
        let mut out = vec![VERSION];
        out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        for entry in entries {
            put_block(&mut out, entry);
        }
        out
    };
    assert_eq!(written(&entries), log.encode());
    let last = entries.len() - 1;
    let mut other = entries.clone();
    other.swap(last - 1, last);
    assert_eq!(Log::decode(&written(&other)), Err(LogError::Malformed));
    other = entries.clone();
    other.push(entries[last].clone());
    assert_eq!(Log::decode(&written(&other)), Err(LogError::Malformed));
    other = entries.clone();
    other.remove(1);
    assert_eq!(Log::decode(&written(&other)), Err(LogError::UnknownParent));
    assert_eq!(Log::decode(&written(&entries[1..])), Err(LogError::UnknownParent));
    assert!(Log::decode(&written(&[])).is_err());
}

#[test]
fn logs_of_two_accounts_do_not_mix() {
    let (mut log, ..) = account();
    let other = Somebody::new(2).genesis();
    assert_eq!(log.merge(&other), Err(LogError::OtherAccount));
    let genesis = other.entries().next().expect("the genesis").clone();
    assert_eq!(log.insert(genesis), Err(LogError::OtherAccount));
}

#[test]
fn names_have_a_limit() {
    let (log, identity, [a, ..]) = account();
    let rename = |name: &str| {
        let action = Action::RenameDevice {
            device: a.key(),
            name: name.to_owned(),
            at_ms: 0,
        };
        log.draft(identity.key(), action).map(|_| ())
    };
    assert_eq!(rename(&"é".repeat(MAX_NAME_CHARS)), Ok(()));
    assert_eq!(rename(&"é".repeat(MAX_NAME_CHARS + 1)), Err(LogError::Name));
    assert_eq!(rename("a\nb"), Err(LogError::Name));
}

#[test]
fn the_longest_entry_is_within_the_limit() {
    let (log, identity, _) = account();
    let device = Somebody::new(14);
    let action = device.joining(log.account(), &"\u{10000}".repeat(MAX_NAME_CHARS));
    let parents: Vec<Id> = (0..MAX_PARENTS as u8).map(|number| [number; 32]).collect();
    let draft = Draft::new(parents, identity.key(), action).expect("a good name");
    assert!(draft.sign(&identity.signature(&draft.to_sign()), None).is_ok());
}

#[test]
fn a_rotation_without_the_new_keys_signature_is_refused() {
    let (log, identity, _) = account();
    let action = Action::Rotate {
        identity: Somebody::new(2).key(),
        at_ms: 0,
    };
    let draft = log.draft(identity.key(), action).expect("no name");
    let by_author = identity.signature(&draft.to_sign());
    assert_eq!(draft.sign(&by_author, None), Err(LogError::Signature));
    let by_another = identity.signature(&draft.to_sign_by_new_key().expect("a rotation"));
    assert_eq!(draft.sign(&by_author, Some(&by_another)), Err(LogError::Signature));
}

#[test]
fn many_open_branches_are_closed_by_and_by() {
    let (log, identity, [a, ..]) = account();
    let mut all = log.clone();
    for number in 0..40 {
        let mut branch = log.clone();
        identity.renames(&mut branch, &a, &number.to_string());
        all.merge(&branch).expect("one account");
    }
    assert_eq!(all.heads().len(), 40);
    for _ in 0..3 {
        identity.renames(&mut all, &a, "last");
    }
    assert_eq!(all.heads().len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes: Vec<u8>, at: prop::sample::Index, with: u8) {
        prop_assert!(Log::decode(&bytes).is_err());
        prop_assert!(Entry::decode(&bytes).is_err());
        let mut damaged = log().encode();
        let at = at.index(damaged.len());
        damaged[at] = with;
        let _ = Log::decode(&damaged);
    }
}
