//! The local socket: the facade's protocol for other processes of the same user.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use avatar_proto::{AppError, ErrorCode};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::error::{HostError, app_error};
use crate::host::{Connection, Host};
use crate::wire::{self, FROM_CLIENT, FROM_HOST, Message};

/// A socket that a host listens on; dropping it takes it away.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path`, for this user alone (mode 0600). The caller holds the folder's lock: a socket that lies there is one that a host left behind when it was killed.
    pub fn bind(path: &Path) -> Result<Self, HostError> {
        let failed = |error: &io::Error| HostError::io(path.display(), error);
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(|error| failed(&error))?,
            Ok(_) => return Err(failed(&ErrorKind::AlreadyExists.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&error)),
        }
        // Bound beside its place in a folder of its own that nobody else may enter, so that there is no moment at which others could connect.
        let folder = path.with_extension(format!("{}.part", std::process::id()));
        crate::folder::create_private(&folder).map_err(|error| failed(&error))?;
        let unfinished = folder.join("s");
        let bound = UnixListener::bind(&unfinished).and_then(|listener| {
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
            fs::rename(&unfinished, path)?;
            Ok(listener)
        });
        let cleared = fs::remove_dir_all(&folder);
        let listener = bound.map_err(|error| failed(&error))?;
        cleared.map_err(|error| failed(&error))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Serves clients for as long as it is polled.
    pub async fn serve(&self, host: &Host) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(pump(stream, host.attach()));
                }
                // Out of file handles, say: others may give theirs back.
                Err(error) => {
                    tracing::warn!("a client could not be let in: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), "the socket stays behind: {error}");
        }
    }
}

/// Carries messages both ways until either side is gone.
async fn pump(stream: UnixStream, connection: Connection) {
    let (mut from_client, mut to_client) = stream.into_split();
    let Connection { outgoing, mut incoming } = connection;
    let reading = async {
        loop {
            match wire::read(&mut from_client, FROM_CLIENT).await {
                Ok(Some(message)) => {
                    if !outgoing.send(message).await {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!("a client is let go: {error}");
                    break;
                }
            }
        }
    };
    let writing = async {
        while let Some(message) = incoming.recv().await {
            if wire::write(&mut to_client, &message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// A client of the host that listens at `path`; `None` when none does.
pub async fn connect(path: &Path) -> Result<Option<Client>, AppError> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => {
            let message = format!("{}: {error}", path.display());
            return Err(app_error(ErrorCode::Internal, message, true));
        }
    };
    let (mut from_host, mut to_host) = stream.into_split();
    let (out, mut outgoing) = mpsc::channel::<Message>(64);
    let (feed, incoming) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(message) = outgoing.recv().await {
            if wire::write(&mut to_host, &message).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok(Some(message)) = wire::read(&mut from_host, FROM_HOST).await {
            if feed.send(message).await.is_err() {
                break;
            }
        }
    });
    Client::greeted(out, incoming).await.map(Some)
}
