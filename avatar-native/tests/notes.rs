//! Files in and out again, through the real Meta Unit.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use avatar_native::notes::{NoticeCode, export, import};
use avatar_native::{Client, Host};
use avatar_proto::Query;
use common::{options, start, within};
use walkdir::WalkDir;

/// Every README.md and CHANGELOG.md below the workspace's node_modules: real Markdown that is there anyway.
fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules");
    let wanted = |name: &str| {
        ["readme.md", "changelog.md"]
            .iter()
            .any(|wanted| name.eq_ignore_ascii_case(wanted))
    };
    let mut files = Vec::new();
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.expect("the corpus: run scripts/setup first");
        if entry.file_type().is_file() && entry.file_name().to_str().is_some_and(wanted) {
            let path = entry.path().strip_prefix(&root).expect("inside").to_owned();
            files.push((path, fs::read(entry.path()).expect("a file")));
        }
    }
    assert!(files.len() >= 200, "only {} files below node_modules", files.len());
    files
}

fn write(folder: &Path, files: &[(PathBuf, Vec<u8>)]) {
    for (path, bytes) in files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, bytes).expect("written");
    }
}

fn read(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("inside").to_owned();
            (path, fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

/// A node and a folder of notes beside it.
struct Place {
    _folder: tempfile::TempDir,
    notes: PathBuf,
    out: PathBuf,
    host: Host,
    client: Client,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let (host, client) = start(options(&folder.path().join("node"))).await;
    let notes = folder.path().join("notes");
    fs::create_dir(&notes).expect("made");
    Place {
        notes,
        out: folder.path().join("out"),
        _folder: folder,
        host,
        client,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_real_files_comes_out_as_it_went_in_and_a_second_import_changes_nothing() {
    let place = place().await;
    let files = corpus();
    write(&place.notes, &files);
    let first = within(import(&place.client, &place.notes)).await.expect("imported");
    assert_eq!((first.imported, first.refused), (files.len(), 0));
    let exported = within(export(&place.client, &place.out)).await.expect("exported");
    assert_eq!((exported.count, exported.failed.len()), (files.len(), 0));
    let expected: BTreeMap<PathBuf, Vec<u8>> = files
        .into_iter()
        .map(|(path, bytes)| (Path::new("notes").join(path), bytes))
        .collect();
    let found = read(&place.out);
    let different: Vec<&PathBuf> = expected
        .iter()
        .filter(|(path, bytes)| found.get(*path) != Some(bytes))
        .map(|(path, _)| path)
        .collect();
    assert_eq!((different, found.len()), (Vec::new(), expected.len()));
    let second = within(import(&place.client, &place.notes)).await.expect("imported");
    assert_eq!(
        (second.imported, second.updated, second.unchanged),
        (0, 0, expected.len())
    );
    within(place.host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_updates_its_note_and_two_that_changed_are_both_kept() {
    let place = place().await;
    let file = place.notes.join("a.md");
    fs::write(&file, "# First\n\nsome text #one 😀").expect("written");
    within(import(&place.client, &place.notes)).await.expect("imported");
    fs::write(&file, "# Second\n\nsome new text #two 😁").expect("written");
    let second = within(import(&place.client, &place.notes)).await.expect("imported");
    assert_eq!((second.imported, second.updated), (0, 1));
    let rows = within(place.client.query(Query::default())).await.expect("rows");
    assert_eq!(rows.len(), 1);
    let id = avatar_native::client::Id::from_bytes(&rows[0].document_id).expect("an id");
    let mut view = within(place.client.open(id)).await.expect("the note");
    let value = view.document().value.clone();
    assert_eq!(value["body"], "# Second\n\nsome new text #two 😁");
    assert_eq!(
        (&value["title"], &value["tags"]),
        (&"Second".into(), &serde_json::json!(["two"]))
    );
    // Now a person changes the note, and the file changes, too.
    let edits = avatar_proto::EditList {
        edits: vec![avatar_proto::Edit {
            path: vec![avatar_proto::PathStep {
                step: Some(avatar_proto::path_step::Step::Key("body".into())),
            }],
            op: Some(avatar_proto::edit::Op::Text(avatar_proto::TextSplice {
                index: 0,
                delete: 0,
                insert: "mine ".into(),
            })),
        }],
    };
    within(view.change(edits, "")).await.expect("changed");
    drop(view);
    fs::write(&file, "# Third").expect("written");
    let third = within(import(&place.client, &place.notes)).await.expect("imported");
    assert_eq!((third.imported, third.updated), (1, 0));
    assert_eq!(third.notices[0].code, NoticeCode::KeptBoth);
    within(export(&place.client, &place.out)).await.expect("exported");
    let found = read(&place.out);
    assert_eq!(
        found[Path::new("notes/a.md")],
        "mine # Second\n\nsome new text #two 😁".as_bytes()
    );
    assert_eq!(found[Path::new("notes/a 2.md")], b"# Third");
    within(place.host.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_note_stays_where_it_is_and_is_told() {
    let place = place().await;
    let mut huge = vec![b'x'; 8 * 1024 * 1024];
    huge.push(b'x');
    for (name, bytes) in [
        ("binary.md", &b"\x7fELF\0"[..]),
        ("huge.md", &huge),
        ("western.md", b"caf\xe9"),
        ("bad.md", b"---\ntitle: [a\n---\ntext"),
        ("picture.png", b"png"),
    ] {
        fs::write(place.notes.join(name), bytes).expect("written");
    }
    let done = within(import(&place.client, &place.notes)).await.expect("imported");
    assert_eq!((done.imported, done.refused, done.skipped), (2, 2, 1));
    let mut notices: Vec<(&str, NoticeCode)> = done
        .notices
        .iter()
        .map(|notice| (notice.path.as_str(), notice.code))
        .collect();
    notices.sort_by_key(|(path, _)| *path);
    assert_eq!(
        notices,
        vec![
            ("notes/bad.md", NoticeCode::FrontMatter),
            ("notes/binary.md", NoticeCode::NotText),
            ("notes/huge.md", NoticeCode::TooLarge),
            ("notes/western.md", NoticeCode::Encoding),
        ]
    );
    within(export(&place.client, &place.out)).await.expect("exported");
    assert_eq!(read(&place.out)[Path::new("notes/western.md")], b"caf\xe9");
    within(place.host.close()).await;
}
