//! A folder of Markdown as notes.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use avatar_proto::edit::Op;
use avatar_proto::path_step::Step;
use avatar_proto::value::Kind;
use avatar_proto::{
    AppError, Compare, CompareOp, Edit, EditList, ErrorCode, Filter, ListValue, MapEntry, MapValue, PathStep, Query,
    TextSplice, Value, filter,
};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::NOTE;
use super::markdown::{Derived, Encoding, clean_path, decode_file, derive, encode_file, is_note_path, problem_of};
use crate::client::{Answers, Client, Id};
use crate::error::app_error;
use crate::hex;

/// A note is one document that an editor shows: beyond this it is no note any more.
const MAX_NOTE_BYTES: u64 = 8 * 1024 * 1024;

/// Notes on their way at once, and their bytes: the Meta Unit commits in groups while the next files are read.
const IN_FLIGHT: usize = 400;
const IN_FLIGHT_BYTES: usize = 4 * 1024 * 1024;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Came in as new notes.
    pub imported: usize,
    /// Were here already, the same.
    pub unchanged: usize,
    /// Were here, and the file is newer.
    pub updated: usize,
    /// Other kinds of files, which an import leaves out.
    pub skipped: usize,
    /// Did not come in; the notices say why.
    pub refused: usize,
    /// What there is to know.
    pub notices: Vec<Notice>,
}

/// Something to know about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which.
    pub path: String,
    /// What.
    pub code: NoticeCode,
    /// In words.
    pub text: String,
}

/// What there can be to know about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeCode {
    /// The block at its head is no front matter; it came in as text.
    FrontMatter,
    /// More than a note can hold.
    TooLarge,
    /// No text.
    NotText,
    /// The file system refuses.
    Unreadable,
    /// In another encoding than UTF-8; the export writes it the same way.
    Encoding,
    /// File and note have both changed: both are kept.
    KeptBoth,
}

impl NoticeCode {
    /// As the app names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FrontMatter => "FRONT_MATTER",
            Self::TooLarge => "TOO_LARGE",
            Self::NotText => "NOT_TEXT",
            Self::Unreadable => "UNREADABLE",
            Self::Encoding => "ENCODING",
            Self::KeptBoth => "KEPT_BOTH",
        }
    }
}

/// A note that came from a file.
struct Known {
    id: Id,
    hash: String,
}

/// Brings the Markdown and text files below `folder` in. Their paths begin with the folder's name, as a browser's picker gives them. What is in stays in when it fails.
pub async fn import(client: &Client, folder: &Path) -> Result<Imported, AppError> {
    let root = fs::canonicalize(folder).map_err(|error| {
        let message = format!("{}: {error}", folder.display());
        app_error(ErrorCode::NotFound, message, false)
    })?;
    let mut import = Import {
        client,
        done: Imported::default(),
        known: notes_by_path(client).await?,
        in_flight: VecDeque::new(),
        in_flight_bytes: 0,
    };
    let files = import.find(&root);
    let mut times: HashMap<String, usize> = HashMap::new();
    for (path, _) in &files {
        *times.entry(path.clone()).or_default() += 1;
    }
    for (path, file) in &files {
        import.take(path, file, times[path] == 1).await?;
    }
    while !import.in_flight.is_empty() {
        import.finish_one().await?;
    }
    Ok(import.done)
}

struct Import<'a> {
    client: &'a Client,
    done: Imported,
    known: HashMap<String, Vec<Known>>,
    in_flight: VecDeque<(usize, Answers)>,
    in_flight_bytes: usize,
}

impl Import<'_> {
    /// The files that are notes, by path.
    fn find(&mut self, root: &Path) -> Vec<(String, PathBuf)> {
        let above = root.parent().unwrap_or(root);
        let mut files = Vec::new();
        for entry in WalkDir::new(root).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let inside = entry.path().strip_prefix(above).unwrap_or(entry.path());
                    let path = clean_path(&inside.to_string_lossy());
                    match is_note_path(&path) {
                        true => files.push((path, entry.into_path())),
                        false => self.done.skipped += 1,
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(root).display().to_string();
                    self.refuse(&path, NoticeCode::Unreadable, error.to_string());
                }
            }
        }
        files
    }

    fn note(&mut self, path: &str, code: NoticeCode, text: impl Into<String>) {
        self.done.notices.push(Notice {
            path: path.to_owned(),
            code,
            text: text.into(),
        });
    }

    fn refuse(&mut self, path: &str, code: NoticeCode, text: impl Into<String>) {
        self.done.refused += 1;
        self.note(path, code, text);
    }

    async fn take(&mut self, path: &str, file: &Path, only_one: bool) -> Result<(), AppError> {
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err((code, text)) => {
                self.refuse(path, code, text);
                return Ok(());
            }
        };
        let hash = file_hash(&bytes);
        let len = bytes.len();
        let Some(decoded) = decode_file(bytes) else {
            self.refuse(path, NoticeCode::NotText, "This is no text file.");
            return Ok(());
        };
        let known = self.known.get(path).map_or(&[][..], Vec::as_slice);
        if known.iter().any(|note| note.hash == hash) {
            self.done.unchanged += 1;
            return Ok(());
        }
        if let ([only], true) = (known, only_one) {
            if update_untouched(self.client, only, path, &decoded.text, &hash).await? {
                self.done.updated += 1;
                return Ok(());
            }
            let text = "The file and the note here have both changed: both are kept.";
            self.note(path, NoticeCode::KeptBoth, text);
        }
        if let Some(problem) = problem_of(&decoded.text) {
            self.note(path, NoticeCode::FrontMatter, format!("{problem} It was kept as text."));
        }
        if let Some(encoding) = decoded.encoding {
            let text = format!(
                "The file is in {}, not UTF-8; the export writes it the same way.",
                encoding.name()
            );
            self.note(path, NoticeCode::Encoding, text);
        }
        let content = content_of(decoded.text, path, &hash, decoded.encoding);
        while self.in_flight.len() >= IN_FLIGHT || self.in_flight_bytes > IN_FLIGHT_BYTES {
            self.finish_one().await?;
        }
        let answers = self.client.begin_create(Id::random()?, NOTE, content).await?;
        self.in_flight_bytes += len;
        self.in_flight.push_back((len, answers));
        Ok(())
    }

    /// Waits for the oldest note that is on its way.
    async fn finish_one(&mut self) -> Result<(), AppError> {
        if let Some((len, mut answers)) = self.in_flight.pop_front() {
            self.in_flight_bytes -= len;
            answers.next().await?;
            self.done.imported += 1;
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, (NoticeCode, String)> {
    let unreadable = |error: std::io::Error| (NoticeCode::Unreadable, format!("It cannot be read: {error}"));
    // The size is known before a byte is read: a huge file costs nothing.
    let len = fs::metadata(file).map_err(unreadable)?.len();
    if len > MAX_NOTE_BYTES {
        let megabytes = (len as f64 / 1e6).round();
        let text = format!("{megabytes} MB is more than a note can hold (8 MB). The file stays where it is.");
        return Err((NoticeCode::TooLarge, text));
    }
    fs::read(file).map_err(unreadable)
}

/// The first half of the SHA-256, hex: enough to tell versions of one file apart.
fn file_hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

fn text(text: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::String(text.into())),
    }
}

fn texts(items: Vec<String>) -> Value {
    let items = items.into_iter().map(text).collect();
    Value {
        kind: Some(Kind::List(ListValue { items })),
    }
}

/// The derived fields with their names.
fn fields_of(derived: Derived) -> [(&'static str, Value); 6] {
    [
        ("title", text(derived.title)),
        ("tags", texts(derived.tags)),
        ("links", texts(derived.links)),
        ("names", texts(derived.names)),
        ("excerpt", text(derived.excerpt)),
        ("find", text(derived.find)),
    ]
}

fn content_of(body: String, path: &str, hash: &str, encoding: Option<Encoding>) -> MapValue {
    let derived = fields_of(derive(&body, path));
    let own = [("body", text(body)), ("path", text(path)), ("imported", text(hash))];
    let encoding = encoding.map(|encoding| ("encoding", text(encoding.name())));
    let entries = own.into_iter().chain(derived).chain(encoding);
    MapValue {
        entries: entries
            .map(|(key, value)| MapEntry {
                key: key.to_owned(),
                value: Some(value),
            })
            .collect(),
    }
}

/// Notes that came from files, by path: so that a second import of the same folder brings only what is new.
async fn notes_by_path(client: &Client) -> Result<HashMap<String, Vec<Known>>, AppError> {
    let exists = Compare {
        field: "imported".into(),
        op: CompareOp::Exists.into(),
        values: vec![Value {
            kind: Some(Kind::Bool(true)),
        }],
    };
    let rows = client
        .query(Query {
            r#type: NOTE.into(),
            r#where: Some(Filter {
                filter: Some(filter::Filter::Compare(exists)),
            }),
            select: vec!["path".into(), "imported".into()],
            ..Query::default()
        })
        .await?;
    let mut by_path: HashMap<String, Vec<Known>> = HashMap::new();
    for row in rows {
        let field = |name: &str| {
            let entry = row.fields.iter().find(|entry| entry.key == name)?;
            match entry.value.as_ref()?.kind.as_ref()? {
                Kind::String(text) => Some(text.clone()),
                _ => None,
            }
        };
        // A path that the index cut is not known.
        if let (Some(path), Some(hash), Some(id), false) = (
            field("path"),
            field("imported"),
            Id::from_bytes(&row.document_id),
            row.cut.iter().any(|name| name == "path"),
        ) {
            by_path.entry(path).or_default().push(Known { id, hash });
        }
    }
    Ok(by_path)
}

/// Brings a note up to its file, unless the person has changed the note since it came in: then both must stay.
async fn update_untouched(client: &Client, known: &Known, path: &str, new: &str, hash: &str) -> Result<bool, AppError> {
    let mut view = client.open(known.id).await?;
    let value = &view.document().value;
    let body = value["body"].as_str().unwrap_or_default().to_owned();
    let encoding = value["encoding"].as_str().and_then(Encoding::from_name);
    if file_hash(&encode_file(&body, encoding)) != known.hash {
        return Ok(false);
    }
    let put = |(key, value): (&str, Value)| edit(key, Op::Put(value));
    let mut edits: Vec<Edit> = splice(&body, new)
        .map(|splice| edit("body", Op::Text(splice)))
        .into_iter()
        .collect();
    edits.extend(fields_of(derive(new, path)).map(put));
    edits.push(put(("imported", text(hash))));
    view.change(EditList { edits }, "import").await?;
    Ok(true)
}

fn edit(key: &str, op: Op) -> Edit {
    Edit {
        path: vec![PathStep {
            step: Some(Step::Key(key.to_owned())),
        }],
        op: Some(op),
    }
}

/// The one splice that makes `new` of `old`; `None` when they are the same. Positions are UTF-16 code units, never inside a character.
fn splice(old: &str, new: &str) -> Option<TextSplice> {
    if old == new {
        return None;
    }
    let same_at_start: usize = old
        .chars()
        .zip(new.chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let (start, old_rest, new_rest) = (&old[..same_at_start], &old[same_at_start..], &new[same_at_start..]);
    let same_at_end: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let units = |text: &str| text.encode_utf16().count() as u32;
    Some(TextSplice {
        index: units(start),
        delete: units(&old_rest[..old_rest.len() - same_at_end]),
        insert: new_rest[..new_rest.len() - same_at_end].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_splice_is_as_small_as_can_be_and_cuts_no_character() {
        let made = |old: &str, new: &str| splice(old, new).map(|made| (made.index, made.delete, made.insert));
        assert_eq!(made("same", "same"), None);
        assert_eq!(made("ab", "axb"), Some((1, 0, "x".into())));
        assert_eq!(made("aaa", "aa"), Some((2, 1, String::new())));
        assert_eq!(made("x😀y", "x😁y"), Some((1, 2, "😁".into())));
        assert_eq!(made("", "new"), Some((0, 0, "new".into())));
    }
}
