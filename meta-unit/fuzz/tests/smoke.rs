//! The smoke run: every target with its corpus, and with seeded mutations of it. `README.md` says how to run for longer.

use std::path::Path;

use avatar_fuzz::mutate::{Chance, mutate};
use avatar_fuzz::targets::TARGETS;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Mutations of each target, where `FUZZ_MUTATIONS` does not say how many.
const MUTATIONS: u64 = 6_000;

struct Dice(ChaCha8Rng);

impl Chance for Dice {
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.next_u64()) * end as u128) >> 64) as usize
    }
}

/// The corpus of a target, in the order of the files' names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("a readable folder").path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a readable file"))
        .collect()
}

fn smoke(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let corpus = corpus(name);
    assert!(corpus.len() >= 3, "{name} has a corpus");
    corpus.iter().for_each(|input| target(input));
    let mutations = std::env::var("FUZZ_MUTATIONS")
        .ok()
        .map_or(MUTATIONS, |number| number.parse().expect("FUZZ_MUTATIONS is a number"));
    for seed in 0..mutations {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let mut input = corpus[dice.below(corpus.len())].clone();
        let other = &corpus[dice.below(corpus.len())];
        mutate(&mut input, other, &mut dice);
        let outcome = std::panic::catch_unwind(|| target(&input));
        assert!(outcome.is_ok(), "target {name}, seed {seed}, input {input:02x?}");
    }
}

#[test]
fn every_target_is_a_program_for_the_fuzzer_and_part_of_the_smoke_run() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut programs: Vec<_> = std::fs::read_dir(programs)
        .expect("the folder is there")
        .map(|file| {
            file.expect("a readable folder")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .collect();
    programs.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    names.sort();
    assert_eq!(programs, names);
}

/// A test for each target, so that they run side by side and each tells of itself.
macro_rules! smoke {
    ($($promise:ident: $target:literal,)*) => {
        $(
            #[test]
            fn $promise() {
                smoke($target);
            }
        )*
    };
}

smoke! {
    no_request_breaks_the_unit_and_each_is_answered: "request",
    no_greeting_of_a_host_breaks_the_unit: "hello",
    no_answer_of_a_disk_breaks_the_unit: "completion",
    no_record_is_read_as_what_was_not_written: "record",
    no_stored_document_breaks_the_unit: "document",
    no_stored_changes_break_the_unit: "changes",
    no_stored_index_breaks_the_unit: "segment",
    no_message_of_a_client_breaks_the_host: "frames",
    no_address_gets_around_the_rules_of_the_host: "policy",
    no_sealed_record_opens_that_was_not_sealed_so: "sealed",
    no_typed_words_break_the_vault: "words",
    no_stored_keyring_breaks_the_vault: "keyring",
    no_stored_vault_breaks_the_unit: "vault_record",
    no_backup_file_breaks_the_vault: "backup",
    no_content_of_a_backup_breaks_the_unit: "contents",
    no_log_of_devices_breaks_the_account: "devices",
    no_credential_breaks_its_verifier: "credential",
    no_linked_data_breaks_its_reader: "linked_data",
    no_identifier_breaks_its_reader: "identifier",
    no_peer_breaks_another: "peers",
}

#[test]
fn stored_documents_reach_their_decoder() {
    let opened = corpus("document")
        .iter()
        .filter(|record| avatar_fuzz::targets::document_opens(record))
        .count();
    assert!(opened >= 2, "one that was born, and one that was changed: {opened}");
}
