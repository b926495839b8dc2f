//! The official vectors of the age format (C2SP/CCTV, in `tests/age`), and files that the reference implementation in Rust writes and reads.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use avatar_vault::age::{AgeError, Identities, Identity, Reader, Recipient, Recipients, decrypt, encrypt};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// One vector: what is said of it, and the file.
struct Vector {
    name: String,
    says: BTreeMap<String, String>,
    file: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/age");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the vectors are committed")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_none())
        .collect();
    paths.sort();
    paths.iter().map(|path| vector(path)).collect()
}

fn vector(path: &Path) -> Vector {
    let bytes = std::fs::read(path).expect("a file");
    let end = bytes
        .windows(2)
        .position(|window| window == b"\n\n")
        .expect("an empty line");
    let says: BTreeMap<_, _> = std::str::from_utf8(&bytes[..end])
        .expect("text")
        .lines()
        .map(|line| line.split_once(": ").expect("a name and what is said"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut file = bytes[end + 2..].to_vec();
    if says.get("compressed").is_some_and(|how| how == "zlib") {
        let mut inflated = Vec::new();
        flate2::read::ZlibDecoder::new(&file[..])
            .read_to_end(&mut inflated)
            .expect("zlib");
        file = inflated;
    }
    Vector {
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        says,
        file,
    }
}

/// What is to open a vector.
fn identities(vector: &Vector) -> Identities {
    match (vector.says.get("identity"), vector.says.get("passphrase")) {
        // Of the one vector that has both, the file is to be refused before either is tried.
        (Some(text), _) => Identities::Keys(vec![Identity::parse(text).expect("a key")]),
        (None, Some(text)) => Identities::Passphrase(Zeroizing::new(text.clone())),
        (None, None) => Identities::Keys(Vec::new()),
    }
}

/// Reads a file in pieces, as far as it can be read.
fn read(vector: &Vector, piece: usize) -> (Vec<u8>, Result<(), AgeError>) {
    let mut out = Vec::new();
    let mut reader = Reader::new(identities(vector));
    for piece in vector.file.chunks(piece) {
        if let Err(error) = reader.push(piece, &mut out) {
            return (out, Err(error));
        }
    }
    let result = reader.finish(&mut out);
    (out, result)
}

#[test]
fn the_official_vectors_of_age() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 92);
    for vector in &vectors {
        for piece in [1 << 20, 1_000] {
            let (out, result) = read(vector, piece);
            let name = &vector.name;
            match (vector.says["expect"].as_str(), result) {
                ("success", Ok(()))
                | ("no match", Err(AgeError::NoMatch))
                | ("HMAC failure", Err(AgeError::HeaderChanged)) => {}
                ("header failure", Err(AgeError::NotAge | AgeError::Header | AgeError::Cost | AgeError::Truncated)) => {
                }
                ("payload failure", Err(AgeError::Content | AgeError::Truncated)) => {}
                (expected, found) => panic!("{name}: {found:?} instead of {expected}"),
            }
            if vector.says["expect"] == "success" {
                let digest = &vector.says["payload"];
                let found: String = Sha256::digest(&out).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(&found, digest, "{name}: {} bytes", out.len());
            }
        }
    }
}

fn random(bytes: &mut [u8]) {
    bytes.fill(0x5a);
}

/// Contents around the length of a chunk.
fn contents() -> impl Iterator<Item = Vec<u8>> {
    [0, 1, 65_535, 65_536, 65_537, 200_000]
        .into_iter()
        .map(|length| (0..length).map(|at| (at % 253) as u8).collect())
}

#[test]
fn what_is_written_here_the_reference_reads() {
    let key = age::x25519::Identity::generate();
    let recipient = Recipient::parse(&key.to_public().to_string()).expect("a key of the reference");
    for content in contents() {
        let file = encrypt(Recipients::Keys(&[recipient]), &content, &mut random).expect("a good recipient");
        assert_eq!(age::decrypt(&key, &file).expect("the reference reads it"), content);

        let recipients = Recipients::Passphrase {
            passphrase: "right",
            log_n: 6,
        };
        let file = encrypt(recipients, &content, &mut random).expect("within the limits");
        let passphrase = age::scrypt::Identity::new(SecretString::from("right".to_owned()));
        assert_eq!(
            age::decrypt(&passphrase, &file).expect("the reference reads it"),
            content
        );
    }
}

#[test]
fn what_the_reference_writes_is_read_here() {
    let key = age::x25519::Identity::generate();
    let other = age::x25519::Identity::generate();
    let identity = || Identity::parse(key.to_string().expose_secret()).expect("a key of the reference");
    assert_eq!(identity().recipient().to_string(), key.to_public().to_string());
    for content in contents() {
        // For two, of which the first is somebody else.
        let recipients = [other.to_public(), key.to_public()];
        let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|one| one as &dyn age::Recipient))
            .expect("recipients");
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).expect("memory");
        writer.write_all(&content).expect("memory");
        writer.finish().expect("memory");
        assert_eq!(decrypt(Identities::Keys(vec![identity()]), &file), Ok(content.clone()));

        let mut recipient = age::scrypt::Recipient::new(SecretString::from("right".to_owned()));
        recipient.set_work_factor(6);
        let file = age::encrypt(&recipient, &content).expect("memory");
        let identities = Identities::Passphrase(Zeroizing::new("right".to_owned()));
        assert_eq!(decrypt(identities, &file), Ok(content));
    }
}
