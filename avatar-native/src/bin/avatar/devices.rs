//! `avatar devices`.

use avatar_native::Client;
use avatar_proto::{
    DeviceInvite, DeviceJoin, DeviceJoinStage, PeersConfigure, PeersGet, PeersState, Query, request, response,
};
use serde_json::{Value, json};

use crate::node::Node;
use crate::options::{Devices, Options};
use crate::output::{self, Failure};

pub async fn execute(options: &Options, node: &Node, what: &Devices) -> Result<(), Failure> {
    match what {
        Devices::List => list(options, node.client()).await,
        Devices::Invite => invite(options, node).await,
        Devices::Join { code, name } => join(options, node.client(), code, name).await,
    }
}

/// Tells the Meta Unit by which relays devices find each other.
pub async fn configure(client: &Client, relays: Vec<String>) -> Result<(), Failure> {
    client
        .ask(request::Request::PeersConfigure(PeersConfigure { relays }))
        .await?;
    Ok(())
}

fn unexpected() -> Failure {
    Failure::new("INTERNAL", "the node answered something else")
}

async fn state(client: &Client) -> Result<PeersState, Failure> {
    match client.ask(request::Request::PeersGet(PeersGet {})).await? {
        response::Response::Peers(state) => Ok(state),
        _ => Err(unexpected()),
    }
}

async fn list(options: &Options, client: &Client) -> Result<(), Failure> {
    let state = state(client).await?;
    let devices: Vec<Value> = state
        .devices
        .iter()
        .map(|device| {
            let connections = || state.connections.iter();
            let connection = connections().find(|connection| connection.connection == device.connection);
            json!({
                "name": device.name,
                "peerId": device.peer_id,
                "inSync": device.in_sync,
                "transport": connection.map(|connection| &connection.transport),
                "relayed": connection.map(|connection| connection.relayed),
            })
        })
        .collect();
    let value = Value::Array(devices);
    output::print(options.json, &value, || {
        let line = |device: &Value| {
            let step = if device["inSync"] == true {
                "in step"
            } else {
                "catching up"
            };
            let way = if device["relayed"] == true {
                "by way of a relay"
            } else {
                "directly"
            };
            format!(
                "{}  connected {way}, {step}",
                device["name"].as_str().unwrap_or_default()
            )
        };
        let lines: Vec<String> = value.as_array().into_iter().flatten().map(line).collect();
        lines.join("\n")
    })
}

async fn invite(options: &Options, node: &Node) -> Result<(), Failure> {
    if !node.goes_on() {
        let message = "no node runs here, and an invitation counts while its node runs: `avatar run`";
        return Err(Failure::new("NOT_FOUND", message));
    }
    let invite = request::Request::DeviceInvite(DeviceInvite {});
    let response::Response::DeviceInvitation(invitation) = node.client().ask(invite).await? else {
        return Err(unexpected());
    };
    let value = json!({ "code": invitation.code, "expiresMs": invitation.expires_ms });
    output::print(options.json, &value, || invitation.code.clone())
}

async fn join(options: &Options, client: &Client, code: &str, name: &str) -> Result<(), Failure> {
    let join = request::Request::DeviceJoin(DeviceJoin {
        code: code.to_owned(),
        name: name.to_owned(),
    });
    let mut joining = client.request(join).await?;
    loop {
        match joining.next().await? {
            response::Response::DeviceJoining(at) if at.stage() == DeviceJoinStage::Done => break,
            response::Response::DeviceJoining(_) => {}
            _ => return Err(unexpected()),
        }
    }
    let documents = client.query(Query::default()).await?.len();
    output::print(options.json, &json!({ "documents": documents }), || {
        format!("linked; {documents} documents are here")
    })
}
