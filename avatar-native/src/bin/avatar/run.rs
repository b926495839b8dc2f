//! `avatar run`.

use std::time::Duration;

use avatar_native::boundary::Limits;
use avatar_native::host::Standing;
use avatar_native::socket::Listener;
use avatar_native::{Client, Host, HostError, hex, net, p2p};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::devices;
use crate::node;
use crate::options::{Options, Run};
use crate::output::{self, Failure};

pub async fn run(options: &Options, run: &Run) -> Result<(), Failure> {
    let unit = node::unit(options)?;
    let sha256 = hex::encode(&unit.sha256());
    let host = Host::start(avatar_native::Options {
        limits: Limits {
            memory_bytes: run.memory_mib as usize * 1024 * 1024,
            call: Duration::from_secs(run.turn_seconds.into()),
        },
        net: net::Rules {
            loopback: run.allow_loopback,
            extra_roots: Vec::new(),
        },
        p2p: (!run.no_peers).then(|| p2p::Config {
            listen: run.listen.iter().map(ToString::to_string).collect(),
        }),
        record: run.record.clone(),
        ..avatar_native::Options::new(unit, &options.dir)
    })
    .await?;
    if !run.relay.is_empty() {
        let client = Client::attach(host.attach()).await?;
        devices::configure(&client, run.relay.iter().map(ToString::to_string).collect()).await?;
    }
    let path = node::socket(options);
    let listener = Listener::bind(&path)?;
    let mut standing = host.standing();
    let did = match &*standing.borrow() {
        Standing::Up(ready) => ready.did.clone(),
        _ => String::new(),
    };
    // Before anybody is told that the node runs: from then on it can be asked to stop.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let value = json!({ "did": did, "socket": path, "peers": host.listens(), "metaUnit": sha256 });
    output::print(options.json, &value, || {
        let mut lines = vec![did.clone(), format!("listens at {}", path.display())];
        lines.extend(
            host.listens()
                .iter()
                .map(|address| format!("peers reach it at {address}")),
        );
        lines.push(format!("Meta Unit {sha256}"));
        lines.join("\n")
    })?;
    let ended: Result<(), HostError> = tokio::select! {
        () = listener.serve(&host) => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        ended = end_of(&mut standing) => ended,
    };
    // Nobody comes in any more.
    drop(listener);
    host.close().await;
    Ok(ended?)
}

async fn end_of(standing: &mut tokio::sync::watch::Receiver<Standing>) -> Result<(), HostError> {
    let end = standing
        .wait_for(|standing| matches!(standing, Standing::Failed(_) | Standing::Closed))
        .await;
    match end.as_deref() {
        Ok(Standing::Failed(error)) => Err(error.clone()),
        // A client closed it, or its thread is gone after it did.
        _ => Ok(()),
    }
}
