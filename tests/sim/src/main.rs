//! `avatar-sim`: simulates runs by their seeds, and says how to replay one that breaks a promise.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use avatar_sim::disk::Plant;
use avatar_sim::unit::Backend;
use avatar_sim::{Outcome, Plan, run};
use clap::{Parser, ValueEnum};

/// Simulates whole Meta Units: each seed is one run.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs: one seed after another.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Meta Units in each run.
    #[arg(long, default_value_t = 2)]
    units: usize,
    /// Clients of each Meta Unit.
    #[arg(long, default_value_t = 2)]
    clients: usize,
    /// How long each run is, in simulated hours.
    #[arg(long, default_value_t = 0.25)]
    hours: f64,
    /// Threads that share the runs.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// A bug of the host to plant: the runs are to find it.
    #[arg(long, value_enum)]
    plant: Option<Plant>,
    /// How the Meta Unit was built.
    #[arg(long, value_enum, default_value_t = Build::Native)]
    backend: Build,
    /// Print every call across a boundary to standard error.
    #[arg(long)]
    print: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Build {
    Native,
}

impl Arguments {
    fn plan(&self, seed: u64) -> Plan {
        Plan {
            seed,
            units: self.units,
            clients: self.clients,
            length_us: (self.hours * 3_600e6) as u64,
            plant: self.plant,
            is_printed: self.print,
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

    fn backend(&self) -> Backend {
        match self.backend {
            Build::Native => Backend::Native,
        }
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
        if let Some(violation) = &outcome.violation {
            self.violations.insert(seed, violation.to_string());
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A unit that panics is a violation, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let (next, is_over, total) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Total::default()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                let backend = arguments.backend();
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.runs {
                        break;
                    }
                    let seed = arguments.seed + number;
                    let outcome = run(&arguments.plan(seed), &backend);
                    if arguments.runs == 1 {
                        println!("seed {seed}: {} calls, SHA-256 {}", outcome.calls, outcome.digest);
                    }
                    if let Some(violation) = &outcome.violation {
                        println!("seed {seed}: {violation}\n  replay: {}", arguments.replay(seed));
                        // A planted bug is found once it is found.
                        is_over.fetch_or(arguments.plant.is_some(), Ordering::Relaxed);
                    }
                    total.lock().expect("no run panics").add(seed, &outcome);
                }
            });
        }
    });
    let total = total.into_inner().expect("no run panics");
    let seconds = begun.elapsed().as_secs_f64();
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
    if total.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
