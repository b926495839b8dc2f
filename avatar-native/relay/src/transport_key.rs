//! The key that peers know a host by, in a file that only its owner can read. Made when it is first needed.

use std::io;
use std::path::{Path, PathBuf};

use libp2p::identity::Keypair;
use zeroize::Zeroizing;

/// Longer than a key of Ed25519 as a libp2p protobuf (libp2p specs, peer-ids), bytes.
const MAX_FILE_BYTES: usize = 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds something else. It is never replaced: others know the peer by it.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
}

/// The key in this file, which is made if there is none.
///
/// # Errors
/// The file system's; or the file holds something else.
pub fn open(path: &Path) -> Result<Keypair, KeyError> {
    let damaged = |_| KeyError::Damaged(path.to_owned());
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidData => KeyError::Damaged(path.to_owned()),
        _ => KeyError::File {
            path: path.to_owned(),
            source,
        },
    };
    match private_file::read(path, MAX_FILE_BYTES).map_err(failed)? {
        Some(bytes) => Keypair::from_protobuf_encoding(&Zeroizing::new(bytes)).map_err(damaged),
        None => {
            let keypair = Keypair::generate_ed25519();
            let bytes = Zeroizing::new(keypair.to_protobuf_encoding().map_err(damaged)?);
            private_file::write(path, &bytes).map_err(failed)?;
            Ok(keypair)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_key_stays_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("transport.key");
        let made = open(&path).expect("a key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let read = open(&path).expect("a key");
        assert_eq!(read.public(), made.public());
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("transport.key");
        for damaged in [&b""[..], b"no key", &[0; 4096]] {
            fs::write(&path, damaged).expect("written");
            assert!(open(&path).is_err());
            assert_eq!(fs::read(&path).expect("still there"), damaged);
        }
    }
}
