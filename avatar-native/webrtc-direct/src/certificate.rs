//! The certificate whose hash is in the addresses.

use webrtc::peer_connection::certificate::RTCCertificate;

use crate::error::Error;
use crate::fingerprint::Fingerprint;

/// A certificate with its key (ECDSA on P-256). Who keeps it keeps the addresses.
#[derive(Clone)]
pub struct Certificate(RTCCertificate);

impl Certificate {
    /// A new one.
    pub fn generate() -> Result<Self, Error> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|error| Error::Certificate(error.to_string()))?;
        Ok(Self(RTCCertificate::from_key_pair(key)?))
    }

    /// What [`Certificate::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Ok(Self(RTCCertificate::from_pem(text)?))
    }

    /// The certificate and its private key.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, Error> {
        let all = self.0.get_fingerprints();
        let sha256 = all.iter().find(|fingerprint| fingerprint.algorithm == "sha-256");
        sha256
            .and_then(|fingerprint| Fingerprint::from_sdp(&fingerprint.value))
            .ok_or_else(|| Error::Certificate("no SHA-256".to_owned()))
    }

    pub(crate) fn into_inner(self) -> RTCCertificate {
        self.0
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_the_same_by_way_of_a_file() {
        let certificate = Certificate::generate().unwrap();
        let read = Certificate::from_pem(&certificate.to_pem()).unwrap();
        assert_eq!(read.fingerprint().unwrap(), certificate.fingerprint().unwrap());
        assert!(Certificate::from_pem("").is_err());
        assert!(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }
}
