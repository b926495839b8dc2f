//! What one change costs among many devices of one person, and how long it takes to be on all of them.

use avatar_proto::value::Kind;

use crate::check::all_rows;
use crate::meeting::{Meeting, Party};
use crate::network::wire::Count;
use crate::person::Person;
use crate::truth::DocId;
use crate::unit::Backend;
use crate::violation::{Broken, Violation};
use crate::world::World;

/// How many changes are averaged.
const CHANGES: usize = 20;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Grown {
    /// Until all devices had the first document, in simulated microseconds.
    pub connected_us: u64,
    /// Frames that crossed links for one change.
    pub frames: f64,
    /// Their bytes.
    pub bytes: f64,
    /// Until a change was on half of the devices, in simulated microseconds: the median.
    pub half_us: u64,
    /// Until it was on all of them: the median.
    pub all_us: u64,
    /// What crosses the links of one device while nobody does anything.
    pub idle_bytes_per_s: f64,
}

/// How often it is looked where a change is, in simulated microseconds.
const LOOK_US: u64 = 5_000;

/// How long devices may take, in simulated microseconds.
const PATIENCE_US: u64 = 3_600_000_000;

/// How long nobody does anything, to know what that costs, in simulated microseconds.
const IDLE_US: u64 = 120_000_000;

/// What follows a change comes within so many simulated microseconds.
const QUIET_US: u64 = 5_000_000;

/// Measures among so many devices, of persons with so many each.
///
/// # Errors
/// A broken promise; above all, a change that does not come everywhere.
pub fn grow(devices: usize, each: usize, seed: u64, backend: &Backend) -> Result<Grown, Violation> {
    let persons = (devices / each.max(1)).max(1);
    let meeting = Meeting::of_many(vec![devices / persons; persons], seed);
    let mut party = Party::new(&meeting, backend);
    party.set_up()?;
    let begun_us = party.world.now_us;
    let mut ids = Vec::new();
    for person in 0..persons {
        let unit = party.persons[person].devices[0];
        ids.push(party.persons[person].make(&mut party.world, unit)?);
    }
    for (person, id) in ids.iter().enumerate() {
        until_everywhere(&mut party, person, *id, None)?;
    }
    let connected_us = party.world.now_us - begun_us;
    // Better ways are found meanwhile.
    party.world.run_until(party.world.now_us + IDLE_US)?;
    let idle: Vec<Count> = party.crossed_while(IDLE_US)?;
    let idle_bytes: u64 = idle.iter().map(|count| count.bytes).sum();
    let (mut frames, mut bytes, mut halves, mut alls) = (0.0, 0.0, Vec::new(), Vec::new());
    for change in 0..CHANGES {
        let begun_us = party.world.now_us;
        let person = change % persons;
        let of = party.persons[person].devices.clone();
        let before = party.world.network().wire.count_at(&of);
        let unit = of[change % of.len()];
        let mark = party.persons[person].mark(&mut party.world, unit, ids[person])?;
        let (half_us, all_us) = until_everywhere(&mut party, person, ids[person], Some(mark))?;
        halves.push(half_us - begun_us);
        alls.push(all_us - begun_us);
        party.world.run_until(party.world.now_us + QUIET_US)?;
        let after = party.world.network().wire.count_at(&of);
        // Without what crosses in any case.
        let share = (party.world.now_us - begun_us) as f64 / IDLE_US as f64;
        frames += (after.frames - before.frames) as f64 - idle[person].frames as f64 * share;
        bytes += (after.bytes - before.bytes) as f64 - idle[person].bytes as f64 * share;
    }
    let median = |mut times: Vec<u64>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    Ok(Grown {
        connected_us,
        frames: frames / CHANGES as f64,
        bytes: bytes / CHANGES as f64,
        half_us: median(halves),
        all_us: median(alls),
        idle_bytes_per_s: idle_bytes as f64 * 1e6 / IDLE_US as f64 / devices as f64,
    })
}

impl Party {
    /// What crosses the links of each person's devices in so much time.
    fn crossed_while(&mut self, length_us: u64) -> Result<Vec<Count>, Violation> {
        let counts = |party: &Self| -> Vec<Count> {
            let network = party.world.network();
            let of = |person: &Person| network.wire.count_at(&person.devices);
            party.persons.iter().map(of).collect()
        };
        let before = counts(self);
        self.world.run_until(self.world.now_us + length_us)?;
        let crossed = counts(self).into_iter().zip(before).map(|(after, before)| Count {
            frames: after.frames - before.frames,
            bytes: after.bytes - before.bytes,
        });
        Ok(crossed.collect())
    }
}

/// Waits until a document, or a mark in it, is on all devices of its person: when it was on half of them, and when on all.
fn until_everywhere(party: &mut Party, person: usize, id: DocId, mark: Option<i64>) -> Result<(u64, u64), Violation> {
    let mut lacking = party.persons[person].devices.clone();
    let (devices, end_us) = (lacking.len(), party.world.now_us + PATIENCE_US);
    let mut half_us = None;
    loop {
        let mut still = Vec::new();
        for unit in lacking {
            if !has(&mut party.world, unit, id, mark)? {
                still.push(unit);
            }
        }
        lacking = still;
        let now_us = party.world.now_us;
        if lacking.len() * 2 <= devices {
            half_us.get_or_insert(now_us);
        }
        match lacking.first() {
            None => return Ok((half_us.unwrap_or(now_us), now_us)),
            Some(unit) if now_us > end_us => {
                let detail = format!("{} of {devices} devices lack it", lacking.len());
                return Err(Broken::new("a change comes to all devices", detail).at(now_us, *unit));
            }
            Some(_) => party.world.run_until(now_us + LOOK_US)?,
        }
    }
}

fn has(world: &mut World, unit: usize, id: DocId, mark: Option<i64>) -> Result<bool, Violation> {
    let rows = all_rows(world, unit)?;
    let Some(row) = rows.iter().find(|row| row.document_id == id) else {
        return Ok(false);
    };
    let Some(mark) = mark else { return Ok(true) };
    let marks = row
        .fields
        .iter()
        .find(|field| field.key == "marks")
        .and_then(|field| field.value.as_ref());
    let Some(Kind::List(list)) = marks.and_then(|value| value.kind.as_ref()) else {
        return Ok(false);
    };
    Ok(list.items.iter().any(|item| item.kind == Some(Kind::Int(mark))))
}
