//! `avatar`: a node in a folder, the commands that talk to it, and a relay for peers.

mod commands;
mod devices;
mod node;
mod options;
mod output;
mod relay;
mod run;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    // Logs go to the error stream: what a command answers stays clean for machines. Crates of others only tell errors: what peers do wrong is no news.
    let filter = EnvFilter::try_from_env("AVATAR_LOG").unwrap_or_else(|_| EnvFilter::new("error,avatar=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let json = options.json;
    let outcome = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(execute(options)),
        Err(error) => Err(output::Failure::new("IO", error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::FAILURE
        }
    }
}

async fn execute(options: Options) -> Result<(), output::Failure> {
    match &options.command {
        Command::Run(run) => run::run(&options, run).await,
        Command::Relay(relay) => relay::run(&options, relay).await,
        Command::Replay { file } => commands::replay(&options, file).await,
        _ => {
            let node = node::Node::open(&options).await?;
            let outcome = commands::execute(&options, &node).await;
            // What was written is durable; the folder is given back before the answer counts as a success.
            node.close().await;
            outcome
        }
    }
}
