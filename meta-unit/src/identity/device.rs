//! The key of this device. The platform keeps it where it can (`avatar_keys`); otherwise it lies sealed in the store, which is told.

use avatar_proto::KeysSign;
use avatar_proto::keys_command::Command;
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use super::{IdentityError, Signature};
use crate::data::{keys, records};
use crate::platform::{Batch, LocalBoxFuture, Platform, PlatformError};
use crate::vault;

/// Where the record of the device's key is.
pub fn record() -> Vec<u8> {
    keys::secret(keys::DEVICE)
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    public_key: Vec<u8>,
    /// Empty where the platform keeps the key.
    #[prost(bytes = "vec", tag = "2")]
    seed: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    agree_public_key: Vec<u8>,
    /// Empty where the platform keeps the key that it agrees with.
    #[prost(bytes = "vec", tag = "4")]
    agree_secret: Vec<u8>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.seed.zeroize();
        self.agree_secret.zeroize();
    }
}

/// This device's key.
pub struct DeviceKey {
    public_key: [u8; 32],
    agree_public_key: [u8; 32],
    /// Where the platform cannot keep it.
    soft: Option<SigningKey>,
}

impl DeviceKey {
    /// Asks the platform for this device's keys, and puts what is to be known of them into the batch.
    ///
    /// # Errors
    /// The platform's keys failed.
    pub async fn put_new(platform: &dyn Platform, batch: &mut Batch) -> Result<Self, PlatformError> {
        let opened = vault::device_keys(platform).await?.unwrap_or_default();
        let mut stored = Stored {
            public_key: Vec::new(),
            seed: Vec::new(),
            agree_public_key: opened.agree_public_key.clone(),
            agree_secret: Vec::new(),
        };
        if stored.agree_public_key.len() != 32 {
            let mut secret = Zeroizing::new([0; 32]);
            platform.random(secret.as_mut_slice());
            stored.agree_public_key = x25519_dalek::x25519(*secret, x25519_dalek::X25519_BASEPOINT_BYTES).to_vec();
            stored.agree_secret = secret.to_vec();
        }
        if let Ok(public_key) = <[u8; 32]>::try_from(opened.sign_public_key.as_slice()) {
            stored.public_key = public_key.to_vec();
        } else {
            // Without Ed25519, or without any keys.
            let mut seed = Zeroizing::new([0; 32]);
            platform.random(seed.as_mut_slice());
            stored.seed = seed.to_vec();
            stored.public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes().to_vec();
        }
        let content = Zeroizing::new(stored.encode_to_vec());
        batch.put(record(), &Zeroizing::new(records::seal(&content)));
        Self::of(&stored).ok_or_else(|| PlatformError::broken_answer("keys: no device key"))
    }

    /// The key in this record.
    pub fn read(record: Option<&[u8]>) -> Option<Self> {
        Self::of(&Stored::decode(records::open(record?).ok()?).ok()?)
    }

    fn of(stored: &Stored) -> Option<Self> {
        let soft = match stored.seed.as_slice() {
            [] => None,
            seed => Some(SigningKey::from_bytes(seed.try_into().ok()?)),
        };
        Some(Self {
            public_key: stored.public_key.as_slice().try_into().ok()?,
            agree_public_key: stored.agree_public_key.as_slice().try_into().ok()?,
            soft,
        })
    }

    /// Ed25519.
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// X25519.
    pub fn agree_public_key(&self) -> [u8; 32] {
        self.agree_public_key
    }

    /// Signs a message of at most 64 KiB with this device's key.
    pub fn sign(&self, platform: &dyn Platform, message: &[u8]) -> LocalBoxFuture<Result<Signature, IdentityError>> {
        if let Some(key) = &self.soft {
            let signature = key.sign(message).to_bytes();
            return Box::pin(std::future::ready(Ok(signature)));
        }
        let sign = Command::Sign(KeysSign {
            message: message.to_vec(),
        });
        let signed = platform.keys(vault::command(sign));
        Box::pin(async move {
            let signature = signed.await?.data;
            let broken = |_| PlatformError::broken_answer("keys: a signature has 64 bytes");
            Ok(signature.as_slice().try_into().map_err(broken)?)
        })
    }
}
