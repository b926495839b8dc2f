//! The socket below all connections of a listener: webrtc-rs tells them apart by their names, and what it does not know yet is told here.

use std::any::Any;
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use webrtc::util::Conn;

use crate::stun::{Credentials, credentials};

/// Names that are in use, or may become so: beyond it nobody new is heard.
const MAX_NAMES: usize = 4_096;

/// Newcomers who wait to be looked at.
const MAX_WAITING: usize = 64;

/// A name that was not heard before.
pub struct Arrival {
    pub from: SocketAddr,
    pub credentials: Credentials,
    /// Held until the connection is over: in this time more packets with this name are nobody new, whatever address they come from.
    pub name: Name,
    /// The packet itself, for when somebody listens to the name.
    packet: Vec<u8>,
}

impl Arrival {
    /// Brings the first packet again, so that the peer need not repeat it.
    pub fn repeat(&mut self) {
        // Where there is no room the peer repeats it after all.
        let _ = self
            .name
            .shared
            .again
            .try_send((std::mem::take(&mut self.packet), self.from));
    }
}

/// A name in use.
pub struct Name {
    shared: Arc<Shared>,
    local: String,
}

impl Drop for Name {
    fn drop(&mut self) {
        self.shared.names().remove(&self.local);
    }
}

struct Shared {
    names: Mutex<HashSet<String>>,
    again: mpsc::Sender<(Vec<u8>, SocketAddr)>,
}

impl Shared {
    fn names(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        // A set is whole after a panic too.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket, as webrtc-rs wants it.
pub struct Socket {
    udp: UdpSocket,
    shared: Arc<Shared>,
    arrivals: mpsc::Sender<Arrival>,
    again: tokio::sync::Mutex<mpsc::Receiver<(Vec<u8>, SocketAddr)>>,
}

impl Socket {
    pub fn bind(address: SocketAddr) -> io::Result<(Self, mpsc::Receiver<Arrival>)> {
        let udp = std::net::UdpSocket::bind(address)?;
        udp.set_nonblocking(true)?;
        let (arrivals, receiver) = mpsc::channel(MAX_WAITING);
        let (repeat, again) = mpsc::channel(MAX_WAITING);
        let socket = Self {
            udp: UdpSocket::from_std(udp)?,
            shared: Arc::new(Shared {
                names: Mutex::default(),
                again: repeat,
            }),
            arrivals,
            again: again.into(),
        };
        Ok((socket, receiver))
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Tells of a name that is new.
    fn look(&self, packet: &[u8], from: SocketAddr) {
        let Some(credentials) = credentials(packet) else {
            return;
        };
        {
            let mut names = self.shared.names();
            if names.len() >= MAX_NAMES || !names.insert(credentials.local.clone()) {
                return;
            }
        }
        let name = Name {
            shared: self.shared.clone(),
            local: credentials.local.clone(),
        };
        // When too many wait the name is forgotten, and the peer's next packet is a new try.
        let _ = self.arrivals.try_send(Arrival {
            from,
            credentials,
            name,
            packet: packet.to_owned(),
        });
    }
}

#[async_trait]
impl Conn for Socket {
    async fn connect(&self, _: SocketAddr) -> webrtc::util::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    async fn recv(&self, buf: &mut [u8]) -> webrtc::util::Result<usize> {
        Ok(self.recv_from(buf).await?.0)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> webrtc::util::Result<(usize, SocketAddr)> {
        let mut again = self.again.lock().await;
        loop {
            tokio::select! {
                Some((packet, from)) = again.recv() => {
                    let length = packet.len().min(buf.len());
                    buf[..length].copy_from_slice(&packet[..length]);
                    return Ok((length, from));
                }
                received = self.udp.recv_from(buf) => match received {
                    Ok((length, from)) => {
                        self.look(&buf[..length], from);
                        return Ok((length, from));
                    }
                    // One peer's closed port is no reason to hear no other.
                    Err(error) => {
                        tracing::debug!(%error, "a packet is lost");
                        tokio::task::yield_now().await;
                    }
                },
            }
        }
    }

    async fn send(&self, _: &[u8]) -> webrtc::util::Result<usize> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    async fn send_to(&self, buf: &[u8], target: SocketAddr) -> webrtc::util::Result<usize> {
        Ok(self.udp.send_to(buf, target).await?)
    }

    fn local_addr(&self) -> webrtc::util::Result<SocketAddr> {
        Ok(self.udp.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> webrtc::util::Result<()> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
