//! `avatar-sim`: simulates runs by their seeds, and says how to replay one that breaks a promise.

mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A unit that panics is a violation, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    command::Arguments::parse().run()
}
