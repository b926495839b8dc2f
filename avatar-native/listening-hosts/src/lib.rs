//! At which hosts a listening socket of libp2p can be reached: the one that it is bound to, or where that is none, those of this machine's interfaces, as they come and go.

use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use futures::StreamExt;
use if_watch::IfEvent;
use if_watch::tokio::IfWatcher;
use libp2p_core::Multiaddr;
use libp2p_core::transport::{ListenerId, TransportEvent};

/// The hosts of one socket.
#[derive(Debug)]
pub struct Hosts {
    /// Bound to this one, which was not told yet.
    bound: Option<IpAddr>,
    interfaces: Option<IfWatcher>,
    is_ipv4: bool,
    told: Vec<IpAddr>,
}

impl Hosts {
    /// Those of a socket that is bound to this address. In a tokio runtime.
    ///
    /// # Errors
    /// The interfaces cannot be looked at.
    pub fn of(bound: IpAddr) -> io::Result<Self> {
        let is_any = bound.is_unspecified();
        Ok(Self {
            bound: (!is_any).then_some(bound),
            interfaces: is_any.then(IfWatcher::new).transpose()?,
            is_ipv4: bound.is_ipv4(),
            told: Vec::new(),
        })
    }

    /// The hosts that were told, and not yet told to be gone.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.told.iter().copied()
    }

    /// The next change, as the event of this listener: NewAddress, AddressExpired or ListenerError. `address` is where the listener can be reached at a host.
    pub fn poll<U, E: From<io::Error>>(
        &mut self,
        context: &mut Context<'_>,
        listener_id: ListenerId,
        address: impl Fn(IpAddr) -> Multiaddr,
    ) -> Poll<TransportEvent<U, E>> {
        loop {
            let change = match (self.bound.take(), &mut self.interfaces) {
                (Some(host), _) => Some(Ok((host, true))),
                (None, None) => return Poll::Pending,
                (None, Some(watcher)) => match watcher.poll_next_unpin(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(IfEvent::Up(net)))) => Some(Ok((net.addr(), true))),
                    Poll::Ready(Some(Ok(IfEvent::Down(net)))) => Some(Ok((net.addr(), false))),
                    Poll::Ready(Some(Err(error))) => Some(Err(error)),
                    Poll::Ready(None) => None,
                },
            };
            let event = match change {
                None => {
                    self.interfaces = None;
                    continue;
                }
                Some(Err(error)) => TransportEvent::ListenerError {
                    listener_id,
                    error: error.into(),
                },
                Some(Ok((host, is_up))) if !self.note(host, is_up) => continue,
                Some(Ok((host, true))) => TransportEvent::NewAddress {
                    listener_id,
                    listen_addr: address(host),
                },
                Some(Ok((host, false))) => TransportEvent::AddressExpired {
                    listener_id,
                    listen_addr: address(host),
                },
            };
            return Poll::Ready(event);
        }
    }

    /// Whether that is news.
    fn note(&mut self, host: IpAddr, is_up: bool) -> bool {
        let known = self.told.iter().position(|told| *told == host);
        match known {
            None if is_up && host.is_ipv4() == self.is_ipv4 => {
                self.told.push(host);
                true
            }
            Some(at) if !is_up => {
                self.told.remove(at);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use futures::FutureExt;

    use super::*;

    type Event = TransportEvent<(), io::Error>;

    async fn next(hosts: &mut Hosts) -> Event {
        poll_fn(|context| hosts.poll(context, ListenerId::next(), Multiaddr::from)).await
    }

    #[tokio::test]
    async fn a_socket_that_is_bound_to_one_host_is_reached_there_and_nowhere_else() {
        let host = Ipv6Addr::LOCALHOST;
        let mut hosts = Hosts::of(host.into()).unwrap();
        assert_eq!(hosts.iter().count(), 0, "nothing was told yet");
        let first = next(&mut hosts).await;
        assert!(matches!(first, Event::NewAddress { listen_addr, .. } if listen_addr == host.into()));
        assert!(next(&mut hosts).now_or_never().is_none());
        assert_eq!(hosts.iter().collect::<Vec<_>>(), [host]);
    }

    #[tokio::test]
    async fn a_socket_that_is_bound_to_none_is_reached_at_those_of_its_own_kind() {
        let mut hosts = Hosts::of(Ipv4Addr::UNSPECIFIED.into()).unwrap();
        while !hosts.iter().any(|host| host == Ipv4Addr::LOCALHOST) {
            assert!(matches!(next(&mut hosts).await, Event::NewAddress { .. }));
        }
        assert!(hosts.iter().all(|host| host.is_ipv4()));
    }

    #[test]
    fn a_host_comes_once_and_goes_once() {
        let [host, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let mut hosts = Hosts::of(Ipv4Addr::LOCALHOST.into()).unwrap();
        let news = [
            (host, false),
            (host, true),
            (host, true),
            (other, true),
            (host, false),
            (host, false),
        ];
        let news = news.map(|(host, is_up)| hosts.note(host, is_up));
        assert_eq!(news, [false, true, false, false, true, false]);
    }
}
