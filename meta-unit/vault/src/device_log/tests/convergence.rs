//! Random histories on several devices at once: all find the same, and nobody finds a way in.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Who there is: two that are or become the identity key, seven devices, two strangers. Nobody ever adds the strangers but they themselves.
const IDENTITIES: u8 = 2;
const DEVICES: u8 = 7;
const STRANGERS: u8 = 2;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Says {
        replica: Index,
        who: Index,
        what: What,
        whom: Index,
    },
    Merges {
        into: Index,
        from: Index,
    },
}

#[derive(Clone, Copy, Debug)]
enum What {
    Adds,
    Removes,
    Renames,
    Rotates,
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        4 => Just(What::Adds),
        4 => Just(What::Removes),
        1 => Just(What::Renames),
        1 => Just(What::Rotates),
    ];
    let says =
        (any::<Index>(), any::<Index>(), what, any::<Index>()).prop_map(|(replica, who, what, whom)| Step::Says {
            replica,
            who,
            what,
            whom,
        });
    let merges = (any::<Index>(), any::<Index>()).prop_map(|(into, from)| Step::Merges { into, from });
    prop_oneof![3 => says, 1 => merges]
}

fn everybody() -> Vec<Somebody> {
    (1..=IDENTITIES + DEVICES + STRANGERS).map(Somebody::new).collect()
}

fn is_stranger(number: usize) -> bool {
    number >= usize::from(IDENTITIES + DEVICES)
}

/// What the replicas have after these steps.
fn replicas(count: usize, steps: &[Step]) -> Vec<Log> {
    let everybody = everybody();
    let mut start = everybody[0].genesis();
    for device in [2, 3] {
        everybody[0].adds(&mut start, &everybody[device]);
    }
    let mut replicas = vec![start; count];
    for step in steps {
        match step {
            Step::Merges { into, from } => {
                let from = replicas[from.index(count)].clone();
                replicas[into.index(count)].merge(&from).expect("one account");
            }
            Step::Says {
                replica,
                who,
                what,
                whom,
            } => {
                let (who, whom) = (who.index(everybody.len()), whom.index(everybody.len()));
                let log = &mut replicas[replica.index(count)];
                let (author, other) = (&everybody[who], &everybody[whom]);
                match what {
                    What::Adds if is_stranger(whom) && !is_stranger(who) => {}
                    What::Adds => _ = author.adds(log, other),
                    What::Removes => _ = author.removes(log, other),
                    What::Renames => _ = author.renames(log, other, "name"),
                    // Nobody but an identity key hands over to a stranger's key.
                    What::Rotates if is_stranger(whom) && !is_stranger(who) => {}
                    What::Rotates => _ = author.rotates(log, other),
                }
            }
        }
    }
    replicas
}

fn all(replicas: &[Log]) -> Log {
    replicas
        .iter()
        .skip(1)
        .fold(replicas[0].clone(), |all, log| merged(&all, log))
}

/// What an entry knows, itself included.
fn known_to(log: &Log, id: &Id) -> std::collections::BTreeSet<Id> {
    let mut known = std::collections::BTreeSet::new();
    let mut open = vec![*id];
    while let Some(id) = open.pop() {
        if known.insert(id) {
            open.extend(
                log.entries()
                    .find(|entry| *entry.id() == id)
                    .expect("an entry")
                    .parents(),
            );
        }
    }
    known
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_replicas_come_to_the_same_state_in_whatever_order_entries_come(
        count in 3..=5_usize,
        steps in prop::collection::vec(step(), 0..40),
        order in prop::collection::vec(any::<Index>(), 64),
    ) {
        let replicas = replicas(count, &steps);
        let all = all(&replicas);
        let expected = (all.state(), all.encode());

        // Each replica merges the others, in an order of its own and some twice.
        let mut one = replicas[order[0].index(count)].clone();
        for other in order.iter().take(8) {
            one.merge(&replicas[other.index(count)]).expect("one account");
        }
        one.merge(&all).expect("one account");
        prop_assert_eq!(&(one.state(), one.encode()), &expected);

        // The entries come one by one, as soon as they can and sometimes again.
        let mut waiting: Vec<_> = all.entries().skip(1).cloned().collect();
        let mut log = Log::new(all.entries().next().expect("the genesis").clone()).expect("a genesis");
        let mut turn = order.iter().cycle();
        while !waiting.is_empty() {
            let at = turn.next().expect("a cycle").index(waiting.len());
            let possible = (0..waiting.len()).map(|offset| (at + offset) % waiting.len());
            let mut possible = possible.filter(|at| waiting[*at].parents().iter().all(|parent| log.contains(parent)));
            let at = possible.next().expect("one can always come");
            let entry = waiting.remove(at);
            prop_assert_eq!(log.insert(entry.clone()), Ok(true));
            prop_assert_eq!(log.insert(entry), Ok(false));
        }
        prop_assert_eq!(&(log.state(), log.encode()), &expected);
        prop_assert_eq!(Log::decode(&expected.1), Ok(all));
    }

    #[test]
    fn nobody_gains_authority_who_was_never_given_it(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let everybody = everybody();
        let log = all(&replicas(4, &steps));
        let state = log.state();
        let void: Vec<_> = state.void.iter().map(|void| void.id).collect();
        for stranger in everybody.iter().skip(usize::from(IDENTITIES + DEVICES)) {
            prop_assert!(!state.speaks(&stranger.key()));
            for entry in log.entries().filter(|entry| *entry.author() == stranger.key()) {
                prop_assert!(void.contains(entry.id()));
            }
        }
        // Whoever added a device was there, and so back to the identity.
        for device in &state.devices {
            let is_identity = state.identities.iter().any(|identity| identity.key == device.added_by);
            prop_assert!(is_identity || state.device(&device.added_by).is_some());
        }
        // What counts of a removed device, its remover knew.
        for entry in log.entries().filter(|entry| !void.contains(entry.id())) {
            let Action::RemoveDevice { device, .. } = entry.action() else { continue };
            let known = known_to(&log, entry.id());
            let unknown = log.entries().filter(|other| other.author() == device && !known.contains(other.id()));
            for other in unknown.filter(|other| !void.contains(other.id())) {
                // A removal that was decided before, by higher authority.
                let is_removal = matches!(other.action(), Action::RemoveDevice { .. });
                prop_assert!(is_removal);
            }
            prop_assert!(!state.is_active(device));
        }
    }

    #[test]
    fn nothing_that_a_removed_device_dates_back_changes_anything(
        steps in prop::collection::vec(step(), 0..30),
        acts in prop::collection::vec((any::<Index>(), any::<bool>(), any::<Index>()), 1..8),
    ) {
        let everybody = everybody();
        let before = replicas(3, &steps);
        let mut log = all(&before);
        let identity = everybody.iter().find(|one| one.key() == *log.state().identity()).expect("one of them");
        let Some(thief) = everybody[1..].iter().find(|one| log.state().is_active(&one.key())) else {
            return Ok(());
        };
        identity.removes(&mut log, thief);
        let expected = log.state();

        // The thief goes on where any of the replicas was, with a friend, whom nobody else adds, and with devices that have agreed to join before.
        let friend = Somebody::new(200);
        for (replica, adds, whom) in acts {
            let mut back = before[replica.index(3)].clone();
            let whom = &everybody[whom.index(everybody.len())];
            thief.adds(&mut back, &friend);
            if adds {
                thief.adds(&mut back, whom);
                friend.adds(&mut back, whom);
            } else {
                thief.removes(&mut back, whom);
                friend.removes(&mut back, whom);
            }
            log.merge(&back).expect("one account");
        }
        let state = log.state();
        prop_assert_eq!(state.devices, expected.devices);
        prop_assert_eq!(state.identities, expected.identities);
    }
}
