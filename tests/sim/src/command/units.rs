//! Runs of units, each with its own disk and clients, and no network.

use std::collections::BTreeMap;
use std::process::ExitCode;

use avatar_sim::disk::Plant;
use avatar_sim::{Outcome, Plan, run};
use clap::{Args, ValueEnum};

use super::{Build, Seeds, peak_bytes};

/// What is to be simulated.
#[derive(Debug, Args)]
pub struct Units {
    #[command(flatten)]
    seeds: Seeds,
    /// Meta Units in each run.
    #[arg(long, default_value_t = 2)]
    units: usize,
    /// Clients of each Meta Unit.
    #[arg(long, default_value_t = 2)]
    clients: usize,
    /// How long each run is, in simulated hours.
    #[arg(long, default_value_t = 0.25)]
    hours: f64,
    /// A bug of the host to plant: the runs are to find it.
    #[arg(long, value_enum)]
    plant: Option<Plant>,
    #[command(flatten)]
    build: Build,
}

impl Units {
    fn plan(&self, seed: u64) -> Plan {
        Plan {
            seed,
            units: self.units,
            clients: self.clients,
            length_us: (self.hours * 3_600e6) as u64,
            plant: self.plant,
            is_printed: self.seeds.print,
        }
    }

    /// The command that runs this seed alone.
    fn replay(&self, seed: u64) -> String {
        let mut command = format!(
            "cargo run --release -- --seed {seed} --units {} --clients {} --hours {}",
            self.units, self.clients, self.hours
        );
        if let Some(plant) = self.plant.and_then(|plant| plant.to_possible_value()) {
            command += &format!(" --plant {}", plant.get_name());
        }
        command
    }
}

/// What came of all runs together.
#[derive(Default)]
struct Total {
    runs: u64,
    calls: u64,
    simulated_us: u64,
    crashes: u64,
    requests: u64,
    failed_batches: u64,
    flipped_bits: u64,
    /// The linear memories of the last run's units.
    memory_bytes: Vec<u64>,
    /// By seed.
    violations: BTreeMap<u64, String>,
}

impl Total {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.runs += 1;
        self.calls += outcome.calls;
        self.simulated_us += outcome.simulated_us;
        self.crashes += outcome.figures.crashes;
        self.requests += outcome.figures.requests;
        self.failed_batches += outcome.figures.failed_batches;
        self.flipped_bits += outcome.figures.flipped_bits;
        self.memory_bytes.clone_from(&outcome.memory_bytes);
        if let Some(violation) = &outcome.violation {
            self.violations.insert(seed, violation.to_string());
        }
    }
}

impl Units {
    /// Simulates them, and says what came of it.
    pub fn run(&self) -> ExitCode {
        let Some(backend) = self.build.backend() else {
            return ExitCode::FAILURE;
        };
        let mut total = Total::default();
        let seconds = self.seeds.each(
            |seed| run(&self.plan(seed), &backend),
            |seed, outcome| {
                let broken = outcome.violation.as_ref();
                self.seeds
                    .report(seed, outcome.calls, &outcome.digest, broken, || self.replay(seed));
                total.add(seed, &outcome);
                // A planted bug is found once it is found.
                outcome.violation.is_none() || self.plant.is_none()
            },
        );
        println!(
            "{} runs in {seconds:.1} s ({:.1} a second), {:.1} simulated hours, {} requests, {} calls, {} crashes, {} failed batches, {} flipped bits: {} violations",
            total.runs,
            total.runs as f64 / seconds,
            total.simulated_us as f64 / 3_600e6,
            total.requests,
            total.calls,
            total.crashes,
            total.failed_batches,
            total.flipped_bits,
            total.violations.len()
        );
        if let Some(largest) = total.memory_bytes.iter().max() {
            println!(
                "linear memory of a unit: {:.2} MB on average, {:.2} MB at most",
                total.memory_bytes.iter().sum::<u64>() as f64 / total.memory_bytes.len() as f64 / 1e6,
                *largest as f64 / 1e6
            );
        }
        if let Some(peak_bytes) = peak_bytes() {
            println!(
                "resident at most: {:.1} MB, {:.2} MB a unit; simulated seconds a second: {:.0} a run, {:.0} unit seconds",
                peak_bytes as f64 / 1e6,
                peak_bytes as f64 / 1e6 / self.units as f64,
                total.simulated_us as f64 / 1e6 / seconds,
                total.simulated_us as f64 / 1e6 / seconds * self.units as f64
            );
        }
        if total.violations.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
