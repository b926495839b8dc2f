//! Files with secrets in them: keys of the node, of the relay, of certificates.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the file whole, for its owner alone (mode 0600 where there are modes): after a crash it is the old one or the new one. For a moment there is a second file, with the extension
/// `new`; what a crash left of that one goes, with its mode.
///
/// # Errors
/// Those of the file system; then the old file is there still.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    // A new name is durable when its folder is.
    #[cfg(unix)]
    {
        let named = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(named.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_crash_left_lends_neither_its_content_nor_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let left = path.with_extension("new");
        fs::write(&left, "half of something longer").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!left.exists());
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"old").unwrap();
        fs::create_dir(path.with_extension("new")).unwrap();
        assert!(write(&path, b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
