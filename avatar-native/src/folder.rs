//! A node's folder: who may enter it, what lies where, and the lock that keeps two hosts apart.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{HostError, HostErrorCode};

/// A node's folder, locked for this process until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, and locks it. [`HostErrorCode::FolderInUse`] while another host has it.
    pub fn open(path: &Path) -> Result<Self, HostError> {
        create_private(path).map_err(|error| HostError::io(path.display(), &error))?;
        let lock_path = path.join("avatar.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| HostError::io(lock_path.display(), &error))?;
        // The operating system lets go of the lock when the process ends, however it ends.
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(HostError::new(
                HostErrorCode::FolderInUse,
                format!("another host works on {}", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(HostError::io(lock_path.display(), &error)),
        }
    }

    /// Where the records are.
    pub fn database(&self) -> PathBuf {
        self.path.join("avatar.redb")
    }

    /// Where the key sets are.
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// Where the transport key is.
    pub fn transport_key(&self) -> PathBuf {
        self.path.join("transport.key")
    }
}

/// Where a running node listens, unless it is told otherwise.
pub fn socket_path(folder: &Path) -> PathBuf {
    folder.join("avatar.sock")
}

/// Makes a folder, with those above it, that only its owner may enter. One that is there keeps its mode.
pub fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
