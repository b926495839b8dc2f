//! Paths of notes: where they come from and where the export puts them.

use std::collections::{HashMap, HashSet};

use super::links::without_extension;
use super::text16::{collapse, lossy, patterns, replace, trim, utf16};

/// Folders that other tools keep for themselves inside a folder of notes.
const TOOL_FOLDERS: [&str; 3] = [".git", ".obsidian", ".trash"];

const MAX_NAME_CHARS: usize = 80;

patterns! {
    UNSAFE = r#"[\u0000-\u001f\u007f<>:"\/\\|?*[\]#^]"#, "";
    ENDS = r"^\.+|[. ]+$", "";
    RESERVED = r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", "i";
}

/// Whether an import takes this file.
pub fn is_note_path(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    without_extension(path) != path && !folders.split('/').any(|folder| TOOL_FOLDERS.contains(&folder))
}

/// A path that stays inside its folder: no empty, `.` or `..` parts, `/` only.
pub fn clean_path(path: &str) -> String {
    let parts: Vec<&str> = path
        .split(['/', '\\'])
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    parts.join("/")
}

/// A file name for a note that did not come from a file.
fn file_name_for(title: &str) -> String {
    let safe = replace(&UNSAFE, &utf16(title), |_, out| out.push(u16::from(b' ')));
    let safe = collapse(&safe);
    let safe = lossy(&replace(&ENDS, trim(&safe), |_, _| {}));
    let safe: String = safe.chars().take(MAX_NAME_CHARS).collect();
    match lossy(trim(&utf16(&safe))) {
        name if name.is_empty() => "Untitled.md".to_owned(),
        name if RESERVED.find(&name).is_some() => format!("_{name}.md"),
        name => format!("{name}.md"),
    }
}

/// Gives each note, by path and title, a path of its own. Imported notes keep theirs; where two want the same (also if they differ in case only, which most disks do not tell
/// apart), the later one gets a number. The order of the notes decides, so the same notes give the same paths.
pub fn export_paths(notes: &[(String, String)]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    // Where the numbering of a path goes on: hundreds of files may be called README.md.
    let mut next_number: HashMap<String, u32> = HashMap::new();
    let mut place = |path: &str, title: &str| {
        let wanted = Some(clean_path(path))
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| file_name_for(title));
        let slash = wanted.rfind('/').map_or(0, |at| at + 1);
        let (stem, ending) = match wanted.rfind('.') {
            Some(dot) if dot > slash => wanted.split_at(dot),
            _ => (wanted.as_str(), ""),
        };
        let number = next_number.entry(wanted.to_lowercase()).or_insert(2);
        let mut candidate = wanted.clone();
        while !taken.insert(candidate.to_lowercase()) {
            candidate = format!("{stem} {number}{ending}");
            *number += 1;
        }
        candidate
    };
    let mut paths = vec![String::new(); notes.len()];
    // Those with a path first: a note made here must not push an imported one aside.
    for made_here in [false, true] {
        for (at, (path, title)) in notes.iter().enumerate() {
            if path.is_empty() == made_here {
                paths[at] = place(path, title);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_takes_text_and_leaves_the_folders_of_other_tools() {
        for path in ["a.md", "x/B.MARKDOWN", "x/.hidden.txt", "c.mkd", "d.mdown"] {
            assert!(is_note_path(path), "{path}");
        }
        for path in ["a.rs", "md", "x.md/y", ".git/a.md", "x/.obsidian/a.md", ".trash/y/a.md"] {
            assert!(!is_note_path(path), "{path}");
        }
        assert_eq!(clean_path("../a/./b\\..\\c.md"), "a/b/c.md");
    }

    #[test]
    fn exported_notes_have_paths_of_their_own_that_every_disk_takes() {
        let note = |path: &str, title: &str| (path.to_owned(), title.to_owned());
        let paths = export_paths(&[
            note("", "a/b: c?"),
            note("x/README.md", ""),
            note("x/readme.md", ""),
            note("x/README.md", ""),
            note("", "con"),
            note("", "..."),
            note("../../etc/passwd.md", ""),
            note("", "a b c"),
        ]);
        assert_eq!(
            paths,
            vec![
                "a b c.md",
                "x/README.md",
                "x/readme 2.md",
                "x/README 3.md",
                "_con.md",
                "Untitled.md",
                "etc/passwd.md",
                "a b c 2.md",
            ]
        );
    }
}
