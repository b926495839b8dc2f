use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn item(number: u64, content: u64) -> Item {
    let digest = |number: u64| -> [u8; 16] { Sha256::digest(number.to_le_bytes())[..16].try_into().expect("16 bytes") };
    Item {
        id: digest(number),
        digest: digest(content),
    }
}

/// What an exchange gave: the differences as the first side sees them (what the second one found is turned around), the bytes, and the messages.
struct Exchanged {
    differences: Differences,
    bytes: usize,
    messages: usize,
}

fn exchange(first: &[Item], second: &[Item]) -> Exchanged {
    let mut sides = [Reconciler::new(first.to_vec()), Reconciler::new(second.to_vec())];
    let mut found = Differences::default();
    let mut message = Some(sides[0].begin());
    let (mut bytes, mut messages) = (0, 0);
    while let Some(sent) = message {
        assert!(sent.len() <= MAX_MESSAGE_BYTES);
        (bytes, messages) = (bytes + sent.len(), messages + 1);
        let receiver = messages % 2;
        let (differences, answer) = sides[receiver].receive(&sent).expect("the other side wrote it");
        let (here, there) = match receiver {
            0 => (differences.here, differences.there),
            _ => (differences.there, differences.here),
        };
        found.here.extend(here);
        found.there.extend(there);
        found.differing.extend(differences.differing);
        message = answer;
    }
    [&mut found.here, &mut found.there, &mut found.differing]
        .into_iter()
        .for_each(|ids| ids.sort_unstable());
    Exchanged {
        differences: found,
        bytes,
        messages,
    }
}

fn expected(first: &[Item], second: &[Item]) -> Differences {
    let by_id = |items: &[Item]| {
        items
            .iter()
            .map(|item| (item.id, item.digest))
            .collect::<BTreeMap<_, _>>()
    };
    let (first, second) = (by_id(first), by_id(second));
    let ids: BTreeSet<Id> = first.keys().chain(second.keys()).copied().collect();
    let mut differences = Differences::default();
    for id in ids {
        match (first.get(&id), second.get(&id)) {
            (Some(_), None) => differences.here.push(id),
            (None, Some(_)) => differences.there.push(id),
            (Some(ours), Some(theirs)) if ours != theirs => differences.differing.push(id),
            _ => {}
        }
    }
    differences
}

#[test]
fn ten_thousand_documents_that_are_the_same_cost_one_fingerprint() {
    let items: Vec<Item> = (0..10_000).map(|number| item(number, number)).collect();
    let exchanged = exchange(&items, &items);
    assert_eq!(exchanged.differences, Differences::default());
    assert!(
        exchanged.bytes <= 24 && exchanged.messages == 1,
        "{} bytes",
        exchanged.bytes
    );
}

#[test]
fn what_differs_costs_some_hundred_bytes_each_and_a_few_messages() {
    let items: Vec<Item> = (0..10_000).map(|number| item(number, number)).collect();
    for changes in [1, 10, 100] {
        let mut other = items.clone();
        for change in 0..changes {
            other[change * 97] = item(change as u64 * 97, 1_000_000);
        }
        let exchanged = exchange(&items, &other);
        assert_eq!(exchanged.differences, expected(&items, &other));
        assert!(
            exchanged.bytes <= 2_000 * changes && exchanged.messages <= 8,
            "{changes} changes: {} bytes in {} messages",
            exchanged.bytes,
            exchanged.messages
        );
    }
}

#[test]
fn a_device_with_nothing_learns_of_all_documents_within_the_limits_of_a_message() {
    let items: Vec<Item> = (0..10_000).map(|number| item(number, number)).collect();
    for (first, second) in [(items.as_slice(), &[][..]), (&[], items.as_slice())] {
        let exchanged = exchange(first, second);
        assert_eq!(exchanged.differences, expected(first, second));
    }
}

#[test]
fn two_devices_with_nothing_in_common_find_everything() {
    let first: Vec<Item> = (0..20_000).map(|number| item(number, number)).collect();
    let second: Vec<Item> = (20_000..40_000).map(|number| item(number, number)).collect();
    let exchanged = exchange(&first, &second);
    assert_eq!(exchanged.differences, expected(&first, &second));
}

#[test]
fn an_exchange_that_never_converges_ends() {
    let mut honest = Reconciler::new((0..1_000).map(|number| item(number, number)).collect());
    let never_the_same = Wire {
        ranges: vec![WireRange {
            fingerprint: vec![1; 16],
            ..WireRange::default()
        }],
    }
    .encode_to_vec();
    let ended = (0..100).find_map(|_| honest.receive(&never_the_same).err());
    assert_eq!(ended, Some(ReconcileError::TooMany));
}

#[test]
fn ranges_and_items_out_of_order_are_refused() {
    let range = |end: &[u8]| WireRange {
        end: end.to_vec(),
        ..WireRange::default()
    };
    let told = |items: &[Item], end: &[u8]| WireRange {
        items: items.iter().flat_map(|item| [item.id, item.digest].concat()).collect(),
        told: true,
        ..range(end)
    };
    let at = |first: u8| Item {
        id: [first; 16],
        digest: [0; 16],
    };
    for ranges in [
        vec![range(&[2]), range(&[1])],
        vec![range(&[2]), range(&[2])],
        vec![range(&[]), range(&[])],
        vec![told(&[at(2), at(1)], &[])],
        vec![told(&[at(1), at(1)], &[])],
        vec![told(&[at(9)], &[5])],
        vec![range(&[5]), told(&[at(1)], &[])],
    ] {
        let message = Wire { ranges: ranges.clone() }.encode_to_vec();
        assert_eq!(
            Reconciler::new(Vec::new()).receive(&message),
            Err(ReconcileError::Order),
            "{ranges:?}"
        );
    }
    for ranges in [
        vec![range(&[1, 0])],
        vec![range(&[1; 17])],
        vec![WireRange {
            fingerprint: vec![0; 15],
            ..range(&[])
        }],
        vec![WireRange {
            items: vec![0; 33],
            told: true,
            ..range(&[])
        }],
        vec![range(&[]); MAX_PARTS + 1],
    ] {
        let message = Wire { ranges }.encode_to_vec();
        assert_eq!(
            Reconciler::new(Vec::new()).receive(&message),
            Err(ReconcileError::Malformed)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exactly_what_differs_is_found(
        both in 0_u64..400,
        here in 0_u64..120,
        there in 0_u64..120,
        differing in 0_u64..120,
    ) {
        let numbered = |from: u64, count: u64, content: u64| (from..from + count).map(move |number| item(number, number + content));
        let common: Vec<Item> = numbered(0, both, 0).collect();
        let first: Vec<Item> = common.iter().copied().chain(numbered(10_000, here, 0)).chain(numbered(20_000, differing, 0)).collect();
        let second: Vec<Item> = common.iter().copied().chain(numbered(30_000, there, 0)).chain(numbered(20_000, differing, 1)).collect();
        prop_assert_eq!(exchange(&first, &second).differences, expected(&first, &second));
    }

    #[test]
    fn no_message_breaks_it(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Reconciler::new((0..50).map(|number| item(number, number)).collect()).receive(&message);
    }
}
