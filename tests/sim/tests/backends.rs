//! The same run, whichever way the Meta Unit was built. Compiled with the feature `wasm` only.
#![cfg(feature = "wasm")]

use std::path::PathBuf;

use avatar_sim::meeting::{Meeting, meet};
use avatar_sim::unit::{Backend, Module};
use avatar_sim::{Plan, run};

/// The built file: the one of the package, unless `META_UNIT_WASM` names another.
fn built() -> Backend {
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pkg/dist/meta_unit.wasm");
    let path = std::env::var_os("META_UNIT_WASM").map_or_else(|| PathBuf::from(packed), PathBuf::from);
    Backend::Wasm(Module::load(&path).expect("the Meta Unit is built"))
}

#[test]
fn a_seed_has_the_same_traffic_natively_and_as_the_built_file_under_wasmtime() {
    let built = built();
    for seed in 1..=4 {
        let (native, wasm) = (run(&Plan::new(seed), &Backend::Native), run(&Plan::new(seed), &built));
        assert_eq!(wasm.violation, None, "seed {seed}");
        assert_eq!((wasm.digest, wasm.calls), (native.digest, native.calls), "seed {seed}");
    }
}

#[test]
fn a_hundred_units_in_one_process_each_have_their_own_small_memory() {
    let plan = Plan {
        units: 100,
        clients: 1,
        length_us: 60 * 1_000_000,
        ..Plan::new(1)
    };
    let outcome = run(&plan, &built());
    assert_eq!(outcome.violation, None);
    assert_eq!(outcome.memory_bytes.len(), 100);
    assert!(
        outcome.memory_bytes.iter().all(|bytes| *bytes < 8 * 1024 * 1024),
        "{:?}",
        outcome.memory_bytes
    );
}

#[test]
fn a_seed_with_a_network_has_the_same_traffic_natively_and_as_the_built_file_under_wasmtime() {
    let built = built();
    for seed in 1..=2 {
        let meeting = Meeting {
            length_us: 30_000_000,
            ..Meeting::new(seed)
        };
        let (native, wasm) = (meet(&meeting, &Backend::Native), meet(&meeting, &built));
        assert_eq!((wasm.digest, wasm.calls), (native.digest, native.calls), "seed {seed}");
    }
}
