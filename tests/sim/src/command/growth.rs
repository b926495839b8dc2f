//! Growth with the number of devices.

use std::process::ExitCode;

use avatar_sim::growth::{Grown, grow};
use clap::Args;

use super::Build;

/// What is to be simulated.
#[derive(Debug, Args)]
pub struct Growth {
    /// How many devices there are in all, one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1_000])]
    devices: Vec<usize>,
    /// How many of them each person has.
    #[arg(long, default_value_t = 5)]
    each: usize,
    /// All chance comes from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    build: Build,
}

impl Growth {
    /// Simulates them, and prints the table.
    pub fn run(&self) -> ExitCode {
        let Some(backend) = self.build.backend() else {
            return ExitCode::FAILURE;
        };
        println!(
            "devices  of each  first everywhere s  frames/change  bytes/change  on half s  on all s  idle bytes/s"
        );
        for devices in &self.devices {
            match grow(*devices, self.each, self.seed, &backend) {
                Ok(Grown {
                    connected_us,
                    frames,
                    bytes,
                    half_us,
                    all_us,
                    idle_bytes_per_s,
                }) => println!(
                    "{devices:7}  {:7}  {:18.1}  {frames:13.1}  {bytes:12.0}  {:9.3}  {:8.3}  {idle_bytes_per_s:12.1}",
                    self.each,
                    connected_us as f64 / 1e6,
                    half_us as f64 / 1e6,
                    all_us as f64 / 1e6,
                ),
                Err(violation) => {
                    println!("{devices:7}  {violation}");
                    return ExitCode::FAILURE;
                }
            }
        }
        ExitCode::SUCCESS
    }
}
