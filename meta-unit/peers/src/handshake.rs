//! The first thing on a stream between two Meta Units: each proves who it is, to somebody whom it knows already, and to nobody else.
//!
//! Two people who know each other's DIDs share a secret without having met ([`ContactKey::between`]), and so do the devices of one person. Whoever opens the stream shows with it that
//! they know whom they call; whoever is called tries the secrets of their contacts, and answers in kind or closes:
//!
//! 1. dialler → listener: `1`, a nonce, and a tag over the nonce and both peer ids under the contact's key
//! 2. listener → dialler: a nonce, and a tag over all of it
//! 3. both: a [`Proof`]: the device's key, its signature over all of it, and the log of devices by which the device speaks for the identity
//!
//! A stranger who calls sees the stream end: no DID, no key, not even whether anybody there knows the one whom they ask for. A stranger who is called sees random bytes. What was recorded
//! opens nothing: both nonces are in what is signed, and the peer ids, which Noise has proved, are in every tag.

use avatar_vault::device_log::{Log, PublicKey, Signature};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message;
use sha2::{Digest as _, Sha256};
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// The version of all of this, and the first byte of a hail.
pub const VERSION: u8 = 1;

/// The length of a nonce, bytes.
pub const NONCE_BYTES: usize = 32;

const TAG_BYTES: usize = 32;

/// The length of a hail, bytes.
pub const HAIL_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// The length of the answer to it, bytes.
pub const ANSWER_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// A proof has at most so many bytes: it holds a log of devices.
pub const MAX_PROOF_BYTES: usize = 2 * 1024 * 1024;

/// So many contacts are tried at most, a microsecond each.
pub const MAX_CONTACTS: usize = 4_096;

/// Why a handshake ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// A message is of another form.
    #[error("the handshake has another form")]
    Malformed,
    /// It speaks another version.
    #[error("the handshake is of version {0}, and this is {VERSION}")]
    Version(u8),
    /// Nobody whom this side knows.
    #[error("nobody who is known here")]
    Stranger,
    /// The other side is not whom this one called.
    #[error("somebody else answered")]
    SomebodyElse,
    /// The signature is not that device's, or over something else.
    #[error("the signature is not over this handshake")]
    Signature,
    /// The log does not lead from the identity that is known to that device, or the device was removed.
    #[error("the device does not speak for the identity")]
    NotADevice,
}

/// The secret of two who know each other.
pub struct ContactKey(Zeroizing<[u8; 32]>);

impl ContactKey {
    /// That of two identities: both compute the same from their own key and the other's DID (X25519 between the keys for key agreement that did:key derives). With one's own DID it is the
    /// secret of one's devices. None for a key of low order, which is nobody's.
    pub fn between(own: &SigningKey, other: &PublicKey) -> Option<Self> {
        let other = VerifyingKey::from_bytes(other).ok()?.to_montgomery().to_bytes();
        let shared = StaticSecret::from(own.to_scalar_bytes()).diffie_hellman(&other.into());
        if !shared.was_contributory() {
            return None;
        }
        Some(Self::derived(shared.as_bytes(), b"avatar peers 1 contact"))
    }

    /// That of two devices of which one shows the other a secret.
    pub fn of_invitation(secret: &[u8]) -> Self {
        Self::derived(secret, b"avatar peers 1 invitation")
    }

    fn derived(secret: &[u8], purpose: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, secret)
            .expand(purpose, key.as_mut_slice())
            .expect("32 bytes are fewer than the 8,160 that HKDF-SHA-256 can give");
        Self(key)
    }

    /// Under what those who share this secret can be found in a stretch of time, by its number. Nobody else can tell whom it belongs to, or that two of them belong together.
    pub fn meeting_place(&self, time: u64) -> [u8; 32] {
        let mut mac = self.hmac();
        mac.update(b"avatar peers 1 meeting place");
        mac.update(&time.to_le_bytes());
        mac.finalize().into_bytes().into()
    }

    fn hmac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.0.as_slice()).expect("any length is a key")
    }

    fn mac(&self, step: u8, ends: &Ends<'_>, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.hmac();
        mac.update(&[VERSION, step]);
        for part in [ends.dialler, ends.listener].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

/// Who speaks to whom, as the transport has proved it: the bytes of both peer ids.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Who opened the stream.
    pub dialler: &'a [u8],
    /// Who took it.
    pub listener: &'a [u8],
}

/// Which end one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who opened the stream.
    Dialler,
    /// Who took it.
    Listener,
}

impl Role {
    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// All that was said, once both have recognized each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript([u8; 32]);

impl Transcript {
    fn of(hail: &[u8], answer: &[u8], ends: &Ends<'_>) -> Self {
        let mut hash = Sha256::new();
        for part in [ends.dialler, ends.listener, hail, answer] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// What a device signs in this role.
    pub fn to_sign(&self, role: Role) -> Vec<u8> {
        let role: &[u8] = match role {
            Role::Dialler => b"avatar peers 1 dialler\0",
            Role::Listener => b"avatar peers 1 listener\0",
        };
        [role, &self.0].concat()
    }
}

/// A dialler that waits for its answer.
pub struct Hailing<'a> {
    key: &'a ContactKey,
    ends: Ends<'a>,
    hail: Vec<u8>,
}

/// Calls a contact: what to send first. The nonce is random.
pub fn hail<'a>(key: &'a ContactKey, ends: Ends<'a>, nonce: [u8; NONCE_BYTES]) -> (Hailing<'a>, Vec<u8>) {
    let tag = key.mac(1, &ends, &[&nonce]).finalize().into_bytes();
    let hail = [&[VERSION], nonce.as_slice(), &tag].concat();
    let sent = hail.clone();
    (Hailing { key, ends, hail }, sent)
}

impl Hailing<'_> {
    /// Takes the answer.
    ///
    /// # Errors
    /// It is not the contact's.
    pub fn answered(self, answer: &[u8]) -> Result<Transcript, HandshakeError> {
        let (nonce, tag) = answer
            .split_at_checked(NONCE_BYTES)
            .filter(|(_, tag)| tag.len() == TAG_BYTES)
            .ok_or(HandshakeError::Malformed)?;
        self.key
            .mac(2, &self.ends, &[&self.hail, nonce])
            .verify_slice(tag)
            .map_err(|_| HandshakeError::SomebodyElse)?;
        Ok(Transcript::of(&self.hail, answer, &self.ends))
    }
}

/// Finds out who calls: which of the contacts, with what to answer. All contacts are tried, so that the time does not tell which one it was, or that it was none.
///
/// # Errors
/// It is none of them; then nothing is to be answered.
pub fn recognize<'a, T>(
    hail: &[u8],
    ends: Ends<'_>,
    contacts: impl IntoIterator<Item = (T, &'a ContactKey)>,
    nonce: [u8; NONCE_BYTES],
) -> Result<(T, Transcript, Vec<u8>), HandshakeError> {
    let (&version, rest) = hail.split_first().ok_or(HandshakeError::Malformed)?;
    if version != VERSION {
        return Err(HandshakeError::Version(version));
    }
    let (their_nonce, tag) = rest
        .split_at_checked(NONCE_BYTES)
        .filter(|(_, tag)| tag.len() == TAG_BYTES)
        .ok_or(HandshakeError::Malformed)?;
    let mut found = None;
    for (contact, key) in contacts.into_iter().take(MAX_CONTACTS) {
        let is_theirs = key.mac(1, &ends, &[their_nonce]).verify_slice(tag).is_ok();
        if is_theirs && found.is_none() {
            found = Some((contact, key));
        }
    }
    let (contact, key) = found.ok_or(HandshakeError::Stranger)?;
    let tag = key.mac(2, &ends, &[hail, &nonce]).finalize().into_bytes();
    let answer = [nonce.as_slice(), &tag].concat();
    Ok((contact, Transcript::of(hail, &answer, &ends), answer))
}

/// That a device is at this end of the stream, and speaks for an identity.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The device's key.
    pub device: PublicKey,
    /// The device's signature over [`Transcript::to_sign`].
    pub signature: Signature,
    /// The log of devices as the device knows it.
    pub log: Log,
}

#[derive(Clone, PartialEq, Message)]
struct WireProof {
    #[prost(bytes = "vec", tag = "1")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    log: Vec<u8>,
}

/// What a proof has proved.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The device at the other end.
    pub device: PublicKey,
    /// The key that its identity has now.
    pub identity: PublicKey,
    /// Both logs in one.
    pub log: Log,
}

impl Proof {
    /// As a message.
    pub fn encode(&self) -> Vec<u8> {
        WireProof {
            device: self.device.to_vec(),
            signature: self.signature.to_vec(),
            log: self.log.encode(),
        }
        .encode_to_vec()
    }

    /// From a message of at most [`MAX_PROOF_BYTES`]. The signatures in the log are checked.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(message: &[u8]) -> Result<Self, HandshakeError> {
        let malformed = |_| HandshakeError::Malformed;
        if message.len() > MAX_PROOF_BYTES {
            return Err(HandshakeError::Malformed);
        }
        let wire = WireProof::decode(message).map_err(|_| HandshakeError::Malformed)?;
        Ok(Self {
            device: wire.device.try_into().map_err(malformed)?,
            signature: wire.signature.try_into().map_err(malformed)?,
            log: Log::decode(&wire.log).map_err(|_| HandshakeError::Malformed)?,
        })
    }

    /// Checks the proof of whoever is in that role. `identity`: the key that the contact is known by, from now or from before a rotation. `known`: the log of its account, as far as it is
    /// known here: a device that was removed there does not come back with a log that lacks the removal.
    ///
    /// # Errors
    /// It proves nothing.
    pub fn check(
        &self,
        transcript: &Transcript,
        role: Role,
        identity: &PublicKey,
        known: Option<&Log>,
    ) -> Result<Proved, HandshakeError> {
        let key = VerifyingKey::from_bytes(&self.device).map_err(|_| HandshakeError::Malformed)?;
        key.verify_strict(&transcript.to_sign(role), &self.signature.into())
            .map_err(|_| HandshakeError::Signature)?;
        let mut log = self.log.clone();
        if let Some(known) = known {
            log.merge(known).map_err(|_| HandshakeError::NotADevice)?;
        }
        let state = log.state();
        let current = *state.resolves_to(identity).ok_or(HandshakeError::NotADevice)?;
        if !state.is_active(&self.device) {
            return Err(HandshakeError::NotADevice);
        }
        Ok(Proved {
            device: self.device,
            identity: current,
            log,
        })
    }
}

#[cfg(test)]
#[path = "handshake/tests.rs"]
mod tests;
