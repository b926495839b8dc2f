//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Avatar: a personal data node.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Options {
    /// The node's folder.
    #[arg(long, global = true, env = "AVATAR_DIR", default_value = "avatar-node")]
    pub dir: PathBuf,
    /// The node's socket [default: avatar.sock in its folder].
    #[arg(long, global = true, env = "AVATAR_SOCKET")]
    pub socket: Option<PathBuf>,
    /// The Meta Unit [default: meta_unit.wasm beside this program].
    #[arg(long, global = true, env = "AVATAR_WASM")]
    pub wasm: Option<PathBuf>,
    /// Where compiled modules are kept [default: avatar/modules in the user's cache folder].
    #[arg(long, global = true, env = "AVATAR_MODULE_CACHE")]
    pub module_cache: Option<PathBuf>,
    /// Answers for machines: one JSON value, on one line.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Opens the node and serves it on its socket until it is stopped (SIGINT, SIGTERM).
    Run(Run),
    /// What the node says of itself.
    Status,
    /// Documents.
    #[command(subcommand)]
    Docs(Docs),
    /// Brings the Markdown and text files of a folder in as notes, as the app does.
    Import {
        /// The folder.
        folder: PathBuf,
    },
    /// Writes all notes into a folder: the same paths, the same bytes.
    Export {
        /// The folder; made if there is none.
        folder: PathBuf,
    },
    /// Runs a recorded trace again, and says at which call it differs, if it does.
    Replay {
        /// What `run --record` wrote.
        file: PathBuf,
    },
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Writes every boundary call into this file (REPLAY.md): it holds everything that the Meta Unit is told.
    #[arg(long)]
    pub record: Option<PathBuf>,
    /// The Meta Unit may make http and https requests to this machine.
    #[arg(long)]
    pub allow_loopback: bool,
    /// The Meta Unit's linear memory at most, MiB.
    #[arg(long, default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(16..=4_096))]
    pub memory_mib: u32,
    /// How long one turn of the Meta Unit may take before it is started again, seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub turn_seconds: u32,
}

/// What to do with documents.
#[derive(Debug, Subcommand)]
pub enum Docs {
    /// The rows of the index.
    List {
        /// Only documents of this type.
        #[arg(long = "type")]
        kind: Option<String>,
    },
    /// A document with its content.
    Get {
        /// Its id.
        id: String,
    },
}
