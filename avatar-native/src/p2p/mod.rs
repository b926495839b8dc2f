//! `avatar_p2p`: the host's libp2p (ABI.md H24 to H29). What it does is [`avatar_p2p::Node`], the same as in browsers; here are the transports of this platform, the key, and who polls it.
//!
//! The thread of the instance has the node and polls it, between turns of the guest: so what the guest asks is answered at once, and a guest that is slow holds up its peers and fills no queue.
//! Connections themselves are tasks of the runtime.

mod transports;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use avatar_p2p::{Node, Output};
use avatar_proto::p2p_command::Command;
use avatar_proto::{AbiStatus, ErrorCode, Message, OpError, OpErrorCode, P2pCommand, P2pListen, P2pResult};
use avatar_relay::transport_key::{self, KeyError};
use libp2p::dcutr;
use tokio::runtime::Handle;

use crate::error::HostError;

/// How long opening a socket may take.
const OPENING: Duration = Duration::from_secs(10);

/// How a host reaches peers.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where others can reach it from its start on, as multiaddrs; port 0 is a free one. The Meta Unit may listen elsewhere besides.
    pub listen: Vec<String>,
}

/// Why there is no libp2p.
#[derive(Debug, thiserror::Error)]
pub enum P2pError {
    /// The key's file cannot be read or written.
    #[error("{}: {_1}", _0.display())]
    File(PathBuf, io::Error),
    /// The key's file holds something else.
    #[error("{} is damaged", _0.display())]
    DamagedKey(PathBuf),
    /// libp2p refuses what it is made of.
    #[error("libp2p: {0}")]
    Parts(String),
    /// A socket cannot be opened.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, String),
}

impl From<KeyError> for P2pError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::File { path, source } => Self::File(path, source),
            KeyError::Damaged(path) => Self::DamagedKey(path),
        }
    }
}

impl From<P2pError> for HostError {
    fn from(error: P2pError) -> Self {
        let code = match &error {
            P2pError::File(..) => ErrorCode::StorageIo,
            P2pError::DamagedKey(_) => ErrorCode::Corrupt,
            P2pError::Parts(_) => ErrorCode::Internal,
            P2pError::Listen(..) => ErrorCode::InvalidArgument,
        };
        Self::app(code, error.to_string())
    }
}

impl P2pError {
    fn into_completion(self, op: u64) -> Output {
        let (status, code) = match &self {
            Self::DamagedKey(_) => (AbiStatus::Corrupt, OpErrorCode::Corrupt),
            Self::File(..) | Self::Parts(_) | Self::Listen(..) => (AbiStatus::Io, OpErrorCode::Other),
        };
        let error = OpError {
            code: code.into(),
            message: self.to_string(),
        };
        Output::Completed {
            op,
            code: status.code(),
            head: error.encode_to_vec(),
        }
    }
}

/// The libp2p of one host, over any number of instances. It starts with the first command, or before that where the host listens.
pub struct P2p {
    key: PathBuf,
    runtime: Handle,
    bell: Arc<Bell>,
    node: Option<Node<dcutr::Behaviour>>,
    /// There is an instance.
    attached: bool,
    /// The ends of commands that met no node.
    failed: VecDeque<Output>,
    listens: Vec<String>,
}

impl P2p {
    /// For a host whose transport key is in this file; made with the first start. Connections are tasks of the runtime that this is called in. `ring` is called, from whichever thread, when
    /// [`Self::next_output`] may have something: from the first [`Self::attach`] or command on.
    ///
    /// # Errors
    /// When it cannot listen where it shall.
    pub async fn open(
        config: &Config,
        key: PathBuf,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, P2pError> {
        let mut p2p = Self {
            key,
            runtime: Handle::current(),
            bell: Arc::new(Bell {
                ring: Box::new(ring),
                rung: AtomicBool::new(false),
            }),
            node: None,
            attached: false,
            failed: VecDeque::new(),
            listens: Vec::new(),
        };
        for address in &config.listen {
            let addresses = p2p.listen(address).await?;
            p2p.listens.extend(addresses);
        }
        Ok(p2p)
    }

    /// Where others can reach it, as far as it was asked for at the start.
    pub fn listens(&self) -> &[String] {
        &self.listens
    }

    async fn listen(&mut self, address: &str) -> Result<Vec<String>, P2pError> {
        let failed = |words: String| P2pError::Listen(address.to_owned(), words);
        let command = P2pCommand {
            command: Some(Command::Listen(P2pListen {
                addresses: vec![address.to_owned()],
                stop: false,
            })),
        };
        let refused = |status| failed(format!("{status:?}"));
        command.check().map_err(refused)?;
        let node = self.node()?;
        // Nobody else has operations yet.
        node.command(1, command).map_err(refused)?;
        let opened = tokio::time::timeout(OPENING, poll_fn(|context| node.poll(context))).await;
        match opened {
            Ok(Output::Completed { code: 0, head, .. }) => {
                let result = P2pResult::decode(head.as_slice()).unwrap_or_default();
                Ok(result.peers.into_iter().flat_map(|peer| peer.addresses).collect())
            }
            Ok(Output::Completed { head, .. }) => {
                Err(failed(OpError::decode(head.as_slice()).unwrap_or_default().message))
            }
            Ok(_) | Err(_) => Err(failed(format!("no address after {} s", OPENING.as_secs()))),
        }
    }

    fn node(&mut self) -> Result<&mut Node<dcutr::Behaviour>, P2pError> {
        match self.node {
            Some(ref mut node) => Ok(node),
            None => {
                let node = self.start()?;
                Ok(self.node.insert(node))
            }
        }
    }

    fn start(&self) -> Result<Node<dcutr::Behaviour>, P2pError> {
        let _inside = self.runtime.enter();
        let keypair = transport_key::open(&self.key)?;
        let parts = transports::parts(&keypair).map_err(P2pError::Parts)?;
        let mut node = Node::new(&keypair, parts, crate::HOST).map_err(P2pError::Parts)?;
        if self.attached {
            node.attach();
        }
        Ok(node)
    }

    /// A new instance takes over: all that was the last one's ends (H29).
    pub fn attach(&mut self) {
        self.detach();
        self.attached = true;
        if let Some(node) = &mut self.node {
            node.attach();
        }
    }

    /// The instance is gone: its streams are reset, and nothing of it waits any more.
    pub fn detach(&mut self) {
        self.attached = false;
        self.failed.clear();
        if let Some(node) = &mut self.node {
            node.detach();
        }
        self.bell.ring();
    }

    /// There will be no further instance: every connection ends.
    pub fn stop(&mut self) {
        self.detach();
        let _inside = self.runtime.enter();
        self.node = None;
    }

    /// Whether a stream has this number, or is to be opened under it.
    pub fn has_stream(&self, stream: u32) -> bool {
        self.node.as_ref().is_some_and(|node| node.has_stream(stream))
    }

    /// A command that has been checked. Its completion follows.
    ///
    /// # Errors
    /// INVALID for a stream's number that is in use, LIMIT for more streams than there may be: then nothing follows.
    pub fn command(&mut self, op: u64, command: P2pCommand) -> Result<(), AbiStatus> {
        let runtime = self.runtime.clone();
        let _inside = runtime.enter();
        self.bell.ring();
        match self.node() {
            Ok(node) => node.command(op, command),
            Err(error) => {
                tracing::error!("no peers can be reached: {error}");
                self.failed.push_back(error.into_completion(op));
                Ok(())
            }
        }
    }

    /// `avatar_cancel`. That it is not under way any more means that its completion is on its way.
    pub fn cancel(&mut self, op: u64) {
        if let Some(node) = &mut self.node {
            let _ = node.cancel(op);
            self.bell.ring();
        }
    }

    /// `avatar_stream_write` of these parts together: takes all of them.
    ///
    /// # Errors
    /// AGAIN beyond the credit, CLOSED after the guest has finished, NOT_FOUND.
    pub fn write(&mut self, stream: u32, parts: &[&[u8]]) -> Result<u32, AbiStatus> {
        let node = self.node.as_mut().ok_or(AbiStatus::NotFound)?;
        node.check_write(stream, parts.iter().map(|part| part.len()).sum())?;
        node.write(stream, parts.concat())
    }

    /// `avatar_stream_grant`.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub fn grant(&mut self, stream: u32, bytes: u32) -> Result<(), AbiStatus> {
        let node = self.node.as_mut().ok_or(AbiStatus::NotFound)?;
        node.grant(stream, bytes)
    }

    /// `avatar_stream_close`.
    ///
    /// # Errors
    /// NOT_FOUND, INVALID.
    pub fn close(&mut self, stream: u32, how: i32) -> Result<(), AbiStatus> {
        let node = self.node.as_mut().ok_or(AbiStatus::NotFound)?;
        node.close(stream, how)
    }

    /// The bell was heard: it rings again.
    pub fn heard(&self) {
        self.bell.rung.store(false, Ordering::Release);
    }

    /// The next thing to tell the guest. Without one the bell rings when there may be.
    pub fn next_output(&mut self) -> Option<Output> {
        if let Some(failed) = self.failed.pop_front() {
            return Some(failed);
        }
        let _inside = self.runtime.enter();
        let waker = Waker::from(self.bell.clone());
        match self.node.as_mut()?.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

/// Tells the thread that has the node that it is to be polled; once until it is heard.
struct Bell {
    ring: Box<dyn Fn() + Send + Sync>,
    rung: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            (self.ring)();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use avatar_proto::{P2pDial, P2pNextEvents};
    use tokio::sync::Notify;

    use super::*;

    struct Place {
        p2p: P2p,
        rung: Arc<Notify>,
    }

    async fn open(folder: &Path, listen: &[&str]) -> Result<Place, P2pError> {
        let config = Config {
            listen: listen.iter().map(|&address| address.to_owned()).collect(),
        };
        let rung = Arc::new(Notify::new());
        let bell = rung.clone();
        let p2p = P2p::open(&config, folder.join("transport.key"), move || bell.notify_one()).await?;
        Ok(Place { p2p, rung })
    }

    impl Place {
        /// Gives a command, and waits for its end as a host does: by the bell.
        async fn command(&mut self, command: Command) -> Result<P2pResult, (i32, OpError)> {
            let command = P2pCommand { command: Some(command) };
            self.p2p.command(7, command).expect("accepted");
            let end = async {
                loop {
                    self.rung.notified().await;
                    self.p2p.heard();
                    while let Some(output) = self.p2p.next_output() {
                        if let Output::Completed { op: 7, code, head } = output {
                            return match code {
                                0 => Ok(P2pResult::decode(head.as_slice()).expect("a P2pResult")),
                                code => Err((code, OpError::decode(head.as_slice()).expect("an OpError"))),
                            };
                        }
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(30), end)
                .await
                .expect("in time")
        }
    }

    fn dial(address: &str) -> Command {
        Command::Dial(P2pDial {
            addresses: vec![address.to_owned()],
            ..P2pDial::default()
        })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_in_addresses_are_looked_up_for_every_transport() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        fs::create_dir(&own).expect("a folder");
        let listen = [
            "/ip4/127.0.0.1/tcp/0",
            "/ip4/127.0.0.1/tcp/0/ws",
            "/ip4/127.0.0.1/udp/0/quic-v1",
        ];
        let mut listening = open(folder.path(), &listen).await.expect("it listens");
        listening.p2p.attach();
        let addresses = listening.p2p.listens().to_vec();
        assert_eq!(addresses.len(), listen.len(), "{addresses:?}");
        let polled = tokio::spawn(async move {
            loop {
                listening.rung.notified().await;
                listening.p2p.heard();
                while listening.p2p.next_output().is_some() {}
            }
        });
        for address in addresses {
            let named = address.replace("/ip4/127.0.0.1", "/dns4/localhost");
            let mut dials = open(&own, &[]).await.expect("it does not listen");
            let answered = dials.command(dial(&named)).await.expect("a connection");
            let answered = &answered.peers[0].addresses[0];
            assert!(
                named.starts_with(answered) || address.starts_with(answered),
                "{answered}"
            );
        }
        polled.abort();
    }

    #[tokio::test]
    async fn where_nobody_can_listen_a_host_does_not_start() {
        let folder = tempfile::tempdir().expect("a folder");
        for address in ["/ip4/127.0.0.1/tcp", "no address", "/dns4/localhost/sctp/1"] {
            let error = open(folder.path(), &[address]).await.err().expect("refused");
            assert!(matches!(error, P2pError::Listen(..)), "{error}");
            assert!(error.to_string().contains(address), "{error}");
        }
    }

    #[tokio::test]
    async fn with_a_damaged_key_a_host_starts_and_commands_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("transport.key"), "damaged").expect("written");
        let listens = open(folder.path(), &["/ip4/127.0.0.1/tcp/0"]).await;
        assert!(matches!(listens.err(), Some(P2pError::DamagedKey(_))));

        let mut place = open(folder.path(), &[]).await.expect("it starts");
        place.p2p.attach();
        for command in [dial("/ip4/127.0.0.1/tcp/1"), Command::NextEvents(P2pNextEvents {})] {
            let (code, error) = place.command(command).await.expect_err("no peers");
            assert_eq!(
                (code, error.code()),
                (AbiStatus::Corrupt.code(), OpErrorCode::Corrupt),
                "{}",
                error.message
            );
        }
    }
}
