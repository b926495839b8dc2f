//! The command line.

mod growth;
mod meetings;
mod units;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use avatar_sim::unit::Backend;
use avatar_sim::violation::Violation;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Simulates whole Meta Units: each seed is one run.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    units: units::Units,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Devices of persons in a network that fails, among strangers and enemies.
    Network(meetings::Meetings),
    /// What a change costs among more and more devices, and how long it takes to be everywhere.
    Growth(growth::Growth),
}

impl Arguments {
    /// Does as they say.
    pub fn run(&self) -> ExitCode {
        match &self.command {
            None => self.units.run(),
            Some(Command::Network(meetings)) => meetings.run(),
            Some(Command::Growth(growth)) => growth.run(),
        }
    }
}

/// Which runs.
#[derive(Debug, Args)]
struct Seeds {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs: one seed after another.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Threads that share the runs.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Print every call across a boundary to standard error.
    #[arg(long)]
    print: bool,
}

impl Seeds {
    /// Runs each seed, and takes what came of it until `take` has enough: how many seconds it took.
    fn each<T: Send>(&self, run: impl Fn(u64) -> T + Sync, take: impl FnMut(u64, T) -> bool + Send) -> f64 {
        let (next, is_over, take) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(take));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.runs {
                            break;
                        }
                        let seed = self.seed + number;
                        let outcome = run(seed);
                        let goes_on = take.lock().expect("no run panics")(seed, outcome);
                        is_over.fetch_or(!goes_on, Ordering::Relaxed);
                    }
                });
            }
        });
        begun.elapsed().as_secs_f64()
    }

    /// Says what crossed the boundaries, where one seed was asked for, and which promise a run has broken and how it is replayed.
    fn report(
        &self,
        seed: u64,
        calls: u64,
        digest: &str,
        violation: Option<&Violation>,
        replay: impl FnOnce() -> String,
    ) {
        if self.runs == 1 {
            println!("seed {seed}: {calls} calls, SHA-256 {digest}");
        }
        if let Some(violation) = violation {
            println!("seed {seed}: {violation}\n  replay: {}", replay());
        }
    }
}

/// How the Meta Unit was built.
#[derive(Debug, Args)]
struct Build {
    /// How the Meta Unit was built.
    #[arg(long, value_enum, default_value_t = Kind::Native)]
    backend: Kind,
    /// The file to run, where the backend is `wasm`.
    #[cfg(feature = "wasm")]
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pkg/dist/meta_unit.wasm"))]
    file: std::path::PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Compiled for this machine.
    Native,
    /// The built file, under wasmtime.
    #[cfg(feature = "wasm")]
    Wasm,
}

impl Build {
    /// What starts units; None, after saying why, where there is no such file.
    fn backend(&self) -> Option<Backend> {
        match self.backend {
            Kind::Native => Some(Backend::Native),
            #[cfg(feature = "wasm")]
            Kind::Wasm => match avatar_sim::unit::Module::load(&self.file) {
                Ok(module) => Some(Backend::Wasm(module)),
                Err(error) => {
                    eprintln!("the Meta Unit cannot be loaded: {error}");
                    None
                }
            },
        }
    }
}

/// The most memory that this process has had resident, where the system tells it in Linux's way.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
