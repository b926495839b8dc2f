//! Runs with a network.

use std::collections::BTreeMap;
use std::process::ExitCode;

use avatar_sim::meeting::{Meeting, Outcome, meet};
use clap::Args;

use super::{Build, Seeds};

/// What is to be simulated.
#[derive(Debug, Args)]
pub struct Meetings {
    #[command(flatten)]
    seeds: Seeds,
    /// How long people write while everything fails, in simulated seconds.
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// Everything fails but disks.
    #[arg(long)]
    sound_disks: bool,
    #[command(flatten)]
    build: Build,
}

/// What came of all runs together.
#[derive(Default)]
struct Total {
    outcomes: u64,
    calls: u64,
    changes: u64,
    crashes: u64,
    partitions: u64,
    cuts: u64,
    relays: u64,
    frames: u64,
    bytes: u64,
    simulated_us: u64,
    /// Of each run, in simulated microseconds.
    converged_us: Vec<u64>,
    /// By promise.
    violations: BTreeMap<&'static str, u64>,
}

impl Total {
    fn add(&mut self, outcome: &Outcome) {
        self.outcomes += 1;
        self.calls += outcome.calls;
        self.changes += outcome.changes;
        self.crashes += outcome.figures.crashes;
        self.partitions += outcome.weather.partitions;
        self.cuts += outcome.weather.cuts;
        self.relays += outcome.weather.relays;
        self.frames += outcome.crossed.frames;
        self.bytes += outcome.crossed.bytes;
        self.simulated_us += outcome.simulated_us;
        match &outcome.violation {
            Some(violation) => *self.violations.entry(violation.promise).or_default() += 1,
            None => self.converged_us.push(outcome.converged_us),
        }
    }
}

impl Meetings {
    fn meeting(&self, seed: u64) -> Meeting {
        Meeting {
            length_us: self.seconds * 1_000_000,
            do_disks_fail: !self.sound_disks,
            is_printed: self.seeds.print,
            ..Meeting::new(seed)
        }
    }

    /// Simulates them, and says what came of it.
    pub fn run(&self) -> ExitCode {
        let Some(backend) = self.build.backend() else {
            return ExitCode::FAILURE;
        };
        let mut total = Total::default();
        let replay = |seed| {
            let (seconds, sound) = (self.seconds, if self.sound_disks { " --sound-disks" } else { "" });
            format!("cargo run --release -- network --seed {seed} --seconds {seconds}{sound}")
        };
        let seconds = self.seeds.each(
            |seed| meet(&self.meeting(seed), &backend),
            |seed, outcome| {
                let broken = outcome.violation.as_ref();
                self.seeds
                    .report(seed, outcome.calls, &outcome.digest, broken, || replay(seed));
                total.add(&outcome);
                true
            },
        );
        total.converged_us.sort_unstable();
        let converged_s = |per_mille: usize| {
            let at = (total.converged_us.len() * per_mille / 1_000).min(total.converged_us.len().saturating_sub(1));
            total.converged_us.get(at).map_or(0.0, |us| *us as f64 / 1e6)
        };
        println!(
            "{} runs in {seconds:.1} s ({:.1} a second), {:.1} simulated hours, {} calls, {} changes, {} crashes, {} partitions, {} cuts, {} deaths of relays, {} frames, {:.1} MB",
            total.outcomes,
            total.outcomes as f64 / seconds,
            total.simulated_us as f64 / 3_600e6,
            total.calls,
            total.changes,
            total.crashes,
            total.partitions,
            total.cuts,
            total.relays,
            total.frames,
            total.bytes as f64 / 1e6,
        );
        println!(
            "converged after the last failure: half of the runs within {:.1} s, 99 of a hundred within {:.1} s, all within {:.1} s",
            converged_s(500),
            converged_s(990),
            converged_s(1_000)
        );
        for (promise, count) in &total.violations {
            println!("broken in {count} runs: {promise}");
        }
        match total.violations.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
