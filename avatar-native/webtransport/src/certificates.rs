//! The certificates: the one that is shown, the next, and the last, and when each takes the other's place.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use libp2p_core::multihash::Multihash;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use wtransport::Identity;
use wtransport::tls::{Certificate as TlsCertificate, CertificateChain, PrivateKey};

use crate::error::CertificateError;

/// The longest life of a certificate that browsers take by its hash (W3C WebTransport, "custom certificate requirements").
pub const MAX_VALIDITY: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// By how much clocks may differ.
const MAX_SKEW: Duration = Duration::from_secs(60 * 60);

/// SHA-256 in the table of multihash codes.
const SHA2_256: u64 = 0x12;

/// Longer than any file of three certificates, bytes.
const MAX_FILE: u64 = 64 * 1024;

/// The certificates of a listener.
#[derive(Debug)]
pub struct Certificates {
    path: Option<PathBuf>,
    validity: Duration,
    /// Of whom some still have the hash.
    last: Option<Certificate>,
    current: Certificate,
    next: Certificate,
}

/// One certificate with its key. Times are in seconds since 1970, as certificates tell them.
#[derive(Clone, PartialEq, Eq)]
struct Certificate {
    not_before: u64,
    not_after: u64,
    der: Vec<u8>,
    /// PKCS #8.
    key: Vec<u8>,
}

impl Certificates {
    /// Those in a file that only its owner can read; made when there is none. Each lives [`MAX_VALIDITY`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, CertificateError> {
        let path = path.into();
        let now = seconds(SystemTime::now());
        let mut certificates = match read(&path)? {
            Some(text) => {
                let (last, current, next) = parse(&text).ok_or_else(|| CertificateError::Damaged(path.clone()))?;
                Self {
                    path: Some(path),
                    validity: MAX_VALIDITY,
                    last,
                    current,
                    next,
                }
            }
            None => {
                let mut new = Self::make(now, MAX_VALIDITY)?;
                new.path = Some(path);
                new.save()?;
                new
            }
        };
        certificates.rotate(now)?;
        Ok(certificates)
    }

    /// New ones that are nowhere but in memory: addresses end with the process.
    ///
    /// A `validity` above [`MAX_VALIDITY`] is that.
    pub fn in_memory(validity: Duration) -> Result<Self, CertificateError> {
        Self::make(seconds(SystemTime::now()), validity.min(MAX_VALIDITY))
    }

    fn make(now: u64, validity: Duration) -> Result<Self, CertificateError> {
        let skew = skew(validity);
        let current = Certificate::make(now.saturating_sub(skew), validity)?;
        let next = Certificate::make(current.not_after.saturating_sub(2 * skew), validity)?;
        Ok(Self {
            path: None,
            validity,
            last: None,
            current,
            next,
        })
    }

    /// Lets the next certificate take the place of the current one, if it is time. Returns whether addresses have changed.
    pub(crate) fn rotate_now(&mut self) -> Result<bool, CertificateError> {
        self.rotate(seconds(SystemTime::now()))
    }

    fn rotate(&mut self, now: u64) -> Result<bool, CertificateError> {
        let skew = skew(self.validity);
        let due = |certificate: &Certificate| now >= certificate.not_after.saturating_sub(skew);
        let early = now.saturating_add(skew) < self.current.not_before;
        let changed = if early || due(&self.next) {
            // It was off for weeks, or its clock was wrong: nobody has an address that is worth anything.
            let new = Self::make(now, self.validity)?;
            (self.last, self.current, self.next) = (None, new.current, new.next);
            true
        } else if due(&self.current) {
            let new = Certificate::make(self.next.not_after.saturating_sub(2 * skew), self.validity)?;
            let current = std::mem::replace(&mut self.current, std::mem::replace(&mut self.next, new));
            self.last = Some(current);
            true
        } else {
            false
        };
        if changed {
            self.save()?;
        }
        Ok(changed)
    }

    /// The hashes that an address tells: of the certificate that is shown, and of the next.
    pub(crate) fn told(&self) -> [Multihash<64>; 2] {
        [self.current.hash(), self.next.hash()]
    }

    /// The hashes that a dialler may know: those, and of the last.
    pub(crate) fn known(&self) -> HashSet<Multihash<64>> {
        let last = self.last.iter().map(Certificate::hash);
        last.chain(self.told()).collect()
    }

    /// The certificate that is shown.
    pub(crate) fn identity(&self) -> Result<Identity, CertificateError> {
        self.current.identity()
    }

    /// How often to look whether it is time.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(skew(self.validity) / 2).clamp(Duration::from_millis(200), Duration::from_secs(60))
    }

    fn save(&self) -> Result<(), CertificateError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let all = self.last.iter().chain([&self.current, &self.next]);
        let text: String = all.map(Certificate::line).collect();
        private_file::write(path, text.as_bytes()).map_err(|source| CertificateError::File {
            path: path.clone(),
            source,
        })
    }
}

impl Certificate {
    /// ECDSA on P-256, as browsers ask.
    fn make(not_before: u64, validity: Duration) -> Result<Self, CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::Make(error.to_string());
        let at = |seconds: u64| {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| CertificateError::Make(error.to_string()))
        };
        let not_after = not_before.saturating_add(validity.as_secs());
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).map_err(failed)?;
        params.not_before = at(not_before)?;
        params.not_after = at(not_after)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            not_before,
            not_after,
            der: certificate.der().to_vec(),
            key: key.serialize_der(),
        })
    }

    fn hash(&self) -> Multihash<64> {
        Multihash::wrap(SHA2_256, &Sha256::digest(&self.der)).expect("32 bytes are less than 64")
    }

    fn identity(&self) -> Result<Identity, CertificateError> {
        let certificate =
            TlsCertificate::from_der(self.der.clone()).map_err(|error| CertificateError::Make(error.to_string()))?;
        Ok(Identity::new(
            CertificateChain::single(certificate),
            PrivateKey::from_der_pkcs8(self.key.clone()),
        ))
    }

    fn line(&self) -> String {
        let Self {
            not_before, not_after, ..
        } = self;
        format!(
            "{not_before} {not_after} {} {}\n",
            BASE64.encode(&self.der),
            BASE64.encode(&self.key)
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let certificate = Self {
            not_before: parts.next()?.parse().ok()?,
            not_after: parts.next()?.parse().ok()?,
            der: BASE64.decode(parts.next()?.as_bytes()).ok()?,
            key: BASE64.decode(parts.next()?.as_bytes()).ok()?,
        };
        TlsCertificate::from_der(certificate.der.clone()).ok()?;
        rcgen::KeyPair::try_from(certificate.key.as_slice()).ok()?;
        parts.next().is_none().then_some(certificate)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            not_before, not_after, ..
        } = self;
        write!(f, "Certificate({not_before}..{not_after})")
    }
}

/// Last (if any), current, next.
fn parse(text: &str) -> Option<(Option<Certificate>, Certificate, Certificate)> {
    let mut all: Vec<Certificate> = text.lines().map(Certificate::parse).collect::<Option<_>>()?;
    let (next, current, last) = (all.pop()?, all.pop()?, all.pop());
    all.is_empty().then_some((last, current, next))
}

fn skew(validity: Duration) -> u64 {
    (validity / 8).min(MAX_SKEW).as_secs()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read(path: &Path) -> Result<Option<String>, CertificateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(CertificateError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut text = String::new();
    match file.take(MAX_FILE).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(CertificateError::Damaged(path.to_owned())),
        Err(source) => Err(CertificateError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;
    const NOW: u64 = 1_800_000_000;

    #[test]
    fn an_address_works_for_thirteen_days_whenever_it_was_written_down() {
        let mut certificates = Certificates::make(NOW, MAX_VALIDITY).unwrap();
        let mut written: Vec<(u64, [Multihash<64>; 2])> = Vec::new();
        for hour in 0..24 * 60 {
            let now = NOW + hour * 60 * 60;
            certificates.rotate(now).unwrap();
            written.push((now, certificates.told()));
            assert!(certificates.current.not_before <= now && now < certificates.current.not_after);
            let shown = certificates.current.hash();
            for (_, told) in written.iter().filter(|(at, _)| now - at <= 13 * DAY) {
                assert!(told.contains(&shown), "a browser refuses the certificate");
                assert!(
                    told.iter().all(|hash| certificates.known().contains(hash)),
                    "Noise refuses the hashes"
                );
            }
        }
    }

    #[test]
    fn no_certificate_lives_longer_than_browsers_allow() {
        let certificates = Certificates::in_memory(10 * MAX_VALIDITY).unwrap();
        for certificate in [&certificates.current, &certificates.next] {
            assert!(certificate.not_after - certificate.not_before <= 14 * DAY);
        }
    }

    #[test]
    fn a_restart_keeps_the_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificates");
        let told = Certificates::open(&path).unwrap().told();
        assert_eq!(Certificates::open(&path).unwrap().told(), told);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn after_weeks_without_power_all_are_new() {
        let mut certificates = Certificates::make(NOW, MAX_VALIDITY).unwrap();
        let told = certificates.told();
        assert!(certificates.rotate(NOW + 60 * DAY).unwrap());
        assert!(certificates.told().iter().all(|hash| !told.contains(hash)));
    }

    #[test]
    fn a_damaged_file_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificates");
        Certificates::open(&path).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let half = &good[..good.len() / 2];
        for damaged in ["", "1 2 3 4\n", half, "\u{0}"] {
            fs::write(&path, damaged).unwrap();
            assert!(
                matches!(Certificates::open(&path), Err(CertificateError::Damaged(_))),
                "{damaged:?}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
