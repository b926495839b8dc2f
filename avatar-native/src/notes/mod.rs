//! Files as notes and notes as files, just as the app (`www/src/import`, `www/src/export`, `www/src/markdown`) does it: the same documents, whichever host they came in by.

mod export;
mod import;
pub mod markdown;

pub use export::{Exported, Failed, export};
pub use import::{Imported, Notice, NoticeCode, import};

/// The type of a note's document.
pub const NOTE: &str = "note";
