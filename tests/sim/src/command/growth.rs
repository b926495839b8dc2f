//! Growth with the number of devices.

use std::process::ExitCode;

use avatar_sim::growth::{Grown, grow};
use clap::Args;

use super::Build;

/// What is to be simulated.
#[derive(Debug, Args)]
pub struct Growth {
    /// How many devices, one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100])]
    devices: Vec<usize>,
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
            "devices  connected s  frames/change  bytes/change  on half of all s  on all s  idle bytes/s a device"
        );
        for devices in &self.devices {
            match grow(*devices, self.seed, &backend) {
                Ok(Grown {
                    connected_us,
                    frames,
                    bytes,
                    half_us,
                    all_us,
                    idle_bytes_per_s,
                }) => println!(
                    "{devices:7}  {:11.1}  {frames:13.1}  {bytes:12.0}  {:16.2}  {:8.2}  {idle_bytes_per_s:22.1}",
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
