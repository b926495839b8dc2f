//! Writes what happens while it happens.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use super::wire::{Header, Written, encode};
use crate::boundary::{Answer, Export, Import};
use crate::error::HostError;

/// A trace in the making. Clones write into the same one.
///
/// A disk that fails does not stop the node: the trace ends there, and the log says so.
#[derive(Clone)]
pub struct Recorder(Rc<RefCell<Writer>>);

struct Writer {
    /// `None` after a failure.
    file: Option<BufWriter<File>>,
    record: Vec<u8>,
}

impl Recorder {
    /// Begins a trace; a file that is there is replaced. It holds everything that the Meta Unit is told: it is made for its owner alone.
    pub fn create(path: &Path, header: &Header) -> Result<Self, HostError> {
        let mut options = File::options();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let failed = |error: &std::io::Error| HostError::io(path.display(), error);
        let mut file = BufWriter::new(options.open(path).map_err(|error| failed(&error))?);
        file.write_all(&header.encode()).map_err(|error| failed(&error))?;
        Ok(Self(Rc::new(RefCell::new(Writer {
            file: Some(file),
            record: Vec::new(),
        }))))
    }

    pub(crate) fn instance(&self) {
        self.write(&Written::Instance);
    }

    pub(crate) fn export(&self, export: Export, args: &[i64], given: &[&[u8]]) {
        self.write(&Written::Export(export, args, given));
    }

    pub(crate) fn returned(&self, answer: &Answer<i64>) {
        match answer {
            Ok(answer) => self.write(&Written::Return(*answer)),
            Err(trap) => self.write(&Written::Trap(trap.interrupted, &trap.reason)),
        }
    }

    pub(crate) fn import(&self, import: Import, args: &[i64], lent: &[&[u8]], answer: i64, written: &[u8]) {
        self.write(&Written::Import(import, args, lent, answer, written));
    }

    /// Hands what is buffered to the operating system, so that it outlives this process.
    pub(crate) fn flush(&self) {
        let mut writer = self.0.borrow_mut();
        let flushed = writer.file.as_mut().map_or(Ok(()), BufWriter::flush);
        writer.note(flushed);
    }

    fn write(&self, record: &Written<'_>) {
        let mut writer = self.0.borrow_mut();
        let Writer {
            file: Some(file),
            record: bytes,
        } = &mut *writer
        else {
            return;
        };
        encode(record, bytes);
        let written = file.write_all(bytes);
        writer.note(written);
    }
}

impl Writer {
    fn note(&mut self, outcome: std::io::Result<()>) {
        if let Err(error) = outcome {
            self.file = None;
            tracing::error!("the trace ends here: {error}");
        }
    }
}
