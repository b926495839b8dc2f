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
    /// The file to run, where the backend is `wasm`.
    #[cfg(feature = "wasm")]
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pkg/dist/meta_unit.wasm"))]
    file: std::path::PathBuf,
    /// Print every call across a boundary to standard error.
    #[arg(long)]
    print: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Build {
    /// Compiled for this machine.
    Native,
    /// The built file, under wasmtime.
    #[cfg(feature = "wasm")]
    Wasm,
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

    fn backend(&self) -> Result<Backend, Box<dyn std::error::Error>> {
        match self.backend {
            Build::Native => Ok(Backend::Native),
            #[cfg(feature = "wasm")]
            Build::Wasm => Ok(Backend::Wasm(avatar_sim::unit::Module::load(&self.file)?)),
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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let backend = match arguments.backend() {
        Ok(backend) => backend,
        Err(error) => {
            eprintln!("the Meta Unit cannot be loaded: {error}");
            return ExitCode::FAILURE;
        }
    };
    // A unit that panics is a violation, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let (next, is_over, total) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Total::default()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
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
            peak_bytes as f64 / 1e6 / arguments.units as f64,
            total.simulated_us as f64 / 1e6 / seconds,
            total.simulated_us as f64 / 1e6 / seconds * arguments.units as f64
        );
    }
    if total.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The most memory that this process has had resident, where the system tells it in Linux's way.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
