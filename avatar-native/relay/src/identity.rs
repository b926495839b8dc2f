//! What peers know the relay by: its key, and the certificate of its WebRTC listener. Made at the first start, in files that only their owner can read.

use std::fs;
use std::io;
use std::path::Path;

use libp2p::identity::Keypair;
use libp2p_webrtc_direct_listener::Certificate;

use crate::error::Error;
use crate::transport_key;

/// Longer than any file that this module writes, bytes.
const MAX_FILE_BYTES: usize = 16 * 1024;

/// The key.
pub fn keypair(folder: &Path) -> Result<Keypair, Error> {
    Ok(transport_key::open(&folder.join("relay.key"))?)
}

/// The certificate, whose hash is a part of the relay's WebRTC addresses, with its key in PEM.
pub fn webrtc_certificate(folder: &Path) -> Result<Certificate, Error> {
    let path = folder.join("webrtc.pem");
    match read(&path)? {
        Some(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| Error::DamagedKey(path.clone()))?;
            Certificate::from_pem(text).map_err(|_| Error::DamagedKey(path))
        }
        None => {
            let certificate = Certificate::generate()?;
            private_file::write(&path, certificate.to_pem().as_bytes()).map_err(at(&path))?;
            Ok(certificate)
        }
    }
}

/// Makes the folder, which only its owner may enter. One that is there keeps its mode.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::File { path, source }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    private_file::read(path, MAX_FILE_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Error::DamagedKey(path.to_owned()),
        _ => at(path)(error),
    })
}
