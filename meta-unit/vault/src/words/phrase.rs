//! Bytes as words and words as bytes: BIP-39, "Generating the mnemonic".

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The English list of BIP-39: 2,048 words in alphabetical order, of which no two begin with the same four letters.
const LIST: &str = include_str!("english.txt");

/// How many bits one word stands for.
const BITS: usize = 11;

/// The fewest letters with which a word may be cut short.
const PREFIX: usize = 4;

/// The most words that a phrase has.
const MAX_WORDS: usize = 24;

/// The bytes of the longest phrase, with its checksum.
const MAX_BYTES: usize = MAX_WORDS * BITS / 8;

/// Why a phrase does not stand for bytes. Says nothing of the words themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Not a number of words that there can be.
    #[error("there are {found} words")]
    Count {
        /// How many words there are.
        found: usize,
    },
    /// One of them is not in the list.
    #[error("word {position} is not in the list")]
    Unknown {
        /// Which one, counted from 1.
        position: usize,
    },
    /// Each is in the list, but together they are not what was written down: one is another's, or two changed places.
    #[error("these words do not belong together: one is wrong, or their order is")]
    Checksum,
    /// Not a number of bytes for which there are words.
    #[error("no words stand for that many bytes")]
    Length,
}

/// The words that stand for 16, 20, 24, 28 or 32 bytes, one space between two.
pub fn encode(entropy: &[u8]) -> Result<Zeroizing<String>, WordsError> {
    if !(16..=32).contains(&entropy.len()) || !entropy.len().is_multiple_of(4) {
        return Err(WordsError::Length);
    }
    let mut bytes = Zeroizing::new([0; MAX_BYTES]);
    bytes[..entropy.len()].copy_from_slice(entropy);
    bytes[entropy.len()] = Sha256::digest(entropy)[0];
    // No word is longer than 8 letters: it never grows, so no copy is left behind.
    let mut phrase = Zeroizing::new(String::with_capacity(MAX_WORDS * 9));
    for position in 0..words_of(entropy.len()) {
        if position > 0 {
            phrase.push(' ');
        }
        phrase.push_str(word(bits(&bytes, position)));
    }
    Ok(phrase)
}

/// The bytes for which words stand, as somebody types them: in any case, with anything but letters between them (spaces, line breaks, numbers, commas), and each
/// cut short after its fourth letter or later.
pub fn decode(phrase: &str) -> Result<Zeroizing<Vec<u8>>, WordsError> {
    let mut bytes = Zeroizing::new([0; MAX_BYTES]);
    let mut count = 0;
    for typed in phrase.split(between_words).filter(|typed| !typed.is_empty()) {
        let number = number(typed).ok_or(WordsError::Unknown { position: count + 1 })?;
        if count < MAX_WORDS {
            put_bits(&mut bytes, count, number);
        }
        count += 1;
    }
    if !(12..=MAX_WORDS).contains(&count) || !count.is_multiple_of(3) {
        return Err(WordsError::Count { found: count });
    }
    let length = count * 4 / 3;
    let mask = u8::MAX << (8 - length / 4);
    if (Sha256::digest(&bytes[..length])[0] ^ bytes[length]) & mask != 0 {
        return Err(WordsError::Checksum);
    }
    Ok(Zeroizing::new(bytes[..length].to_vec()))
}

/// How many words stand for so many bytes.
fn words_of(bytes: usize) -> usize {
    bytes * 3 / 4
}

/// Whether a character is none of a word's. Letters of other scripts are: a word with one is unknown, not two words.
fn between_words(character: char) -> bool {
    !character.is_alphabetic()
}

/// The word of a number below 2,048.
fn word(number: usize) -> &'static str {
    LIST.lines().nth(number).expect("11 bits number the 2,048 words")
}

/// The number of a word, which may be cut short.
fn number(typed: &str) -> Option<usize> {
    let begins = |word: &str| {
        word.get(..typed.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(typed))
    };
    LIST.lines()
        .position(|word| begins(word) && (typed.len() >= PREFIX || word.len() == typed.len()))
}

/// The bits of the word at a position.
fn bits(bytes: &[u8; MAX_BYTES], position: usize) -> usize {
    (0..BITS).fold(0, |number, bit| {
        let at = position * BITS + bit;
        number << 1 | usize::from(bytes[at / 8] >> (7 - at % 8) & 1)
    })
}

/// Sets the bits of the word at a position, which were 0.
fn put_bits(bytes: &mut [u8; MAX_BYTES], position: usize, number: usize) {
    for bit in 0..BITS {
        let at = position * BITS + bit;
        bytes[at / 8] |= ((number >> (BITS - 1 - bit) & 1) as u8) << (7 - at % 8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Entropy and phrase of each English vector of BIP-39 (trezor/python-mnemonic, vectors.json).
    const VECTORS: &[(&str, &str)] = &[
        (
            "00000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
        ),
        (
            "80808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
        ),
        (
            "ffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        ),
        (
            "000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon agent",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal will",
        ),
        (
            "808080808080808080808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter always",
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo when",
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
        ),
        (
            "8080808080808080808080808080808080808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
        ),
        (
            "9e885d952ad362caeb4efe34a8e91bd2",
            "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
        ),
        (
            "6610b25967cdcca9d59875f5cb50b0ea75433311869e930b",
            "gravity machine north sort system female filter attitude volume fold club stay feature office ecology stable narrow fog",
        ),
        (
            "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
            "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
        ),
        (
            "c0ba5a8e914111210f2bd131f3d5e08d",
            "scheme spot photo card baby mountain device kick cradle pact join borrow",
        ),
        (
            "6d9be1ee6ebd27a258115aad99b7317b9c8d28b6d76431c3",
            "horn tenant knee talent sponsor spell gate clip pulse soap slush warm silver nephew swap uncle crack brave",
        ),
        (
            "9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863",
            "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside",
        ),
        (
            "23db8160a31d3e0dca3688ed941adbf3",
            "cat swing flag economy stadium alone churn speed unique patch report train",
        ),
        (
            "8197a4a47f0425faeaa69deebc05ca29c0a5b5cc76ceacc0",
            "light rule cinnamon wrap drastic word pride squirrel upgrade then income fatal apart sustain crack supply proud access",
        ),
        (
            "066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad",
            "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform",
        ),
        (
            "f30f8c1da665478f49b001d94c5fc452",
            "vessel ladder alter error federal sibling chat ability sun glass valve picture",
        ),
        (
            "c10ec20dc3cd9f652c7fac2f1230f7a3c828389a14392f05",
            "scissors invite lock maple supreme raw rapid void congress muscle digital elegant little brisk hair mango congress clump",
        ),
        (
            "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
            "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
        ),
    ];

    fn from_hex(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    /// 24 words: "letter advice cage …".
    fn phrase() -> String {
        encode(&[0x80; 32]).expect("32 bytes").to_string()
    }

    #[test]
    fn the_official_vectors_of_bip_39() {
        assert_eq!(VECTORS.len(), 24);
        for (entropy, phrase) in VECTORS {
            let entropy = from_hex(entropy);
            assert_eq!(encode(&entropy).expect("a length of BIP-39").as_str(), *phrase);
            assert_eq!(*decode(phrase).expect("a phrase of BIP-39"), entropy);
        }
    }

    #[test]
    fn the_list_is_that_of_bip_39() {
        let expected = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda";
        assert_eq!(Sha256::digest(LIST).as_slice(), from_hex(expected));
        let beginnings: std::collections::BTreeSet<_> = LIST.lines().map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(beginnings.len(), 2_048);
    }

    #[test]
    fn words_are_taken_as_people_write_them() {
        let phrase = phrase();
        let bytes = |written: &str| decode(written).ok().map(|bytes| bytes.to_vec());
        let short: Vec<_> = phrase.split(' ').map(|word| &word[..word.len().min(4)]).collect();
        let numbered: Vec<_> = phrase
            .split(' ')
            .enumerate()
            .map(|(at, word)| format!("{}. {word}", at + 1))
            .collect();
        for written in [
            phrase.to_uppercase(),
            format!("  {}\n", phrase.replace(' ', " \t\r\n\u{a0}\u{3000}")),
            phrase.replace(' ', ","),
            short.join(" "),
            numbered.join("\n"),
        ] {
            assert_eq!(bytes(&written), Some(vec![0x80; 32]));
        }
    }

    #[test]
    fn a_word_that_is_not_in_the_list_is_named_by_its_position() {
        for (position, wrong) in [(1, "lettes"), (5, "abx"), (24, "é"), (2, "zo"), (3, "adviceé")] {
            let mut words: Vec<String> = phrase().split(' ').map(str::to_owned).collect();
            words[position - 1] = wrong.to_owned();
            assert_eq!(decode(&words.join(" ")).err(), Some(WordsError::Unknown { position }));
        }
    }

    #[test]
    fn a_wrong_number_of_words_is_told() {
        let phrase = phrase();
        for found in (0..60).filter(|count| ![12, 15, 18, 21, 24].contains(count)) {
            let words: Vec<_> = phrase.split(' ').cycle().take(found).collect();
            assert_eq!(decode(&words.join(" ")).err(), Some(WordsError::Count { found }));
        }
    }

    #[test]
    fn another_word_of_the_list_or_another_order_breaks_the_checksum() {
        let phrase = phrase();
        assert_eq!(
            decode(&phrase.replacen("letter", "zoo", 1)).err(),
            Some(WordsError::Checksum)
        );
        let mut words: Vec<_> = phrase.split(' ').collect();
        words.swap(0, 1);
        assert_eq!(decode(&words.join(" ")).err(), Some(WordsError::Checksum));
    }

    #[test]
    fn there_are_words_for_bip_39s_lengths_alone() {
        for length in (0..64).filter(|length| ![16, 20, 24, 28, 32].contains(length)) {
            assert_eq!(encode(&vec![0; length]).err(), Some(WordsError::Length));
        }
    }

    proptest! {
        #[test]
        fn every_32_bytes_come_back_from_their_words(entropy: [u8; 32]) {
            let phrase = encode(&entropy).expect("32 bytes");
            let decoded = decode(&phrase).expect("words");
            prop_assert_eq!(decoded.as_slice(), &entropy[..]);
        }

        #[test]
        fn no_text_makes_decode_panic(text: String, words in prop::collection::vec("[a-zA-Zé]{1,9}", 0..30)) {
            let _ = decode(&text);
            let _ = decode(&words.join(" "));
        }
    }
}
