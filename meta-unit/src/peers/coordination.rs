//! Being reachable, finding the other devices, dialling them, and finding better ways to them. Everything that fails is tried again, at ever longer intervals, and at once when
//! something has changed.

use std::pin::pin;
use std::rc::Rc;

use avatar_peers::handshake::{ContactKey, Ends, Role};
use avatar_peers::message::{Message, Presence};
use avatar_proto::p2p_command::Command as P2p;
use avatar_proto::{P2pAdvertise, P2pDial, P2pFind, P2pListen, P2pPeer};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};

use super::framed::{EndError, Framed};
use super::greeting;
use super::host::Relay;
use super::session::Session;
use super::{Events, LINK_PROTOCOL, PROTOCOL, Peers, address, joining};
use crate::platform::{Inbound, Level, PeerStream, Platform, PlatformError};

/// Intervals between attempts, in microseconds: from the first to the longest, each twice the one before.
struct Backoff {
    next_us: u64,
    longest_us: u64,
}

impl Backoff {
    fn new(first_us: u64, longest_us: u64) -> Self {
        Self {
            next_us: first_us,
            longest_us,
        }
    }

    /// The next interval.
    fn next(&mut self, platform: &dyn Platform) -> u64 {
        let interval_us = self.next_us;
        self.next_us = (2 * interval_us).min(self.longest_us);
        spread(platform, interval_us)
    }
}

/// An interval with up to a quarter more, so that many do not come back at the same moment.
fn spread(platform: &dyn Platform, interval_us: u64) -> u64 {
    let mut random = [0; 2];
    platform.random(&mut random);
    interval_us + interval_us / 4 * u64::from(u16::from_le_bytes(random)) / u64::from(u16::MAX)
}

/// To a relay.
const RELAY_FIRST_US: u64 = 1_000_000;
const RELAY_LONGEST_US: u64 = 60_000_000;

/// Looking for other devices: while there is none, and while there is one.
const LOOK_FIRST_US: u64 = 2_000_000;
const LOOK_LONGEST_US: u64 = 60_000_000;
const LOOK_CONNECTED_US: u64 = 120_000_000;

/// A session that lasts so long is a good one.
const LASTING_US: u64 = 10_000_000;

/// A direct way to a device that is reached by a relay.
const DIRECT_FIRST_US: u64 = 15_000_000;
const DIRECT_LONGEST_US: u64 = 600_000_000;

/// The host is asked anew for its place at a relay, and to make it known, so often.
const RENEW_US: u64 = 20 * 60 * 1_000_000;

/// Being reached directly by other browsers, by way of whatever relay there is.
const WEBRTC: &str = "/webrtc";

/// How long a place is known that was made known.
const ADVERTISED_S: u32 = 45 * 60;

/// Places to meet change with the day; clocks may differ by this much.
const DAY_MS: i64 = 86_400_000;
const CLOCKS_DIFFER_MS: i64 = 3_600_000;

/// Nothing is heard so long of who has broken the protocol.
const SHUN_US: u64 = 600_000_000;

/// So many are shunned at once, at most.
const MAX_SHUNNED: usize = 1_024;

/// How it stands with a relay.
#[derive(Clone, Debug, Default)]
pub struct RelayState {
    /// Its addresses.
    pub relay: Relay,
    /// The multihash of its peer id, once it has answered.
    pub peer: Vec<u8>,
    /// Where others can reach this host by it.
    circuit: String,
    /// Whether they can.
    pub is_reserved: bool,
    /// Why not.
    pub problem: String,
}

/// Runs until it is dropped.
pub async fn run(peers: Rc<Peers>) {
    let mut inbound = peers.platform.accept_streams();
    for protocol in [PROTOCOL, LINK_PROTOCOL] {
        let accepted = peers.platform.p2p(P2p::AcceptProtocol(protocol.to_owned())).await;
        if let Err(error) = accepted {
            peers
                .platform
                .log(Level::Warn, &format!("the host takes no streams: {error}"));
        }
    }
    let this = Rc::clone(&peers);
    peers.spawn(async move {
        while let Some(inbound) = inbound.next().await {
            let peers = Rc::clone(&this);
            this.spawn(async move { listen(peers, inbound).await });
        }
    });
    peers.spawn(keep_looking(Rc::clone(&peers)));
    peers.spawn(keep_advertised(Rc::clone(&peers)));
    keep_relays(peers).await;
}

/// Nobody is reached any more, and nobody can reach this host.
pub fn leave(peers: &Peers) -> impl Future<Output = ()> + 'static {
    let mut commands: Vec<P2p> = [PROTOCOL, LINK_PROTOCOL]
        .iter()
        .map(|protocol| P2p::RefuseProtocol((*protocol).to_owned()))
        .collect();
    let mut addresses: Vec<String> = peers.relays.take().into_iter().map(|state| state.circuit).collect();
    addresses.push(WEBRTC.to_owned());
    addresses.retain(|address| !address.is_empty());
    commands.push(P2p::Listen(P2pListen { addresses, stop: true }));
    let mut others: Vec<Vec<u8>> = peers
        .host
        .connections()
        .into_iter()
        .map(|connection| connection.peer)
        .collect();
    others.sort_unstable();
    others.dedup();
    commands.extend(others.into_iter().map(P2p::Disconnect));
    let commands: Vec<_> = commands
        .into_iter()
        .map(|command| peers.platform.p2p(command))
        .collect();
    async move {
        for command in commands {
            // What cannot be ended has ended.
            let _ = command.await;
        }
    }
}

/// A task for each relay, as long as it is one.
async fn keep_relays(peers: Rc<Peers>) {
    let mut known = Vec::new();
    loop {
        let seen = peers.host.changed().count();
        for relay in peers.host.relays() {
            if !known.contains(&relay) {
                known.push(relay.clone());
                peers.relays.borrow_mut().push(RelayState {
                    relay: relay.clone(),
                    ..RelayState::default()
                });
                peers.spawn(keep_relay(Rc::clone(&peers), relay));
            }
        }
        let current = peers.host.relays();
        known.retain(|relay| current.contains(relay));
        peers.relays.borrow_mut().retain(|state| current.contains(&state.relay));
        peers.changed.raise();
        peers.host.changed().after(seen).await;
    }
}

async fn keep_relay(peers: Rc<Peers>, relay: Relay) {
    let mut backoff = Backoff::new(RELAY_FIRST_US, RELAY_LONGEST_US);
    while peers.host.relays().contains(&relay) {
        let problem = match reserve(&peers, &relay).await {
            Ok((peer, circuit)) => {
                backoff = Backoff::new(RELAY_FIRST_US, RELAY_LONGEST_US);
                note_relay(&peers, &relay, |state| {
                    state.peer.clone_from(&peer);
                    state.circuit = circuit;
                    state.is_reserved = true;
                    state.problem.clear();
                });
                peers.places.raise();
                peers.look.raise();
                let connected = async {
                    loop {
                        let seen = peers.host.changed().count();
                        if peers.host.best_connection(&peer).is_none() {
                            break;
                        }
                        peers.host.changed().after(seen).await;
                    }
                };
                match select(pin!(connected), peers.platform.sleep(RENEW_US)).await {
                    Either::Left(_) => "the connection was lost".to_owned(),
                    Either::Right(_) => continue,
                }
            }
            Err(error) => error.message,
        };
        note_relay(&peers, &relay, |state| {
            state.is_reserved = false;
            state.problem = problem;
        });
        let seen = peers.look.count();
        let wait = peers.platform.sleep(backoff.next(&*peers.platform));
        if let Either::Left(_) = select(peers.look.after(seen), wait).await {
            // Others may have come back for the same reason: not all at the same moment.
            let pause_us = spread(&*peers.platform, RELAY_FIRST_US / 4);
            peers.platform.sleep(pause_us).await;
        }
    }
}

fn note_relay(peers: &Peers, relay: &Relay, note: impl FnOnce(&mut RelayState)) {
    if let Some(state) = peers.relays.borrow_mut().iter_mut().find(|state| state.relay == *relay) {
        note(state);
    }
    peers.changed.raise();
}

/// Gets a place at a relay; the relay's peer id, and where the place is.
async fn reserve(peers: &Peers, relay: &Relay) -> Result<(Vec<u8>, String), PlatformError> {
    let dialled = peers.platform.p2p(P2p::Dial(P2pDial {
        // With the peer named, one of the addresses is enough.
        peer: address::peer_bytes(&relay.peer_id).unwrap_or_default(),
        addresses: relay.addresses.clone(),
        anew: false,
    }));
    let answered = dialled.await?.peers.into_iter().next();
    let P2pPeer { peer, addresses } =
        answered.ok_or_else(|| PlatformError::broken_answer("p2p: a dial without a peer"))?;
    let by = addresses.first().or(relay.addresses.first()).map_or("", String::as_str);
    let circuit = address::circuit(by, &address::peer_text(&peer));
    let listen = |address: &str| {
        peers.platform.p2p(P2p::Listen(P2pListen {
            addresses: vec![address.to_owned()],
            stop: false,
        }))
    };
    listen(&circuit).await?;
    // By itself: it is reached as soon as there is a place at a relay, and does not fail with one. A host that lacks it is reached by the relay.
    let directly = listen(WEBRTC);
    peers.spawn(async move {
        let _ = directly.await;
    });
    Ok((peer, circuit))
}

/// Makes known where this device can be found, to those who know the place: anew when there is another place or another relay, and before it is forgotten.
async fn keep_advertised(peers: Rc<Peers>) {
    let mut backoff = Backoff::new(RELAY_FIRST_US, RELAY_LONGEST_US);
    loop {
        let seen = peers.places.count();
        let wait_us = if advertise(&peers).await {
            backoff = Backoff::new(RELAY_FIRST_US, RELAY_LONGEST_US);
            RENEW_US
        } else {
            backoff.next(&*peers.platform)
        };
        select(peers.places.after(seen), peers.platform.sleep(wait_us)).await;
    }
}

/// Whether every relay knows it now.
async fn advertise(peers: &Peers) -> bool {
    let mut places = places_of(peers, &peers.contact());
    if let Some(invited) = &*peers.invitation.borrow() {
        places.extend(places_of(peers, invited.key()));
    }
    let mut is_known = true;
    for at in reserved(peers) {
        for key in &places {
            let advertised = peers.platform.p2p(P2p::Advertise(P2pAdvertise {
                key: key.clone(),
                ttl_s: ADVERTISED_S,
                at: at.clone(),
                stop: false,
            }));
            if let Err(error) = advertised.await {
                is_known = false;
                let problem = format!("a relay does not make this device known: {error}");
                peers.platform.log(Level::Info, &problem);
            }
        }
    }
    is_known
}

/// The relays at which this host has a place.
fn reserved(peers: &Peers) -> Vec<Vec<u8>> {
    let relays = peers.relays.borrow();
    let reserved = relays.iter().filter(|state| state.is_reserved);
    reserved.map(|state| state.peer.clone()).collect()
}

/// Where those who share this secret meet today. Around midnight there are two places.
fn places_of(peers: &Peers, key: &ContactKey) -> Vec<Vec<u8>> {
    let now_ms = peers.platform.unix_ms();
    let mut days: Vec<i64> = [now_ms - CLOCKS_DIFFER_MS, now_ms + CLOCKS_DIFFER_MS]
        .iter()
        .map(|ms| ms.div_euclid(DAY_MS))
        .collect();
    days.dedup();
    days.iter().map(|day| key.meeting_place(*day as u64).to_vec()).collect()
}

/// Everybody who can be found under this secret at the relays, but for this host.
pub async fn find(peers: &Peers, key: &ContactKey) -> Vec<P2pPeer> {
    let mut found: Vec<P2pPeer> = Vec::new();
    for at in reserved(peers) {
        for key in places_of(peers, key) {
            let find = peers.platform.p2p(P2p::Find(P2pFind {
                key,
                limit: 0,
                at: at.clone(),
            }));
            // What cannot be asked now is asked again later.
            for peer in find.await.map(|result| result.peers).unwrap_or_default() {
                if found.iter().all(|known| known.peer != peer.peer) {
                    found.push(peer);
                }
            }
        }
    }
    let own = peers.host.local().peer;
    found.retain(|peer| peer.peer != own);
    found
}

async fn keep_looking(peers: Rc<Peers>) {
    let mut backoff = Backoff::new(LOOK_FIRST_US, LOOK_LONGEST_US);
    loop {
        let seen = peers.look.count();
        if peers.is_active() {
            let key = peers.contact();
            for peer in find(&peers, &key).await {
                if !has_session(&peers, &peer.peer) {
                    let this = Rc::clone(&peers);
                    peers.spawn(async move {
                        // Why it failed has been noted.
                        let _ = meet(&this, peer).await;
                    });
                }
            }
        }
        let lost = peers.lost.count();
        let alone = if peers.sessions.borrow().is_empty() {
            peers.platform.sleep(backoff.next(&*peers.platform))
        } else {
            let connected = select(peers.lost.after(lost), peers.platform.sleep(LOOK_CONNECTED_US));
            let pause = peers.platform.sleep(backoff.next(&*peers.platform));
            Box::pin(async move {
                if let Either::Left(_) = connected.await {
                    pause.await;
                }
            })
        };
        if let Either::Left(_) = select(peers.look.after(seen), alone).await {
            backoff = Backoff::new(LOOK_FIRST_US, LOOK_LONGEST_US);
        }
    }
}

fn has_session(peers: &Peers, peer: &[u8]) -> bool {
    peers.sessions.borrow().iter().any(|session| session.peer == peer)
}

/// Dials somebody who was found, and begins a session with them, which goes on by itself.
///
/// # Errors
/// They cannot be reached; or they are not a device of this person.
pub async fn meet(peers: &Rc<Peers>, peer: P2pPeer) -> Result<Rc<Session>, EndError> {
    if peers.dialling.borrow().contains(&peer.peer) {
        return Err(EndError::Ended("they are being dialled"));
    }
    peers.dialling.borrow_mut().push(peer.peer.clone());
    let met = async {
        reach(peers, &peer).await?;
        open(peers, &peer).await
    }
    .await;
    peers.dialling.borrow_mut().retain(|dialled| *dialled != peer.peer);
    if let Err(error) = &met {
        peers
            .platform
            .log(Level::Info, &format!("a device was found and not met: {error}"));
    }
    met
}

/// Makes a connection to somebody who was found, if there is none.
///
/// # Errors
/// They cannot be reached.
pub async fn reach(peers: &Peers, peer: &P2pPeer) -> Result<(), PlatformError> {
    let dialled = peers.platform.p2p(P2p::Dial(P2pDial {
        peer: peer.peer.clone(),
        addresses: to_dial(&peer.addresses),
        anew: false,
    }));
    dialled.await.map(drop)
}

/// What of these is dialled first: by each relay one address, because each would make a connection of its own; and no direct ways by way of a relay, which come later.
fn to_dial(addresses: &[String]) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    for address in addresses.iter().filter(|address| address.len() <= address::MAX_BYTES) {
        let relay = address::relay_of_circuit(address);
        let is_known = relay.is_some() && chosen.iter().any(|known| address::relay_of_circuit(known) == relay);
        if !is_known && !address::leads_on(address) && chosen.len() < avatar_proto::MAX_ADDRESSES {
            chosen.push(address.clone());
        }
    }
    chosen
}

/// Begins a session with a connected peer.
async fn open(peers: &Rc<Peers>, peer: &P2pPeer) -> Result<Rc<Session>, EndError> {
    let opening = peers.platform.open_stream(peer.peer.clone(), vec![PROTOCOL.to_owned()]);
    let (stream, _) = opening.await?;
    let framed = Framed::new(stream);
    let key = peers.contact();
    let local = peers.host.local().peer;
    let proving = async {
        let ends = Ends {
            dialler: &local,
            listener: &peer.peer,
        };
        let transcript = greeting::call(&framed, &*peers.platform, &key, ends).await?;
        greeting::prove(peers, &framed, &transcript, Role::Dialler).await
    };
    let proved = greeting::in_time(&*peers.platform, proving).await?;
    peers.merge_log(&proved.log).await;
    if !peers.is_active() {
        return Err(EndError::Ended("this device was removed"));
    }
    // Behind so many words, the host has told of the connection that they went by.
    let connection = peers.host.best_connection(&peer.peer);
    let number = connection.as_ref().map_or(0, |connection| connection.connection);
    let session = Session::new(&peers.documents, proved.device, peer.peer.clone(), true, number);
    begin(peers, &session, framed);
    if connection.is_some_and(|connection| connection.relayed) {
        let (this, peer) = (Rc::clone(peers), peer.clone());
        peers.spawn(async move { seek_direct_way(this, peer).await });
    }
    Ok(session)
}

/// Takes a stream that a peer opened.
async fn listen(peers: Rc<Peers>, inbound: Inbound) {
    let Inbound {
        stream,
        peer,
        protocol,
        connection,
    } = inbound;
    if is_shunned(&peers, &peer) {
        return;
    }
    let taken = match protocol.as_str() {
        PROTOCOL => accept(&peers, stream, &peer, connection).await,
        _ => joining::accept(&peers, Framed::new(stream), &peer).await,
    };
    if let Err(error) = taken {
        note_end(&peers, &peer, &error);
    }
}

async fn accept(peers: &Rc<Peers>, stream: PeerStream, peer: &[u8], connection: u64) -> Result<(), EndError> {
    let framed = Framed::new(stream);
    let local = own_peer(peers).await;
    let proving = async {
        let key = peers.contact();
        let ends = Ends {
            dialler: peer,
            listener: &local,
        };
        let transcript = greeting::answer(&framed, &*peers.platform, &key, ends).await?;
        greeting::prove(peers, &framed, &transcript, Role::Listener).await
    };
    let proved = greeting::in_time(&*peers.platform, proving).await?;
    peers.merge_log(&proved.log).await;
    let session = Session::new(&peers.documents, proved.device, peer.to_vec(), false, connection);
    begin(peers, &session, framed);
    Ok(())
}

/// The host's own peer id, once it has told.
pub async fn own_peer(peers: &Peers) -> Vec<u8> {
    loop {
        let seen = peers.host.changed().count();
        let local = peers.host.local().peer;
        if !local.is_empty() {
            return local;
        }
        peers.host.changed().after(seen).await;
    }
}

/// Runs a session beside everything else.
fn begin(peers: &Rc<Peers>, session: &Rc<Session>, framed: Framed) {
    peers.sessions.borrow_mut().push(Rc::clone(session));
    for (document, data) in peers.own_presence.borrow().iter() {
        session.say(Message::Presence(Presence {
            document: *document,
            data: data.clone(),
        }));
    }
    end_worse(peers, session);
    peers.changed.raise();
    let (this, session) = (Rc::clone(peers), Rc::clone(session));
    peers.spawn(async move {
        let begun_us = this.platform.monotonic_us();
        let end = session.run(&*this.platform, &framed, &Events(Rc::clone(&this))).await;
        framed.finish();
        this.forget_session(&session);
        note_end(&this, &session.peer, &end);
        if !has_session(&this, &session.peer) {
            // A stream that breaks off may be the first sign of a connection that is dead.
            if matches!(end, EndError::Silent) {
                let _ = this.platform.p2p(P2p::Disconnect(session.peer.clone())).await;
            }
            // Where sessions end soon, something is wrong that haste does not heal.
            if this.platform.monotonic_us().saturating_sub(begun_us) >= LASTING_US {
                this.look.raise();
            }
            this.lost.raise();
        }
    });
}

/// Two sessions with the same device are one too many. Whoever dialled one ends it, if the other one is better; both sides agree on what is better.
fn end_worse(peers: &Peers, newest: &Session) {
    let sessions = peers.sessions.borrow();
    let with_device: Vec<&Rc<Session>> = sessions
        .iter()
        .filter(|session| session.device == newest.device)
        .collect();
    let local = peers.host.local().peer;
    let rank = |session: &Session| {
        let connections = peers.host.connections();
        let connection = connections
            .iter()
            .find(|connection| connection.connection == session.connection);
        let is_direct = connection.is_some_and(|connection| !connection.relayed);
        let is_of_smaller = session.dialled == (local < session.peer);
        (is_direct, is_of_smaller)
    };
    let best = with_device.iter().map(|session| rank(session)).max();
    for (at, session) in with_device.iter().enumerate() {
        let is_newer_there = with_device[at + 1..].iter().any(|newer| rank(newer) == rank(session));
        let is_worse = best.is_some_and(|best| rank(session) < best);
        if session.dialled && (is_worse || is_newer_there) {
            session.end("there is a better way");
        }
    }
}

fn is_shunned(peers: &Peers, peer: &[u8]) -> bool {
    let now_us = peers.platform.monotonic_us();
    let mut shunned = peers.shunned.borrow_mut();
    shunned.retain(|_, until_us| *until_us > now_us);
    shunned.contains_key(peer)
}

fn note_end(peers: &Peers, peer: &[u8], end: &EndError) {
    peers
        .platform
        .log(Level::Info, &format!("a conversation with a device ended: {end}"));
    let mut shunned = peers.shunned.borrow_mut();
    if end.is_hostile() && shunned.len() < MAX_SHUNNED {
        shunned.insert(peer.to_vec(), peers.platform.monotonic_us().saturating_add(SHUN_US));
        let disconnecting = peers.platform.p2p(P2p::Disconnect(peer.to_vec()));
        peers.spawn(async move {
            // It may be gone already.
            let _ = disconnecting.await;
        });
    }
}

/// While a device is reached by a relay only, looks for a direct way, and moves the session there.
async fn seek_direct_way(peers: Rc<Peers>, peer: P2pPeer) {
    let mut backoff = Backoff::new(DIRECT_FIRST_US, DIRECT_LONGEST_US);
    loop {
        let relayed = peers
            .host
            .best_connection(&peer.peer)
            .filter(|connection| connection.relayed);
        let Some(relayed) = relayed else { return };
        // One address is enough: the two have to speak about it, by whatever relay.
        let by_dialling = relayed.dialled.then_some(&relayed.address);
        let direct = by_dialling
            .into_iter()
            .chain(&peer.addresses)
            .find_map(|circuit| address::webrtc(circuit));
        let dialled = peers.platform.p2p(P2p::Dial(P2pDial {
            peer: peer.peer.clone(),
            addresses: direct.into_iter().collect(),
            anew: true,
        }));
        match dialled.await {
            Ok(_) => {
                peers.detours.borrow_mut().remove(&peer.peer);
                // The new session ends the one before.
                let moved = Box::pin(open(&peers, &peer)).await;
                if moved.is_ok() {
                    return;
                }
            }
            Err(error) => {
                peers.detours.borrow_mut().insert(peer.peer.clone(), error.message);
            }
        }
        peers.platform.sleep(backoff.next(&*peers.platform)).await;
        if !has_session(&peers, &peer.peer) {
            return;
        }
    }
}
