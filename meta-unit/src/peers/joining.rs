//! How a new device becomes one of the person's: an invitation on one, joining on the other.

use std::cell::Cell;
use std::rc::Rc;

use avatar_peers::handshake::{ContactKey, Ends, Role, Transcript};
use avatar_peers::invitation::{Invitation, SECRET_BYTES};
use avatar_peers::linking::{Join, MAX_MESSAGE_BYTES, Offer, Welcome};
use avatar_proto::response::Response as Answer;
use avatar_proto::{
    AppError, DeviceInvitation, DeviceJoin, DeviceJoinStage, DeviceJoining, ErrorCode, P2pPeer, Response,
};
use avatar_vault::device_log::Action;
use futures_util::future::{Either, select};
use zeroize::Zeroizing;

use super::framed::{EndError, Framed};
use super::session::Session;
use super::{LINK_PROTOCOL, Peers, address, coordination, greeting};
use crate::identity::IdentityError;
use crate::node::{Responder, app_error};

/// An invitation counts for so long.
const VALID_MS: i64 = 600_000;

/// A joining device gives up after so long without finding the other.
const FIND_US: u64 = 300_000_000;

/// It looks again so often.
const LOOK_US: u64 = 1_000_000;

/// An invitation that counts.
pub struct Invited {
    key: ContactKey,
    expires_ms: i64,
    /// Somebody is being taken in.
    is_taken: Cell<bool>,
}

impl Invited {
    /// What both devices know.
    pub fn key(&self) -> &ContactKey {
        &self.key
    }

    /// Milliseconds since the Unix epoch.
    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }
}

/// Answers a DeviceInvite.
pub fn invite(peers: &Rc<Peers>, responder: Responder) {
    let this = Rc::clone(peers);
    peers.platform.spawn(Box::pin(async move {
        if this.host.relays().is_empty() {
            let error = app_error(
                ErrorCode::Unsupported,
                "there is no relay by which devices can find each other",
            );
            return responder.fail(error);
        }
        if let Err(error) = this.turn(true).await {
            return responder.fail(error.to_app_error());
        }
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        this.platform.random(secret.as_mut_slice());
        let invited = Rc::new(Invited {
            key: ContactKey::of_invitation(secret.as_slice()),
            expires_ms: this.platform.unix_ms() + VALID_MS,
            is_taken: Cell::new(false),
        });
        // What is shown as a code should be short, and hold for the ten minutes.
        let relays = this.host.relays();
        let relays = relays.iter().filter_map(|relay| address::to_show(&relay.addresses));
        let invitation = Invitation {
            secret,
            relays: relays.cloned().collect(),
        };
        let code = invitation.encode();
        let expires_ms = invited.expires_ms;
        this.invitation.replace(Some(Rc::clone(&invited)));
        this.changed.raise();
        let expiring = Rc::clone(&this);
        this.spawn(async move {
            expiring.platform.sleep(VALID_MS as u64 * 1000).await;
            withdraw(&expiring, &invited);
        });
        this.places.raise();
        responder.finish(Response {
            response: Some(Answer::DeviceInvitation(DeviceInvitation {
                code: code.to_string(),
                expires_ms,
            })),
        });
    }));
}

fn withdraw(peers: &Peers, invited: &Rc<Invited>) {
    let mut current = peers.invitation.borrow_mut();
    if current.as_ref().is_some_and(|current| Rc::ptr_eq(current, invited)) {
        current.take();
        peers.changed.raise();
    }
}

/// Takes a stream on which somebody may know the secret of the invitation.
///
/// # Errors
/// They do not; or the new device could not be taken in.
pub async fn accept(peers: &Rc<Peers>, framed: Framed, peer: &[u8]) -> Result<(), EndError> {
    let invited = peers.invitation.borrow().clone();
    let now_ms = peers.platform.unix_ms();
    let invited = invited.filter(|invited| invited.expires_ms > now_ms && !invited.is_taken.get());
    let Some(invited) = invited else {
        return Err(EndError::Ended("nobody is invited"));
    };
    let local = coordination::own_peer(peers).await;
    let taking_in = async {
        let ends = Ends {
            dialler: peer,
            listener: &local,
        };
        let transcript = greeting::answer(&framed, &*peers.platform, &invited.key, ends).await?;
        if invited.is_taken.replace(true) {
            return Err(EndError::Ended("the invitation is being used"));
        }
        let taken = take_in(peers, &framed, &transcript).await;
        // Whoever knew the secret has had their chance, unless the stream broke off before anything was given away.
        invited.is_taken.set(taken.is_ok());
        taken
    };
    greeting::in_time(&*peers.platform, taking_in).await?;
    withdraw(peers, &invited);
    // The new device closes it, once it has all of it.
    while framed.next(MAX_MESSAGE_BYTES).await?.is_some() {}
    framed.finish();
    Ok(())
}

async fn take_in(peers: &Rc<Peers>, framed: &Framed, transcript: &Transcript) -> Result<(), EndError> {
    let offer = greeting::own_proof(peers, transcript, Role::Listener).await?;
    framed.send(&offer.encode()).await?;
    let message = framed.expect(MAX_MESSAGE_BYTES).await?;
    let join = Join::check(&message, transcript, offer.log.account())?;
    // A device that is linked again, after the identity was handed over to another key, is entered already.
    let is_entered = peers.identity.log().state().is_active(&join.device);
    if !is_entered {
        let action = Action::AddDevice {
            device: join.device,
            agreement: join.agreement,
            name: join.name,
            at_ms: peers.identity.now_ms(),
            consent: join.consent,
        };
        let entered = peers.identity.enter(action).await;
        entered.map_err(|_| EndError::Ended("the new device could not be entered"))?;
        peers.tell_identity_changed();
    }
    let welcome = Welcome {
        identity: peers.identity.handed_over(),
        log: peers.identity.log().clone(),
    };
    framed.send(&welcome.encode()).await
}

/// Answers a DeviceJoin.
pub fn join(peers: &Rc<Peers>, request: DeviceJoin, responder: Responder) {
    let Ok(invitation) = Invitation::decode(&request.code) else {
        return responder.fail(app_error(
            ErrorCode::InvalidArgument,
            "this is no invitation, or a part of one",
        ));
    };
    if peers.is_joining.replace(true) {
        return responder.fail(app_error(ErrorCode::AlreadyExists, "this device is joining already"));
    }
    let this = Rc::clone(peers);
    peers.platform.spawn(Box::pin(async move {
        let cancelled = responder.cancelled();
        let joined = {
            let joining = std::pin::pin!(run_join(&this, &invitation, &request.name, &responder));
            match select(joining, cancelled).await {
                Either::Left((joined, _)) => joined,
                Either::Right(_) => Err(app_error(ErrorCode::Cancelled, "cancelled by the client")),
            }
        };
        this.is_joining.set(false);
        match joined {
            Ok(()) => responder.finish(told(DeviceJoinStage::Done, None)),
            Err(error) => responder.fail(error),
        }
    }));
}

fn told(stage: DeviceJoinStage, session: Option<&Session>) -> Response {
    let progress = session.map(Session::progress).unwrap_or_default();
    Response {
        response: Some(Answer::DeviceJoining(DeviceJoining {
            stage: stage.into(),
            documents_done: progress.done,
            documents_total: progress.total,
        })),
    }
}

async fn run_join(
    peers: &Rc<Peers>,
    invitation: &Invitation,
    name: &str,
    responder: &Responder,
) -> Result<(), AppError> {
    if peers.identity.log().state().devices.len() < 2 {
        // Nobody could want to link it again.
        let unused = peers.identity.check_unused(!peers.documents.is_empty());
        unused.map_err(|error| error.to_app_error())?;
    }
    responder.more(told(DeviceJoinStage::Connecting, None));
    peers.host.add_relays(&invitation.relays);
    if peers.host.relays().is_empty() {
        return Err(app_error(
            ErrorCode::Unsupported,
            "the invitation names no relay, and there is none here",
        ));
    }
    peers.run();
    if !peers.host.is_supported() {
        return Err(no_network());
    }
    await_relay(peers).await?;
    responder.more(told(DeviceJoinStage::Finding, None));
    let key = ContactKey::of_invitation(invitation.secret.as_slice());
    let (peer, welcome) = be_taken_in(peers, &key, name).await?;
    let taken = peers
        .identity
        .take_over(&peers.vault, &welcome.identity, welcome.log)
        .await;
    taken.map_err(|error| error.to_app_error())?;
    peers.turn(true).await.map_err(|error| error.to_app_error())?;
    peers.tell_identity_changed();
    responder.more(told(DeviceJoinStage::Identity, None));
    follow(peers, peer, responder).await
}

/// Waits until a relay has answered.
async fn await_relay(peers: &Rc<Peers>) -> Result<(), AppError> {
    let waiting = async {
        loop {
            let seen = peers.changed.count();
            if !peers.host.is_supported() {
                return Err(no_network());
            }
            if peers.relays.borrow().iter().any(|relay| relay.is_reserved) {
                return Ok(());
            }
            peers.changed.after(seen).await;
        }
    };
    match select(std::pin::pin!(waiting), peers.platform.sleep(FIND_US)).await {
        Either::Left((answered, _)) => answered,
        Either::Right(_) => Err(retryable("no relay answers")),
    }
}

/// Looks for the other device until it has taken this one in.
async fn be_taken_in(peers: &Rc<Peers>, key: &ContactKey, name: &str) -> Result<(P2pPeer, Welcome), AppError> {
    let deadline_us = peers.platform.monotonic_us().saturating_add(FIND_US);
    let mut last = None;
    while peers.platform.monotonic_us() < deadline_us {
        for peer in coordination::find(peers, key).await {
            match ask(peers, &peer, key, name).await {
                Ok(welcome) => return Ok((peer, welcome)),
                Err(EndError::Ended(reason)) => return Err(app_error(ErrorCode::AlreadyExists, reason)),
                Err(error) => last = Some(error.to_string()),
            }
        }
        peers.platform.sleep(LOOK_US).await;
    }
    Err(retryable(&match last {
        Some(reason) => format!("the other device was found, and did not take this one in: {reason}"),
        None => "the other device was not found: is its invitation still shown?".to_owned(),
    }))
}

async fn ask(peers: &Rc<Peers>, peer: &P2pPeer, key: &ContactKey, name: &str) -> Result<Welcome, EndError> {
    coordination::reach(peers, peer).await?;
    let opening = peers
        .platform
        .open_stream(peer.peer.clone(), vec![LINK_PROTOCOL.to_owned()]);
    let framed = Framed::new(opening.await?.0);
    let local = coordination::own_peer(peers).await;
    let asking = async {
        let ends = Ends {
            dialler: &local,
            listener: &peer.peer,
        };
        let transcript = greeting::call(&framed, &*peers.platform, key, ends).await?;
        let offer = Offer::check(&framed.expect(MAX_MESSAGE_BYTES).await?, &transcript)?;
        let is_ours = offer.account == *peers.identity.log().account();
        if !is_ours && peers.identity.check_unused(!peers.documents.is_empty()).is_err() {
            return Err(EndError::Ended(
                "this device is another person's: what is here would be lost",
            ));
        }
        let device = peers.identity.device();
        let failed = |_: IdentityError| EndError::Ended("this device's key does not sign");
        let consent = peers.identity.consent(&offer.account).await.map_err(failed)?;
        let signature = device.sign(&*peers.platform, &transcript.to_sign(Role::Dialler)).await;
        let join = Join {
            device: device.public_key(),
            agreement: device.agree_public_key(),
            consent,
            name: name.to_owned(),
        };
        framed.send(&join.encode(&signature.map_err(failed)?)).await?;
        let message = Zeroizing::new(framed.expect(MAX_MESSAGE_BYTES).await?);
        Ok(Welcome::check(&message, &offer, &device.public_key())?)
    };
    let welcome = greeting::in_time(&*peers.platform, asking).await?;
    framed.finish();
    Ok(welcome)
}

/// Waits until everything of the other device is here.
async fn follow(peers: &Rc<Peers>, peer: P2pPeer, responder: &Responder) -> Result<(), AppError> {
    let mut told_last = None;
    loop {
        let seen = peers.changed.count();
        let session = peers
            .sessions
            .borrow()
            .iter()
            .find(|session| session.peer == peer.peer)
            .cloned();
        match session {
            None => {
                // If another attempt is under way, or this one fails, it is looked again.
                let met = coordination::meet(peers, peer.clone()).await;
                if met.is_err() {
                    peers.platform.sleep(LOOK_US).await;
                }
                continue;
            }
            Some(session) => {
                let progress = session.progress();
                if told_last != Some(progress) {
                    responder.more(told(DeviceJoinStage::Documents, Some(&session)));
                    told_last = Some(progress);
                }
                if progress.in_sync {
                    peers.documents.flush().await;
                    return Ok(());
                }
            }
        }
        peers.changed.after(seen).await;
    }
}

fn no_network() -> AppError {
    app_error(ErrorCode::Unsupported, "this host cannot speak to other devices")
}

fn retryable(message: &str) -> AppError {
    AppError {
        retryable: true,
        ..app_error(ErrorCode::NotFound, message)
    }
}
