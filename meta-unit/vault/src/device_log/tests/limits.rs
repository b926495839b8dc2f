//! The largest logs, made by a device that means harm.

use std::time::{Duration, Instant};

use super::*;

/// Adds what somebody says, as if it knew these entries alone.
fn says_beside(who: &Somebody, log: &mut Log, parents: Vec<Id>, action: Action) -> Result<Id, LogError> {
    let draft = Draft::new(parents, who.key(), action).expect("a good name");
    let entry = draft
        .sign(&who.signature(&draft.to_sign()), None)
        .expect("a good signature");
    let id = *entry.id();
    log.insert(entry).map(|_| id)
}

fn fill(log: &mut Log, mut next: impl FnMut(&mut Log, usize) -> Result<Id, LogError>) {
    let mut number = 0;
    while log.len() < MAX_ENTRIES {
        next(log, number).expect("room");
        number += 1;
    }
    let one_more = next(log, number);
    assert_eq!(one_more, Err(LogError::Full));
}

fn removal(device: &Somebody, number: usize) -> Action {
    Action::RemoveDevice {
        device: device.key(),
        at_ms: number as u64,
    }
}

/// Here a quarter of a second. It would be minutes if the work grew with the entries times the removals times the additions.
fn is_understood_in_time(log: &Log) {
    let start = Instant::now();
    let state = log.state();
    assert_eq!(state.identities.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn as_many_concurrent_removals_as_there_may_be() {
    let (mut log, _, [a, b, c]) = account();
    let heads = log.heads();
    fill(&mut log, |log, number| {
        let (who, whom) = if number % 2 == 0 { (&b, &c) } else { (&c, &b) };
        says_beside(who, log, heads.clone(), removal(whom, number))
    });
    is_understood_in_time(&log);
    assert!(log.state().is_active(&a.key()) && log.state().is_active(&b.key()));
}

#[test]
fn as_many_removals_one_after_the_other_as_there_may_be() {
    let (mut log, _, [a, b, _]) = account();
    let mut head = log.heads();
    fill(&mut log, |log, number| {
        let id = says_beside(&a, log, head.clone(), removal(&b, number))?;
        head = vec![id];
        Ok(id)
    });
    is_understood_in_time(&log);
}

#[test]
fn many_additions_of_one_device_that_become_void_one_by_one() {
    let (mut log, _, [a, b, _]) = account();
    let friend = Somebody::new(20);
    let start = log.heads();
    let mut seen = start.clone();
    fill(&mut log, |log, number| match number % 3 {
        0 => {
            let action = friend.joining(log.account(), &number.to_string());
            let id = says_beside(&b, log, start.clone(), action)?;
            seen = vec![id];
            Ok(id)
        }
        1 => says_beside(&friend, log, seen.clone(), removal(&a, number)),
        _ => says_beside(&a, log, seen.clone(), removal(&b, number)),
    });
    is_understood_in_time(&log);
}
