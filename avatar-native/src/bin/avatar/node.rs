//! The node that a command talks to: the one that runs, or the folder opened for this command alone.

use std::path::PathBuf;

use avatar_native::folder::socket_path;
use avatar_native::{Client, Host, MetaUnit, p2p};

use crate::options::{Command, Devices, Options};
use crate::output::Failure;

pub struct Node {
    client: Client,
    /// `None` when another process hosts it.
    host: Option<Host>,
}

impl Node {
    pub async fn open(options: &Options) -> Result<Self, Failure> {
        #[cfg(unix)]
        if let Some(client) = avatar_native::socket::connect(&socket(options)).await? {
            return Ok(Self { client, host: None });
        }
        if !options.dir.is_dir() {
            let message = format!("there is no node in {}", options.dir.display());
            // Some make one; whoever only asks does not want an empty one.
            let makes = matches!(
                options.command,
                Command::Import { .. } | Command::Devices(Devices::Join { .. })
            );
            if !makes {
                return Err(Failure::new("NOT_FOUND", message));
            }
        }
        let host = Host::start(avatar_native::Options {
            // The time of any other command is too short for peers.
            p2p: matches!(options.command, Command::Devices(_)).then(p2p::Config::default),
            ..avatar_native::Options::new(unit(options)?, &options.dir)
        })
        .await?;
        let client = Client::attach(host.attach()).await?;
        Ok(Self {
            client,
            host: Some(host),
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it goes on when this command has ended.
    pub fn goes_on(&self) -> bool {
        self.host.is_none()
    }

    pub async fn close(self) {
        if let Some(host) = self.host {
            host.close().await;
        }
    }
}

pub fn socket(options: &Options) -> PathBuf {
    options.socket.clone().unwrap_or_else(|| socket_path(&options.dir))
}

/// Loads the Meta Unit.
pub fn unit(options: &Options) -> Result<MetaUnit, Failure> {
    let path = match &options.wasm {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("meta_unit.wasm"),
    };
    let cache = options.module_cache.clone().or_else(user_cache);
    Ok(MetaUnit::load(&path, cache.as_deref())?)
}

fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(base.join("avatar").join("modules"))
}
