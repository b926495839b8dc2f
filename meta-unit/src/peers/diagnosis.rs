//! How it stands with the network, and why, in plain words.

use avatar_proto::response::Response as Answer;
use avatar_proto::{PeersDiagnosis, PeersFinding, PeersVerdict, Response};

use super::{Peers, address, told};

/// The findings as an answer.
pub fn response(peers: &Peers) -> Response {
    Response {
        response: Some(Answer::PeersDiagnosis(PeersDiagnosis {
            findings: findings(peers),
        })),
    }
}

fn findings(peers: &Peers) -> Vec<PeersFinding> {
    let state = told::state(peers);
    let mut findings = Vec::new();
    let mut find = |verdict: PeersVerdict, subject: &str, text: String| {
        findings.push(PeersFinding {
            verdict: verdict.into(),
            subject: subject.to_owned(),
            text,
        });
    };
    use PeersVerdict::{Bad, Fair, Good};
    if !state.supported {
        find(
            Bad,
            "host",
            "This browser or program cannot connect to other devices: it has no libp2p.".to_owned(),
        );
        return findings;
    }
    if !state.on {
        find(
            Fair,
            "off",
            "Connecting to your other devices is turned off here.".to_owned(),
        );
        return findings;
    }
    if !peers.is_active() {
        find(
            Bad,
            "devices",
            "This device was removed from your identity, by another one: it gets nothing more.".to_owned(),
        );
    }
    if state.relays.is_empty() {
        find(
            Bad,
            "relays",
            "No relay is known, so devices have nowhere to find each other.".to_owned(),
        );
    }
    for relay in &state.relays {
        let place = address::place(&relay.address);
        match (relay.connected, relay.reserved) {
            (true, true) => find(Good, "relay", format!("The relay at {place} is connected.")),
            (true, false) => find(
                Fair,
                "relay",
                format!(
                    "The relay at {place} is connected and has not given this device a place yet{}.",
                    because(&relay.problem)
                ),
            ),
            (false, _) => find(
                Bad,
                "relay",
                format!("The relay at {place} cannot be reached{}.", because(&relay.problem)),
            ),
        }
    }
    if !state.addresses.iter().any(|address| address.contains("/p2p-circuit")) && !state.relays.is_empty() {
        find(
            Fair,
            "reachable",
            "Other devices cannot reach this one at the moment; it can still reach them.".to_owned(),
        );
    }
    let others = peers.identity.log().state().devices;
    let own = peers.identity.device().public_key();
    let others = others
        .iter()
        .filter(|device| device.removed.is_none() && device.key != own)
        .count();
    match (others, state.devices.len()) {
        (0, 0) => find(Fair, "devices", "You have no other device yet.".to_owned()),
        (_, 0) => find(
            Fair,
            "devices",
            "None of your other devices is to be found: they may be off, or have no network.".to_owned(),
        ),
        _ => {}
    }
    for device in &state.devices {
        let name = match device.name.as_str() {
            "" => "A device of yours",
            name => name,
        };
        let progress = if device.in_sync {
            "and has the same as this one".to_owned()
        } else {
            let left = device.documents_total.saturating_sub(device.documents_done);
            format!("and {left} documents are on their way")
        };
        find(Good, "device", format!("{name} is connected, {progress}."));
        let connection = state
            .connections
            .iter()
            .find(|connection| connection.connection == device.connection);
        match connection {
            Some(connection) if connection.relayed => {
                let detours = peers.detours.borrow();
                let session = peers.sessions.borrow();
                let peer = session
                    .iter()
                    .find(|session| session.device.as_slice() == device.sign_public_key)
                    .map(|session| session.peer.clone());
                let reason = peer.and_then(|peer| detours.get(&peer).cloned()).unwrap_or_default();
                find(
                    Fair,
                    "path",
                    format!(
                        "{name} is reached by way of the relay, which cannot read anything: there is no direct way{}.",
                        because(&reason)
                    ),
                );
            }
            Some(connection) => find(
                Good,
                "path",
                format!("{name} is reached directly{}.", by(&connection.transport)),
            ),
            None => {}
        }
    }
    findings
}

/// By what, as people write it.
fn by(transport: &str) -> &'static str {
    match transport {
        "webrtc" => ", by WebRTC",
        "webtransport" => ", by WebTransport",
        "websocket" => ", by WebSocket",
        "quic" => ", by QUIC",
        "tcp" => ", by TCP",
        _ => "",
    }
}

fn because(problem: &str) -> String {
    match problem {
        "" => String::new(),
        problem => format!(" ({problem})"),
    }
}
