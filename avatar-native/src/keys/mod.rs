//! `avatar_keys`: key sets in a file that only its owner can read (ABI.md H21 to H23).
//!
//! The file (`keys`, beside the records) is read once, with the first command, and written anew with each change. One that is damaged is never replaced: every command
//! fails with CORRUPT, because what the keys have wrapped is lost with them.

mod file;
mod set;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use avatar_proto::keys_command::Command;
use avatar_proto::{AbiStatus, KeyProtection, KeysCommand, KeysResult, OpError, OpErrorCode};

use crate::error::HostError;
use file::KeyFile;
use set::KeySet;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KeysError {
    /// The status of the completion.
    pub status: AbiStatus,
    /// The code of its OpError.
    pub code: OpErrorCode,
    /// For developers; nothing secret.
    pub message: String,
}

impl KeysError {
    fn new(status: AbiStatus, code: OpErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message }
    }

    fn not_found() -> Self {
        Self::new(AbiStatus::NotFound, OpErrorCode::NotFound, "there is no such key set")
    }

    fn invalid() -> Self {
        Self::new(AbiStatus::Invalid, OpErrorCode::Invalid, "a public key of low order")
    }

    fn corrupt(words: impl Into<String>) -> Self {
        Self::new(AbiStatus::Corrupt, OpErrorCode::Corrupt, words)
    }

    /// The status and the head of the completion.
    pub fn into_completion(self) -> (AbiStatus, OpError) {
        let (code, message) = (self.code.into(), self.message);
        (self.status, OpError { code, message })
    }
}

type Told = Box<dyn FnOnce(Result<KeysResult, KeysError>) + Send>;

/// The key sets of a node, and the thread that works with them: one command after another.
#[derive(Debug)]
pub struct Keys {
    jobs: Option<Sender<(KeysCommand, Told)>>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// The key sets of the file at `path`, which is made with the first of them. The caller has the folder for itself.
    pub fn open(path: PathBuf) -> Result<Self, HostError> {
        let (jobs, todo) = channel::<(KeysCommand, Told)>();
        let thread = std::thread::Builder::new()
            .name("avatar-keys".into())
            .spawn(move || {
                let mut file = KeyFile::new(path);
                for (command, told) in todo {
                    told(run(&mut file, command));
                }
            })
            .map_err(|error| HostError::io("a thread for keys", &error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Takes a command that has been checked; `told` is called on the thread of the keys when it is done, durably, or has failed.
    pub fn submit(&self, command: KeysCommand, told: impl FnOnce(Result<KeysResult, KeysError>) + Send + 'static) {
        let Some(jobs) = &self.jobs else { return };
        if let Err(lost) = jobs.send((command, Box::new(told))) {
            let (_, told) = lost.0;
            let words = "the thread of the keys is gone";
            told(Err(KeysError::new(AbiStatus::Io, OpErrorCode::Other, words)));
        }
    }
}

impl Drop for Keys {
    /// Waits for the commands that were taken.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the keys panicked");
        }
    }
}

fn run(file: &mut KeyFile, KeysCommand { name, command }: KeysCommand) -> Result<KeysResult, KeysError> {
    let find = |file: &mut KeyFile| {
        let sets = file.sets()?;
        sets.get(&name).cloned().ok_or_else(KeysError::not_found)
    };
    let data = match command.ok_or_else(KeysError::invalid)? {
        Command::Open(_) => return open(file, name),
        Command::Sign(sign) => find(file)?.sign(&sign.message),
        Command::Agree(agree) => find(file)?.agree(&agree.public_key)?,
        Command::Wrap(mut wrap) => {
            let wrapped = find(file).and_then(|set| set.wrap(&wrap.secret, &wrap.context));
            zeroize::Zeroize::zeroize(&mut wrap.secret);
            wrapped?
        }
        Command::Unwrap(unwrap) => find(file)?.unwrap(&unwrap.wrapped, &unwrap.context)?,
        Command::Erase(_) => {
            file.remove(&name)?;
            Vec::new()
        }
    };
    Ok(KeysResult {
        data,
        ..KeysResult::default()
    })
}

fn open(file: &mut KeyFile, name: String) -> Result<KeysResult, KeysError> {
    let found = file.sets()?.get(&name).cloned();
    let created = found.is_none();
    let set = match found {
        Some(set) => set,
        None => file.add(name, KeySet::generate()?)?,
    };
    Ok(KeysResult {
        protection: KeyProtection::File.into(),
        sign_public_key: set.sign_public_key(),
        agree_public_key: set.agree_public_key(),
        data: Vec::new(),
        created,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use avatar_proto::{KeysAgree, KeysErase, KeysOpen, KeysSign, KeysUnwrap, KeysWrap};
    use std::fs;
    use std::path::Path;

    struct Device {
        file: KeyFile,
        folder: tempfile::TempDir,
    }

    impl Device {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let file = KeyFile::new(folder.path().join("keys"));
            Self { file, folder }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("keys")
        }

        /// The next process on the same folder.
        fn restart(&mut self) {
            self.file = KeyFile::new(self.path());
        }

        fn run(&mut self, name: &str, command: Command) -> Result<KeysResult, AbiStatus> {
            let (name, command) = (name.to_owned(), Some(command));
            run(&mut self.file, KeysCommand { name, command }).map_err(|error| error.status)
        }

        fn open(&mut self, name: &str) -> KeysResult {
            self.run(name, Command::Open(KeysOpen {})).expect("opens")
        }

        fn sign(&mut self, name: &str, message: &[u8]) -> Result<Vec<u8>, AbiStatus> {
            let message = message.to_vec();
            Ok(self.run(name, Command::Sign(KeysSign { message }))?.data)
        }

        fn unwrap(&mut self, name: &str, wrapped: &[u8], context: &[u8]) -> Result<Vec<u8>, AbiStatus> {
            let (wrapped, context) = (wrapped.to_vec(), context.to_vec());
            Ok(self.run(name, Command::Unwrap(KeysUnwrap { wrapped, context }))?.data)
        }
    }

    fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = ed25519_dalek::VerifyingKey::try_from(public_key).expect("a public key");
        let signature = ed25519_dalek::Signature::from_slice(signature).expect("a signature");
        key.verify_strict(message, &signature).is_ok()
    }

    #[test]
    fn the_keys_sign_agree_and_wrap() {
        let mut device = Device::new();
        let (ours, theirs) = (device.open("ours"), device.open("theirs"));
        let signature = device.sign("ours", b"message").expect("signs");
        assert!(verifies(&ours.sign_public_key, b"message", &signature));

        let mut agree = |name: &str, public_key: &[u8]| {
            let public_key = public_key.to_vec();
            let agreed = device.run(name, Command::Agree(KeysAgree { public_key }));
            agreed.map(|result| result.data)
        };
        let shared = agree("ours", &theirs.agree_public_key).expect("agrees");
        assert_eq!(agree("theirs", &ours.agree_public_key), Ok(shared));
        assert_eq!(agree("ours", &[0; 32]), Err(AbiStatus::Invalid));

        let (secret, context) = (b"secret".to_vec(), b"context".to_vec());
        let wrap = Command::Wrap(KeysWrap { secret, context });
        let wrapped = device.run("ours", wrap).expect("wraps").data;
        assert_eq!(
            device.unwrap("ours", &wrapped, b"context").as_deref(),
            Ok(&b"secret"[..])
        );
        for (name, wrapped, context) in [
            ("ours", &wrapped[1..], &b"context"[..]),
            ("ours", &wrapped, b"other"),
            ("theirs", &wrapped, b"context"),
            ("ours", b"", b"context"),
        ] {
            assert_eq!(device.unwrap(name, wrapped, context), Err(AbiStatus::Corrupt));
        }
        assert_eq!(device.sign("unknown", b"message"), Err(AbiStatus::NotFound));
    }

    #[test]
    fn a_key_set_is_there_after_a_restart_and_gone_after_an_erase() {
        let mut device = Device::new();
        let opened = device.open("device");
        assert!(opened.created);
        device.restart();
        let signature = device.sign("device", b"message").expect("signs without being opened");
        assert!(verifies(&opened.sign_public_key, b"message", &signature));
        assert!(!device.open("device").created);
        for _ in 0..2 {
            device
                .run("device", Command::Erase(KeysErase {}))
                .expect("absent is no error");
        }
        device.restart();
        assert_eq!(device.sign("device", b"message"), Err(AbiStatus::NotFound));
        assert_ne!(device.open("device").sign_public_key, opened.sign_public_key);
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_the_file_also_if_somebody_has_opened_it_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let mut device = Device::new();
        device.open("device");
        assert_eq!(mode(&device.path()), 0o600);
        fs::set_permissions(device.path(), fs::Permissions::from_mode(0o644)).expect("it is ours");
        device.restart();
        device.open("device");
        assert_eq!(mode(&device.path()), 0o600);
    }

    #[test]
    fn a_damaged_file_is_reported_and_never_replaced() {
        let mut device = Device::new();
        device.open("device");
        let whole = fs::read(device.path()).expect("it is there");
        let mut flipped = whole.clone();
        flipped[30] ^= 1;
        for damaged in [
            &b""[..],
            b"something else",
            &flipped,
            &whole[..whole.len() - 1],
            &[0xff; 100],
        ] {
            fs::write(device.path(), damaged).expect("written");
            device.restart();
            for command in [Command::Open(KeysOpen {}), Command::Erase(KeysErase {})] {
                assert_eq!(device.run("other", command).err(), Some(AbiStatus::Corrupt));
            }
            assert_eq!(fs::read(device.path()).expect("it is there"), damaged);
        }
        fs::write(device.path(), &whole).expect("written");
        device.restart();
        assert!(!device.open("device").created);
    }

    #[test]
    fn what_a_write_that_was_killed_has_left_is_no_obstacle() {
        let mut device = Device::new();
        let opened = device.open("device");
        fs::write(device.folder.path().join("keys.new"), b"half").expect("written");
        device.restart();
        device.open("other");
        device.restart();
        assert_eq!(device.open("device").sign_public_key, opened.sign_public_key);
        assert!(!device.open("other").created);
    }
}
