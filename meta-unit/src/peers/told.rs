//! What clients are told of it.

use std::pin::pin;
use std::rc::Rc;

use avatar_proto::event::Event as Tell;
use avatar_proto::response::Response as Answer;
use avatar_proto::{Event, PeersConnection, PeersDevice, PeersRelay, PeersState, Response};
use futures_util::future::{Either, select};

use super::{Peers, TELL_FIGURES_US, TELL_US, address};

/// Tells every client when something has changed, until it is dropped.
pub async fn run(peers: Rc<Peers>) {
    let mut last = PeersState::default();
    loop {
        let (changed, measured) = (peers.changed.count(), peers.host.measured().count());
        let host = peers.host.changed().count();
        let now = state(&peers);
        if now != last {
            emit(&peers, now.clone());
            last = now;
        }
        let soon = select(peers.changed.after(changed), peers.host.changed().after(host));
        let later = async {
            peers.host.measured().after(measured).await;
            peers.platform.sleep(TELL_FIGURES_US).await;
        };
        if let Either::Left(_) = select(soon, pin!(later)).await {
            // What follows at once goes with it.
            peers.platform.sleep(TELL_US).await;
        }
    }
}

/// Tells every client how things are.
pub fn tell(peers: &Peers) {
    emit(peers, state(peers));
}

fn emit(peers: &Peers, state: PeersState) {
    peers.platform.emit(Event {
        event: Some(Tell::PeersChanged(state)),
    });
}

/// The state as an answer.
pub fn response(peers: &Peers) -> Response {
    Response {
        response: Some(Answer::Peers(state(peers))),
    }
}

/// How things are.
pub fn state(peers: &Peers) -> PeersState {
    let local = peers.host.local();
    let connections = peers.host.connections();
    let log = peers.identity.log().state();
    let mut devices: Vec<PeersDevice> = Vec::new();
    let mut told_connections: Vec<PeersConnection> = connections
        .iter()
        .map(|connection| PeersConnection {
            connection: connection.connection,
            peer_id: address::peer_text(&connection.peer),
            address: connection.address.clone(),
            relayed: connection.relayed,
            transport: address::transport(&connection.address).to_owned(),
            round_trip_us: connection.round_trip_us,
            bytes_in: connection.bytes_in,
            bytes_out: connection.bytes_out,
            device: Vec::new(),
        })
        .collect();
    for session in peers.sessions.borrow().iter() {
        let best = peers.host.best_connection(&session.peer);
        let peer_id = address::peer_text(&session.peer);
        for connection in &mut told_connections {
            if connection.peer_id == peer_id {
                connection.device = session.device.to_vec();
            }
        }
        let progress = session.progress();
        let device = PeersDevice {
            sign_public_key: session.device.to_vec(),
            name: log
                .device(&session.device)
                .map(|device| device.name.clone())
                .unwrap_or_default(),
            peer_id,
            connection: best.map_or(session.connection, |best| best.connection),
            in_sync: progress.in_sync,
            documents_done: progress.done,
            documents_total: progress.total,
        };
        match devices
            .iter_mut()
            .find(|known| known.sign_public_key == device.sign_public_key)
        {
            // The newer session counts.
            Some(known) => *known = device,
            None => devices.push(device),
        }
    }
    let relays = peers.relays.borrow();
    let relays = relays.iter().map(|state| PeersRelay {
        address: state.relay.addresses.first().cloned().unwrap_or_default(),
        connected: connections.iter().any(|connection| connection.peer == state.peer),
        reserved: state.is_reserved,
        problem: state.problem.clone(),
    });
    PeersState {
        supported: peers.host.is_supported(),
        on: peers.is_on.get().unwrap_or(false),
        peer_id: match local.peer.as_slice() {
            [] => String::new(),
            peer => address::peer_text(peer),
        },
        addresses: local.addresses,
        relays: relays.collect(),
        devices,
        connections: told_connections,
        invitation_expires_ms: peers
            .invitation
            .borrow()
            .as_ref()
            .map_or(0, |invited| invited.expires_ms()),
    }
}
