//! The transport key: what peers know this host by. Made with the first command, in a file that only its owner can read, and never shown to the guest.

use std::io;
use std::path::Path;

use libp2p::identity::Keypair;
use zeroize::Zeroizing;

use super::P2pError;

/// Longer than a key of Ed25519 as a libp2p protobuf (libp2p specs, peer-ids), bytes.
const MAX_FILE_BYTES: usize = 1024;

/// The key in this file, which is made if there is none. One that is damaged is never replaced: others know the peer by it.
pub fn open(path: &Path) -> Result<Keypair, P2pError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => P2pError::DamagedKey(path.to_owned()),
        _ => P2pError::File(path.to_owned(), error),
    };
    match private_file::read(path, MAX_FILE_BYTES).map_err(failed)? {
        Some(bytes) => {
            let bytes = Zeroizing::new(bytes);
            Keypair::from_protobuf_encoding(&bytes).map_err(|_| P2pError::DamagedKey(path.to_owned()))
        }
        None => {
            let keypair = Keypair::generate_ed25519();
            let encoded = keypair.to_protobuf_encoding();
            let bytes = Zeroizing::new(encoded.map_err(|_| P2pError::DamagedKey(path.to_owned()))?);
            private_file::write(path, &bytes).map_err(failed)?;
            Ok(keypair)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_key_stays_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("transport.key");
        let made = open(&path).expect("a key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let read = open(&path).expect("a key");
        assert_eq!(read.public(), made.public());
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("transport.key");
        for damaged in [&b""[..], b"no key", &[0; 4096]] {
            fs::write(&path, damaged).expect("written");
            assert!(open(&path).is_err());
            assert_eq!(fs::read(&path).expect("still there"), damaged);
        }
    }
}
