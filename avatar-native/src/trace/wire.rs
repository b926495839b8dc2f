//! The bytes of a trace (REPLAY.md): a header, then records, each with its length in front.

use std::io::{self, Read};

use crate::boundary::{Export, Import};

/// The first bytes of every trace.
const MAGIC: [u8; 8] = *b"AVTRACE\n";

/// The version of the format.
const VERSION: u16 = 1;

const HEADER_BYTES: usize = 8 + 2 + 32 + 8;

/// No record is longer: two buffers of the largest size, or a whole memory of random bytes, with room to spare.
const MAX_RECORD_BYTES: u64 = 1024 * 1024 * 1024;

/// What a trace begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Of the module whose calls these are.
    pub sha256: [u8; 32],
    /// The most linear memory that it could have, bytes: whether growth fails is part of what happened.
    pub memory_bytes: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A new instance; the one before it, if any, was dropped.
    Instance,
    /// The host calls an export.
    Export {
        /// Which.
        export: Export,
        /// Its arguments.
        args: Vec<i64>,
        /// The bytes of its buffers.
        given: Vec<Vec<u8>>,
    },
    /// The export returns.
    Return(i64),
    /// The export does not return: the instance is dead.
    Trap {
        /// The host ended it, because it took too long.
        interrupted: bool,
        /// The engine's words, for people; they differ from engine to engine.
        reason: String,
    },
    /// The guest calls an import, which returns.
    Import(Imported),
}

/// A call of an import with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Which.
    pub import: Import,
    /// Its arguments.
    pub args: Vec<i64>,
    /// The bytes that were lent; none when they were refused.
    pub lent: Vec<Vec<u8>>,
    /// What it returned; 0 where it returns nothing.
    pub answer: i64,
    /// What the host wrote into the guest's memory: the bytes of `avatar_random`.
    pub written: Vec<u8>,
}

mod kind {
    pub const INSTANCE: u8 = 1;
    pub const EXPORT: u8 = 2;
    pub const RETURN: u8 = 3;
    pub const TRAP: u8 = 4;
    pub const IMPORT: u8 = 5;
}

/// Why a file cannot be read as a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file system.
    #[error("the trace cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no trace of an Avatar")]
    NoTrace,
    /// It is of another version of the format.
    #[error("it is a trace of version {0}; this program knows version {VERSION}")]
    Version(u16),
    /// A record makes no sense.
    #[error("record {record} is damaged")]
    Damaged {
        /// Its number, from 1.
        record: u64,
    },
}

// ---- writing

impl Header {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.sha256);
        bytes.extend(self.memory_bytes.to_le_bytes());
        bytes
    }
}

/// Appends an unsigned number, LEB128.
fn put_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed number: zigzag, then LEB128.
fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_unsigned(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

fn put_bytes(bytes: &mut Vec<u8>, content: &[u8]) {
    put_unsigned(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

/// The parts of a record as its writer has them, borrowed.
pub(super) enum Written<'a> {
    Instance,
    Export(Export, &'a [i64], &'a [&'a [u8]]),
    Return(i64),
    Trap(bool, &'a str),
    Import(Import, &'a [i64], &'a [&'a [u8]], i64, &'a [u8]),
}

impl Record {
    /// Its bytes, its length in front.
    pub fn encode(&self) -> Vec<u8> {
        fn borrowed(parts: &[Vec<u8>]) -> Vec<&[u8]> {
            parts.iter().map(Vec::as_slice).collect()
        }
        let mut bytes = Vec::new();
        match self {
            Self::Instance => encode(&Written::Instance, &mut bytes),
            Self::Export { export, args, given } => {
                encode(&Written::Export(*export, args, &borrowed(given)), &mut bytes);
            }
            Self::Return(answer) => encode(&Written::Return(*answer), &mut bytes),
            Self::Trap { interrupted, reason } => encode(&Written::Trap(*interrupted, reason), &mut bytes),
            Self::Import(call) => {
                let lent = borrowed(&call.lent);
                let written = Written::Import(call.import, &call.args, &lent, call.answer, &call.written);
                encode(&written, &mut bytes);
            }
        }
        bytes
    }
}

/// The bytes of a record, its length in front, into `out`, which is cleared.
pub(super) fn encode(record: &Written<'_>, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    match *record {
        Written::Instance => body.push(kind::INSTANCE),
        Written::Export(export, args, given) => {
            body.extend([kind::EXPORT, export as u8]);
            args.iter().for_each(|arg| put_signed(&mut body, *arg));
            put_all(&mut body, given);
        }
        Written::Return(answer) => {
            body.push(kind::RETURN);
            put_signed(&mut body, answer);
        }
        Written::Trap(interrupted, reason) => {
            body.extend([kind::TRAP, u8::from(interrupted)]);
            put_bytes(&mut body, reason.as_bytes());
        }
        Written::Import(import, args, lent, answer, written) => {
            body.extend([kind::IMPORT, import as u8]);
            args.iter().for_each(|arg| put_signed(&mut body, *arg));
            put_all(&mut body, lent);
            put_signed(&mut body, answer);
            put_bytes(&mut body, written);
        }
    }
    out.clear();
    put_unsigned(out, body.len() as u64);
    out.append(&mut body);
}

fn put_all(bytes: &mut Vec<u8>, parts: &[&[u8]]) {
    put_unsigned(bytes, parts.len() as u64);
    parts.iter().for_each(|part| put_bytes(bytes, part));
}

// ---- reading

/// Reads a trace from its beginning.
pub struct Reader<R> {
    source: R,
    header: Header,
    records: u64,
    cut: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn new(mut source: R) -> Result<Self, TraceError> {
        let mut bytes = [0; HEADER_BYTES];
        if let Err(error) = source.read_exact(&mut bytes) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => TraceError::NoTrace,
                _ => TraceError::Io(error),
            });
        }
        let (magic, rest) = bytes.split_at(MAGIC.len());
        let (version, rest) = rest.split_at(2);
        let (sha256, memory) = rest.split_at(32);
        if magic != MAGIC {
            return Err(TraceError::NoTrace);
        }
        let version = u16::from_le_bytes([version[0], version[1]]);
        if version != VERSION {
            return Err(TraceError::Version(version));
        }
        let mut header = Header {
            sha256: [0; 32],
            memory_bytes: 0,
        };
        header.sha256.copy_from_slice(sha256);
        header.memory_bytes = memory.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Self {
            source,
            header,
            records: 0,
            cut: false,
        })
    }

    /// What stands at its head.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the file ended in the middle of a record.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The next record. `None` at the end, which may also be in the middle of a record: whoever recorded was killed there.
    pub fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        let damaged = TraceError::Damaged {
            record: self.records + 1,
        };
        let Some(len) = self.read_length()? else {
            return Ok(None);
        };
        if len > MAX_RECORD_BYTES {
            return Err(damaged);
        }
        // Grows with what is really there, whatever the length says.
        let mut body = Vec::new();
        (&mut self.source).take(len).read_to_end(&mut body)?;
        if (body.len() as u64) < len {
            self.cut = true;
            return Ok(None);
        }
        self.records += 1;
        decode(&body).map(Some).ok_or(damaged)
    }

    fn read_length(&mut self) -> Result<Option<u64>, TraceError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            match self.source.read_exact(&mut byte) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut = shift > 0;
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(Some(value));
            }
        }
        Err(TraceError::Damaged {
            record: self.records + 1,
        })
    }
}

fn decode(mut bytes: &[u8]) -> Option<Record> {
    let from = &mut bytes;
    let record = match take_byte(from)? {
        kind::INSTANCE => Record::Instance,
        kind::EXPORT => {
            let export = Export::from_number(take_byte(from)?)?;
            Record::Export {
                export,
                args: take_args(from, export.signature().params.len())?,
                given: take_all(from)?,
            }
        }
        kind::RETURN => Record::Return(take_signed(from)?),
        kind::TRAP => Record::Trap {
            interrupted: match take_byte(from)? {
                0 => false,
                1 => true,
                _ => return None,
            },
            reason: String::from_utf8(take_bytes(from)?).ok()?,
        },
        kind::IMPORT => {
            let import = Import::from_number(take_byte(from)?)?;
            Record::Import(Imported {
                import,
                args: take_args(from, import.signature().params.len())?,
                lent: take_all(from)?,
                answer: take_signed(from)?,
                written: take_bytes(from)?,
            })
        }
        _ => return None,
    };
    bytes.is_empty().then_some(record)
}

fn take_byte(from: &mut &[u8]) -> Option<u8> {
    let (first, rest) = from.split_first()?;
    *from = rest;
    Some(*first)
}

fn take_unsigned(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(from)?;
        // The tenth byte has room for one bit.
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_signed(from: &mut &[u8]) -> Option<i64> {
    let value = take_unsigned(from)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn take_args(from: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    (0..count).map(|_| take_signed(from)).collect()
}

fn take_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
    let len = usize::try_from(take_unsigned(from)?).ok()?;
    let (taken, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(taken.to_vec())
}

fn take_all(from: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let count = take_unsigned(from)?;
    // Each part takes a byte at least: the count cannot be larger than what is left.
    if count > from.len() as u64 {
        return None;
    }
    (0..count).map(|_| take_bytes(from)).collect()
}

/// A record in one line, for people.
pub fn describe(record: &Record) -> String {
    let call = |name: &str, args: &[i64], parts: &[Vec<u8>]| {
        let mut words: Vec<String> = args.iter().map(i64::to_string).collect();
        words.extend(parts.iter().map(|part| shown(part)));
        format!("{name}({})", words.join(", "))
    };
    match record {
        Record::Instance => "a new instance".to_owned(),
        Record::Export { export, args, given } => call(export.signature().name, args, given),
        Record::Return(answer) => format!("return {answer}"),
        Record::Trap { interrupted, reason } => {
            format!("{}: {reason}", if *interrupted { "ended by the host" } else { "trap" })
        }
        Record::Import(imported) => format!(
            "{} -> {}",
            call(imported.import.signature().name, &imported.args, &imported.lent),
            imported.answer
        ),
    }
}

fn shown(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 24;
    let head = crate::hex::encode(&bytes[..bytes.len().min(SHOWN_BYTES)]);
    match bytes.len() {
        0..=SHOWN_BYTES => format!("[{head}]"),
        len => format!("[{head}… {len} bytes]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> (Vec<u8>, Vec<Record>) {
        let header = Header {
            sha256: [7; 32],
            memory_bytes: 1 << 31,
        };
        let mut bytes = header.encode();
        let mut record = Vec::new();
        for written in [
            Written::Instance,
            Written::Export(Export::HandleRequest, &[-1, 1_048_576, 3], &[b"abc"]),
            Written::Import(Import::Random, &[8, 2], &[], 0, &[1, 2]),
            Written::Import(Import::Respond, &[i64::MIN, 2, 1, 1, 0, 0], &[b"x", b""], -6, &[]),
            Written::Return(i64::MAX),
            Written::Export(Export::Turn, &[8_000], &[]),
            Written::Trap(true, "too long"),
        ] {
            encode(&written, &mut record);
            bytes.append(&mut record);
        }
        let records = vec![
            Record::Instance,
            Record::Export {
                export: Export::HandleRequest,
                args: vec![-1, 1_048_576, 3],
                given: vec![b"abc".to_vec()],
            },
            Record::Import(Imported {
                import: Import::Random,
                args: vec![8, 2],
                lent: vec![],
                answer: 0,
                written: vec![1, 2],
            }),
            Record::Import(Imported {
                import: Import::Respond,
                args: vec![i64::MIN, 2, 1, 1, 0, 0],
                lent: vec![b"x".to_vec(), vec![]],
                answer: -6,
                written: vec![],
            }),
            Record::Return(i64::MAX),
            Record::Export {
                export: Export::Turn,
                args: vec![8_000],
                given: vec![],
            },
            Record::Trap {
                interrupted: true,
                reason: "too long".into(),
            },
        ];
        (bytes, records)
    }

    fn read(bytes: &[u8]) -> Result<Vec<Record>, TraceError> {
        let mut reader = Reader::new(bytes)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, records) = trace();
        assert_eq!(read(&bytes).expect("a trace"), records);
        let again: Vec<u8> = records.iter().flat_map(Record::encode).collect();
        assert_eq!(again, bytes[HEADER_BYTES..]);
        assert_eq!(Reader::new(&bytes[..]).expect("a trace").header().memory_bytes, 1 << 31);
    }

    #[test]
    fn a_trace_that_was_cut_anywhere_is_read_up_to_there() {
        let (bytes, records) = trace();
        for end in HEADER_BYTES..bytes.len() {
            let some = read(&bytes[..end]).expect("a shorter trace");
            assert!(some.len() < records.len() && records.starts_with(&some), "cut at {end}");
        }
        for end in 0..HEADER_BYTES {
            assert!(matches!(read(&bytes[..end]), Err(TraceError::NoTrace)), "cut at {end}");
        }
    }

    #[test]
    fn no_flipped_bit_panics_and_lengths_that_lie_cost_nothing() {
        let (bytes, _) = trace();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Whether it still is a trace differs; that it comes back is what counts.
            let _ = read(&flipped);
        }
        let mut lying = bytes[..HEADER_BYTES].to_vec();
        put_unsigned(&mut lying, MAX_RECORD_BYTES);
        assert_eq!(read(&lying).expect("cut"), vec![]);
        lying.truncate(HEADER_BYTES);
        put_unsigned(&mut lying, MAX_RECORD_BYTES + 1);
        assert!(matches!(read(&lying), Err(TraceError::Damaged { record: 1 })));
    }

    #[test]
    fn another_version_is_told_apart() {
        let (mut bytes, _) = trace();
        bytes[8] = 2;
        assert!(matches!(read(&bytes), Err(TraceError::Version(2))));
    }
}
