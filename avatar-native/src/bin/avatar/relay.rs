//! `avatar relay`.

use std::time::Duration;

use avatar_relay::{CertificateError, Config, Error, Limits};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::{Options, Relay};
use crate::output::{self, Failure};

pub async fn run(options: &Options, chosen: &Relay) -> Result<(), Failure> {
    // Before anybody is told that the relay runs: from then on it can be asked to stop.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let relay = avatar_relay::Relay::start(config(options, chosen)).await?;
    let addresses: Vec<String> = relay.addresses().iter().map(ToString::to_string).collect();
    let http = format!("http://{}", relay.http());
    let value = json!({ "peerId": relay.peer_id().to_string(), "addresses": addresses, "http": http });
    output::print(options.json, &value, || {
        format!("{}\n{http}/addresses", addresses.join("\n"))
    })?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    relay.close().await;
    Ok(())
}

fn config(options: &Options, chosen: &Relay) -> Config {
    let folder = options.dir.join("relay");
    let mut config = match chosen.loopback {
        true => Config::loopback(folder),
        false => Config::new(folder),
    };
    if !chosen.listen.is_empty() {
        config.listen.clone_from(&chosen.listen);
    }
    config.external.clone_from(&chosen.external);
    config.http = chosen.http.unwrap_or(config.http);
    config.limits = limits(chosen);
    config
}

fn limits(chosen: &Relay) -> Limits {
    let default = Limits::default();
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Limits {
        connections: chosen.connections.unwrap_or(default.connections),
        connections_per_peer: chosen.connections_per_peer.unwrap_or(default.connections_per_peer),
        memory_bytes: chosen
            .memory_mib
            .map_or(default.memory_bytes, |mib| mib as usize * 1024 * 1024),
        reservations: chosen.reservations.unwrap_or(default.reservations),
        reservations_per_peer: chosen.reservations_per_peer.unwrap_or(default.reservations_per_peer),
        circuits: chosen.circuits.unwrap_or(default.circuits),
        circuits_per_peer: chosen.circuits_per_peer.unwrap_or(default.circuits_per_peer),
        circuit_bytes: chosen.circuit_bytes.unwrap_or(default.circuit_bytes),
        circuit_time: chosen.circuit_seconds.map_or(default.circuit_time, seconds),
        requests_per_minute: chosen.requests_per_minute.unwrap_or(default.requests_per_minute),
        ..default
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::File { .. }
            | Error::Http(_)
            | Error::WebRtc(_)
            | Error::Certificate(CertificateError::File { .. } | CertificateError::Make(_)) => "IO",
            Error::DamagedKey(_) | Error::Certificate(CertificateError::Damaged(_)) => "CORRUPT",
            Error::Listen { .. } | Error::Limit(_) => "INVALID_ARGUMENT",
        };
        Self::new(code, error)
    }
}
