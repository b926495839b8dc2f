//! Notes as the files that they are: the same paths, the same bytes.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use avatar_proto::value::Kind;
use avatar_proto::{AppError, ErrorCode, Order, Query, Row};

use super::NOTE;
use super::markdown::{Encoding, encode_file, export_paths};
use crate::client::{Client, Document, Id, Opening};
use crate::error::app_error;

/// Notes that are read at once.
const READ_AT_ONCE: usize = 16;

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files written.
    pub count: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Notes that could not be read.
    pub failed: Vec<Failed>,
}

/// A note that could not be read. A damaged one does not stop the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Where it would have been.
    pub path: String,
    /// Why.
    pub error: String,
}

/// Writes each note below `folder`, which is made if there is none; files that are there under the same names are replaced.
pub async fn export(client: &Client, folder: &Path) -> Result<Exported, AppError> {
    // By age: the same notes give the same paths in each export.
    let by = |field: &str| Order {
        field: field.to_owned(),
        descending: false,
    };
    let rows = client
        .query(Query {
            r#type: NOTE.into(),
            order_by: vec![by("createdAt"), by("id")],
            select: vec!["title".into(), "path".into()],
            ..Query::default()
        })
        .await?;
    let mut notes = Vec::with_capacity(rows.len());
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(id) = Id::from_bytes(&row.document_id) else {
            continue;
        };
        // A path that the index cut stands whole in the document.
        let path = match row.cut.iter().any(|name| name == "path") {
            true => text_of(&client.get(id).await?, "path").to_owned(),
            false => field(row, "path"),
        };
        notes.push((path, field(row, "title")));
        ids.push(id);
    }
    let paths = export_paths(&notes);
    let mut exported = Exported::default();
    let mut opening: VecDeque<(String, Opening)> = VecDeque::new();
    for (id, path) in ids.into_iter().zip(paths) {
        opening.push_back((path, client.begin_get(id).await?));
        if opening.len() >= READ_AT_ONCE {
            write_one(&mut opening, folder, &mut exported).await?;
        }
    }
    while !opening.is_empty() {
        write_one(&mut opening, folder, &mut exported).await?;
    }
    Ok(exported)
}

async fn write_one(
    opening: &mut VecDeque<(String, Opening)>,
    folder: &Path,
    exported: &mut Exported,
) -> Result<(), AppError> {
    let Some((path, opening)) = opening.pop_front() else {
        return Ok(());
    };
    match opening.document().await {
        Ok(document) => {
            let encoding = Encoding::from_name(text_of(&document, "encoding"));
            let bytes = encode_file(text_of(&document, "body"), encoding);
            write(&folder.join(&path), &bytes)?;
            exported.count += 1;
            exported.bytes += bytes.len() as u64;
        }
        Err(error) => exported.failed.push(Failed {
            path,
            error: error.message,
        }),
    }
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), AppError> {
    let above = file.parent().unwrap_or(file);
    fs::create_dir_all(above)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|error| {
            let message = format!("{}: {error}", file.display());
            app_error(ErrorCode::StorageIo, message, true)
        })
}

fn text_of<'a>(document: &'a Document, name: &str) -> &'a str {
    document.value[name].as_str().unwrap_or_default()
}

fn field(row: &Row, name: &str) -> String {
    let entry = row.fields.iter().find(|entry| entry.key == name);
    match entry.and_then(|entry| entry.value.as_ref()?.kind.as_ref()) {
        Some(Kind::String(text)) => text.clone(),
        _ => String::new(),
    }
}
