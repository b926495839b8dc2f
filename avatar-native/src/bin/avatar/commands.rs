//! The commands that ask a node something.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use avatar_native::client::{Id, row_to_json};
use avatar_native::{Client, hex, notes, trace};
use avatar_proto::{Order, Query, StatusGet, StorageKind, request, response};
use serde_json::{Value, json};

use crate::devices;
use crate::node::{self, Node};
use crate::options::{Command, Docs, Options};
use crate::output::{self, Failure};

/// Executes a command that needs a node.
pub async fn execute(options: &Options, node: &Node) -> Result<(), Failure> {
    let client = node.client();
    match &options.command {
        Command::Status => status(options, client).await,
        Command::Docs(Docs::List { kind }) => list(options, client, kind.as_deref()).await,
        Command::Docs(Docs::Get { id }) => get(options, client, id).await,
        Command::Devices(what) => devices::execute(options, node, what).await,
        Command::Import { folder } => import(options, client, folder).await,
        Command::Export { folder } => export(options, client, folder).await,
        // Handled before a node is opened.
        Command::Run(_) | Command::Relay(_) | Command::Replay { .. } => Ok(()),
    }
}

async fn status(options: &Options, client: &Client) -> Result<(), Failure> {
    let host = client.host_status().await?;
    let response::Response::Status(unit) = client.ask(request::Request::StatusGet(StatusGet {})).await? else {
        return Err(Failure::new("INTERNAL", "the node answered something else"));
    };
    let storage = StorageKind::try_from(host.storage).unwrap_or_default().as_str_name();
    let value = json!({
        "did": unit.did,
        "host": host.host,
        "version": unit.version,
        "buildId": host.build_id,
        "storage": storage.trim_start_matches("STORAGE_KIND_").to_ascii_lowercase(),
        "usageBytes": host.usage_bytes,
        "restarts": host.restarts,
        "clients": host.clients,
        "capabilities": host.capabilities,
        "documents": unit.documents,
        "corruptDocuments": unit.corrupt_documents,
        "memoryBytes": unit.memory_bytes,
        "pendingWrites": unit.pending_writes,
        "storageSchema": unit.storage_schema,
    });
    output::print(options.json, &value, || {
        format!(
            "{}\n{} documents, {:.1} MB on disk, {} restarts",
            unit.did,
            unit.documents,
            host.usage_bytes as f64 / 1e6,
            host.restarts
        )
    })
}

async fn list(options: &Options, client: &Client, kind: Option<&str>) -> Result<(), Failure> {
    let by = |field: &str| Order {
        field: field.to_owned(),
        descending: false,
    };
    let rows = client
        .query(Query {
            r#type: kind.unwrap_or_default().to_owned(),
            order_by: vec![by("createdAt"), by("id")],
            ..Query::default()
        })
        .await?;
    let values: Vec<Value> = rows.iter().map(row_to_json).collect();
    let value = Value::Array(values);
    output::print(options.json, &value, || {
        let line = |row: &Value| {
            let title = row["value"]["title"].as_str().unwrap_or_default();
            format!("{}  {}  {title}", text(&row["id"]), text(&row["type"]))
        };
        let lines: Vec<String> = value.as_array().into_iter().flatten().map(line).collect();
        lines.join("\n")
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn get(options: &Options, client: &Client, id: &str) -> Result<(), Failure> {
    let id: Id = id.parse().map_err(|error| Failure::new("INVALID_ARGUMENT", error))?;
    let document = client.get(id).await?;
    output::print(options.json, &document.to_json(), || match &document.value["body"] {
        Value::String(body) => body.clone(),
        _ => format!("{:#}", document.value),
    })
}

async fn import(options: &Options, client: &Client, folder: &Path) -> Result<(), Failure> {
    let done = notes::import(client, folder).await?;
    let notices: Vec<Value> = done
        .notices
        .iter()
        .map(|notice| json!({ "path": notice.path, "code": notice.code.name(), "text": notice.text }))
        .collect();
    let value = json!({
        "imported": done.imported,
        "unchanged": done.unchanged,
        "updated": done.updated,
        "skipped": done.skipped,
        "refused": done.refused,
        "notices": notices,
    });
    output::print(options.json, &value, || {
        let mut lines: Vec<String> = done
            .notices
            .iter()
            .map(|notice| format!("{}: {}", notice.path, notice.text))
            .collect();
        lines.push(format!(
            "{} imported, {} updated, {} unchanged, {} skipped, {} refused",
            done.imported, done.updated, done.unchanged, done.skipped, done.refused
        ));
        lines.join("\n")
    })
}

async fn export(options: &Options, client: &Client, folder: &Path) -> Result<(), Failure> {
    let done = notes::export(client, folder).await?;
    let failed: Vec<Value> = done
        .failed
        .iter()
        .map(|failed| json!({ "path": failed.path, "error": failed.error }))
        .collect();
    let value = json!({ "count": done.count, "bytes": done.bytes, "failed": failed });
    output::print(options.json, &value, || {
        format!(
            "{} notes, {:.1} MB, {} failed",
            done.count,
            done.bytes as f64 / 1e6,
            done.failed.len()
        )
    })?;
    match done.failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(
            "CORRUPT",
            format!("{} notes could not be read", done.failed.len()),
        )),
    }
}

/// `avatar replay`.
pub async fn replay(options: &Options, file: &Path) -> Result<(), Failure> {
    let unit = node::unit(options)?;
    let source = File::open(file).map_err(|error| Failure::new("NOT_FOUND", format!("{}: {error}", file.display())))?;
    let sha256 = hex::encode(&unit.sha256());
    let outcome = trace::replay(&unit, BufReader::new(source))?;
    let value = json!({
        "metaUnit": sha256,
        "calls": outcome.calls,
        "instances": outcome.instances,
        "cutShort": outcome.cut_short,
    });
    output::print(options.json, &value, || {
        let end = if outcome.cut_short {
            "; the trace ends inside a call"
        } else {
            ""
        };
        format!("the same {} calls, {} instances{end}", outcome.calls, outcome.instances)
    })
}
