//! The parts that fail on purpose fail as they should, and no other way.

use std::collections::BTreeSet;

use avatar_proto::keys_command::Command;
use avatar_proto::storage_op::Op;
use avatar_proto::{
    KeysCommand, KeysOpen, KeysResult, Message, OpError, OpErrorCode, StorageBatch, StorageOp, StoragePut,
    StorageRange, StorageResult, StorageScan,
};
use avatar_sim::boundary::{Asked, Operation};
use avatar_sim::clock::Clock;
use avatar_sim::disk::{Disk, Faults};
use avatar_sim::random::{Dice, Stream};

fn put(keys: &[&str]) -> (StorageBatch, Vec<u8>) {
    let ops = keys.iter().map(|key| StorageOp {
        op: Some(Op::Put(StoragePut {
            key: key.as_bytes().to_vec(),
            value_len: 1,
        })),
    });
    let batch = StorageBatch {
        ops: ops.collect(),
        durability: 0,
    };
    (batch, vec![b'v'; keys.len()])
}

/// The keys on the disk.
fn keys(disk: &mut Disk) -> Vec<String> {
    let scan = StorageScan {
        range: Some(StorageRange::default()),
        ..StorageScan::default()
    };
    let batch = StorageBatch {
        ops: vec![StorageOp {
            op: Some(Op::Scan(scan)),
        }],
        durability: 0,
    };
    disk.accept(99, batch, Vec::new());
    let completion = disk.execute_next().expect("it was accepted");
    let result = StorageResult::decode(completion.head.as_slice()).expect("a result");
    result.reads[0]
        .keys
        .iter()
        .map(|key| String::from_utf8_lossy(key).into_owned())
        .collect()
}

/// The value under the key `a`.
fn value(disk: &mut Disk) -> Vec<u8> {
    let batch = StorageBatch {
        ops: vec![StorageOp {
            op: Some(Op::Get(b"a".to_vec())),
        }],
        durability: 0,
    };
    disk.accept(98, batch, Vec::new());
    disk.execute_next().expect("it was accepted").body
}

fn disk(seed: u64) -> Disk {
    Disk::new(Dice::new(seed, Stream::Disk(0)), None)
}

#[test]
fn a_crash_leaves_a_prefix_of_the_batches_each_of_them_whole() {
    let mut found = BTreeSet::new();
    for seed in 0..200 {
        let mut disk = disk(seed);
        for (op, written) in [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]].iter().enumerate() {
            let (batch, body) = put(written);
            disk.accept(op as u64, batch, body);
        }
        disk.crash();
        assert!(!disk.is_busy(), "what was lost never completes");
        found.insert(keys(&mut disk).join(" "));
    }
    let prefixes = ["", "a1 a2", "a1 a2 b1 b2", "a1 a2 b1 b2 c1 c2"];
    assert_eq!(found, prefixes.map(str::to_owned).into());
}

#[test]
fn a_batch_that_fails_says_so_and_leaves_nothing() {
    let mut disk = disk(1);
    disk.faults = Faults {
        errors_per_mille: 1000,
        ..Faults::default()
    };
    let (batch, body) = put(&["a"]);
    disk.accept(1, batch, body);
    assert!(disk.execute_next().is_some_and(|completion| completion.status < 0));
    disk.faults = Faults::default();
    assert!(keys(&mut disk).is_empty());
}

#[test]
fn a_full_disk_refuses_what_it_has_no_room_for_and_can_still_be_read() {
    let mut disk = disk(1);
    disk.faults.quota_bytes = Some(2);
    for (written, fits) in [(["a", "b"].as_slice(), true), (&["c"], false)] {
        let (batch, body) = put(written);
        disk.accept(1, batch, body);
        let completion = disk.execute_next().expect("it was accepted");
        assert_eq!(completion.status == 0, fits);
        if !fits {
            let error = OpError::decode(completion.head.as_slice()).expect("an error");
            assert_eq!(error.code(), OpErrorCode::QuotaExceeded);
        }
    }
    assert_eq!(keys(&mut disk), ["a", "b"]);
}

#[test]
fn the_keys_of_a_device_follow_from_the_seed_and_survive_crashes() {
    let open = |disk: &mut Disk| {
        let (name, command) = ("device".to_owned(), Some(Command::Open(KeysOpen {})));
        let asked = Asked::Keys(KeysCommand { name, command });
        disk.take(Operation { op: 1, asked });
        let completion = disk.execute_next().expect("it was accepted");
        KeysResult::decode(completion.head.as_slice()).expect("a result")
    };
    let mut device = disk(1);
    let first = open(&mut device);
    device.crash();
    let again = open(&mut device);
    assert!(first.created && !again.created);
    assert_eq!(again.sign_public_key, first.sign_public_key);
    assert!(open(&mut disk(1)) == first);
    assert_ne!(open(&mut disk(2)).sign_public_key, first.sign_public_key);
}

#[test]
fn a_flipped_bit_can_be_flipped_back() {
    let mut disk = disk(1);
    let (batch, body) = put(&["a"]);
    disk.accept(1, batch, body);
    disk.execute_next();
    assert_eq!(value(&mut disk), b"v");
    let flipped = disk.flip_bit().expect("there is a record");
    let damaged = value(&mut disk);
    assert_eq!((damaged[0] ^ b'v').count_ones(), 1);
    disk.flip(&flipped);
    assert_eq!(value(&mut disk), b"v");
}

#[test]
fn the_monotonic_clock_never_goes_back_however_the_wall_clock_jumps() {
    for seed in 0..50 {
        let mut clock = Clock::new(Dice::new(seed, Stream::Clock(0)));
        let mut last = i64::MIN;
        let wall = clock.unix_us();
        for now_us in (0..1_000_000).step_by(10_000) {
            clock.begin(now_us);
            for _ in 0..3 {
                let now = clock.monotonic_us();
                assert!(now >= last);
                last = now;
            }
            assert!(
                clock.spent_us() < 10_000,
                "a call that takes longer than to the next one would go back"
            );
            clock.jump(-1_000_000_000);
        }
        assert!(clock.unix_us() < wall);
    }
}

#[test]
fn so_long_as_a_timer_of_the_unit_waits_by_its_own_clock_its_time_has_come_in_the_world() {
    for seed in 0..50 {
        let mut clock = Clock::new(Dice::new(seed, Stream::Clock(0)));
        clock.begin(5_000_000);
        let begun = clock.monotonic_us();
        let spent_us = clock.spent_us();
        clock.begin(5_000_000 + spent_us + clock.to_world_us(3_000_000) + 1);
        assert!(clock.monotonic_us() - begun >= 3_000_000);
    }
}
