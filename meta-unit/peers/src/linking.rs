//! How a new device becomes one of a person's, once both have shown that they know the secret of an [`invitation`](crate::invitation):
//!
//! 1. the person's device → the new one: an [`Offer`]: a [`Proof`] that it speaks for the account, whose log tells which one that is
//! 2. the new one → the person's: a [`Join`]: its keys, its consent to be entered into that account's log, and its signature over the handshake
//! 3. the person's device → the new one, once the new one is in the log for good: a [`Welcome`]: what the identity's words lead to, and the log
//!
//! Both sides have proved their peer ids, so nobody in the middle hears of any of it.

use avatar_vault::device_log::{Log, PublicKey, Signature, join_statement};
use ed25519_dalek::VerifyingKey;
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use crate::handshake::{HandshakeError, MAX_PROOF_BYTES, Proof, Role, Transcript};

/// None of the messages is longer, in bytes.
pub const MAX_MESSAGE_BYTES: usize = MAX_PROOF_BYTES + 4 * 1024;

/// A device's name, in bytes, at most.
const MAX_NAME_BYTES: usize = 256;

/// What is known of the account that one is asked into.
pub struct Offer {
    /// The log's account, by which a device consents.
    pub account: PublicKey,
    /// The key that the identity has now.
    pub identity: PublicKey,
}

impl Offer {
    /// Reads the first message.
    ///
    /// # Errors
    /// Whoever sent it does not speak for the account.
    pub fn check(message: &[u8], transcript: &Transcript) -> Result<Self, HandshakeError> {
        let proof = Proof::decode(message)?;
        let identity = *proof.log.state().identity();
        let proved = proof.check(transcript, Role::Listener, &identity, None)?;
        Ok(Self {
            account: *proved.log.account(),
            identity: proved.identity,
        })
    }
}

/// The new device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Its Ed25519 key.
    pub device: PublicKey,
    /// Its X25519 key.
    pub agreement: PublicKey,
    /// Its signature over what `device_log` says about joining.
    pub consent: Signature,
    /// What the person calls it.
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
struct WireJoin {
    #[prost(bytes = "vec", tag = "1")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    agreement: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    consent: Vec<u8>,
    #[prost(string, tag = "4")]
    name: String,
    /// Over the handshake.
    #[prost(bytes = "vec", tag = "5")]
    signature: Vec<u8>,
}

impl Join {
    /// As a message. `signature`: the device's, over [`Transcript::to_sign`] as the dialler.
    pub fn encode(&self, signature: &Signature) -> Vec<u8> {
        WireJoin {
            device: self.device.to_vec(),
            agreement: self.agreement.to_vec(),
            consent: self.consent.to_vec(),
            name: self.name.clone(),
            signature: signature.to_vec(),
        }
        .encode_to_vec()
    }

    /// Reads the second message.
    ///
    /// # Errors
    /// The device is not at the other end, or does not consent to be one of this account.
    pub fn check(message: &[u8], transcript: &Transcript, account: &PublicKey) -> Result<Self, HandshakeError> {
        let malformed = |_| HandshakeError::Malformed;
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(HandshakeError::Malformed);
        }
        let wire = WireJoin::decode(message).map_err(|_| HandshakeError::Malformed)?;
        if wire.name.len() > MAX_NAME_BYTES || wire.name.chars().any(char::is_control) {
            return Err(HandshakeError::Malformed);
        }
        let join = Self {
            device: wire.device.try_into().map_err(malformed)?,
            agreement: wire.agreement.try_into().map_err(malformed)?,
            consent: wire.consent.try_into().map_err(malformed)?,
            name: wire.name,
        };
        let signature: Signature = wire.signature.try_into().map_err(malformed)?;
        let key = VerifyingKey::from_bytes(&join.device).map_err(|_| HandshakeError::Malformed)?;
        let statement = join_statement(account, &join.device, &join.agreement);
        key.verify_strict(&transcript.to_sign(Role::Dialler), &signature.into())
            .and_then(|()| key.verify_strict(&statement, &join.consent.into()))
            .map_err(|_| HandshakeError::Signature)?;
        Ok(join)
    }
}

/// What makes the new device one of the person's.
pub struct Welcome {
    /// The identity's keys, in the form that the domain of identity gives and takes.
    pub identity: Zeroizing<Vec<u8>>,
    /// The log, with the new device in it.
    pub log: Log,
}

#[derive(Clone, PartialEq, Message)]
struct WireWelcome {
    #[prost(bytes = "vec", tag = "1")]
    identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    log: Vec<u8>,
}

impl Drop for WireWelcome {
    fn drop(&mut self) {
        self.identity.zeroize();
    }
}

impl Welcome {
    /// As a message.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let wire = WireWelcome {
            identity: self.identity.to_vec(),
            log: self.log.encode(),
        };
        Zeroizing::new(wire.encode_to_vec())
    }

    /// Reads the third message, for this device.
    ///
    /// # Errors
    /// It is not what was offered.
    pub fn check(message: &[u8], offer: &Offer, device: &PublicKey) -> Result<Self, HandshakeError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(HandshakeError::Malformed);
        }
        let mut wire = WireWelcome::decode(message).map_err(|_| HandshakeError::Malformed)?;
        let log = Log::decode(&wire.log).map_err(|_| HandshakeError::Malformed)?;
        let state = log.state();
        if *log.account() != offer.account || *state.identity() != offer.identity || !state.is_active(device) {
            return Err(HandshakeError::NotADevice);
        }
        Ok(Self {
            identity: Zeroizing::new(std::mem::take(&mut wire.identity)),
            log,
        })
    }
}

#[cfg(test)]
#[path = "linking/tests.rs"]
mod tests;
