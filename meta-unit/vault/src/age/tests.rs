//! Files as they are written and read again, and what becomes of those that somebody tampered with. (The format's official vectors are in `tests/age_vectors.rs`.)

use proptest::prelude::*;

use super::*;

fn identity() -> Identity {
    Identity::from_bytes(&[0x42; 32])
}

fn keys(seed: u8) -> Identities {
    Identities::Keys(vec![Identity::from_bytes(&[seed; 32])])
}

fn passphrase(text: &str) -> Identities {
    Identities::Passphrase(Zeroizing::new(text.to_owned()))
}

fn random() -> impl FnMut(&mut [u8]) {
    let mut calls = 0_u8;
    move |bytes| {
        calls += 1;
        bytes.fill(calls);
    }
}

fn file(content: &[u8]) -> Vec<u8> {
    encrypt(Recipients::Keys(&[identity().recipient()]), content, &mut random()).expect("a good recipient")
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

const CHUNK: usize = stream::CHUNK_BYTES;

#[test]
fn a_file_of_any_length_is_read_as_it_was_written() {
    for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
        let content = content(length);
        assert_eq!(decrypt(keys(0x42), &file(&content)), Ok(content));
    }
}

#[test]
fn each_recipient_opens_the_file_and_nobody_else_does() {
    let recipients: Vec<_> = (1..=MAX_RECIPIENTS as u8)
        .map(|seed| Identity::from_bytes(&[seed; 32]).recipient())
        .collect();
    let file = encrypt(Recipients::Keys(&recipients), b"content", &mut random()).expect("as many as may be");
    for seed in [1, 2, MAX_RECIPIENTS as u8] {
        assert_eq!(decrypt(keys(seed), &file).as_deref(), Ok(&b"content"[..]));
    }
    assert_eq!(decrypt(keys(99), &file), Err(AgeError::NoMatch));
    assert_eq!(decrypt(Identities::Keys(Vec::new()), &file), Err(AgeError::NoMatch));
    assert_eq!(decrypt(passphrase("p"), &file), Err(AgeError::NoMatch));
}

#[test]
fn a_passphrase_opens_its_file_and_no_other_does() {
    let recipients = Recipients::Passphrase {
        passphrase: "right",
        log_n: 4,
    };
    let file = encrypt(recipients, b"content", &mut random()).expect("within the limits");
    assert_eq!(decrypt(passphrase("right"), &file).as_deref(), Ok(&b"content"[..]));
    assert_eq!(decrypt(passphrase("wrong"), &file), Err(AgeError::NoMatch));
    assert_eq!(decrypt(keys(0x42), &file), Err(AgeError::NoMatch));
}

#[test]
fn nothing_is_written_for_nobody_or_too_many_or_a_key_that_is_none() {
    let one = identity().recipient();
    let long_passphrase = |passphrase, log_n| Recipients::Passphrase { passphrase, log_n };
    for (recipients, error) in [
        (Recipients::Keys(&[]), AgeError::Recipients),
        (Recipients::Keys(&[one; MAX_RECIPIENTS + 1]), AgeError::Recipients),
        (
            Recipients::Keys(&[Recipient::from_bytes([0; 32])]),
            AgeError::Recipients,
        ),
        (long_passphrase("", 4), AgeError::Recipients),
        (long_passphrase("p", 0), AgeError::Cost),
        (long_passphrase("p", MAX_LOG_N + 1), AgeError::Cost),
        (long_passphrase("p", 255), AgeError::Cost),
    ] {
        assert_eq!(encrypt(recipients, b"", &mut random()), Err(error));
    }
}

#[test]
fn a_file_with_any_flipped_bit_does_not_open() {
    let file = file(b"content");
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decrypt(keys(0x42), &damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_file_cut_anywhere_does_not_open() {
    let small = file(b"content");
    for length in 0..small.len() {
        assert!(decrypt(keys(0x42), &small[..length]).is_err());
    }
    let large = file(&content(2 * CHUNK + 10));
    let header = large.len() - (2 * CHUNK + 10 + 3 * 16);
    for length in [
        header,
        header + CHUNK + 16,
        header + 2 * (CHUNK + 16),
        header + 2 * (CHUNK + 16) + 16,
    ] {
        assert!(decrypt(keys(0x42), &large[..length]).is_err());
    }
}

#[test]
fn chunks_in_another_order_or_with_something_behind_them_do_not_open() {
    let file = file(&content(3 * CHUNK));
    let header = file.len() - 3 * (CHUNK + 16);
    let chunk = |number: usize| &file[header + number * (CHUNK + 16)..][..CHUNK + 16];
    for chunks in [[1, 0, 2], [0, 2, 1], [0, 0, 2]] {
        let mut reordered = file[..header].to_vec();
        for number in chunks {
            reordered.extend_from_slice(chunk(number));
        }
        assert_eq!(decrypt(keys(0x42), &reordered), Err(AgeError::Content));
    }
    for more in [&b"x"[..], chunk(2)] {
        assert_eq!(decrypt(keys(0x42), &[&file[..], more].concat()), Err(AgeError::Content));
    }
}

#[test]
fn what_is_no_age_file_is_told_at_once() {
    for text in [
        &b"hello"[..],
        b"age-encryption.org/v2\n",
        b"age-encryption.org/v1 ",
        b"\0",
    ] {
        let mut reader = Reader::new(keys(1));
        assert_eq!(reader.push(text, &mut Vec::new()), Err(AgeError::NotAge));
    }
    assert_eq!(decrypt(keys(1), b""), Err(AgeError::Truncated));
}

#[test]
fn a_header_without_an_end_is_refused_at_its_limit() {
    let mut reader = Reader::new(keys(1));
    let mut out = Vec::new();
    assert_eq!(reader.push(b"age-encryption.org/v1\n", &mut out), Ok(()));
    let mut taken = 22;
    let error = loop {
        match reader.push(&[b'a'; 1_000], &mut out) {
            Ok(()) => taken += 1_000,
            Err(error) => break error,
        }
    };
    assert_eq!(error, AgeError::HeaderTooLong);
    assert!(taken <= MAX_HEADER_BYTES);
    assert_eq!(reader.push(b"a", &mut out), Err(AgeError::HeaderTooLong));
    assert_eq!(reader.finish(&mut out), Err(AgeError::HeaderTooLong));
}

/// 2^19 and more would take half a gigabyte. The test would take as long, if it was tried.
#[test]
fn a_cost_out_of_bounds_is_refused_before_it_is_paid() {
    for (cost, error) in [
        ("19", AgeError::Cost),
        ("63", AgeError::Cost),
        ("255", AgeError::Cost),
        ("256", AgeError::Cost),
        ("99999999999999999999", AgeError::Cost),
        ("0", AgeError::Header),
        ("018", AgeError::Header),
        ("+1", AgeError::Header),
        ("0x1", AgeError::Header),
    ] {
        let salt = "A".repeat(22);
        let body = "A".repeat(43);
        let file = format!("age-encryption.org/v1\n-> scrypt {salt} {cost}\n{body}\n--- {body}\n");
        assert_eq!(decrypt(passphrase("p"), file.as_bytes()), Err(error), "{cost}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_is_the_same_however_its_bytes_come(
        length in 0..3 * CHUNK,
        pieces in prop::collection::vec(1..CHUNK + 100, 1..8),
    ) {
        let content = content(length);
        let mut written = Vec::new();
        let mut writer = Writer::new(Recipients::Keys(&[identity().recipient()]), &mut random(), &mut written).expect("a recipient");
        for piece in in_pieces(&content, &pieces) {
            writer.push(piece, &mut written);
        }
        writer.finish(&mut written);
        prop_assert_eq!(&written, &file(&content));

        let mut read = Vec::new();
        let mut reader = Reader::new(keys(0x42));
        for piece in in_pieces(&written, &pieces) {
            prop_assert_eq!(reader.push(piece, &mut read), Ok(()));
        }
        prop_assert_eq!(reader.finish(&mut read), Ok(()));
        prop_assert_eq!(read, content);
    }

    #[test]
    fn the_header_is_found_when_it_comes_byte_by_byte(content: Vec<u8>) {
        let mut read = Vec::new();
        let mut reader = Reader::new(keys(0x42));
        for byte in file(&content) {
            prop_assert_eq!(reader.push(&[byte], &mut read), Ok(()));
        }
        prop_assert_eq!(reader.finish(&mut read), Ok(()));
        prop_assert_eq!(read, content);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, lines in "(-> [ -~]{0,20}\n|[A-Za-z0-9+/]{0,70}\n|--- ?[A-Za-z0-9+/]{40,44}\n?){0,6}") {
        prop_assert!(decrypt(keys(1), &bytes).is_err());
        let text = format!("age-encryption.org/v1\n{lines}");
        prop_assert!(decrypt(keys(1), &[text.as_bytes(), &bytes].concat()).is_err());
    }
}

/// The bytes in pieces of these lengths, again and again.
fn in_pieces<'a>(mut bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lengths.iter().cycle().map_while(move |length| {
        let (piece, rest) = bytes.split_at((*length).min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
