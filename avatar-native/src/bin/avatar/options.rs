//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use avatar_relay::Multiaddr;
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
    /// Helps peers who cannot be dialled to find and reach each other, until it is stopped (SIGINT, SIGTERM). Its keys are in the folder "relay" of the node's folder.
    Relay(Relay),
    /// What the node says of itself.
    Status,
    /// Documents.
    #[command(subcommand)]
    Docs(Docs),
    /// The person's devices.
    #[command(subcommand)]
    Devices(Devices),
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
    /// Peers can reach the node there; can be given several times, as a multiaddr (/ip4/0.0.0.0/tcp/4001, /ip4/0.0.0.0/udp/4001/quic-v1, /ip4/0.0.0.0/tcp/4002/ws; port 0 is a free
    /// one). Without it the node reaches others, and is reached over relays.
    #[arg(long, conflicts_with = "no_peers")]
    pub listen: Vec<Multiaddr>,
    /// The person's devices find and reach each other over this relay (`avatar relay`), a multiaddr with its peer id; can be given several times.
    #[arg(long, conflicts_with = "no_peers")]
    pub relay: Vec<Multiaddr>,
    /// The node reaches no peers and is reached by none.
    #[arg(long)]
    pub no_peers: bool,
    /// The Meta Unit's linear memory at most, MiB.
    #[arg(long, default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(16..=4_096))]
    pub memory_mib: u32,
    /// How long one turn of the Meta Unit may take before it is started again, seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub turn_seconds: u32,
}

/// Options of `relay`. Where one is left out, the library's default holds.
#[derive(Debug, Args)]
pub struct Relay {
    /// Listens there; can be given several times, as a multiaddr (port 0 is a free one) [default: every transport on all interfaces, ports 4001 to 4003].
    #[arg(long, conflicts_with = "loopback")]
    pub listen: Vec<Multiaddr>,
    /// Every transport on this machine alone, at free ports.
    #[arg(long)]
    pub loopback: bool,
    /// Under which address others reach it, as a multiaddr; can be given several times. A host alone (/dns4/relay.example) stands for every listening address with that host.
    #[arg(long)]
    pub external: Vec<Multiaddr>,
    /// Serves /addresses, /metrics and /health there [default: 127.0.0.1:4004].
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// Connections at most.
    #[arg(long)]
    pub connections: Option<u32>,
    /// Connections of one peer at most.
    #[arg(long)]
    pub connections_per_peer: Option<u32>,
    /// Memory of the process, MiB: above it nobody else comes in.
    #[arg(long)]
    pub memory_mib: Option<u32>,
    /// Peers who can be reached over it at most.
    #[arg(long)]
    pub reservations: Option<usize>,
    /// Reservations of one peer at most.
    #[arg(long)]
    pub reservations_per_peer: Option<usize>,
    /// Circuits at most.
    #[arg(long)]
    pub circuits: Option<usize>,
    /// Circuits of one peer at most.
    #[arg(long)]
    pub circuits_per_peer: Option<usize>,
    /// What one circuit may carry, both directions together, bytes; 0 = no limit.
    #[arg(long)]
    pub circuit_bytes: Option<u64>,
    /// How long a circuit may last, seconds.
    #[arg(long)]
    pub circuit_seconds: Option<u32>,
    /// Reservations and circuits that one IP address may ask for in a minute, each.
    #[arg(long)]
    pub requests_per_minute: Option<u32>,
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

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub enum Devices {
    /// The other devices that are connected now.
    List,
    /// A code for one new device, which lasts ten minutes. The node has to run.
    Invite,
    /// Makes this node, in which nothing is yet, a device of the person who has made the code; done when everything is here.
    Join {
        /// What `devices invite` or the app has shown.
        code: String,
        /// How the person calls this device.
        #[arg(long, default_value = "")]
        name: String,
    },
}
