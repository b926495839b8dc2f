//! The beginning of a stream: both sides prove who they are, to somebody who knows them already.

use avatar_peers::handshake::{
    ANSWER_BYTES, ContactKey, Ends, HAIL_BYTES, MAX_PROOF_BYTES, NONCE_BYTES, Proof, Proved, Role, Transcript, hail,
    recognize,
};
use futures_util::future::{Either, select};

use super::Peers;
use super::framed::{EndError, Framed};
use crate::identity::IdentityError;
use crate::platform::Platform;

/// Who does not come to the end of it in this time is not waited for.
const PATIENCE_US: u64 = 30_000_000;

/// Runs the beginning of a stream, which has to come to an end.
///
/// # Errors
/// It took too long, or those of the future.
pub async fn in_time<T>(
    platform: &dyn Platform,
    beginning: impl Future<Output = Result<T, EndError>>,
) -> Result<T, EndError> {
    match select(std::pin::pin!(beginning), platform.sleep(PATIENCE_US)).await {
        Either::Left((end, _)) => end,
        Either::Right(_) => Err(EndError::Silent),
    }
}

/// Calls somebody who shares this secret.
///
/// # Errors
/// Somebody else answers, or nobody.
pub async fn call(
    framed: &Framed,
    platform: &dyn Platform,
    key: &ContactKey,
    ends: Ends<'_>,
) -> Result<Transcript, EndError> {
    let (hailing, sent) = hail(key, ends, nonce(platform));
    framed.send(&sent).await?;
    Ok(hailing.answered(&framed.expect(ANSWER_BYTES).await?)?)
}

/// Answers somebody who shares this secret, and nobody else.
///
/// # Errors
/// They do not.
pub async fn answer(
    framed: &Framed,
    platform: &dyn Platform,
    key: &ContactKey,
    ends: Ends<'_>,
) -> Result<Transcript, EndError> {
    let hail = framed.expect(HAIL_BYTES).await?;
    let ((), transcript, answer) = recognize(&hail, ends, [((), key)], nonce(platform))?;
    framed.send(&answer).await?;
    Ok(transcript)
}

/// Both prove that they are devices of this person; who the other is.
///
/// # Errors
/// They are not.
pub async fn prove(peers: &Peers, framed: &Framed, transcript: &Transcript, role: Role) -> Result<Proved, EndError> {
    framed.send(&own_proof(peers, transcript, role).await?.encode()).await?;
    let proof = Proof::decode(&framed.expect(MAX_PROOF_BYTES).await?)?;
    let log = peers.identity.log().clone();
    Ok(proof.check(transcript, role.other(), &peers.identity.public_key(), Some(&log))?)
}

/// That this device is at this end.
///
/// # Errors
/// The device's key failed.
pub async fn own_proof(peers: &Peers, transcript: &Transcript, role: Role) -> Result<Proof, EndError> {
    let device = peers.identity.device();
    let signed = device.sign(&*peers.platform, &transcript.to_sign(role)).await;
    let signature = signed.map_err(|error| match error {
        IdentityError::Vault(crate::vault::VaultError::Platform(error)) => EndError::Platform(error),
        _ => EndError::Ended("this device's key does not sign"),
    })?;
    Ok(Proof {
        device: device.public_key(),
        signature,
        log: peers.identity.log().clone(),
    })
}

fn nonce(platform: &dyn Platform) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    platform.random(&mut nonce);
    nonce
}
